//! The gate that runs the checks of a branch on what would become its head.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use catalog::SharedCache;
use catalog::check::{CheckOutcome, CheckRunner};
use catalog::merge::read_by_checks;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use versioning::guard::{Act, RefEvent};
use versioning::merge::{Extent, Gate, Proposal, Verdict};
use versioning::{CommitId, Error, RefExpr, RefName, Repositories, Repository, Result};

use crate::action::told;
use crate::check_file::{Check, CheckSet};
use crate::decide::{Files, before_running, tables_read, verdict};
use crate::event::Event;
use crate::hook_file::Hook;
use crate::log::Run;
use crate::service::{CHECK, Hooks, waiting};
use crate::source::{FileLimits, checks_at, hooks_at};

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

/// Judges proposals by the checks and hooks of the branch that they would move. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct CheckGate {
    repositories: Repositories,
    hooks: Hooks,
}

impl CheckGate {
    /// Returns a gate over the repositories of a store, whose checks `runner` runs.
    pub fn new(repositories: Repositories, runner: Arc<dyn CheckRunner>, limits: Limits) -> CheckGate {
        CheckGate::of(repositories, Hooks::new(runner, limits))
    }

    /// Returns a gate over the repositories of a store that runs `hooks`.
    pub fn of(repositories: Repositories, hooks: Hooks) -> CheckGate {
        CheckGate { repositories, hooks }
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
            .buffered(self.hooks.limits.parallel.max(1))
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
        let runner = &self.hooks.tools.checks;
        let run = runner.run(repository, proposal.candidate, &check.spec);
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
        let protection = repository.protection(&proposal.branch).await?;
        let required = protection
            .map(|protection| protection.required_checks)
            .unwrap_or_default();
        let head = self.hooks.files(&repository, proposal.head).await?;
        let candidate = self.hooks.files(&repository, proposal.candidate).await?;
        let refusals = before_running((&proposal.branch, proposal.act), &required, &head, &candidate);
        if !refusals.is_empty() {
            return Ok(Verdict::Refuse(refusals));
        }
        let about = event(proposal);
        let on = (Event::pre(proposal.act), &about);
        let jobs = self.hooks.jobs(&repository, &head.hooks, proposal.head, on);
        let ends = (Some(proposal.head), Some(proposal.candidate));
        let jobs = self.hooks.concerned(&repository, ends, jobs).await?;
        let hooks: Vec<Hook> = jobs.iter().map(|(hook, _)| (*hook).clone()).collect();
        let (checks, runs) = futures::try_join!(
            self.checked(&repository, proposal, &head.checks, on),
            self.hooks.run_all(&repository, jobs)
        )?;
        let reads = reads(&repository, proposal.candidate, (&head.checks, &hooks)).await?;
        let described = hooks.into_iter().map(|hook| hook.description);
        Ok(verdict(&checks, described.zip(runs).collect(), reads))
    }
}

impl Hooks {
    /// Returns the checks that a branch requires and has not: no merge into it passes before it has them.
    ///
    /// # Errors
    /// Those of reading the branch and its files.
    pub async fn missing_checks(&self, repository: &Repository, branch: &RefName) -> Result<Vec<String>> {
        let required = repository.protection(branch).await?;
        let mut missing = required.map(|rules| rules.required_checks).unwrap_or_default();
        if !missing.is_empty() {
            let head = repository.branch(branch).await?.head;
            let files = self.files(repository, head).await?;
            missing.retain(|name| !files.judges(name, branch).contains(&Act::Merge));
        }
        Ok(missing)
    }

    async fn files(&self, repository: &Repository, at: CommitId) -> Result<Files> {
        let limits = &self.limits.files;
        let mut files = Files {
            checks: checks_at(repository, at, limits).await?,
            hooks: hooks_at(repository, at, limits).await?,
        };
        let validate = |sql: &str| self.tools.checks.validate(sql);
        files.checks.validate(validate);
        files.hooks.validate(validate);
        Ok(files)
    }
}

impl CheckGate {
    /// Runs all checks, and keeps how they ended.
    async fn checked(
        &self,
        repository: &Repository,
        proposal: &Proposal,
        checks: &CheckSet,
        on: (Event, &RefEvent),
    ) -> Result<Vec<(Check, CheckOutcome)>> {
        let now_us = repository.clock().now_us();
        let mut runs: Vec<Run> = Vec::new();
        for check in &checks.checks {
            let mut run = waiting(repository, on, &check.spec.name, CHECK);
            run.file.clone_from(&check.path);
            run.file_at = proposal.head.to_string();
            run.begin(now_us);
            runs.push(run);
        }
        self.hooks.keep(repository, &runs).await?;
        let outcomes = self.run_all(repository, proposal, checks).await?;
        for (run, (_, outcome)) in runs.iter_mut().zip(&outcomes) {
            let bytes_max = self.hooks.tools.settings.output_bytes_max;
            run.end(&told(outcome), repository.clock().now_us(), bytes_max);
        }
        self.hooks.keep(repository, &runs).await?;
        Ok(outcomes)
    }
}

/// Returns what a proposal is, as those are told who watch it.
fn event(proposal: &Proposal) -> RefEvent {
    RefEvent {
        head: Some(proposal.head),
        commit: Some(proposal.candidate),
        source: Some(proposal.source.clone()),
        author: Some(proposal.author.clone()),
        message: Some(proposal.message.clone()),
        ..RefEvent::new(proposal.act, proposal.branch.clone())
    }
}

/// Returns what checks read of a candidate: everything, if one of them does not say.
async fn reads(
    repository: &Repository,
    candidate: CommitId,
    (checks, hooks): (&CheckSet, &[Hook]),
) -> Result<Extent> {
    let Some(tables) = tables_read(checks, hooks) else {
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
