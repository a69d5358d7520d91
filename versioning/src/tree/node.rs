//! Nodes: their canonical encoding, version 1, and how they stand in memory.
//!
//! ```text
//! hashed:    "SKN1" level count
//!            common_len common            what all keys begin with
//!            keys_len restarts            u32 offsets into the keys, one for every 16th
//!            keys                         [shared] suffix_len suffix; `shared` not at a restart
//! leaf:      flags payload_len*n [weight*n]
//!            [dict_len hash*dict_len  (refs_len ref*refs_len)*n]
//!            payloads
//! internal:  hash*n count*n weight*n      of the children
//! physical:  (leaf: of the dictionary)    nothing if there is none, else 0 and epoch*n
//!            (internal: of the children)  0 and epoch*n variant*n stored_len*n
//! ```
//!
//! Lengths, counts, weights, `shared` and `ref` are varints; hashes have 32 bytes; physical numbers and
//! restarts are 32 bits, little-endian. The key of an internal entry is the last key of the child. The
//! physical part begins with a format byte, so that other kinds of places can come. There is one encoding
//! of each content: every choice (shared lengths, optional columns, order of the dictionary) is fixed, and
//! what was chosen otherwise is refused.

use bytes::Bytes;

use super::entry::{Blobs, Entry};
use super::{Link, Totals};
use crate::BlobRef;
use crate::codec::put_varint;

pub(super) const MAGIC: &[u8; 4] = b"SKN1";
/// Every how many keys one stands in full.
pub(super) const RESTART: usize = 16;
/// The most entries of a node: the cap of the largest target.
pub(super) const ENTRIES_MAX: usize = 4 * 512;
/// The highest level; internal nodes have two children or more, so no tree gets there.
pub(super) const LEVEL_MAX: u8 = 63;
pub(super) const FLAG_WEIGHTS: u8 = 1;
pub(super) const FLAG_BLOBS: u8 = 2;
/// The format of the physical part.
pub(super) const PLACES: u8 = 0;

/// A decoded node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(super) level: u8,
    pub(super) keys: Keys,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Leaf(Values),
    Internal(Children),
}

/// Byte strings, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct Values {
    pub(super) payloads: Bytes,
    pub(super) ends: Vec<u32>,
    /// Empty if all are 0.
    pub(super) weights: Vec<u64>,
    pub(super) blobs: Vec<BlobRef>,
    /// Indexes into `blobs`, of one entry after the other; `ref_ends` is empty if there are none.
    pub(super) refs: Vec<u32>,
    pub(super) ref_ends: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct Children {
    pub(super) links: Vec<Link>,
    pub(super) totals: Vec<Totals>,
}

impl Node {
    /// Returns 0 for a leaf, else 1 more than the level of the children.
    pub(crate) fn level(&self) -> u8 {
        self.level
    }

    /// Returns the number of entries, which is at least 1.
    pub(crate) fn len(&self) -> usize {
        self.keys.ends.len()
    }

    pub(crate) fn key(&self, index: usize) -> &[u8] {
        self.keys.get(index)
    }

    pub(crate) fn last_key(&self) -> &[u8] {
        self.keys.get(self.len() - 1)
    }

    /// Returns the index of the first key that is not below `key`; `len()` if there is none.
    pub(crate) fn lower_bound(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.key(middle) < key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Returns the entry at `index`, if this is a leaf.
    pub(crate) fn entry(&self, index: usize) -> Option<Entry<'_>> {
        let Content::Leaf(values) = &self.content else {
            return None;
        };
        Some(Entry {
            key: self.key(index),
            payload: &values.payloads[stretch(&values.ends, index)],
            weight: values.weights.get(index).copied().unwrap_or(0),
            blobs: Blobs {
                dictionary: &values.blobs,
                indexes: Some(match values.ref_ends.as_slice() {
                    [] => &[],
                    ends => &values.refs[stretch(ends, index)],
                }),
            },
            payloads: &values.payloads,
        })
    }

    /// Returns the child at `index`, if this is an internal node.
    pub(crate) fn child(&self, index: usize) -> Option<(&Link, Totals)> {
        let Content::Internal(children) = &self.content else {
            return None;
        };
        Some((&children.links[index], children.totals[index]))
    }

    /// Returns the blobs that any entry of this leaf refers to.
    pub(crate) fn blobs(&self) -> &[BlobRef] {
        match &self.content {
            Content::Leaf(values) => &values.blobs,
            Content::Internal(_) => &[],
        }
    }

    /// Returns the sums over entries up to the one at `end`, which is not included.
    pub(crate) fn totals_below(&self, end: usize) -> Totals {
        match &self.content {
            Content::Internal(children) => children.totals[..end].iter().copied().sum(),
            Content::Leaf(values) => {
                let weight = values
                    .weights
                    .iter()
                    .take(end)
                    .fold(0u64, |sum, weight| sum.saturating_add(*weight));
                Totals {
                    count: end as u64,
                    weight,
                }
            }
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals_below(self.len())
    }

    /// Returns about how much memory the node takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let keys = self.keys.bytes.len() + 4 * self.keys.ends.len();
        let content = match &self.content {
            Content::Internal(children) => children.links.len() * (size_of::<Link>() + size_of::<Totals>()),
            Content::Leaf(values) => {
                let numbers = values.ends.len() + values.refs.len() + values.ref_ends.len();
                let blobs = values.blobs.len() * size_of::<BlobRef>();
                values.payloads.len() + 4 * numbers + 8 * values.weights.len() + blobs
            }
        };
        size_of::<Node>() + keys + content
    }
}

fn stretch(ends: &[u32], index: usize) -> std::ops::Range<usize> {
    let start = if index == 0 { 0 } else { ends[index - 1] };
    start as usize..ends[index] as usize
}

impl Keys {
    pub(super) fn get(&self, index: usize) -> &[u8] {
        &self.bytes[stretch(&self.ends, index)]
    }
}

/// Appends what `values` are as varints.
pub(super) fn put_varints(out: &mut Vec<u8>, values: impl IntoIterator<Item = u64>) {
    for value in values {
        put_varint(out, value);
    }
}
