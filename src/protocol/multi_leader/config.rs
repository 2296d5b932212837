//! The knobs of a multi-leader cluster, made ready: one configuration for the group of each site, and how sites ship.

use crate::base::ids::NodeId;
use crate::base::knob::{Knobs, Topology};
use crate::base::time::Span;
use crate::protocol::kit::sites::{Allocation, Resolver};
use crate::protocol::primary_replica::{self, PrimaryReplica, Promotion, Rejoin, SiteRules};
use crate::protocol::{Protocol, Surroundings};
use std::sync::Arc;

/// Everything a node of this topology is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The groups of the sites, in order.
    groups: Vec<Arc<primary_replica::Config>>,
    /// The nodes of each site.
    nodes: Vec<Arc<[NodeId]>>,
    /// The site of each node.
    places: Vec<u16>,
    /// Time between two shipments to a site.
    pub ship_interval: Span,
    /// Silence after which a site counts as lost, and what was shipped is shipped again.
    pub ship_timeout: Span,
    /// Most writes in one shipment.
    pub ship_batch: u64,
}

impl Config {
    /// Reads the knobs. A node without a site is one by itself.
    pub fn new(knobs: &Knobs, around: &Surroundings) -> Self {
        let places = around.places();
        let sites = places.iter().max().map_or(0, |last| last + 1);
        let nodes: Vec<Arc<[NodeId]>> = (0..sites).map(|site| nodes_of(site, &places)).collect();
        let lent = knobs.lent_to(Topology::PrimaryReplica);
        let whole = primary_replica::Config {
            promotion: Promotion::AutoQuorum,
            rejoin: Rejoin::Truncate,
            epoch: true,
            ..PrimaryReplica::config(&lent, around)
        };
        let group = |site: u16| {
            let holders = Arc::clone(&nodes[usize::from(site)]);
            let site = SiteRules { place: site, resolver: resolver(knobs), ids: ids(knobs, site, sites) };
            let first_primary = holders.first().copied().unwrap_or_default();
            let holders = Some(holders);
            Arc::new(primary_replica::Config { first_primary, holders, site: Some(site), ..whole.clone() })
        };
        Config {
            groups: (0..sites).map(group).collect(),
            nodes,
            places,
            ship_interval: knobs.span("ship_interval").max(Span::millis(1)),
            ship_timeout: knobs.span("ship_timeout").max(Span::millis(1)),
            ship_batch: knobs.count("ship_batch"),
        }
    }

    /// How many sites there are.
    pub fn sites(&self) -> u16 {
        self.groups.len() as u16
    }

    /// The group of a site.
    pub fn group(&self, site: u16) -> &Arc<primary_replica::Config> {
        &self.groups[usize::from(site)]
    }

    /// The nodes of a site, in order.
    pub fn nodes(&self, site: u16) -> &[NodeId] {
        &self.nodes[usize::from(site)]
    }

    /// The site of a node.
    pub fn site_of(&self, node: NodeId) -> u16 {
        self.places.get(node.index()).copied().unwrap_or(0)
    }
}

fn nodes_of(site: u16, places: &[u16]) -> Arc<[NodeId]> {
    let of_site = places.iter().enumerate().filter(|(_, place)| **place == site);
    of_site.map(|(node, _)| NodeId::at(node)).collect()
}

fn resolver(knobs: &Knobs) -> Resolver {
    match knobs.word("conflict") {
        "site-priority" => Resolver::SitePriority,
        "crdt" => Resolver::Merging,
        "longest-history" => Resolver::LongestHistory,
        _ => Resolver::LastWrite,
    }
}

/// With `offset`, site k of n hands out k, k + n, k + 2n, …
fn ids(knobs: &Knobs, site: u16, sites: u16) -> Allocation {
    match knobs.word("id_allocation") {
        "offset" => Allocation { increment: u32::from(sites.max(1)), offset: u32::from(site) + 1 },
        _ => Allocation { increment: 1, offset: 1 },
    }
}
