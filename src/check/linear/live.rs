//! The sweep of [`super::zones`], event by event: a violation is known at the very end that completes it.
//!
//! Clusters only grow, so a clash once seen stays. When a read adds a later call to its cluster, the clusters of the
//! same key that first ended since are looked at once, and each is remembered as covered; when a covered cluster grows,
//! it is compared with what covers it. Constant work for each event, all told.

use crate::check::history::{KeyId, Kind, NEVER, Operation, Outcome, ValueId};

/// A cluster that has not ended, or is not covered.
const NOTHING: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Cluster {
    first: u32,
    last: u32,
    is_written: bool,
    /// The cluster that began before this one first ended and goes on after it.
    cover: u32,
    /// The place behind the last cluster it covers, in the key's order of first ends.
    behind: u32,
}

const EMPTY: Cluster = Cluster { first: NEVER, last: 0, is_written: false, cover: NOTHING, behind: 0 };

/// What is known of a key so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No violation.
    Holds,
    /// Not linearizable, whatever comes.
    Broken,
    /// A value was written twice, or there is more than reads and writes: use [`super::judge`] when all is told.
    Unfit,
}

/// The clusters of all keys, as far as they are known.
#[derive(Clone, Debug, Default)]
pub struct Live {
    clusters: Vec<Cluster>,
    /// Of each key, its clusters in the order of their first ends.
    orders: Vec<Vec<u32>>,
    standings: Vec<Standing>,
}

impl Live {
    /// Nothing told yet.
    pub fn new() -> Live {
        Live::default()
    }

    /// What is known of `key`.
    pub fn standing(&self, key: KeyId) -> Standing {
        self.standings.get(key.index()).copied().unwrap_or(Standing::Holds)
    }

    /// More than reads and writes of one value each has happened to `key`.
    pub fn give_up(&mut self, key: KeyId) {
        self.standings[key.index()] = Standing::Unfit;
    }

    /// A key is met, which holds `initial`. Must be told before its operations.
    pub fn key(&mut self, key: KeyId, initial: ValueId) {
        let keys = self.orders.len().max(key.index() + 1);
        self.orders.resize(keys, Vec::new());
        self.standings.resize(keys, Standing::Holds);
        *self.cluster(initial) = Cluster { first: 0, is_written: true, behind: 1, ..EMPTY };
        self.orders[key.index()] = vec![initial.0];
    }

    /// An operation was called.
    pub fn called(&mut self, operation: &Operation) {
        match operation.kind {
            Kind::Read => {}
            Kind::Write => {
                let call = operation.call;
                let cluster = self.cluster(operation.value);
                if cluster.is_written {
                    self.standings[operation.key.index()] = Standing::Unfit;
                    return;
                }
                (cluster.is_written, cluster.last) = (true, call);
            }
            Kind::Cas | Kind::Add | Kind::Append | Kind::Remove => {
                self.standings[operation.key.index()] = Standing::Unfit;
            }
        }
    }

    /// An operation ended. Gives whether it is the one that breaks its key.
    pub fn ended(&mut self, operation: &Operation) -> bool {
        let (key, says) = (operation.key.index(), operation.outcome == Outcome::Ok);
        if self.standings[key] != Standing::Holds {
            return false;
        }
        if (operation.kind, operation.outcome) == (Kind::Write, Outcome::Fail) {
            return self.was_not_written(key, operation.value);
        }
        if !says {
            return false;
        }
        let number = operation.value;
        let cluster = self.cluster(number);
        let mut is_broken = !cluster.is_written;
        if cluster.first == NEVER {
            cluster.first = operation.end;
            let place = self.orders[key].len() as u32 + 1;
            self.cluster(number).behind = place;
            self.orders[key].push(number.0);
        }
        if operation.kind == Kind::Read {
            let cluster = self.cluster(number);
            cluster.last = cluster.last.max(operation.call);
        }
        is_broken |= self.clashes(key, number);
        if is_broken {
            self.standings[key] = Standing::Broken;
        }
        is_broken
    }

    /// A write turns out to have failed. Gives whether somebody had read it.
    fn was_not_written(&mut self, key: usize, value: ValueId) -> bool {
        let cluster = self.cluster(value);
        let was_read = cluster.first != NEVER;
        *cluster = if was_read { *cluster } else { EMPTY };
        cluster.is_written = false;
        if was_read {
            self.standings[key] = Standing::Broken;
        }
        was_read
    }

    /// Whether the cluster, which may have grown, must now come both before and after another one.
    fn clashes(&mut self, key: usize, number: ValueId) -> bool {
        let own = self.clusters[number.index()];
        if let Some(cover) = self.clusters.get(own.cover as usize)
            && cover.first < own.last
        {
            return true;
        }
        let mut behind = own.behind;
        while let Some(&other) = self.orders[key].get(behind as usize) {
            let other = &mut self.clusters[other as usize];
            if other.first > own.last {
                break;
            }
            if own.first < other.last {
                return true;
            }
            other.cover = number.0;
            behind += 1;
        }
        self.clusters[number.index()].behind = behind;
        false
    }

    fn cluster(&mut self, value: ValueId) -> &mut Cluster {
        if self.clusters.len() <= value.index() {
            self.clusters.resize(value.index() + 1, EMPTY);
        }
        &mut self.clusters[value.index()]
    }
}
