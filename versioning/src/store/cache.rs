//! What was read stays in memory: decoded nodes and blobs, by hash.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;

use crate::tree::Node;
use crate::{Error, Hash, Result};

/// The default size of a cache: one million partitions, and the internal nodes of ten million objects.
pub const CACHE_BYTES_DEFAULT: u64 = 512 << 20;

/// What tells decoded nodes apart: the hash for the content, the variant for the places of the children.
type NodeKey = (Hash, u32);

/// Decoded nodes and blobs. Clones share their content; one cache serves all repositories of a process.
///
/// Internal nodes, leaves and blobs do not compete for room, so that a scan over leaves never pushes out the
/// internal nodes, on which everything depends.
#[derive(Debug, Clone)]
pub struct Cache {
    internal: moka::future::Cache<NodeKey, Arc<Node>>,
    leaves: moka::future::Cache<NodeKey, Arc<Node>>,
    blobs: moka::future::Cache<Hash, Bytes>,
    /// Whether anything is kept at all.
    keeps: bool,
}

impl Cache {
    /// Returns an empty cache of `bytes`: a quarter for internal nodes, a quarter for blobs, half for leaves.
    pub fn new(bytes: u64) -> Cache {
        let nodes = |bytes| {
            moka::future::Cache::builder()
                .max_capacity(bytes)
                .weigher(|_, node: &Arc<Node>| weight(node.memory_bytes()))
                .build()
        };
        let blobs = moka::future::Cache::builder()
            .max_capacity(bytes / 4)
            .weigher(|_, blob: &Bytes| weight(blob.len()))
            .build();
        Cache {
            internal: nodes(bytes / 4),
            leaves: nodes(bytes / 2),
            blobs,
            keeps: true,
        }
    }

    /// Returns a cache that keeps nothing, for looking at what is really stored.
    pub fn none() -> Cache {
        Cache {
            keeps: false,
            ..Cache::new(0)
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.internal.invalidate_all();
        self.leaves.invalidate_all();
        self.blobs.invalidate_all();
    }

    /// Returns a node of `level`; many who ask at once share one `load`.
    pub(crate) async fn node(
        &self,
        key: NodeKey,
        level: u8,
        load: impl Future<Output = Result<Arc<Node>>>,
    ) -> Result<Arc<Node>> {
        if !self.keeps {
            return load.await;
        }
        let nodes = self.nodes(level);
        // a look alone is much cheaper than getting ready to load
        match nodes.get(&key).await {
            Some(node) => Ok(node),
            None => nodes.try_get_with(key, load).await.map_err(unshared),
        }
    }

    /// Keeps a node.
    pub(crate) async fn keep_node(&self, key: NodeKey, node: Arc<Node>) {
        if self.keeps {
            self.nodes(node.level()).insert(key, node).await;
        }
    }

    /// Returns a blob; many who ask at once share one `load`.
    pub(super) async fn blob(&self, hash: Hash, load: impl Future<Output = Result<Bytes>>) -> Result<Bytes> {
        if !self.keeps {
            return load.await;
        }
        self.blobs.try_get_with(hash, load).await.map_err(unshared)
    }

    /// Keeps a blob.
    pub(super) async fn keep_blob(&self, hash: Hash, blob: Bytes) {
        if self.keeps {
            self.blobs.insert(hash, blob).await;
        }
    }

    fn nodes(&self, level: u8) -> &moka::future::Cache<NodeKey, Arc<Node>> {
        if level == 0 { &self.leaves } else { &self.internal }
    }
}

impl Default for Cache {
    fn default() -> Cache {
        Cache::new(CACHE_BYTES_DEFAULT)
    }
}

/// Bytes in memory, with what the cache itself needs per entry.
fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes.saturating_add(200)).unwrap_or(u32::MAX)
}

fn unshared(error: Arc<Error>) -> Error {
    Arc::unwrap_or_clone(error)
}
