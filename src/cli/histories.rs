//! The options of `splitbrain verify` and `splitbrain export`.

use super::Changes;
use crate::check::linear::MODELS;
use crate::headless::export::TARGETS;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `splitbrain verify`.
#[derive(Args, Clone, Debug)]
pub struct Verify {
    /// The history: a file, or - for standard input.
    pub history: String,
    /// What the keys are; what each key's operations say if nothing is given.
    #[arg(long, value_name = "MODEL", value_parser = PossibleValuesParser::new(MODELS.iter().map(|(_, word)| *word)))]
    pub model: Option<String>,
    /// What keys hold at the beginning, as EDN: nil, 5, "x".
    #[arg(long, value_name = "VALUE", default_value = "nil", allow_hyphen_values = true)]
    pub initial: String,
    /// Steps that searches may take: 500k, 50M, 2G. The same budget gives the same verdict on every machine.
    #[arg(long, value_name = "STEPS", default_value = "50M", value_parser = parse_steps)]
    pub budget: u64,
    /// Memory that a search may hold, in MiB.
    #[arg(long, value_name = "MIB", default_value = "1024", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub memory: u64,
    /// What a failed cas says: nothing, or that the value was another; in text logs it answers, elsewhere not.
    #[arg(long, value_name = "WHAT")]
    pub failed_cas: Option<FailedCasWord>,
    /// One JSON object instead of words.
    #[arg(long)]
    pub json: bool,
}

/// `splitbrain export`.
#[derive(Args, Clone, Debug)]
pub struct Export {
    /// A preset's name, a file, or - for standard input.
    pub scenario: String,
    /// The file to make; its ending says what it becomes. - for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// What it becomes, whatever the file is called.
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(TARGETS.iter().map(|row| PossibleValue::new(row.word).help(row.meaning))))]
    pub format: Option<String>,
    /// Write over a file that is there.
    #[arg(long)]
    pub force: bool,
    /// The run whose history it is; the first if nothing is said.
    #[arg(long = "run", value_name = "ID")]
    pub run: Option<String>,
    /// Another seed.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What changes the scenario.
    #[command(flatten)]
    pub changes: Changes,
}

/// What a failed cas says, as the command line writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailedCasWord {
    /// The value differed from the expected one.
    Answer,
    /// It did not happen; nothing else.
    Absent,
}

fn parse_steps(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&text[..at], 1_000),
        Some((at, 'm' | 'M')) => (&text[..at], 1_000_000),
        Some((at, 'g' | 'G')) => (&text[..at], 1_000_000_000),
        _ => (text, 1),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    number.filter(|steps| *steps > 0).ok_or_else(|| "steps are a whole number: 500k, 50M, 2G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_counted_in_steps() {
        assert_eq!((parse_steps("50M"), parse_steps("7")), (Ok(50_000_000), Ok(7)));
        for wrong in ["", "0", "M", "-1", "1s", "99999999999G"] {
            assert!(parse_steps(wrong).is_err(), "{wrong}");
        }
    }
}
