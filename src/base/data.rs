//! What a key holds, and what operations make of it.

use super::ids::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Data {
    /// One value, as a whole: a register.
    One(Value),
    /// A number that is counted up and down.
    Count(i64),
    /// Elements in order, each at most once.
    Set(Arc<Vec<Value>>),
    /// Elements in the order in which they were appended.
    List(Arc<Vec<Value>>),
    /// Rows of a table by their ids, in order.
    Rows(Arc<Vec<(u32, Value)>>),
}

/// A change that depends on what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// Put an element into a set.
    Add(Value),
    /// Take an element out of a set.
    Remove(Value),
    /// Count by so much.
    Increment(i32),
    /// Put an element at the end of a list.
    Append(Value),
    /// Put a row into a table; whoever does it gives it the next id.
    Insert(Value),
    /// Take the place of everything that is there, siblings included: what a person decides between versions.
    Resolve(Value),
}

/// What a write does to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It holds this from now on, whatever it held (a blind write).
    Write(Data),
    /// It holds nothing any more.
    Delete,
    /// It holds what the update makes of what it held.
    Update(Update),
}

impl Data {
    /// A set of these elements.
    pub fn set(elements: impl IntoIterator<Item = Value>) -> Data {
        let elements: BTreeSet<Value> = elements.into_iter().collect();
        Data::Set(Arc::new(elements.into_iter().collect()))
    }

    /// The elements of a set or a list, the rows of a table, or the one value.
    pub fn elements(&self) -> Vec<Value> {
        match self {
            Data::One(value) => vec![*value],
            Data::Count(_) => Vec::new(),
            Data::Set(elements) | Data::List(elements) => elements.to_vec(),
            Data::Rows(rows) => rows.iter().map(|(_, value)| *value).collect(),
        }
    }

    /// Bytes on the wire, where a register or a row is `value` long and a number, an element or an id 8.
    pub fn bytes(&self, value: u64) -> u64 {
        match self {
            Data::One(_) => value,
            Data::Count(_) => 8,
            Data::Set(elements) | Data::List(elements) => 8 * elements.len() as u64,
            Data::Rows(rows) => (8 + value) * rows.len() as u64,
        }
    }

    /// The union with another set; of other kinds the greater one stays.
    pub fn union(&self, other: &Data) -> Data {
        match (self, other) {
            (Data::Set(one), Data::Set(other)) => Data::set(one.iter().chain(other.iter()).copied()),
            _ => self.max(other).clone(),
        }
    }
}

impl From<Value> for Data {
    fn from(value: Value) -> Self {
        Data::One(value)
    }
}

impl Update {
    /// What it makes of `before`; `None` if that is of another kind.
    pub fn of(self, before: Option<&Data>) -> Option<Data> {
        Some(match (self, before) {
            (Update::Resolve(value), _) => Data::One(value),
            (Update::Increment(by), None) => Data::Count(i64::from(by)),
            (Update::Increment(by), Some(Data::Count(count))) => {
                Data::Count(count.saturating_add(i64::from(by)))
            }
            (Update::Add(element), None) => Data::set([element]),
            (Update::Remove(_), None) => Data::set([]),
            (Update::Add(element), Some(Data::Set(held))) => match held.binary_search(&element) {
                Ok(_) => Data::Set(Arc::clone(held)),
                Err(place) => {
                    let mut elements = held.to_vec();
                    elements.insert(place, element);
                    Data::Set(Arc::new(elements))
                }
            },
            (Update::Remove(element), Some(Data::Set(held))) => {
                Data::set(held.iter().copied().filter(|&other| other != element))
            }
            (Update::Append(element), None) => Data::List(Arc::new(vec![element])),
            (Update::Append(element), Some(Data::List(held))) => {
                Data::List(Arc::new(held.iter().copied().chain([element]).collect()))
            }
            (Update::Insert(row), None) => Data::Rows(Arc::new(vec![(1, row)])),
            (Update::Insert(row), Some(Data::Rows(held))) => {
                let id = held.last().map_or(1, |(last, _)| last + 1);
                Data::Rows(Arc::new(held.iter().copied().chain([(id, row)]).collect()))
            }
            _ => return None,
        })
    }
}

impl Change {
    /// What it makes of `before`; `None` for nothing, and where an update finds what is not of its kind.
    pub fn of(&self, before: Option<&Data>) -> Option<Data> {
        match self {
            Change::Write(data) => Some(data.clone()),
            Change::Delete => None,
            Change::Update(update) => update.of(before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_begin_with_nothing_and_go_on_with_what_is_there() {
        let [milk, eggs] = [Value(1), Value(2)];
        let cart = Update::Add(milk).of(None);
        let cart = Update::Add(eggs).of(cart.as_ref());
        assert_eq!(cart, Some(Data::set([milk, eggs])));
        assert_eq!(Update::Remove(milk).of(cart.as_ref()), Some(Data::set([eggs])));
        let count = Update::Increment(3).of(None);
        assert_eq!(Update::Increment(-1).of(count.as_ref()), Some(Data::Count(2)));
        assert_eq!(Update::Increment(1).of(cart.as_ref()), None, "a set is no counter");
        let list = Update::Append(eggs).of(Some(&Data::List(Arc::new(vec![milk]))));
        assert_eq!(list.map(|list| list.elements()), Some(vec![milk, eggs]));
        let table = Update::Insert(milk).of(Some(&Data::Rows(Arc::new(vec![(7, eggs)]))));
        assert_eq!(table, Some(Data::Rows(Arc::new(vec![(7, eggs), (8, milk)]))), "the next id is the next");
    }

    #[test]
    fn a_change_is_no_larger_than_two_words() {
        assert_eq!((size_of::<Data>(), size_of::<Option<Data>>(), size_of::<Change>()), (16, 16, 16));
    }

    #[test]
    fn sets_unite_and_what_is_no_set_stays_whole() {
        let [a, b] = [Value(1), Value(2)].map(|value| Data::set([value]));
        assert_eq!(a.union(&b), Data::set([Value(1), Value(2)]));
        assert_eq!(Data::One(Value(1)).union(&Data::One(Value(2))), Data::One(Value(2)));
    }
}
