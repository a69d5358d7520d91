//! Walks over the commit graph: ancestors, logs and merge bases.

use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use crate::commit::Commit;
use crate::core::{Core, ReadAhead};
use crate::refs::CommitEntry;
use crate::{CommitId, Error, Result};

const OURS: u8 = 1;
const THEIRS: u8 = 2;

/// The commits that a walk towards the roots has reached and not looked at yet, and from which sides.
#[derive(Default)]
struct Frontier {
    queue: BinaryHeap<(u64, CommitId)>,
    reached: HashMap<CommitId, (Arc<CommitEntry>, u8)>,
}

impl Frontier {
    fn reach(&mut self, entry: Arc<CommitEntry>, sides: u8) {
        let place = (entry.generation, entry.id);
        let reached = self.reached.entry(entry.id).or_insert_with(|| {
            self.queue.push(place);
            (entry, 0)
        });
        reached.1 |= sides;
    }

    /// Takes the commit of the greatest generation. Parents have smaller ones, so its sides are complete, and it is not
    /// reached again.
    fn pop(&mut self) -> Option<(Arc<CommitEntry>, u8)> {
        let (_, id) = self.queue.pop()?;
        self.reached.remove(&id)
    }
}

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

    /// Returns whether `head` has a commit in its history, or is it.
    pub(crate) async fn has(&self, head: CommitId, commit: CommitId) -> Result<bool> {
        Ok(self.merge_base(head, commit).await? == Some(commit))
    }

    /// Returns the best common ancestor: that of the greatest generation, and of these the one with the
    /// greatest id, so that every server gives the same answer.
    pub(crate) async fn merge_base(&self, ours: CommitId, theirs: CommitId) -> Result<Option<CommitId>> {
        let (mut frontier, mut ahead) = (Frontier::default(), ReadAhead::default());
        for (id, side) in [(ours, OURS), (theirs, THEIRS)] {
            frontier.reach(self.entry(id).await?, side);
        }
        while let Some((entry, sides)) = frontier.pop() {
            if sides == OURS | THEIRS {
                return Ok(Some(entry.id));
            }
            for parent in self.parents(&entry, &mut ahead).await? {
                frontier.reach(parent, sides);
            }
        }
        Ok(None)
    }
}
