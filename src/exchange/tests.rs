//! Histories as others write them, what is wrong with bad ones, and round trips.

use super::*;
use crate::check::Verdict;
use crate::check::history::{Event, History, Kind, Outcome};
use crate::check::linear::{Budget, FailedCas, Model, Options, judge, linearizable};

fn told(text: &str) -> Result<(History, Spelling), Problem> {
    read(&mut text.as_bytes(), Datum::Nil, &mut |_| {})
}

fn history(text: &str) -> History {
    match told(text) {
        Ok((history, _)) => history,
        Err(problem) => panic!("{problem}"),
    }
}

fn wrong(text: &str) -> String {
    told(text).expect_err("this is no history").to_string()
}

fn verdict(history: &History) -> Verdict {
    linearizable(history, Budget::default()).0
}

/// Every event in words: what tells two histories apart.
fn events(history: &History) -> Vec<String> {
    let told = |event: Event<'_>| match event {
        Event::Mark(mark) => format!("{} {}", mark.at_ns, mark.text),
        Event::Call(id) | Event::End(id) => {
            let (operation, note) = (&history.operations[id.index()], &history.notes[id.index()]);
            let is_call = matches!(event, Event::Call(_));
            let process = &history.processes[operation.process.0 as usize];
            let key = &history.keys[operation.key.index()].name;
            let what = crate::check::linear::witness::words(history, operation);
            let at = if is_call { note.called_ns } else { note.ended_ns };
            let labels = (history.label(note.node), history.label(note.error));
            format!("{at} {process} {key} {what} {:?} {is_call} {labels:?}", operation.outcome)
        }
    };
    history.in_order().into_iter().map(told).collect()
}

const LOST: &str = r#"{:process 0, :type :invoke, :f :write, :key "x", :value 1, :time 10}
{:process 0, :type :ok, :f :write, :key "x", :value 1, :time 20}
{:process :nemesis, :type :info, :f :start, :value "n1 is cut off", :time 25}
{:process 1, :type :invoke, :f :read, :key "x", :value nil, :time 30}
{:process 1, :type :ok, :f :read, :key "x", :value nil, :time 40, :node "n2"}
"#;

#[test]
fn edn_comes_as_lines_as_a_vector_and_with_tags_and_comments() {
    let lines = history(LOST);
    assert_eq!((lines.operations.len(), lines.marks.len(), lines.events), (2, 1, 5));
    assert_eq!(lines.marks[0].text, "start n1 is cut off");
    assert_eq!(verdict(&lines), Verdict::Fail);
    let vector = format!("[{LOST}]");
    assert_eq!(events(&history(&vector)), events(&lines));
    let tagged =
        LOST.replace("{:process", "; a comment\n#_ {:not #_one this} #jepsen.history.Op{:index 1, :process");
    assert_eq!(events(&history(&tagged)), events(&lines));
}

#[test]
fn keys_are_found_in_tuples_and_beside_values() {
    let tuples = r"{:process 0 :type :invoke :f :read :value [7 nil]}
{:process 0 :type :ok :f :read :value [7 3]}
{:process 0 :type :invoke :f :cas :value [8 [1 2]]}
{:process 0 :type :fail :f :cas :value [8 [1 2]]}";
    let tuples = history(tuples);
    let names: Vec<&str> = tuples.keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!((names, tuples.words(tuples.operations[0].value).as_str()), (vec!["7", "8"], "3"));
    let plain = history("{:process 0 :type :invoke :f :cas :value [1 4]}");
    assert_eq!((plain.keys.len(), plain.operations[0].kind), (1, Kind::Cas));
    assert_eq!(plain.words(plain.operations[0].expected), "1");
}

#[test]
fn text_logs_hold_operations_among_other_lines() {
    let log = "INFO  jepsen.core - Running test\n\
        INFO  jepsen.util - 3\t:invoke\t:write\t2\n\
        INFO  jepsen.util - 3\t:ok\t:write\t2\n\
        INFO  jepsen.util - :nemesis\t:info\t:start\tnil\n\
        2026-01-01 00:00:00,001\tINFO\t[worker 1] jepsen.util: 1\t:invoke\t:cas\t[2 4]\n\
        INFO  jepsen.util - 1\t:info\t:cas\t:timed-out\n\
        INFO  jepsen.util - 3\t:invoke\t:cas\t[2 5]\n\
        INFO  jepsen.util - 3\t:fail\t:cas\t[2 5]\n\
        INFO  jepsen.util - 3\t:invoke\t:read\tnil\n\
        INFO  jepsen.util - 3\t:ok\t:read\t4\n";
    let (history, spelling) = told(log).expect("it is a log");
    assert_eq!((spelling, history.operations.len(), history.marks.len()), (Spelling::TextLog, 4, 1));
    assert_eq!(history.operations[1].outcome, Outcome::Info);
    let with =
        |failed_cas| judge(&history, Options { failed_cas, ..Options::default() }, &mut |_| {}).verdict;
    assert_eq!((with(FailedCas::Answer), with(FailedCas::Absent)), (Verdict::Pass, Verdict::Pass));
    let sure =
        log.replace("1\t:info\t:cas\t:timed-out", "1\t:fail\t:cas\t[2 4]").replace(":read\t4", ":read\t2");
    let sure = told(&sure).expect("it is a log").0;
    let with = |failed_cas| judge(&sure, Options { failed_cas, ..Options::default() }, &mut |_| {}).verdict;
    assert_eq!((with(FailedCas::Answer), with(FailedCas::Absent)), (Verdict::Fail, Verdict::Pass));
}

#[test]
fn texts_that_are_put_and_appended_to_are_judged_as_a_whole() {
    let of = |last: &str| {
        let story = [
            (0, "invoke", "put", "x 0 0 y"),
            (0, "ok", "put", "x 0 0 y"),
            (0, "invoke", "append", "x 0 1 y"),
            (1, "invoke", "append", "x 1 0 y"),
            (0, "ok", "append", "x 0 1 y"),
            (1, "ok", "append", "x 1 0 y"),
            (2, "invoke", "get", ""),
            (2, "ok", "get", last),
        ];
        let line = |(process, kind, f, value): (u8, &str, &str, &str)| {
            format!("{{:process {process}, :type :{kind}, :f :{f}, :key \"3\", :value \"{value}\"}}\n")
        };
        verdict(&history(&story.into_iter().map(line).collect::<String>()))
    };
    assert_eq!(of("x 0 0 yx 1 0 yx 0 1 y"), Verdict::Pass);
    assert_eq!(of("x 0 0 yx 0 1 y"), Verdict::Fail, "an acknowledged append is missing");
    assert_eq!(of("x 0 1 yx 0 0 yx 1 0 y"), Verdict::Fail, "appended before what was put");
}

#[test]
fn sets_and_counters_are_told_apart_by_what_reads_show() {
    let of = |read: &str| {
        history(&format!(
            "{{:process 0 :type :invoke :f :add :value 5}} {{:process 0 :type :ok :f :add :value 5}}
             {{:process 0 :type :invoke :f :read}} {{:process 0 :type :ok :f :read :value {read}}}"
        ))
    };
    let (set, counter) = (of("#{5}"), of("5"));
    assert_eq!((verdict(&set), verdict(&counter)), (Verdict::Pass, Verdict::Pass));
    assert_eq!(Model::of(&set, set.operations.iter()), Model::Set);
    assert_eq!(Model::of(&counter, counter.operations.iter()), Model::Counter);
    assert_eq!((verdict(&of("#{}")), verdict(&of("4"))), (Verdict::Fail, Verdict::Fail));
}

#[test]
fn bad_histories_name_the_line_what_is_there_and_what_would_be_right() {
    let invoke = "{:process 0 :type :invoke :f :read :value nil}";
    for (text, expected) in [
        (
            "{:process 0 :type :ok :f :read :value 1}".to_owned(),
            "line 1: process 0 ends `:read`, but called nothing; an :invoke of that process must stand before",
        ),
        (
            format!("{invoke}\n{invoke}"),
            "line 2: process 0 calls `:read` while its read of line 1 is open; a process does one thing at a time: \
             it must end first",
        ),
        (
            format!("{invoke}\n{{:process 0 :type :ok :f :write :value 1}}"),
            "line 2: process 0 ends `:write`, but called read in line 1; an end says what was called",
        ),
        (
            format!("{invoke}\n{{:process 0 :type :ok :f :re"),
            "line 2: the input breaks off: what line 2 opens has no end; `}` was expected",
        ),
        (
            format!("[{invoke}"),
            "line 1: the input breaks off: the vector of operations has no end; `]` was expected",
        ),
        (
            "{:process 0 :type :done :f :read}".to_owned(),
            "line 1: the type `:done`; the types are :invoke, :ok, :fail and :info",
        ),
        (
            "{:type :invoke :f :read}".to_owned(),
            "line 1: an operation without `:process`: `{:type :invoke, :f :read}`; an operation is a map: {:process \
             0, :type :invoke, :f :read, :value nil}",
        ),
        (
            "{:process 0 :type :invoke :f :cas :value 3}".to_owned(),
            "line 1: a cas of `3`; a cas has [expected new]",
        ),
        (
            "{:process 0 :type :invoke :f :txn :value []}".to_owned(),
            "line 1: the operation `:txn`; transactions are for Elle; here operations have one key each",
        ),
    ] {
        assert_eq!(wrong(&text), expected);
    }
    assert!(wrong("").starts_with("line 1: the end, and not one operation before it"));
    assert!(wrong("some prose\nand more").starts_with("line 2: the end"));
    assert!(wrong("{\"process\":0,\"type\":\"invoke\"").contains("what is no JSON"));
    assert!(wrong("{\"process\":0,\"type\":\"invoke\"}").contains("without \"f\""));
    assert!(wrong(&format!("{invoke}\n)")).contains("line 2: a `)` that closes nothing"));
    assert!(wrong("{:process 0 :type :invoke :f :read :value \"x").contains("a text has no end"));
    assert!(wrong("{:process 0 :type :invoke :f}").contains("maps hold pairs"));
}

#[test]
fn nothing_in_a_file_can_crash_the_reader() {
    for deep in ["[", "(", "{", "#{", "#a ", "#_", "[{:a #{"] {
        let text = format!("{{:process 0 :type :invoke :f :write :value {}", deep.repeat(100_000));
        assert!(wrong(&text).contains("deep"), "{deep}");
        assert!(told(&deep.repeat(100_000)).is_err());
    }
    assert!(wrong(&format!("{{\"a\":{}", "[".repeat(100_000))).contains("no JSON"));
    assert!(wrong("{:process 0 :type :invoke :f :write :value \"\\q\"}").contains("escapes"));
    let long = "x".repeat(3 << 20);
    let history = history(&format!("{{:process 0 :type :invoke :f :write :value \"{long}\"}}"));
    assert_eq!(history.words(history.operations[0].value).len(), long.len() + 2);
    assert!(read(&mut &b"\xff\xfe{:process"[..], Datum::Nil, &mut |_| {}).is_err());
    assert!(read(&mut &b"{:process 0 :type :invoke :f :\xff}"[..], Datum::Nil, &mut |_| {}).is_err());
    // Every beginning of a history is an error or a shorter history.
    let text = format!("[{LOST}]");
    for end in 0..text.len() {
        let _ = read(&mut &text.as_bytes()[..end], Datum::Nil, &mut |_| {});
    }
}

#[test]
fn what_is_written_is_read_back() {
    let story = history(&format!(
        "{LOST}
        {{:process 2 :type :invoke :f :cas :key \"a \\\"b\\\"\" :value [1 nil] :time 50}}
        {{:process 2 :type :info :f :cas :key \"a \\\"b\\\"\" :value [1 nil] :time 60 :error \"no answer\"}}
        {{:process 3 :type :invoke :f :write :key 7 :value \"v1\" :time 60}}
        {{:process 3 :type :fail :f :write :key 7 :value \"v1\" :time 70}}
        {{:process 1 :type :invoke :f :append :key l :value 3 :time 80}}"
    ));
    let mut out = Vec::new();
    write::edn(&story, &mut out).expect("a vector takes everything");
    let text = String::from_utf8(out).expect("EDN is text");
    assert_eq!(events(&history(&text)), events(&story));
    let mut out = Vec::new();
    write::json_lines(&story, &mut out).expect("a vector takes everything");
    let text = String::from_utf8(out).expect("JSON is text");
    let (back, spelling) = told(&text).expect("it is a history");
    assert_eq!((spelling, events(&back)), (Spelling::JsonLines, events(&story)));
}

#[test]
fn porcupine_gets_calls_and_returns_without_what_failed() {
    let story = history(
        "{:process 0 :type :invoke :f :write :key x :value 1} {:process 0 :type :info :f :write :key x :value 1}
         {:process 1 :type :invoke :f :read :key x} {:process 1 :type :ok :f :read :key x :value 1}
         {:process 1 :type :invoke :f :write :key x :value 2} {:process 1 :type :fail :f :write :key x :value 2}",
    );
    let mut out = Vec::new();
    write::porcupine(&story, &mut out).expect("a vector takes everything");
    assert_eq!(
        String::from_utf8(out).expect("JSON is text"),
        r#"{"ClientId":0,"Kind":0,"Value":{"f":"write","key":"x","value":1},"Id":0}
{"ClientId":1,"Kind":0,"Value":{"f":"read","key":"x"},"Id":1}
{"ClientId":1,"Kind":1,"Value":{"value":1,"unknown":false},"Id":1}
{"ClientId":0,"Kind":1,"Value":{"unknown":true},"Id":0}
"#
    );
}
