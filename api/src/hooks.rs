//! Runs of hooks and checks: what ran, how it ended and what it said.

#![expect(unused_qualifications, reason = "utoipa's macro names its own types in full")]

use std::fmt::Debug;

use async_trait::async_trait;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tokio::task::JoinError;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use versioning::{Kind, RefName, Repository};

use crate::extract::{Json, Path, Query};
use crate::{Api, Problem, ProblemBody};

/// How many runs are listed, if a request does not say, and at most.
const RUNS_DEFAULT: usize = 50;
const RUNS_MAX: usize = 1_000;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(runs))
        .routes(routes!(run))
        .routes(routes!(rerun))
        .routes(routes!(validate))
}

/// A run of a hook or check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunBody {
    /// Later runs sort after earlier ones.
    pub id: String,
    /// Such as `pre-merge`.
    pub event: String,
    /// The name of the hook: that of its file, `/`, and its own id; or that of a check.
    pub hook: String,
    /// The type of the action.
    #[serde(rename = "type")]
    pub kind: String,
    /// `waiting`, `running`, `passed`, `failed`, `errored`, `too_long` or `interrupted`.
    pub state: String,
    /// The branch or tag that it is about.
    pub branch: String,
    /// The commit that would become the head, or has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The file that the hook stands in.
    pub file: String,
    /// Microseconds since the Unix epoch; 0 before it begins.
    pub begun_us: u64,
    /// How long it took, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
    /// What it said, cut where it was too much.
    pub output: String,
    /// The run that this one repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<String>,
}

/// A hook file that is to be looked at.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HookFileBody {
    /// The path, for messages: below `.skep/checks/` it is a check file.
    pub path: String,
    pub text: String,
}

/// What is found in a hook file.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HookFileAnswer {
    /// The names of its hooks, if it can be used.
    pub hooks: Vec<String>,
    /// `path:line:column: what is wrong`, if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Knows the runs of hooks: handed in, since this room knows no hooks.
#[async_trait]
pub trait HookRuns: Debug + Send + Sync {
    /// Returns the checks that a branch requires and has not.
    ///
    /// # Errors
    /// Those of the store.
    async fn missing_checks(&self, repository: &Repository, branch: &RefName)
    -> Result<Vec<String>, Problem>;

    /// Returns the last runs, newest first; those of a branch alone if one is named.
    ///
    /// # Errors
    /// Those of the store.
    async fn runs(
        &self,
        repository: &Repository,
        branch: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RunBody>, Problem>;

    /// Returns a run.
    ///
    /// # Errors
    /// A problem if there is none of that id.
    async fn run(&self, repository: &Repository, id: &str) -> Result<RunBody, Problem>;

    /// Runs a hook again, and returns the new run once it has ended.
    ///
    /// # Errors
    /// A problem if there is no such run, or it cannot be run again.
    async fn rerun(&self, repository: &Repository, id: &str) -> Result<RunBody, Problem>;

    /// Returns what a hook file holds, or what is wrong with it.
    fn validate(&self, file: &HookFileBody) -> HookFileAnswer;
}

/// Which runs are listed.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct RunsQuery {
    /// Those about this branch or tag alone.
    branch: Option<String>,
    /// At most so many.
    limit: Option<usize>,
}

/// Lists the last runs of hooks and checks, newest first.
#[utoipa::path(get, path = "/repositories/{repository}/hooks/runs", params(("repository" = String, Path), RunsQuery),
    responses((status = 200, body = Vec<RunBody>), (status = 404, body = ProblemBody)))]
async fn runs(
    State(api): State<Api>,
    Path(repository): Path<String>,
    Query(query): Query<RunsQuery>,
) -> Result<Json<Vec<RunBody>>, Problem> {
    let repository = api.repository(&repository).await?;
    let limit = query.limit.unwrap_or(RUNS_DEFAULT).min(RUNS_MAX);
    let runs = api
        .hooks
        .runs(&repository, query.branch.as_deref(), limit)
        .await?;
    Ok(Json(runs))
}

/// Returns a run with what it said.
#[utoipa::path(get, path = "/repositories/{repository}/hooks/runs/{run}",
    params(("repository" = String, Path), ("run" = String, Path)),
    responses((status = 200, body = RunBody), (status = 404, body = ProblemBody)))]
async fn run(
    State(api): State<Api>,
    Path((repository, run)): Path<(String, String)>,
) -> Result<Json<RunBody>, Problem> {
    let repository = api.repository(&repository).await?;
    Ok(Json(api.hooks.run(&repository, &run).await?))
}

/// Runs a hook again as it ran before, and answers when it has ended. It moves nothing.
#[utoipa::path(post, path = "/repositories/{repository}/hooks/runs/{run}/rerun",
    params(("repository" = String, Path), ("run" = String, Path)),
    responses((status = 200, body = RunBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn rerun(
    State(api): State<Api>,
    Path((repository, run)): Path<(String, String)>,
) -> Result<Json<RunBody>, Problem> {
    let repository = api.repository(&repository).await?;
    Ok(Json(api.hooks.rerun(&repository, &run).await?))
}

/// Tells what is wrong with a hook file. Nothing is run or stored.
#[utoipa::path(post, path = "/repositories/{repository}/hooks/validate", params(("repository" = String, Path)),
    request_body = HookFileBody, responses((status = 200, body = HookFileAnswer), (status = 404, body = ProblemBody)))]
async fn validate(
    State(api): State<Api>,
    Path(repository): Path<String>,
    Json(file): Json<HookFileBody>,
) -> Result<Json<HookFileAnswer>, Problem> {
    api.repository(&repository).await?;
    let looked_at = tokio::task::spawn_blocking(move || api.hooks.validate(&file));
    let failed = |error: JoinError| Problem::new(Kind::Internal, error.to_string());
    let answer = looked_at.await.map_err(failed)?;
    Ok(Json(answer))
}
