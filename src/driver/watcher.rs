//! Judges that look at a run again and again while it goes on, and pay only for what is new.

use crate::base::time::VirtualTime;
use crate::check::Order;
use crate::check::order_watch::OrderWatch;
use crate::cluster::live::Cluster;
use crate::cluster::promises::{PromiseWatch, Promises};

/// The judges of one run.
#[derive(Clone, Debug, Default)]
pub(super) struct Watcher {
    promises: PromiseWatch,
    order: OrderWatch,
    upto: VirtualTime,
    operations: u32,
}

impl Watcher {
    /// What is to be said of `cluster` so far; with `is_certain` also of what is dear to say. If time has gone back
    /// they begin again.
    pub(super) fn look(&mut self, cluster: &dyn Cluster, is_certain: bool) -> (Promises, Order) {
        let (ledger, now) = (cluster.ledger(), cluster.now());
        if now < self.upto || ledger.records_len() < self.operations {
            *self = Watcher::default();
        }
        (self.upto, self.operations) = (now, ledger.records_len());
        let order = self.order.look(ledger, &cluster.names(), now, is_certain);
        (self.promises.look(ledger), order)
    }
}
