//! Entries of the commit index, read in bulk before a walk comes to them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::core::Core;
use crate::refs::CommitEntry;
use crate::{CommitId, Result};

/// How many entries are read at once when a history turns out not to be in memory; twice as many each time.
const ENTRIES_MIN: usize = 16;
const ENTRIES_MAX: usize = 16_384;

/// Entries of the commit index that a walk towards the roots has read before it came to them.
///
/// They are the walk's own: the shared memory for entries does not take a history that is longer than it, and those of
/// a long walk are hardly ever asked for again.
#[derive(Debug, Default)]
pub(super) struct ReadAhead {
    limit: usize,
    /// Of the generations below the commit that missed its parents. A walk goes down, so those of another miss come in
    /// their place.
    entries: HashMap<CommitId, Arc<CommitEntry>>,
}

impl ReadAhead {
    /// Returns the entries of the parents of `entry`. Where they are neither in memory nor among those that were read
    /// ahead, those of the generations below come with them, more each time.
    pub(super) async fn parents(
        &mut self,
        core: &Core,
        entry: &CommitEntry,
    ) -> Result<Vec<Arc<CommitEntry>>> {
        let mut parents = Vec::with_capacity(entry.parents.len());
        for id in &entry.parents {
            if self.known(core, id).is_none() {
                self.read_below(core, entry.generation).await?;
            }
            parents.push(match self.known(core, id) {
                Some(known) => known,
                None => core.entry(*id).await?,
            });
        }
        Ok(parents)
    }

    fn known(&self, core: &Core, id: &CommitId) -> Option<Arc<CommitEntry>> {
        self.entries.get(id).cloned().or_else(|| core.known_entry(id))
    }

    async fn read_below(&mut self, core: &Core, generation: u64) -> Result<()> {
        self.limit = (2 * self.limit).clamp(ENTRIES_MIN, ENTRIES_MAX);
        let below = core
            .refs
            .commits_up_to(core.id, generation.saturating_sub(1), self.limit)
            .await?;
        let below = below.into_iter().map(|entry| (entry.id, Arc::new(entry)));
        self.entries = below.collect();
        if self.limit < ENTRIES_MAX {
            self.entries
                .values()
                .for_each(|entry| core.remember(entry.clone()));
        }
        Ok(())
    }
}
