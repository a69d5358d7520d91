//! One node in the making: entries go in, canonical bytes come out.

use std::collections::HashMap;

use super::boundary::Shape;
use super::entry::Entry;
use super::node::{FLAG_BLOBS, FLAG_WEIGHTS, MAGIC, Node, PLACES, RESTART, put_varints};
use super::{Link, Totals};
use crate::codec::{put_bytes, put_varint};
use crate::{BlobRef, Hash, Value};

/// A node in the making.
#[derive(Debug)]
pub(super) struct NodeBuilder {
    shape: Shape,
    level: u8,
    load: usize,
    keys: Vec<u8>,
    key_ends: Vec<usize>,
    totals: Totals,
    weights: Vec<u64>,
    // of a leaf
    payloads: Vec<u8>,
    payload_lens: Vec<usize>,
    dictionary: Dictionary,
    refs: Vec<u32>,
    ref_lens: Vec<usize>,
    // of an internal node
    links: Vec<Link>,
    counts: Vec<u64>,
}

/// The blobs of a leaf in the order in which they came.
#[derive(Debug, Default)]
struct Dictionary {
    blobs: Vec<BlobRef>,
    index: HashMap<Hash, u32>,
}

/// A finished node.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) last_key: Vec<u8>,
    pub(super) totals: Totals,
    pub(super) hashed: Vec<u8>,
    pub(super) physical: Vec<u8>,
}

impl NodeBuilder {
    pub(super) fn new(shape: Shape, level: u8) -> NodeBuilder {
        NodeBuilder {
            shape,
            level,
            load: 0,
            keys: Vec::new(),
            key_ends: Vec::new(),
            totals: Totals::default(),
            weights: Vec::new(),
            payloads: Vec::new(),
            payload_lens: Vec::new(),
            dictionary: Dictionary::default(),
            refs: Vec::new(),
            ref_lens: Vec::new(),
            links: Vec::new(),
            counts: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.key_ends.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.key_ends.len()
    }

    /// Appends a value; returns whether the node is complete.
    pub(super) fn push_value(&mut self, key: &[u8], value: &Value) -> bool {
        self.push_leaf(key, &value.payload, value.weight, value.blobs.iter().copied())
    }

    /// Appends an entry of another leaf; returns whether the node is complete.
    pub(super) fn push_entry(&mut self, entry: &Entry<'_>) -> bool {
        self.push_leaf(entry.key, entry.payload, entry.weight, entry.blobs.iter())
    }

    fn push_leaf(
        &mut self,
        key: &[u8],
        payload: &[u8],
        weight: u64,
        blobs: impl Iterator<Item = BlobRef>,
    ) -> bool {
        self.payloads.extend_from_slice(payload);
        self.payload_lens.push(payload.len());
        let refs_before = self.refs.len();
        self.refs.extend(blobs.map(|blob| self.dictionary.intern(blob)));
        self.ref_lens.push(self.refs.len() - refs_before);
        self.push(
            key,
            Totals { count: 1, weight },
            self.shape.leaf_load(payload.len()),
        )
    }

    /// Appends a child; returns whether the node is complete.
    pub(super) fn push_child(&mut self, key: &[u8], link: &Link, totals: Totals) -> bool {
        self.links.push(*link);
        self.counts.push(totals.count);
        self.push(key, totals, 1)
    }

    fn push(&mut self, key: &[u8], totals: Totals, load: usize) -> bool {
        debug_assert!(self.is_empty() || self.last_key() < key, "keys come in order");
        self.keys.extend_from_slice(key);
        self.key_ends.push(self.keys.len());
        self.totals = self.totals + totals;
        self.weights.push(totals.weight);
        let ends = self.shape.ends(self.level, key, self.load, load);
        self.load += load;
        ends
    }

    fn key(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.key_ends[index - 1] };
        &self.keys[start..self.key_ends[index]]
    }

    pub(super) fn last_key(&self) -> &[u8] {
        self.key(self.len() - 1)
    }

    /// Returns the node and begins the next one.
    pub(super) fn finish(&mut self) -> Encoded {
        let mut hashed =
            Vec::with_capacity(self.keys.len() / 2 + self.payloads.len() + 40 * self.links.len());
        hashed.extend_from_slice(MAGIC);
        hashed.push(self.level);
        put_varint(&mut hashed, self.len() as u64);
        self.put_keys(&mut hashed);
        let mut physical = Vec::new();
        if self.level == 0 {
            self.put_values(&mut hashed, &mut physical);
        } else {
            self.put_children(&mut hashed, &mut physical);
        }
        let encoded = Encoded {
            last_key: self.last_key().to_vec(),
            totals: self.totals,
            hashed,
            physical,
        };
        *self = NodeBuilder::new(self.shape, self.level);
        encoded
    }

    fn put_keys(&self, out: &mut Vec<u8>) {
        let common = shared_len(self.key(0), self.last_key());
        put_bytes(out, &self.key(0)[..common]);
        let mut area = Vec::with_capacity(self.keys.len() / 2);
        let mut restarts = Vec::with_capacity(self.len().div_ceil(RESTART) * 4);
        for index in 0..self.len() {
            let key = &self.key(index)[common..];
            if index % RESTART == 0 {
                // at most `ENTRIES_MAX * KEY_BYTES_MAX`
                restarts.extend_from_slice(&(area.len() as u32).to_le_bytes());
                put_bytes(&mut area, key);
            } else {
                let shared = shared_len(&self.key(index - 1)[common..], key);
                put_varint(&mut area, shared as u64);
                put_bytes(&mut area, &key[shared..]);
            }
        }
        put_varint(out, area.len() as u64);
        out.extend_from_slice(&restarts);
        out.extend_from_slice(&area);
    }

    fn put_values(&self, out: &mut Vec<u8>, places: &mut Vec<u8>) {
        let has_weights = self.weights.iter().any(|weight| *weight != 0);
        let has_blobs = !self.refs.is_empty();
        out.push(if has_weights { FLAG_WEIGHTS } else { 0 } | if has_blobs { FLAG_BLOBS } else { 0 });
        put_varints(out, self.payload_lens.iter().map(|len| *len as u64));
        if has_weights {
            put_varints(out, self.weights.iter().copied());
        }
        if has_blobs {
            self.put_blobs(out, places);
        }
        out.extend_from_slice(&self.payloads);
    }

    fn put_blobs(&self, out: &mut Vec<u8>, places: &mut Vec<u8>) {
        let mut order: Vec<u32> = (0..self.dictionary.blobs.len() as u32).collect();
        order.sort_by_key(|index| self.dictionary.blobs[*index as usize].hash);
        let mut rank = vec![0; order.len()];
        put_varint(out, order.len() as u64);
        places.push(PLACES);
        for (new, old) in order.iter().enumerate() {
            rank[*old as usize] = new as u64;
            let blob = &self.dictionary.blobs[*old as usize];
            out.extend_from_slice(&blob.hash.0);
            places.extend_from_slice(&blob.epoch.to_le_bytes());
        }
        let mut refs = self.refs.iter();
        for len in &self.ref_lens {
            put_varint(out, *len as u64);
            put_varints(out, refs.by_ref().take(*len).map(|index| rank[*index as usize]));
        }
    }

    fn put_children(&self, out: &mut Vec<u8>, places: &mut Vec<u8>) {
        for link in &self.links {
            out.extend_from_slice(&link.hash.0);
        }
        put_varints(out, self.counts.iter().copied());
        put_varints(out, self.weights.iter().copied());
        places.push(PLACES);
        for field in [
            |link: &Link| link.epoch,
            |link: &Link| link.variant,
            |link: &Link| link.stored_len,
        ] {
            places.extend(self.links.iter().flat_map(|link| field(link).to_le_bytes()));
        }
    }
}

impl Dictionary {
    /// Returns the index of `blob`. Of two copies the younger is kept.
    fn intern(&mut self, blob: BlobRef) -> u32 {
        let index = *self.index.entry(blob.hash).or_insert_with(|| {
            self.blobs.push(blob);
            self.blobs.len() as u32 - 1
        });
        let kept = &mut self.blobs[index as usize];
        kept.epoch = kept.epoch.max(blob.epoch);
        index
    }
}

impl Encoded {
    /// Returns the node as it would be read.
    pub(super) fn decode(&self) -> Result<Node, crate::codec::DecodeError> {
        Node::decode(&self.hashed, &self.physical)
    }
}

fn shared_len(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
