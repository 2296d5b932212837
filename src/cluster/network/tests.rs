//! What links do to messages.

use super::super::faults::Condition;
use super::*;
use crate::base::delay::DelayLaw;
use crate::protocol::{Detail, Label, Traffic};

#[derive(Clone, Debug, PartialEq)]
struct Note(u32);

impl Message for Note {
    fn bytes(&self, _: Sizes) -> u64 {
        1_000
    }
    fn traffic(&self) -> Traffic {
        Traffic::Background
    }
    fn label(&self) -> Label {
        Label { name: "Note", detail: Detail::Count(u64::from(self.0)) }
    }
}

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);

fn network(spec: NetworkSpec) -> Network<Note> {
    let cluster = ClusterSpec { nodes: 2, ..ClusterSpec::default() };
    Network::new(7, &cluster, &spec, Sizes { key: 8, value: 8 })
}

fn send(network: &mut Network<Note>, at: u64, number: u32) -> Scheduled {
    network.send(VirtualTime(at), (A, B), (Note(number), 1_000), StepId::default())
}

/// Sends `count` messages a millisecond apart; gives their arrivals in the order of sending.
fn arrivals(network: &mut Network<Note>, count: u32) -> Vec<Option<VirtualTime>> {
    (0..count).map(|n| send(network, u64::from(n) * 1_000, n)[0].map(|(at, _)| at)).collect()
}

fn condition(change: impl Fn(&mut Condition)) -> Vec<Condition> {
    let mut worse = Condition::default();
    change(&mut worse);
    vec![worse; 4]
}

#[test]
fn a_link_keeps_its_order_unless_messages_may_overtake() {
    let in_order = arrivals(&mut network(NetworkSpec::default()), 500);
    assert!(in_order.windows(2).all(|pair| pair[0] <= pair[1]));
    let strays = NetworkSpec { reorder_ppm: 300_000, ..NetworkSpec::default() };
    let out_of_order = arrivals(&mut network(strays), 500);
    assert!(out_of_order.windows(2).any(|pair| pair[0] > pair[1]));
}

#[test]
fn losing_some_messages_leaves_the_delays_of_the_others() {
    let constant_order = NetworkSpec { reorder_ppm: 1_000_000, ..NetworkSpec::default() };
    let whole = arrivals(&mut network(constant_order.clone()), 300);
    let lossy = arrivals(&mut network(NetworkSpec { loss_ppm: 200_000, ..constant_order }), 300);
    let lost = lossy.iter().filter(|arrival| arrival.is_none()).count();
    assert!((40..80).contains(&lost), "{lost} of 300 at 20 %");
    assert!(whole.iter().zip(&lossy).all(|(all, some)| some.is_none() || all == some));
}

#[test]
fn bandwidth_makes_messages_wait_for_each_other() {
    let slow = NetworkSpec {
        bandwidth: 1_000_000,
        delay: DelayLaw::Constant(Span::millis(1)),
        ..NetworkSpec::default()
    };
    let mut link = network(slow);
    let at: Vec<u64> = (0..3).filter_map(|n| send(&mut link, 0, n)[0]).map(|(at, _)| at.0).collect();
    assert_eq!(at, [2_000, 3_000, 4_000], "1 kB takes 1 ms on the wire");
}

#[test]
fn a_cut_takes_what_is_on_the_link_and_a_power_failure_what_has_not_left() {
    let slow = NetworkSpec { bandwidth: 1_000_000, ..NetworkSpec::default() };
    let mut link = network(slow);
    for n in 0..3 {
        send(&mut link, 0, n);
    }
    link.lose_unsent(VirtualTime(500), A);
    assert_eq!((link.counts().dropped, link.counts().in_flight), (2, 1));
    link.impose(VirtualTime(600), condition(|worse| worse.is_cut = true));
    assert_eq!((link.counts().dropped, link.counts().in_flight), (3, 0));
    assert_eq!(send(&mut link, 700, 9), [None, None]);
    assert!(link.counts().balances());
}

#[test]
fn held_messages_wait_for_their_release_in_order() {
    let mut link = network(NetworkSpec::default());
    link.impose(VirtualTime(0), condition(|worse| worse.is_held = true));
    (0..5).for_each(|n| assert_eq!(send(&mut link, u64::from(n), n), [None, None]));
    assert_eq!(link.counts().held, 5);
    let freed = link.impose(VirtualTime(1_000_000), condition(|_| {}));
    assert!(freed.iter().all(|(at, _)| at.0 > 1_000_000));
    let landed: Vec<u32> =
        freed.iter().filter_map(|&(_, flight)| link.land(flight)).map(|f| f.message.0).collect();
    assert_eq!(landed, [0, 1, 2, 3, 4]);
    assert!(link.counts().balances() && link.counts().held == 0);
}

#[test]
fn duplicates_are_booked_and_land_both() {
    let mut link = network(NetworkSpec { duplicate_ppm: 1_000_000, ..NetworkSpec::default() });
    let both = send(&mut link, 0, 1);
    assert!(both.iter().all(Option::is_some));
    assert!(both.into_iter().flatten().all(|(_, flight)| link.land(flight).is_some()));
    assert_eq!((link.counts().duplicated, link.counts().delivered), (1, 2));
    assert!(link.counts().balances());
}

#[test]
fn a_hurried_message_lands_once() {
    let mut link = network(NetworkSpec::default());
    let (_, scheduled) = send(&mut link, 0, 1)[0].expect("nothing is lost");
    let hurried = link.hurry(VirtualTime(10), scheduled.id).expect("it is in flight");
    assert!(link.land(hurried).is_some());
    assert!(link.land(scheduled).is_none(), "its own arrival finds it gone");
}
