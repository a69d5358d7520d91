//! Dry runs: what a merge would do, found out without changing any ref, and with nothing stored.

use super::carry::Carried;
use super::{Merge, MergeOutcome, Resolver, Sides};
use crate::overlay::Overlay;
use crate::refs::CommitMode;
use crate::{CommitId, Result, Roots};

impl<R: Resolver> Merge<'_, R> {
    /// Merges what both sides would be once the server committed what it is yet to commit, and keeps nothing.
    pub(super) async fn rehearse(&self) -> Result<MergeOutcome<R::Conflict>> {
        let state = self.branch.state();
        let head = state.record.head;
        let base = self.base(head).await?;
        if self.incoming.ahead.is_none() && self.brings_nothing(base) {
            return Ok(MergeOutcome::UpToDate(head));
        }
        let keeps_staged = state.record.mode == CommitMode::Staged;
        let ours = match keeps_staged {
            true => state.head_roots,
            false => self.core.would_commit(&state).await?,
        };
        let sides = self.sides_with(base, head, ours).await?;
        let resolution = self.resolver.resolve(&sides).await?;
        self.journal.warn(resolution.warnings);
        if !resolution.conflicts.is_empty() {
            self.check_news(head).await?;
            return Ok(MergeOutcome::Conflicts(resolution.conflicts));
        }
        let (is_remembered, has_staged) = (
            self.incoming.second_parent.is_some(),
            keeps_staged && state.has_staged(),
        );
        if is_remembered && !has_staged {
            return Ok(MergeOutcome::Clean);
        }
        let epoch = self.core.epoch().await?;
        let mut patch = Overlay::default();
        patch.apply(&resolution.patch, epoch);
        let merged = self.core.fold(&ours, &patch, epoch).await?;
        if !is_remembered && merged == ours {
            return Ok(MergeOutcome::UpToDate(head));
        }
        self.check_news(head).await?;
        match has_staged && matches!(self.carry(&state, &merged).await?, Carried::Contested) {
            true => Err(self.dirty()),
            false => Ok(MergeOutcome::Clean),
        }
    }

    /// Returns the three versions, where ours is `roots` over `head`.
    async fn sides_with(&self, base: CommitId, head: CommitId, roots: Roots) -> Result<Sides> {
        let theirs = self.core.view_at(self.incoming.theirs).await?;
        Ok(Sides {
            base: self.core.view_at(base).await?,
            ours: self.core.view_at(head).await?.settled(roots),
            theirs: match self.incoming.ahead {
                Some(ahead) => theirs.settled(ahead),
                None => theirs,
            },
        })
    }
}
