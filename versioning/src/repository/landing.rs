//! How the change of other commits comes to a branch: merge, revert and cherry-pick.

use std::sync::Arc;

use super::Repository;
use crate::attempts::Attempt;
use crate::branch::Branch;
use crate::commit::{CommitKind, check_words};
use crate::core::Core;
use crate::guard::RefEvent;
use crate::merge::{
    Gate, Incoming, Journal, Landing, Merge, MergeOutcome, MergeReport, Resolver, Strictness,
};
use crate::{CommitId, Error, RefExpr, Result};

impl Repository {
    /// Merges `source` into a branch: all of its changes land, or none. Only committed state is merged.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Dirty`]; [`Error::HeadMoved`] when the branch keeps moving; [`Error::Refused`] if
    /// what is wished is less strict than the rules; [`Error::RepositoryReadOnly`]; [`Error::TooLarge`] of words.
    pub async fn merge<R: Resolver>(
        &self,
        source: &RefExpr,
        landing: &Landing,
        resolver: &R,
        gate: &dyn Gate,
    ) -> Result<MergeReport<R::Conflict>> {
        let branch = self.destination(landing).await?;
        let core = self.core_for(landing);
        let (theirs, ahead) = match landing.dry_run {
            true => self.would_begin(&core, source).await?,
            false => (self.beginning(source).await?, None),
        };
        let incoming = Incoming {
            kind: match landing.squash {
                true => CommitKind::Normal,
                false => CommitKind::Merge,
            },
            base: None,
            theirs,
            ahead,
            second_parent: (!landing.squash).then_some(theirs),
            source: source.to_string(),
            message: landing.message.clone().unwrap_or_else(|| {
                let verb = if landing.squash { "squash" } else { "merge" };
                format!("{verb} {source} into {}", landing.into)
            }),
        };
        self.bring(&core, &branch, landing, incoming, resolver, gate)
            .await
    }

    /// Returns the branch on which something lands, if anything may.
    async fn destination(&self, landing: &Landing) -> Result<Arc<Branch>> {
        let message = landing.message.as_deref().unwrap_or_default();
        check_words(&landing.author, message, &landing.metadata)?;
        let branch = self.open_branch(&landing.into).await?;
        if !landing.dry_run {
            branch.state().check_open(&self.inner.record.name)?;
        }
        Ok(branch)
    }

    /// Returns where trees are made: nothing that a dry run makes is stored.
    fn core_for(&self, landing: &Landing) -> Arc<Core> {
        match landing.dry_run {
            true => Arc::new(self.core().scratch()),
            false => self.inner.core.clone(),
        }
    }

    /// Undoes a commit on a branch. `parent` counts from 1 and is needed for merge commits.
    ///
    /// # Errors
    /// As [`Repository::merge`]; [`Error::Refused`] without a parent to go back to.
    pub async fn revert<R: Resolver>(
        &self,
        commit: CommitId,
        parent: Option<usize>,
        landing: &Landing,
        resolver: &R,
        gate: &dyn Gate,
    ) -> Result<MergeReport<R::Conflict>> {
        let before = self.parent(commit, parent, "a revert").await?;
        let ends = Ends {
            kind: CommitKind::Revert,
            verb: "revert",
            base: commit,
            theirs: before,
        };
        self.bring_commit(commit, ends, landing, resolver, gate).await
    }

    /// Repeats the change of a commit on a branch. `parent` counts from 1 and is needed for merge commits.
    ///
    /// # Errors
    /// As [`Repository::revert`]; [`Error::NothingToPick`] if the branch has the commit in its history, and it would bring
    /// something back: not with [`Landing::again`].
    pub async fn cherry_pick<R: Resolver>(
        &self,
        commit: CommitId,
        parent: Option<usize>,
        landing: &Landing,
        resolver: &R,
        gate: &dyn Gate,
    ) -> Result<MergeReport<R::Conflict>> {
        let before = self.parent(commit, parent, "a cherry-pick").await?;
        let ends = Ends {
            kind: CommitKind::CherryPick,
            verb: "cherry-pick",
            base: before,
            theirs: commit,
        };
        self.bring_commit(commit, ends, landing, resolver, gate).await
    }

    async fn parent(&self, id: CommitId, parent: Option<usize>, operation: &'static str) -> Result<CommitId> {
        let refused = |reason: &str| Error::Refused {
            operation,
            reason: format!("commit {} {reason}", id.short()),
        };
        let commit = self.commit_object(id).await?;
        match (commit.parents.as_slice(), parent) {
            ([], _) => Err(refused("is the first of its history")),
            ([only], None) => Ok(*only),
            (_, None) => Err(refused("is a merge: name the parent to compare with, 1 or 2")),
            (parents, Some(n)) => {
                let parent = n.checked_sub(1).and_then(|i| parents.get(i));
                parent.copied().ok_or_else(|| refused("has no such parent"))
            }
        }
    }

    async fn bring_commit<R: Resolver>(
        &self,
        commit: CommitId,
        ends: Ends,
        landing: &Landing,
        resolver: &R,
        gate: &dyn Gate,
    ) -> Result<MergeReport<R::Conflict>> {
        let branch = self.destination(landing).await?;
        let named = || format!("{} {}", ends.verb, commit.short());
        let incoming = Incoming {
            kind: ends.kind,
            base: Some(ends.base),
            theirs: ends.theirs,
            ahead: None,
            second_parent: None,
            source: commit.to_string(),
            message: landing.message.clone().unwrap_or_else(named),
        };
        let core = self.core_for(landing);
        self.bring(&core, &branch, landing, incoming, resolver, gate)
            .await
    }

    async fn bring<R: Resolver>(
        &self,
        core: &Arc<Core>,
        branch: &Branch,
        landing: &Landing,
        incoming: Incoming,
        resolver: &R,
        gate: &dyn Gate,
    ) -> Result<MergeReport<R::Conflict>> {
        let least = branch.state().strictness();
        let stricter = stricter(resolver, least)?;
        let by = (stricter.as_ref().unwrap_or(resolver), least);
        let merge = self.merging(core, branch, (landing, incoming), by, gate, None);
        self.watched(merge).await
    }

    /// Runs a merge under the eyes of the guard, which leaves the judging to the gate.
    pub(super) async fn watched<R: Resolver>(&self, merge: Merge<'_, R>) -> Result<MergeReport<R::Conflict>> {
        let watched = match merge.landing.dry_run {
            true => None,
            false => match self.before(told(&merge)).await {
                Ok(watched) => watched,
                Err(error) => return Ok(merge.report(merge.end(Err(error)).await?)),
            },
        };
        let report = merge.run().await;
        let landed = match report.as_ref().map(|report| &report.outcome) {
            Ok(MergeOutcome::Landed(id)) => Some(*id),
            _ => None,
        };
        self.after(watched, landed.is_some(), landed).await;
        report
    }

    /// Returns a merge that is about to run; `run` is the attempt that it is another run of.
    pub(super) fn merging<'a, R: Resolver>(
        &'a self,
        core: &'a Arc<Core>,
        branch: &'a Branch,
        (landing, incoming): (&'a Landing, Incoming),
        (resolver, least): (&'a R, Option<Strictness>),
        gate: &'a dyn Gate,
        run: Option<Attempt>,
    ) -> Merge<'a, R> {
        Merge {
            core,
            repository: &self.inner.record.name,
            branch,
            landing,
            incoming,
            resolver,
            decided: None,
            plain: resolver.plain(),
            journal: Journal::new(&self.inner.attempts, run),
            gate,
            least,
        }
    }
}

/// Returns another resolver where a branch asks for one that leaves more to people.
pub(super) fn stricter<R: Resolver>(resolver: &R, least: Option<Strictness>) -> Result<Option<R>> {
    least.map_or(Ok(None), |least| resolver.at_least(least))
}

/// Returns what a guard is told of a merge.
fn told<R>(merge: &Merge<'_, R>) -> RefEvent {
    let Merge {
        branch,
        landing,
        incoming,
        ..
    } = merge;
    RefEvent {
        head: Some(branch.state().record.head),
        source: Some(incoming.source.clone()),
        author: Some(landing.author.clone()),
        message: Some(incoming.message.clone()),
        has_gate: true,
        ..RefEvent::new(incoming.act(), branch.name.clone())
    }
}

/// Between which commits the change lies that a revert or cherry-pick brings.
struct Ends {
    kind: CommitKind,
    verb: &'static str,
    base: CommitId,
    theirs: CommitId,
}
