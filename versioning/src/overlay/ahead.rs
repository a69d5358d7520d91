//! What of an overlay lies ahead of a walk: the next change of each kind at hand, so that a row of the tree that
//! nothing touches costs a comparison and no look-up.

use std::ops::Bound;

use bytes::Bytes;

use super::{Layer, start_of};
use crate::space::successor;
use crate::{KeyRange, Value};

/// The changes of one space that lie ahead of a walk over a range.
#[derive(Debug)]
pub(crate) struct Ahead {
    layer: Layer,
    range: KeyRange,
    /// The next changed key with its new value.
    entry: Option<(Bytes, Option<Value>)>,
    /// The first deleted prefix that does not lie behind the walk.
    prefix: Option<Bytes>,
    /// How often the overlay was searched.
    #[cfg(test)]
    pub(crate) searches: usize,
}

/// What becomes of the entry that the tree has next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is the next of the walk.
    Tree,
    /// This one comes before it.
    Overlay(Bytes, Value),
    /// It is gone, or another comes in its place.
    Skip,
    /// It is gone, and so are all before this key; `None` is the end.
    SkipTo(Option<Bytes>),
    /// Neither has another one.
    End,
}

impl Ahead {
    pub(super) fn new(layer: Layer, range: KeyRange) -> Ahead {
        let start = Bytes::copy_from_slice(start_of(&range));
        let mut ahead = Ahead {
            layer,
            entry: None,
            prefix: None,
            #[cfg(test)]
            searches: 0,
            range,
        };
        ahead.find_entry(ahead.range.start.clone());
        ahead.find_prefix(&start);
        ahead
    }

    /// Returns whether the rest of the walk is the tree's alone.
    pub(crate) fn is_clear(&self) -> bool {
        self.entry.is_none() && self.prefix.is_none()
    }

    /// Returns what comes next, where `tree` is the next key of the tree.
    pub(crate) fn next(&mut self, tree: Option<&[u8]>) -> Next {
        if let Some(skip) = tree.and_then(|key| self.covered(key)) {
            return skip;
        }
        loop {
            let Some((changed, _)) = &self.entry else {
                return tree.map_or(Next::End, |_| Next::Tree);
            };
            match tree {
                Some(key) if key < changed.as_ref() => return Next::Tree,
                Some(key) if key == changed.as_ref() => return Next::Skip,
                _ => {}
            }
            if let Some((key, Some(value))) = self.take_entry() {
                return Next::Overlay(key, value);
            }
        }
    }

    /// Moves over what lies before `key`, where the walk is not beyond it already.
    pub(crate) fn seek(&mut self, key: &[u8]) {
        if self.entry.as_ref().is_some_and(|(next, _)| **next < *key) {
            self.find_entry(Bound::Included(Bytes::copy_from_slice(key)));
        }
    }

    /// Returns how to go on if a deleted prefix covers `key` of the tree.
    fn covered(&mut self, key: &[u8]) -> Option<Next> {
        while let Some(prefix) = self.prefix.as_ref().filter(|prefix| ***prefix <= *key) {
            if key.starts_with(prefix) {
                return Some(Next::SkipTo(successor(prefix)));
            }
            self.find_prefix(key);
        }
        None
    }

    fn take_entry(&mut self) -> Option<(Bytes, Option<Value>)> {
        let taken = self.entry.take()?;
        self.find_entry(Bound::Excluded(taken.0.clone()));
        Some(taken)
    }

    fn find_entry(&mut self, from: Bound<Bytes>) {
        self.search();
        let mut behind = self.layer.entries.range((from, Bound::Unbounded));
        self.entry = behind
            .next()
            .filter(|(key, _)| self.range.ends_after(key))
            .map(|(key, value)| (key.clone(), value.clone()));
    }

    fn find_prefix(&mut self, key: &[u8]) {
        self.search();
        let mut behind = self
            .layer
            .prefixes
            .range::<_, [u8]>((Bound::Excluded(key), Bound::Unbounded));
        let found = self.layer.covering(key).or_else(|| behind.next());
        self.prefix = found.filter(|prefix| self.range.ends_after(prefix)).cloned();
    }

    fn search(&mut self) {
        #[cfg(test)]
        {
            self.searches += 1;
        }
    }
}
