//! Hand-written ledgers: what each checker says of them, and by which operations it shows it.

use super::*;
use crate::base::data::{Change, Update};
use crate::base::fate::WriteFate;
use crate::base::ids::{ClientId, NodeId, Value, Version};
use crate::base::metric::Metric;
use crate::base::operation::{Action, Doubt, Found, Outcome, Success};
use crate::cluster::fates::{Copies, Decided};
use crate::cluster::ledger::{Marks, OpRecord};
use crate::cluster::measure::WHOLE;
use crate::cluster::outages::{Outage, outages};

const A: Key = Key(1);
const B: Key = Key(2);

/// Operations in the order of their calls.
#[derive(Default)]
struct Story {
    ledger: Ledger,
}

impl Story {
    fn tell(
        mut self,
        client: u16,
        asked: u64,
        ended: u64,
        key: Key,
        action: Action,
        outcome: Outcome,
    ) -> Story {
        let op = self.ledger.open(OpRecord {
            client: ClientId(client),
            sequence: 0,
            key,
            action,
            scheduled: VirtualTime(asked),
            ended: VirtualTime::ZERO,
            outcome: Outcome::Pending,
            node: None,
            marks: Marks::default(),
            is_by_hand: false,
        });
        self.ledger.close(op, VirtualTime(ended), Some(NodeId(0)), outcome);
        self
    }

    /// A write of a value of its own, with its version.
    fn write(self, client: u16, at: (u64, u64), key: Key, version: u64) -> Story {
        let outcome = Outcome::Ok(Success::Written(Version(version).into()));
        self.tell(client, at.0, at.1, key, Action::write(Value(version as u32)), outcome)
    }

    /// A read that shows the write `by` with its version; nothing for version 0.
    fn read(self, client: u16, at: (u64, u64), key: Key, version: u64, by: u32) -> Story {
        let value = Some(Data::One(Value(version as u32)));
        let found = Found { value, written_by: OpId(by), version: Version(version), past: None };
        let outcome = Outcome::Ok(Success::Found((version > 0).then_some(found)));
        self.tell(client, at.0, at.1, key, Action::Read, outcome)
    }

    fn update(self, at: (u64, u64), key: Key, update: Update, is_acked: bool) -> Story {
        let outcome = match is_acked {
            true => Outcome::Ok(Success::Written(Version(1).into())),
            false => Outcome::Unknown(Doubt::Silence),
        };
        self.tell(0, at.0, at.1, key, Action::Change(Change::Update(update)), outcome)
    }

    fn judged(&self, name: &str, values: &[(Key, Data)], fates: &Fates) -> Ruling {
        let values = values.iter().map(|(key, data)| (*key, vec![data.clone()])).collect();
        let metrics = MetricSet::default();
        let findings = Findings {
            metrics: &metrics,
            breaches: Breaches::default(),
            books_balance: true,
            ledger: &self.ledger,
            promises: &Promises::of(&self.ledger, WHOLE),
            order: &Order::of(&self.ledger, &Names::default()),
            elements: &SetFull::of_ledger(&self.ledger, &Names::default()).0,
            fates,
            values: &values,
            keys_diverged: 0,
            false_siblings: &[],
            stints: &[],
            failovers: &[],
            names: &Names::default(),
        };
        checker(name).expect("a checker of this name").judge(&findings)
    }

    fn says(&self, name: &str, values: &[(Key, Data)]) -> (Verdict, Vec<u32>) {
        let ruling = self.judged(name, values, &Fates::default());
        let shown = ruling.evidence.map_or_else(Vec::new, |evidence| evidence.operations);
        (ruling.verdict, shown.iter().map(|op| op.0).collect())
    }
}

#[test]
fn a_lost_write_fails_durability_and_is_shown_with_what_beat_it() {
    let mut story = Story::default().write(0, (0, 10), A, 5).write(1, (20, 30), A, 4);
    story.ledger.discard(VirtualTime(40), OpId(0), OpId(1));
    let mut fates = Fates::default();
    for (op, fate) in [(0, WriteFate::Safe), (1, WriteFate::BeatenByEarlier)] {
        fates.decided.push(Decided { op: OpId(op), fate, copies: Copies::default() });
        fates.counts.add(fate);
    }
    let ruling = story.judged("durable", &[(A, Data::One(Value(5)))], &fates);
    let evidence = ruling.evidence.expect("evidence");
    assert_eq!((ruling.verdict, evidence.operations), (Verdict::Fail, vec![OpId(0), OpId(1)]));
    assert_eq!(
        evidence.words,
        "1 of 2 acknowledged writes are gone (last reads tell of 1); the first: write k1=v4 of c2 at 00:00.000, \
         beaten by earlier"
    );
    assert_eq!(
        story.judged("durable", &[], &Fates::default()).verdict,
        Verdict::Unknown,
        "nothing acknowledged"
    );
}

#[test]
fn clients_can_tell_a_loss_only_if_all_that_is_left_had_returned_before() {
    let story = Story::default().write(0, (0, 10), A, 1).write(1, (5, 30), A, 2).write(1, (40, 50), A, 3);
    let lost = |value: u32| clients::lost(&story.ledger, &[(A, vec![Data::One(Value(value))])].into());
    assert_eq!(lost(3), []);
    assert_eq!(lost(1), [OpId(2)], "the second ran beside the first: either may be the later");
    assert_eq!(
        clients::lost(&story.ledger, &BTreeMap::new()),
        [OpId(0), OpId(1), OpId(2)],
        "nothing is left"
    );
}

#[test]
fn sessions_are_owed_what_they_wrote_and_what_they_saw() {
    let story =
        Story::default().write(0, (0, 10), A, 5).read(0, (20, 30), A, 4, 0).read(0, (40, 50), A, 3, 0);
    assert_eq!(story.says("read-your-writes", &[]), (Verdict::Fail, vec![0, 1]));
    assert_eq!(story.says("monotonic-reads", &[]), (Verdict::Fail, vec![1, 2]));
    let fresh =
        Story::default().write(0, (0, 10), A, 5).read(0, (20, 30), A, 5, 0).read(1, (20, 30), A, 4, 0);
    assert_eq!(fresh.says("read-your-writes", &[]), (Verdict::Pass, vec![]));
    assert_eq!(Story::default().says("monotonic-reads", &[]).0, Verdict::Unknown);
}

#[test]
fn whoever_saw_a_write_is_owed_what_its_writer_had_written() {
    let before = Story::default().write(0, (0, 10), A, 1).write(0, (20, 30), B, 2);
    let seen = before.read(1, (40, 50), B, 2, 1);
    let missed = seen.read(1, (60, 70), A, 0, 0);
    assert_eq!(missed.says("monotonic-writes", &[]), (Verdict::Fail, vec![0, 1, 2, 3]));
    let other = Story::default().write(0, (0, 10), A, 1).write(0, (5, 30), B, 2).read(1, (40, 50), B, 2, 1);
    let other = other.read(1, (60, 70), A, 0, 0);
    assert_eq!(other.says("monotonic-writes", &[]).0, Verdict::Unknown, "the two writes overlapped");
}

#[test]
fn whoever_saw_a_write_is_owed_what_its_writer_had_read() {
    let story = Story::default()
        .write(2, (0, 10), A, 1)
        .read(0, (20, 30), A, 1, 0)
        .write(0, (40, 50), B, 2)
        .read(1, (60, 70), B, 2, 2);
    let missed = story.read(1, (80, 90), A, 0, 0);
    assert_eq!(missed.says("writes-follow-reads", &[]), (Verdict::Fail, vec![1, 2, 3, 4]));
    assert_eq!(missed.says("monotonic-writes", &[]).0, Verdict::Unknown);
}

#[test]
fn of_one_writer_clients_can_tell_that_a_session_went_backwards() {
    let story = Story::default()
        .write(0, (0, 10), A, 1)
        .write(0, (20, 30), A, 2)
        .read(1, (40, 50), A, 2, 1)
        .read(1, (60, 70), A, 1, 0);
    let backwards = clients::backwards(&story.ledger);
    let wanted = clients::Backwards { known: OpId(1), told_by: OpId(2), shown: Some(OpId(0)), read: OpId(3) };
    assert_eq!(backwards, [wanted]);
    let two_writers = story.write(3, (80, 90), A, 3);
    assert_eq!(clients::backwards(&two_writers.ledger), [], "their order is not certain");
}

#[test]
fn reads_of_which_neither_shows_all_that_the_other_shows_are_two_branches() {
    use crate::base::operation::Past;
    use crate::base::vector::{Actor, Vector};
    let read = |story: Story, at: u64, known: &[(u64, u64)]| {
        let mut seen = Vector::default();
        known.iter().for_each(|(actor, count)| seen.raise(Actor(*actor), *count));
        let seen = std::sync::Arc::new(seen);
        let past = Past { context: seen.clone(), seen, siblings: Vec::new() };
        let value = Some(Data::One(Value(1)));
        let found = Found { value, written_by: OpId(0), version: Version(0), past: Some(past.into()) };
        story.tell(0, at, at + 5, A, Action::Read, Outcome::Ok(Success::Found(Some(found))))
    };
    let line = read(read(Story::default(), 0, &[(1, 2), (2, 1)]), 10, &[(1, 1)]);
    assert_eq!(order::parted(&line.ledger), [], "late, but in one line");
    let branches = read(line, 20, &[(2, 2)]);
    assert_eq!(order::parted(&branches.ledger), [(OpId(1), OpId(2))]);
}

#[test]
fn who_watches_knows_a_delete_for_what_it_is() {
    let gone = Outcome::Ok(Success::Written(Version(2).into()));
    let story = Story::default()
        .write(0, (0, 10), A, 1)
        .tell(0, 20, 30, A, Action::Change(Change::Delete), gone)
        .read(1, (40, 50), A, 0, 0);
    let watched = |story: &Story| {
        let mut watch = order_watch::OrderWatch::default();
        let order = watch.look(&story.ledger, &Names::default(), VirtualTime(100), true);
        (order.holding, order.broken)
    };
    assert_eq!(watched(&story), (1, 0));
    let back = story.read(1, (60, 70), A, 1, 0);
    assert_eq!(watched(&back), (0, 1), "what was deleted was read again");
}

#[test]
fn counters_lie_between_what_was_acknowledged_and_what_was_asked() {
    let up = |story: Story, is_acked| story.update((0, 10), A, Update::Increment(1), is_acked);
    let story = up(up(up(Story::default(), true), true), false);
    for (count, verdict) in [(1, Verdict::Fail), (2, Verdict::Pass), (3, Verdict::Pass), (4, Verdict::Fail)] {
        assert_eq!(story.says("counters", &[(A, Data::Count(count))]).0, verdict, "{count}");
    }
    assert_eq!(story.says("sets", &[]).0, Verdict::Unknown, "nothing was added");
}

#[test]
fn sets_hold_what_was_acknowledged_and_nothing_that_nobody_added() {
    let add = |value| Update::Add(Value(value));
    let story = Story::default().update((0, 10), A, add(1), true).update((20, 30), A, add(2), false);
    let held = |values: &[u32]| [(A, Data::set(values.iter().map(|&value| Value(value))))];
    assert_eq!(
        story.says("sets", &held(&[1])),
        (Verdict::Pass, vec![]),
        "what was not confirmed may be absent"
    );
    assert_eq!(story.says("sets", &held(&[1, 2])).0, Verdict::Pass);
    assert_eq!(story.says("sets", &held(&[2])), (Verdict::Fail, vec![0]));
    assert_eq!(story.says("sets", &held(&[1, 9])).0, Verdict::Fail, "nobody added it");
}

#[test]
fn an_outage_is_a_row_of_stretches_that_mostly_failed() {
    let mut story = Story::default();
    for nth in 0..40_u64 {
        let (at, is_out) = (nth * 50_000, (10..20).contains(&nth));
        story = match is_out {
            true => story.tell(0, at, at + 1, A, Action::Read, Outcome::Unknown(Doubt::Silence)),
            false => story.read(0, (at, at + 1), A, 0, 0),
        };
    }
    let wanted = Outage { from: VirtualTime(500_000), to: VirtualTime(1_000_000), first: OpId(10) };
    assert_eq!(outages(&story.ledger), [wanted]);
    assert_eq!(story.says("no-outage", &[]), (Verdict::Fail, vec![10]));
}

#[test]
fn what_was_not_measured_is_unknown() {
    assert_eq!(Story::default().says("converged", &[]).0, Verdict::Unknown);
    let mut metrics = MetricSet::default();
    metrics.put(Metric::Converged, 0.0);
    let (story, values) = (Story::default(), BTreeMap::new());
    let findings = Findings {
        metrics: &metrics,
        breaches: Breaches::default(),
        books_balance: false,
        ledger: &story.ledger,
        promises: &Promises::default(),
        order: &Order::default(),
        elements: &SetFull::default(),
        fates: &Fates::default(),
        values: &values,
        keys_diverged: 3,
        false_siblings: &[],
        stints: &[],
        failovers: &[VirtualTime(0); 7],
        names: &Names::default(),
    };
    let fails = CHECKERS.iter().filter(|row| row.judge(&findings).verdict == Verdict::Fail);
    let fails: Vec<&str> = fails.map(|row| row.name).collect();
    assert_eq!(fails, ["converged", "no-flapping", "messages-conserved"]);
}
