//! When the task of a branch has work started on its own: commits after a pause, and folds.

use std::time::Duration;

use tokio::time::Instant;

use super::Actor;
use crate::refs::CommitMode;

/// How long background work waits after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// When the task has to start work on its own.
#[derive(Debug, Default)]
pub(super) struct Background {
    first_write: Option<Instant>,
    last_write: Option<Instant>,
    not_before: Option<Instant>,
}

impl Actor {
    /// Has the background commit, which failed, tried again after a while.
    pub(crate) fn retry_later(&mut self) {
        self.note_write();
        self.background.not_before = Some(Instant::now() + RETRY_AFTER);
    }

    pub(super) fn note_write(&mut self) {
        let now = Instant::now();
        self.background.first_write.get_or_insert(now);
        self.background.last_write = Some(now);
    }

    /// Returns when the staged operations should become a commit in the background, or, of a branch that could
    /// not be read, when to try again.
    pub(super) fn due(&self) -> Option<Instant> {
        let state = self.state();
        if self.is_stale {
            return self.background.not_before;
        }
        if state.record.mode == CommitMode::Staged || !state.has_staged() {
            return None;
        }
        let limits = &self.core.limits;
        let (first, last) = (self.background.first_write?, self.background.last_write?);
        let idle = last + Duration::from_millis(limits.coalesce_idle_ms);
        let old = first + Duration::from_millis(limits.coalesce_age_ms);
        let many = state.record.seq - state.record.folded_seq >= limits.coalesce_ops;
        let due = if many { last } else { idle.min(old) };
        Some(
            self.background
                .not_before
                .map_or(due, |earliest| due.max(earliest)),
        )
    }

    /// Does what is due.
    pub(super) async fn wake(&mut self) {
        if !self.is_stale {
            self.start_background();
        } else if let Err(error) = self.reload().await {
            tracing::warn!(branch = %self.name, %error, "a branch cannot be read, trying again later");
        }
    }

    fn start_background(&mut self) {
        // what comes now counts for the next time
        self.background = Background::default();
        if let Some(branch) = self.handle.upgrade() {
            let core = self.core.clone();
            self.core
                .tasks
                .spawn(async move { core.commit_in_background(&branch).await });
        }
    }

    pub(super) fn fold_if_large(&mut self) {
        let state = self.state();
        let (entries, prefixes) = state.overlay.len();
        let limits = &self.core.limits;
        let behind = state.record.seq - state.record.folded_seq;
        let is_large = entries > limits.fold_ops || prefixes > limits.fold_prefixes;
        if (is_large || behind > limits.fold_ops as u64)
            && let Some(branch) = self.handle.upgrade()
        {
            let core = self.core.clone();
            self.core
                .tasks
                .spawn(async move { core.fold_in_background(&branch).await });
        }
    }
}
