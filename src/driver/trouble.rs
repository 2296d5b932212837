//! When runs are in trouble: from the first fault that began in any of them to the last end of one.

use crate::base::command::Command;
use crate::base::metric::BUCKET;
use crate::base::time::{Span, VirtualTime};
use crate::cluster::live::Cluster;
use crate::cluster::measure::Window;

/// From the first fault to when the last one has ended, in whole tenths of a second and not beyond `now`; nothing if
/// there was none.
pub fn trouble(clusters: &[Box<dyn Cluster>], now: VirtualTime) -> Option<Window> {
    let spans = clusters.iter().flat_map(|cluster| {
        let faults = cluster.faults();
        faults.history().iter().map(|fault| (fault.since, faults.ended(fault.number).unwrap_or(now)))
    });
    let (from, until) = spans.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)))?;
    let whole = |at: VirtualTime, up: u64| VirtualTime((at.0 + up) / BUCKET.0 * BUCKET.0);
    let (from, until) = (whole(from, 0), whole(until, BUCKET.0 - 1));
    (until.since(from) > Span::ZERO).then_some((from, until))
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
    use crate::cluster::live::HostKind;
    use crate::driver::verdict::play_out;
    use crate::scenario::load::load;
    use std::sync::Arc;

    /// Plays a timeline out on two runs; the seconds of trouble in milliseconds.
    fn of(timeline: &[(&str, &str)]) -> Option<(u64, u64)> {
        let entry = |(at, what): &(&str, &str)| format!("[[timeline]]\nat = \"{at}\"\n{what}\n");
        let entries: String = timeline.iter().map(entry).collect();
        let runs =
            ["primary-replica", "peer-to-peer"].map(|word| format!("[[run]]\ntopology = \"{word}\"\n"));
        let text = format!("format = 1\nduration = \"30s\"\n{}{entries}", runs.concat());
        let scenario =
            load("test", &text, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        let judgement = play_out(&Arc::new(scenario), HostKind::Inline).expect("a world");
        judgement.trouble.map(|(from, until)| (from.0 / 1_000, until.0 / 1_000))
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

    #[test]
    fn the_end_of_one_fault_is_not_the_end_of_another() {
        let cut = ("5s", "do = \"partition n1,n2 | n3,n4,n5\"");
        let crash = [("7s", "do = \"crash n4\""), ("8s", "do = \"restart n4\"")];
        assert_eq!(of(&[cut, crash[0], crash[1], ("20s", "do = \"heal\"")]), Some((5_000, 20_000)));
        assert_eq!(of(&[cut, crash[0], crash[1]]), Some((5_000, 30_000)));
    }

    #[test]
    fn faults_end_by_themselves_or_with_what_takes_their_place() {
        let strobe = ("2s", "do = \"clock-strobe n1 +-200ms every 100ms for 1s\"");
        assert_eq!(of(&[strobe]), Some((2_000, 3_000)));
        let crash = [("2s", "do = \"pause n1\""), ("3s", "do = \"crash n1\""), ("5s", "do = \"restart n1\"")];
        assert_eq!(of(&crash), Some((2_000, 5_000)));
    }
}
