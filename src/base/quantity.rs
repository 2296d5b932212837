//! Numbers with units as people write them: durations, sizes, rates. Exact, without floats.

use super::time::Span;

/// The longest time that a scenario plays.
const LONGEST: Span = Span::seconds(24 * 3600);
/// The longest time that a knob holds: real systems count some in weeks.
const LONGEST_OF_KNOBS: Span = Span::seconds(1_000 * 3600);

/// Reads a duration: a decimal number and `us`, `ms`, `s`, `m` or `h`. At most 24 h.
pub fn parse_span(text: &str) -> Option<Span> {
    parse_long_span(text).filter(|&span| span <= LONGEST)
}

/// Reads a duration that a knob holds: the same, but at most 1 000 h.
pub fn parse_long_span(text: &str) -> Option<Span> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let unit: u64 = match &text[split..] {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        _ => return None,
    };
    let us = parse_decimal(&text[..split], unit)?;
    (us <= LONGEST_OF_KNOBS.0).then_some(Span(us))
}

/// Reads a size: a decimal number and `B`, `KB`, `MB`, `GB` (thousands) or `KiB`, `MiB`, `GiB`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let unit: u64 = match &text[split..] {
        "B" => 1,
        "KB" | "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    parse_decimal(&text[..split], unit)
}

/// Reads a rate: a size followed by `/s`.
pub fn parse_rate(text: &str) -> Option<u64> {
    parse_bytes(text.strip_suffix("/s")?).filter(|&rate| rate > 0)
}

/// A plain decimal number times `unit`, rounded down; `None` for signs, exponents, overflow.
pub fn parse_decimal(text: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 || text.ends_with('.') {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let mantissa: u128 = format!("{whole}{fraction}").parse().ok()?;
    u64::try_from(mantissa.checked_mul(u128::from(unit))? / scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_sizes_and_rates_read_back() {
        assert_eq!(parse_span("1.5ms"), Some(Span(1_500)));
        assert_eq!(parse_span("30s"), Some(Span::seconds(30)));
        assert_eq!(parse_span("0s"), Some(Span::ZERO));
        for bad in ["", "5", "ms", "-5s", "1e3s", "5 s", "25h", "1.s", ".5s", "5S"] {
            assert_eq!(parse_span(bad), None, "{bad}");
        }
        assert_eq!(parse_rate("50KiB/s"), Some(51_200));
        assert_eq!(parse_rate("100MB/s"), Some(100_000_000));
    }
}
