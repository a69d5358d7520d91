//! Entries as they stand in their leaf.

use bytes::Bytes;

use crate::{BlobRef, Value};

/// An entry of a tree, as it stands in its leaf.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pub key: &'a [u8],
    pub payload: &'a [u8],
    pub weight: u64,
    pub blobs: Blobs<'a>,
    pub(super) payloads: &'a Bytes,
}

/// The blobs that a value refers to.
#[derive(Debug, Clone, Copy)]
pub struct Blobs<'a> {
    pub(super) dictionary: &'a [BlobRef],
    /// Which of the dictionary, in order; `None` is all of it.
    pub(super) indexes: Option<&'a [u32]>,
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
