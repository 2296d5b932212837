//! Combinations of knobs that cannot work in a cluster of some size, each with its cure. Files and `set` ask here.

use super::{Knobs, Topology};
use std::collections::BTreeSet;

/// Up to this many nodes may tell all others everything.
const EVERYONE: u64 = 50;

/// Knobs that contradict each other or the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The knob to look at first.
    pub key: &'static str,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub cure: &'static str,
}

impl Knobs {
    /// What cannot work with these knobs in a cluster of `nodes`; empty if all is well.
    pub fn misfits(&self, nodes: usize) -> Vec<Misfit> {
        let mut misfits = Vec::new();
        let mut check = |is_wrong: bool, key: &'static str, what: String, cure: &'static str| {
            if is_wrong {
                misfits.push(Misfit { key, what, cure });
            }
        };
        match self.topology() {
            Topology::PeerToPeer => self.check_peers(nodes as u64, &mut check),
            Topology::PrimaryReplica => self.check_primary(nodes, &mut check),
            Topology::MultiLeader => self.check_election(&mut check),
        }
        misfits
    }

    /// What cannot work with these knobs where the nodes of a cluster have these sites (`None`: none).
    pub fn misfits_of_sites(&self, sites: &[Option<usize>]) -> Vec<Misfit> {
        if self.topology() != Topology::MultiLeader {
            return Vec::new();
        }
        let mut misfits = Vec::new();
        let homeless = sites.iter().filter(|site| site.is_none()).count();
        let distinct: BTreeSet<usize> = sites.iter().flatten().copied().collect();
        let mut check = |is_wrong: bool, key: &'static str, what: String, cure: &'static str| {
            if is_wrong {
                misfits.push(Misfit { key, what, cure });
            }
        };
        check(
            homeless > 0,
            "topology",
            format!("multi-leader, and {homeless} of {} nodes have no site", sites.len()),
            "every site has a leader of its own: name them, like `sites = { east = [\"n1\"], west = [\"n2\"] }`",
        );
        check(
            homeless == 0 && distinct.len() < 2,
            "topology",
            format!("multi-leader with {} site", distinct.len()),
            "one leader alone is primary-replica: give the cluster two sites or more",
        );
        let smallest =
            distinct.iter().map(|site| sites.iter().filter(|of| **of == Some(*site)).count()).min();
        let (replicas, count) = (smallest.unwrap_or(1) as u64 - 1, self.count("sync_count"));
        check(
            homeless == 0 && self.word("ack") == "semi-sync" && count > replicas,
            "sync_count",
            format!("sync_count = {count} where a site has {replicas} replicas"),
            "no write of that site would ever have that many: lower `sync_count`, or give it more nodes",
        );
        misfits
    }

    fn check_election(&self, check: &mut impl FnMut(bool, &'static str, String, &'static str)) {
        let (low, high) = (self.span("election_timeout_min"), self.span("election_timeout_max"));
        check(
            low > high,
            "election_timeout_min",
            format!("the shortest election timeout, {low}, is longer than the longest, {high}"),
            "swap or raise them",
        );
    }

    fn check_peers(&self, nodes: u64, check: &mut impl FnMut(bool, &'static str, String, &'static str)) {
        if self.word("spread") == "gossip" {
            return self.check_gossip(nodes, check);
        }
        let n = self.count("n");
        let cure = "a node holds one copy of a key: lower `n` or add nodes";
        check(n > nodes, "n", format!("n = {n} copies on {nodes} nodes"), cure);
        for key in ["r", "w"] {
            let quorum = self.count(key);
            check(quorum > n, key, format!("{key} = {quorum} of n = {n} copies"), "a quorum is at most `n`");
        }
    }

    fn check_gossip(&self, nodes: u64, check: &mut impl FnMut(bool, &'static str, String, &'static str)) {
        check(
            self.word("overlay") == "full" && self.maybe_count("fanout").is_none() && nodes > EVERYONE,
            "fanout",
            format!("fanout = all of the {} others", nodes.saturating_sub(1)),
            "every node would tell every other: lower `fanout`, or take another overlay",
        );
        check(
            self.word("conflict") == "crdt" && self.word("counters") == "operations",
            "counters",
            "additions that are passed on".to_owned(),
            "a rumour comes more than once, and each time an addition would count: take counters = state",
        );
    }

    fn check_primary(&self, nodes: usize, check: &mut impl FnMut(bool, &'static str, String, &'static str)) {
        let has_store = self.word("promotion") == "auto-lease";
        let set = self.nodes("sync_set").len();
        let all = nodes.saturating_sub(usize::from(has_store)) as u64;
        let copies = self.maybe_count("copies").map_or(all, |copies| copies.min(all));
        let replicas = copies.saturating_sub(1);
        let available = if set == 0 || self.word("ack") == "wait" { replicas } else { set as u64 };
        let count = self.count("sync_count");
        check(
            ["semi-sync", "wait"].contains(&self.word("ack")) && count > available,
            "sync_count",
            format!("sync_count = {count} of {available} replicas that count"),
            "no write would ever have that many: lower `sync_count` or widen `sync_set`",
        );
        let guard = self.count("min_replicas");
        check(
            guard > replicas,
            "min_replicas",
            format!("min_replicas = {guard} of {replicas} replicas"),
            "no write would ever be taken: lower `min_replicas` or add nodes",
        );
        let is_split = self.count("partitions") > 1 || copies < all;
        check(
            is_split && self.word("promotion") == "auto-monitor",
            "partitions",
            "monitors watch one primary, and `partitions` or `copies` make groups of nodes".to_owned(),
            "take auto-quorum or auto-lease, or one partition on all nodes",
        );
        let primary = self.node("primary").map_or(0, |node| node.index());
        check(
            primary >= nodes,
            "primary",
            "`primary` is no node of this cluster".to_owned(),
            "name one of its nodes",
        );
        self.check_election(check);
        let low = self.span("election_timeout_min");
        let in_sync = self.count("min_isr");
        check(
            self.word("ack") == "isr" && in_sync > copies,
            "min_isr",
            format!("min_isr = {in_sync} of {copies} nodes with a copy"),
            "no write would ever be taken: lower `min_isr` or add nodes",
        );
        if has_store {
            self.check_lease(nodes, primary, check);
        }
        if self.word("promotion") == "auto-monitor" {
            self.check_monitors(nodes as u64, check);
        }
        check(
            self.word("layout") == "chain" && self.word("ack") != "all",
            "layout",
            format!("a chain with ack = {}", self.word("ack")),
            "in a chain the last node answers for all: set ack = all",
        );
        let keeps_voters = self.flag("prevote") || self.flag("check_quorum");
        check(
            self.word("read") == "primary-lease" && self.word("promotion") == "auto-quorum" && !keeps_voters,
            "read",
            "primary-lease without `prevote` and `check_quorum`".to_owned(),
            "voters must ignore candidates while the lease lasts: turn one of the two on, or read by read-index",
        );
        let margin = self.span("lease_margin");
        check(
            self.word("read") == "primary-lease" && margin >= low,
            "lease_margin",
            format!("lease_margin = {margin} of a lease of {low}"),
            "a lease lasts `election_timeout_min`: nothing of it would be left; lower `lease_margin`",
        );
    }

    fn check_lease(
        &self,
        nodes: usize,
        primary: usize,
        check: &mut impl FnMut(bool, &'static str, String, &'static str),
    ) {
        let store = self.node("lease_store").map_or(nodes.saturating_sub(1), |node| node.index());
        check(
            store == primary || store >= nodes,
            "lease_store",
            "`lease_store` keeps no data, so it cannot be the primary, or a node that does not exist"
                .to_owned(),
            "name another node of the cluster",
        );
        let (lease, margin) = (self.span("lease"), self.span("lease_margin"));
        check(
            margin >= lease,
            "lease_margin",
            format!("lease_margin = {margin} of a lease of {lease}"),
            "nothing of the lease would be left: lower `lease_margin` or raise `lease`",
        );
        let (wait, retry) = (self.span("loop_wait"), self.span("retry_timeout"));
        check(
            wait + retry * 2 > lease,
            "lease",
            format!("a lease of {lease} for loop_wait = {wait} and retry_timeout = {retry}"),
            "a healthy primary would lose it: `loop_wait` + 2 x `retry_timeout` is at most `lease` (Patroni's rule)",
        );
    }

    fn check_monitors(&self, nodes: u64, check: &mut impl FnMut(bool, &'static str, String, &'static str)) {
        let (sentinels, quorum) = (self.count("sentinels"), self.count("sentinel_quorum"));
        check(
            sentinels > nodes,
            "sentinels",
            format!("sentinels = {sentinels} beside {nodes} nodes"),
            "one lives beside each node: lower `sentinels` or add nodes",
        );
        check(
            quorum > sentinels,
            "sentinel_quorum",
            format!("sentinel_quorum = {quorum} of {sentinels} sentinels"),
            "the primary would never count as down: lower `sentinel_quorum`",
        );
    }
}
