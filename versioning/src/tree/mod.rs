//! Prolly trees: sorted maps whose shape, and so whose root hash, depends on their content alone.

use crate::Hash;

/// Where a stored node is: its identity and its physical place.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    pub hash: Hash,
    /// The epoch in whose folder the node is stored; physical, never hashed.
    pub epoch: u32,
    /// The length of the stored frame in bytes; physical, never hashed.
    pub stored_len: u32,
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
