//! Moments of voters and candidates.

use super::super::{ELECTION, Record, Role};
use super::{Bench, Effects, ack, append, entry, first_epoch, send, write, write_of};
use crate::base::ids::NodeId;
use crate::base::line::{Denial, Line};
use crate::base::time::Span;
use crate::protocol::kit::log::{Epoch, Position};
use crate::protocol::primary_replica::message::{Message, VoteReply, VoteRequest};
use crate::protocol::{Effect, Input, Order, Traffic};

fn ask(term: u64, index: u64, is_pre: bool) -> Message {
    let end = Position { epoch: first_epoch(), index };
    Message::Vote(VoteRequest { term, end, is_pre, is_invited: false })
}

fn reply(term: u64, is_granted: bool, is_pre: bool) -> Message {
    Message::VoteReply(VoteReply { term, is_granted, is_pre })
}

/// A replica that has the primary's opening entry and has not heard of it for `silence`.
fn forsaken(me: u16, changes: &[(&str, &str)], silence: Span) -> Bench {
    let mut replica = Bench::of_three(me, changes);
    replica.hear(0, append(0, &[entry(1, None)], 0));
    replica.flush();
    replica.wait(silence);
    replica
}

fn lose_patience(replica: &mut Bench) -> Effects {
    replica.step(Input::Timer(ELECTION))
}

#[test]
fn a_vote_is_told_only_after_it_is_flushed_and_given_once_a_term() {
    let mut voter = forsaken(1, &[], Span::seconds(3));
    let effects = voter.hear(2, ask(2, 1, false));
    let vote = Record::Term { term: 2, voted_for: Some(NodeId(2)) };
    assert!(effects.contains(&Effect::Append(vote)));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Send { .. })), "{effects:?}");
    assert!(voter.flush().contains(&send(2, reply(2, true, false))));
    assert!(voter.hear(0, ask(2, 9, false)).contains(&send(0, reply(2, false, false))));
}

#[test]
fn a_shorter_log_gets_no_vote() {
    let mut voter = forsaken(1, &[], Span::seconds(3));
    let effects = voter.hear(2, ask(2, 0, false));
    let why = Denial::OldLog { mine: (1, 1), theirs: (1, 0) };
    assert!(effects.contains(&Effect::Say(Line::VoteDeny { candidate: NodeId(2), term: 2, why })));
}

#[test]
fn a_voter_that_hears_its_primary_ignores_candidates_and_their_term() {
    let mut voter = forsaken(1, &[], Span::millis(100));
    let ignored = Line::VoteIgnored { candidate: NodeId(2), ago: Span::millis(100) };
    assert_eq!(voter.hear(2, ask(9, 9, false)), [Effect::Say(ignored)]);
    assert_eq!(voter.node.term, 1);
}

#[test]
fn a_pre_vote_changes_no_term_and_a_majority_of_them_starts_the_election() {
    let mut replica = forsaken(1, &[], Span::millis(1_001));
    let asked = lose_patience(&mut replica);
    assert!(asked.contains(&send(2, ask(2, 1, true))));
    assert!(matches!(replica.node.role, Role::PreCandidate(_)));
    assert_eq!(replica.node.term, 1);
    replica.hear(2, reply(2, true, true));
    assert!(matches!(replica.node.role, Role::Candidate(_)));
    assert_eq!(replica.node.term, 2);
    replica.hear(2, reply(2, true, false));
    assert!(!replica.node.is_primary(), "its own vote is not flushed yet");
    replica.flush();
    assert!(replica.node.is_primary());
}

#[test]
fn only_entries_of_the_own_reign_are_committed_by_counting() {
    let mut node = Bench::of_three(1, &[("ack", "majority")]);
    node.hear(0, append(0, &[entry(1, None), write_of(1, 5, 5)], 0));
    node.flush();
    node.wait(Span::millis(1_001));
    lose_patience(&mut node);
    node.hear(2, reply(2, true, true));
    node.flush();
    node.hear(2, reply(2, true, false));
    assert!(node.node.is_primary());
    node.flush();
    let acked = |index| {
        let Message::Ack(mine) = ack(Traffic::Write, [index; 3]) else {
            unreachable!("it makes nothing else")
        };
        Message::Ack(super::super::message::Ack { epoch: Epoch::new(2, NodeId(1), 1), ..mine })
    };
    node.hear(2, acked(2));
    assert_eq!(node.node.commit, 0, "the entry of term 1 is on a majority, and not committed");
    node.hear(2, acked(3));
    assert_eq!(node.node.commit, 3, "the entry that opens term 2 commits it too");
}

#[test]
fn without_fencing_a_primary_obeys_no_hearsay_and_yields_to_a_later_reign() {
    let knobs = [("promotion", "auto-unsafe"), ("fencing", "none")];
    let mut old = Bench::of_three(0, &knobs);
    old.hear(2, Message::Stale { term: 2 });
    assert!(old.node.is_primary(), "it obeys no hearsay");
    let mut alone = forsaken(1, &knobs, Span::seconds(5));
    lose_patience(&mut alone);
    assert!(alone.node.is_primary() && alone.node.term == 2, "silence makes it promote itself");
}

#[test]
fn with_epochs_a_primary_that_hears_of_a_higher_term_is_fenced() {
    let mut old = Bench::of_three(0, &[("promotion", "auto-unsafe"), ("fencing", "epoch")]);
    let effects = old.hear(2, Message::Stale { term: 2 });
    assert!(effects.contains(&Effect::Say(Line::Fenced { mine: 1, seen: 2 })));
    assert!(!old.node.is_primary());
}

#[test]
fn an_operators_order_makes_a_primary_whatever_the_others_think() {
    let mut replica = forsaken(1, &[("promotion", "manual")], Span::seconds(60));
    lose_patience(&mut replica);
    assert!(!replica.node.is_primary(), "nothing happens by itself");
    replica.step(Input::Operator(Order::Promote));
    assert!(replica.node.is_primary() && replica.node.term == 2);
}

#[test]
fn a_primary_that_hears_no_majority_steps_down() {
    let mut primary = Bench::of_three(0, &[]);
    primary.step(write(5));
    primary.wait(Span::seconds(3));
    primary.step(Input::Timer(super::super::HEARTBEAT));
    assert!(!primary.node.is_primary());
}
