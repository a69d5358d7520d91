//! Lends what the SQL room can do to rooms that do not know it.

use api::hooks::{HookFileAnswer, HookFileBody, RunBody};
use api::{ArrowBytes, HookRuns, Problem, SqlAnswer, SqlColumn, SqlRunner};
use async_trait::async_trait;
use catalog::diff::RowCounter;
use flight::{Described, Fault, Rows, Statements};
use futures::{StreamExt, TryStreamExt};
use hooks::{Hooks, Query, Run, parse_check, parse_hooks};
use versioning::{Kind, RefExpr, RefName, Repository, View};

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

pub(crate) fn problem(error: &sql::Error) -> Problem {
    Problem::new(error.kind(), error.to_string())
}

/// The engine, as Flight SQL wants it.
#[derive(Debug)]
pub(crate) struct FlightRunner(pub(crate) sql::Engine);

#[async_trait]
impl Statements for FlightRunner {
    async fn describe(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<Described, Fault> {
        refuse_use(sql)?;
        let described = self.0.describe(repository, at, sql).await;
        let described = described.map_err(|error| fault(&error))?;
        Ok(Described {
            schema: described.schema,
            is_change: described.is_change,
        })
    }

    async fn rows(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<Rows, Fault> {
        refuse_use(sql)?;
        let rows = self.0.rows(repository, at, sql).await;
        let rows = rows.map_err(|error| fault(&error))?;
        Ok(Rows {
            schema: rows.schema_ref(),
            batches: rows.into_batches().map_err(|error| fault(&error)).boxed(),
        })
    }
}

/// `USE BRANCH` is for the shell, which remembers it: calls of Flight SQL have nothing in common but their headers.
fn refuse_use(sql: &str) -> Result<(), Fault> {
    match sql::Change::parse(sql) {
        Ok(Some(sql::Change::Use { at })) => Err(Fault::Of {
            kind: Kind::Invalid,
            message: format!(
                "there are no sessions here: set the header {} to {at}",
                flight::REF
            ),
        }),
        // others are judged where they are run
        Ok(_) | Err(_) => Ok(()),
    }
}

fn fault(error: &sql::Error) -> Fault {
    let message = error.to_string();
    match error {
        sql::Error::OutOfMemory { .. } => Fault::OutOfMemory { message },
        sql::Error::TooLong { .. } => Fault::TooLong { message },
        other => Fault::Of {
            kind: other.kind(),
            message,
        },
    }
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

/// The runs of hooks, as the REST API wants them.
#[derive(Debug)]
pub(crate) struct Runs(pub(crate) Hooks);

#[async_trait]
impl HookRuns for Runs {
    async fn missing_checks(
        &self,
        repository: &Repository,
        branch: &RefName,
    ) -> Result<Vec<String>, Problem> {
        Ok(self.0.missing_checks(repository, branch).await?)
    }

    async fn runs(
        &self,
        repository: &Repository,
        branch: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RunBody>, Problem> {
        let runs = self.0.runs(repository, branch, limit).await?;
        Ok(runs.into_iter().map(body).collect())
    }

    async fn run(&self, repository: &Repository, id: &str) -> Result<RunBody, Problem> {
        Ok(body(self.0.run(repository, id).await?))
    }

    async fn rerun(&self, repository: &Repository, id: &str) -> Result<RunBody, Problem> {
        Ok(body(self.0.rerun(repository, id).await?))
    }

    fn validate(&self, file: &HookFileBody) -> HookFileAnswer {
        match validated(&file.path, file.text.as_bytes()) {
            Ok(hooks) => HookFileAnswer { hooks, error: None },
            Err(error) => HookFileAnswer {
                hooks: Vec::new(),
                error: Some(error),
            },
        }
    }
}

/// Returns the names of the hooks of a file, or of the check; what is wrong with it, or with a query in it, is an error.
pub(crate) fn validated(path: &str, bytes: &[u8]) -> Result<Vec<String>, String> {
    if is_check(path, bytes) {
        let check = parse_check(path, bytes).map_err(|broken| broken.to_string())?;
        check_query(path, &check.query())?;
        return Ok(vec![check.spec.name]);
    }
    let file = parse_hooks(path, bytes).map_err(|broken| broken.to_string())?;
    file.queries().try_for_each(|query| check_query(path, &query))?;
    Ok(file.hooks.into_iter().map(|hook| hook.name).collect())
}

/// Returns whether a file is a check and not a list of hooks: by where it lies, else by what it has.
fn is_check(path: &str, bytes: &[u8]) -> bool {
    let has = |key: &[u8]| {
        bytes
            .split(|byte| *byte == b'\n')
            .any(|line| line.starts_with(key))
    };
    path.starts_with(hooks::FOLDER)
        || !path.starts_with(hooks::HOOKS_FOLDER) && has(b"sql:") && !has(b"hooks:")
}

/// Whether the tables and columns of a query are there depends on the commit that it will be run on.
fn check_query(path: &str, query: &Query<'_>) -> Result<(), String> {
    let validate = |text: &str| sql::validate(text).map_err(|error| error.to_string());
    query.check(path, validate).map_err(|broken| broken.to_string())
}

fn body(run: Run) -> RunBody {
    RunBody {
        event: run.event().to_string(),
        state: run.state.to_string(),
        duration_us: run.duration_us(),
        id: run.id,
        hook: run.payload.hook,
        kind: run.kind,
        branch: run.payload.branch,
        commit: run.payload.commit,
        file: run.file,
        begun_us: run.begun_us,
        output: run.output,
        repeats: run.repeats,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_of_whose_query_cannot_be_run() {
        let hook = |query: &str| {
            format!(
                "name: f\non:\n  pre-merge:\nhooks:\n  - id: a\n    type: sql\n    properties:\n      query: {query}\n"
            )
        };
        let check = |query: &str| format!("name: c\nsql: |\n  {query}\n");
        let dropped = "SELECT * FROM diff('{{ head }}', '{{ commit }}') WHERE change = 'dropped'";
        for (text, expected) in [
            (hook("SELECT * FROM a.b"), Ok(vec!["f/a".to_owned()])),
            (hook(dropped), Ok(vec!["f/a".to_owned()])),
            (check("SELECT * FROM a.b"), Ok(vec!["c".to_owned()])),
            (
                hook("SELEC 1"),
                Err("it:8:14: the query cannot be run: it cannot be parsed: "),
            ),
            (
                check("SELECT (1"),
                Err("it:3:3: the query cannot be run: it cannot be parsed: Expected: ), found: EOF"),
            ),
            (
                check("DROP TABLE t"),
                Err("it:3:3: the query cannot be run: DROP"),
            ),
            (
                check("MERGE BRANCH a INTO b"),
                Err("it:3:3: the query cannot be run: a statement that changes"),
            ),
            (
                check("SELECT $1"),
                Err("it:3:3: the query cannot be run: parameters ($1) are not taken"),
            ),
            // with a stack as tasks have it
            (
                check(&format!("SELECT 1{}", " + 1".repeat(990))),
                Ok(vec!["c".to_owned()]),
            ),
        ] {
            match (validated("it", text.as_bytes()), expected) {
                (Ok(names), Ok(expected)) => assert_eq!(names, expected),
                (Err(message), Err(expected)) => assert!(message.starts_with(expected), "{message}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
