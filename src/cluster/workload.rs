//! The load: Poisson arrivals of an open loop, drawn from the workload stream alone, so that every run of a
//! scenario faces the same operations at the same instants whatever its cluster does.

use super::spec::{Distribution, WorkloadKind, WorkloadSpec};
use crate::base::command::WorkloadChange;
use crate::base::data::{Change, Update};
use crate::base::fixed::{self, ONE};
use crate::base::ids::{ClientId, Key, OpId, Value};
use crate::base::operation::Action;
use crate::base::random::Stream;
use crate::base::time::{Span, VirtualTime};
use std::sync::Arc;

/// What arrives: a client wants something of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Who.
    pub client: ClientId,
    /// Which key.
    pub key: Key,
    /// What.
    pub action: Action,
}

/// Items that are put into carts.
const ITEMS: u64 = 20;
/// Of the changes of a cart, how many per million take something out.
const TAKEN_OUT_PPM: u32 = 300_000;

/// The generator of arrivals.
#[derive(Clone, Debug)]
pub struct Workload {
    kind: WorkloadKind,
    stream: Stream,
    rate: u32,
    burst: Option<(u32, VirtualTime)>,
    writes_ppm: u32,
    keys: u32,
    clients: u64,
    exponent_milli: Option<u32>,
    /// Cumulative weights of the keys under Zipf; empty when uniform.
    weights: Arc<[u64]>,
    is_stopped: bool,
}

impl Workload {
    /// The load of `spec` under `seed`.
    pub fn new(seed: u64, spec: &WorkloadSpec) -> Self {
        let exponent_milli = match spec.distribution {
            Distribution::Uniform => None,
            Distribution::Zipf { exponent_milli } => Some(exponent_milli),
        };
        Workload {
            kind: spec.kind,
            stream: Stream::new(seed, "workload"),
            rate: spec.rate,
            burst: None,
            writes_ppm: spec.writes_ppm,
            keys: spec.keys.max(1),
            clients: spec.clients as u64,
            exponent_milli,
            weights: weights(exponent_milli, spec.keys.max(1)),
            is_stopped: spec.kind == WorkloadKind::None || spec.clients == 0,
        }
    }

    /// When the next operation arrives after `now`; `None` if none ever will at this rate.
    pub fn next_after(&mut self, now: VirtualTime) -> Option<VirtualTime> {
        let rate = self.rate_at(now);
        if self.is_stopped || rate == 0 {
            return None;
        }
        let gap = i128::from(fixed::exponential(self.stream.next_u64())) * 1_000_000 / i128::from(rate);
        Some(now + Span((gap / i128::from(ONE)) as u64))
    }

    /// What arrives as the operation numbered `op`. A value that an operation writes is its number.
    pub fn draw(&mut self, op: OpId) -> Arrival {
        let client = ClientId(self.stream.below(self.clients) as u16);
        let is_write = self.stream.chance(self.writes_ppm);
        let key = match self.weights.last() {
            None => self.stream.below(u64::from(self.keys)),
            Some(&total) => {
                let point = self.stream.below(total);
                self.weights.partition_point(|&upto| upto <= point) as u64
            }
        };
        let (key, own) = (Key(key as u32), Value(op.0));
        let update = |update| Action::Change(Change::Update(update));
        let (client, action) = match self.kind {
            _ if !is_write => (client, Action::Read),
            WorkloadKind::SingleWriter => {
                (ClientId((u64::from(key.0) % self.clients) as u16), Action::write(own))
            }
            WorkloadKind::Set | WorkloadKind::ReadModifyWrite => (client, update(Update::Add(own))),
            WorkloadKind::Append => (client, update(Update::Append(own))),
            WorkloadKind::Insert => (client, update(Update::Insert(own))),
            WorkloadKind::Counter => (client, update(Update::Increment(1))),
            WorkloadKind::Cart => {
                let item = Value(self.stream.below(ITEMS) as u32);
                let is_taken_out = self.stream.chance(TAKEN_OUT_PPM);
                (client, update(if is_taken_out { Update::Remove(item) } else { Update::Add(item) }))
            }
            WorkloadKind::Register | WorkloadKind::Probe { .. } | WorkloadKind::None => {
                (client, Action::write(own))
            }
        };
        Arrival { client, key, action }
    }

    /// Operations per second at `now`.
    pub fn rate_at(&self, now: VirtualTime) -> u32 {
        match self.burst {
            Some((rate, until)) if now < until => rate,
            _ => self.rate,
        }
    }

    /// Whether there is no load, whatever its rate.
    pub fn is_none(&self) -> bool {
        self.kind == WorkloadKind::None
    }

    /// Turns the load's own knobs.
    pub fn change(&mut self, change: WorkloadChange) {
        self.rate = change.rate.unwrap_or(self.rate);
        self.writes_ppm = change.writes_ppm.unwrap_or(self.writes_ppm);
        if let Some(keys) = change.keys {
            self.keys = keys.max(1);
            self.weights = weights(self.exponent_milli, self.keys);
        }
    }

    /// Raises the load to `rate` until `until`.
    pub fn burst(&mut self, rate: u32, until: VirtualTime) {
        self.burst = Some((rate, until));
    }

    /// No more arrivals, for good.
    pub fn stop(&mut self) {
        self.is_stopped = true;
    }
}

fn weights(exponent_milli: Option<u32>, keys: u32) -> Arc<[u64]> {
    let Some(exponent) = exponent_milli else { return Arc::from([]) };
    let mut total = 0_u64;
    let cumulative = (1..=i64::from(keys)).map(|rank| {
        let log = fixed::ln(rank << 32);
        let weight = fixed::exp(-(i128::from(log) * i128::from(exponent) / 1000) as i64);
        total += (weight.max(1)) as u64;
        total
    });
    cumulative.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(spec: &WorkloadSpec, until: VirtualTime) -> Vec<(VirtualTime, Arrival)> {
        let mut load = Workload::new(7, spec);
        let (mut now, mut all) = (VirtualTime::ZERO, Vec::new());
        while let Some(at) = load.next_after(now).filter(|&at| at < until) {
            now = at;
            all.push((at, load.draw(OpId(all.len() as u32))));
        }
        all
    }

    #[test]
    fn arrivals_are_poisson_at_their_rate_and_share() {
        let all = arrivals(&WorkloadSpec::default(), VirtualTime(100_000_000));
        assert!((19_400..20_600).contains(&all.len()), "{} in 100 s at 200/s", all.len());
        let writes = all.iter().filter(|(_, arrival)| arrival.action.is_write()).count();
        assert!((9_600..10_400).contains(&writes), "{writes} writes");
        let long_gaps = all.windows(2).filter(|pair| pair[1].0.since(pair[0].0) > Span::millis(5)).count();
        // P(gap > mean) = 1/e
        assert!((7_000..7_700).contains(&long_gaps), "{long_gaps} gaps above the mean");
    }

    #[test]
    fn zipf_prefers_low_ranks_as_its_exponent_says() {
        let spec =
            WorkloadSpec { distribution: Distribution::Zipf { exponent_milli: 1_000 }, ..Default::default() };
        let all = arrivals(&spec, VirtualTime(100_000_000));
        let share =
            |key| all.iter().filter(|(_, arrival)| arrival.key == Key(key)).count() * 1000 / all.len();
        // harmonic number of 100 is 5.187: rank 1 has 19.3 %, rank 2 half of it
        assert!((183..203).contains(&share(0)), "{}", share(0));
        assert!((88..105).contains(&share(1)), "{}", share(1));
    }

    #[test]
    fn a_burst_ends_and_a_stop_is_for_good() {
        let mut load = Workload::new(7, &WorkloadSpec::default());
        load.burst(2_000, VirtualTime(5_000_000));
        assert_eq!(load.rate_at(VirtualTime(4_999_999)), 2_000);
        assert_eq!(load.rate_at(VirtualTime(5_000_000)), 200);
        load.stop();
        assert_eq!(load.next_after(VirtualTime::ZERO), None);
    }
}
