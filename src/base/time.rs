//! Virtual time: integer microseconds, nothing else. No clock is read here or in any room above that simulates.

use std::fmt;
use std::ops::{Add, AddAssign, Mul, Sub};

/// An instant of the simulated world, in microseconds since its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualTime(pub u64);

/// A length of virtual time, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

impl VirtualTime {
    /// The beginning of the world.
    pub const ZERO: VirtualTime = VirtualTime(0);
    /// Later than everything; used as "no limit".
    pub const MAX: VirtualTime = VirtualTime(u64::MAX);

    /// How long ago `earlier` was; zero if it lies ahead.
    pub fn since(self, earlier: VirtualTime) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// Whole and fractional seconds for reports.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// `millis` milliseconds.
    pub const fn millis(millis: u64) -> Span {
        Span(millis * 1_000)
    }

    /// `seconds` seconds.
    pub const fn seconds(seconds: u64) -> Span {
        Span(seconds * 1_000_000)
    }

    /// Fractional milliseconds for reports.
    pub fn as_millis(self) -> f64 {
        self.0 as f64 / 1e3
    }

    /// The span times `num / den`, rounded down, without overflow.
    pub fn scaled(self, num: u64, den: u64) -> Span {
        let wide = u128::from(self.0) * u128::from(num) / u128::from(den.max(1));
        Span(u64::try_from(wide).unwrap_or(u64::MAX))
    }
}

impl Add<Span> for VirtualTime {
    type Output = VirtualTime;
    fn add(self, span: Span) -> VirtualTime {
        VirtualTime(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for VirtualTime {
    type Output = VirtualTime;
    fn sub(self, span: Span) -> VirtualTime {
        VirtualTime(self.0.saturating_sub(span.0))
    }
}

impl AddAssign<Span> for VirtualTime {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl Mul<u64> for Span {
    type Output = Span;
    fn mul(self, factor: u64) -> Span {
        Span(self.0.saturating_mul(factor))
    }
}

/// `MM:SS.mmm`, growing an hours field when needed.
impl fmt::Display for VirtualTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0 / 1_000;
        let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
        if hours > 0 {
            write!(f, "{hours}:")?;
        }
        write!(f, "{minutes:02}:{:02}.{:03}", millis / 1_000 % 60, millis % 1_000)
    }
}

/// The shortest exact spelling that the scenario language reads back: `250us`, `1.5ms`, `20s`, `2m`, `1h`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0;
        for (unit, name) in [(3_600_000_000, "h"), (60_000_000, "m")] {
            if us != 0 && us.is_multiple_of(unit) {
                return write!(f, "{}{name}", us / unit);
            }
        }
        match us {
            0 => f.write_str("0s"),
            1..=999 => write!(f, "{us}us"),
            1_000..=999_999 => write_decimal(f, us, 1_000, "ms"),
            _ => write_decimal(f, us, 1_000_000, "s"),
        }
    }
}

fn write_decimal(f: &mut fmt::Formatter<'_>, us: u64, unit: u64, name: &str) -> fmt::Result {
    if us.is_multiple_of(unit) {
        return write!(f, "{}{name}", us / unit);
    }
    let width = if unit == 1_000 { 3 } else { 6 };
    let fraction = format!("{:0width$}", us % unit);
    write!(f, "{}.{}{name}", us / unit, fraction.trim_end_matches('0'))
}

/// A node's own wall clock reading in microseconds: virtual time plus that clock's error. May run backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_print_in_the_shortest_exact_unit() {
        let printed: Vec<String> = [0, 250, 1_500, 20_000_000, 120_000_000, 4_300_000]
            .iter()
            .map(|&us| Span(us).to_string())
            .collect();
        assert_eq!(printed, ["0s", "250us", "1.5ms", "20s", "2m", "4.3s"]);
    }

    #[test]
    fn instants_print_as_a_stopwatch() {
        assert_eq!(VirtualTime(72_480_500).to_string(), "01:12.480");
        assert_eq!(VirtualTime(3_600_000_000).to_string(), "1:00:00.000");
    }
}
