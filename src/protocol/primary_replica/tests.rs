//! One node, step by step: what it wants done, in the order in which it says so.

use super::message::{Ack, Append, SyncRequest, VoteReply, VoteRequest};
use super::*;
use crate::base::ids::{ClientId, Value, Version};
use crate::base::knob::{Profile, Topology};
use crate::base::line::Line;
use crate::base::operation::{Action, Doubt, Refusal, Reply, Request};
use crate::base::random::Stream;
use crate::base::time::WallTime;
use crate::protocol::kit::log::Change;
use crate::protocol::{Effect, Ghost};

type Effects = Vec<Effect<PrimaryReplica>>;

/// A node with the little world it needs.
struct Bench {
    node: PrimaryReplica,
    now: VirtualTime,
    random: Stream,
    appended: DiskPosition,
    me: NodeId,
    disk_full: bool,
}

fn config(knobs: &[(&str, &str)]) -> Arc<Config> {
    let mut set = Knobs::defaults(Topology::PrimaryReplica, Profile::Demo);
    for (key, value) in knobs {
        set.set(key, value, &|_| None).expect("the knob is right");
    }
    Arc::new(Config::new(&set))
}

impl Bench {
    fn new(me: u16, knobs: &[(&str, &str)]) -> Self {
        let (mut random, mut appended, mut effects) = (Stream::new(1, "test"), DiskPosition(0), Vec::new());
        let me = NodeId(me);
        let mut cx = context(me, VirtualTime(0), false, &mut random, &mut appended, &mut effects);
        let node = PrimaryReplica::boot(&mut cx, config(knobs), Durable::default());
        Bench { node, now: VirtualTime(0), random, appended, me, disk_full: false }
    }

    fn step(&mut self, input: Input<PrimaryReplica>) -> Effects {
        let mut effects = Vec::new();
        let (random, appended) = (&mut self.random, &mut self.appended);
        let mut cx = context(self.me, self.now, self.disk_full, random, appended, &mut effects);
        self.node.step(&mut cx, input);
        effects
    }

    fn hear(&mut self, from: u16, message: Message) -> Effects {
        self.step(Input::Message { from: NodeId(from), message })
    }

    fn flush(&mut self) -> Effects {
        let upto = self.appended;
        self.step(Input::Flushed { upto })
    }

    fn wait(&mut self, millis: u64) -> Effects {
        self.now += Span::millis(millis);
        self.step(Input::Timer(ELECTION))
    }

    fn acked(&mut self, from: u16, index: u64) -> Effects {
        let ack =
            Ack { term: self.node.term, written: index, flushed: index, applied: index, is_heartbeat: false };
        self.hear(from, Message::Ack(ack))
    }
}

fn context<'a>(
    me: NodeId,
    now: VirtualTime,
    disk_full: bool,
    random: &'a mut Stream,
    appended: &'a mut DiskPosition,
    effects: &'a mut Effects,
) -> Context<'a> {
    Context { me, members: 3, now, wall: WallTime(0), disk_full, incarnation: 1, random, appended, effects }
}

fn request(op: u32, action: Action) -> Request {
    Request { op: OpId(op), client: ClientId(0), sequence: op, key: Key(7), action }
}

fn write(op: u32) -> Input<PrimaryReplica> {
    Input::Client(request(op, Action::Write(Value(op))))
}

fn entry(term: u64, op: u32) -> Entry {
    Entry {
        term,
        op: OpId(op),
        client: ClientId(0),
        sequence: op,
        key: Key(7),
        change: Change::Put(Value(op)),
    }
}

fn append(term: u64, prev: (u64, u64), entries: &[Entry], commit: u64) -> Message {
    let (prev_term, prev_index) = prev;
    let entries = entries.into();
    Message::Append(Append { term, prev_index, prev_term, entries, commit, sent_at: VirtualTime(0) })
}

fn reply(op: u32, answer: Answer) -> Effect<PrimaryReplica> {
    Effect::Reply(Reply { op: OpId(op), answer })
}

fn written(op: u32, index: u64) -> Effect<PrimaryReplica> {
    reply(op, Answer::Written(Version((1 << 40) | index)))
}

fn replies(effects: &Effects) -> Vec<&Effect<PrimaryReplica>> {
    effects.iter().filter(|effect| matches!(effect, Effect::Reply(_))).collect()
}

#[test]
fn a_write_is_appended_flushed_and_shipped_at_once_and_acknowledged_by_a_majority() {
    let mut primary = Bench::new(0, &[("ack", "majority")]);
    let ship = |to| Effect::Send { to: NodeId(to), message: append(1, (1, 1), &[entry(1, 5)], 0) };
    assert_eq!(
        primary.step(write(5)),
        [Effect::Append(Record::Append(entry(1, 5))), Effect::Flush, ship(1), ship(2)]
    );
    assert_eq!(primary.flush(), [], "its own flush is no majority");
    assert_eq!(primary.acked(2, 2), [written(5, 2)]);
    assert_eq!(primary.acked(1, 2), [], "acknowledged once");
}

#[test]
fn each_mode_acknowledges_when_its_condition_holds() {
    let acknowledged_after = |knobs: &[(&str, &str)]| {
        let mut primary = Bench::new(0, knobs);
        if !replies(&primary.step(write(5))).is_empty() {
            return "appended";
        }
        if !replies(&primary.flush()).is_empty() {
            return "flushed";
        }
        if !replies(&primary.acked(1, 2)).is_empty() {
            return "one replica";
        }
        if !replies(&primary.acked(2, 2)).is_empty() { "all replicas" } else { "never" }
    };
    assert_eq!(acknowledged_after(&[("ack", "fire")]), "appended");
    assert_eq!(acknowledged_after(&[("ack", "async")]), "flushed");
    assert_eq!(acknowledged_after(&[("ack", "semi-sync")]), "one replica");
    assert_eq!(acknowledged_after(&[("ack", "semi-sync"), ("sync_count", "2")]), "all replicas");
    assert_eq!(acknowledged_after(&[("ack", "majority")]), "one replica");
    assert_eq!(acknowledged_after(&[("ack", "all")]), "all replicas");
}

#[test]
fn semi_sync_falls_back_after_its_patience_and_comes_back() {
    let mut primary = Bench::new(0, &[("ack", "semi-sync"), ("sync_timeout", "1s")]);
    primary.step(write(5));
    primary.flush();
    primary.now += Span::seconds(1);
    let effects = primary.step(Input::Timer(HEARTBEAT));
    assert!(effects.contains(&Effect::Say(Line::SyncFallback { after: Span::seconds(1) })));
    assert_eq!(replies(&effects), [&written(5, 2)]);
    primary.acked(1, 2);
    assert!(primary.step(Input::Timer(HEARTBEAT)).contains(&Effect::Say(Line::SyncBack)));
}

#[test]
fn a_request_sent_twice_is_appended_once() {
    let mut primary = Bench::new(0, &[("ack", "async")]);
    primary.step(write(5));
    primary.flush();
    assert_eq!(primary.step(write(5)), [written(5, 2)]);
    assert_eq!(primary.node.log.last_index(), 2);
}

#[test]
fn who_is_not_primary_says_who_is_and_a_full_disk_refuses_definitely() {
    let mut replica = Bench::new(1, &[]);
    assert_eq!(replica.step(write(5)), [reply(5, Answer::NotPrimary { hint: Some(NodeId(0)) })]);
    let mut primary = Bench::new(0, &[]);
    primary.disk_full = true;
    assert_eq!(
        primary.step(write(5)),
        [Effect::Say(Line::DiskFull), reply(5, Answer::Refused(Refusal::DiskFull))]
    );
}

#[test]
fn a_vote_is_told_only_after_it_is_flushed_and_given_once_a_term() {
    let mut voter = Bench::new(1, &[]);
    voter.now += Span::seconds(3);
    let ask = |end| Message::Vote(VoteRequest { term: 2, end, is_pre: false });
    let effects = voter.hear(2, ask((1, 1)));
    assert!(effects.contains(&Effect::Append(Record::Term { term: 2, voted_for: Some(NodeId(2)) })));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Send { .. })), "{effects:?}");
    let told = VoteReply { term: 2, is_granted: true, is_pre: false };
    assert!(voter.flush().contains(&Effect::Send { to: NodeId(2), message: Message::VoteReply(told) }));
    let denied = VoteReply { term: 2, is_granted: false, is_pre: false };
    assert!(
        voter
            .hear(0, ask((9, 9)))
            .contains(&Effect::Send { to: NodeId(0), message: Message::VoteReply(denied) })
    );
}

#[test]
fn a_voter_that_hears_its_primary_ignores_candidates_and_their_term() {
    let mut voter = Bench::new(1, &[]);
    voter.hear(0, append(1, (0, 0), &[], 0));
    voter.now += Span::millis(100);
    let effects = voter.hear(2, Message::Vote(VoteRequest { term: 9, end: (9, 9), is_pre: false }));
    let ignored = Line::VoteIgnored { candidate: NodeId(2), ago: Span::millis(100) };
    assert_eq!((effects, voter.node.term), (vec![Effect::Say(ignored)], 1));
}

#[test]
fn a_pre_vote_changes_no_term_and_a_majority_of_them_starts_the_election() {
    let mut replica = Bench::new(1, &[]);
    replica.wait(1_001);
    assert_eq!((&replica.node.role, replica.node.term), (&Role::PreCandidate(vec![NodeId(1)]), 1));
    let yes = |is_pre| Message::VoteReply(VoteReply { term: 2, is_granted: true, is_pre });
    replica.hear(2, yes(true));
    assert_eq!((&replica.node.role, replica.node.term), (&Role::Candidate(Vec::new()), 2));
    replica.hear(2, yes(false));
    assert!(!replica.node.is_primary(), "its own vote is not flushed yet");
    replica.flush();
    assert!(replica.node.is_primary());
}

#[test]
fn only_entries_of_the_own_term_are_committed_by_counting() {
    let mut node = Bench::new(1, &[("ack", "majority")]);
    node.hear(0, append(1, (0, 0), &[Entry::opening(1), entry(1, 5)], 0));
    node.flush();
    node.wait(1_001);
    node.hear(2, Message::VoteReply(VoteReply { term: 2, is_granted: true, is_pre: true }));
    node.flush();
    node.hear(2, Message::VoteReply(VoteReply { term: 2, is_granted: true, is_pre: false }));
    assert!(node.node.is_primary());
    node.flush();
    node.acked(2, 2);
    assert_eq!(node.node.commit, 0, "the entry of term 1 is on a majority, and not committed");
    node.acked(2, 3);
    assert_eq!(node.node.commit, 3, "the entry that opens term 2 commits it too");
}

#[test]
fn stepping_down_answers_whoever_waits_with_doubt() {
    let mut primary = Bench::new(0, &[("ack", "majority")]);
    primary.step(write(5));
    let effects = primary.hear(2, append(3, (0, 0), &[], 0));
    assert_eq!(replies(&effects), [&reply(5, Answer::Uncertain(Doubt::SteppedDown))]);
    assert_eq!((primary.node.term, primary.node.primary), (3, Some(NodeId(2))));
}

#[test]
fn a_branch_that_history_passed_over_is_cut_kept_and_told() {
    let mut old = Bench::new(0, &[("ack", "async")]);
    old.step(write(5));
    old.flush();
    let effects = old.hear(2, append(2, (1, 1), &[Entry::opening(2)], 0));
    let cut = Ghost::Cut { from: 2, entries: 1, ops: vec![OpId(5)] };
    assert!(effects.contains(&Effect::Ghost(cut)));
    let said = Line::Diverged { at: 2, entries: 1, acked: 1, primary: NodeId(2) };
    assert!(effects.contains(&Effect::Say(said)));
    assert_eq!(old.node.archive[0].entries, [entry(1, 5)]);
    assert_eq!(old.node.table.find(Key(7)), None, "what it had applied is taken back");
    assert_eq!(old.node.log.end(), (2, 2));
}

#[test]
fn a_message_that_came_late_cuts_nothing() {
    let mut replica = Bench::new(1, &[]);
    let all = [Entry::opening(1), entry(1, 5), entry(1, 6)];
    replica.hear(0, append(1, (0, 0), &all, 0));
    replica.hear(0, append(1, (0, 0), &all[..1], 0));
    assert_eq!(replica.node.log.last_index(), 3);
}

#[test]
fn a_gap_is_answered_with_what_is_there_and_filled_from_the_common_point() {
    let mut replica = Bench::new(1, &[]);
    let effects = replica.hear(0, append(1, (1, 4), &[entry(1, 9)], 0));
    let history: Arc<[(u64, u64)]> = Arc::from([]);
    let asks = Message::Sync(SyncRequest { term: 1, last: 0, history });
    assert!(effects.contains(&Effect::Send { to: NodeId(0), message: asks.clone() }));
    let mut primary = Bench::new(0, &[("ack", "async")]);
    primary.step(write(5));
    let sent = primary.hear(1, asks);
    let all = append(1, (0, 0), &[Entry::opening(1), entry(1, 5)], 0);
    assert_eq!(sent, [Effect::Send { to: NodeId(1), message: all }]);
}

#[test]
fn a_replica_beyond_the_backlog_gets_a_snapshot() {
    let mut primary = Bench::new(0, &[("ack", "async"), ("backlog", "3")]);
    for op in 0..9 {
        primary.step(write(op));
        primary.flush();
    }
    let history: Arc<[(u64, u64)]> = Arc::from([(1, 1)]);
    let effects = primary.hear(1, Message::Sync(SyncRequest { term: 1, last: 2, history }));
    assert!(
        effects.contains(&Effect::Say(Line::FullStart { peer: NodeId(1), index: 10, rows: 1 })),
        "{effects:?}"
    );
    let chunk = effects.into_iter().find_map(|effect| match effect {
        Effect::Send { message: chunk @ Message::Chunk(_), .. } => Some(chunk),
        _ => None,
    });
    let mut replica = Bench::new(1, &[("ack", "async")]);
    replica.hear(0, chunk.expect("a snapshot of one row is one chunk"));
    assert_eq!(replica.node.log.last_index(), 10);
    assert_eq!(replica.node.table.digest(), primary.node.table.digest());
    assert_eq!(replica.node.log.first_index(), 11, "it cannot ship what it never received as a log");
}

#[test]
fn without_fencing_two_primaries_meet_and_the_older_term_yields() {
    let knobs = [("promotion", "auto-unsafe"), ("fencing", "none")];
    let mut old = Bench::new(0, &knobs);
    old.hear(2, Message::Stale { term: 2 });
    assert!(old.node.is_primary(), "it obeys no hearsay");
    old.hear(2, append(2, (0, 0), &[], 0));
    assert!(!old.node.is_primary(), "it yields to a primary of a higher term");
    let mut alone = Bench::new(1, &knobs);
    alone.wait(1_500 + 200);
    assert!(alone.node.is_primary() && alone.node.term == 2, "silence makes it promote itself");
}

#[test]
fn an_operators_order_makes_a_primary_whatever_the_others_think() {
    let mut replica = Bench::new(1, &[("promotion", "manual")]);
    replica.wait(60_000);
    assert!(!replica.node.is_primary(), "nothing happens by itself");
    replica.step(Input::Operator(Order::Promote));
    assert!(replica.node.is_primary() && replica.node.term == 2);
}
