//! `splitbrain compare` as its users see it: the three forms, who is marked, what is said for honesty, the exit codes.

use super::stage::loaded;
use splitbrain::base::metric::Metric;
use splitbrain::headless::compare::capacity::{Load, search};
use splitbrain::headless::compare::{Form, Order, play};
use splitbrain::scenario::presets;
use std::process::{Command, Output};

fn splitbrain(arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.args(arguments.split(' ')).output().expect("the binary starts")
}

fn printed(arguments: &str) -> String {
    let output = splitbrain(arguments);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The cells of the line that begins with `name`.
fn cells<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(name));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).split_whitespace().skip(1).collect()
}

#[test]
fn as_json_it_is_what_run_prints() {
    let compared = printed("compare same-cut-four-answers --seed 42..43 --json");
    assert_eq!(compared.lines().count(), 2);
    assert_eq!(compared, printed("run same-cut-four-answers --seed 42..43 --json"));
}

#[test]
fn on_one_seed_only_counts_are_marked_and_the_notes_have_the_runs_own_figures() {
    let text = printed("compare same-cut-four-answers");
    for number in 1..=21 {
        let row = format!("\n{number:>2}  ");
        assert_eq!(text.matches(&row).count(), 1, "row {number}\n{text}");
    }
    assert_eq!(cells(&text, "ack"), ["majority", "async", "-", "-"]);
    assert_eq!(cells(&text, "lost_acked"), ["0", "*", "584", "0", "*", "0", "*", "ops"]);
    assert_eq!(cells(&text, "writable_nodes_max"), ["1", "2", "5", "5"]);
    assert_eq!(cells(&text, "lin_ok"), ["100.0", "0.0", "100.0", "0.0", "%"]);
    assert!(!cells(&text, "avail_write_pct").contains(&"*"), "one seed has no noise");
    assert_eq!(cells(&text, "tail_amplification"), ["-", "-", "-", "-", "(with", "--twins)"]);
    let in_the_cut = cells(&text, "avail_write_pct@5s..20s");
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        plain.contains(&format!("`strict` with its strict quorums served {} %", in_the_cut[2])),
        "{text}"
    );
    assert!(plain.contains(&format!("`majority` with its majority {} %", in_the_cut[0])), "{text}");
    assert!(plain.contains("`majority` replaced it 1 time(s)"), "{text}");
    assert!(plain.contains("at most 1 node(s) acknowledged writes at once"), "{text}");
    assert!(
        plain.contains("One seed shows no noise") && plain.ends_with("all 13 expectations met"),
        "{text}"
    );
}

#[test]
fn several_seeds_give_margins_and_mark_what_exceeds_them() {
    let text = printed("compare same-cut-four-answers --seed 1..3");
    let served = cells(&text, "avail_write_pct@5s..20s");
    assert_eq!(served.iter().filter(|cell| **cell == "±").count(), 4, "{text}");
    assert_eq!((served[9], served[12]), ("100.0", "*"), "sloppy quorums take all writes\n{text}");
    assert_eq!(served.iter().filter(|cell| **cell == "*").count(), 1, "{text}");
    assert!(text.contains("over 3 seeds") && text.contains("all 39 expectations met"), "{text}");
}

#[test]
fn in_markdown_every_row_has_every_cell_and_the_best_are_bold() {
    let text = printed("compare same-cut-four-answers --markdown");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    let bars = |row: &&&str| row.matches('|').count();
    let wide = rows.iter().filter(|row| bars(row) == 9).count();
    assert_eq!(wide + rows.iter().filter(|row| bars(row) == 6).count(), rows.len(), "{text}");
    assert!(
        text.contains("| # | difference | metric | majority | unsafe | strict | sloppy | unit |"),
        "{text}"
    );
    assert!(text.contains("| `lost_acked` | **0** | 584 | **0** | **0** | ops |"), "{text}");
}

#[test]
fn notes_are_printed_only_where_the_runs_make_them_true() {
    // Nothing is cut, nobody is peer to peer, nobody acknowledges by majority.
    let text = printed("compare async-gap");
    assert!(
        !text.contains("not available for nothing") && !text.contains("single point of failure"),
        "{text}"
    );
}

#[test]
fn exit_codes_are_those_of_the_contract() {
    let code = |arguments: &str| splitbrain(arguments).status.code();
    assert_eq!(code("compare async-gap"), Some(0));
    assert_eq!(code("compare async-gap --set async.ack=majority"), Some(1), "an expectation fails");
    assert_eq!(code("compare no-such-preset"), Some(2));
    assert_eq!(code("compare async-gap --json --markdown"), Some(2));
}

#[test]
fn twins_tell_what_the_faults_did() {
    let measured = |preset: &str, metric: Metric| -> Vec<Option<f64>> {
        let scenario = presets::load(preset).expect("every preset loads");
        let order = Order { scenario, seeds: None, form: Form::Text, with_capacity: false, with_twins: true };
        let plays = play(&order).expect("a world");
        plays[0].judgement.runs.iter().map(|run| run.metrics.get(metric)).collect()
    };
    let tails = measured("slow-leader", Metric::TailAmplification);
    let [primary, followers, peers] = tails[..] else { panic!("three runs") };
    assert!(primary.is_some_and(|tail| tail > 20.0), "{tails:?}");
    assert!(followers.is_some_and(|tail| tail < 3.0) && peers.is_some_and(|tail| tail < 3.0), "{tails:?}");
    assert_eq!(measured("slow-leader", Metric::ClockSensitivity), [None; 3], "no clock is wrong");
    let lost = measured("clock-skew", Metric::ClockSensitivity);
    assert!(lost.iter().flatten().any(|lost| *lost > 100.0), "{lost:?}");
}

#[test]
fn capacities_are_found_by_bisection_and_near_what_theory_says() {
    let text = "format = 1\nduration = \"3s\"\n[cluster]\nnodes = 3\nservice = \"1ms\"\n[workload]\nkeys = 900\nclients = 90\n\
        [[run]]\nid = \"log\"\ntopology = \"primary-replica\"\nack = \"fire\"\npromotion = \"manual\"\nlink_timeout = \"60s\"\n\
        [[run]]\nid = \"peers\"\ntopology = \"peer-to-peer\"\nn = 3\nr = 2\nw = 2\nring = \"even1\"\n";
    let scenario = loaded(text);
    // Owners flush each write, and members look after each other: as many inputs again.
    for (run, load, formula, near) in [
        (0, Load::Writes, "c/n", 0.85..=1.15),
        (0, Load::Reads, "c", 0.85..=1.15),
        (1, Load::Writes, "n c/(1 + 2(N - N/n))", 0.4..=0.6),
    ] {
        let found = search(&scenario.runs[run].setup, run, load).expect("a world");
        let (rate, theory) = (found.rate.map_or(0.0, f64::from), found.theory.clone().expect("a formula"));
        assert_eq!(theory.formula, formula);
        assert!(near.contains(&(rate / theory.rate)), "{found:?}");
        assert!(found.tried.len() < 20 && found.tried[0] == 250, "{found:?}");
    }
}
