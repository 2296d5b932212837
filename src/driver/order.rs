//! Whether a run's operations can be put in one order, key by key, as clients alone can tell: the metric `lin_ok`.

use super::history::history;
use crate::base::metric::{Metric, MetricSet};
use crate::check::Verdict;
use crate::check::linear::{Budget, Options, judge};
use crate::cluster::live::Cluster;

/// What may be spent on one run: a fraction of a second. Registers with unique values need nothing of it.
const BUDGET: Budget = Budget { steps: 1_000_000, bytes: 64 << 20 };

/// Adds the share of linearizable keys, of those that could be decided; nothing if none could.
pub(super) fn put_order(cluster: &dyn Cluster, metrics: &mut MetricSet) {
    let history = history(cluster.ledger(), &cluster.names(), &[]);
    let judged = judge(&history, Options { budget: BUDGET, ..Options::default() }, &mut |_| {});
    let count = |verdict: Verdict| judged.keys.iter().filter(|key| key.verdict == verdict).count() as f64;
    let (hold, fail) = (count(Verdict::Pass), count(Verdict::Fail));
    if hold + fail > 0.0 {
        metrics.put(Metric::LinOk, hold * 100.0 / (hold + fail));
    }
}
