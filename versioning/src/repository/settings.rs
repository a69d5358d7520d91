//! What a store is made of, and its figures.

use std::sync::Arc;

use crate::events::Retention;
use crate::refs::RefStore;
use crate::store::Files;
use crate::{Clock, Ids};

/// Tells which paths of [`Space::Objects`] are staged but never committed: the working files of jobs.
pub type Ephemeral = fn(&[u8]) -> bool;

/// What the store is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    pub refs: Arc<dyn RefStore>,
    pub files: Arc<dyn Files>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub ephemeral: Ephemeral,
}

/// When staged operations are folded into trees, and how much is kept in memory.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Fold when this many changed keys are in memory.
    pub fold_ops: usize,
    /// Fold when this many prefix deletions are in memory.
    pub fold_prefixes: usize,
    /// The most bytes of one write, which is refused above: a row of the ref store has to hold it.
    pub write_bytes_max: usize,
    /// How many bytes of writes that wait together go into one transaction, unless one alone has more.
    pub group_bytes_max: usize,
    /// How many changes of writes that wait together go into one transaction, unless one alone has more.
    pub group_changes_max: usize,
    /// The cache of nodes and blobs, shared by all repositories.
    pub cache_bytes: u64,
    /// `coalesce`: commit after this pause without writes…
    pub coalesce_idle_ms: u64,
    /// …or when the oldest uncommitted write is this old…
    pub coalesce_age_ms: u64,
    /// …or when there are this many.
    pub coalesce_ops: u64,
    /// How many events are kept of each branch.
    pub events: Retention,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            fold_ops: 10_000,
            fold_prefixes: 64,
            // SQLite keeps up to 10^9 bytes in a value
            write_bytes_max: 512 << 20,
            group_bytes_max: 16 << 20,
            group_changes_max: 50_000,
            cache_bytes: 512 << 20,
            coalesce_idle_ms: 2_000,
            coalesce_age_ms: 30_000,
            coalesce_ops: 10_000,
            events: Retention::default(),
        }
    }
}
