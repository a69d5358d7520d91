//! Prolly trees: sorted maps whose shape, and so whose root hash, depends on their content alone.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::codec::{DecodeError, Reader, put_varint};
use crate::store::Blocks;
use crate::{Edit, Error, Hash, KeyRange, Result, Space, Value};

mod boundary;
mod build;
mod builder;
#[cfg(test)]
mod costs;
mod cursor;
mod decode;
mod diff;
mod edit;
mod entry;
#[cfg(test)]
mod format;
#[cfg(test)]
mod model;
mod node;
mod path;
mod rewrite;
mod walk;

use boundary::Shape;
pub use build::TreeBuilder;
pub use cursor::Cursor;
pub use diff::{Change, Diff};
pub use edit::Planned;
pub use entry::{Blobs, Entry};
pub(crate) use node::Node;
pub use walk::Reached;

/// The longest key.
pub const KEY_BYTES_MAX: usize = 4 << 10;
/// The longest payload of a value. What is longer belongs into a blob.
pub const VALUE_BYTES_MAX: usize = 16 << 10;
/// The most blobs that one value refers to. With the limits above, every node fits a block.
pub const BLOBS_MAX: usize = 256;

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
        Link {
            hash,
            epoch: 0,
            variant: 0,
            stored_len: 0,
        }
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

impl std::ops::Add for Totals {
    type Output = Totals;

    /// Adds up to the greatest number and no further, whatever the order: weights come from outside, and a
    /// tree has to stay readable and the same whatever they are.
    fn add(self, other: Totals) -> Totals {
        Totals {
            count: self.count.saturating_add(other.count),
            weight: self.weight.saturating_add(other.weight),
        }
    }
}

impl std::ops::Sub for Totals {
    type Output = Totals;

    fn sub(self, other: Totals) -> Totals {
        Totals {
            count: self.count.saturating_sub(other.count),
            weight: self.weight.saturating_sub(other.weight),
        }
    }
}

impl std::iter::Sum for Totals {
    fn sum<I: Iterator<Item = Totals>>(totals: I) -> Totals {
        totals.fold(Totals::default(), |sum, next| sum + next)
    }
}

impl Root {
    /// Returns the sums over all entries.
    pub fn totals(&self) -> Totals {
        Totals {
            count: self.count,
            weight: self.weight,
        }
    }
}

/// Fails unless an entry can be stored: [`KEY_BYTES_MAX`], [`VALUE_BYTES_MAX`], [`BLOBS_MAX`].
///
/// Call it before a change is acknowledged, so that it never fails when the change is applied.
///
/// # Errors
/// [`Error::TooLarge`].
pub fn check_entry(key: &[u8], value: Option<&Value>) -> Result<()> {
    let blobs = value.map_or(0, |value| value.blobs.len());
    let payload = value.map_or(0, |value| value.payload.len());
    let checks = [
        ("key", key.len(), KEY_BYTES_MAX),
        ("value", payload, VALUE_BYTES_MAX),
        ("list of a value's blobs", blobs, BLOBS_MAX),
    ];
    match checks.into_iter().find(|(_, found, max)| found > max) {
        Some((what, _, max)) => Err(Error::TooLarge {
            what,
            limit: max as u64,
        }),
        None => Ok(()),
    }
}

/// A tree: a sorted map from keys to values, at one of its versions.
#[derive(Debug, Clone)]
pub struct Tree {
    blocks: Arc<Blocks>,
    shape: Shape,
    root: Option<Root>,
}

impl Tree {
    /// Returns the tree of `space` with the given root, without reading anything.
    pub fn open(blocks: Arc<Blocks>, space: Space, root: Option<Root>) -> Tree {
        Tree {
            blocks,
            shape: Shape::of(space),
            root,
        }
    }

    /// Returns the root; `None` for the empty tree.
    pub fn root(&self) -> Option<Root> {
        self.root
    }

    /// Returns the value at `key`.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Storage`], as every method that reads.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        let Some(mut path) = self.path(0) else {
            return Ok(None);
        };
        path.seek(key).await?;
        let found = path
            .place()
            .filter(|(node, index)| *index < node.len() && node.key(*index) == key);
        Ok(found
            .and_then(|(node, index)| node.entry(index))
            .map(|entry| entry.value()))
    }

    /// Returns a walk over the entries of `range`, in order.
    pub fn cursor(&self, range: KeyRange) -> Cursor {
        Cursor::new(self, range)
    }

    /// Returns the sums over `range`, from those of whole subtrees: at most two nodes a level are read.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Storage`].
    pub async fn totals(&self, range: &KeyRange) -> Result<Totals> {
        let Some(root) = self.root else {
            return Ok(Totals::default());
        };
        let below = match &range.start {
            Bound::Unbounded => Totals::default(),
            Bound::Included(key) => self.totals_below(root, key, false).await?,
            Bound::Excluded(key) => self.totals_below(root, key, true).await?,
        };
        let up_to = match &range.end {
            Bound::Unbounded => root.totals(),
            Bound::Included(key) => self.totals_below(root, key, true).await?,
            Bound::Excluded(key) => self.totals_below(root, key, false).await?,
        };
        // a range that ends before it starts has nothing in it
        Ok(if up_to.count < below.count {
            Totals::default()
        } else {
            up_to - below
        })
    }

    /// Returns the sums over all keys below `key`, and `key` itself if `inclusive`.
    async fn totals_below(&self, root: Root, key: &[u8], inclusive: bool) -> Result<Totals> {
        let mut node = self.blocks.node(&root.link, root.height).await?;
        let mut sum = Totals::default();
        loop {
            let index = node.lower_bound(key);
            let at_key = inclusive && node.level() == 0 && index < node.len() && node.key(index) == key;
            sum = sum + node.totals_below(index + usize::from(at_key));
            if node.level() == 0 || index == node.len() {
                return Ok(sum);
            }
            node = path::open_child(&self.blocks, &node, index).await?;
        }
    }

    /// Returns the root of the tree after `edits`, which are sorted by key and name each key once; its nodes
    /// are stored. Before the edits, all keys are removed that begin with one of `prefixes`.
    ///
    /// New nodes lie in the folder of `epoch`. What the edits do not touch is neither read nor written, and
    /// the root is that of a tree built from scratch.
    ///
    /// # Errors
    /// As [`Tree::plan`], and [`Error::NoSpace`].
    pub async fn edit(&self, epoch: u32, edits: Vec<Edit>, prefixes: Vec<Bytes>) -> Result<Option<Root>> {
        let planned = self.plan(epoch, edits, prefixes).await?;
        self.blocks.put_all(planned.frames).await?;
        Ok(planned.root)
    }
}
