//! SQL over a ref: rows as JSON, or as a stream of Arrow IPC.

use std::fmt::Debug;

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use versioning::{RefExpr, Repository};

use crate::extract::{Json, Path};
use crate::state::ref_expr;
use crate::{Api, Problem, ProblemBody};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(query))
}

/// What a query found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SqlAnswer {
    pub columns: Vec<SqlColumn>,
    /// Each row by the names of its columns.
    #[schema(value_type = Vec<Object>)]
    pub rows: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Whether there are more rows than one answer may hold.
    pub truncated: bool,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SqlColumn {
    pub name: String,
    /// The type, as Arrow writes it.
    #[serde(rename = "type")]
    pub type_name: String,
}

/// The media type of a stream of Arrow IPC.
const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";

/// The bytes of an Arrow IPC stream.
pub type ArrowBytes = BoxStream<'static, Result<Bytes, Problem>>;

/// Runs queries: handed in, since this room knows no SQL engine.
#[async_trait]
pub trait SqlRunner: Debug + Send + Sync {
    /// Runs one statement on a ref.
    ///
    /// # Errors
    /// A problem that says what is wrong with the statement, or with what it reads.
    async fn query(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<SqlAnswer, Problem>;

    /// Runs one statement on a ref, and returns all of its rows as the bytes of an Arrow IPC stream.
    ///
    /// # Errors
    /// As [`SqlRunner::query`]; one that comes later ends the stream before its end.
    async fn arrow(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<ArrowBytes, Problem>;
}

/// A query.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlRequest {
    pub sql: String,
    /// The default branch if not given.
    #[serde(rename = "ref", default)]
    pub at: Option<String>,
}

/// Runs a statement on a ref: a query, or one about branches. Who accepts `application/vnd.apache.arrow.stream` is
/// given all rows as they come, and not only as many as one answer in JSON may hold.
#[utoipa::path(post, path = "/repositories/{repository}/sql", params(("repository" = String, Path)),
    request_body = SqlRequest, responses((status = 200, content((SqlAnswer = "application/json"),
        (Vec<u8> = "application/vnd.apache.arrow.stream"))), (status = 400, body = ProblemBody)))]
async fn query(
    State(api): State<Api>,
    Path(repository): Path<String>,
    headers: HeaderMap,
    Json(request): Json<SqlRequest>,
) -> Result<Response, Problem> {
    let repository = api.repository(&repository).await?;
    let at = match &request.at {
        Some(text) => ref_expr(text)?,
        None => repository.record().default_branch.clone().into(),
    };
    if !accepts_arrow(&headers) {
        let answer = api.sql.query(&repository, &at, &request.sql).await?;
        return Ok(Json(answer).into_response());
    }
    let bytes = api.sql.arrow(&repository, &at, &request.sql).await?;
    let bytes = bytes.inspect_err(|problem| {
        tracing::warn!(
            detail = problem.detail(),
            "a query failed while its rows were sent"
        );
    });
    let body = Body::from_stream(bytes.map_err(|problem| problem.detail().to_owned()));
    Ok(([(CONTENT_TYPE, ARROW_STREAM)], body).into_response())
}

fn accepts_arrow(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(','));
    kinds.any(|kind| {
        kind.split(';')
            .next()
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(ARROW_STREAM))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrow_is_sent_to_who_asks_for_it() {
        for (accept, expected) in [
            ("", false),
            ("*/*", false),
            ("application/json", false),
            ("application/vnd.apache.arrow.stream", true),
            (
                "application/json;q=0.5, Application/vnd.apache.arrow.stream;q=1",
                true,
            ),
        ] {
            let headers: HeaderMap = [(ACCEPT, accept.parse().unwrap())].into_iter().collect();
            assert_eq!(accepts_arrow(&headers), expected, "{accept}");
        }
    }
}
