//! What is done to refs under the eyes of a guard.

use super::{CommitMessage, Repository, TRIES_MAX};
use crate::branch::Branch;
use crate::commit::CommitKind;
use crate::guard::{RefEvent, Ticket};
use crate::{CommitId, Error, Result};

/// An event that somebody watches.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) event: RefEvent,
    ticket: Ticket,
}

impl Repository {
    /// Returns whether a guard watches such events.
    pub(super) async fn is_watched(&self, event: &RefEvent) -> Result<bool> {
        match self.inner.core.guard.as_ref() {
            Some(guard) => guard.watches(self, event).await,
            None => Ok(false),
        }
    }

    /// Asks the guard, if there is one and it watches such events.
    pub(super) async fn before(&self, event: RefEvent) -> Result<Option<Watched>> {
        match self.inner.core.guard.as_ref() {
            Some(guard) if guard.watches(self, &event).await? => {
                let ticket = guard.before(self, &event).await?;
                Ok(Some(Watched { event, ticket }))
            }
            _ => Ok(None),
        }
    }

    /// Tells the guard how an event ended: `commit` is what the ref is at, if it is done and that is new.
    pub(super) async fn after(&self, watched: Option<Watched>, done: bool, commit: Option<CommitId>) {
        let (Some(guard), Some(watched)) = (self.inner.core.guard.as_ref(), watched) else {
            return;
        };
        let Watched { mut event, ticket } = watched;
        if done {
            event.commit = commit.or(event.commit);
            guard.after(self, &event, ticket).await;
        } else {
            guard.undone(self, ticket).await;
        }
    }

    /// Does something to a ref under the eyes of the guard.
    pub(super) async fn guarded<T>(
        &self,
        event: RefEvent,
        work: impl Future<Output = Result<T>> + Send,
        commit: impl FnOnce(&T) -> Option<CommitId> + Send,
    ) -> Result<T> {
        let watched = self.before(event).await?;
        let done = work.await;
        let at = done.as_ref().ok().and_then(commit);
        self.after(watched, done.is_ok(), at).await;
        done
    }

    /// Commits what the guard lets pass: each candidate is judged without any lock, and becomes the head only if
    /// nothing but writes came between.
    pub(super) async fn commit_guarded(
        &self,
        branch: &Branch,
        words: CommitMessage,
        event: RefEvent,
    ) -> Result<CommitId> {
        for nth in 1..=TRIES_MAX {
            self.check_committable(branch)?;
            let rules = branch.state().record.rules_generation;
            let mut prepared = self
                .core()
                .commit_candidate(branch, &branch.lane, CommitKind::Normal, words.clone())
                .await?;
            prepared.to.rules = Some(rules);
            self.core()
                .refs
                .index_commits(self.core().id, &prepared.to.index)
                .await?;
            let event = RefEvent {
                head: Some(prepared.from.state.record.head),
                commit: Some(prepared.to.head),
                ..event.clone()
            };
            let watched = self.before(event).await?;
            branch.give_way(self.core()).await;
            let _heads = branch.heads.lock().await;
            let id = prepared.to.head;
            let moved = self.core().land_commit(&branch.lane, prepared).await;
            self.after(watched, moved.is_ok(), Some(id)).await;
            match moved {
                Err(Error::HeadMoved { .. }) if nth < TRIES_MAX => {}
                moved => return moved.map(|()| id),
            }
        }
        Err(Error::Internal("a commit was tried no time".into()))
    }
}
