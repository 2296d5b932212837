//! Fixed-point logarithm and exponential. `f64::ln` and `f64::exp` differ between platforms; these do not.
//!
//! Numbers are Q32.32: an `i64` whose unit is 2^-32. Accuracy is better than 2^-28 on the ranges the world uses.

/// One, in Q32.32.
pub const ONE: i64 = 1 << 32;
/// ln 2, in Q32.32.
const LN_2: i64 = 2_977_044_472;

/// The product of two Q32.32 numbers.
pub fn mul(a: i64, b: i64) -> i64 {
    ((i128::from(a) * i128::from(b)) >> 32) as i64
}

/// e^x for a Q32.32 `x`; 0 below about -22, saturating above about 21.
pub fn exp(x: i64) -> i64 {
    let doublings = x.div_euclid(LN_2);
    let rest = x.rem_euclid(LN_2);
    let mut term = ONE;
    let mut sum = ONE;
    for n in 1..=14 {
        term = mul(term, rest) / n;
        sum += term;
    }
    match doublings {
        30.. => i64::MAX,
        0..30 => sum << doublings,
        -62..0 => sum >> -doublings,
        _ => 0,
    }
}

/// ln(x) for a positive Q32.32 `x`.
///
/// # Panics
/// If `x` is not positive.
pub fn ln(x: i64) -> i64 {
    assert!(x > 0, "the logarithm of a number that is not positive");
    let shift = i64::from(x.leading_zeros()) - 31;
    let mantissa = if shift >= 0 { x << shift } else { x >> -shift };
    // ln(m) = 2 artanh((m-1)/(m+1)) for m in [1, 2)
    let ratio = (i128::from(mantissa - ONE) << 32) / i128::from(mantissa + ONE);
    let ratio = ratio as i64;
    let square = mul(ratio, ratio);
    let mut power = ratio;
    let mut sum = 0;
    for n in 0..16 {
        sum += power / (2 * n + 1);
        power = mul(power, square);
    }
    2 * sum - shift * LN_2
}

/// -ln(u) for a uniform u in (0, 1] taken from 64 random bits: a standard exponential variate in Q32.32.
pub fn exponential(bits: u64) -> i64 {
    let uniform = (bits >> 32) as i64 + 1;
    -ln(uniform)
}

/// A standard normal variate in Q32.32 from 64 random bits: the inverse distribution function at a uniform point,
/// by Acklam's rational approximation evaluated in fixed point (relative error below 2^-20).
pub fn normal(bits: u64) -> i64 {
    let uniform = ((bits >> 32) as i64).max(1);
    let low_tail = 104_152_948; // 0.02425 in Q32.32
    if uniform < low_tail {
        tail(uniform)
    } else if uniform > ONE - low_tail {
        -tail(ONE - uniform)
    } else {
        centre(uniform - ONE / 2)
    }
}

/// Horner evaluation of a polynomial whose Q32.32 coefficients are given from the highest power down.
fn polynomial(coefficients: &[i64], x: i64) -> i64 {
    coefficients.iter().fold(0, |sum, &c| mul(sum, x) + c)
}

fn divide(a: i64, b: i64) -> i64 {
    ((i128::from(a) << 32) / i128::from(b)) as i64
}

/// A decimal constant as Q32.32, in units of 10^-9.
const fn q(nano: i64) -> i64 {
    ((nano as i128 * ONE as i128) / 1_000_000_000) as i64
}

fn centre(q_offset: i64) -> i64 {
    const A: [i64; 6] = [
        q(-39_696_830_287),
        q(220_946_098_425),
        q(-275_928_510_447),
        q(138_357_751_867),
        q(-30_664_798_066),
        q(2_506_628_277),
    ];
    const B: [i64; 6] = [
        q(-54_476_098_799),
        q(161_585_836_858),
        q(-155_698_979_860),
        q(66_801_311_888),
        q(-13_280_681_553),
        ONE,
    ];
    let r = mul(q_offset, q_offset);
    divide(mul(polynomial(&A, r), q_offset), polynomial(&B, r))
}

fn tail(p: i64) -> i64 {
    const C: [i64; 6] = [
        q(-7_784_894),
        q(-322_396_458),
        q(-2_400_758_277),
        q(-2_549_732_539),
        q(4_374_664_141),
        q(2_938_163_982),
    ];
    const D: [i64; 5] = [q(7_784_695), q(322_467_129), q(2_445_134_137), q(3_754_408_661), ONE];
    let x = square_root(-2 * ln(p));
    divide(polynomial(&C, x), polynomial(&D, x))
}

/// The square root of a Q32.32 number that is not negative.
pub fn square_root(x: i64) -> i64 {
    ((x as u128) << 32).isqrt() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real(x: i64) -> f64 {
        x as f64 / ONE as f64
    }

    #[test]
    fn exp_and_ln_hold_their_test_vectors() {
        assert_eq!(exp(0), ONE);
        assert!((real(exp(ONE)) - std::f64::consts::E).abs() < 1e-8);
        assert!((real(exp(-3 * ONE)) - 0.049_787_068_4).abs() < 1e-8);
        assert!((real(exp(5 * ONE)) - 148.413_159_1).abs() < 1e-5);
        assert_eq!(ln(ONE), 0);
        assert!((real(ln(10 * ONE)) - std::f64::consts::LN_10).abs() < 1e-8);
        assert!((real(ln(ONE / 1000)) + 6.907_755_28).abs() < 1e-6);
    }

    #[test]
    fn the_normal_quantile_matches_its_tables() {
        for (p, z) in
            [(0.5, 0.0), (0.975, 1.959_964), (0.01, -2.326_348), (0.9999, 3.719_016), (0.8, 0.841_621)]
        {
            let bits = ((p * ONE as f64) as u64) << 32;
            assert!((real(normal(bits)) - z).abs() < 2e-4, "p={p}: {}", real(normal(bits)));
        }
    }

    #[test]
    fn extreme_bits_stay_finite() {
        for bits in [0, 1, u64::MAX, u64::MAX >> 1] {
            assert!(real(normal(bits)).abs() < 8.0);
            assert!((0.0..23.0).contains(&real(exponential(bits))));
        }
    }
}
