//! What a key holds where several sites write it at once, and how two such states become one.
//!
//! Versions travel with their past, counters and sets as whole states, so that merging is commutative, associative and
//! idempotent, in whatever order and however often they arrive (replication.md 2.14). What one
//! version has seen goes; what is concurrent stays side by side, at most one version a site under most rules, and
//! which of them readers are shown follows from the [`Resolver`] and the versions alone. So every site shows the same
//! one once it has heard of all.

use super::versions::{Counter, ObservedSet, Tagged};
use crate::base::data::{Change, Data, Update};
use crate::base::ids::{OpId, Value, Version};
use crate::base::operation::{Found, Past, Written};
use crate::base::vector::{Actor, Event, Vector};
use crate::protocol::Sizes;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which of several concurrent versions readers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolver {
    /// The one with the latest wall clock; of equal ones that of the later site in the list.
    LastWrite,
    /// The one of the first site in the list.
    SitePriority,
    /// Counters and sets keep every effect; of other values the last write (Redis active-active).
    Merging,
    /// A value before a delete, then the longest history, then the highest revision id. The losers stay readable
    /// (CouchDB).
    LongestHistory,
}

/// Who hands out which ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Ids are this much apart; 1 where every site hands out every id (MySQL `auto_increment_increment`).
    pub increment: u32,
    /// The first id (MySQL `auto_increment_offset`).
    pub offset: u32,
}

/// Who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Author {
    /// The write.
    pub op: OpId,
    /// The site, by its place in the list.
    pub site: u16,
    /// The wall clock of the site's leader, in microseconds.
    pub stamp: u64,
    /// Which ids it may hand out.
    pub ids: Allocation,
}

/// One version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leaf {
    /// What it holds; `None` for a delete.
    pub value: Option<Data>,
    /// The write that made it.
    pub written_by: OpId,
    /// The wall clock where it was ordered, in microseconds.
    pub stamp: u64,
    /// The site that ordered it.
    pub site: u16,
    /// How many versions led to it, itself included.
    pub revisions: u32,
    /// Who counts it in vectors: its site, on one of its branches.
    pub actor: Actor,
}

/// A table: rows that sites insert under ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    rows: BTreeMap<u32, Leaf>,
    seen: Vector,
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SiteState {
    /// Versions of a value.
    Register(Arc<Tagged<Leaf>>),
    /// A number that every site counts (`crdt`).
    Counter(Arc<Counter>),
    /// A set that every site adds to (`crdt`).
    Set(Arc<ObservedSet<Value>>),
    /// Rows by id.
    Table(Arc<Table>),
}

/// Two writes that did not know of each other met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clash {
    /// Whose version is shown.
    pub winner: OpId,
    /// Whose is not.
    pub loser: OpId,
    /// Where the winner was written.
    pub site: u16,
    /// The id that both rows were given, in a table.
    pub id: Option<u32>,
}

/// The actor that stands for a site in vectors.
fn actor(site: u16) -> Actor {
    branch(site, 0)
}

/// The same on another branch: where losers stay, a site may write on top of another's version while its own stands
/// beside that, and a vector that counted on would cover what its writer went past.
fn branch(site: u16, number: u64) -> Actor {
    Actor(number << 16 | u64::from(site))
}

/// The first branch of a site of which a writer who has seen `seen` has seen everything that is known.
fn branch_for(site: u16, seen: &Vector, known: &Vector) -> Actor {
    let is_seen = |actor: &Actor| known.get(*actor) <= seen.get(*actor);
    (0..).map(|number| branch(site, number)).find(is_seen).unwrap_or_else(|| actor(site))
}

impl Resolver {
    /// Whether the losers stay readable.
    pub fn keeps_losers(self) -> bool {
        self == Resolver::LongestHistory
    }

    /// The place of a version among concurrent ones; the highest is shown. Never equal for two different writes.
    fn rank(self, leaf: &Leaf) -> impl Ord + use<> {
        let clock = (leaf.stamp, leaf.site);
        let first = match self {
            Resolver::LastWrite | Resolver::Merging => (0, 0),
            Resolver::SitePriority => (0, u64::from(u16::MAX - leaf.site)),
            Resolver::LongestHistory => (u64::from(leaf.value.is_some()), u64::from(leaf.revisions)),
        };
        let second = match self {
            Resolver::LongestHistory => (revision_id(leaf.written_by), 0),
            _ => clock,
        };
        (first, second, Reverse(leaf.written_by))
    }

    fn shown(self, versions: &Tagged<Leaf>) -> Option<&Leaf> {
        versions.values().max_by_key(|leaf| self.rank(leaf))
    }
}

/// A revision's id: a hash of what it is, the same at every site (the output function of splitmix64).
fn revision_id(op: OpId) -> u64 {
    let mut z = u64::from(op.0).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl SiteState {
    /// What `change` makes of `held`; `None` if the change is not for a key of this kind.
    pub fn put(
        held: Option<&SiteState>,
        change: &Change,
        author: &Author,
        resolver: Resolver,
    ) -> Option<SiteState> {
        let site = actor(author.site);
        match (change, held) {
            (Change::Update(Update::Insert(row)), None | Some(SiteState::Table(_))) => {
                let mut table = match held {
                    Some(SiteState::Table(table)) => Table::clone(table),
                    _ => Table::default(),
                };
                table.insert(*row, author);
                Some(SiteState::Table(Arc::new(table)))
            }
            (Change::Update(Update::Increment(by)), None | Some(SiteState::Counter(_)))
                if resolver == Resolver::Merging =>
            {
                let mut counter = match held {
                    Some(SiteState::Counter(counter)) => Counter::clone(counter),
                    _ => Counter::default(),
                };
                counter.add(site, i64::from(*by));
                Some(SiteState::Counter(Arc::new(counter)))
            }
            (
                Change::Update(update @ (Update::Add(_) | Update::Remove(_))),
                None | Some(SiteState::Set(_)),
            ) if resolver == Resolver::Merging => {
                let mut set = match held {
                    Some(SiteState::Set(set)) => ObservedSet::clone(set),
                    _ => ObservedSet::default(),
                };
                match *update {
                    Update::Add(element) => set.add(site, element),
                    Update::Remove(element) => set.remove(site, element),
                    _ => {}
                }
                Some(SiteState::Set(Arc::new(set)))
            }
            (Change::Update(Update::Insert(_)), _) => None,
            (_, None | Some(SiteState::Register(_))) => SiteState::revise(held, change, author, resolver),
            (Change::Delete, Some(held)) => held.emptied(site),
            _ => None,
        }
    }

    /// A new version of a value. It replaces every version there is; where losers stay readable, only the one that is
    /// shown, until someone resolves them.
    fn revise(
        held: Option<&SiteState>,
        change: &Change,
        author: &Author,
        resolver: Resolver,
    ) -> Option<SiteState> {
        let mut versions = match held {
            Some(SiteState::Register(versions)) => Tagged::clone(versions),
            _ => Tagged::default(),
        };
        let shown = resolver.shown(&versions).cloned();
        let before = shown.as_ref().and_then(|leaf| leaf.value.as_ref());
        let value = match change {
            Change::Update(update) => Some(update.of(before)?),
            other => other.of(before),
        };
        let replaces_all = !resolver.keeps_losers() || matches!(change, Change::Update(Update::Resolve(_)));
        let known = versions.context();
        let seen = match &shown {
            Some(leaf) if !replaces_all => versions.vector_of(leaf).unwrap_or_default(),
            _ => known.clone(),
        };
        let actor = branch_for(author.site, &seen, &known);
        let leaf = Leaf {
            value,
            written_by: author.op,
            stamp: author.stamp,
            site: author.site,
            revisions: shown.map_or(0, |leaf| leaf.revisions) + 1,
            actor,
        };
        versions.put(&seen, actor, leaf, 0, None);
        Some(SiteState::Register(Arc::new(versions)))
    }

    /// A counter is counted back to nothing, a set is emptied of what is known here; a table keeps its rows.
    fn emptied(&self, site: Actor) -> Option<SiteState> {
        match self {
            SiteState::Counter(counter) => {
                let mut counter = Counter::clone(counter);
                counter.add(site, counter.value().saturating_neg());
                Some(SiteState::Counter(Arc::new(counter)))
            }
            SiteState::Set(set) => {
                let mut emptied = ObservedSet::clone(set);
                set.elements().for_each(|&element| emptied.remove(site, element));
                Some(SiteState::Set(Arc::new(emptied)))
            }
            SiteState::Register(_) | SiteState::Table(_) => None,
        }
    }

    /// Takes in another site's state. Kinds never mix but where people use a key in two ways; then the later in the
    /// list of kinds stays, everywhere.
    pub fn merge(&mut self, other: &SiteState, resolver: Resolver) {
        match (&mut *self, other) {
            (SiteState::Register(held), SiteState::Register(came)) => Arc::make_mut(held).merge(came),
            (SiteState::Counter(held), SiteState::Counter(came)) => Arc::make_mut(held).merge(came),
            (SiteState::Set(held), SiteState::Set(came)) => Arc::make_mut(held).merge(came),
            (SiteState::Table(held), SiteState::Table(came)) => Arc::make_mut(held).merge(came, resolver),
            (held, other) if other.kind() > held.kind() => held.clone_from(other),
            _ => {}
        }
    }

    fn kind(&self) -> u8 {
        match self {
            SiteState::Register(_) => 0,
            SiteState::Counter(_) => 1,
            SiteState::Set(_) => 2,
            SiteState::Table(_) => 3,
        }
    }

    /// What another site needs of this state to know of the write `op`: of a value the one version, whose past says
    /// what it replaces, of a table the one row, and everything of the rest.
    pub fn shipped(&self, op: OpId) -> SiteState {
        if let SiteState::Register(versions) = self {
            let only = versions.only(|leaf| leaf.written_by == op);
            return SiteState::Register(Arc::new(only));
        }
        let SiteState::Table(table) = self else { return self.clone() };
        let own = table.rows.iter().find(|(_, row)| row.written_by == op);
        let Some((&id, row)) = own else { return self.clone() };
        let site = actor(row.site);
        let seen = [(site, table.seen.get(site))].into_iter().collect();
        SiteState::Table(Arc::new(Table { rows: [(id, row.clone())].into_iter().collect(), seen }))
    }

    /// Where the write `op`, which another site has just told of, met others that it did not know; `before` is what
    /// was held without it. Where losers stay, a write that goes on with a branch meets nobody: its branch has.
    pub fn clashes(&self, before: &SiteState, op: OpId, resolver: Resolver) -> Vec<Clash> {
        let SiteState::Register(versions) = self else { return Vec::new() };
        let Some(shown) = resolver.shown(versions) else { return Vec::new() };
        if resolver.keeps_losers() {
            return self.new_branch(before, op, resolver).into_iter().collect();
        }
        let is_there = versions.values().any(|leaf| leaf.written_by == op);
        let others = versions.values().filter(|leaf| leaf.written_by != shown.written_by);
        let of_this = others.filter(|leaf| is_there && (leaf.written_by == op || shown.written_by == op));
        let (winner, site) = (shown.written_by, shown.site);
        of_this.map(|leaf| Clash { winner, loser: leaf.written_by, site, id: None }).collect()
    }

    /// The clash of `op` with the version that was shown `before`, if it stands beside all that there was.
    fn new_branch(&self, before: &SiteState, op: OpId, resolver: Resolver) -> Option<Clash> {
        let (SiteState::Register(held), SiteState::Register(before)) = (self, before) else { return None };
        let leaf = held.values().find(|leaf| leaf.written_by == op)?;
        let was_shown = resolver.shown(before)?;
        if held.values().count() <= before.values().count() || leaf.written_by == was_shown.written_by {
            return None;
        }
        let (winner, loser) = if resolver.rank(leaf) > resolver.rank(was_shown) {
            (leaf, was_shown)
        } else {
            (was_shown, leaf)
        };
        Some(Clash { winner: winner.written_by, loser: loser.written_by, site: winner.site, id: None })
    }

    /// Rows of `came` whose ids are taken here by other rows.
    pub fn collisions(&self, came: &SiteState, resolver: Resolver) -> Vec<Clash> {
        let (SiteState::Table(held), SiteState::Table(came)) = (self, came) else { return Vec::new() };
        let clash = |(&id, row): (&u32, &Leaf)| {
            let taken = held.rows.get(&id).filter(|taken| taken.written_by != row.written_by)?;
            let (first, second) =
                if resolver.rank(taken) > resolver.rank(row) { (taken, row) } else { (row, taken) };
            let (winner, loser) = (first.written_by, second.written_by);
            Some(Clash { winner, loser, site: first.site, id: Some(id) })
        };
        came.rows.iter().filter_map(clash).collect()
    }

    /// What readers are shown.
    pub fn value(&self, resolver: Resolver) -> Option<Data> {
        match self {
            SiteState::Register(versions) => resolver.shown(versions).and_then(|leaf| leaf.value.clone()),
            SiteState::Counter(counter) => Some(Data::Count(counter.value())),
            SiteState::Set(set) => Some(Data::set(set.elements().copied())),
            SiteState::Table(table) => Some(table.data()),
        }
    }

    /// The versions that stand side by side, the one that is shown first; none where there is one, or a kind that
    /// has none.
    pub fn siblings(&self, resolver: Resolver) -> Vec<(Option<Data>, OpId)> {
        let SiteState::Register(versions) = self else { return Vec::new() };
        let mut leaves: Vec<&Leaf> = versions.values().collect();
        if leaves.len() < 2 {
            return Vec::new();
        }
        leaves.sort_by_key(|leaf| Reverse(resolver.rank(leaf)));
        leaves.into_iter().map(|leaf| (leaf.value.clone(), leaf.written_by)).collect()
    }

    /// How many versions stand side by side.
    pub fn versions(&self) -> usize {
        if let SiteState::Register(versions) = self { versions.values().count() } else { 1 }
    }

    /// All events that led here.
    pub fn seen(&self) -> Vector {
        match self {
            SiteState::Register(versions) => versions.context(),
            SiteState::Counter(counter) => counter.seen(),
            SiteState::Set(set) => set.seen().clone(),
            SiteState::Table(table) => table.seen.clone(),
        }
    }

    /// What a read tells its client, if `op` is the last write of the key that this site ordered or took in.
    pub fn found(&self, op: OpId, resolver: Resolver) -> Found {
        let written_by = match self {
            SiteState::Register(versions) => resolver.shown(versions).map_or(op, |leaf| leaf.written_by),
            _ => op,
        };
        let seen = Arc::new(self.seen());
        let siblings = if resolver.keeps_losers() { self.siblings(resolver) } else { Vec::new() };
        let version = Version(seen.total());
        let past = Some(Arc::new(Past { context: Arc::clone(&seen), seen, siblings }));
        Found { value: self.value(resolver), written_by, version, past }
    }

    /// What the acknowledgement of the write `op` says that made this state at `site`.
    pub fn written(&self, op: OpId, site: u16) -> Written {
        let seen = self.seen();
        let actor = match self {
            SiteState::Register(versions) => versions
                .values()
                .find(|leaf| leaf.written_by == op)
                .map_or_else(|| actor(site), |leaf| leaf.actor),
            _ => actor(site),
        };
        let event = Event { actor, number: seen.get(actor) };
        Written { version: Version(seen.total()), event: Some((event, Arc::new(seen))) }
    }

    /// Bytes on the wire beside the key: what it holds, and 16 for each site in a vector.
    pub fn bytes(&self, sizes: Sizes) -> u64 {
        const ACTOR: u64 = 16;
        let held: u64 = match self {
            SiteState::Register(versions) => versions
                .values()
                .map(|leaf| leaf.value.as_ref().map_or(0, |value| value.bytes(sizes.value)))
                .sum(),
            SiteState::Counter(_) => 8,
            SiteState::Set(set) => 8 * set.elements().count() as u64,
            SiteState::Table(table) => (8 + sizes.value) * table.rows.len() as u64,
        };
        let actors = match self {
            SiteState::Register(versions) => versions.actors_total(),
            other => other.seen().len(),
        };
        held + ACTOR * actors as u64
    }
}

impl Table {
    /// Puts a row under the next id that its site may hand out: `offset`, `offset + increment`, …, and beyond every
    /// id that is there, as MySQL counts.
    fn insert(&mut self, row: Value, author: &Author) {
        let Allocation { increment, offset } = author.ids;
        let last = self.rows.keys().next_back().copied().unwrap_or(0);
        let id = if last < offset { offset } else { offset + ((last - offset) / increment + 1) * increment };
        let &Author { op, site, stamp, .. } = author;
        let actor = actor(site);
        let leaf = Leaf { value: Some(Data::One(row)), written_by: op, stamp, site, revisions: 1, actor };
        self.rows.insert(id, leaf);
        self.seen.count(actor);
    }

    /// Of two rows of one id the resolver's stays, and the other is gone.
    fn merge(&mut self, other: &Table, resolver: Resolver) {
        for (&id, row) in &other.rows {
            let held = self.rows.entry(id).or_insert_with(|| row.clone());
            if resolver.rank(row) > resolver.rank(held) {
                held.clone_from(row);
            }
        }
        self.seen.merge(&other.seen);
    }

    fn data(&self) -> Data {
        let value = |leaf: &Leaf| leaf.value.as_ref().and_then(|data| data.elements().first().copied());
        Data::Rows(Arc::new(self.rows.iter().filter_map(|(&id, leaf)| Some((id, value(leaf)?))).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Resolver; 4] =
        [Resolver::LastWrite, Resolver::SitePriority, Resolver::Merging, Resolver::LongestHistory];
    const SHARED: Allocation = Allocation { increment: 1, offset: 1 };

    fn author(op: u32, site: u16, stamp: u64) -> Author {
        Author { op: OpId(op), site, stamp, ids: SHARED }
    }

    fn write(value: u32) -> Change {
        Change::Write(Data::One(Value(value)))
    }

    fn put(held: Option<&SiteState>, change: &Change, author: Author, resolver: Resolver) -> SiteState {
        SiteState::put(held, change, &author, resolver).expect("a change of this kind")
    }

    fn joined(one: &SiteState, other: &SiteState, resolver: Resolver) -> SiteState {
        let mut both = one.clone();
        both.merge(other, resolver);
        both
    }

    /// Site 0 wrote early and twice, site 1 late and once, neither knowing of the other.
    fn shown_of_two(resolver: Resolver) -> Option<Data> {
        let first = put(None, &write(1), author(1, 0, 100), resolver);
        let left = put(Some(&first), &write(2), author(2, 0, 200), resolver);
        let right = put(None, &write(3), author(3, 1, 300), resolver);
        let both = joined(&left, &right, resolver);
        assert_eq!(both, joined(&right, &left, resolver));
        both.value(resolver)
    }

    #[test]
    fn each_resolver_shows_another_of_two_concurrent_writes() {
        let [left, right] = [2, 3].map(|value| Some(Data::One(Value(value))));
        assert_eq!(shown_of_two(Resolver::LastWrite), right, "the later clock");
        assert_eq!(shown_of_two(Resolver::SitePriority), left, "the first site");
        assert_eq!(shown_of_two(Resolver::LongestHistory), left, "two revisions against one");
        assert_eq!(shown_of_two(Resolver::Merging), right, "a register is no counter");
    }

    #[test]
    fn what_knew_of_the_other_is_no_conflict_whatever_the_clocks_say() {
        for resolver in ALL {
            let first = put(None, &write(1), author(1, 0, 900), resolver);
            let second = put(Some(&first), &write(2), author(2, 1, 100), resolver);
            let both = joined(&first, &second, resolver);
            assert_eq!(
                (both.value(resolver), both.clashes(&first, OpId(2), resolver)),
                (Some(Data::One(Value(2))), vec![])
            );
        }
    }

    #[test]
    fn losers_stay_readable_until_they_are_resolved() {
        let resolver = Resolver::LongestHistory;
        let left = put(None, &write(1), author(1, 0, 100), resolver);
        let right = put(None, &write(2), author(2, 1, 100), resolver);
        let both = joined(&left, &right, resolver);
        assert_eq!(both.found(OpId(2), resolver).all().count(), 2);
        assert_eq!(both.clashes(&left, OpId(2), resolver).len(), 1);
        let next = put(Some(&both), &write(3), author(3, 0, 200), resolver);
        let told = joined(&both, &next, resolver);
        assert_eq!(told.clashes(&both, OpId(3), resolver), vec![], "its branch had met the other already");
        assert_eq!(next.siblings(resolver).len(), 2, "an update goes on from the one that is shown");
        let resolved =
            put(Some(&next), &Change::Update(Update::Resolve(Value(4))), author(4, 1, 300), resolver);
        assert_eq!(
            (resolved.siblings(resolver).len(), resolved.value(resolver)),
            (0, Some(Data::One(Value(4))))
        );
    }

    #[test]
    fn two_sites_hand_out_one_id_unless_their_ids_interleave() {
        let insert = |held: Option<&SiteState>, op, site, ids| {
            let author = Author { ids, ..author(op, site, u64::from(op)) };
            put(held, &Change::Update(Update::Insert(Value(op))), author, Resolver::LastWrite)
        };
        let (left, right) = (insert(None, 1, 0, SHARED), insert(None, 2, 1, SHARED));
        let clash = Clash { winner: OpId(2), loser: OpId(1), site: 1, id: Some(1) };
        assert_eq!(left.collisions(&right, Resolver::LastWrite), [clash]);
        let both = joined(&left, &right, Resolver::LastWrite);
        assert_eq!(both.value(Resolver::LastWrite), Some(Data::Rows(Arc::new(vec![(1, Value(2))]))));
        let apart = |site: u16| Allocation { increment: 2, offset: u32::from(site) + 1 };
        let (left, right) = (insert(None, 1, 0, apart(0)), insert(None, 2, 1, apart(1)));
        assert_eq!(left.collisions(&right, Resolver::LastWrite), []);
        let both = joined(&left, &right, Resolver::LastWrite);
        let next = insert(Some(&both), 3, 0, apart(0));
        let rows = vec![(1, Value(1)), (2, Value(2)), (3, Value(3))];
        assert_eq!(next.value(Resolver::LastWrite), Some(Data::Rows(Arc::new(rows))));
    }

    fn change(kind: u8, number: u32) -> Change {
        match kind {
            0 => Change::Delete,
            1 => Change::Update(Update::Resolve(Value(number))),
            _ => write(number),
        }
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(
            deeds in prop::collection::vec((0_usize..3, 0_usize..3, 0_u8..6, any::<bool>(), 0_u64..5), 0..30),
            is_table in any::<bool>(),
            resolver in prop::sample::select(ALL.to_vec()),
        ) {
            let mut sites: [Option<SiteState>; 3] = [None, None, None];
            for (number, &(from, at, kind, is_write, stamp)) in deeds.iter().enumerate() {
                let number = number as u32;
                if is_write {
                    let insert = Change::Update(Update::Insert(Value(number)));
                    let change = if is_table { insert } else { change(kind, number) };
                    sites[at] = Some(put(sites[at].as_ref(), &change, author(number, at as u16, stamp), resolver));
                } else if let Some(came) = sites[from].clone() {
                    match &mut sites[at] {
                        Some(held) => held.merge(&came, resolver),
                        none => *none = Some(came),
                    }
                }
            }
            let [Some(a), Some(b), Some(c)] = &sites else { return Ok(()) };
            let join = |one: &SiteState, other: &SiteState| joined(one, other, resolver);
            prop_assert_eq!(join(a, b), join(b, a));
            prop_assert_eq!(join(&join(a, b), c), join(a, &join(b, c)));
            prop_assert_eq!(&join(a, a), a);
        }
    }
}
