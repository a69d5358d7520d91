//! What every route is given.

use std::sync::Arc;

use catalog::diff::RowCounter;
use catalog::merge::CatalogResolver;
use versioning::merge::Gate;
use versioning::{RefExpr, RefName, Repositories, Repository, RepositoryName};

use crate::{DataDiffs, HookRuns, Problem, SqlRunner};

/// What the routes work on.
#[derive(Debug, Clone)]
pub struct Api {
    pub repositories: Repositories,
    /// Judges every move of a head that is not a plain commit.
    pub gate: Arc<dyn Gate>,
    /// Knows what ran when refs moved.
    pub hooks: Arc<dyn HookRuns>,
    pub resolver: Arc<CatalogResolver>,
    pub sql: Arc<dyn SqlRunner>,
    /// Compares the data of tables.
    pub data: Arc<dyn DataDiffs>,
    /// Counts rows for diffs.
    pub rows: Arc<dyn RowCounter>,
    /// The author of what a request does that names none.
    pub author: String,
}

impl Api {
    /// Returns the repository that a path names.
    pub(crate) async fn repository(&self, name: &str) -> Result<Repository, Problem> {
        Ok(self.repositories.get(&RepositoryName::parse(name)?).await?)
    }

    pub(crate) fn author(&self, given: Option<String>) -> String {
        given.unwrap_or_else(|| self.author.clone())
    }
}

pub(crate) fn ref_name(text: &str) -> Result<RefName, Problem> {
    Ok(RefName::parse(text)?)
}

pub(crate) fn ref_expr(text: &str) -> Result<RefExpr, Problem> {
    Ok(RefExpr::parse(text)?)
}
