//! What time can run to: a metric that passes a number, a new primary, a marker, a log line.
//!
//! ```text
//! until [RUN] METRIC > NUMBER        >, >=, <, <=, =, != ; of any run unless one is named
//! until [RUN] primary changes
//! until mark [TEXT]                  the next marker, or the next one whose words contain TEXT
//! until [RUN] line CODE              the next log line with this code
//! ```

use super::player::{Cursor, Player};
use crate::base::line::CODES;
use crate::base::metric::{METRICS, Metric};
use crate::base::text::nearest;
use crate::base::time::{Span, VirtualTime};
use crate::cluster::measure::WHOLE;
use crate::scenario::model::Scenario;

/// The least virtual time between two measurements. Measuring reads the whole history, so the longer it goes on the
/// more seldom it is done.
const MEASURE_EVERY: Span = Span::millis(100);

/// A condition, and since when it is waited for.
pub struct Until {
    words: String,
    /// The runs asked, by index.
    runs: Vec<usize>,
    what: What,
    /// What had been counted when waiting began, by run.
    counted: Vec<usize>,
    began: VirtualTime,
    looked_at: Cursor,
    /// How far time had been lived through then.
    lived: Cursor,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq)]
enum What {
    Metric(Metric, Comparison, f64),
    PrimaryChanges,
    Mark(String),
    Line(&'static str),
}

/// How a number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    Unequal,
}

/// The signs, longer ones before those that they begin with.
const COMPARISONS: &[(&str, Comparison)] = &[
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    ("!=", Comparison::Unequal),
    ("==", Comparison::Equal),
    (">", Comparison::Above),
    ("<", Comparison::Below),
    ("=", Comparison::Equal),
];

impl Comparison {
    fn holds(self, value: f64, number: f64) -> bool {
        match self {
            Comparison::Above => value > number,
            Comparison::AtLeast => value >= number,
            Comparison::Below => value < number,
            Comparison::AtMost => value <= number,
            Comparison::Equal => (value - number).abs() < 1e-9,
            Comparison::Unequal => (value - number).abs() >= 1e-9,
        }
    }
}

impl Until {
    /// Reads a condition.
    ///
    /// # Errors
    /// What was found and what would be right.
    pub fn parse(text: &str, scenario: &Scenario) -> Result<Self, String> {
        let text = text.trim();
        let (runs, rest) = scope(text, scenario)?;
        let what = what(rest)?;
        let words = text.to_owned();
        let (counted, began) = (Vec::new(), VirtualTime::ZERO);
        let (looked_at, lived) = (Cursor::default(), Cursor::default());
        Ok(Until { words, runs, what, counted, began, looked_at, lived })
    }

    /// The condition as it was typed.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// How far time had been lived through when the waiting began.
    pub fn lived(&self) -> Cursor {
        self.lived
    }

    /// Begins to wait, where time has been lived through up to `lived`. Gives what is so already, if it is.
    pub fn begin(&mut self, player: &mut Player, lived: Cursor) -> Option<String> {
        (self.began, self.looked_at, self.lived) = (player.now(), player.cursor(), lived);
        self.counted = (0..player.clusters().len()).map(|run| self.count(player, run)).collect();
        self.look(player)
    }

    /// Whether it is seen at the very event that brings it.
    pub fn is_exact(&self) -> bool {
        !matches!(self.what, What::Metric(..))
    }

    /// Whether it is time to look again.
    pub fn is_due(&self, now: Cursor) -> bool {
        let waited = now.at.since(self.began);
        self.is_exact() || now.at.since(self.looked_at.at) >= MEASURE_EVERY.max(waited.scaled(1, 64))
    }

    /// It was looked for here, in vain.
    pub fn note(&mut self, now: Cursor) {
        if self.is_due(now) {
            self.looked_at = now;
        }
    }

    /// Whether it was waited for long enough where nothing else ends the waiting.
    pub fn is_in_vain(&self, now: Cursor, duration: Span) -> bool {
        now.at.since(self.began) > duration.max(Span::seconds(60))
    }

    /// Where it was last looked for in vain.
    pub fn looked_at(&self) -> Cursor {
        self.looked_at
    }

    /// What has come, in words; nothing if it has not.
    pub fn look(&self, player: &mut Player) -> Option<String> {
        let scenario = std::sync::Arc::clone(player.scenario());
        self.runs.iter().find_map(|&run| {
            let id = &scenario.runs[run].id;
            if let What::Metric(metric, comparison, number) = self.what {
                let cluster = player.clusters()[run].as_mut();
                let truth = cluster.truth();
                let value = cluster.measure(&truth, WHOLE).get(metric)?;
                let words = || format!("{} of {id} is {value}", metric.row().name);
                return comparison.holds(value, number).then(words);
            }
            let has_come = self.count(player, run) > self.counted[run];
            has_come.then(|| self.come(player, run, id))
        })
    }

    /// How much of what is waited for there has been.
    fn count(&self, player: &mut Player, run: usize) -> usize {
        match &self.what {
            What::Metric(..) => 0,
            What::PrimaryChanges => player.clusters()[run].stints().len(),
            What::Mark(text) => {
                player.marks().iter().filter(|mark| mark.label.contains(text.as_str())).count()
            }
            What::Line(code) => player.clusters()[run].lines(code, WHOLE),
        }
    }

    fn come(&self, player: &mut Player, run: usize, id: &str) -> String {
        match &self.what {
            What::Metric(..) => self.words.clone(),
            What::PrimaryChanges => match player.clusters()[run].stints().last() {
                Some(stint) => {
                    let name = player.clusters()[run].names().node(stint.node);
                    format!("{name} is primary of {id}, term {}", stint.term)
                }
                None => self.words.clone(),
            },
            What::Mark(_) => player.marks().last().map_or_else(String::new, |mark| mark.label.to_string()),
            What::Line(code) => format!("{code} in {id}"),
        }
    }
}

fn scope<'a>(text: &'a str, scenario: &Scenario) -> Result<(Vec<usize>, &'a str), String> {
    let Some(scoped) = text.strip_prefix('[') else { return Ok(((0..scenario.runs.len()).collect(), text)) };
    let Some((inside, rest)) = scoped.split_once(']') else {
        return Err("a scope that is not closed: `[run] condition`".to_owned());
    };
    let find = |id: &str| {
        scenario.runs.iter().position(|run| run.id == id).ok_or_else(|| {
            let ids: Vec<&str> = scenario.runs.iter().map(|run| run.id.as_str()).collect();
            format!("unknown run `{id}`; the runs are {}", ids.join(", "))
        })
    };
    Ok((inside.split(',').map(str::trim).map(find).collect::<Result<_, _>>()?, rest.trim()))
}

fn what(text: &str) -> Result<What, String> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match (word, rest.trim()) {
        ("primary", "changes") => return Ok(What::PrimaryChanges),
        ("primary", other) => {
            return Err(format!("`primary {other}`: only `primary changes` can be waited for"));
        }
        ("mark", label) => return Ok(What::Mark(label.to_owned())),
        ("line", code) => return line(code),
        _ => {}
    }
    let Some((at, (sign, comparison))) = COMPARISONS.iter().find_map(|row| Some((text.find(row.0)?, *row)))
    else {
        let help = "`METRIC > NUMBER`, `primary changes`, `mark [TEXT]` or `line CODE`";
        return Err(format!("`{text}` is no condition; {help}"));
    };
    let (name, number) = (text[..at].trim(), text[at + sign.len()..].trim());
    let Some(metric) = Metric::from_name(name) else {
        let near = nearest(name, METRICS.iter().map(|row| row.name));
        let help = near.map_or("the views' figures have their names".to_owned(), |near| {
            format!("did you mean `{near}`?")
        });
        return Err(format!("unknown metric `{name}`; {help}"));
    };
    match number.trim_end_matches('%').parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(What::Metric(metric, comparison, number)),
        _ => Err(format!("`{number}` is no number; for instance `{name} {sign} 1`")),
    }
}

fn line(code: &str) -> Result<What, String> {
    let known = CODES.iter().find(|known| **known == code);
    known.map(|known| What::Line(known)).ok_or_else(|| {
        let near = nearest(code, CODES.iter().copied());
        let help = near.map_or_else(
            || "log lines say their codes in capitals, like ROLE_PRIMARY".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        format!("no line has the code `{code}`; {help}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<What, String> {
        let scenario = crate::scenario::presets::load("playground").expect("the preset loads");
        Until::parse(text, &scenario).map(|until| until.what)
    }

    #[test]
    fn conditions_are_read_with_their_signs() {
        assert_eq!(parsed("lost_acked>0"), Ok(What::Metric(Metric::LostAcked, Comparison::Above, 0.0)));
        let wanted = What::Metric(Metric::AvailWritePct, Comparison::AtMost, 99.5);
        assert_eq!(parsed("avail_write_pct <= 99.5%"), Ok(wanted));
        assert_eq!(parsed("primary changes"), Ok(What::PrimaryChanges));
        assert_eq!(parsed("mark half time"), Ok(What::Mark("half time".to_owned())));
        assert_eq!(parsed("line ROLE_PRIMARY"), Ok(What::Line("ROLE_PRIMARY")));
    }

    #[test]
    fn what_is_wrong_with_a_condition_is_said_with_its_cure() {
        for (text, cure) in [
            ("lost_akced > 0", "did you mean `lost_acked`?"),
            ("lost_acked > many", "`many` is no number"),
            ("line ROLE_PRIMRY", "did you mean `ROLE_PRIMARY`?"),
            ("[nobody] primary changes", "the runs are "),
            ("primary dies", "only `primary changes`"),
            ("tea time", "`METRIC > NUMBER`"),
        ] {
            let problem = parsed(text).expect_err("it is wrong");
            assert!(problem.contains(cure), "{text}: {problem}");
        }
    }
}
