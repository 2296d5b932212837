//! `verify` and `export` as their users meet them: the real binary, files from anywhere, the exit codes.

use splitbrain::exchange::shiviz::REGULAR_EXPRESSION;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A folder of this test's own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("histories").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for this test");
    folder
}

fn binary(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.args(arguments);
    command
}

/// What `verify` makes of a text that it is given on standard input: exit code, output, complaints.
fn verified(text: &[u8], arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = binary(&["verify", "-"]);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut input = child.stdin.take().expect("it is piped");
    // Whoever finds the first line wrong reads no further.
    let _ = input.write_all(text);
    drop(input);
    told(child.wait_with_output().expect("it ends"))
}

fn told(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// An event in Jepsen's EDN, on a line of its own.
fn event(process: u32, kind: &str, function: &str, value: &str) -> String {
    format!("{{:process {process}, :type :{kind}, :f :{function}, :value {value}}}\n")
}

const FRESH: [(u32, &str, &str, &str); 4] = [
    (0, "invoke", "write", "1"),
    (0, "ok", "write", "1"),
    (1, "invoke", "read", "nil"),
    (1, "ok", "read", "1"),
];

fn history(events: &[(u32, &str, &str, &str)]) -> String {
    events.iter().map(|(process, kind, function, value)| event(*process, kind, function, value)).collect()
}

#[test]
fn a_verdict_is_an_exit_code() {
    let fresh = history(&FRESH);
    let (code, out, complaints) = verified(fresh.as_bytes(), &[]);
    assert_eq!((code, complaints.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("verdict  pass: linearizable"), "{out}");

    let stale = fresh.replace(":f :read, :value 1", ":f :read, :value nil");
    let (code, out, _) = verified(stale.as_bytes(), &[]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("verdict  fail") && out.contains("├ write 1 ┤"), "{out}");

    // Four writers of few values whose answers never come, and a budget that is spent at once.
    let mut hard = String::new();
    for process in 0..40 {
        hard.push_str(&event(process, "invoke", "cas", &format!("[{} {}]", process % 5, (process + 1) % 5)));
    }
    for read in 40..60 {
        hard.push_str(&event(read, "invoke", "read", "nil"));
        hard.push_str(&event(read, "ok", "read", &(read % 5).to_string()));
    }
    let (code, out, _) = verified(hard.as_bytes(), &["--initial", "0", "--budget", "10"]);
    assert_eq!(code, Some(3), "{out}");
    assert!(out.contains("verdict  unknown") && out.contains("not decided within 10 steps"), "{out}");
}

#[test]
fn what_is_no_history_is_told_by_line_and_reason() {
    let fresh = history(&FRESH);
    let overlapping = event(0, "invoke", "write", "1") + &event(0, "invoke", "write", "2");
    let returned = event(0, "invoke", "write", "1") + &event(3, "ok", "read", "1");
    let cases: [(&[u8], &str, &str); 7] = [
        (b"nonsense", "line 1: the end", "not one operation before it"),
        (b"\x00\xff\xfe\x01\x02", "line 1", "a history is text in UTF-8"),
        (&fresh.as_bytes()[..fresh.len() - 6], "line 4", "the input breaks off"),
        (overlapping.as_bytes(), "line 2", "a process does one thing at a time"),
        (returned.as_bytes(), "line 2", "an :invoke of that process must stand before"),
        (b"{:process 0, :type :begun, :f :read}", "line 1", ":invoke, :ok, :fail and :info"),
        (b"{\"process\":0,\"type\":\"invoke\",\"f\":\"frob\",\"key\":\"x\"}", "line 1", "frob"),
    ];
    for (text, line, reason) in cases {
        let (code, out, complaints) = verified(text, &[]);
        let story = String::from_utf8_lossy(text);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{story}: {complaints}");
        assert!(
            complaints.contains("standard input: ") && complaints.contains(line),
            "{story}: {complaints}"
        );
        assert!(complaints.contains(reason), "{story}: {complaints}");
        assert_eq!(complaints.lines().count(), 1, "{story}: {complaints}");
    }
}

#[test]
fn a_file_that_is_not_there_or_a_model_that_does_not_fit_is_wrong_use() {
    let (code, _, complaints) = told(binary(&["verify", "no/such/file"]).output().expect("it starts"));
    assert_eq!(code, Some(2));
    assert!(complaints.contains("no/such/file: "), "{complaints}");
    let (code, _, complaints) = verified(history(&FRESH).as_bytes(), &["--model", "set"]);
    assert_eq!(code, Some(2));
    assert!(complaints.contains("--model register would fit"), "{complaints}");
    let (code, ..) = verified(history(&FRESH).as_bytes(), &["--model", "frob"]);
    assert_eq!(code, Some(2));
}

#[test]
fn text_logs_are_read_as_jepsen_writes_them_and_a_failed_cas_answers() {
    let line = |process: u32, kind: &str, function: &str, value: &str| {
        format!("INFO  jepsen.util - {process}\t:{kind}\t:{function}\t{value}\n")
    };
    let late = line(2, "invoke", "write", "4") + &line(2, "info", "write", ":timed-out");
    let log = line(0, "invoke", "write", "1")
        + &line(0, "ok", "write", "1")
        + &late
        + &line(1, "invoke", "cas", "[1 2]")
        + &line(1, "fail", "cas", "[1 2]");
    let (code, out, _) = verified(log.as_bytes(), &[]);
    assert_eq!(code, Some(0), "the write that timed out may have come between\n{out}");
    let without = log.replace(&late, "");
    let (code, out, _) = verified(without.as_bytes(), &[]);
    assert_eq!(code, Some(1), "the value was 1, so the cas should have succeeded\n{out}");
    assert!(out.contains("Jepsen"), "{out}");
    let (code, ..) = verified(without.as_bytes(), &["--failed-cas", "absent"]);
    assert_eq!(code, Some(0));
}

#[test]
fn elements_of_sets_are_followed_as_jepsens_set_full_does() {
    let mut set = String::new();
    for (place, (process, kind, function, value)) in [
        (0, "invoke", "add", "1"),
        (0, "ok", "add", "1"),
        (1, "invoke", "add", "2"),
        (1, "ok", "add", "2"),
        (2, "invoke", "read", "nil"),
        (2, "ok", "read", "[1 2]"),
        (2, "invoke", "read", "nil"),
        (2, "ok", "read", "[2]"),
    ]
    .into_iter()
    .enumerate()
    {
        let time = format!(", :time {}000000}}\n", place * 10);
        set.push_str(&event(process, kind, function, value).replace("}\n", &time));
    }
    let (code, out, _) = verified(set.as_bytes(), &[]);
    assert_eq!(code, Some(1), "{out}");
    let wanted = "elements 2: 1 stay (of 0 some read that should have shown them did not), 1 lost, 0 never read; \
                  visible after 0.0 ms";
    assert!(out.contains(wanted), "{out}");
    let (_, json, _) = verified(set.as_bytes(), &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!((&json["elements"]["lost"], &json["elements"]["stable"]), (&1.into(), &1.into()));
    // Taken out in between, it is not missed.
    let out_of_it = set.replace(
        ":process 2, :type :invoke, :f :read, :value nil, :time 60",
        ":process 3, :type \
        :invoke, :f :remove, :value 1, :time 55000000}\n{:process 3, :type :ok, :f :remove, :value 1, :time \
        56000000}\n{:process 2, :type :invoke, :f :read, :value nil, :time 60",
    );
    let (code, out, complaints) = verified(out_of_it.as_bytes(), &[]);
    assert_eq!(code, Some(0), "{out}{complaints}");
    assert!(out.contains("judged   by search") && out.contains("elements 1: 1 stay"), "{out}");
}

/// What a run's own judge says, an export read back says too, in every spelling that `verify` reads.
#[test]
fn an_export_read_back_has_the_verdict_of_its_run() {
    const PRESET: &str = "same-cut-four-answers";
    let folder = folder("export");
    let path = |name: &str| folder.join(name).to_str().expect("a path in UTF-8").to_owned();
    for (run, wanted) in [("majority", 0), ("unsafe", 1)] {
        for ending in ["edn", "jsonl", "porcupine"] {
            let file = path(&format!("{run}.{ending}"));
            let made = binary(&["export", PRESET, "--run", run, "-o", &file]).output();
            let (code, out, said) = told(made.expect("it starts"));
            assert_eq!((code, out.as_str()), (Some(0), ""), "{said}");
            assert!(said.contains(&format!(" lines, run {run}")), "{said}");
            if ending == "porcupine" {
                is_porcupine(&fs::read_to_string(&file).expect("it was written"));
                continue;
            }
            let (code, out, said) = told(binary(&["verify", &file]).output().expect("it starts"));
            assert_eq!(code, Some(wanted), "{file}: {out}{said}");
            assert!(said.is_empty(), "no bar where nobody watches: {said}");
        }
    }
    let again = binary(&["export", PRESET, "-o", &path("majority.edn")]).output();
    let (code, _, said) = told(again.expect("it starts"));
    assert_eq!(code, Some(2), "it is there already: {said}");
    let (code, _, said) =
        told(binary(&["export", "async-gap", "-o", &path("gap.xyz")]).output().expect("it starts"));
    assert_eq!(code, Some(2));
    assert!(said.contains(".edn") && said.contains("--format"), "{said}");
}

/// Every call has one return with its number, by the same client, after it.
fn is_porcupine(text: &str) {
    let mut open = std::collections::BTreeMap::new();
    let mut count = 0;
    for line in text.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("each line is JSON");
        let (id, client) =
            (event["Id"].as_u64().expect("a number"), event["ClientId"].as_u64().expect("a number"));
        match event["Kind"].as_u64() {
            Some(0) => {
                assert!(open.insert(id, client).is_none() && event["Value"]["f"].is_string(), "{line}")
            }
            Some(1) => {
                assert_eq!(open.remove(&id), Some(client), "{line}");
                count += 1;
            }
            _ => panic!("neither call nor return: {line}"),
        }
    }
    assert!(open.is_empty() && count > 1_000, "{count} operations, {} without a return", open.len());
}

/// The regular expression in the first line finds every event of the file, one after the other and nothing else.
#[test]
fn a_trace_for_shiviz_is_parsed_by_its_own_regular_expression() {
    let made = binary(&["export", "playground", "--for", "3s", "--format", "shiviz", "-o", "-"]).output();
    let (code, text, said) = told(made.expect("it starts"));
    assert_eq!(code, Some(0), "{said}");
    let (head, events) = text.split_once("\n\n").expect("an empty line behind the expression");
    assert_eq!(head, REGULAR_EXPRESSION);
    let parsed = parse(events);
    assert!(parsed.len() > 500, "{} events", parsed.len());
    let mut own: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    for (host, clock) in parsed {
        let clock: serde_json::Value = serde_json::from_str(clock).expect("a clock is JSON");
        let known = own.entry(host).or_default();
        *known += 1;
        assert_eq!(clock[host].as_u64(), Some(*known), "{host} {clock}");
    }
    assert!(own.len() >= 3, "{own:?}");
}

/// Host and clock of each event. The expression is `(?<time>\S*) (?<event>.*)\n(?<host>\S*) (?<clock>{.*})`; each of
/// its parts is matched here as it says, and all of the text must be used up.
fn parse(mut events: &str) -> Vec<(&str, &str)> {
    let mut parsed = Vec::new();
    while !events.is_empty() {
        let (first, rest) = events.split_once('\n').expect("an event has two lines");
        let (second, rest) = rest.split_once('\n').unwrap_or((rest, ""));
        let (time, _) = first.split_once(' ').expect("a blank behind the time");
        assert!(!time.contains(char::is_whitespace), "{first}");
        let (host, clock) = second.split_once(' ').expect("a blank behind the host");
        assert!(clock.starts_with('{') && clock.ends_with('}'), "{second}");
        parsed.push((host, clock));
        events = rest;
    }
    parsed
}

#[test]
fn a_long_history_is_judged_in_one_pass_and_as_fast_as_it_is_read() {
    let mut text = String::new();
    for nth in 0..20_000_u32 {
        let process = nth % 20;
        text.push_str(&event(process, "invoke", "write", &nth.to_string()));
        text.push_str(&event(process, "ok", "write", &nth.to_string()));
        text.push_str(&event(process, "invoke", "read", "nil"));
        text.push_str(&event(process, "ok", "read", &nth.to_string()));
    }
    let (code, out, said) = verified(text.as_bytes(), &[]);
    assert_eq!((code, said.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("40000 operations by 20 processes") && out.contains("by zones"), "{out}");
    let (code, out, _) =
        verified(text.replacen(":read, :value 19999}", ":read, :value 7}", 1).as_bytes(), &[]);
    assert_eq!(code, Some(1), "{out}");
    assert_eq!(out.lines().filter(|line| line.contains('├')).count(), 3, "{out}");
}
