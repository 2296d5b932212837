//! Delay distributions, sampled from integer tables so that every platform draws the same microsecond.

use super::fixed::{self, ONE};
use super::time::Span;
use std::sync::Arc;

/// The least one-way delay and flush time unless a scenario sets a smaller constant: below it nothing travels, so
/// a step at one node cannot reach another within it.
pub const FLOOR: Span = Span(300);

/// What a scenario may say about a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelayLaw {
    /// Always the same.
    Constant(Span),
    /// Any length from `min` to `max` with equal chance.
    Uniform {
        /// The shortest.
        min: Span,
        /// The longest.
        max: Span,
    },
    /// Lognormal by its median and the standard deviation of its logarithm, in thousandths.
    Lognormal {
        /// Half of the draws are shorter.
        median: Span,
        /// Sigma of ln(delay), times 1000.
        sigma_milli: u32,
    },
    /// Exponential by its mean.
    Exponential {
        /// The average.
        mean: Span,
    },
}

/// How many quantiles a table keeps; a draw picks one of them.
const QUANTILES: usize = 1024;

/// A law made ready for sampling: its quantiles, truncated below. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DelayTable {
    law: DelayLaw,
    quantiles: Arc<[u32]>,
}

impl DelayTable {
    /// Tabulates `law`. Constants are kept exact; everything else is truncated below at [`FLOOR`].
    pub fn new(law: DelayLaw) -> Self {
        let quantile = |slot: usize| {
            let bits = (2 * slot as u64 + 1) << (63 - QUANTILES.trailing_zeros());
            match law {
                DelayLaw::Constant(span) => span.0,
                DelayLaw::Uniform { min, max } => {
                    min.0 + ((u128::from(bits) * u128::from(max.0.saturating_sub(min.0))) >> 64) as u64
                }
                DelayLaw::Lognormal { median, sigma_milli } => {
                    let exponent = fixed::normal(bits) / 1000 * i64::from(sigma_milli);
                    scale(median, fixed::exp(exponent))
                }
                DelayLaw::Exponential { mean } => scale(mean, fixed::exponential(bits)),
            }
        };
        let floor = if matches!(law, DelayLaw::Constant(_)) { 0 } else { FLOOR.0 };
        let quantiles =
            (0..QUANTILES).map(|slot| u32::try_from(quantile(slot).max(floor)).unwrap_or(u32::MAX));
        DelayTable { law, quantiles: quantiles.collect() }
    }

    /// The law this table samples.
    pub fn law(&self) -> DelayLaw {
        self.law
    }

    /// The delay that 64 random bits stand for.
    pub fn sample(&self, bits: u64) -> Span {
        Span(u64::from(self.quantiles[(bits >> (64 - QUANTILES.trailing_zeros())) as usize]))
    }

    /// The shortest delay this table ever gives.
    pub fn least(&self) -> Span {
        Span(u64::from(self.quantiles.iter().copied().min().unwrap_or(0)))
    }
}

fn scale(span: Span, factor: i64) -> u64 {
    (u128::from(span.0) * (factor.max(0) as u128) / ONE as u128) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Keyed;

    fn samples(law: DelayLaw) -> Vec<u64> {
        let (table, keyed) = (DelayTable::new(law), Keyed::new(1, "test"));
        let mut drawn: Vec<u64> = (0..20_000).map(|n| table.sample(keyed.bits(n, 0)).0).collect();
        drawn.sort_unstable();
        drawn
    }

    #[test]
    fn lognormal_has_its_median_and_spread() {
        let drawn = samples(DelayLaw::Lognormal { median: Span::millis(1), sigma_milli: 400 });
        assert!((980..1_020).contains(&drawn[10_000]), "median {}", drawn[10_000]);
        // one sigma above the median: e^0.4 = 1.4918
        assert!((1_450..1_535).contains(&drawn[16_827]), "84th percentile {}", drawn[16_827]);
        assert!(drawn[0] >= FLOOR.0);
    }

    #[test]
    fn exponential_has_its_mean() {
        let drawn = samples(DelayLaw::Exponential { mean: Span::millis(20) });
        let mean = drawn.iter().sum::<u64>() / drawn.len() as u64;
        assert!((19_400..20_600).contains(&mean), "mean {mean}");
    }

    #[test]
    fn constants_are_exact_and_uniform_stays_inside() {
        assert!(samples(DelayLaw::Constant(Span(5))).iter().all(|&us| us == 5));
        let drawn = samples(DelayLaw::Uniform { min: Span(1_000), max: Span(9_000) });
        assert!(drawn[0] >= 1_000 && drawn[19_999] <= 9_000);
    }
}
