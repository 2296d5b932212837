//! Clients: whom they ask, whom they ask next, and when they give up on a node. Pure bookkeeping; the world
//! carries the requests.
//!
//! Primary-replica: a client asks the primary it knows; a hint is followed three times at most; refused or without
//! a hint it asks the nodes it can reach in turn, every 100 ms. Peer-to-peer: the attached node coordinates;
//! refused, the next one is asked at once. In both, a node that has been silent for `discovery_refresh` is avoided
//! as long. What an operation does not do is run twice: it is sent again only if `retries` says so.

use super::spec::{Attach, WorkloadSpec};
use crate::base::data::Update;
use crate::base::ids::{ClientId, Key, NodeId, OpId, Version};
use crate::base::operation::{Action, Found, Outcome, Refusal, Request, Success};
use crate::base::random::Keyed;
use crate::base::time::{Span, VirtualTime};
use crate::base::vector::Vector;
use crate::protocol::partitioned::partition_of;
use crate::protocol::{ReadRoute, Route, Routing, Updates};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a client waits between asking one node and the next.
pub const ASK_EVERY: Span = Span::millis(100);
/// What sending an operation again takes from a client's budget.
const A_RETRY: u32 = 100;
/// The most a client saves of it.
const CREDIT_MAX: u32 = 10 * A_RETRY;
/// How many hints an operation follows.
const HOPS_MAX: u8 = 3;

/// An operation whose client waits.
#[derive(Clone, Debug)]
pub struct OpenOp {
    /// What is asked.
    pub request: Request,
    /// The node that has it now, as far as the client knows.
    pub at: Option<NodeId>,
    /// Requests sent that were neither refused nor redirected since: what may have happened.
    pub unsettled: u16,
    /// Ask this node and no other.
    pub pinned: Option<NodeId>,
    /// What the client will make of what it reads, before it writes that back: the store does not do it.
    pub then: Option<Update>,
    refused_by: Option<NodeId>,
    hops: u8,
    /// Nodes asked in turn so far.
    turns: u16,
}

#[derive(Clone, Debug)]
struct Client {
    home: NodeId,
    /// The primary it knows of each group of keys.
    primaries: Vec<Option<NodeId>>,
    /// Nodes that have not answered since, each with the first request it left unanswered.
    silent: Vec<(NodeId, VirtualTime)>,
    /// Nodes not to ask until then.
    avoided: Vec<(NodeId, VirtualTime)>,
    sequence: u32,
    /// What is left of its budget for sending operations again, in hundredths of an operation.
    credit: u32,
    /// The newest version it has written or read in each group of keys.
    tokens: Vec<Option<Version>>,
    /// What it was last told of the past of each key.
    contexts: BTreeMap<Key, Arc<Vector>>,
}

impl Client {
    /// `node` answered.
    fn heard(&mut self, node: NodeId) {
        self.silent.retain(|(silent, _)| *silent != node);
    }

    fn avoids(&self, node: NodeId, now: VirtualTime) -> bool {
        self.avoided.iter().any(|(avoided, until)| *avoided == node && now < *until)
    }

    /// Does not take `node` for anyone's primary any more.
    fn forget_primary(&mut self, node: NodeId) {
        for primary in &mut self.primaries {
            *primary = primary.filter(|&known| known != node);
        }
    }
}

/// What a client does next with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask this node now.
    Ask(NodeId),
    /// Ask again after [`ASK_EVERY`].
    Wait,
    /// Nothing: leave it to the deadline.
    GiveUp,
}

/// All clients of a run.
#[derive(Clone, Debug)]
pub struct Clients {
    clients: Vec<Client>,
    open: BTreeMap<OpId, OpenOp>,
    routing: Routing,
    /// Nodes a client may ask.
    members: usize,
    /// Where those begin that act by hand, one beside each machine.
    by_hand: usize,
    /// The site of each node, where clients stay in theirs.
    sites: Vec<u16>,
    chance: Keyed,
}

impl Clients {
    /// The clients of `spec`; those asked for by hand come on top, one beside each node.
    pub fn new(
        seed: u64,
        spec: &WorkloadSpec,
        (members, machines): (usize, usize),
        routing: Routing,
        primary: Option<NodeId>,
    ) -> Self {
        let home = |client: usize| match &spec.attach {
            Attach::Nodes(nodes) if !nodes.is_empty() => nodes[client % nodes.len()],
            _ => NodeId::at(client % members),
        };
        let groups = usize::from(routing.partitions);
        // Where there are several primaries a client knows none at first: whoever it asks names them.
        let primary = primary.filter(|_| groups == 1);
        let (primaries, tokens) = (vec![primary; groups], vec![None; groups]);
        let client = |home| Client {
            home,
            primaries: primaries.clone(),
            silent: Vec::new(),
            avoided: Vec::new(),
            sequence: 0,
            credit: 0,
            tokens: tokens.clone(),
            contexts: BTreeMap::new(),
        };
        let of_the_load = (0..spec.clients).map(home);
        let by_hand = (0..machines).map(NodeId::at);
        Clients {
            clients: of_the_load.chain(by_hand).map(client).collect(),
            open: BTreeMap::new(),
            routing,
            members,
            by_hand: spec.clients,
            sites: Vec::new(),
            chance: Keyed::new(seed, "client-routing"),
        }
    }

    /// Clients stay in the site of the node they live beside.
    pub fn in_sites(self, sites: Vec<u16>) -> Self {
        Clients { sites, ..self }
    }

    fn site(&self, node: NodeId) -> u16 {
        self.sites.get(node.index()).copied().unwrap_or(0)
    }

    /// The client that acts by hand beside `node`.
    pub fn by_hand(&self, node: NodeId) -> ClientId {
        ClientId((self.by_hand + node.index()) as u16)
    }

    /// The clients of the load that live beside `node`.
    pub fn beside(&self, node: NodeId) -> Vec<ClientId> {
        (0..self.by_hand).filter(|&at| self.clients[at].home == node).map(|at| ClientId(at as u16)).collect()
    }

    /// Where `client` lives.
    pub fn home(&self, client: ClientId) -> NodeId {
        self.clients[client.index()].home
    }

    /// A node was added that clients may ask.
    pub fn welcome(&mut self) {
        self.members += 1;
    }

    /// Takes new ways of asking after a knob was turned.
    pub fn reroute(&mut self, routing: Routing) {
        self.routing = routing;
    }

    /// Which updates the store applies.
    pub fn updates(&self) -> Updates {
        self.routing.updates
    }

    /// The next number in `client`'s session.
    pub fn next_sequence(&mut self, client: ClientId) -> u32 {
        let client = &mut self.clients[client.index()];
        client.credit = (client.credit + self.routing.retry_budget).min(CREDIT_MAX);
        client.sequence += 1;
        client.sequence
    }

    /// Whether the client of `op` may send it again; it then has that much less left of its budget.
    pub fn may_retry(&mut self, op: OpId) -> bool {
        let Some(client) = self.open.get(&op).map(|open| open.request.client) else { return false };
        let client = &mut self.clients[client.index()];
        if self.routing.retry_budget >= A_RETRY {
            return true;
        }
        let may = client.credit >= A_RETRY;
        client.credit -= if may { A_RETRY } else { 0 };
        may
    }

    /// The group with a primary of its own that `client` asks for `key`.
    pub fn group(&self, client: ClientId, key: Key) -> usize {
        usize::from(match self.routing.is_by_site {
            true => self.site(self.home(client)),
            false => partition_of(key, self.routing.partitions),
        })
    }

    /// The group that an open operation is about; 0 if it is not open.
    pub fn partition(&self, op: OpId) -> u16 {
        self.open.get(&op).map_or(0, |open| self.group(open.request.client, open.request.key) as u16)
    }

    /// What `client`'s session has seen of the group that `key` belongs to.
    pub fn token(&self, client: ClientId, key: Key) -> Option<Version> {
        self.clients[client.index()].tokens[self.group(client, key)]
    }

    /// What `client` was last told of the past of `key`.
    pub fn context(&self, client: ClientId, key: Key) -> Option<Arc<Vector>> {
        self.clients[client.index()].contexts.get(&key).cloned()
    }

    /// A session learns from the outcome of `op`. One that is told that its history is lost begins anew.
    pub fn learn(&mut self, op: OpId, outcome: &Outcome) {
        let Some(open) = self.open.get(&op) else { return };
        let (key, group) = (open.request.key, self.group(open.request.client, open.request.key));
        let client = &mut self.clients[open.request.client.index()];
        let (seen, context) = match outcome {
            Outcome::Ok(Success::Written(written)) => {
                (Some(written.version), written.event.as_ref().map(|(_, context)| context))
            }
            Outcome::Ok(Success::Found(Some(found))) => {
                (Some(found.version), found.past.as_ref().map(|past| &past.context))
            }
            Outcome::Fail(Refusal::SessionLost) => return client.tokens[group] = None,
            _ => (None, None),
        };
        client.tokens[group] = client.tokens[group].max(seen);
        if let Some(context) = context {
            client.contexts.insert(key, Arc::clone(context));
        }
    }

    /// Opens an operation. With `then`, the request reads what is to be changed.
    pub fn open(&mut self, request: Request, pinned: Option<NodeId>, then: Option<Update>) {
        let op = request.op;
        let open =
            OpenOp { request, at: None, unsettled: 0, pinned, then, refused_by: None, hops: 0, turns: 0 };
        self.open.insert(op, open);
    }

    /// The client of `op` has read `found` and writes back what it makes of it. `None` if that is of another kind.
    pub fn write_back(&mut self, op: OpId, update: Update, found: Option<&Found>) -> Option<()> {
        let open = self.open.get_mut(&op)?;
        let data = update.of(found.and_then(|found| found.value.as_ref()))?;
        open.request.action = Action::write(data);
        let past = found.and_then(|found| found.past.as_ref());
        open.request.context = past.map(|past| match update {
            // Where clients are told nothing of causes, only who resolves means all that was shown.
            Update::Resolve(_) if past.context.is_empty() => Arc::clone(&past.seen),
            _ => Arc::clone(&past.context),
        });
        (open.then, open.at, open.unsettled) = (None, None, 0);
        (open.refused_by, open.hops, open.turns) = (None, 0, 0);
        Some(())
    }

    /// How many operations are open.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// The open operation `op`.
    pub fn get(&self, op: OpId) -> Option<&OpenOp> {
        self.open.get(&op)
    }

    /// Closes an operation.
    pub fn close(&mut self, op: OpId) -> Option<OpenOp> {
        self.open.remove(&op)
    }

    /// The open operations that `node` has.
    pub fn at(&self, node: NodeId) -> Vec<OpId> {
        self.open.iter().filter(|(_, open)| open.at == Some(node)).map(|(&op, _)| op).collect()
    }

    /// Whom to ask first.
    pub fn first(&mut self, op: OpId, now: VirtualTime, can_reach: &dyn Fn(NodeId, NodeId) -> bool) -> Next {
        let Some(open) = self.open.get(&op).cloned() else { return Next::GiveUp };
        if let Some(node) = open.pinned {
            return Next::Ask(node);
        }
        self.notice_silence(open.request.client, now);
        let client = &self.clients[open.request.client.index()];
        let primary = client.primaries[self.group(open.request.client, open.request.key)];
        let usual = match self.routing.to {
            Route::AnyNode => Some(client.home),
            Route::Primary { reads } if !open.request.action.is_write() => match reads {
                ReadRoute::Primary => primary,
                ReadRoute::Nearest => Some(client.home),
                ReadRoute::Random => {
                    Some(NodeId::at(self.chance.below(u64::from(op.0), 0, self.members as u64) as usize))
                }
                ReadRoute::Fixed => Some(NodeId::at(self.members - 1)),
            },
            Route::Primary { .. } => primary,
        };
        match usual.filter(|&node| !client.avoids(node, now)) {
            Some(node) => Next::Ask(node),
            None => self.in_turn(op, now, can_reach),
        }
    }

    fn notice_silence(&mut self, client: ClientId, now: VirtualTime) {
        let refresh = self.routing.discovery_refresh;
        let client = &mut self.clients[client.index()];
        client.avoided.retain(|(_, until)| now < *until);
        while let Some(at) = client.silent.iter().position(|(_, since)| now.since(*since) >= refresh) {
            let (node, _) = client.silent.swap_remove(at);
            client.avoided.push((node, now + refresh));
            client.forget_primary(node);
        }
    }

    /// The next node in turn that the client can reach, starting beside itself; of its own site, where it stays there.
    /// An operation for one node goes to that one again.
    pub fn in_turn(
        &mut self,
        op: OpId,
        now: VirtualTime,
        can_reach: &dyn Fn(NodeId, NodeId) -> bool,
    ) -> Next {
        let sites = &self.sites;
        let place = |node: NodeId| sites.get(node.index());
        let Some(open) = self.open.get_mut(&op) else { return Next::GiveUp };
        if let Some(node) = open.pinned {
            return Next::Ask(node);
        }
        let client = &self.clients[open.request.client.index()];
        for _ in 0..self.members {
            let node = NodeId::at((client.home.index() + usize::from(open.turns)) % self.members);
            open.turns = open.turns.wrapping_add(1);
            if place(node) != place(client.home) {
                continue;
            }
            if can_reach(client.home, node) && !client.avoids(node, now) && Some(node) != open.refused_by {
                return Next::Ask(node);
            }
        }
        open.refused_by = None;
        Next::Wait
    }

    /// The request is on its way to `node`.
    pub fn asked(&mut self, op: OpId, node: NodeId, now: VirtualTime) {
        let Some(open) = self.open.get_mut(&op) else { return };
        open.at = Some(node);
        open.unsettled += 1;
        let client = &mut self.clients[open.request.client.index()];
        if client.silent.iter().all(|(silent, _)| *silent != node) {
            client.silent.push((node, now));
        }
    }

    /// The connection to `node` was refused: it is down.
    pub fn refused(
        &mut self,
        op: OpId,
        node: NodeId,
        now: VirtualTime,
        can_reach: &dyn Fn(NodeId, NodeId) -> bool,
    ) -> Next {
        let Some(open) = self.open.get_mut(&op) else { return Next::GiveUp };
        let is_first = open.refused_by.is_none() && open.turns == 0;
        let has_tried_all = usize::from(open.turns) >= self.members;
        open.refused_by = Some(node);
        if open.pinned.is_some() {
            return Next::GiveUp;
        }
        let client = &mut self.clients[open.request.client.index()];
        client.forget_primary(node);
        match self.routing.to {
            Route::AnyNode if !has_tried_all => self.in_turn(op, now, can_reach),
            Route::Primary { .. } if is_first => self.in_turn(op, now, can_reach),
            _ => Next::Wait,
        }
    }

    /// `node` answered that it is not primary.
    pub fn redirected(&mut self, op: OpId, node: NodeId, hint: Option<NodeId>) -> Next {
        let group = self.open.get(&op).map_or(0, |open| self.group(open.request.client, open.request.key));
        let Some(open) = self.open.get_mut(&op) else { return Next::GiveUp };
        open.unsettled = open.unsettled.saturating_sub(1);
        open.at = None;
        open.pinned = None;
        let client = &mut self.clients[open.request.client.index()];
        client.heard(node);
        let usable =
            hint.filter(|&hinted| hinted != node && Some(hinted) != open.refused_by && open.hops < HOPS_MAX);
        let primary = &mut client.primaries[group];
        *primary = usable.or_else(|| primary.filter(|&primary| primary != node));
        match usable {
            Some(hinted) => {
                open.hops += 1;
                Next::Ask(hinted)
            }
            None => {
                (open.hops, open.refused_by) = (0, None);
                Next::Wait
            }
        }
    }

    /// A node answered that it did not do `op`. Gives whether no other may have.
    pub fn settled(&mut self, op: OpId) -> bool {
        let Some(open) = self.open.get_mut(&op) else { return true };
        open.unsettled = open.unsettled.saturating_sub(1);
        if open.unsettled > 0 {
            open.at = None;
        }
        open.unsettled == 0
    }

    /// `node` answered `op` for good.
    pub fn answered(&mut self, op: OpId, node: NodeId, is_ok: bool) {
        let Some(open) = self.open.get(&op) else { return };
        let Request { client, key, .. } = open.request;
        let (is_write, group) = (open.request.action.is_write(), self.group(client, key));
        let client = &mut self.clients[open.request.client.index()];
        client.heard(node);
        let from_primary = match self.routing.to {
            Route::Primary { reads } => open.pinned.is_none() && (is_write || reads == ReadRoute::Primary),
            Route::AnyNode => false,
        };
        if is_ok && from_primary {
            client.primaries[group] = Some(node);
        }
    }
}
