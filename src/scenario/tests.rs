//! Broken scenarios: each problem with its place and its cure. And nothing makes the loader panic.

use super::load::load;
use super::model::{Bound, Subject};
use super::overrides::Override;
use super::presets::PRESETS;
use crate::base::time::VirtualTime;
use proptest::prelude::*;

const HEAD: &str = "format = 1\nduration = \"30s\"\n";
const RUN: &str = "[[run]]\nid = \"a\"\ntopology = \"primary-replica\"\n";

/// The problems of a file as (line, column, message).
fn problems(text: &str) -> Vec<(usize, usize, String)> {
    match load("test.toml", text, &[]) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .list
            .iter()
            .map(|problem| {
                let (line, column) = problems.place(problem);
                (line, column, problem.message.clone())
            })
            .collect(),
    }
}

fn only(text: &str) -> (usize, usize, String) {
    let all = problems(text);
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().expect("one")
}

#[test]
fn a_plain_file_is_fine() {
    assert_eq!(problems(&format!("{HEAD}{RUN}")), []);
}

/// The file that the format is explained with: every section and kind of value in it.
#[test]
fn the_example_of_the_format_loads() {
    assert_eq!(problems(include_str!("example.toml")), []);
}

#[test]
fn all_problems_are_told_at_once_with_their_places() {
    let text = format!(
        "{HEAD}sede = 4\n{RUN}akc = \"all\"\n[[timeline]]\nat = \"5\"\ndo = \"crash n1\"\n[[timeline]]\nat = \"9s\"\ndo = [\"isolate n9\", \"explode n1\"]\n"
    );
    assert_eq!(
        problems(&text),
        [
            (3, 1, "unknown key `sede` in a scenario".to_owned()),
            (7, 1, "unknown knob `akc`; did you mean `ack`?".to_owned()),
            (9, 6, "`at` is no duration: `5`".to_owned()),
            (13, 16, "unknown node `n9`".to_owned()),
            (13, 22, "unknown verb `explode`".to_owned()),
        ]
    );
}

#[test]
fn a_caret_stands_under_what_is_wrong() {
    let text = format!("{HEAD}{RUN}[[timeline]]\nat = \"5s\"\ndo = \"crash n6\"\n");
    let Err(problems) = load("test.toml", &text, &[]) else { panic!("n6 is unknown") };
    let shown = problems.render(false);
    assert!(shown.contains("test.toml:8:13"), "{shown}");
    assert!(shown.contains("unknown node `n6`"), "{shown}");
    assert!(shown.contains("^^"), "{shown}");
    assert!(shown.contains("this cluster has n1..n5"), "{shown}");
}

#[test]
fn time_may_not_go_backwards() {
    let text = format!(
        "{HEAD}{RUN}[[timeline]]\nat = \"9s\"\nsay = \"a\"\n[[timeline]]\nat = \"5s\"\nsay = \"b\"\n"
    );
    assert_eq!(only(&text), (10, 6, "time goes backwards: 5s after 9s".to_owned()));
}

#[test]
fn bounds_are_enforced_with_a_message() {
    assert_eq!(
        only(&format!("{HEAD}[cluster]\nnodes = 1001\n{RUN}")).2,
        "`nodes` is a whole number from 1 to 1000, not this integer"
    );
    let long = "x".repeat(2 << 20);
    assert!(only(&long).2.contains("2097152 bytes long"));
    let many = "[[timeline]]\nat = \"1s\"\nsay = \"x\"\n".repeat(10_001);
    assert_eq!(only(&format!("{HEAD}{RUN}{many}")).2, "10001 entries");
    assert!(only(&format!("format = 1\nduration = \"25h\"\n{RUN}")).2.contains("no duration"));
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    let deep = format!("{HEAD}x = {}1{}\n{RUN}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(!problems(&deep).is_empty());
    let dotted = format!("{HEAD}{}x = 1\n{RUN}", "a.".repeat(20_000));
    assert!(!problems(&dotted).is_empty());
}

#[test]
fn control_characters_never_come_out_again() {
    let text =
        format!("{HEAD}title = \"a\\u001b[2Jb\"\n{RUN}[[timeline]]\nat = \"1s\"\nsay = \"x\\u0007\"\n");
    let Err(problems) = load("te\u{1b}st.toml", &text, &[]) else { panic!("control characters are errors") };
    assert_eq!(problems.list.len(), 2);
    assert!(!problems.render(false).chars().any(|c| c.is_control() && c != '\n'));
    let raw = format!("{HEAD}title = \"a\u{1b}[2J\u{202e}b\"\n{RUN}");
    let Err(problems) = load("test.toml", &raw, &[]) else { panic!("TOML forbids it too") };
    assert!(!problems.render(false).chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
}

#[test]
fn impossible_quorums_are_refused_with_the_cure() {
    let peers = |knobs: &str| {
        format!("{HEAD}[cluster]\nnodes = 3\n[[run]]\nid = \"a\"\ntopology = \"peer-to-peer\"\n{knobs}")
    };
    assert_eq!(only(&peers("n = 5\n")).2, "n = 5 copies on 3 nodes");
    assert_eq!(only(&peers("w = 4\n")).2, "w = 4 of n = 3 copies");
    let semi = format!("{HEAD}[cluster]\nnodes = 3\n{RUN}ack = \"semi-sync\"\nsync_count = 3\n");
    assert_eq!(only(&semi).2, "sync_count = 3 of 2 replicas that count");
    let guard = format!("{HEAD}[cluster]\nnodes = 3\n{RUN}min_replicas = 3\n");
    assert_eq!(only(&guard), (8, 16, "min_replicas = 3 of 2 replicas".to_owned()));
    let lease = format!("{HEAD}{RUN}read = \"primary-lease\"\nlease_margin = \"600ms\"\n");
    assert_eq!(only(&lease).2, "lease_margin = 600ms of a lease of 500ms");
}

#[test]
fn a_named_configuration_is_refined_by_the_knobs_beside_it() {
    let text = format!("{HEAD}{RUN}sync_count = 2\nlike = \"postgresql-sync-any-1\"\n");
    let scenario = load("test.toml", &text, &[]).expect("it is fine");
    let knobs = &scenario.runs[0].setup.knobs;
    assert_eq!((knobs.word("ack"), knobs.count("sync_count")), ("semi-sync", 2));
    let unknown = format!("{HEAD}{RUN}like = \"oracle\"\n");
    assert!(only(&unknown).2.starts_with("`like` is one of postgresql-async,"));
}

#[test]
fn what_belongs_to_the_world_is_not_for_a_run() {
    assert_eq!(only(&format!("{HEAD}{RUN}seed = 3\n")).2, "`seed` belongs to the scenario, not to a run");
    assert!(
        only(&format!("{HEAD}{RUN}[workload]\nkind = \"carts\"\n"))
            .2
            .contains("unknown kind of load `carts`")
    );
    assert!(
        only(&format!("{HEAD}{RUN}[[expect]]\nchecker = \"linearisable\"\nverdict = \"pass\"\n"))
            .2
            .contains("unknown checker `linearisable`")
    );
}

#[test]
fn missing_things_point_at_their_table() {
    assert_eq!(only(&format!("{HEAD}[[run]]\nid = \"a\"\n")), (3, 1, "[[run]] needs `topology`".to_owned()));
    assert!(problems(HEAD).iter().any(|problem| problem.2 == "a scenario needs at least one run"));
    assert!(problems(RUN).iter().any(|problem| problem.2 == "a scenario needs `format`"));
}

#[test]
fn expectations_are_read_with_bounds_windows_and_shares() {
    let text = format!(
        "{HEAD}{RUN}[[expect]]\nrun = \"a\"\nmetric = \"lost_acked\"\nduring = [\"1s\", \"2s\"]\nbetween = [1, 2.5]\npercent_of = \"acked_writes\"\n"
    );
    let scenario = load("test.toml", &text, &[]).expect("it loads");
    assert_eq!(scenario.expectations[0].during, Some((VirtualTime(1_000_000), VirtualTime(2_000_000))));
    let Subject::Metric { wanted, percent_of, .. } = &scenario.expectations[0].subject else {
        panic!("a metric")
    };
    assert_eq!((*wanted, percent_of.is_some()), (Bound::Between(1.0, 2.5), true));
    assert!(only(&text.replace("lost_acked", "lost_akced")).2.contains("unknown metric"));
    assert!(only(&text.replace("\"2s\"", "\"1.25s\"")).2.contains("between two tenths"));
    assert!(only(&text.replace("\"2s\"", "\"500ms\"")).2.contains("no window"));
}

#[test]
fn overrides_meet_the_same_checks() {
    let text = format!("{HEAD}{RUN}[[timeline]]\nat = \"9s\"\nsay = \"a\"\n");
    let set = |text: &str| Override::Set(text.to_owned());
    let changes = [
        set("a.ack=majority"),
        set("workload.rate=500"),
        set("network.loss=0.1"),
        set("cluster.nodes=7"),
        set("seed=9"),
        Override::For("12s".to_owned()),
        Override::Do("5s crash n7".to_owned()),
    ];
    let scenario = load("test.toml", &text, &changes).unwrap_or_else(|p| panic!("{}", p.render(false)));
    assert_eq!((scenario.seed, scenario.duration.0, scenario.workload.rate), (9, 12_000_000, 500));
    assert_eq!(scenario.runs[0].setup.knobs.word("ack"), "majority");
    assert_eq!((scenario.runs[0].setup.cluster.nodes, scenario.runs[0].setup.network.loss_ppm), (7, 100_000));
    assert_eq!(scenario.timeline[0].at, VirtualTime(5_000_000), "sorted in");
    for (bad, found) in [
        (set("a.ack=al"), "`ack` is one of"),
        (set("b.ack=all"), "unknown run `b`"),
        (set("workload.speed=3"), "unknown key `speed`"),
        (set("nonsense"), "sets nothing"),
        (Override::Do("5s crash n9".to_owned()), "unknown node `n9`"),
        (Override::Do("crash".to_owned()), "no timed command"),
        (Override::For("soon".to_owned()), "no duration"),
    ] {
        let Err(problems) = load("test.toml", &text, std::slice::from_ref(&bad)) else { panic!("{bad:?}") };
        assert!(problems.list[0].message.contains(found), "{bad:?}: {:?}", problems.list);
        assert!(problems.render(false).contains("command line:1:"), "{}", problems.render(false));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC{0,200}") {
        if let Err(problems) = load("test.toml", &text, &[]) { problems.render(false); }
    }

    #[test]
    fn a_mutilated_preset_never_makes_it_panic(which in 0..PRESETS.len(), at in 0usize..6000, cut in 0usize..40, put in "[\\[\\]{}=\",a-z0-9\n.é\u{1b}-]{0,6}") {
        let text = PRESETS[which].text;
        let border = |at: usize| (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let (from, to) = (border(at % text.len()), border(at % text.len() + cut));
        let text = format!("{}{put}{}", &text[..from], &text[to.max(from)..]);
        if let Err(problems) = load("test.toml", &text, &[]) {
            prop_assert!(!problems.render(false).chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
