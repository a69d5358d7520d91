//! Reading nodes: whatever is not the one encoding of its content is refused.

use bytes::Bytes;

use super::node::{
    Children, Content, ENTRIES_MAX, FLAG_BLOBS, FLAG_WEIGHTS, Keys, LEVEL_MAX, MAGIC, Node, PLACES, RESTART,
    Values,
};
use super::{BLOBS_MAX, KEY_BYTES_MAX, Link, Totals, VALUE_BYTES_MAX};
use crate::codec::{DecodeError, Reader};
use crate::{BlobRef, Hash};

impl Node {
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

impl Keys {
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
