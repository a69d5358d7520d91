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

use super::{BLOBS_MAX, KEY_BYTES_MAX, Link, Totals, VALUE_BYTES_MAX};
use crate::codec::{DecodeError, Reader, put_varint};
use crate::{BlobRef, Hash, Value};

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
    level: u8,
    keys: Keys,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Leaf(Values),
    Internal(Children),
}

/// Byte strings, one behind the other.
#[derive(Debug, Default)]
struct Keys {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

#[derive(Debug)]
struct Values {
    payloads: Bytes,
    ends: Vec<u32>,
    /// Empty if all are 0.
    weights: Vec<u64>,
    blobs: Vec<BlobRef>,
    /// Indexes into `blobs`, of one entry after the other; `ref_ends` is empty if there are none.
    refs: Vec<u32>,
    ref_ends: Vec<u32>,
}

#[derive(Debug)]
struct Children {
    links: Vec<Link>,
    totals: Vec<Totals>,
}

/// An entry of a tree, as it stands in its leaf.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pub key: &'a [u8],
    pub payload: &'a [u8],
    pub weight: u64,
    pub blobs: Blobs<'a>,
    payloads: &'a Bytes,
}

/// The blobs that a value refers to.
#[derive(Debug, Clone, Copy)]
pub struct Blobs<'a> {
    dictionary: &'a [BlobRef],
    /// Which of the dictionary, in order; `None` is all of it.
    indexes: Option<&'a [u32]>,
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

    /// Reads both parts of a stored node.
    pub(crate) fn decode(hashed: &[u8], physical: &[u8]) -> Result<Node, DecodeError> {
        let mut reader = Reader::new(hashed);
        if reader.take(4)? != MAGIC {
            return Err(DecodeError::Canonical("its first bytes are not those of a node"));
        }
        let level = reader.byte()?;
        if level > LEVEL_MAX {
            return Err(DecodeError::Tag(u64::from(level)));
        }
        let count = reader.length()?;
        if count == 0 || count > ENTRIES_MAX {
            return Err(DecodeError::Canonical("it has no entries, or too many"));
        }
        let keys = Keys::read(&mut reader, count)?;
        let mut places = Reader::new(physical);
        let content = if level == 0 {
            Content::Leaf(Values::read(&mut reader, count, &mut places)?)
        } else {
            Content::Internal(Children::read(&mut reader, count, &mut places)?)
        };
        reader.finish()?;
        places.finish()?;
        Ok(Node { level, keys, content })
    }
}

fn stretch(ends: &[u32], index: usize) -> std::ops::Range<usize> {
    let start = if index == 0 { 0 } else { ends[index - 1] };
    start as usize..ends[index] as usize
}

impl Keys {
    fn get(&self, index: usize) -> &[u8] {
        &self.bytes[stretch(&self.ends, index)]
    }

    fn read(reader: &mut Reader<'_>, count: usize) -> Result<Keys, DecodeError> {
        let common = reader.bytes()?;
        let area_len = reader.length()?;
        let mut restarts = Reader::new(reader.take(count.div_ceil(RESTART) * 4)?);
        let area = reader.take(area_len)?;
        let mut reader = Reader::new(area);
        let mut keys = Keys::default();
        let mut previous = 0..0;
        for index in 0..count {
            let restart = index % RESTART == 0;
            if restart && u32::from_le_bytes(restarts.array()?) as usize != area.len() - reader.rest().len() {
                return Err(DecodeError::Canonical("a restart is not where it should be"));
            }
            let shared = if restart { None } else { Some(reader.length()?) };
            let suffix = reader.bytes()?;
            previous = keys.push(common, previous, shared, suffix)?;
        }
        reader.finish()?;
        let first = &keys.get(0)[common.len()..];
        let last = &keys.get(count - 1)[common.len()..];
        if count == 1 && !first.is_empty() || count > 1 && !first.is_empty() && first.first() == last.first()
        {
            return Err(DecodeError::Canonical(
                "the keys have more in common than is said",
            ));
        }
        Ok(keys)
    }

    /// Appends a key, given what it shares with the one at `previous` behind the common part.
    fn push(
        &mut self,
        common: &[u8],
        previous: std::ops::Range<usize>,
        shared: Option<usize>,
        suffix: &[u8],
    ) -> Result<std::ops::Range<usize>, DecodeError> {
        let start = self.bytes.len();
        let first = start == 0 && self.ends.is_empty();
        let own = previous.start + common.len().min(previous.len())..previous.end;
        let kept = own.start..own.start.saturating_add(shared.unwrap_or(0));
        if kept.end > own.end {
            return Err(DecodeError::Canonical("a key shares more than there is"));
        }
        if common.len() + kept.len() + suffix.len() > KEY_BYTES_MAX {
            return Err(DecodeError::Canonical("a key is too long"));
        }
        // what differs has to be greater; where all that can be shared is said to be, that is one byte
        let (old, new) = (&self.bytes[kept.end..own.end], suffix);
        let ascending = if shared.is_some() {
            old.first() < new.first()
        } else {
            old < new
        };
        if !first && !ascending {
            return Err(DecodeError::Canonical(
                "the keys are not in order, or share more than is said",
            ));
        }
        self.bytes.extend_from_slice(common);
        self.bytes.extend_from_within(kept);
        self.bytes.extend_from_slice(suffix);
        let end = u32::try_from(self.bytes.len()).map_err(|_| DecodeError::Varint)?;
        self.ends.push(end);
        Ok(start..self.bytes.len())
    }
}

impl Values {
    fn read(reader: &mut Reader<'_>, count: usize, places: &mut Reader<'_>) -> Result<Values, DecodeError> {
        let flags = reader.byte()?;
        if flags & !(FLAG_WEIGHTS | FLAG_BLOBS) != 0 {
            return Err(DecodeError::Tag(u64::from(flags)));
        }
        let ends = read_ends(reader, count, VALUE_BYTES_MAX)?;
        let mut weights = Vec::new();
        if flags & FLAG_WEIGHTS != 0 {
            weights = read_varints(reader, count)?;
            if weights.iter().all(|weight| *weight == 0) {
                return Err(DecodeError::Canonical("it has weights that are all 0"));
            }
        }
        let mut values = Values {
            payloads: Bytes::new(),
            ends,
            weights,
            blobs: Vec::new(),
            refs: Vec::new(),
            ref_ends: Vec::new(),
        };
        if flags & FLAG_BLOBS != 0 {
            values.read_blobs(reader, count, places)?;
        }
        let len = values.ends.last().map_or(0, |end| *end as usize);
        values.payloads = Bytes::copy_from_slice(reader.take(len)?);
        Ok(values)
    }

    fn read_blobs(
        &mut self,
        reader: &mut Reader<'_>,
        count: usize,
        places: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        let len = reader.length()?;
        if len == 0 || len > ENTRIES_MAX * BLOBS_MAX {
            return Err(DecodeError::Canonical("its dictionary is empty, or too large"));
        }
        let hashes = read_hashes(reader, len)?;
        if !hashes.is_sorted_by(|a, b| a < b) {
            return Err(DecodeError::Canonical("its dictionary is not in order"));
        }
        let mut used = vec![false; len];
        for _ in 0..count {
            let refs = reader.length()?;
            if refs > BLOBS_MAX {
                return Err(DecodeError::Canonical("a value refers to too many blobs"));
            }
            for _ in 0..refs {
                let index = reader.length()?;
                *used
                    .get_mut(index)
                    .ok_or(DecodeError::Canonical("a value refers to no blob"))? = true;
                self.refs.push(index as u32);
            }
            self.ref_ends.push(self.refs.len() as u32);
        }
        if used.contains(&false) {
            return Err(DecodeError::Canonical(
                "its dictionary has a blob that is not used",
            ));
        }
        expect_places(places)?;
        let epochs = read_u32s(places, len)?;
        self.blobs = hashes
            .into_iter()
            .zip(epochs)
            .map(|(hash, epoch)| BlobRef { hash, epoch })
            .collect();
        Ok(())
    }
}

impl Children {
    fn read(reader: &mut Reader<'_>, count: usize, places: &mut Reader<'_>) -> Result<Children, DecodeError> {
        let hashes = read_hashes(reader, count)?;
        let counts = read_varints(reader, count)?;
        let weights = read_varints(reader, count)?;
        if counts.contains(&0) {
            return Err(DecodeError::Canonical("it has a child without entries"));
        }
        if counts
            .iter()
            .try_fold(0u64, |sum, count| sum.checked_add(*count))
            .is_none()
        {
            return Err(DecodeError::Canonical("it has more entries than can be counted"));
        }
        expect_places(places)?;
        let (epochs, variants) = (read_u32s(places, count)?, read_u32s(places, count)?);
        let lens = read_u32s(places, count)?;
        let mut links = Vec::with_capacity(count);
        for (i, hash) in hashes.into_iter().enumerate() {
            links.push(Link {
                hash,
                epoch: epochs[i],
                variant: variants[i],
                stored_len: lens[i],
            });
        }
        let totals = counts
            .into_iter()
            .zip(weights)
            .map(|(count, weight)| Totals { count, weight });
        Ok(Children {
            links,
            totals: totals.collect(),
        })
    }
}

fn expect_places(places: &mut Reader<'_>) -> Result<(), DecodeError> {
    match places.byte()? {
        PLACES => Ok(()),
        other => Err(DecodeError::Tag(u64::from(other))),
    }
}

fn read_varints(reader: &mut Reader<'_>, count: usize) -> Result<Vec<u64>, DecodeError> {
    (0..count).map(|_| reader.varint()).collect()
}

fn read_hashes(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Hash>, DecodeError> {
    let len = count.checked_mul(32).ok_or(DecodeError::Truncated)?;
    let (hashes, _) = reader.take(len)?.as_chunks::<32>();
    Ok(hashes.iter().copied().map(Hash).collect())
}

fn read_u32s(reader: &mut Reader<'_>, count: usize) -> Result<Vec<u32>, DecodeError> {
    let len = count.checked_mul(4).ok_or(DecodeError::Truncated)?;
    let (words, _) = reader.take(len)?.as_chunks::<4>();
    Ok(words.iter().copied().map(u32::from_le_bytes).collect())
}

/// Reads lengths, each at most `max`, as the ends of what lies one behind the other.
fn read_ends(reader: &mut Reader<'_>, count: usize, max: usize) -> Result<Vec<u32>, DecodeError> {
    let mut ends = Vec::with_capacity(count);
    let mut end = 0u32;
    for _ in 0..count {
        let len = reader.length()?;
        if len > max {
            return Err(DecodeError::Canonical("a value is too long"));
        }
        // at most `ENTRIES_MAX * VALUE_BYTES_MAX`
        end += len as u32;
        ends.push(end);
    }
    Ok(ends)
}

/// Appends what `values` are as varints.
pub(super) fn put_varints(out: &mut Vec<u8>, values: impl IntoIterator<Item = u64>) {
    for value in values {
        put_varint(out, value);
    }
}

impl<'a> Entry<'a> {
    /// Returns the entry of a value that stands in no leaf.
    pub(crate) fn of(key: &'a [u8], value: &'a Value) -> Entry<'a> {
        Entry {
            key,
            payload: &value.payload,
            weight: value.weight,
            blobs: Blobs {
                dictionary: &value.blobs,
                indexes: None,
            },
            payloads: &value.payload,
        }
    }

    /// Returns the value, sharing the memory of the leaf.
    pub fn value(&self) -> Value {
        Value {
            payload: self.payload_bytes(),
            blobs: self.blobs.iter().collect(),
            weight: self.weight,
        }
    }

    /// Returns the payload, sharing the memory of the leaf.
    pub fn payload_bytes(&self) -> Bytes {
        if self.payload.is_empty() {
            Bytes::new()
        } else {
            self.payloads.slice_ref(self.payload)
        }
    }

    /// Returns whether the entry has this value.
    pub fn holds(&self, value: &Value) -> bool {
        self.payload == value.payload
            && self.weight == value.weight
            && self.blobs.iter().eq(value.blobs.iter().copied())
    }

    /// Returns whether both entries have the same value.
    pub fn same_value(&self, other: &Entry<'_>) -> bool {
        self.payload == other.payload
            && self.weight == other.weight
            && self.blobs.iter().eq(other.blobs.iter())
    }
}

impl std::fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Entry({:?}, {} bytes)",
            self.key.escape_ascii().to_string(),
            self.payload.len()
        )
    }
}

impl<'a> Blobs<'a> {
    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.indexes.map_or(self.dictionary.len(), <[u32]>::len)
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the blob to which the value refers by `index`.
    pub fn get(&self, index: usize) -> Option<BlobRef> {
        let index = match self.indexes {
            Some(indexes) => *indexes.get(index)? as usize,
            None => index,
        };
        self.dictionary.get(index).copied()
    }

    /// Returns the blobs in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = BlobRef> + use<'a> {
        let Blobs { dictionary, indexes } = *self;
        (0..self.len()).map(move |index| dictionary[indexes.map_or(index, |indexes| indexes[index] as usize)])
    }
}
