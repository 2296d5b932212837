//! Why? Chains of causes in situations that presets bring about, link by link.

use splitbrain::base::names::Names;
use splitbrain::base::time::VirtualTime;
use splitbrain::base::why::{About, Chain, Kind};
use splitbrain::cluster::live::HostKind;
use splitbrain::driver::player::Player;
use splitbrain::scenario::presets::load;
use std::process::Command;
use std::sync::Arc;

/// Plays `preset` for `seconds` and asks one of its runs.
fn ask(preset: &str, run: &str, seconds: u64, kind: Kind) -> Vec<String> {
    let scenario = Arc::new(load(preset).expect("every preset loads"));
    let place = scenario.runs.iter().position(|known| known.id == run).expect("the run exists");
    let mut player = Player::new(scenario, HostKind::Inline).expect("a world");
    player.advance(VirtualTime(seconds * 1_000_000));
    let cluster = &mut player.clusters()[place];
    let digest = cluster.digest();
    let chain = cluster.why(About::Newest(kind)).expect("there is one");
    assert_eq!(cluster.digest(), digest, "asking changes nothing");
    spelled(&chain, &cluster.names())
}

fn spelled(chain: &Chain, names: &Names) -> Vec<String> {
    let link = |reason: &splitbrain::base::why::Reason| {
        let who = reason.node.map_or_else(|| "-".to_owned(), |node| names.node(node));
        format!("{who} {} {}", reason.code.unwrap_or("."), reason.text)
    };
    chain.iter().map(link).collect()
}

/// Each link begins with these words, and there are no others.
fn assert_links(chain: &[String], wanted: &[&str]) {
    let are_such = chain.iter().zip(wanted).all(|(link, words)| link.starts_with(words));
    assert!(are_such && chain.len() == wanted.len(), "{chain:#?}\nwanted {wanted:#?}");
}

#[test]
fn an_election_goes_back_to_the_crash_of_the_primary() {
    let chain = ask("pair-kill-one", "primary", 12, Kind::Election);
    let wanted = [
        "n2 ROLE_PRIMARY became primary term=2",
        "n2 VOTE_GRANT voted for by n3",
        "n2 ELECT_START no primary for",
        "n2 . the last message from n1 came at 00:09.",
        "- FAULT `crash n1` began (f1)",
    ];
    assert_links(&chain, &wanted);
}

#[test]
fn a_lost_write_goes_back_to_the_primary_that_never_had_it_and_to_what_made_that_one() {
    let chain = ask("jepsen-redis-2013", "none", 30, Kind::Lost);
    assert!(chain[0].contains("ok in") && chain[0].ends_with("and yet it is lost"), "{chain:#?}");
    let wanted = [
        "n1 . op",
        "n1 DIVERGED history forks at",
        "n3 ROLE_PRIMARY became primary term=2",
        "n5 FAILOVER_SELECTED failover epoch=2: selected n3",
        "n3 ODOWN n1 objectively down: 3 monitors",
        "n3 . the last message from n1 came at 00:04.",
        "n1 . what n1 has sent to n3 since is lost: link cut",
        "- FAULT `partition n1,n2 | n3,n4,n5` began (f1)",
    ];
    assert_links(&chain, &wanted);
}

#[test]
fn a_write_that_only_an_old_primary_has_is_lost_as_things_stand() {
    let chain = ask("jepsen-redis-2013", "none", 20, Kind::Lost);
    assert!(chain[0].ends_with("and yet it is lost, as things stand"), "{chain:#?}");
    assert!(chain[1].contains("another primary's log counts by now"), "{chain:#?}");
    assert!(chain[2].starts_with("n3 ROLE_PRIMARY became primary term=2"), "{chain:#?}");
    assert_eq!(chain.last().expect("a cause"), "- FAULT `partition n1,n2 | n3,n4,n5` began (f1)");
}

#[test]
fn a_refused_write_goes_back_through_who_sent_it_away_to_the_cut() {
    let chain = ask("same-cut-four-answers", "majority", 15, Kind::Failed);
    assert!(chain[0].contains("failed: no node accepted it"), "{chain:#?}");
    let last = chain.last().expect("a first cause");
    assert_eq!(last, "- FAULT `partition n1,n2 | n3,n4,n5` began (f1)");
    assert!(chain.iter().any(|link| link.contains("is not primary and knows none")), "{chain:#?}");
    assert!(chain.iter().any(|link| link.contains("out of reach of n3, n4, n5")), "{chain:#?}");
}

#[test]
fn a_stale_read_goes_back_to_the_mail_that_still_waits() {
    let chain = ask("sloppy-stale", "sloppy", 25, Kind::Stale);
    let codes: Vec<&str> = chain.iter().filter_map(|link| link.split(' ').nth(1)).collect();
    assert_eq!(codes, ["OP", ".", ".", "HINT_STORE", "PEER_DOWN", ".", ".", "FAULT"], "{chain:#?}");
    assert!(chain[1].contains("it missed 1 acknowledged write(s)"), "{chain:#?}");
}

#[test]
fn run_tells_the_chain_after_its_report_and_in_its_object() {
    let run = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_splitbrain")).args(arguments).output().expect("it starts");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    };
    let (code, text) = run(&["run", "async-gap", "--why", "last-election", "--for", "12s"]);
    assert!(text.contains("why last-election in async?") && text.contains("because: "), "{code:?} {text}");
    let (_, object) = run(&["run", "async-gap", "--why", "lost", "--json"]);
    assert!(object.contains(r#""why":[{"run":"async","about":"lost","chain":[{"at_us":"#), "{object}");
    assert_eq!(run(&["run", "async-gap", "--why", "everything"]).0, Some(2));
}

#[test]
fn an_effect_that_is_gone_goes_back_to_the_write_that_did_not_know_of_it() {
    let chain = ask("cart", "lww", 19, Kind::Lost);
    let wanted = ["n1 . ", "n4 LOST ", "- FAULT `partition n1,n2 | n3,n4,n5` began (f1)"];
    assert_links(&chain, &wanted);
}
