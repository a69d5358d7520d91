//! How the task of a branch has folds and moves of the head take effect.

use super::Actor;
use super::state::{Prepared, State, replay};
use crate::refs::{Cas, HeadMove};
use crate::{Error, Result, Roots};

impl Actor {
    /// Records that the operations up to `to.folded_seq` are in its trees and moves the head. `from` is the
    /// state on which the move was prepared; operations that came since stay staged on the new head.
    pub(crate) async fn move_head(&mut self, from: &Prepared, to: HeadMove, head_roots: Roots) -> Result<()> {
        self.refresh().await?;
        let write = self.fresh_write();
        let mut expected = from.state.expected(from.epoch, write);
        let known = self.state();
        if !to.rebased {
            expected.seq = known.record.seq;
        } else if known.record.seq > expected.seq {
            return Err(Error::HeadMoved {
                branch: self.name.clone(),
                expected: expected.head,
                found: known.record.head,
            });
        }
        let cas = self
            .core
            .refs
            .move_head(self.core.id, &self.name, &expected, &to)
            .await;
        match cas {
            Ok(Cas::Done) => {}
            Err(error) => return self.find_out(write, error).await,
            Ok(Cas::Lost(found)) => {
                let found = found.map_or(expected.head, |record| record.head);
                self.reload().await?;
                return Err(Error::HeadMoved {
                    branch: self.name.clone(),
                    expected: expected.head,
                    found,
                });
            }
        }
        self.core.events_told(expected.incarnation, &to.events);
        let mut next = State::clone(&self.state());
        next.record.head = to.head;
        next.record.staged = to.staged;
        next.record.generation += 1;
        next.record.base_generation += u64::from(to.rebased);
        next.record.sealed_seq = to.folded_seq;
        next.record.touched_us = to.time_us;
        next.record.remember(write);
        next.head_roots = head_roots;
        self.folded(next, to.folded_seq);
        Ok(())
    }

    /// Records that the operations of the prepared state are in the trees `staged`.
    pub(crate) async fn fold(&mut self, from: &Prepared, staged: Roots) -> Result<()> {
        self.refresh().await?;
        let write = self.fresh_write();
        let expected = from.state.expected(from.epoch, write);
        let folded_seq = from.state.record.seq;
        let cas = self
            .core
            .refs
            .fold(self.core.id, &self.name, &expected, &staged, folded_seq)
            .await;
        match cas {
            Ok(Cas::Done) => {
                let mut next = State::clone(&self.state());
                next.record.staged = Some(staged);
                next.record.remember(write);
                self.folded(next, folded_seq);
                Ok(())
            }
            Ok(Cas::Lost(_)) => self.reload().await,
            Err(error) => self.find_out(write, error).await,
        }
    }

    fn folded(&mut self, mut next: State, folded_seq: u64) {
        next.record.folded_seq = folded_seq;
        self.pending.retain(|transaction| transaction.seq > folded_seq);
        next.overlay = replay(&self.pending);
        self.publish_state(next);
    }
}
