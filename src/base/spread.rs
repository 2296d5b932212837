//! What several seeds say of one figure: its mean, how sure that is, and which of several runs is better by more than
//! the noise.

use super::difference::Better;

/// The 97.5 % points of Student's t distribution for 1 to 30 degrees of freedom (Abramowitz and Stegun, table 26.10):
/// within so many standard errors of its mean lies the true one, in 95 of 100 cases.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];
/// The same for more of them.
const NORMAL: f64 = 1.96;

/// One figure over several seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Seeds in which it had a value.
    pub count: usize,
    /// The mean over them.
    pub mean: f64,
    /// Half the width of the 95 % confidence interval around it; 0 for one seed, of which nothing is known.
    pub margin: f64,
    /// The least value.
    pub least: f64,
    /// The greatest.
    pub most: f64,
}

impl Spread {
    /// The spread of `values`; nothing if there is none.
    pub fn of(values: &[f64]) -> Option<Spread> {
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let least = values.iter().copied().reduce(f64::min)?;
        let most = values.iter().copied().reduce(f64::max)?;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let margin = match count {
            1 => 0.0,
            _ => student(count - 1) * (squares / (count - 1) as f64 / count as f64).sqrt(),
        };
        Some(Spread { count, mean, margin, least, most })
    }

    fn overlaps(&self, other: &Spread) -> bool {
        (self.mean - other.mean).abs() <= self.margin + other.margin
    }
}

fn student(degrees: usize) -> f64 {
    STUDENT.get(degrees - 1).copied().unwrap_or(NORMAL)
}

/// Which runs are best: the best one, and whoever cannot be told from it, where some other run is worse by more than the
/// noise. One seed has no noise to measure: then only what is exactly counted is told apart.
pub fn best(runs: &[Option<Spread>], better: Better, is_counted: bool) -> Vec<bool> {
    let nobody = || vec![false; runs.len()];
    let known: Vec<&Spread> = runs.iter().flatten().collect();
    let has_noise = known.iter().all(|spread| spread.count > 1);
    let ahead = match better {
        Better::Neither => return nobody(),
        _ if !is_counted && !has_noise => return nobody(),
        Better::Higher => known.iter().max_by(|a, b| a.mean.total_cmp(&b.mean)),
        Better::Lower => known.iter().min_by(|a, b| a.mean.total_cmp(&b.mean)),
    };
    let Some(ahead) = ahead.filter(|ahead| known.iter().any(|other| !other.overlaps(ahead))) else {
        return nobody();
    };
    runs.iter().map(|run| run.is_some_and(|run| run.overlaps(ahead))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spreads(runs: &[&[f64]]) -> Vec<Option<Spread>> {
        runs.iter().map(|values| Spread::of(values)).collect()
    }

    #[test]
    fn the_margin_is_that_of_students_t() {
        let spread = Spread::of(&[10.0, 12.0, 14.0]).expect("three values");
        // Variance 4, standard error 2 / sqrt 3, 2 degrees of freedom.
        assert!((spread.margin - 4.303 * 2.0 / 3.0_f64.sqrt()).abs() < 1e-9);
        assert_eq!((spread.mean, spread.least, spread.most, spread.count), (12.0, 10.0, 14.0, 3));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn only_what_exceeds_the_noise_is_better() {
        let near = spreads(&[&[50.0, 54.0, 58.0], &[52.0, 56.0, 60.0]]);
        assert_eq!(best(&near, Better::Higher, false), [false, false]);
        let far = spreads(&[&[50.0, 50.5, 51.0], &[90.0, 90.5, 91.0], &[90.2, 90.6, 91.1], &[]]);
        assert_eq!(best(&far, Better::Higher, false), [false, true, true, false], "two cannot be told apart");
        assert_eq!(best(&far, Better::Lower, false), [true, false, false, false]);
        assert_eq!(best(&far, Better::Neither, false), [false; 4]);
    }

    #[test]
    fn one_seed_tells_counts_apart_and_nothing_else() {
        let one = spreads(&[&[0.0], &[584.0], &[0.0]]);
        assert_eq!(best(&one, Better::Lower, true), [true, false, true]);
        assert_eq!(best(&one, Better::Lower, false), [false; 3]);
        assert_eq!(best(&spreads(&[&[0.0], &[0.0]]), Better::Lower, true), [false, false], "no difference");
    }
}
