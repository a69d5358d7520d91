//! What differs in the data of tables between two refs: profiles of changed partitions, and rows by key.

#![expect(unused_qualifications, reason = "utoipa's macro names its own types in full")]

use std::fmt::Debug;

use async_trait::async_trait;
use axum::extract::State;
use axum::response::Response;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use versioning::{RefExpr, Repository};

use crate::extract::{Json, Path, Query};
use crate::lines::json_lines;
use crate::state::ref_expr;
use crate::{Api, Problem, ProblemBody};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(profile))
        .routes(routes!(rows))
}

/// The most partitions of a table that are profiled.
const PARTITIONS_MAX: usize = 1_000;
/// How many partitions of a table are profiled where nothing is said.
const PARTITIONS: usize = 100;
/// How many rows are told where nothing is said.
const ROWS: usize = 1_000;

/// Compares the data of tables: handed in, since this room knows no SQL engine.
#[async_trait]
pub trait DataDiffs: Debug + Send + Sync {
    /// Returns profiles of what changed in the tables of a glob.
    ///
    /// # Errors
    /// A problem with what has to be read.
    async fn profile(
        &self,
        repository: &Repository,
        refs: (&RefExpr, &RefExpr),
        tables: &str,
        partitions_max: usize,
    ) -> Result<ProfileBody, Problem>;

    /// Returns the rows of a table that differ, by key.
    ///
    /// # Errors
    /// A problem with the table or the key; one that comes later ends the lines.
    async fn rows(
        &self,
        repository: &Repository,
        refs: (&RefExpr, &RefExpr),
        wish: &RowsWish,
    ) -> Result<RowLines, Problem>;
}

/// Which rows are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsWish {
    /// `database.table`.
    pub table: String,
    /// The columns by which a row is known.
    pub key: Vec<String>,
    pub rows_max: usize,
}

/// The lines of a row diff, as they come.
pub type RowLines = BoxStream<'static, Result<RowLine, Problem>>;

/// Profiles of the tables of which data changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProfileBody {
    pub tables: Vec<TableProfileBody>,
}

/// A table of which data changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TableProfileBody {
    pub database: String,
    pub name: String,
    /// The changed partitions by name; of a table without partitions one that has no name.
    pub partitions: Vec<PartitionProfileBody>,
    /// How many more partitions differ, which were not read.
    pub partitions_left: u64,
    /// Why the table was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// A partition whose data changed, or a table without partitions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartitionProfileBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// As in a diff.
    pub fate: String,
    /// `null` where it was not there.
    pub rows_before: Option<u64>,
    pub rows_after: Option<u64>,
    pub columns: Vec<ColumnProfileBody>,
}

/// A column of a partition, `null` on the side on which there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnProfileBody {
    pub name: String,
    pub before: Option<ValuesBody>,
    pub after: Option<ValuesBody>,
}

/// What is told of the values of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ValuesBody {
    /// `null` where there is none, and for values that have parts.
    pub min: Value,
    pub max: Value,
    pub nulls: u64,
    /// How many there are, wrong by a percent or so; `null` for values that have parts.
    pub distinct_approx: Option<u64>,
}

/// A line of a row diff: first what is compared, then the rows in the order of their keys, then an end. Lines without
/// an end are not all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RowLine {
    Columns {
        key: Vec<String>,
        /// The other columns that are compared.
        columns: Vec<String>,
        /// Those of them that one side alone has: on the other they are `null`.
        one_sided: Vec<String>,
    },
    Row(RowBody),
    End {
        /// How many rows were told.
        rows: u64,
        /// Whether there are more than were asked for.
        truncated: bool,
    },
    /// Instead of an end.
    Error {
        problem: ProblemBody,
    },
}

/// A row that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RowBody {
    /// `added`, `removed`, `changed`; `duplicate_key` and `null_key` where rows of that key are only counted.
    pub change: String,
    #[schema(value_type = Object)]
    pub key: Map<String, Value>,
    /// What it was; of a changed row the columns that differ.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub before: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub after: Map<String, Value>,
    /// How many rows of files that changed have the key.
    pub rows_before: u64,
    pub rows_after: u64,
}

#[derive(Debug, Deserialize, IntoParams)]
struct ProfileQuery {
    /// The version before.
    from: String,
    /// The version after.
    to: String,
    /// Which tables, as `sales.*`: all if not given.
    tables: Option<String>,
    /// How many partitions of a table to read: 100 if not given, at most 1,000.
    partitions: Option<usize>,
}

#[derive(Debug, Deserialize, IntoParams)]
struct RowsQuery {
    /// The version before.
    from: String,
    /// The version after.
    to: String,
    /// The table, as `sales.orders`.
    table: String,
    /// The columns by which a row is known, with commas between them.
    key: String,
    /// How many rows to tell: 1,000 if not given.
    limit: Option<usize>,
}

/// Returns the rows, and the least, greatest, missing and distinct values of each column, before and after, of each
/// partition that changed between two refs. Reads those partitions and nothing else.
#[utoipa::path(get, path = "/repositories/{repository}/diff/profile",
    params(("repository" = String, Path), ProfileQuery),
    responses((status = 200, body = ProfileBody), (status = 404, body = ProblemBody)))]
async fn profile(
    State(api): State<Api>,
    Path(repository): Path<String>,
    Query(query): Query<ProfileQuery>,
) -> Result<Json<ProfileBody>, Problem> {
    let repository = api.repository(&repository).await?;
    let (from, to) = (ref_expr(&query.from)?, ref_expr(&query.to)?);
    let tables = query.tables.as_deref().unwrap_or("*");
    let partitions = query.partitions.unwrap_or(PARTITIONS).min(PARTITIONS_MAX);
    let profile = api.data.profile(&repository, (&from, &to), tables, partitions);
    Ok(Json(profile.await?))
}

/// Returns the rows of a table that differ between two refs, by key, as lines of JSON. Reads the files that came or
/// went, and nothing else.
#[utoipa::path(get, path = "/repositories/{repository}/diff/rows",
    params(("repository" = String, Path), RowsQuery),
    responses((status = 200, content((RowLine = "application/x-ndjson"))),
        (status = 400, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn rows(
    State(api): State<Api>,
    Path(repository): Path<String>,
    Query(query): Query<RowsQuery>,
) -> Result<Response, Problem> {
    let repository = api.repository(&repository).await?;
    let (from, to) = (ref_expr(&query.from)?, ref_expr(&query.to)?);
    let wish = RowsWish {
        table: query.table,
        key: query.key.split(',').map(str::to_owned).collect(),
        rows_max: query.limit.unwrap_or(ROWS),
    };
    let lines = api.data.rows(&repository, (&from, &to), &wish).await?;
    Ok(json_lines(lines.map(|line| line.unwrap_or_else(failed))))
}

/// The answer has begun: all that can be said of a problem is a line.
fn failed(problem: Problem) -> RowLine {
    tracing::warn!(
        detail = problem.detail(),
        "a row diff failed while its rows were sent"
    );
    RowLine::Error {
        problem: problem.body(),
    }
}
