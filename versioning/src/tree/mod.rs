//! Prolly trees: sorted maps whose shape, and so whose root hash, depends on their content alone.

use crate::Hash;
use crate::codec::{DecodeError, Reader, put_varint};

/// Where a stored node is: its identity and its physical place.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    pub hash: Hash,
    /// The epoch in whose folder the node is stored; physical, never hashed.
    pub epoch: u32,
    /// Tells apart nodes of one hash and epoch whose own links lead to different places, so that a path is
    /// only ever written with one content; physical, never hashed.
    pub variant: u32,
    /// The length of the stored frame in bytes; physical, never hashed. A copy that another version of the
    /// compressor wrote may differ, so this is for accounting and planning, not for checking.
    pub stored_len: u32,
}

impl Link {
    /// Returns a link whose place is not known yet; see [`Link::read_place`].
    pub fn unplaced(hash: Hash) -> Link {
        Link { hash, epoch: 0, variant: 0, stored_len: 0 }
    }

    /// Appends the place: everything but the hash.
    pub fn put_place(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.epoch));
        out.extend_from_slice(&self.variant.to_le_bytes());
        put_varint(out, u64::from(self.stored_len));
    }

    /// Reads the place that [`Link::put_place`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] if it is cut short or a number does not fit.
    pub fn read_place(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.epoch = reader.varint_u32()?;
        self.variant = u32::from_le_bytes(reader.array()?);
        self.stored_len = reader.varint_u32()?;
        Ok(())
    }
}

impl PartialEq for Link {
    fn eq(&self, other: &Link) -> bool {
        self.hash == other.hash
    }
}
impl Eq for Link {}

/// The root of a tree that is not empty, with the sums over all its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Root {
    pub link: Link,
    /// 0 for a single leaf.
    pub height: u8,
    pub count: u64,
    /// The sum of the entries' weights ([`crate::Value::weight`]).
    pub weight: u64,
}

/// Sums over a range of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub count: u64,
    pub weight: u64,
}
