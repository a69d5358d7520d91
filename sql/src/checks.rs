//! Checks, run as queries.

use async_trait::async_trait;
use catalog::check::{CheckOutcome, CheckRunner, CheckSpec};
use versioning::{CommitId, Kind, RefExpr, Repository};

use crate::answer::Page;
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
    /// Returns a runner that shares the limits of `engine`, but not its threads: no query keeps a merge waiting.
    pub fn new(engine: Engine) -> SqlChecks {
        SqlChecks {
            engine: engine.on_own_threads(),
        }
    }

    async fn outcome(
        &self,
        repository: &Repository,
        commit: CommitId,
        check: &CheckSpec,
    ) -> Result<CheckOutcome> {
        let (at, limit_ms) = (RefExpr::from(commit), check.time_limit_s.saturating_mul(1_000));
        let rows = self.engine.rows_within(limit_ms, repository, &at, &check.sql);
        let mut rows = rows.await?;
        let mut found = Found::new(&rows.no_rows())?;
        while let Some(page) = rows.next().await? {
            found.add(&page)?;
        }
        found.outcome()
    }
}

/// What a check found so far. However much that is, it holds no more than the rows that are shown, as texts: what
/// becomes of rows after they left the engine is not counted against its memory.
#[derive(Debug)]
struct Found {
    rows: u64,
    sample: Page,
}

impl Found {
    /// `none` knows the columns.
    fn new(none: &Page) -> Result<Found> {
        let sample = none.shown(0)?;
        Ok(Found { rows: 0, sample })
    }

    fn add(&mut self, page: &Page) -> Result<()> {
        self.rows += page.rows() as u64;
        let left = SAMPLE_ROWS - self.sample.rows();
        if left > 0 {
            self.sample.append(page.shown(left)?);
        }
        Ok(())
    }

    fn outcome(self) -> Result<CheckOutcome> {
        Ok(match self.rows {
            0 => CheckOutcome::Passed,
            rows => CheckOutcome::Failed {
                rows,
                sample: self.sample.table()?,
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
        match self.outcome(repository, commit, check).await {
            Ok(outcome) => Ok(outcome),
            Err(Error::TooLong { .. }) => Ok(CheckOutcome::TooLong),
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

    fn validate(&self, sql: &str) -> Result<(), String> {
        crate::statement::validate(sql).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};

    use super::*;

    fn page(rows: i64) -> Page {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        Page::new(vec![RecordBatch::try_from_iter([("n", column)]).unwrap()])
    }

    #[test]
    fn what_is_found_is_counted_and_not_kept() {
        let mut found = Found::new(&page(0)).unwrap();
        for _ in 0..100 {
            found.add(&page(8_000)).unwrap();
        }
        assert_eq!((found.rows, found.sample.rows()), (800_000, SAMPLE_ROWS));
        assert!(
            found.sample.bytes() < page(8_000).bytes() / 20,
            "{}",
            found.sample.bytes()
        );
    }
}
