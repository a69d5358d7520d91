//! The REST API: repositories, branches, tags, commits, diffs and merges, for the CLI and for programs.
//!
//! *Architecture invariant:* holds no rules. A route parses its request, calls the store or the catalog, and
//! turns the answer into JSON. Errors are RFC 9457 problems ([`problem`]); the OpenAPI document is generated
//! from the routes.

pub mod attempts;
pub mod branches;
pub mod commits;
pub mod data_diffs;
mod diff_bodies;
pub mod diffs;
mod extract;
pub mod hooks;
mod lines;
pub mod merges;
mod problem;
pub mod repositories;
pub mod rules;
mod serve;
pub mod sql;
mod state;
pub mod tags;
pub mod wishes;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use data_diffs::DataDiffs;
pub use hooks::HookRuns;
pub use lines::JSON_LINES;
pub use problem::{Problem, ProblemBody};
pub use serve::{Metrics, serve};
pub use sql::{ArrowBytes, SqlAnswer, SqlColumn, SqlRunner};
pub use state::Api;

/// The path below which all routes lie.
pub const BASE: &str = "/api/v1";

#[derive(OpenApi)]
#[openapi(info(
    title = "skep",
    description = "A Hive Metastore with branches: repositories of tables and files, their refs and merges.",
    license(name = "Apache-2.0")
))]
struct Description;

/// Returns the routes, and `/api/v1/openapi.json`, which describes them.
pub fn router(api: Api) -> Router {
    let (routes, description) = OpenApiRouter::with_openapi(Description::openapi())
        .nest(
            BASE,
            OpenApiRouter::new()
                .merge(changing())
                .merge(diffs::routes())
                .merge(data_diffs::routes())
                .merge(sql::routes()),
        )
        .with_state(api)
        .split_for_parts();
    let description = axum::Json(description);
    routes
        .route("/api/v1/openapi.json", get(async move || description.clone()))
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
}

/// Returns the routes that change something, or may.
fn changing() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(repositories::routes())
        .merge(rules::routes())
        .merge(branches::routes())
        .merge(tags::routes())
        .merge(commits::routes())
        .merge(merges::routes())
        .merge(hooks::routes())
        .merge(attempts::routes())
        .layer(middleware::from_fn(to_its_end))
}

/// Answers a request, and does what it asks for to the end though its client may leave: a head that moved has hooks
/// that are to be told.
async fn to_its_end(request: Request, next: Next) -> Response {
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    }
}
