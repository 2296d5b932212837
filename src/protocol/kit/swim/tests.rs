//! Whole-output tests of single moments; stories of clusters are told by `peer_to_peer::tests`.

use super::*;

pub(super) const LAN: Settings = Settings {
    probe_interval: Span::seconds(1),
    probe_timeout: Span::millis(500),
    indirect_checks: 3,
    suspicion_mult: 4,
    suspicion_max_mult: 6,
    gossip_interval: Span::millis(200),
    gossip_nodes: 3,
    push_pull: Span::seconds(30),
    retransmit_mult: 4,
    awareness_max: 8,
};

pub(super) const DEMO: Settings = Settings {
    probe_interval: Span::millis(200),
    probe_timeout: Span::millis(60),
    suspicion_max_mult: 3,
    gossip_interval: Span::millis(100),
    push_pull: Span::seconds(3),
    ..LAN
};

const N1: NodeId = NodeId(0);
const N2: NodeId = NodeId(1);
const N3: NodeId = NodeId(2);
const N4: NodeId = NodeId(3);

/// One member of five under test, with its chance and the instant.
struct Bench {
    swim: Swim,
    now: VirtualTime,
    random: Stream,
}

impl Bench {
    fn new() -> Bench {
        let mut random = Stream::new(1, "test");
        let mut out = Vec::new();
        let mut turn = Turn { now: VirtualTime::ZERO, random: &mut random, settings: &DEMO, out: &mut out };
        let swim = Swim::start(N1, 5, false, &mut turn);
        Bench { swim, now: VirtualTime::ZERO, random }
    }

    fn act(&mut self, action: impl FnOnce(&mut Swim, &mut Turn<'_>)) -> Vec<Output> {
        let mut out = Vec::new();
        let mut turn = Turn { now: self.now, random: &mut self.random, settings: &DEMO, out: &mut out };
        action(&mut self.swim, &mut turn);
        out
    }

    fn hear(&mut self, news: News) -> Vec<Output> {
        self.act(|swim, turn| swim.receive(news.from, &Message::Gossip { news: Box::new([news]) }, turn))
    }

    fn wake(&mut self, wake: Wake) -> Vec<Output> {
        self.act(|swim, turn| swim.wake(wake, turn))
    }
}

fn news(about: NodeId, status: PeerStatus, incarnation: u32, from: NodeId) -> News {
    News { about, status, incarnation, from }
}

fn changed(peer: NodeId, status: PeerStatus, confirmations: u32) -> Output {
    Output::Changed { peer, status, confirmations }
}

use PeerStatus::{Alive, Down, Suspect};

#[test]
fn a_suspected_member_refutes_with_the_next_incarnation_and_says_so_in_its_next_ack() {
    let mut bench = Bench::new();
    assert_eq!(bench.hear(news(N1, Suspect, 0, N2)), [Output::Refuted { by: N2, from: 0, to: 1 }]);
    assert_eq!(bench.hear(news(N1, Suspect, 0, N3)), [], "the next incarnation beats this one too");
    let ping = Message::Ping { sequence: 9, news: Box::default() };
    let answer = Message::Ack { sequence: 9, news: Box::new([news(N1, Alive, 1, N1)]) };
    assert_eq!(
        bench.act(|swim, turn| swim.receive(N2, &ping, turn)),
        [Output::Send { to: N2, message: answer }]
    );
}

#[test]
fn a_silent_member_is_probed_through_others_then_suspected_then_given_up() {
    let mut bench = Bench::new();
    let first = bench.wake(Wake::Probe);
    let Output::Send { to: target, message: Message::Ping { sequence, .. } } = first[0] else {
        panic!("a probe begins with a Ping: {first:?}");
    };
    let indirect = bench.wake(Wake::ProbeTimeout);
    assert_eq!(indirect.len(), 3);
    for output in &indirect {
        let Output::Send { to, message: Message::PingRequest { sequence: same, target: whom, .. } } = output
        else {
            panic!("only others are asked: {output:?}");
        };
        assert_eq!((*same, *whom), (sequence, target));
        assert_ne!(*to, target);
    }
    let next = bench.wake(Wake::Probe);
    let timer = Output::SetTimer { wake: Wake::Suspicion(target), after: Span::millis(2_400) };
    assert_eq!(next[..2], [timer, changed(target, Suspect, 0)]);
    bench.now += Span::millis(2_400);
    let end = bench.wake(Wake::Suspicion(target));
    assert_eq!(end, [Output::CancelTimer(Wake::Suspicion(target)), changed(target, Down, 0)]);
}

#[test]
fn an_ack_in_time_ends_the_probe_without_suspicion() {
    let mut bench = Bench::new();
    let first = bench.wake(Wake::Probe);
    let Output::Send { to: target, message: Message::Ping { sequence, .. } } = first[0] else {
        panic!("a probe begins with a Ping: {first:?}");
    };
    let ack = Message::Ack { sequence, news: Box::default() };
    let outputs = bench.act(|swim, turn| swim.receive(target, &ack, turn));
    assert_eq!(outputs, [Output::CancelTimer(Wake::ProbeTimeout)]);
    assert_eq!(bench.wake(Wake::ProbeTimeout), []);
    bench.wake(Wake::Probe);
    assert_eq!(bench.swim.status(target), Alive);
}

#[test]
fn confirmations_shorten_the_suspicion() {
    let mut bench = Bench::new();
    bench.hear(news(N3, Suspect, 0, N2));
    bench.now += Span::millis(100);
    let sooner = |millis| [Output::SetTimer { wake: Wake::Suspicion(N3), after: Span::millis(millis) }];
    assert_eq!(bench.hear(news(N3, Suspect, 0, N4)), sooner(1_290));
    assert_eq!(bench.hear(news(N3, Suspect, 0, N4)), [], "a claimant counts once");
    assert_eq!(bench.hear(news(N3, Suspect, 0, N1)), sooner(700));
}

#[test]
fn precedence_follows_the_table() {
    // (what is known, what is heard, what is believed)
    let table = [
        ((Alive, 1), (Alive, 1), (Alive, 1)),
        ((Alive, 1), (Suspect, 0), (Alive, 1)),
        ((Alive, 1), (Suspect, 1), (Suspect, 1)),
        ((Alive, 1), (Down, 0), (Alive, 1)),
        ((Alive, 1), (Down, 1), (Down, 1)),
        ((Suspect, 1), (Alive, 1), (Suspect, 1)),
        ((Suspect, 1), (Alive, 2), (Alive, 2)),
        ((Suspect, 1), (Suspect, 2), (Suspect, 2)),
        ((Suspect, 1), (Down, 1), (Down, 1)),
        ((Down, 1), (Alive, 1), (Down, 1)),
        ((Down, 1), (Suspect, 2), (Down, 1)),
        ((Down, 1), (Alive, 2), (Alive, 2)),
    ];
    for (known, heard, believed) in table {
        let mut bench = Bench::new();
        bench.hear(news(N3, Alive, 1, N3));
        bench.hear(news(N3, known.0, known.1, N2));
        bench.hear(news(N3, heard.0, heard.1, N4));
        let claim = bench.swim.claim(N3);
        assert_eq!((claim.status, claim.incarnation), believed, "{known:?} then {heard:?}");
    }
}

#[test]
fn a_dead_member_that_speaks_is_told_at_once_but_not_with_every_message() {
    let mut bench = Bench::new();
    bench.hear(news(N3, Down, 4, N2));
    let told = bench.act(|swim, turn| swim.hear_from(N3, turn));
    let ping = Message::Ping { sequence: 1, news: Box::new([news(N3, Down, 4, N1)]) };
    assert_eq!(told, [Output::Send { to: N3, message: ping }]);
    assert_eq!(bench.act(|swim, turn| swim.hear_from(N3, turn)), []);
    bench.now += DEMO.probe_interval;
    assert_eq!(bench.act(|swim, turn| swim.hear_from(N3, turn)).len(), 1);
}

#[test]
fn a_table_that_calls_a_member_dead_makes_it_suspect_and_is_answered() {
    let mut bench = Bench::new();
    let row = |status, incarnation| Row { status, incarnation };
    let table: Box<[Row]> = [row(Down, 0), row(Alive, 0), row(Down, 2), row(Alive, 0), row(Alive, 0)].into();
    let outputs =
        bench.act(|swim, turn| swim.receive(N2, &Message::PushPull { table, is_answer: false }, turn));
    assert_eq!(outputs[0], Output::Refuted { by: N2, from: 0, to: 1 });
    assert_eq!(bench.swim.status(N3), Suspect);
    let Some(Output::Send { to: N2, message: Message::PushPull { table, is_answer: true } }) = outputs.last()
    else {
        panic!("a push is answered: {outputs:?}");
    };
    assert_eq!(table[0], row(Alive, 1), "the answer already refutes");
}

#[test]
fn a_member_asked_to_probe_passes_the_ack_back_under_the_askers_number() {
    let mut bench = Bench::new();
    let request = Message::PingRequest { sequence: 77, target: N3, news: Box::default() };
    let ping = bench.act(|swim, turn| swim.receive(N2, &request, turn));
    assert_eq!(
        ping[0],
        Output::Send { to: N3, message: Message::Ping { sequence: 1, news: Box::default() } }
    );
    let ack = Message::Ack { sequence: 1, news: Box::default() };
    let passed = bench.act(|swim, turn| swim.receive(N3, &ack, turn));
    assert_eq!(
        passed,
        [Output::Send { to: N2, message: Message::Ack { sequence: 77, news: Box::default() } }]
    );
}

#[test]
fn whoever_missed_a_refutation_is_told_again() {
    let mut bench = Bench::new();
    bench.hear(news(N1, Suspect, 0, N2));
    let mut told = 0;
    while bench.wake(Wake::Gossip).len() > 1 {
        told += 1;
    }
    assert_eq!(told, 2, "four copies, three at a time");
    let late = Message::Ping { sequence: 9, news: [news(N1, Down, 0, N3)].into() };
    let answer = Message::Ack { sequence: 9, news: [news(N1, Alive, 1, N1)].into() };
    let outputs = bench.act(|swim, turn| swim.receive(N3, &late, turn));
    assert_eq!(outputs, [Output::Send { to: N3, message: answer }]);
}

/// Runs one probe that nobody answers, in which `nacks` of three helpers say that they failed too; gives the pause to
/// the next probe.
fn pause_after_a_failure(bench: &mut Bench, nacks: usize) -> Span {
    let first = bench.wake(Wake::Probe);
    let Some(Output::Send { message: Message::Ping { sequence, .. }, .. }) =
        first.iter().find(|output| matches!(output, Output::Send { message: Message::Ping { .. }, .. }))
    else {
        panic!("a probe begins with a Ping: {first:?}");
    };
    bench.wake(Wake::ProbeTimeout);
    for _ in 0..nacks {
        bench.act(|swim, turn| swim.receive(N2, &Message::Nack { sequence: *sequence }, turn));
    }
    let next = bench.wake(Wake::Probe);
    let pause = next.iter().rev().find_map(|output| match output {
        Output::SetTimer { wake: Wake::Probe, after } => Some(*after),
        _ => None,
    });
    bench.swim.probe = None;
    pause.expect("probing goes on")
}

#[test]
fn who_hears_nothing_at_all_doubts_itself_and_probes_more_slowly() {
    let interval = DEMO.probe_interval;
    for (nacks, times) in [(3, 1), (2, 2), (0, 4)] {
        assert_eq!(
            pause_after_a_failure(&mut Bench::new(), nacks),
            interval * times,
            "{nacks} of 3 are heard"
        );
    }
    let mut deaf = Bench::new();
    deaf.swim.ail(100, &DEMO);
    assert_eq!(pause_after_a_failure(&mut deaf, 0), interval * 8, "and no slower");
}

#[test]
fn a_helper_whose_probe_fails_says_so_once() {
    let mut bench = Bench::new();
    let request = Message::PingRequest { sequence: 77, target: N3, news: Box::default() };
    let outputs = bench.act(|swim, turn| swim.receive(N2, &request, turn));
    assert_eq!(outputs[1], Output::SetTimer { wake: Wake::Relay, after: DEMO.probe_timeout });
    bench.now += DEMO.probe_timeout;
    let nack = Output::Send { to: N2, message: Message::Nack { sequence: 77 } };
    assert_eq!(bench.wake(Wake::Relay), [nack]);
    assert_eq!(bench.wake(Wake::Relay), []);
}
