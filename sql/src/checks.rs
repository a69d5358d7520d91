//! Checks, run as queries.

use async_trait::async_trait;
use catalog::check::{CheckOutcome, CheckRunner, CheckSpec};
use versioning::{CommitId, Kind, RefExpr, Repository};

use crate::engine::Engine;
use crate::error::{Error, Result};

/// How many of the rows that a check finds are shown.
const SAMPLE_ROWS: usize = 20;

/// Runs checks with an engine.
#[derive(Debug, Clone)]
pub struct SqlChecks {
    engine: Engine,
}

impl SqlChecks {
    /// Returns a runner that shares the limits of `engine`.
    pub fn new(engine: Engine) -> SqlChecks {
        SqlChecks { engine }
    }

    async fn outcome(&self, repository: &Repository, commit: CommitId, sql: &str) -> Result<CheckOutcome> {
        let mut rows = self.engine.rows(repository, &RefExpr::from(commit), sql).await?;
        let mut sample = rows.no_rows();
        let mut found = 0;
        while let Some(page) = rows.next().await? {
            found += page.rows() as u64;
            sample.append(page.first(SAMPLE_ROWS - sample.rows()));
        }
        Ok(match found {
            0 => CheckOutcome::Passed,
            rows => CheckOutcome::Failed {
                rows,
                sample: sample.table()?,
            },
        })
    }
}

#[async_trait]
impl CheckRunner for SqlChecks {
    async fn run(
        &self,
        repository: &Repository,
        commit: CommitId,
        check: &CheckSpec,
    ) -> Result<CheckOutcome, catalog::Error> {
        match self.outcome(repository, commit, &check.sql).await {
            Ok(outcome) => Ok(outcome),
            // the store itself failed: that says nothing of the check
            Err(Error::Store(error))
                if matches!(error.kind(), Kind::Unavailable | Kind::Corrupt | Kind::Internal) =>
            {
                Err(catalog::Error::Store(error))
            }
            Err(error) => Ok(CheckOutcome::Errored {
                message: error.to_string(),
            }),
        }
    }
}
