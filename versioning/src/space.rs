//! Keyspaces, values, and the changes that are written to them.

use std::ops::Bound;

use bytes::Bytes;

use crate::Hash;
use crate::refs::EventRun;
use crate::tree::Root;

/// The keyspaces of a commit, in the order in which they merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Space {
    /// Catalog entities.
    Meta = 0,
    /// Partitions.
    Parts = 1,
    /// Column statistics.
    Stats = 2,
    /// Data objects, by path.
    Objects = 3,
}

impl Space {
    /// All spaces, in order.
    pub const ALL: [Space; 4] = [Space::Meta, Space::Parts, Space::Stats, Space::Objects];

    /// The expected number of entries in a leaf (versioning.md 2.5); part of the format.
    pub const fn leaf_target(self) -> u32 {
        match self {
            Space::Meta | Space::Stats | Space::Objects => 256,
            Space::Parts => 512,
        }
    }
}

/// The roots of the four trees; `None` is the empty tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roots(pub [Option<Root>; 4]);

impl Roots {
    /// Returns the root of `space`.
    pub fn get(&self, space: Space) -> Option<Root> {
        self.0[space as usize]
    }

    /// Replaces the root of `space`.
    pub fn set(&mut self, space: Space, root: Option<Root>) {
        self.0[space as usize] = root;
    }
}

/// A reference to a stored blob. Equality and order are by content; `epoch` only says where it lies.
#[derive(Debug, Clone, Copy)]
pub struct BlobRef {
    pub hash: Hash,
    /// The epoch in whose folder the blob is stored; physical, never hashed.
    pub epoch: u32,
}

impl PartialEq for BlobRef {
    fn eq(&self, other: &BlobRef) -> bool {
        self.hash == other.hash
    }
}
impl Eq for BlobRef {}

/// A value of a tree: canonical bytes, beside the blobs that they refer to by index.
///
/// Blobs stand beside the bytes so that a walk over trees finds everything that is reachable without
/// knowing what a value means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Value {
    pub payload: Bytes,
    pub blobs: Vec<BlobRef>,
    /// What the subtree sums of [`Root`] add up: bytes for objects, 0 elsewhere.
    pub weight: u64,
}

/// A change of one key: a new value, or its removal.
pub type Edit = (Bytes, Option<Value>);

/// One change of a branch's staged state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mutation {
    Put {
        space: Space,
        key: Bytes,
        value: Value,
    },
    Delete {
        space: Space,
        key: Bytes,
    },
    /// Removes every key that begins with `prefix`.
    DeletePrefix {
        space: Space,
        prefix: Bytes,
    },
}

/// Changes that are applied together or not at all, in order.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub mutations: Vec<Mutation>,
    /// The contents of blobs that the mutations refer to and that are not stored yet.
    pub blobs: Vec<Bytes>,
    /// What is told of the change, as [`Batch::tell`] packs it; it takes no part in the change.
    pub events: Vec<EventRun>,
}

impl Batch {
    /// Returns whether nothing would change, and nothing is told.
    pub fn is_empty(&self) -> bool {
        self.mutations.is_empty() && self.events.is_empty()
    }

    /// Adds a value at a key.
    pub fn put(&mut self, space: Space, key: impl Into<Bytes>, value: Value) {
        self.mutations.push(Mutation::Put {
            space,
            key: key.into(),
            value,
        });
    }

    /// Adds the removal of a key.
    pub fn delete(&mut self, space: Space, key: impl Into<Bytes>) {
        self.mutations.push(Mutation::Delete {
            space,
            key: key.into(),
        });
    }

    /// Adds the removal of all keys that begin with `prefix`.
    pub fn delete_prefix(&mut self, space: Space, prefix: impl Into<Bytes>) {
        self.mutations.push(Mutation::DeletePrefix {
            space,
            prefix: prefix.into(),
        });
    }
}

/// A range of keys in byte order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    pub start: Bound<Bytes>,
    pub end: Bound<Bytes>,
}

impl KeyRange {
    /// Returns the range of all keys.
    pub fn all() -> KeyRange {
        KeyRange {
            start: Bound::Unbounded,
            end: Bound::Unbounded,
        }
    }

    /// Returns the range of the keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<Bytes>) -> KeyRange {
        let prefix = prefix.into();
        let end = match successor(&prefix) {
            Some(end) => Bound::Excluded(end),
            None => Bound::Unbounded,
        };
        KeyRange {
            start: Bound::Included(prefix),
            end,
        }
    }

    /// Returns this range, but only what comes after `key`.
    pub fn after(mut self, key: impl Into<Bytes>) -> KeyRange {
        let key = key.into();
        let later = match &self.start {
            Bound::Unbounded => true,
            Bound::Included(start) | Bound::Excluded(start) => key >= *start,
        };
        if later {
            self.start = Bound::Excluded(key);
        }
        self
    }

    /// Returns the keys that lie in both ranges.
    pub fn intersect(&self, other: &KeyRange) -> KeyRange {
        let start = match (&self.start, &other.start) {
            (Bound::Unbounded, start) | (start, Bound::Unbounded) => start.clone(),
            (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => {
                let ours = a > b || a == b && matches!(self.start, Bound::Excluded(_));
                if ours {
                    self.start.clone()
                } else {
                    other.start.clone()
                }
            }
        };
        let end = match (&self.end, &other.end) {
            (Bound::Unbounded, end) | (end, Bound::Unbounded) => end.clone(),
            (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => {
                let ours = a < b || a == b && matches!(self.end, Bound::Excluded(_));
                if ours { self.end.clone() } else { other.end.clone() }
            }
        };
        KeyRange { start, end }
    }

    /// Returns whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.starts_by(key) && self.ends_after(key)
    }

    /// Returns whether the range starts at or before `key`.
    pub fn starts_by(&self, key: &[u8]) -> bool {
        match &self.start {
            Bound::Unbounded => true,
            Bound::Included(start) => key >= start.as_ref(),
            Bound::Excluded(start) => key > start.as_ref(),
        }
    }

    /// Returns whether the range ends behind `key`.
    pub fn ends_after(&self, key: &[u8]) -> bool {
        match &self.end {
            Bound::Unbounded => true,
            Bound::Included(end) => key <= end.as_ref(),
            Bound::Excluded(end) => key < end.as_ref(),
        }
    }
}

/// Returns the least key above all that begin with `prefix`, if there is one.
pub(crate) fn successor(prefix: &[u8]) -> Option<Bytes> {
    let last = prefix.iter().rposition(|b| *b != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(Bytes::from(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_where_they_should() {
        let range = KeyRange::prefix(&b"a\xff"[..]);
        assert!(range.contains(b"a\xff") && range.contains(b"a\xff\xff\xff"));
        assert!(!range.contains(b"b") && !range.contains(b"a\xfe"));
        assert!(KeyRange::prefix(&b"\xff"[..]).contains(b"\xff\xff"));
        assert!(!KeyRange::prefix(&b"ab"[..]).after(&b"abc"[..]).contains(b"abc"));
        assert!(!KeyRange::prefix(&b"ab"[..]).after(&b"a"[..]).contains(b"aa"));
    }
}
