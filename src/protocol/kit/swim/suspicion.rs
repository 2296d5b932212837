//! How long a suspicion lasts: long when one member alone suspects, short when others confirm it (Lifeguard).
//!
//! ```text
//!  min = mult * max(1, log10 n) * probe_interval        max = max_mult * min        k = mult - 2
//!  timeout(c confirmations) = max - (max - min) * ln(c + 1) / ln(k + 1)
//! ```

use super::Settings;
use crate::base::fixed::{ONE, ln};
use crate::base::ids::NodeId;
use crate::base::time::{Span, VirtualTime};

/// A suspicion of one member.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Suspicion {
    began: VirtualTime,
    /// Who claimed it, the first claimant included.
    claimants: Vec<NodeId>,
}

impl Suspicion {
    pub(super) fn new(began: VirtualTime, claimant: NodeId) -> Self {
        Suspicion { began, claimants: vec![claimant] }
    }

    /// Counts `claimant`; false if it is not new or no more are wanted.
    pub(super) fn confirm(&mut self, claimant: NodeId, settings: &Settings, members: usize) -> bool {
        let is_enough = self.confirmations() >= wanted_confirmations(settings, members);
        if is_enough || self.claimants.contains(&claimant) {
            return false;
        }
        self.claimants.push(claimant);
        true
    }

    /// How many confirmed the first claim.
    pub(super) fn confirmations(&self) -> u64 {
        self.claimants.len() as u64 - 1
    }

    /// How much longer it lasts at `now`.
    pub(super) fn remaining(&self, now: VirtualTime, settings: &Settings, members: usize) -> Span {
        let whole = timeout(settings, members, self.confirmations());
        Span(whole.0.saturating_sub(now.since(self.began).0))
    }
}

/// Confirmations that shorten a suspicion to its minimum; 0 if the cluster is too small to give them.
fn wanted_confirmations(settings: &Settings, members: usize) -> u64 {
    let wanted = settings.suspicion_mult.saturating_sub(2);
    if (members as u64).saturating_sub(2) < wanted { 0 } else { wanted }
}

/// The length of a suspicion with `confirmations`, in whole milliseconds as in memberlist.
pub(super) fn timeout(settings: &Settings, members: usize, confirmations: u64) -> Span {
    let shortest = shortest(settings, members);
    let wanted = wanted_confirmations(settings, members);
    if wanted == 0 {
        return shortest;
    }
    let longest = shortest * settings.suspicion_max_mult;
    let range = longest.0 - shortest.0;
    let saved = u128::from(range) * ln_of(confirmations + 1) / ln_of(wanted + 1);
    let left = longest.0.saturating_sub(saved as u64);
    Span((left - left % 1_000).max(shortest.0))
}

fn shortest(settings: &Settings, members: usize) -> Span {
    let one = ONE as u128;
    let log10 = ln_of(members.max(1) as u64) * one / ln_of(10);
    let scaled = u128::from((settings.probe_interval * settings.suspicion_mult).0) * log10.max(one) / one;
    Span(scaled as u64)
}

/// ln(n) in Q32.32 for `n` from 1 to 2^31.
fn ln_of(n: u64) -> u128 {
    ln((n as i64) << 32) as u128
}

#[cfg(test)]
mod tests {
    use super::super::tests::{DEMO, LAN};
    use super::*;

    #[test]
    fn lan_defaults_give_the_published_lengths() {
        let lengths = [0, 1, 2].map(|confirmations| timeout(&LAN, 5, confirmations));
        assert_eq!(lengths, [24_000, 11_381, 4_000].map(Span::millis));
    }

    #[test]
    fn demo_timers_give_the_same_shape_in_less_time() {
        let lengths = [0, 1, 2].map(|confirmations| timeout(&DEMO, 5, confirmations));
        assert_eq!(lengths, [2_400, 1_390, 800].map(Span::millis));
    }

    #[test]
    fn a_cluster_too_small_to_confirm_uses_the_minimum() {
        assert_eq!(timeout(&LAN, 3, 0), Span::seconds(4));
    }

    #[test]
    fn large_clusters_suspect_longer() {
        assert_eq!(timeout(&LAN, 100, 2), Span::seconds(8));
    }

    #[test]
    fn each_claimant_counts_once_and_only_as_many_as_are_wanted() {
        let mut suspicion = Suspicion::new(VirtualTime::ZERO, NodeId(0));
        let confirmed = [0, 1, 1, 2, 3].map(|node| suspicion.confirm(NodeId(node), &LAN, 5));
        assert_eq!(confirmed, [false, true, false, true, false]);
        assert_eq!(suspicion.remaining(VirtualTime(1_000_000), &LAN, 5), Span::seconds(3));
    }
}
