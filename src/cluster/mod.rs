//! The world: agenda, network, hosts, disks, clocks, clients, trace, views.
pub mod spec;
pub mod view;
