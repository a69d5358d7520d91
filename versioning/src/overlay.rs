//! Operations that are not in the trees yet, as sorted maps over them. Cloning is cheap: views keep theirs.

use std::ops::Bound;

use bytes::Bytes;
use imbl::{HashMap, OrdMap, OrdSet};

use crate::id::Domain;
use crate::{Batch, Hash, KeyRange, Mutation, Space, Value};

/// What the overlay says of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    Put(&'a Value),
    Deleted,
    /// Ask the tree.
    Nothing,
}

/// The overlay of one space.
///
/// `prefixes` is free of prefixes of one another, and holds what was deleted *before* `entries` were written.
#[derive(Debug, Clone, Default)]
struct Layer {
    entries: OrdMap<Bytes, Option<Value>>,
    prefixes: OrdSet<Bytes>,
}

/// Changes over the four trees of a branch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overlay {
    layers: [Layer; 4],
    /// The epoch and the content of blobs that came with the changes.
    blobs: HashMap<Hash, (u32, Bytes)>,
}

impl Overlay {
    /// Returns whether there are no changes.
    pub(crate) fn is_empty(&self) -> bool {
        Space::ALL.into_iter().all(|space| self.is_empty_in(space))
    }

    /// Returns whether there are no changes in a space.
    pub(crate) fn is_empty_in(&self, space: Space) -> bool {
        let layer = &self.layers[space as usize];
        layer.entries.is_empty() && layer.prefixes.is_empty()
    }

    /// Returns the number of changed keys and deleted prefixes.
    pub(crate) fn len(&self) -> (usize, usize) {
        let entries = self.layers.iter().map(|layer| layer.entries.len()).sum();
        (
            entries,
            self.layers.iter().map(|layer| layer.prefixes.len()).sum(),
        )
    }

    /// Puts the changes of `batch` on top, which was planned in `epoch`.
    pub(crate) fn apply(&mut self, batch: &Batch, epoch: u32) {
        for blob in &batch.blobs {
            self.blobs
                .entry(Hash::of(Domain::Blob, blob))
                .or_insert_with(|| (epoch, blob.clone()));
        }
        for mutation in &batch.mutations {
            match mutation {
                Mutation::Put { space, key, value } => self.put(*space, key, Some(value.clone())),
                Mutation::Delete { space, key } => self.put(*space, key, None),
                Mutation::DeletePrefix { space, prefix } => {
                    self.layers[*space as usize].delete_prefix(prefix);
                }
            }
        }
    }

    fn put(&mut self, space: Space, key: &Bytes, value: Option<Value>) {
        self.layers[space as usize].entries.insert(key.clone(), value);
    }

    /// Returns what is said of `key`.
    pub(crate) fn get(&self, space: Space, key: &[u8]) -> Said<'_> {
        let layer = &self.layers[space as usize];
        match layer.entries.get(key) {
            Some(Some(value)) => Said::Put(value),
            Some(None) => Said::Deleted,
            None if layer.covering(key).is_some() => Said::Deleted,
            None => Said::Nothing,
        }
    }

    /// Returns the deleted prefix that covers `key` in the tree, if one does.
    pub(crate) fn covering(&self, space: Space, key: &[u8]) -> Option<&Bytes> {
        self.layers[space as usize].covering(key)
    }

    /// Returns the first changed key of `range`, with its new value.
    pub(crate) fn first(&self, space: Space, range: &KeyRange) -> Option<(&Bytes, Option<&Value>)> {
        self.entries(space, range).next()
    }

    /// Returns the changed keys of `range`, in order.
    pub(crate) fn entries(
        &self,
        space: Space,
        range: &KeyRange,
    ) -> impl Iterator<Item = (&Bytes, Option<&Value>)> {
        let end = range.clone();
        self.layers[space as usize]
            .entries
            .range((range.start.clone(), Bound::Unbounded))
            .take_while(move |(key, _)| end.ends_after(key))
            .map(|(key, value)| (key, value.as_ref()))
    }

    /// Returns the deleted prefixes of a space, in order.
    pub(crate) fn prefixes(&self, space: Space) -> impl Iterator<Item = &Bytes> {
        self.layers[space as usize].prefixes.iter()
    }

    /// Returns the content of a blob that was written with these changes.
    pub(crate) fn blob(&self, hash: &Hash) -> Option<&(u32, Bytes)> {
        self.blobs.get(hash)
    }

    /// Returns the blobs that were written with these changes.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = (&Hash, &(u32, Bytes))> {
        self.blobs.iter()
    }
}

impl Layer {
    /// The set is free of prefixes of one another, so only the greatest one at or below `key` can cover it.
    fn covering(&self, key: &[u8]) -> Option<&Bytes> {
        let below = self
            .prefixes
            .range::<_, [u8]>((Bound::Unbounded, Bound::Included(key)))
            .next_back();
        below.filter(|prefix| key.starts_with(prefix))
    }

    fn delete_prefix(&mut self, prefix: &Bytes) {
        let range = KeyRange::prefix(prefix.clone());
        let within = |bounds: &KeyRange| (bounds.start.clone(), bounds.end.clone());
        let covered: Vec<Bytes> = self
            .entries
            .range(within(&range))
            .map(|(key, _)| key.clone())
            .collect();
        for key in covered {
            self.entries.remove(&key);
        }
        if self.covering(prefix).is_some() {
            return;
        }
        let nested: Vec<Bytes> = self.prefixes.range(within(&range)).cloned().collect();
        for prefix in nested {
            self.prefixes.remove(&prefix);
        }
        self.prefixes.insert(prefix.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = Bytes> {
        proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(0xff)], 0..5).prop_map(Bytes::from)
    }

    fn mutation() -> impl Strategy<Value = Mutation> {
        let value = || {
            any::<u64>().prop_map(|weight| Value {
                weight,
                ..Value::default()
            })
        };
        let space = Space::Meta;
        prop_oneof![
            3 => (key(), value()).prop_map(move |(key, value)| Mutation::Put { space, key, value }),
            1 => key().prop_map(move |key| Mutation::Delete { space, key }),
            1 => key().prop_map(move |prefix| Mutation::DeletePrefix { space, prefix }),
        ]
    }

    proptest! {
        /// Over any base, the overlay says what a plain map says to which the same changes were made.
        #[test]
        fn says_what_a_plain_map_says(
            base in proptest::collection::btree_map(key(), any::<u64>(), 0..20),
            mutations in proptest::collection::vec(mutation(), 0..30),
        ) {
            let base: BTreeMap<Bytes, Value> =
                base.into_iter().map(|(k, weight)| (k, Value { weight, ..Value::default() })).collect();
            let mut plain = base.clone();
            for mutation in &mutations {
                match mutation.clone() {
                    Mutation::Put { key, value, .. } => drop(plain.insert(key, value)),
                    Mutation::Delete { key, .. } => drop(plain.remove(&key)),
                    Mutation::DeletePrefix { prefix, .. } => plain.retain(|key, _| !key.starts_with(&prefix)),
                }
            }
            let mut overlay = Overlay::default();
            overlay.apply(&Batch { mutations: mutations.clone(), ..Batch::default() }, 1);
            let mut keys: Vec<Bytes> = base.keys().cloned().collect();
            keys.extend(mutations.iter().map(|mutation| match mutation {
                Mutation::Put { key, .. } | Mutation::Delete { key, .. } => key.clone(),
                Mutation::DeletePrefix { prefix, .. } => prefix.clone(),
            }));
            for key in keys {
                let seen = match overlay.get(Space::Meta, &key) {
                    Said::Put(value) => Some(value),
                    Said::Deleted => None,
                    Said::Nothing => base.get(&key),
                };
                prop_assert_eq!(seen, plain.get(&key), "{:?}", key);
            }
        }
    }
}
