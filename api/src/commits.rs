//! Commits and the history of refs.

#![expect(unused_qualifications, reason = "utoipa's macro names its own types in full")]

use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use versioning::CommitId;
use versioning::commit::{Commit, CommitKind};

use crate::extract::{Json, Path, Query};
use crate::state::ref_expr;
use crate::{Api, Problem, ProblemBody};

/// How many commits a page has when the request does not say.
const PAGE: usize = 100;
/// The longest page.
const PAGE_MAX: usize = 1_000;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(log))
}

/// A commit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CommitBody {
    pub id: String,
    /// `normal`, `merge`, `import`, `revert`, `cherry-pick` or `auto`.
    pub kind: String,
    pub parents: Vec<String>,
    pub author: String,
    pub message: String,
    /// Microseconds since the Unix epoch.
    pub time_us: u64,
    pub metadata: BTreeMap<String, String>,
    /// The checks that the commit passed before it landed.
    pub checks: Vec<String>,
}

impl CommitBody {
    fn new(id: CommitId, commit: &Commit) -> CommitBody {
        CommitBody {
            id: id.to_string(),
            kind: kind(commit.kind).into(),
            parents: commit.parents.iter().map(CommitId::to_string).collect(),
            author: commit.author.clone(),
            message: commit.message.clone(),
            time_us: commit.time_us,
            metadata: commit.metadata.clone(),
            checks: commit.attested.iter().map(|(check, _)| check.clone()).collect(),
        }
    }
}

fn kind(kind: CommitKind) -> &'static str {
    match kind {
        CommitKind::Normal => "normal",
        CommitKind::Merge => "merge",
        CommitKind::Import => "import",
        CommitKind::Revert => "revert",
        CommitKind::CherryPick => "cherry-pick",
        CommitKind::Auto => "auto",
    }
}

/// A page of a history.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    pub commits: Vec<CommitBody>,
    /// The ref at which the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
struct LogQuery {
    /// How many commits to return: 1 to 1,000, 100 if not given.
    limit: Option<usize>,
}

/// Returns the history of a ref, newest first, along first parents.
#[utoipa::path(get, path = "/repositories/{repository}/refs/{ref}/commits",
    params(("repository" = String, Path), ("ref" = String, Path), LogQuery),
    responses((status = 200, body = LogPage), (status = 404, body = ProblemBody)))]
async fn log(
    State(api): State<Api>,
    Path((repository, at)): Path<(String, String)>,
    Query(query): Query<LogQuery>,
) -> Result<Json<LogPage>, Problem> {
    let repository = api.repository(&repository).await?;
    let from = repository.resolve(&ref_expr(&at)?).await?.commit;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let log = repository.log(from, limit).await?;
    let next = log
        .get(limit - 1)
        .and_then(|(_, last)| last.parents.first())
        .map(CommitId::to_string);
    let commits = log
        .iter()
        .map(|(id, commit)| CommitBody::new(*id, commit))
        .collect();
    Ok(Json(LogPage { commits, next }))
}
