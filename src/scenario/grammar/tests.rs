//! Commands as people write them, and what they are told when they slip.

use super::*;
use crate::base::command::{Links, NodeRef};
use crate::base::ids::{MessageId, NodeId};
use crate::base::time::Span;
use proptest::prelude::*;

fn vocabulary() -> Vocabulary {
    Vocabulary {
        nodes: (1..=5).map(|n| format!("n{n}")).collect(),
        spares: Vec::new(),
        sites: vec![Site { name: "east".into(), nodes: vec![NodeId(0), NodeId(1)] }],
        runs: vec!["majority".into(), "strict".into()],
        topologies: vec![Topology::PrimaryReplica, Topology::PeerToPeer],
    }
}

fn n(number: u16) -> NodeRef {
    NodeRef::Named(NodeId(number - 1))
}

fn read(text: &str) -> Command {
    parse(text, &vocabulary()).unwrap_or_else(|error| panic!("{text}: {error}")).command
}

fn error(text: &str) -> (String, String) {
    let error = parse(text, &vocabulary()).expect_err(text);
    (text[error.span.clone()].to_owned(), error.to_string())
}

#[test]
fn every_example_of_the_table_parses_and_prints_as_it_was_read() {
    for row in VERBS {
        let command = read(row.example);
        assert_eq!(command.verb().word, row.word);
        assert_eq!(read(&command.to_string()), command, "{}", row.word);
    }
}

#[test]
fn links_have_all_their_forms() {
    let between = |from, to, both| Links::Between { from, to, both };
    assert_eq!(read("cut n1 > n2,n3"), Command::Cut { links: between(vec![n(1)], vec![n(2), n(3)], false) });
    assert_eq!(
        read("delay n1-n3 +300ms"),
        Command::Delay { links: between(vec![n(1)], vec![n(3)], true), extra: Span::millis(300) }
    );
    assert_eq!(read("hold east>n4"), Command::Hold { links: between(vec![n(1), n(2)], vec![n(4)], false) });
    assert_eq!(read("loss n2 10%"), Command::Loss { links: Links::Of(n(2)), ppm: 100_000 });
    assert_eq!(read("loss all 0.5%"), Command::Loss { links: Links::All, ppm: 5_000 });
}

#[test]
fn names_with_dashes_are_no_links() {
    let names = vec!["east-1".to_owned(), "east-2".to_owned(), "west-1".to_owned()];
    let vocabulary = Vocabulary { nodes: names, ..vocabulary() };
    let links = |text| parse(text, &vocabulary).map(|scoped| scoped.command);
    let both = Links::Between { from: vec![n(1)], to: vec![n(3)], both: true };
    assert_eq!(links("cut east-1-west-1"), Ok(Command::Cut { links: both }));
    assert_eq!(links("hold east-2"), Ok(Command::Hold { links: Links::Of(n(2)) }));
}

#[test]
fn roles_and_scopes_are_kept_for_the_moment_they_fire() {
    let scoped = parse("[strict] crash owner-2-of k17 power", &vocabulary()).expect("it parses");
    assert_eq!(scoped.runs, [1]);
    let node = NodeRef::Owner { rank: 2, key: "k17".into() };
    assert_eq!(scoped.command, Command::Crash { node, kind: CrashKind::Power });
    assert_eq!(read("crash primary"), Command::Crash { node: NodeRef::Primary, kind: CrashKind::Process });
}

#[test]
fn heal_tells_nodes_faults_and_links_apart() {
    let healed = |text| match read(text) {
        Command::Heal { what } => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(healed("heal"), Healed::Everything);
    assert_eq!(healed("heal n3"), Healed::Node(n(3)));
    assert_eq!(healed("heal f3"), Healed::Fault(3));
    assert!(matches!(healed("heal n1>n2"), Healed::Links(_)));
}

#[test]
fn operations_take_words_and_quoted_text() {
    let write =
        |key: &str, value: &str, at| Command::Write { key: key.into(), value: value.into(), at, level: None };
    assert_eq!(read("write x=5 at n2"), write("x", "5", Some(n(2))));
    assert_eq!(read("write \"a key\"=\"a = b\""), write("a key", "a = b", None));
    assert_eq!(read("drop m123"), Command::Drop { message: MessageId(123) });
}

#[test]
fn errors_name_the_part_and_what_would_be_right() {
    assert_eq!(error("crash n6"), ("n6".into(), "unknown node `n6`; this cluster has n1..n5".into()));
    assert_eq!(
        error("isolte n1"),
        ("isolte".into(), "unknown verb `isolte`; did you mean `isolate`?".into())
    );
    assert_eq!(error("hand-over").1, "`hand-over` is not in this version; `:help` lists what is");
    assert_eq!(error("loss n1>n2 130%").0, "130%");
    assert_eq!(error("partition n1,n2 | n2,n3").1, "n2 stands in two groups; each node belongs to one group");
    assert_eq!(error("partition n1,n2").1, "a partition has at least two groups; `partition A,B | C,D,E`");
    assert_eq!(error("[fast] crash n1").1, "unknown run `fast`; the runs are majority, strict");
    assert_eq!(error("delay n1>n2 quick").0, "quick");
    assert_eq!(error("say a\u{1b}[2Jb").1, "control character U+001B in a command");
    assert!(error("crash").1.contains("`crash NODE [power|disk-loss]`"));
    assert!(error("[majority] set vnodes=3").1.contains("no knob of primary-replica"));
    assert!(error("").1.contains("empty command"));
}

#[test]
fn the_palette_completes_verbs_and_arguments() {
    let texts =
        |partial: &str| complete(partial, &vocabulary()).into_iter().map(|c| c.text).collect::<Vec<_>>();
    assert_eq!(texts("isol"), ["isolate"]);
    assert!(texts("crash n").starts_with(&["crash n1".to_owned(), "crash n2".to_owned()]));
    assert!(texts("set ack=").contains(&"set ack=majority".to_owned()));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
        let _ = parse(&text, &vocabulary());
        let _ = complete(&text, &vocabulary());
    }

    #[test]
    fn no_arguments_make_the_parser_panic(verb in 0..VERBS.len(), rest in "[a-z0-9 ,|>=%+.\\-\"é]{0,30}") {
        let text = format!("{} {rest}", VERBS[verb].word);
        match parse(&text, &vocabulary()) {
            Ok(scoped) => prop_assert_eq!(parse(&scoped.command.to_string(), &vocabulary()).map(|s| s.command), Ok(scoped.command)),
            Err(error) => prop_assert!(text.get(error.span).is_some()),
        }
    }
}

#[test]
fn updates_name_an_element_or_an_amount() {
    let update = |update, key: &str| Command::Update { update, key: key.into(), at: None, level: None };
    assert_eq!(read("add cart=milk"), update(TypedUpdate::Add("milk".into()), "cart"));
    assert_eq!(read("increment hits"), update(TypedUpdate::Increment(1), "hits"));
    assert_eq!(read("increment hits=-5"), update(TypedUpdate::Increment(-5), "hits"));
    assert_eq!(read("resolve x=5"), update(TypedUpdate::Resolve("5".into()), "x"));
    assert!(error("resolve x={a,b}").1.contains("one value"));
    assert_eq!(error("increment hits=many").0, "many");
}
