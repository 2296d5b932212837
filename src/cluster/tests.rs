//! The world's own stories, told with the smallest protocol that uses everything a protocol may use: each node
//! counts, tells its peers, flushes what it is told, and answers clients when it is flushed.

use super::host::inline::Inline;
use super::host::tasks::Tasks;
use super::host::{Host, NodeCell};
use super::orders::Applied;
use super::spec::{ClusterSpec, NetworkSpec, RunSetup, WorkloadSpec};
use super::view::Health;
use crate::base::command::{Command, CrashKind, Healed, Links, NodeRef};
use crate::base::ids::{Key, NodeId, OpId, Version};
use crate::base::knob::{Knobs, Profile, Topology};
use crate::base::line::Line;
use crate::base::operation::{Answer, Outcome};
use crate::base::random::Stream;
use crate::base::time::{Span, VirtualTime};
use crate::protocol::view::{PeerToPeerView, ReplicaDetail, ReplicaView, RingView};
use crate::protocol::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq)]
struct Teller {
    heard: u64,
    waiting: Vec<(DiskPosition, OpId)>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rumour(u64);

#[derive(Clone, Debug, Default, PartialEq)]
struct Notebook(u64);

impl Durable for Notebook {
    type Record = u64;
    fn persist(&mut self, record: &u64) {
        self.0 = self.0.max(*record);
    }
}

impl Message for Rumour {
    fn bytes(&self, sizes: Sizes) -> u64 {
        48 + sizes.value
    }
    fn traffic(&self) -> Traffic {
        Traffic::Write
    }
    fn label(&self) -> Label {
        Label { name: "Rumour", detail: Detail::Count(self.0) }
    }
}

const TICK: Timer = Timer(1);

impl Protocol for Teller {
    type Message = Rumour;
    type Durable = Notebook;
    type Config = ();

    fn config(_: &Knobs, _: &Surroundings) {}

    fn boot(cx: &mut Context<'_, Self>, _: Arc<()>, durable: Notebook) -> Self {
        cx.say(Line::Started { incarnation: cx.incarnation });
        let after = Span(cx.random.between(1_000, 20_000));
        cx.set_timer(TICK, after);
        Teller { heard: durable.0, waiting: Vec::new() }
    }

    fn step(&mut self, cx: &mut Context<'_, Self>, input: Input<Self>) {
        match input {
            Input::Message { message: Rumour(666), .. } => panic!("a rumour too far"),
            Input::Message { message, .. } => self.heard = self.heard.max(message.0),
            Input::Client(request) => {
                self.heard += 1;
                let position = cx.append(self.heard);
                cx.flush();
                self.waiting.push((position, request.op));
                for peer in cx.peers().collect::<Vec<_>>() {
                    cx.send(peer, Rumour(self.heard));
                }
            }
            Input::Timer(timer) => cx.set_timer(timer, Span::millis(20)),
            Input::Flushed { upto } => {
                for (_, op) in self.waiting.extract_if(.., |(position, _)| *position <= upto) {
                    cx.reply(op, Answer::Written(Version(1).into()));
                }
            }
            Input::Operator(_) | Input::Fenced { .. } => {}
        }
    }

    fn view(&self, _: VirtualTime) -> ReplicaView {
        let detail = ReplicaDetail::PeerToPeer(Box::new(PeerToPeerView {
            incarnation: 0,
            ring_permille: 0,
            copies_permille: 0,
            tokens: 0,
            ring: RingView::default(),
            opinions: Vec::new(),
            hints: Vec::new(),
            pending: Vec::new(),
            pending_total: self.waiting.len(),
            tombstones: 0,
            gossip: None,
        }));
        ReplicaView { keys: Vec::new(), keys_total: 0, digest: self.heard, detail }
    }

    fn routing(_: &()) -> Routing {
        Routing {
            to: Route::AnyNode,
            discovery_refresh: Span::seconds(1),
            partitions: 1,
            is_by_site: false,
            updates: Updates::All,
            retry_budget: 0,
        }
    }

    fn owners(&self, _: Key) -> Vec<NodeId> {
        vec![NodeId(0)]
    }

    fn truth(_: &[Option<&Self>]) -> Truth {
        Truth {
            survivors: Survivors::Log(Default::default()),
            is_converged: true,
            keys_diverged: 0,
            values: Default::default(),
            copies: 1,
            storage: Storage::default(),
            lacking: Vec::new(),
        }
    }
}

fn setup(seed: u64) -> RunSetup {
    RunSetup {
        seed,
        cluster: ClusterSpec { nodes: 3, ..ClusterSpec::default() },
        network: NetworkSpec::default(),
        workload: WorkloadSpec { clients: 6, ..WorkloadSpec::default() },
        knobs: Knobs::defaults(Topology::PeerToPeer, Profile::Demo),
    }
}

fn n(number: u16) -> NodeRef {
    NodeRef::Named(NodeId(number - 1))
}

fn at(millis: u64) -> VirtualTime {
    VirtualTime(millis * 1_000)
}

fn apply<H: Host<Teller>>(host: &mut H, command: Command) -> Applied {
    host.world_mut().apply(&command, &mut |_| vec![NodeId(1), NodeId(2)])
}

fn faults(seed: u64) -> Vec<(u64, Command)> {
    let mut chance = Stream::new(seed, "test faults");
    let mut node = || NodeRef::Named(NodeId(chance.below(3) as u16));
    vec![
        (500, Command::Crash { node: node(), kind: CrashKind::Power }),
        (700, Command::Loss { links: Links::All, ppm: 100_000 }),
        (900, Command::Pause { node: node() }),
        (1_100, Command::Isolate { node: node() }),
        (1_300, Command::Duplicate { links: Links::All, ppm: 200_000 }),
        (1_400, Command::Reorder { links: Links::All, ppm: 200_000 }),
        (1_500, Command::Heal { what: Healed::Everything }),
        (1_600, Command::SlowDisk { node: node(), factor: 20 }),
        (1_700, Command::SlowCpu { node: node(), factor: 20 }),
        (1_800, Command::Hold { links: Links::Of(node()) }),
        (2_000, Command::Crash { node: node(), kind: CrashKind::Process }),
        (2_300, Command::Heal { what: Healed::Everything }),
    ]
}

fn live_through<H: Host<Teller>>(mut host: H, seed: u64) -> (u64, Vec<NodeCell<Teller>>) {
    for (millis, command) in faults(seed) {
        host.advance(at(millis));
        apply(&mut host, command);
        assert!(host.world().messages().balances());
    }
    host.advance(at(3_000));
    assert!(host.world().messages().balances());
    let cells = host.cells().into_owned();
    (host.world().trace().digest(), cells)
}

#[test]
fn tasks_and_inline_take_the_same_steps_to_the_same_states() {
    for seed in 1..=20 {
        let inline = live_through(Inline::<Teller>::new(setup(seed)), seed);
        let tasks = live_through(Tasks::<Teller>::new(setup(seed)).expect("a runtime"), seed);
        assert_eq!(inline, tasks, "seed {seed}");
    }
}

#[test]
fn a_checkpoint_goes_on_exactly_as_the_original() {
    let mut original = Inline::<Teller>::new(setup(3));
    original.advance(at(400));
    let copy = original.clone();
    let tasks = Tasks::from_inline(copy.clone()).expect("a runtime");
    let straight = live_through(original, 3);
    assert_eq!(straight, live_through(copy, 3));
    assert_eq!(straight, live_through(tasks, 3));
}

#[test]
fn every_run_faces_the_same_operations() {
    let arrivals = |setup: RunSetup| {
        let mut host = Inline::<Teller>::new(setup);
        host.advance(at(2_000));
        let ops: Vec<_> = host
            .world
            .ledger()
            .records()
            .map(|op| (op.scheduled, op.client, op.key, op.action.clone()))
            .collect();
        ops
    };
    let mut slow = setup(5);
    slow.network.loss_ppm = 300_000;
    slow.cluster.service = Span::millis(2);
    assert_eq!(arrivals(setup(5)), arrivals(slow));
}

#[test]
fn a_crash_resets_connections_and_the_next_node_is_asked_at_once() {
    let mut host = Inline::<Teller>::new(setup(1));
    host.advance(at(1_000));
    assert!(matches!(
        apply(&mut host, Command::Crash { node: n(1), kind: CrashKind::Process }),
        Applied::Done { .. }
    ));
    host.advance(at(2_000));
    let is_after = |op: &&super::ledger::OpRecord| op.scheduled > at(1_000) && op.scheduled < at(1_900);
    let after: Vec<_> = host.world.ledger().records().filter(is_after).collect();
    assert!(after.len() > 100);
    assert!(
        after.iter().all(|op| matches!(op.outcome, Outcome::Ok(_))),
        "refused at once, so the others serve"
    );
    assert!(after.iter().all(|op| op.node != Some(NodeId(0))));
}

#[test]
fn a_paused_node_is_silent_and_then_works_off_its_queue() {
    let mut host = Inline::<Teller>::new(setup(1));
    host.advance(at(1_000));
    apply(&mut host, Command::Pause { node: n(1) });
    host.advance(at(1_500));
    let queued = host.world.machines[0].queued();
    assert!(queued > 10, "{queued} inputs wait");
    apply(&mut host, Command::Resume { node: n(1) });
    host.advance(at(2_500));
    let slow =
        host.world.ledger().records().filter(|op| op.is_ok() && op.latency() > Span::millis(300)).count();
    assert!(slow > 5, "{slow} operations waited for it");
    assert_eq!(host.world.machines[0].health, Health::Up);
}

#[test]
fn a_node_whose_code_panics_is_a_crashed_node() {
    let mut host = Inline::<Teller>::new(setup(1));
    host.advance(at(100));
    host.world.queue(NodeId(1), Input::Message { from: NodeId(0), message: Rumour(666) });
    host.advance(at(200));
    assert_eq!(host.world.machines[1].health, Health::Down);
    assert_eq!(host.world.trace().total("PANIC"), 1);
    apply(&mut host, Command::Restart { node: n(2) });
    host.advance(at(300));
    assert!(host.nodes()[1].state().is_some(), "it can be restarted");
}

#[test]
fn clients_stay_on_their_side_of_a_partition_but_not_of_a_cut() {
    let mut host = Inline::<Teller>::new(setup(1));
    apply(&mut host, Command::Cut { links: Links::Of(n(1)) });
    host.advance(at(1_000));
    assert!(host.world.ledger().records().take(100).all(|op| op.is_ok()), "a cut leaves clients alone");
    apply(&mut host, Command::Crash { node: n(2), kind: CrashKind::Process });
    apply(&mut host, Command::Isolate { node: n(1) });
    host.advance(at(2_000));
    let home_of_two =
        |op: &&super::ledger::OpRecord| op.client.0 % 3 == 1 && op.scheduled > at(1_010) && op.is_ok();
    let answered: BTreeSet<_> = host.world.ledger().records().filter(home_of_two).map(|op| op.node).collect();
    assert_eq!(answered, BTreeSet::from([Some(NodeId(2))]), "they reach n3 but never the isolated n1");
}

#[test]
fn commands_that_mean_nothing_are_refused_with_a_reason() {
    let mut host = Inline::<Teller>::new(setup(1));
    let why = |applied| match applied {
        Applied::Refused { why, .. } => why.to_string(),
        Applied::Done { .. } => "done".to_owned(),
    };
    assert_eq!(why(apply(&mut host, Command::Restart { node: n(1) })), "n1 is not down");
    assert_eq!(
        why(apply(&mut host, Command::Crash { node: n(9), kind: CrashKind::Process })),
        "this cluster has no n9"
    );
    assert_eq!(
        why(apply(&mut host, Command::Crash { node: NodeRef::Primary, kind: CrashKind::Process })),
        "a peer-to-peer cluster has no primary"
    );
    assert_eq!(
        why(apply(&mut host, Command::Set { knob: "n".into(), value: "2".into() })),
        "`n` is settled when a cluster begins"
    );
}

#[test]
fn a_role_is_resolved_when_the_command_fires() {
    let mut host = Inline::<Teller>::new(setup(1));
    let owner = NodeRef::Owner { rank: 2, key: "k1".into() };
    let applied = apply(&mut host, Command::Pause { node: owner });
    assert_eq!(applied, Applied::Done { text: "pause n3".into(), fault: Some(1) });
}

#[test]
fn records_kept_follow_the_kind_of_crash() {
    let kept = |kind| {
        let mut host = Inline::<Teller>::new(setup(2));
        apply(&mut host, Command::SlowDisk { node: n(1), factor: 100 });
        host.advance(at(2_000));
        apply(&mut host, Command::Crash { node: n(1), kind });
        host.world.machines[0].disk.image().0
    };
    let (process, power, lost) =
        (kept(CrashKind::Process), kept(CrashKind::Power), kept(CrashKind::DiskLoss));
    assert!(process > power && power > lost && lost == 0, "{process} > {power} > {lost}");
}

#[test]
fn a_full_disk_stops_flushes_until_it_is_healed() {
    let mut host = Inline::<Teller>::new(setup(2));
    host.advance(at(500));
    let applied = apply(&mut host, Command::DiskFull { node: n(1) });
    host.advance(at(1_500));
    assert!(host.world.machines[0].disk.unflushed() > 10);
    let Applied::Done { fault: Some(number), .. } = applied else { panic!("{applied:?}") };
    apply(&mut host, Command::Heal { what: Healed::Fault(number) });
    host.advance(at(1_600));
    assert!(host.world.machines[0].disk.unflushed() < 5);
}

#[test]
fn repeating_a_fault_replaces_it_and_a_neutral_one_ends_it() {
    let mut host = Inline::<Teller>::new(setup(2));
    for ppm in [100_000, 500_000] {
        apply(&mut host, Command::Loss { links: Links::Of(n(1)), ppm });
    }
    let active: Vec<u32> = host.world.faults.active().iter().map(|fault| fault.number).collect();
    assert_eq!(active, [2]);
    apply(&mut host, Command::Loss { links: Links::Of(n(1)), ppm: 0 });
    assert!(host.world.faults.active().is_empty());
}

/// Names in this map are checked against the verbs that leave a fault behind.
#[test]
fn every_fault_verb_changes_the_world_or_its_view() {
    let mut host = Inline::<Teller>::new(setup(2));
    let commands: BTreeMap<&str, Command> = [
        ("crash", Command::Crash { node: n(1), kind: CrashKind::Process }),
        ("wipe", Command::Wipe { node: n(2) }),
        ("pause", Command::Pause { node: n(3) }),
        ("partition", Command::Partition { groups: vec![vec![n(1)], vec![n(2), n(3)]] }),
        ("ring-majorities", Command::RingMajorities),
        ("bridge", Command::Bridge { node: n(2) }),
        ("isolate", Command::Isolate { node: n(3) }),
        ("cut", Command::Cut { links: Links::Of(n(1)) }),
        ("loss", Command::Loss { links: Links::All, ppm: 1 }),
        ("duplicate", Command::Duplicate { links: Links::All, ppm: 1 }),
        ("reorder", Command::Reorder { links: Links::All, ppm: 1 }),
        ("delay", Command::Delay { links: Links::All, extra: Span(1) }),
        ("hold", Command::Hold { links: Links::All }),
        ("clock", Command::Clock { node: n(1), jump_us: 5 }),
        ("drift", Command::Drift { node: n(1), ppm: 5 }),
        (
            "clock-strobe",
            Command::ClockStrobe { node: n(1), swing_us: 5, period: Span(5), lasting: Span(50) },
        ),
        ("slow-cpu", Command::SlowCpu { node: n(1), factor: 2 }),
        ("slow-disk", Command::SlowDisk { node: n(1), factor: 2 }),
        ("disk-full", Command::DiskFull { node: n(1) }),
    ]
    .into();
    for row in crate::base::command::VERBS.iter().filter(|row| row.is_fault) {
        let command = commands.get(row.word).unwrap_or_else(|| panic!("no example of {}", row.word));
        assert_eq!(command.verb().word, row.word);
        let applied = apply(&mut host, command.clone());
        assert!(matches!(applied, Applied::Done { fault: Some(_), .. }), "{}: {applied:?}", row.word);
    }
    assert_eq!(host.world.picture(host.nodes()).faults.len(), commands.len());
    apply(&mut host, Command::Heal { what: Healed::Everything });
    assert!(host.world.picture(host.nodes()).faults.is_empty());
}
