//! Dry runs: what a merge would do, found out without changing any ref.

use super::{Merge, MergeOutcome, Resolver, Sides};
use crate::refs::CommitMode;
use crate::{CommitId, Result, Roots};

impl<R: Resolver> Merge<'_, R> {
    /// Merges what both sides would be once the server committed what it is yet to commit, and keeps nothing.
    pub(super) async fn rehearse(self) -> Result<MergeOutcome<R::Conflict>> {
        let state = self.branch.state();
        let head = state.record.head;
        if self.incoming.ahead.is_none() && self.is_there(head).await? {
            return Ok(MergeOutcome::UpToDate(head));
        }
        let ours = self.core.would_commit(&state).await?;
        if state.record.mode == CommitMode::Staged && ours != state.head_roots {
            return Err(self.dirty());
        }
        let sides = self.sides_with(head, ours).await?;
        let resolution = self.resolver.resolve(&sides).await?;
        Ok(match resolution.conflicts {
            none if none.is_empty() => MergeOutcome::Clean,
            conflicts => MergeOutcome::Conflicts(conflicts),
        })
    }

    /// Returns the three versions, where ours is `roots` over `head`.
    async fn sides_with(&self, head: CommitId, roots: Roots) -> Result<Sides> {
        let theirs = self.core.view_at(self.incoming.theirs).await?;
        Ok(Sides {
            base: self.core.view_at(self.base(head).await?).await?,
            ours: self.core.view_at(head).await?.settled(roots),
            theirs: match self.incoming.ahead {
                Some(ahead) => theirs.settled(ahead),
                None => theirs,
            },
        })
    }
}
