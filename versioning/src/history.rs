//! Walks over the commit graph: ancestors, logs and merge bases.

mod read_ahead;
mod short_side;

use std::collections::{BinaryHeap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use self::read_ahead::ReadAhead;
use crate::commit::Commit;
use crate::core::Core;
use crate::refs::CommitEntry;
use crate::{CommitId, Error, Result};

const OURS: u8 = 1;
const THEIRS: u8 = 2;
/// How many commits of both histories are looked at before the search goes another way.
const NEAR: usize = 256;

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
    /// greatest id, so that every server gives the same answer. Costs follow the shorter of the two histories.
    pub(crate) async fn merge_base(&self, ours: CommitId, theirs: CommitId) -> Result<Option<CommitId>> {
        let ends = [self.entry(ours).await?, self.entry(theirs).await?];
        let mut walk = Walk::from(&ends);
        if let ControlFlow::Break(base) = walk.go(self, NEAR).await? {
            return Ok(base);
        }
        if let ControlFlow::Break(base) = short_side::merge_base(self, &ends).await? {
            return Ok(base);
        }
        match walk.go(self, usize::MAX).await? {
            ControlFlow::Break(base) => Ok(base),
            ControlFlow::Continue(()) => Ok(None),
        }
    }
}

/// A walk down two histories, to the first commit that both have.
struct Walk {
    frontier: Frontier,
    ahead: ReadAhead,
}

impl Walk {
    fn from([ours, theirs]: &[Arc<CommitEntry>; 2]) -> Walk {
        let mut frontier = Frontier::default();
        frontier.reach(ours.clone(), OURS);
        frontier.reach(theirs.clone(), THEIRS);
        Walk {
            frontier,
            ahead: ReadAhead::default(),
        }
    }

    /// Looks at up to `commits` more; `Continue` if these did not tell.
    async fn go(&mut self, core: &Core, commits: usize) -> Result<ControlFlow<Option<CommitId>>> {
        for _ in 0..commits {
            let Some((entry, sides)) = self.frontier.pop() else {
                return Ok(ControlFlow::Break(None));
            };
            if sides == OURS | THEIRS {
                return Ok(ControlFlow::Break(Some(entry.id)));
            }
            for parent in self.ahead.parents(core, &entry).await? {
                self.frontier.reach(parent, sides);
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
