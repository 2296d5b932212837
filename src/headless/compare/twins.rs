//! Twin runs: the same seed, operations and seconds, once with the faults of the timeline and once without them. What
//! differs is what the faults did.

use crate::base::command::Command;
use crate::base::metric::{Metric, MetricSet};
use crate::base::time::VirtualTime;
use crate::cluster::live::HostKind;
use crate::driver::player::Player;
use crate::driver::trouble::is_end;
use crate::driver::verdict::{Judgement, judge_in};
use crate::scenario::model::{Scenario, Scoped};
use std::io;
use std::sync::Arc;

/// Adds `tail_amplification` and `clock_sensitivity` to what the runs came to, where the timeline gives them a meaning.
///
/// # Errors
/// If the operating system gives no runtime for tasks.
pub fn measure(scenario: &Scenario, judgement: &mut Judgement) -> io::Result<()> {
    if judgement.trouble.is_some() {
        let calm = play_without(scenario, judgement, |command| command.verb().is_fault || is_end(command))?;
        for (run, calm) in judgement.runs.iter_mut().zip(calm) {
            let tail = |set: Option<&MetricSet>| set.and_then(|set| set.get(Metric::WriteP99Ms));
            let (with, without) = (tail(run.in_trouble.as_ref()), tail(calm.1.as_ref()));
            if let Some((with, without)) = with.zip(without).filter(|(_, without)| *without > 0.0) {
                run.metrics.put(Metric::TailAmplification, with / without);
            }
        }
    }
    if scenario.timeline.iter().flat_map(|entry| &entry.commands).any(|scoped| is_of_clocks(&scoped.command))
    {
        let right = play_without(scenario, judgement, is_of_clocks)?;
        for (run, right) in judgement.runs.iter_mut().zip(right) {
            let lost = |set: &MetricSet| set.get(Metric::LostAcked);
            if let Some((wrong, right)) = lost(&run.metrics).zip(lost(&right.0)) {
                run.metrics.put(Metric::ClockSensitivity, wrong - right);
            }
        }
    }
    Ok(())
}

fn is_of_clocks(command: &Command) -> bool {
    matches!(command, Command::Clock { .. } | Command::Drift { .. } | Command::ClockStrobe { .. })
}

/// What the runs come to without the commands that `is_left_out`: as a whole, and in the seconds of trouble.
fn play_without(
    scenario: &Scenario,
    judgement: &Judgement,
    is_left_out: impl Fn(&Command) -> bool,
) -> io::Result<Vec<(MetricSet, Option<MetricSet>)>> {
    let mut twin = scenario.clone();
    for entry in &mut twin.timeline {
        entry.commands.retain(|Scoped { command, .. }| !is_left_out(command));
    }
    twin.expectations.clear();
    let twin = Arc::new(twin);
    let mut player = Player::new(Arc::clone(&twin), HostKind::Inline)?;
    player.advance(VirtualTime(twin.duration.0));
    let judged = judge_in(&twin, &mut player, judgement.trouble);
    Ok(judged.runs.into_iter().map(|run| (run.metrics, run.in_trouble)).collect())
}
