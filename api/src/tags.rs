//! Tags.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Path};
use crate::state::{ref_expr, ref_name};
use crate::{Api, Problem, ProblemBody};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(delete))
}

/// A tag.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TagBody {
    pub name: String,
    pub commit: String,
}

/// A tag that is to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTag {
    pub name: String,
    /// What it names: the default branch if not given. Of a branch the committed state counts.
    #[serde(default)]
    pub at: Option<String>,
}

/// Lists all tags.
#[utoipa::path(get, path = "/repositories/{repository}/tags", params(("repository" = String, Path)),
    responses((status = 200, body = Vec<TagBody>), (status = 404, body = ProblemBody)))]
async fn list(State(api): State<Api>, Path(repository): Path<String>) -> Result<Json<Vec<TagBody>>, Problem> {
    let tags = api.repository(&repository).await?.tags().await?;
    let body = |(name, commit): (versioning::RefName, versioning::CommitId)| TagBody {
        name: name.to_string(),
        commit: commit.to_string(),
    };
    Ok(Json(tags.into_iter().map(body).collect()))
}

/// Creates a tag.
#[utoipa::path(post, path = "/repositories/{repository}/tags", params(("repository" = String, Path)),
    request_body = NewTag, responses((status = 201, body = TagBody), (status = 409, body = ProblemBody)))]
async fn create(
    State(api): State<Api>,
    Path(repository): Path<String>,
    Json(new): Json<NewTag>,
) -> Result<(StatusCode, Json<TagBody>), Problem> {
    let repository = api.repository(&repository).await?;
    let at = match &new.at {
        Some(text) => ref_expr(text)?,
        None => repository.record().default_branch.clone().into(),
    };
    let commit = repository.create_tag(&ref_name(&new.name)?, &at).await?;
    Ok((
        StatusCode::CREATED,
        Json(TagBody {
            name: new.name,
            commit: commit.to_string(),
        }),
    ))
}

/// Removes a tag; the commit stays.
#[utoipa::path(delete, path = "/repositories/{repository}/tags/{tag}",
    params(("repository" = String, Path), ("tag" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemBody)))]
async fn delete(
    State(api): State<Api>,
    Path((repository, tag)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    api.repository(&repository)
        .await?
        .delete_tag(&ref_name(&tag)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
