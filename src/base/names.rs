//! The texts behind the numbers: what nodes are called, and the keys and values that people typed.

use super::data::{Data, Update};
use super::ids::{Key, NodeId, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names of the nodes and sites of one cluster, and the interned keys and values of its operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    nodes: Vec<String>,
    sites: Vec<String>,
    texts: Vec<String>,
    by_text: BTreeMap<String, u32>,
}

impl Names {
    /// Names for the nodes in order; an empty list means `n1`, `n2`, ….
    pub fn new(nodes: Vec<String>) -> Self {
        Names { nodes, ..Names::default() }
    }

    /// The same with names for sites, in order.
    pub fn with_sites(self, sites: Vec<String>) -> Self {
        Names { sites, ..self }
    }

    /// What the site number `site` is called, counted from 0.
    pub fn site(&self, site: u16) -> String {
        self.sites.get(usize::from(site)).cloned().unwrap_or_else(|| format!("site {}", site + 1))
    }

    /// What `node` is called.
    pub fn node(&self, node: NodeId) -> String {
        self.nodes.get(node.index()).cloned().unwrap_or_else(|| node.to_string())
    }

    /// The names of several nodes, comma-separated.
    pub fn nodes(&self, nodes: &[NodeId]) -> String {
        nodes.iter().map(|&node| self.node(node)).collect::<Vec<_>>().join(",")
    }

    /// What `key` is called: `k17`, or the typed text.
    pub fn key(&self, key: Key) -> String {
        key.typed_index().and_then(|index| self.texts.get(index)).cloned().unwrap_or_else(|| key.to_string())
    }

    /// What `value` looks like: `v1042`, or the typed text.
    pub fn value(&self, value: Value) -> String {
        value
            .typed_index()
            .and_then(|index| self.texts.get(index))
            .cloned()
            .unwrap_or_else(|| value.to_string())
    }

    /// What a key holds, as people write it: `5`, `{milk,eggs}`, `[a,b]`, or a count.
    pub fn data(&self, data: &Data) -> String {
        let list = |elements: &[Value]| elements.iter().map(|&e| self.value(e)).collect::<Vec<_>>().join(",");
        match data {
            Data::One(value) => self.value(*value),
            Data::Count(count) => count.to_string(),
            Data::Set(elements) => format!("{{{}}}", list(elements)),
            Data::List(elements) => format!("[{}]", list(elements)),
            Data::Rows(rows) => match rows.last() {
                Some((id, value)) => format!("{} rows, #{id} {}", rows.len(), self.value(*value)),
                None => "no rows".to_owned(),
            },
        }
    }

    /// What an update does, as people write it: `+milk`, `-milk`, `+5`, `..milk`, `#row`.
    pub fn update(&self, update: Update) -> String {
        match update {
            Update::Add(element) => format!("+{}", self.value(element)),
            Update::Remove(element) => format!("-{}", self.value(element)),
            Update::Increment(by) => format!("{by:+}"),
            Update::Append(element) => format!("..{}", self.value(element)),
            Update::Insert(row) => format!("#{}", self.value(row)),
            Update::Resolve(value) => format!("={}", self.value(value)),
        }
    }

    /// The key a person means by `text`: `k17` is the workload's key 17, anything else is interned.
    pub fn intern_key(&mut self, text: &str) -> Key {
        match text.strip_prefix('k').and_then(canonical_number) {
            Some(number) => Key(number),
            None => Key::typed(self.intern(text)),
        }
    }

    /// What a person typed for a key to hold: `{a,b}` is a set, `[a,b]` a list, anything else one value.
    pub fn intern_data(&mut self, text: &str) -> Data {
        let inside = |open, close| text.strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
        let mut elements = |list: &str| -> Vec<Value> {
            let words = list.split(',').map(str::trim).filter(|word| !word.is_empty());
            words.map(|word| self.intern_value(word)).collect()
        };
        match (inside('{', '}'), inside('[', ']')) {
            (Some(list), _) => Data::set(elements(list)),
            (None, Some(list)) => Data::List(Arc::new(elements(list))),
            (None, None) => Data::One(self.intern_value(text)),
        }
    }

    /// The value a person typed.
    pub fn intern_value(&mut self, text: &str) -> Value {
        Value::typed(self.intern(text))
    }

    fn intern(&mut self, text: &str) -> u32 {
        if let Some(&index) = self.by_text.get(text) {
            return index;
        }
        let index = u32::try_from(self.texts.len()).expect("fewer than 2^31 typed texts fit a session");
        self.texts.push(text.to_owned());
        self.by_text.insert(text.to_owned(), index);
        index
    }
}

/// `17` but neither `017` nor a number that would be taken for a typed text.
fn canonical_number(digits: &str) -> Option<u32> {
    let number: u32 = digits.parse().ok()?;
    (number < 1 << 31 && number.to_string() == digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workload_keys_keep_their_number_and_typed_keys_their_text() {
        let mut names = Names::new(vec!["east".into()]);
        assert_eq!(names.intern_key("k17"), Key(17));
        let typed = names.intern_key("k017");
        assert_eq!((names.key(typed).as_str(), names.intern_key("k017")), ("k017", typed));
        let value = names.intern_value("5");
        assert_eq!(names.value(value), "5");
        for text in ["{eggs,milk}", "[a,b,a]", "7", "{}"] {
            let data = names.intern_data(text);
            assert_eq!(names.data(&data), text);
        }
        assert_eq!((names.node(NodeId(0)).as_str(), names.node(NodeId(1)).as_str()), ("east", "n2"));
    }
}
