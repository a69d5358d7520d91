//! Which hooks a change concerns: those that name tables run only where one of these changed.

use catalog::diff::{self, CatalogDiff};
use versioning::{CommitId, Error, RefExpr, Repository, Result};

use crate::hook_file::Hook;
use crate::pattern::Pattern;
use crate::service::{Hooks, Job};

/// Returns what differs between two commits.
pub(crate) async fn changes(
    repository: &Repository,
    before: CommitId,
    after: CommitId,
) -> catalog::Result<CatalogDiff> {
    let before = repository.settled(&RefExpr::from(before)).await?;
    let after = repository.settled(&RefExpr::from(after)).await?;
    diff::diff(&before, &after, &diff::Limits::default()).await
}

/// Returns whether one of the tables that differ has a name of these patterns, before or after.
fn concerns(diff: &CatalogDiff, patterns: &[Pattern]) -> bool {
    let is = |database: &str, name: &str| {
        let name = format!("{database}.{name}");
        patterns.iter().any(|pattern| pattern.matches(&name))
    };
    diff.tables.iter().any(|table| {
        let before = table.renamed_from.as_ref();
        is(&table.database, &table.name) || before.is_some_and(|(database, name)| is(database, name))
    })
}

impl Hooks {
    /// Returns those of the jobs that the change between two commits concerns. Where one of these is not known, all
    /// are concerned.
    pub(crate) async fn concerned<'a>(
        &self,
        repository: &Repository,
        ends: (Option<CommitId>, Option<CommitId>),
        jobs: Vec<Job<'a>>,
    ) -> Result<Vec<Job<'a>>> {
        let asks = |hook: &Hook| !hook.only_tables.is_empty();
        let (Some(before), Some(after)) = ends else {
            return Ok(jobs);
        };
        if !jobs.iter().any(|(hook, _)| asks(hook)) {
            return Ok(jobs);
        }
        let diff = changes(repository, before, after)
            .await
            .map_err(|error| match error {
                catalog::Error::Store(error) => error,
                other => Error::Internal(format!("which tables changed: {other}")),
            })?;
        let jobs = jobs.into_iter();
        Ok(jobs
            .filter(|(hook, _)| !asks(hook) || concerns(&diff, &hook.only_tables))
            .collect())
    }
}
