//! How the task of a branch has folds and moves of the head take effect.

use std::sync::Arc;

use super::Actor;
use super::background::Background;
use super::state::{Prepared, State, replay};
use crate::refs::{Cas, HeadMove};
use crate::{Error, Result, Roots};

impl Actor {
    /// Records that the operations up to `to.folded_seq` are in its trees and moves the head. `from` is the
    /// state on which the move was prepared; operations that came since stay staged on the new head.
    pub(crate) async fn move_head(&mut self, from: &Prepared, to: HeadMove, head_roots: Roots) -> Result<()> {
        let mut expected = from.state.expected(from.epoch);
        if !to.rebased {
            expected.seq = self.state().record.seq;
        }
        match self
            .core
            .refs
            .move_head(self.core.id, &self.name, &expected, &to)
            .await?
        {
            Cas::Done => {}
            Cas::Lost(found) => {
                let found = found.map_or(expected.head, |record| record.head);
                self.reload().await?;
                return Err(Error::HeadMoved {
                    branch: self.name.clone(),
                    expected: expected.head,
                    found,
                });
            }
        }
        let mut next = State::clone(&self.state());
        next.record.head = to.head;
        next.record.staged = to.staged;
        next.record.generation += 1;
        next.record.base_generation += u64::from(to.rebased);
        next.head_roots = head_roots;
        self.folded(next, to.folded_seq);
        Ok(())
    }

    /// Records that the operations of the prepared state are in the trees `staged`.
    pub(crate) async fn fold(&mut self, from: &Prepared, staged: Roots) -> Result<()> {
        let expected = from.state.expected(from.epoch);
        let folded_seq = from.state.record.seq;
        match self
            .core
            .refs
            .fold(self.core.id, &self.name, &expected, &staged, folded_seq)
            .await?
        {
            Cas::Done => {
                let mut next = State::clone(&self.state());
                next.record.staged = Some(staged);
                self.folded(next, folded_seq);
                Ok(())
            }
            Cas::Lost(_) => self.reload().await,
        }
    }

    fn folded(&mut self, mut next: State, folded_seq: u64) {
        next.record.folded_seq = folded_seq;
        self.pending.retain(|transaction| transaction.seq > folded_seq);
        next.overlay = replay(&self.pending);
        if !next.has_staged() {
            self.background = Background::default();
        }
        self.publish.send_replace(Arc::new(next));
    }
}
