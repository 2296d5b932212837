//! When a scenario is in trouble: from the first fault of its timeline to the last end of one.

use crate::base::command::Command;
use crate::base::metric::BUCKET;
use crate::base::time::{Span, VirtualTime};
use crate::cluster::measure::Window;
use crate::scenario::model::{Entry, Scenario};

/// From the first fault to when the last one has ended, in whole tenths of a second; nothing if there is none.
pub fn trouble(scenario: &Scenario) -> Option<Window> {
    let faults: Vec<&Entry> = scenario.timeline.iter().filter(|entry| begins_fault(entry)).collect();
    let end = VirtualTime(scenario.duration.0);
    let from = faults.iter().map(|entry| entry.at).min().filter(|&at| at < end)?;
    let ended = |entry: &&Entry| {
        let healed = scenario.timeline.iter().filter(|later| later.at > entry.at && ends_fault(later));
        entry.until.or_else(|| healed.map(|later| later.at).next()).unwrap_or(end)
    };
    let until = faults.iter().map(ended).max()?.min(end);
    let whole = |at: VirtualTime, up: u64| VirtualTime((at.0 + up) / BUCKET.0 * BUCKET.0);
    let (from, until) = (whole(from, 0), whole(until, BUCKET.0 - 1));
    (until.since(from) > Span::ZERO).then_some((from, until))
}

/// Whether an entry begins a fault.
pub fn begins_fault(entry: &Entry) -> bool {
    entry.commands.iter().any(|scoped| scoped.command.verb().is_fault && !is_end(&scoped.command))
}

fn ends_fault(entry: &Entry) -> bool {
    entry.commands.iter().any(|scoped| is_end(&scoped.command))
}

/// Whether a command ends faults.
pub fn is_end(command: &Command) -> bool {
    matches!(
        command,
        Command::Heal { .. }
            | Command::Restart { .. }
            | Command::Resume { .. }
            | Command::Release { .. }
            | Command::Restore { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::load;

    fn of(timeline: &[(&str, &str)]) -> Option<(u64, u64)> {
        let entry = |(at, what): &(&str, &str)| format!("[[timeline]]\nat = \"{at}\"\n{what}\n");
        let entries: String = timeline.iter().map(entry).collect();
        let text = format!("format = 1\nduration = \"30s\"\n[[run]]\ntopology = \"peer-to-peer\"\n{entries}");
        let scenario =
            load("test", &text, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        trouble(&scenario).map(|(from, until)| (from.0 / 1_000, until.0 / 1_000))
    }

    #[test]
    fn trouble_reaches_from_the_first_fault_to_the_last_end() {
        assert_eq!(of(&[("1s", "do = \"write x=1\"")]), None);
        let cut = ("5s", "do = \"partition n1,n2 | n3,n4,n5\"\nuntil = \"20s\"");
        assert_eq!(of(&[cut]), Some((5_000, 20_000)));
        assert_eq!(
            of(&[cut, ("7.05s", "do = \"crash n4\""), ("21.05s", "do = \"restart n4\"")]),
            Some((5_000, 21_100))
        );
        assert_eq!(of(&[("8s", "do = \"slow-disk n1 50x\"")]), Some((8_000, 30_000)));
    }
}
