//! The command line: types only. What each subcommand does stands beside its face.

use crate::base::knob::Topology;
use crate::base::text::nearest;
use crate::base::time::VirtualTime;
use crate::screen::{VIEWS, View};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ops::RangeInclusive;
use std::path::PathBuf;

mod histories;
mod render;

pub use histories::{Export, FailedCasWord, Verify};
pub use render::Render;
pub(crate) use render::SIZE_MAX;

/// A terminal playground for replication: primary-replica, peer-to-peer and multi-leader under the same seed,
/// operations and faults.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "splitbrain",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  splitbrain                             the built-in playground\n  splitbrain same-cut-four-answers       watch a preset\n  splitbrain run same-cut-four-answers   play it to the end, measure, judge\n  splitbrain compare same-cut-four-answers   its runs side by side, in one table\n  splitbrain render async-gap -o a.gif   film it\n\nWithout a terminal on standard output only the subcommands work.",
    after_long_help = "Examples:\n  splitbrain                             the built-in playground\n  splitbrain same-cut-four-answers       watch a preset\n  splitbrain run same-cut-four-answers   play it to the end, measure, judge\n  splitbrain compare same-cut-four-answers   its runs side by side, in one table\n  splitbrain render async-gap -o a.gif   film it\n\nExit codes:\n  0      all as expected\n  1      an expectation failed or a violation was found\n  2      wrong use or a bad file\n  3      no verdict within the budget (verify)\n  4      a recording no longer replays the same\n  101    our own bug\n  128+n  signal n, after cleaning up"
)]
pub struct Cli {
    /// What to do; the playground if nothing.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to play.
    #[command(flatten)]
    pub play: Play,
}

/// The subcommands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List the presets, or print one as TOML.
    #[command(
        after_help = "Examples:\n  splitbrain presets\n  splitbrain presets async-gap > my.toml\n  splitbrain presets --names"
    )]
    Presets {
        /// The preset to print.
        name: Option<String>,
        /// Print the names alone, one a line.
        #[arg(long, conflicts_with = "name")]
        names: bool,
    },
    /// Play scenarios to their end without a terminal, measure and judge them.
    #[command(
        after_help = "Examples:\n  splitbrain run pair-kill-one\n  splitbrain run my.toml --seed 1..20 --json\n  splitbrain run async-gap --set async.ack=majority --do \"12s crash n2\" --for 30s\n  splitbrain run async-gap --why lost --why last-election"
    )]
    Run(Run),
    /// Play a scenario's runs to their end and put what tells them apart into one table.
    #[command(
        after_help = "Examples:\n  splitbrain compare same-cut-four-answers --seed 1..20\n  splitbrain compare slow-leader --twins --markdown\n  splitbrain compare playground --for 30s --do \"5s crash n1\" --capacity"
    )]
    Compare(Compare),
    /// Make a film or a still of a scenario: cast, GIF, SVG, HTML, PNG, text, report.
    #[command(
        after_help = "Examples:\n  splitbrain render same-cut-four-answers -o cut.gif --from 3s --to 12s\n  splitbrain render async-gap -o gap.cast --speed 2\n  splitbrain render pair-kill-one -o kill.png --at 9s --view side-by-side"
    )]
    Render(Render),
    /// Play a terminal film (.cast) in this terminal.
    #[command(
        after_help = "Examples:\n  splitbrain render async-gap -o gap.cast && splitbrain play gap.cast\n  splitbrain play gap.cast --speed 2\n\nWhile it plays: space pauses, the arrows seek, [ and ] go from marker to marker, ? shows all keys, q leaves."
    )]
    Play {
        /// The film; - for standard input.
        film: PathBuf,
        /// Times real time: 0.5, 2.
        #[arg(long, value_name = "SPEED", default_value = "1", value_parser = parse_speed)]
        speed: u32,
        /// Draw our own two rows with ASCII signs only.
        #[arg(long)]
        ascii: bool,
        /// How many colours.
        #[arg(long, value_name = "WHEN", default_value = "auto")]
        color: ColorWhen,
    },
    /// Judge a client history from anywhere: is it linearizable?
    #[command(
        after_help = "Examples:\n  splitbrain verify history.edn\n  splitbrain verify etcd_007.log --model cas-register\n  splitbrain export async-gap -o - | splitbrain verify - --json\n\nReads EDN maps, one a line or in one vector; Jepsen's text logs; JSON lines. A :fail did not happen, an :info may\nhappen at any later time or never, and so may what is still open at the end.\n\nExit codes:\n  0  linearizable\n  1  not linearizable; a witness is drawn\n  2  wrong use or a bad file\n  3  not decided within the budget"
    )]
    Verify(Verify),
    /// Play a scenario and hand its history or its trace to other tools.
    #[command(
        after_help = "Examples:\n  splitbrain export async-gap -o gap.edn\n  splitbrain export same-cut-four-answers --run sloppy -o - | splitbrain verify -\n  splitbrain export pair-kill-one -o kill.shiviz"
    )]
    Export(Export),
    /// Print the knobs of a topology: values, defaults, meaning, what each mirrors.
    Knobs {
        /// The topology.
        topology: TopologyWord,
    },
    /// Print the metrics and the checkers.
    Metrics,
    /// Print a completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

/// The topologies as the command line writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TopologyWord {
    /// One primary orders all writes.
    PrimaryReplica,
    /// Any node coordinates.
    PeerToPeer,
    /// Every site has a primary.
    MultiLeader,
}

impl From<TopologyWord> for Topology {
    fn from(word: TopologyWord) -> Topology {
        match word {
            TopologyWord::PrimaryReplica => Topology::PrimaryReplica,
            TopologyWord::PeerToPeer => Topology::PeerToPeer,
            TopologyWord::MultiLeader => Topology::MultiLeader,
        }
    }
}

/// What changes a scenario before it begins.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Changing the scenario")]
pub struct Changes {
    /// Set a knob or a part of the world: majority.ack=async, workload.rate=500, network.loss=0.1, cluster.nodes=7.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Add a command to the timeline: "5s crash n1".
    #[arg(long = "do", value_name = "TIME COMMAND")]
    pub at: Vec<String>,
    /// Play for this long instead.
    #[arg(long = "for", value_name = "DURATION")]
    pub lasting: Option<String>,
}

/// `splitbrain [SCENARIO]`.
#[derive(Args, Clone, Debug)]
pub struct Play {
    /// A preset's name, a file, or - for standard input.
    pub scenario: Option<String>,
    /// Another seed.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What changes the scenario.
    #[command(flatten)]
    pub changes: Changes,
    /// Times real time: 0.5, 2, max.
    #[arg(long, value_name = "SPEED", default_value = "1", value_parser = parse_speed, help_heading = "Playing")]
    pub speed: u32,
    /// Begin paused.
    #[arg(long, help_heading = "Playing")]
    pub paused: bool,
    /// Write what happens to a file, which plays it again.
    #[arg(long, value_name = "FILE", help_heading = "Playing")]
    pub record: Option<String>,
    /// Let the recording overwrite a file.
    #[arg(long, requires = "record", help_heading = "Playing")]
    pub force: bool,
    /// Begin at this instant, paused: 12.5s, or 12.5s+3 for after three steps within it.
    #[arg(long, value_name = "TIME", value_parser = parse_moment, help_heading = "Playing")]
    pub seek: Option<(VirtualTime, u32)>,
    /// Present: narration large, keys shown, nothing else; time stops at each beat until enter.
    #[arg(long, help_heading = "Playing")]
    pub present: bool,
    /// Of a recording: play the world alone, not its watcher's pauses, pace and views.
    #[arg(long, help_heading = "Playing")]
    pub no_cues: bool,
    /// Show this run first.
    #[arg(long = "run", value_name = "ID", help_heading = "Playing")]
    pub run: Option<String>,
    /// Show this view first: cluster, log, network, metrics, side-by-side, differences, ledger, checks, keys.
    #[arg(long, value_name = "VIEW", value_parser = parse_view, help_heading = "Playing")]
    pub view: Option<View>,
    /// No tour for newcomers.
    #[arg(long, help_heading = "Playing")]
    pub no_tour: bool,
    /// Draw with ASCII signs only.
    #[arg(long, help_heading = "Looks")]
    pub ascii: bool,
    /// Messages in flight as plain lines.
    #[arg(long, help_heading = "Looks")]
    pub no_motion: bool,
    /// How many colours.
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Looks")]
    pub color: ColorWhen,
    /// The theme: auto, okabe-dark, okabe-light, high-contrast, ansi16, mono.
    #[arg(long, value_name = "NAME", default_value = "auto", help_heading = "Looks")]
    pub theme: String,
}

/// How many colours the terminal is taken to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// As the environment says.
    #[default]
    Auto,
    /// None.
    Never,
    /// At least sixteen, whatever the environment says.
    Always,
    /// Sixteen.
    #[value(name = "16")]
    Sixteen,
    /// 256.
    #[value(name = "256")]
    Indexed,
    /// 24 bits.
    #[value(name = "true")]
    True,
}

/// `splitbrain run`.
#[derive(Args, Clone, Debug)]
pub struct Run {
    /// Presets' names, files, or - for standard input.
    #[arg(required = true)]
    pub scenarios: Vec<String>,
    /// Another seed, or several: 7, 1..20 (20 included).
    #[arg(long, value_name = "N|A..B", value_parser = parse_seeds)]
    pub seed: Option<RangeInclusive<u64>>,
    /// What changes the scenarios.
    #[command(flatten)]
    pub changes: Changes,
    /// One JSON object a line instead of a report.
    #[arg(long)]
    pub json: bool,
    /// Tell the chain of causes behind something: last-election, failed, lost, stale, or an operation (op17).
    #[arg(long, value_name = "WHAT", value_parser = parse_why)]
    pub why: Vec<String>,
}

/// `splitbrain compare`.
#[derive(Args, Clone, Debug)]
pub struct Compare {
    /// A preset's name, a file, or - for standard input.
    pub scenario: String,
    /// Another seed, or several, which show how much is chance: 7, 1..20 (20 included).
    #[arg(long, value_name = "N|A..B", value_parser = parse_seeds)]
    pub seed: Option<RangeInclusive<u64>>,
    /// What changes the scenario.
    #[command(flatten)]
    pub changes: Changes,
    /// The objects that `run --json` prints, one a line.
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
    /// A Markdown table.
    #[arg(long)]
    pub markdown: bool,
    /// Look for the highest rates of reads and of writes that each run keeps up with, by bisection.
    #[arg(long)]
    pub capacity: bool,
    /// Play everything again without its faults: what the slowest writes owe to them, what lost writes owe to clocks.
    #[arg(long)]
    pub twins: bool,
}

fn parse_why(word: &str) -> Result<String, String> {
    crate::headless::why::parse(word).map(|_| word.to_owned())
}

fn parse_seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` is no seed"));
    match text.split_once("..") {
        None => number(text).map(|seed| seed..=seed),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last || last - first >= 100_000 {
                return Err("seeds go up, at most 100000 of them: 1..20".to_owned());
            }
            Ok(first..=last)
        }
    }
}

fn parse_moment(text: &str) -> Result<(VirtualTime, u32), String> {
    let (at, steps) = text.split_once('+').unwrap_or((text, "0"));
    let span = crate::base::quantity::parse_span(at);
    let moment = span.and_then(|span| Some((VirtualTime(span.0), steps.parse().ok()?)));
    moment.ok_or_else(|| {
        format!("`{text}` is no time; one looks like 12.5s, or 12.5s+3 after three steps in it")
    })
}

/// A view by its word.
fn parse_view(word: &str) -> Result<View, String> {
    View::of_word(word).ok_or_else(|| {
        let words: Vec<&str> = VIEWS.iter().map(|(_, word, _)| *word).collect();
        let near = nearest(word, words.iter().copied());
        let help = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
        format!("{help}the views are {}", words.join(", "))
    })
}

fn parse_speed(text: &str) -> Result<u32, String> {
    if text == "max" {
        return Ok(crate::driver::frame::FULL_SPEED);
    }
    let milli = crate::base::quantity::parse_decimal(text.trim_end_matches('x'), 1000);
    milli
        .filter(|milli| (1..=1_000_000).contains(milli))
        .map(|milli| milli as u32)
        .ok_or_else(|| "a speed is a number from 0.001 to 1000, or max".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn seeds_are_one_or_an_inclusive_range() {
        assert_eq!(parse_seeds("7"), Ok(7..=7));
        assert_eq!(parse_seeds("1..20"), Ok(1..=20));
        assert!(parse_seeds("20..1").is_err() && parse_seeds("x").is_err() && parse_seeds("1..").is_err());
    }

    #[test]
    fn moments_are_instants_and_steps_within_them() {
        assert_eq!(parse_moment("12.5s"), Ok((VirtualTime(12_500_000), 0)));
        assert_eq!(parse_moment("250ms+3"), Ok((VirtualTime(250_000), 3)));
        assert!(parse_moment("soon").is_err() && parse_moment("1s+x").is_err());
    }

    #[test]
    fn every_view_has_its_word() {
        for (view, word, _) in VIEWS {
            assert_eq!(parse_view(word), Ok(*view));
        }
        assert!(parse_view("clusters").is_err_and(|why| why.contains("did you mean `cluster`?")));
    }

    #[test]
    fn speeds_are_numbers_or_max() {
        assert_eq!((parse_speed("0.5"), parse_speed("2x")), (Ok(500), Ok(2000)));
        assert!(parse_speed("fast").is_err() && parse_speed("0").is_err());
    }
}
