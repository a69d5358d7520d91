//! Blocks: nodes, blobs and commits, stored by their hash and never changed.
//!
//! A block lies at `n/<epoch>/<first two digits>/<hash>` (`b/` for blobs, `c/` for commits) below the prefix
//! of its repository. A node whose links lead elsewhere than those of its twin has `-<variant>` behind it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use xxhash_rust::xxh3::xxh3_64;

use super::{Block, Cache, Files, frame};
use crate::id::Domain;
use crate::tree::{Link, Node};
use crate::{BlobRef, CommitId, Error, Hash, Result};

/// The largest block, before compression.
pub const BLOCK_BYTES_MAX: u64 = 64 << 20;
/// How many blocks are written at once.
const WRITES_MAX: usize = 64;
/// How many blocks are read at once, when it is known beforehand which.
const READS_MAX: usize = 64;

/// The blocks of one repository.
#[derive(Debug)]
pub struct Blocks {
    files: Arc<dyn Files>,
    prefix: String,
    cache: Cache,
    stats: [AtomicCounts; 3],
}

/// A block that is ready to be written.
#[derive(Clone)]
pub struct Frame {
    /// Where the block will be.
    pub link: Link,
    domain: Domain,
    path: String,
    stored: Bytes,
    /// What the cache keeps once the block is written.
    content: Option<Content>,
}

#[derive(Clone)]
enum Content {
    Node(Arc<Node>),
    Blob(Bytes),
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({}, {} bytes)", self.path, self.stored.len())
    }
}

/// How many blocks of each kind went to and came from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    pub nodes: Counts,
    pub blobs: Counts,
    pub commits: Counts,
}

/// How many blocks of one kind, and stored bytes, went to and came from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub reads: u64,
    pub bytes_read: u64,
    pub writes: u64,
    pub bytes_written: u64,
}

#[derive(Debug, Default)]
struct AtomicCounts {
    reads: AtomicU64,
    bytes_read: AtomicU64,
    writes: AtomicU64,
    bytes_written: AtomicU64,
}

impl Blocks {
    /// Returns the blocks below `prefix`, which is empty or ends with a slash.
    pub fn new(files: Arc<dyn Files>, prefix: impl Into<String>, cache: Cache) -> Blocks {
        Blocks {
            files,
            prefix: prefix.into(),
            cache,
            stats: Default::default(),
        }
    }

    /// Returns how much was read and written so far.
    pub fn stats(&self) -> Stats {
        let [nodes, blobs, commits] = self.stats.each_ref().map(AtomicCounts::get);
        Stats {
            nodes,
            blobs,
            commits,
        }
    }

    /// Returns the same blocks, each of which is read from the store and verified whenever it is asked for.
    pub fn uncached(&self) -> Blocks {
        Blocks::new(self.files.clone(), self.prefix.clone(), Cache::none())
    }

    /// Returns the cache.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Returns a block that is ready to be written into `epoch`: `hashed` is what it is, `physical` what it
    /// knows of the places of other blocks.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn frame(&self, domain: Domain, epoch: u32, hashed: &[u8], physical: &[u8]) -> Result<Frame> {
        if (hashed.len() + physical.len()) as u64 > BLOCK_BYTES_MAX {
            return Err(Error::TooLarge {
                what: name(domain),
                limit: BLOCK_BYTES_MAX,
            });
        }
        let stored = Bytes::from(frame::encode(hashed, physical));
        let link = Link {
            hash: Hash::of(domain, hashed),
            epoch,
            variant: variant(domain, physical),
            // a frame is at most its content and a few bytes
            stored_len: u32::try_from(stored.len()).unwrap_or(u32::MAX),
        };
        Ok(Frame {
            link,
            domain,
            path: self.path(domain, &link),
            stored,
            content: None,
        })
    }

    /// Returns a blob that is ready to be written.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn blob_frame(&self, epoch: u32, bytes: &Bytes) -> Result<Frame> {
        let frame = self.frame(Domain::Blob, epoch, bytes, &[])?;
        Ok(Frame {
            content: Some(Content::Blob(bytes.clone())),
            ..frame
        })
    }

    /// Writes all blocks at once; when it returns, all are durable.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::NoSpace`]; some blocks may be there then, which does no harm.
    pub async fn put_all(&self, frames: impl IntoIterator<Item = Frame>) -> Result<()> {
        let writes = frames.into_iter().map(|frame| self.put(frame));
        stream::iter(writes)
            .buffer_unordered(WRITES_MAX)
            .try_collect()
            .await
    }

    async fn put(&self, frame: Frame) -> Result<()> {
        let len = frame.stored.len() as u64;
        self.files.put(&frame.path, frame.stored).await?;
        self.counts(frame.domain).written(len);
        match frame.content {
            Some(Content::Node(node)) => {
                let key = (frame.link.hash, frame.link.variant);
                self.cache.keep_node(key, node).await;
            }
            Some(Content::Blob(blob)) => self.cache.keep_blob(frame.link.hash, blob).await,
            None => {}
        }
        Ok(())
    }

    /// Stores a blob.
    ///
    /// # Errors
    /// As [`Blocks::put_all`], and [`Error::TooLarge`].
    pub async fn put_blob(&self, epoch: u32, bytes: &Bytes) -> Result<BlobRef> {
        let frame = self.blob_frame(epoch, bytes)?;
        let blob = frame.blob();
        self.put(frame).await?;
        Ok(blob)
    }

    /// Returns the content of a blob.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is missing or damaged, [`Error::Storage`].
    pub async fn blob(&self, blob: &BlobRef) -> Result<Bytes> {
        let link = Link {
            epoch: blob.epoch,
            ..Link::unplaced(blob.hash)
        };
        let load = async { Ok(self.read(Domain::Blob, &link).await?.hashed) };
        self.cache.blob(blob.hash, load).await
    }

    /// Reads the block of a commit, past the cache.
    ///
    /// # Errors
    /// As [`Blocks::blob`].
    pub async fn commit(&self, id: CommitId, epoch: u32) -> Result<Block> {
        self.read(
            Domain::Commit,
            &Link {
                epoch,
                ..Link::unplaced(id.0)
            },
        )
        .await
    }

    /// Returns the node behind `link`, which has to be of `level`.
    pub(crate) async fn node(&self, link: &Link, level: u8) -> Result<Arc<Node>> {
        let load = async {
            let block = self.read(Domain::Node, link).await?;
            let node = Node::decode(&block.hashed, &block.physical);
            let node = node.map_err(|error| self.corrupt(Domain::Node, link, error))?;
            if node.level() != level {
                let message = format!("it is of level {} in place of {level}", node.level());
                return Err(self.corrupt(Domain::Node, link, message));
            }
            Ok(Arc::new(node))
        };
        self.cache.node((link.hash, link.variant), level, load).await
    }

    /// Loads leaves into the cache, many at once.
    pub(crate) async fn load_leaves(&self, leaves: Vec<Link>) -> Result<()> {
        let load = async |leaf: Link| self.node(&leaf, 0).await.map(drop);
        stream::iter(leaves.into_iter().map(load))
            .buffer_unordered(READS_MAX)
            .try_collect()
            .await
    }

    /// Reads a block from the store and verifies it.
    async fn read(&self, domain: Domain, link: &Link) -> Result<Block> {
        let stored = match self.files.get(&self.path(domain, link)).await {
            Err(Error::NotFound { .. }) => return Err(self.corrupt(domain, link, "it is missing")),
            stored => stored?,
        };
        self.counts(domain).read(stored.len() as u64);
        let block = frame::decode(&stored).map_err(|error| self.corrupt(domain, link, error))?;
        if Hash::of(domain, &block.hashed) != link.hash {
            return Err(self.corrupt(domain, link, "its content does not match its hash"));
        }
        if variant(domain, &block.physical) != link.variant {
            return Err(self.corrupt(domain, link, "its links do not match its variant"));
        }
        Ok(block)
    }

    fn path(&self, domain: Domain, link: &Link) -> String {
        let kind = match domain {
            Domain::Node => 'n',
            Domain::Blob => 'b',
            Domain::Commit => 'c',
        };
        let Link {
            hash, epoch, variant, ..
        } = link;
        let suffix = if *variant == 0 {
            String::new()
        } else {
            format!("-{variant:08x}")
        };
        format!(
            "{}{kind}/{epoch:08x}/{:02x}/{hash}{suffix}",
            self.prefix, hash.0[0]
        )
    }

    pub(crate) fn corrupt(&self, domain: Domain, link: &Link, message: impl fmt::Display) -> Error {
        let message = format!("{message} ({})", self.path(domain, link));
        Error::Corrupt {
            what: name(domain),
            key: link.hash.to_string(),
            message,
        }
    }

    fn counts(&self, domain: Domain) -> &AtomicCounts {
        &self.stats[domain as usize]
    }
}

impl Frame {
    /// Returns the block as a reference to a blob.
    pub fn blob(&self) -> BlobRef {
        BlobRef {
            hash: self.link.hash,
            epoch: self.link.epoch,
        }
    }

    /// Returns the number of stored bytes.
    pub fn stored_len(&self) -> usize {
        self.stored.len()
    }

    /// Returns the node that the cache will keep, if there is one.
    pub(crate) fn node(&self) -> Option<&Arc<Node>> {
        match &self.content {
            Some(Content::Node(node)) => Some(node),
            Some(Content::Blob(_)) | None => None,
        }
    }

    /// Gives the cache something to keep when the frame is written.
    pub(crate) fn keeping(self, node: Arc<Node>) -> Frame {
        Frame {
            content: Some(Content::Node(node)),
            ..self
        }
    }
}

impl AtomicCounts {
    fn get(&self) -> Counts {
        Counts {
            reads: self.reads.load(Relaxed),
            bytes_read: self.bytes_read.load(Relaxed),
            writes: self.writes.load(Relaxed),
            bytes_written: self.bytes_written.load(Relaxed),
        }
    }

    fn read(&self, bytes: u64) {
        self.reads.fetch_add(1, Relaxed);
        self.bytes_read.fetch_add(bytes, Relaxed);
    }

    fn written(&self, bytes: u64) {
        self.writes.fetch_add(1, Relaxed);
        self.bytes_written.fetch_add(bytes, Relaxed);
    }
}

/// Only nodes can come with differing links: a commit is one of its kind, and a blob has none.
fn variant(domain: Domain, physical: &[u8]) -> u32 {
    if domain != Domain::Node || physical.is_empty() {
        0
    } else {
        xxh3_64(physical) as u32
    }
}

fn name(domain: Domain) -> &'static str {
    match domain {
        Domain::Node => "node",
        Domain::Blob => "blob",
        Domain::Commit => "commit",
    }
}
