//! How far each write has spread where nodes pass writes on: told by what nodes hold, as one who sees all would know
//! it. Nothing here is ever read by a protocol.

use super::measure::{Window, percentile};
use super::view::SpreadView;
use crate::base::bits::Bits;
use crate::base::chunks::Chunks;
use crate::base::ids::{Key, NodeId, OpId, Version};
use crate::base::metric::{Metric, MetricSet};
use crate::base::time::{Span, VirtualTime};
use crate::base::vector::Event;
use crate::protocol::Stored;
use std::collections::{BTreeMap, VecDeque};

/// The most writes of one key that are followed at a time; of more, the oldest is taken to have spread as far as it
/// ever will.
const WAVES: usize = 32;
/// What the screen shows stays for this long after it is everywhere, …
const LINGERS: Span = Span::seconds(1);
/// … and this long if it never is.
const SHOWN: Span = Span::seconds(8);

/// A write on its way.
#[derive(Clone, Debug)]
struct Wave {
    op: OpId,
    key: Key,
    version: Version,
    event: Option<Event>,
    began: VirtualTime,
    /// The nodes that hold it or what replaced it.
    has: Bits,
    /// How long until half, 99 of 100 and all of the live nodes had it.
    after: [Option<Span>; 3],
}

/// A write that is followed no more.
#[derive(Clone, Copy, Debug)]
struct Spent {
    began: VirtualTime,
    /// How long until every live node had it; `None` for never.
    took: Option<Span>,
    /// Live nodes without it then, per million.
    missing_ppm: u32,
}

/// All writes of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    waves: BTreeMap<Key, VecDeque<Wave>>,
    spent: Chunks<Spent>,
    /// The one on the screen.
    shown: Option<Wave>,
}

impl Spread {
    /// A node has taken a write. One that a person asked for is shown at once, others when the last one shown is over.
    pub(super) fn begin(
        &mut self,
        now: VirtualTime,
        (op, key): (OpId, Key),
        (version, event): (Version, Option<Event>),
        live: &Bits,
        is_by_hand: bool,
    ) {
        let wave = Wave { op, key, version, event, began: now, has: Bits::default(), after: [None; 3] };
        if is_by_hand || self.shown.as_ref().is_none_or(|shown| shown.is_over(now)) {
            self.shown = Some(wave.clone());
        }
        let waves = self.waves.entry(key).or_default();
        waves.push_back(wave);
        if waves.len() > WAVES
            && let Some(oldest) = waves.pop_front()
        {
            self.spent.push(oldest.spent(live));
        }
    }

    /// `node` holds this from now on.
    pub(super) fn hold(&mut self, now: VirtualTime, node: NodeId, stored: &Stored, live: &Bits) {
        let Some(waves) = self.waves.get_mut(&stored.key) else { return };
        for wave in waves.iter_mut().filter(|wave| stored.covers(wave.version, wave.event)) {
            if wave.has.insert(node.index()) {
                wave.note_reach(now, live);
                if let Some(shown) = self.shown.as_mut().filter(|shown| shown.op == wave.op) {
                    shown.clone_from(wave);
                }
            }
        }
        self.close(stored.key);
    }

    /// Nodes have crashed: what only they lacked is everywhere now.
    pub(super) fn lose(&mut self, now: VirtualTime, live: &Bits) {
        for wave in self.waves.values_mut().flatten().chain(&mut self.shown) {
            wave.note_reach(now, live);
        }
        let keys: Vec<Key> = self.waves.keys().copied().collect();
        keys.into_iter().for_each(|key| self.close(key));
    }

    /// Writes that are everywhere are followed no more.
    fn close(&mut self, key: Key) {
        let Some(waves) = self.waves.get_mut(&key) else { return };
        waves.retain(|wave| {
            let [.., all] = wave.after;
            if all.is_some() {
                self.spent.push(Spent { began: wave.began, took: all, missing_ppm: 0 });
            }
            all.is_none()
        });
        if waves.is_empty() {
            self.waves.remove(&key);
        }
    }

    /// The metrics of the writes taken in `window`.
    pub(super) fn put(&self, set: &mut MetricSet, window: Window, live: &Bits) {
        let under_way = self.waves.values().flatten().map(|wave| wave.spent(live));
        let is_inside = |spent: &Spent| window.0 <= spent.began && spent.began < window.1;
        let all: Vec<Spent> = self.spent.iter().copied().chain(under_way).filter(is_inside).collect();
        let mut times: Vec<Span> = all.iter().filter_map(|spent| spent.took).collect();
        times.sort_unstable();
        for (metric, percent) in [(Metric::SpreadMsP50, 50), (Metric::SpreadMsP99, 99)] {
            if let Some(time) = percentile(&times, percent) {
                set.put(metric, time.as_millis());
            }
        }
        if !all.is_empty() {
            let missing: u64 = all.iter().map(|spent| u64::from(spent.missing_ppm)).sum();
            set.put(Metric::ResiduePct, missing as f64 / all.len() as f64 / 1e4);
        }
    }

    /// The write that the screen shows.
    pub(super) fn picture(&self, live: &Bits) -> Option<SpreadView> {
        let Wave { op, key, began, has, after, .. } = self.shown.clone()?;
        let mut reached = has.clone();
        reached.intersect(live);
        Some(SpreadView { op, key, began, reached: reached.count(), of: live.count(), has, after })
    }
}

impl Wave {
    fn is_over(&self, now: VirtualTime) -> bool {
        let [.., all] = self.after;
        now >= all.map_or(self.began + SHOWN, |took| self.began + took + LINGERS)
    }

    /// Notes what share of the `live` nodes has it by `now`.
    fn note_reach(&mut self, now: VirtualTime, live: &Bits) {
        let mut reached = self.has.clone();
        reached.intersect(live);
        let (reached, of) = (reached.count(), live.count());
        for (after, percent) in self.after.iter_mut().zip([50, 99, 100]) {
            if after.is_none() && reached * 100 >= of * percent {
                *after = Some(now.since(self.began));
            }
        }
    }

    fn spent(&self, live: &Bits) -> Spent {
        let mut lacking = live.clone();
        lacking.subtract(&self.has);
        let missing_ppm = (lacking.count() * 1_000_000 / live.count().max(1)) as u32;
        Spent { began: self.began, took: None, missing_ppm }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::measure::WHOLE;

    fn at(ms: u64) -> VirtualTime {
        VirtualTime(ms * 1_000)
    }

    fn stored(version: u64) -> Stored {
        Stored { key: Key(1), version: Version(version), seen: None }
    }

    fn spread() -> Spread {
        let mut spread = Spread::default();
        spread.begin(at(0), (OpId(1), Key(1)), (Version(5), None), &Bits::below(4), false);
        spread.hold(at(0), NodeId(0), &stored(5), &Bits::below(4));
        spread
    }

    fn figures(spread: &Spread, live: &Bits) -> [Option<f64>; 3] {
        let mut set = MetricSet::default();
        spread.put(&mut set, WHOLE, live);
        [Metric::SpreadMsP50, Metric::SpreadMsP99, Metric::ResiduePct].map(|metric| set.get(metric))
    }

    #[test]
    fn a_write_is_everywhere_when_the_last_live_node_has_it_or_something_newer() {
        let live = Bits::below(4);
        let mut spread = spread();
        spread.hold(at(10), NodeId(1), &stored(5), &live);
        spread.hold(at(20), NodeId(2), &stored(4), &live);
        assert_eq!(figures(&spread, &live), [None, None, Some(50.0)], "an older version does not count");
        spread.hold(at(30), NodeId(2), &stored(9), &live);
        spread.hold(at(40), NodeId(3), &stored(5), &live);
        assert_eq!(figures(&spread, &live), [Some(40.0), Some(40.0), Some(0.0)]);
        let shown = spread.picture(&live).expect("a write was taken");
        assert_eq!((shown.reached, shown.of), (4, 4));
        assert_eq!(shown.after, [Some(Span::millis(10)), Some(Span::millis(40)), Some(Span::millis(40))]);
    }

    #[test]
    fn nobody_waits_for_a_node_that_is_down() {
        let mut live = Bits::below(4);
        let mut spread = spread();
        spread.hold(at(10), NodeId(1), &stored(5), &live);
        spread.hold(at(15), NodeId(2), &stored(5), &live);
        live.remove(3);
        spread.lose(at(25), &live);
        assert_eq!(figures(&spread, &live), [Some(25.0), Some(25.0), Some(0.0)]);
    }
}
