//! What is staged on the destination while a merge lands there: it is carried over the merged state.

use super::{Merge, Resolver, Sides};
use crate::branch::State;
use crate::overlay::Overlay;
use crate::{Edit, KeyRange, Result, Roots, Space};

/// What became of the staged operations.
pub(super) enum Carried {
    /// There were none.
    Nothing,
    Over(Box<Over>),
    /// They touch what the merge brings, so that both cannot be kept without a decision.
    Contested,
}

/// Staged operations over merged trees.
pub(super) struct Over {
    /// What readers of the branch saw before.
    pub(super) before: Roots,
    /// What they see then: the merged trees, with what is left of the operations.
    pub(super) after: Roots,
}

impl<R: Resolver> Merge<'_, R> {
    /// Puts what `state` has staged over the merged trees `onto`, which stand on the head of `state`: what would
    /// be committed is merged as another side, by the same rules; working files come along as they are.
    pub(super) async fn carry(&self, state: &State, onto: &Roots) -> Result<Carried> {
        if !state.has_staged() {
            return Ok(Carried::Nothing);
        }
        let epoch = self.core.epoch().await?;
        let staged = self.core.fold(&state.base(), &state.overlay, epoch).await?;
        let head = &state.head_roots;
        let committed = self.core.without_ephemeral(head, &staged, epoch).await?;
        let Some(merged) = self.merge_staged(state, &committed, onto, epoch).await? else {
            return Ok(Carried::Contested);
        };
        let after = self
            .with_working_files(&committed, &staged, merged, epoch)
            .await?;
        Ok(Carried::Over(Box::new(Over {
            before: staged,
            after,
        })))
    }

    async fn merge_staged(
        &self,
        state: &State,
        staged: &Roots,
        onto: &Roots,
        epoch: u32,
    ) -> Result<Option<Roots>> {
        if *staged == state.head_roots {
            return Ok(Some(*onto));
        }
        let base = self.core.view_at(state.record.head).await?;
        let sides = Sides {
            ours: base.settled(*onto),
            theirs: base.settled(*staged),
            base,
        };
        let resolution = self.plain.resolve(&sides).await?;
        if !resolution.conflicts.is_empty() {
            return Ok(None);
        }
        let mut patch = Overlay::default();
        patch.apply(&resolution.patch, epoch);
        self.core.fold(onto, &patch, epoch).await.map(Some)
    }

    /// Returns `onto` with the objects by which `staged` differs from `committed`.
    async fn with_working_files(
        &self,
        committed: &Roots,
        staged: &Roots,
        mut onto: Roots,
        epoch: u32,
    ) -> Result<Roots> {
        let objects = |roots| self.core.tree(Space::Objects, roots);
        let mut diff = objects(committed).diff(&objects(staged), &KeyRange::all());
        let mut edits: Vec<Edit> = Vec::new();
        while let Some(change) = diff.next().await? {
            edits.push((change.key, change.after));
        }
        if !edits.is_empty() {
            let root = objects(&onto).edit(epoch, edits, Vec::new()).await?;
            onto.set(Space::Objects, root);
        }
        Ok(onto)
    }
}
