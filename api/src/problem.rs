//! Errors as RFC 9457 problems.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use versioning::Kind;

/// What a client is told of an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// What kind of error this is: `invalid`, `not_found`, `already_exists`, `conflict`, `denied`,
    /// `unavailable`, `corrupt` or `internal`.
    #[serde(rename = "type")]
    pub kind: String,
    pub status: u16,
    pub title: String,
    /// What went wrong, for people.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// An error on its way to a client.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: Kind,
    detail: String,
    hint: Option<String>,
}

impl Problem {
    /// Returns a problem of the given kind.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        Problem {
            kind,
            detail: detail.into(),
            hint: None,
        }
    }

    /// Returns what went wrong, for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Returns the problem as a client reads it.
    pub(crate) fn body(self) -> ProblemBody {
        let (status, kind, title) = terms(self.kind);
        ProblemBody {
            kind: kind.into(),
            status: status.as_u16(),
            title: title.into(),
            detail: self.detail,
            hint: self.hint,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }
}

/// Status, type and title of each kind.
fn terms(kind: Kind) -> (StatusCode, &'static str, &'static str) {
    match kind {
        Kind::Invalid => (StatusCode::BAD_REQUEST, "invalid", "the request is not valid"),
        Kind::NotFound => (StatusCode::NOT_FOUND, "not_found", "not found"),
        Kind::AlreadyExists => (StatusCode::CONFLICT, "already_exists", "already exists"),
        Kind::Conflict => (
            StatusCode::CONFLICT,
            "conflict",
            "in conflict with the present state",
        ),
        Kind::Denied => (StatusCode::FORBIDDEN, "denied", "not allowed"),
        Kind::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "not possible at the moment",
        ),
        Kind::Corrupt => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "corrupt",
            "stored data is damaged",
        ),
        Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "internal error"),
    }
}

/// What to do about errors of the store, where there is something to do.
fn hint(error: &versioning::Error) -> Option<&'static str> {
    match error {
        versioning::Error::NothingToCommit { .. } => {
            Some("write something first, or ask for an empty commit (allow_empty, --allow-empty)")
        }
        versioning::Error::NothingToPick { .. } => {
            Some("if it is to come back, repeat the cherry-pick with again (--again)")
        }
        versioning::Error::Ambiguous { .. } => Some("give more digits"),
        versioning::Error::ReadOnly { .. } => Some("create a branch there and write to it"),
        versioning::Error::Protected { .. } => Some("write to a branch of your own and merge it"),
        versioning::Error::HeadMoved { .. } => Some("try again"),
        versioning::Error::Dirty { .. } => Some("commit or reset the branch first"),
        versioning::Error::MergeState { .. } => Some("see skep merge show"),
        versioning::Error::NoSpace { .. } => Some("free some space: nothing was lost"),
        versioning::Error::Corrupt { .. } => Some("run skep fsck to see all that is damaged"),
        // it says how to change that
        versioning::Error::RepositoryReadOnly { .. } => None,
        versioning::Error::Name { .. }
        | versioning::Error::NotFound { .. }
        | versioning::Error::BranchDeleted { .. }
        | versioning::Error::AlreadyExists { .. }
        | versioning::Error::Refused { .. }
        | versioning::Error::TooLarge { .. }
        | versioning::Error::WriteTooLarge { .. }
        | versioning::Error::Storage { .. }
        | versioning::Error::InUse { .. }
        | versioning::Error::Internal(_) => None,
    }
}

impl From<versioning::Error> for Problem {
    fn from(error: versioning::Error) -> Problem {
        let problem = Problem::new(error.kind(), error.to_string());
        match hint(&error) {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        }
    }
}

impl From<catalog::Error> for Problem {
    fn from(error: catalog::Error) -> Problem {
        match error {
            catalog::Error::Store(error) => error.into(),
            other => Problem::new(other.kind(), other.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, kind, _) = terms(self.kind);
        if status.is_server_error() {
            tracing::error!(kind, detail = self.detail, "request failed");
        }
        let body = self.body();
        let json = HeaderValue::from_static("application/problem+json");
        (status, [(header::CONTENT_TYPE, json)], Json(body)).into_response()
    }
}

pub(crate) async fn no_route(uri: Uri) -> Problem {
    Problem::new(Kind::NotFound, format!("there is nothing at {uri}"))
        .with_hint("see /api/v1/openapi.json for all routes")
}

pub(crate) async fn no_method(method: Method, uri: Uri) -> Problem {
    Problem::new(Kind::Invalid, format!("{method} is not possible at {uri}"))
        .with_hint("see /api/v1/openapi.json for all routes")
}
