//! What a merge writes down of itself while it is on its way ([`crate::attempts`]).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Landing, Merge, MergeOutcome, Resolver, Warnings};
use crate::attempts::{Attempt, AttemptId, AttemptState, ConflictRecord, Decision, Keeper};
use crate::{CommitId, Error, Result};

/// The record of a merge, once there is one.
#[derive(Debug)]
pub(crate) struct Journal<'a> {
    keeper: &'a Keeper,
    attempt: Mutex<Option<Attempt>>,
    /// Of what is merged now.
    warnings: Mutex<Warnings>,
    /// The conflicts that are decided.
    decided: Mutex<Vec<ConflictRecord>>,
}

impl<'a> Journal<'a> {
    /// Returns the journal of a merge that begins, or of another run of an attempt.
    pub(crate) fn new(keeper: &'a Keeper, run: Option<Attempt>) -> Journal<'a> {
        Journal {
            keeper,
            attempt: Mutex::new(run),
            warnings: Mutex::default(),
            decided: Mutex::default(),
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Attempt>> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn run(&self) -> Option<Attempt> {
        self.held().clone()
    }

    /// Remembers what is to be looked at of all that is merged, until the next note with the attempt.
    pub(super) fn warn(&self, warnings: Warnings) {
        *self.held_warnings() = warnings;
    }

    /// As [`Journal::warn`], of what came to it since.
    pub(super) fn warn_also(&self, warnings: Warnings) {
        self.held_warnings().absorb(warnings);
    }

    pub(super) fn warnings(&self) -> Warnings {
        self.held_warnings().clone()
    }

    fn held_warnings(&self) -> MutexGuard<'_, Warnings> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers which conflicts are decided: they stay listed as long as others are open.
    pub(super) fn keep_decided(&self, conflicts: Vec<ConflictRecord>) {
        *self.decided.lock().unwrap_or_else(PoisonError::into_inner) = conflicts;
    }

    fn decided(&self) -> Vec<ConflictRecord> {
        self.decided
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Writes down the decisions that count.
    pub(super) async fn decide(&self, decisions: BTreeMap<String, Decision>) -> Result<()> {
        if let Some(run) = self.run() {
            let note = |attempt: &mut Attempt| attempt.decisions.clone_from(&decisions);
            let noted = self.keeper.progress(&run, note).await?;
            *self.held() = Some(noted);
        }
        Ok(())
    }

    /// Does `work` and renews the lease meanwhile; gives up if the attempt is given up.
    ///
    /// Both go on side by side: the renewal may wait for a lock that the work holds.
    pub(super) async fn alive_while<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            done = work => done,
            given_up = self.beat() => Err(given_up),
        }
    }

    /// Renews the lease now and then; returns once the attempt is given up.
    async fn beat(&self) -> Error {
        loop {
            tokio::time::sleep(Keeper::beat()).await;
            let Some(run) = self.run() else { continue };
            match self.keeper.progress(&run, |_| {}).await {
                Err(error @ Error::MergeState { .. }) => return error,
                Err(error) => tracing::warn!(merge = %run.id, %error, "could not renew the lease of a merge"),
                Ok(_) => {}
            }
        }
    }
}

impl<R: Resolver> Merge<'_, R> {
    /// Writes down what is merged now, before it is judged or lands; fails if the attempt was given up.
    pub(super) async fn note(
        &self,
        base: CommitId,
        head: CommitId,
        candidate: Option<CommitId>,
    ) -> Result<Attempt> {
        let noted = match self.journal.run() {
            None => {
                self.journal
                    .keeper
                    .begin(&self.begun(base, head, candidate))
                    .await?
            }
            Some(run) => {
                let note = |attempt: &mut Attempt| {
                    attempt.state = AttemptState::Judging;
                    (attempt.base, attempt.ours) = (base, head);
                    attempt.candidate = candidate;
                    attempt.warnings = self.journal.warnings();
                    if candidate.is_some() {
                        attempt.conflicts = 0;
                    }
                };
                self.journal.keeper.progress(&run, note).await?
            }
        };
        *self.journal.held() = Some(noted.clone());
        Ok(noted)
    }

    /// Writes down which commit is about to become the head: from now on the attempt cannot be given up.
    pub(super) async fn note_landing(&self, commit: CommitId) -> Result<()> {
        if let Some(run) = self.journal.run() {
            let note = |attempt: &mut Attempt| {
                attempt.state = AttemptState::Landing;
                attempt.candidate = Some(commit);
            };
            let noted = self.journal.keeper.progress(&run, note).await?;
            *self.journal.held() = Some(noted);
        }
        Ok(())
    }

    /// Writes down that it did not land, and is judged again: it can be given up.
    pub(super) async fn note_judging(&self) -> Result<()> {
        if let Some(run) = self.journal.run() {
            let note = |attempt: &mut Attempt| attempt.state = AttemptState::Judging;
            let noted = self.journal.keeper.progress(&run, note).await?;
            *self.journal.held() = Some(noted);
        }
        Ok(())
    }

    /// Writes down how it ended.
    pub(crate) async fn end(
        &self,
        outcome: Result<MergeOutcome<R::Conflict>>,
    ) -> Result<MergeOutcome<R::Conflict>> {
        let Some(run) = self.journal.run() else {
            return outcome;
        };
        let keeper = self.journal.keeper;
        let ended = match &outcome {
            Ok(MergeOutcome::Conflicts(conflicts)) => {
                let mut records = self.journal.decided();
                records.extend(conflicts.iter().map(R::record));
                keeper.contested(&run, &records).await?;
                return outcome;
            }
            Ok(MergeOutcome::Refused { candidate, refusals }) => {
                let refused = |attempt: &mut Attempt| {
                    attempt.state = AttemptState::Refused;
                    attempt.candidate = Some(*candidate);
                    attempt.refusals.clone_from(refusals);
                };
                keeper.progress(&run, refused).await.map(drop)
            }
            Ok(MergeOutcome::Landed(head) | MergeOutcome::UpToDate(head)) => {
                let landed = |attempt: &mut Attempt| {
                    attempt.state = AttemptState::Landed;
                    attempt.candidate = Some(*head);
                };
                keeper.progress(&run, landed).await.map(drop)
            }
            Err(Error::MergeState { .. }) | Ok(MergeOutcome::Clean) => Ok(()),
            // the head may have moved, and the answer be all that was lost
            Err(error) => match keeper.find_out(&run, &error.to_string()).await {
                Ok(Some(head)) => return Ok(MergeOutcome::Landed(head)),
                ended => ended.map(drop),
            },
        };
        if let Err(error) = ended {
            // once its lease has run out, what became of it is found out
            tracing::warn!(merge = %run.id, %error, "could not write down how a merge ended");
        }
        outcome
    }

    fn begun(&self, base: CommitId, head: CommitId, candidate: Option<CommitId>) -> Attempt {
        let Landing {
            into,
            author,
            metadata,
            policy,
            options,
            ..
        } = self.landing.clone();
        Attempt {
            id: AttemptId::fresh(self.core.ids.as_ref()),
            kind: self.incoming.kind,
            into,
            incarnation: Some(self.branch.state().record.incarnation),
            source: self.incoming.source.clone(),
            theirs: self.incoming.theirs,
            from: self.incoming.base,
            author,
            message: self.incoming.message.clone(),
            metadata,
            policy,
            options,
            decisions: Default::default(),
            state: AttemptState::Judging,
            base,
            ours: head,
            candidate,
            conflicts: 0,
            round: 0,
            refusals: Vec::new(),
            failure: None,
            warnings: self.journal.warnings(),
            created_us: 0,
            updated_us: 0,
            lease_us: 0,
            run: 0,
        }
    }
}
