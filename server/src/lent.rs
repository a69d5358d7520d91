//! Lends what the SQL room can do to rooms that do not know it.

use api::{ArrowBytes, Problem, SqlAnswer, SqlColumn, SqlRunner};
use async_trait::async_trait;
use catalog::diff::RowCounter;
use futures::{StreamExt, TryStreamExt};
use versioning::{RefExpr, Repository, View};

/// The engine, as the REST API wants it.
#[derive(Debug)]
pub(crate) struct EngineRunner(pub(crate) sql::Engine);

#[async_trait]
impl SqlRunner for EngineRunner {
    async fn query(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<SqlAnswer, Problem> {
        let limit = self.0.limits().rows_max;
        let answer = self
            .0
            .query(repository, at, sql, limit)
            .await
            .map_err(|error| problem(&error))?;
        Ok(SqlAnswer {
            rows: answer.page.json().map_err(|error| problem(&error))?,
            columns: answer
                .columns
                .into_iter()
                .map(|column| SqlColumn {
                    name: column.name,
                    type_name: column.type_name,
                })
                .collect(),
            truncated: answer.truncated,
        })
    }

    async fn arrow(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<ArrowBytes, Problem> {
        let rows = self
            .0
            .rows(repository, at, sql)
            .await
            .map_err(|error| problem(&error))?;
        Ok(rows.into_ipc().map_err(|error| problem(&error)).boxed())
    }
}

fn problem(error: &sql::Error) -> Problem {
    Problem::new(error.kind(), error.to_string())
}

/// Counts rows by the footers of Parquet files.
#[derive(Debug)]
pub(crate) struct ParquetFooters;

#[async_trait]
impl RowCounter for ParquetFooters {
    async fn rows(
        &self,
        repository: &Repository,
        view: &View,
        paths: &[String],
    ) -> catalog::Result<Option<u64>> {
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            match view.object(path).await? {
                Some(object) => files.push((path.clone(), object)),
                None => return Ok(None),
            }
        }
        match sql::footers::row_count(repository, &files).await {
            Ok(rows) => Ok(Some(rows)),
            // another format: then nobody counts
            Err(sql::Error::Damaged { .. }) => Ok(None),
            Err(error) => Err(catalog::Error::Store(versioning::Error::Storage {
                operation: "counting rows",
                message: error.to_string(),
            })),
        }
    }
}
