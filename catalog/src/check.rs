//! The contract of checks: a question about the data of a commit, which whoever can read tables answers.

use std::fmt::Debug;

use async_trait::async_trait;
use versioning::{CommitId, Repository};

use crate::Error;

/// A check: a query that has to return no rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSpec {
    /// The name by which people and branch rules speak of it.
    pub name: String,
    /// The query; its rows are what is wrong.
    pub sql: String,
    /// How long it may run, whatever limit other queries have.
    pub time_limit_s: u64,
}

/// Runs checks on commits.
#[async_trait]
pub trait CheckRunner: Debug + Send + Sync {
    /// Runs `check` on the tables as they are at `commit`.
    ///
    /// # Errors
    /// Those of reading the commit. What is wrong with the check itself is a [`CheckOutcome::Errored`].
    async fn run(
        &self,
        repository: &Repository,
        commit: CommitId,
        check: &CheckSpec,
    ) -> Result<CheckOutcome, Error>;

    /// Fails with the reason if a query can be run on no commit at all.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    fn validate(&self, sql: &str) -> Result<(), String>;
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckOutcome {
    /// The query returned no rows.
    Passed,
    /// The query returned `rows` rows; `sample` shows the first of them as a table of text.
    Failed { rows: u64, sample: String },
    /// The query could not be run.
    Errored { message: String },
    /// The query was stopped at the check's time limit.
    TooLong,
}

impl CheckOutcome {
    /// Returns whether the check lets the change pass.
    pub fn passed(&self) -> bool {
        matches!(self, CheckOutcome::Passed)
    }
}
