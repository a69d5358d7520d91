//! Walks over the commit graph: ancestors, logs and merge bases.

use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use crate::commit::Commit;
use crate::core::Core;
use crate::{CommitId, Error, Result};

const OURS: u8 = 1;
const THEIRS: u8 = 2;

impl Core {
    /// Returns the `back`-th first parent of a commit, by the commits' skips.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the history is shorter.
    pub(crate) async fn ancestor(&self, from: CommitId, back: u32) -> Result<CommitId> {
        let (mut at, mut left) = (from, back);
        while left > 0 {
            let commit = self.commit(at).await?;
            // skips[k] is 2^(k+1) back
            let longest = left.ilog2().min(commit.skips.len() as u32);
            let (next, step) = match longest {
                0 => (commit.parents.first(), 1),
                k => (commit.skips.get(k as usize - 1), 1 << k),
            };
            at = *next.ok_or_else(|| Error::NotFound {
                what: "ref",
                name: format!("{from}~{back}"),
            })?;
            left -= step;
        }
        Ok(at)
    }

    /// Returns up to `limit` commits, from `from` backwards along first parents.
    pub(crate) async fn log(&self, from: CommitId, limit: usize) -> Result<Vec<(CommitId, Arc<Commit>)>> {
        let mut log = Vec::new();
        let mut at = Some(from);
        while let Some(id) = at
            && log.len() < limit
        {
            let commit = self.commit(id).await?;
            at = commit.parents.first().copied();
            log.push((id, commit));
        }
        Ok(log)
    }

    /// Returns the best common ancestor: that of the greatest generation, and of these the one with the
    /// greatest id, so that every server gives the same answer.
    pub(crate) async fn merge_base(&self, ours: CommitId, theirs: CommitId) -> Result<Option<CommitId>> {
        let mut seen: HashMap<CommitId, u8> = HashMap::new();
        let mut queue = BinaryHeap::new();
        let mut read_ahead = 0;
        for (id, side) in [(ours, OURS), (theirs, THEIRS)] {
            *seen.entry(id).or_default() |= side;
            queue.push((self.entry(id).await?.generation, id));
        }
        // parents have smaller generations, so a commit's sides are complete when it is taken
        while let Some((_, id)) = queue.pop() {
            let sides = seen.get(&id).copied().unwrap_or_default();
            if sides == OURS | THEIRS {
                return Ok(Some(id));
            }
            let entry = self.entry(id).await?;
            for parent in self.parents(&entry, &mut read_ahead).await? {
                let known = seen.entry(parent.id).or_default();
                if *known == 0 {
                    queue.push((parent.generation, parent.id));
                }
                *known |= sides;
            }
        }
        Ok(None)
    }
}
