//! What differs between two refs, and what is staged on a branch.

#![expect(unused_qualifications, reason = "utoipa's macro names its own types in full")]

use axum::extract::State;
use axum::response::Response;
use catalog::diff::{CatalogDiff, FilesDiff, Limits, TableDiff, count_rows, diff};
use futures::stream;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use versioning::{Kind, RefExpr, Repository};

use crate::extract::{Json, Path, Query};
use crate::lines::json_lines;
use crate::state::{ref_expr, ref_name};
use crate::{Api, Problem, ProblemBody};

pub use crate::diff_bodies::{
    ColumnBody, DatabaseBody, DiffBody, DiffLine, FilesBody, FunctionBody, PartitionBody, PartitionsBody,
    PropertyBody, TableBody,
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(between))
        .routes(routes!(between_lines))
        .routes(routes!(status))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
struct DiffQuery {
    /// The version before.
    from: String,
    /// The version after.
    to: String,
    /// Compare with what both began from instead of `from`: what a merge of `to` would bring there.
    #[serde(default)]
    merge_base: bool,
    /// How many partitions of a table to list: 100 if not given, at most 10,000.
    partitions: Option<usize>,
    /// The name behind which they begin: the `next` of the partitions before.
    partitions_after: Option<String>,
    /// The only table to tell of, as `sales.orders`.
    table: Option<String>,
    /// How many databases, tables and functions to tell of: all if not given.
    limit: Option<usize>,
    /// How many of them to leave out: the `next` of the answer before.
    #[serde(default)]
    after: usize,
}

/// The most partitions of a table that a page lists.
const PARTITIONS_MAX: usize = 10_000;
/// The most that are listed line by line; the rest is counted, and the table says where to go on.
const PARTITION_LINES_MAX: usize = 1_000_000;

impl DiffQuery {
    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.partitions_max = self
            .partitions
            .unwrap_or(limits.partitions_max)
            .min(PARTITIONS_MAX);
        limits.partitions_after.clone_from(&self.partitions_after);
        limits
    }

    /// Leaves what is asked for, and returns where to go on.
    fn page(&self, diff: &mut CatalogDiff) -> Option<usize> {
        if let Some(table) = &self.table {
            let tables = std::mem::take(&mut diff.tables);
            let is_it = |found: &TableDiff| format!("{}.{}", found.database, found.name) == *table;
            *diff = CatalogDiff {
                tables: tables.into_iter().filter(is_it).collect(),
                ..CatalogDiff::default()
            };
        }
        let (mut skipped, mut left) = (self.after, self.limit.unwrap_or(usize::MAX));
        let mut has_more = cut(&mut diff.databases, &mut skipped, &mut left);
        has_more |= cut(&mut diff.tables, &mut skipped, &mut left);
        has_more |= cut(&mut diff.functions, &mut skipped, &mut left);
        if has_more {
            // told at the end
            diff.files = FilesDiff::default();
        }
        has_more.then(|| self.after.saturating_add(self.limit.unwrap_or_default()))
    }
}

/// Leaves of a list what is on the page, and returns whether there is more behind it.
fn cut<T>(list: &mut Vec<T>, skipped: &mut usize, left: &mut usize) -> bool {
    let first = list.len().min(*skipped);
    list.drain(..first);
    *skipped -= first;
    let has_more = list.len() > *left;
    list.truncate(*left);
    *left -= list.len();
    has_more
}

/// Returns what differs between two refs; of a branch what is staged counts, unless it has an `@` behind it.
#[utoipa::path(get, path = "/repositories/{repository}/diff", params(("repository" = String, Path), DiffQuery),
    responses((status = 200, body = DiffBody), (status = 404, body = ProblemBody)))]
async fn between(
    State(api): State<Api>,
    Path(repository): Path<String>,
    Query(query): Query<DiffQuery>,
) -> Result<Json<DiffBody>, Problem> {
    let repository = api.repository(&repository).await?;
    let (from, to) = ends(&repository, (&query.from, &query.to), query.merge_base).await?;
    let page = |found: &mut CatalogDiff| query.page(found);
    let found = compare(&api, &repository, (&from, &to), &query.limits(), page).await?;
    Ok(Json(found))
}

#[derive(Debug, Deserialize, IntoParams)]
struct LinesQuery {
    /// The version before.
    from: String,
    /// The version after.
    to: String,
    /// Compare with what both began from instead of `from`: what a merge of `to` would bring there.
    #[serde(default)]
    merge_base: bool,
}

/// Returns all that differs between two refs, with the partitions, as lines of JSON. The diff is computed first, so that
/// all lines are of the same two versions.
#[utoipa::path(get, path = "/repositories/{repository}/diff/lines",
    params(("repository" = String, Path), LinesQuery),
    responses((status = 200, content((DiffLine = "application/x-ndjson"))), (status = 404, body = ProblemBody)))]
async fn between_lines(
    State(api): State<Api>,
    Path(repository): Path<String>,
    Query(query): Query<LinesQuery>,
) -> Result<Response, Problem> {
    let repository = api.repository(&repository).await?;
    let (from, to) = ends(&repository, (&query.from, &query.to), query.merge_base).await?;
    let limits = Limits {
        partitions_max: PARTITION_LINES_MAX,
        ..Limits::default()
    };
    let found = compare(&api, &repository, (&from, &to), &limits, |_| None).await?;
    Ok(json_lines(stream::iter(found.into_lines())))
}

/// Returns what is staged on a branch.
#[utoipa::path(get, path = "/repositories/{repository}/branches/{branch}/status",
    params(("repository" = String, Path), ("branch" = String, Path)),
    responses((status = 200, body = DiffBody), (status = 404, body = ProblemBody)))]
async fn status(
    State(api): State<Api>,
    Path((repository, branch)): Path<(String, String)>,
) -> Result<Json<DiffBody>, Problem> {
    let repository = api.repository(&repository).await?;
    let staged = RefExpr::from(ref_name(&branch)?);
    let committed = RefExpr {
        committed: true,
        ..staged.clone()
    };
    let limits = Limits::default();
    let found = compare(&api, &repository, (&committed, &staged), &limits, |_| None).await?;
    Ok(Json(found))
}

/// Returns the versions that are compared.
async fn ends(
    repository: &Repository,
    (from, to): (&str, &str),
    merge_base: bool,
) -> Result<(RefExpr, RefExpr), Problem> {
    let (from, to) = (ref_expr(from)?, ref_expr(to)?);
    if !merge_base {
        return Ok((from, to));
    }
    let (ours, theirs) = (repository.resolve(&from).await?, repository.resolve(&to).await?);
    match repository.merge_base(ours.commit, theirs.commit).await? {
        Some(base) => Ok((RefExpr::from(base), to)),
        None => Err(Problem::new(
            Kind::Invalid,
            format!("{from} and {to} have no common commit"),
        )),
    }
}

/// Compares two versions, and counts the rows of those tables that `page` leaves, which returns where to go on.
async fn compare(
    api: &Api,
    repository: &Repository,
    (from, to): (&RefExpr, &RefExpr),
    limits: &Limits,
    page: impl FnOnce(&mut CatalogDiff) -> Option<usize>,
) -> Result<DiffBody, Problem> {
    let (before, after) = (repository.settled(from).await?, repository.settled(to).await?);
    let mut found = diff(&before, &after, limits).await?;
    let next = page(&mut found);
    count_rows(&mut found, repository, &before, &after, api.rows.as_ref()).await?;
    Ok(DiffBody { next, ..found.into() })
}

#[cfg(test)]
mod tests {
    use catalog::diff::{DatabaseDiff, FunctionDiff};

    use super::*;

    #[test]
    fn what_a_diff_lists_has_a_limit() {
        for (asked, expected) in [
            (None, 100),
            (Some(7), 7),
            (Some(10_000), 10_000),
            (Some(10_001), 10_000),
        ] {
            let query = DiffQuery {
                partitions: asked,
                ..DiffQuery::default()
            };
            assert_eq!(query.limits().partitions_max, expected);
        }
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let named = |name: &str| FunctionDiff {
            database: "d".into(),
            name: name.into(),
            fate: catalog::diff::Fate::Created,
        };
        let database = |name: &str| DatabaseDiff {
            name: name.into(),
            fate: catalog::diff::Fate::Created,
            properties: Vec::new(),
        };
        let whole = CatalogDiff {
            databases: vec![database("a"), database("b")],
            functions: vec![named("f"), named("g"), named("h")],
            files: FilesDiff {
                added: 1,
                ..FilesDiff::default()
            },
            ..CatalogDiff::default()
        };
        let page = |after: usize, limit: Option<usize>, table: Option<&str>| {
            let query = DiffQuery {
                after,
                limit,
                table: table.map(str::to_owned),
                ..DiffQuery::default()
            };
            let mut diff = whole.clone();
            let next = query.page(&mut diff);
            (diff.databases.len(), diff.functions.len(), diff.files.added, next)
        };
        assert_eq!(page(0, None, None), (2, 3, 1, None));
        assert_eq!(page(0, Some(3), None), (2, 1, 0, Some(3)));
        assert_eq!(page(3, Some(3), None), (0, 2, 1, None));
        assert_eq!(page(0, Some(2), None), (2, 0, 0, Some(2)));
        assert_eq!(page(9, Some(2), None), (0, 0, 1, None));
        assert_eq!(page(0, Some(2), Some("sales.t")), (0, 0, 0, None));
    }
}
