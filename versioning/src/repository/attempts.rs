//! Merges that are on their way, wait for a person, or have ended.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Repository;
use super::landing::stricter;
use crate::attempts::{Attempt, AttemptId, ConflictRecord, Decision};
use crate::commit::CommitKind;
use crate::merge::{Gate, Incoming, Landing, Merge, MergeReport, Resolver};
use crate::{CommitId, Result};

impl Repository {
    /// Returns the attempts, newest first.
    ///
    /// # Errors
    /// [`crate::Error::Storage`], [`crate::Error::Corrupt`].
    pub async fn attempts(&self) -> Result<Vec<Attempt>> {
        self.inner.attempts.all().await
    }

    /// Returns an attempt.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub async fn attempt(&self, id: &AttemptId) -> Result<Attempt> {
        self.inner.attempts.get(id).await
    }

    /// Returns up to `limit` conflicts of an attempt behind the number `after`, each with its number, which count
    /// from 1.
    ///
    /// # Errors
    /// As [`Repository::attempt`].
    pub async fn conflicts(
        &self,
        attempt: &Attempt,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, ConflictRecord)>> {
        self.inner.attempts.page(attempt, after, limit).await
    }

    /// Notes what was decided about conflicts of an attempt, by their ids; `None` takes a decision back.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] for another conflict; [`crate::Error::MergeState`] of one that has none.
    pub async fn decide(&self, id: &AttemptId, choices: &BTreeMap<String, Option<Bytes>>) -> Result<Attempt> {
        self.inner.attempts.decide(id, choices).await
    }

    /// Gives an attempt up. One that is judged just now will not land.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`]; [`crate::Error::MergeState`] of one that has landed.
    pub async fn abandon(&self, id: &AttemptId) -> Result<Attempt> {
        self.inner.attempts.abandon(id).await
    }

    /// Returns the commits that have to be kept for attempts, whatever refs there are.
    ///
    /// # Errors
    /// As [`Repository::attempts`].
    pub async fn pinned(&self) -> Result<Vec<CommitId>> {
        let attempts = self.attempts().await?;
        Ok(attempts.iter().flat_map(Attempt::pins).collect())
    }

    /// Runs an attempt again, with what was decided, on the present head and through the same gate.
    ///
    /// `resolver` makes one that decides so. A decision counts only for the conflict that it was made about: where
    /// a side changed there since, the conflict is back.
    ///
    /// # Errors
    /// As [`Repository::merge`]; [`crate::Error::MergeState`] of an attempt that is on its way or has ended.
    pub async fn finish<R: Resolver>(
        &self,
        id: &AttemptId,
        resolver: impl Fn(&BTreeMap<String, Decision>) -> Result<R> + Sync,
        gate: &dyn Gate,
    ) -> Result<MergeReport<R::Conflict>> {
        let known = self.attempt(id).await?;
        let branch = self.open_branch(&known.into).await?;
        branch.state().check_open(&self.inner.record.name)?;
        let least = branch.state().strictness();
        let resolver = |decisions: &BTreeMap<String, Decision>| {
            let resolver = resolver(decisions)?;
            Ok(stricter(&resolver, least)?.unwrap_or(resolver))
        };
        // what cannot be read is told before anything begins
        resolver(&known.decisions)?;
        let undecided = resolver(&BTreeMap::new())?;
        let run = self.inner.attempts.resume(id).await?;
        let landing = Landing {
            message: Some(run.message.clone()),
            metadata: run.metadata.clone(),
            policy: run.policy,
            // who picked what the branch had, said so then; what it has got since is another matter
            again: self.inner.core.has(run.ours, run.theirs).await?,
            ..Landing::onto(run.into.clone(), &*run.author)
        };
        let incoming = Incoming {
            kind: run.kind,
            base: run.from,
            theirs: run.theirs,
            ahead: None,
            second_parent: (run.kind == CommitKind::Merge).then_some(run.theirs),
            source: run.source.clone(),
            message: run.message.clone(),
        };
        let core = &self.inner.core;
        let by = (&undecided, least);
        let merge = self.merging(core, &branch, (&landing, incoming), by, gate, Some(run));
        let merge = Merge {
            decided: Some(&resolver),
            ..merge
        };
        Box::pin(self.watched(merge)).await
    }
}
