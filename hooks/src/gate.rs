//! The gate that runs the checks of a branch on what would become its head.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use catalog::SharedCache;
use catalog::check::{CheckOutcome, CheckRunner};
use catalog::merge::read_by_checks;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use versioning::merge::{Extent, Gate, Proposal, Verdict};
use versioning::{CommitId, Error, RefExpr, Repositories, Repository, Result};

use crate::check_file::{Check, CheckSet};
use crate::decide::{before_running, tables_read, verdict};
use crate::source::{FileLimits, checks_at};

/// What a gate may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub files: FileLimits,
    /// How many checks run at the same time.
    pub parallel: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            files: FileLimits::default(),
            parallel: 4,
        }
    }
}

/// Judges proposals by the checks of the branch that they would move. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct CheckGate {
    repositories: Repositories,
    runner: Arc<dyn CheckRunner>,
    limits: Limits,
}

impl CheckGate {
    /// Returns a gate over the repositories of a store, whose checks `runner` runs.
    pub fn new(repositories: Repositories, runner: Arc<dyn CheckRunner>, limits: Limits) -> CheckGate {
        CheckGate {
            repositories,
            runner,
            limits,
        }
    }

    async fn run_all(
        &self,
        repository: &Repository,
        proposal: &Proposal,
        checks: &CheckSet,
    ) -> Result<Vec<(Check, CheckOutcome)>> {
        // boxed one by one: the compiler cannot name the lifetimes of a stream of futures behind a trait's
        let runs: Vec<_> = checks
            .checks
            .iter()
            .map(|check| self.run(repository, proposal, check).boxed())
            .collect();
        stream::iter(runs)
            .buffered(self.limits.parallel.max(1))
            .try_collect()
            .await
    }

    async fn run(
        &self,
        repository: &Repository,
        proposal: &Proposal,
        check: &Check,
    ) -> Result<(Check, CheckOutcome)> {
        // the runner knows the limit, too; a merge does not wait for one that does not keep to it
        let limit = Duration::from_secs(check.spec.time_limit_s);
        let run = self.runner.run(repository, proposal.candidate, &check.spec);
        let outcome = match tokio::time::timeout(limit, run).await {
            Err(_) => CheckOutcome::TooLong,
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => return Err(unreadable(check, error)),
        };
        let (told, rows) = summary(&outcome);
        tracing::info!(
            check = check.spec.name,
            candidate = %proposal.candidate,
            outcome = told,
            rows,
            "check ended"
        );
        Ok((check.clone(), outcome))
    }
}

#[async_trait]
impl Gate for CheckGate {
    async fn judge(&self, proposal: &Proposal) -> Result<Verdict> {
        let repository = self.repositories.get(&proposal.repository).await?;
        let protection = repository.branch(&proposal.branch).await?.protection;
        let required = protection
            .map(|protection| protection.required_checks)
            .unwrap_or_default();
        let head = checks_at(&repository, proposal.head, &self.limits.files).await?;
        let candidate = checks_at(&repository, proposal.candidate, &self.limits.files).await?;
        let refusals = before_running(&proposal.branch, &required, &head, &candidate);
        if !refusals.is_empty() {
            return Ok(Verdict::Refuse(refusals));
        }
        let runs = self.run_all(&repository, proposal, &head).await?;
        Ok(verdict(
            &runs,
            reads(&repository, proposal.candidate, &head).await?,
        ))
    }
}

/// Returns what checks read of a candidate: everything, if one of them does not say.
async fn reads(repository: &Repository, candidate: CommitId, checks: &CheckSet) -> Result<Extent> {
    let Some(tables) = tables_read(checks) else {
        return Ok(Extent::All);
    };
    let view = repository.view(&RefExpr::from(candidate)).await?;
    let cache = SharedCache::default();
    let reads = read_by_checks(&view, &cache, tables.into_iter()).await;
    reads.map_err(|error| match error {
        catalog::Error::Store(error) => error,
        other => Error::Internal(format!("what checks read: {other}")),
    })
}

/// Returns what the log says of an outcome: nothing of the rows, which are users' data, and no message, which may
/// quote them.
fn summary(outcome: &CheckOutcome) -> (&'static str, u64) {
    match outcome {
        CheckOutcome::Passed => ("passed", 0),
        CheckOutcome::Failed { rows, .. } => ("failed", *rows),
        CheckOutcome::Errored { .. } => ("errored", 0),
        CheckOutcome::TooLong => ("too long", 0),
    }
}

/// Returns why no judgement could be reached.
fn unreadable(check: &Check, error: catalog::Error) -> Error {
    match error {
        catalog::Error::Store(error) => error,
        catalog::Error::Corrupt { what, key, message } => Error::Corrupt { what, key, message },
        other => Error::Internal(format!("check {}: {other}", check.spec.name)),
    }
}
