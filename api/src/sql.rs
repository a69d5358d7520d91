//! SQL over a ref, as JSON.

use std::fmt::Debug;

use async_trait::async_trait;
use axum::extract::State;
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

/// Runs queries: handed in, since this room knows no SQL engine.
#[async_trait]
pub trait SqlRunner: Debug + Send + Sync {
    /// Runs one statement on a ref.
    ///
    /// # Errors
    /// A problem that says what is wrong with the statement, or with what it reads.
    async fn query(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<SqlAnswer, Problem>;
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

/// Runs a query on a ref. It reads and cannot write.
#[utoipa::path(post, path = "/repositories/{repository}/sql", params(("repository" = String, Path)),
    request_body = SqlRequest, responses((status = 200, body = SqlAnswer), (status = 400, body = ProblemBody)))]
async fn query(
    State(api): State<Api>,
    Path(repository): Path<String>,
    Json(request): Json<SqlRequest>,
) -> Result<Json<SqlAnswer>, Problem> {
    let repository = api.repository(&repository).await?;
    let at = match &request.at {
        Some(text) => ref_expr(text)?,
        None => repository.record().default_branch.clone().into(),
    };
    Ok(Json(api.sql.query(&repository, &at, &request.sql).await?))
}
