//! Rules of a repository for all branches whose names match a pattern.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use versioning::refs::{Expiry, Pattern, Protection, Rule};
use versioning::{Error, Repository};

use crate::branches::{ProtectionBody, lacking};
use crate::extract::{Json, Path};
use crate::{Api, Problem, ProblemBody};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, set, remove))
}

const SECOND_US: u64 = 1_000_000;

/// Returns how long a branch lives, of times in seconds; 0 is for ever.
pub(crate) fn expiry(ttl_seconds: Option<u64>, idle_seconds: Option<u64>) -> Expiry {
    let us = |seconds: Option<u64>| Some(seconds?.saturating_mul(SECOND_US)).filter(|us| *us > 0);
    Expiry {
        ttl_us: us(ttl_seconds),
        idle_us: us(idle_seconds),
    }
}

/// Returns a time of an expiry in seconds.
pub(crate) fn seconds(us: Option<u64>) -> Option<u64> {
    us.map(|us| us / SECOND_US)
}

/// What holds for the branches that a pattern stands for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    /// Refuses direct writes, and says what a merge has to fulfil: of all rules for a branch, and of what it says
    /// itself, the strictest counts in each respect.
    #[serde(default)]
    pub protection: Option<ProtectionBody>,
    /// How long branches live that are made from now on: of all rules for a branch, and of what is asked for it, the
    /// shortest time counts. Not together with protection, for a protected branch does not expire.
    #[serde(default)]
    pub ttl_seconds: Option<u64>,
    /// The same, since they were written to last or their heads moved.
    #[serde(default)]
    pub idle_seconds: Option<u64>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleBody {
    /// Stands for names of branches: `*` for any text, `?` for any letter.
    pub pattern: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protection: Option<ProtectionBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_seconds: Option<u64>,
    /// What cannot work as it was just set, of the first branches for which that is so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Of how many branches it is told that they lack a check.
const BRANCHES_WARNED_OF: usize = 10;

impl RuleBody {
    fn new(pattern: &Pattern, rule: &Rule) -> RuleBody {
        RuleBody {
            pattern: pattern.to_string(),
            protection: rule.protection.as_ref().map(ProtectionBody::from),
            ttl_seconds: seconds(rule.expiry.ttl_us),
            idle_seconds: seconds(rule.expiry.idle_us),
            warnings: Vec::new(),
        }
    }
}

/// Lists all rules, by pattern.
#[utoipa::path(get, path = "/repositories/{repository}/rules", params(("repository" = String, Path)),
    responses((status = 200, body = Vec<RuleBody>), (status = 404, body = ProblemBody)))]
async fn list(
    State(api): State<Api>,
    Path(repository): Path<String>,
) -> Result<Json<Vec<RuleBody>>, Problem> {
    let rules = api.repository(&repository).await?.rules().await?;
    let body = |(pattern, rule)| RuleBody::new(pattern, rule);
    Ok(Json(rules.patterns.iter().map(body).collect()))
}

/// Returns the rule of a pattern.
#[utoipa::path(get, path = "/repositories/{repository}/rules/{pattern}",
    params(("repository" = String, Path), ("pattern" = String, Path)),
    responses((status = 200, body = RuleBody), (status = 404, body = ProblemBody)))]
async fn get(
    State(api): State<Api>,
    Path((repository, pattern)): Path<(String, String)>,
) -> Result<Json<RuleBody>, Problem> {
    let pattern = Pattern::parse(&pattern)?;
    let rules = api.repository(&repository).await?.rules().await?;
    let found = rules.patterns.get(&pattern).ok_or_else(|| Error::NotFound {
        what: "rule",
        name: pattern.to_string(),
    })?;
    Ok(Json(RuleBody::new(&pattern, found)))
}

/// Says what holds for the branches that a pattern stands for, instead of what was said of it before. Protection holds
/// at once, for branches that are there as for those that are made later.
#[utoipa::path(put, path = "/repositories/{repository}/rules/{pattern}",
    params(("repository" = String, Path), ("pattern" = String, Path)), request_body = NewRule,
    responses((status = 200, body = RuleBody), (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn set(
    State(api): State<Api>,
    Path((repository, pattern)): Path<(String, String)>,
    Json(new): Json<NewRule>,
) -> Result<Json<RuleBody>, Problem> {
    let pattern = Pattern::parse(&pattern)?;
    let rule = Rule {
        protection: new.protection.as_ref().map(Protection::from),
        expiry: expiry(new.ttl_seconds, new.idle_seconds),
    };
    let repository = api.repository(&repository).await?;
    repository.set_rule(&pattern, &rule).await?;
    let mut body = RuleBody::new(&pattern, &rule);
    if rule
        .protection
        .is_some_and(|rules| !rules.required_checks.is_empty())
    {
        body.warnings = missing_checks(&api, &repository, &pattern).await?;
    }
    Ok(Json(body))
}

/// Says which branches require checks that they have not.
async fn missing_checks(
    api: &Api,
    repository: &Repository,
    pattern: &Pattern,
) -> Result<Vec<String>, Problem> {
    let (mut branches, mut warnings) = (0, Vec::new());
    for branch in repository.branches().await? {
        if !pattern.matches(branch.name.as_str()) {
            continue;
        }
        let lacking = lacking(api, repository, &branch.name).await?;
        branches += usize::from(!lacking.is_empty());
        warnings.extend(lacking);
        if branches == BRANCHES_WARNED_OF {
            break;
        }
    }
    Ok(warnings)
}

/// Removes the rule of a pattern.
#[utoipa::path(delete, path = "/repositories/{repository}/rules/{pattern}",
    params(("repository" = String, Path), ("pattern" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemBody)))]
async fn remove(
    State(api): State<Api>,
    Path((repository, pattern)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let pattern = Pattern::parse(&pattern)?;
    api.repository(&repository).await?.remove_rule(&pattern).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_for_ever() {
        let found = expiry(Some(7), Some(0));
        assert_eq!((found.ttl_us, found.idle_us), (Some(7_000_000), None));
        assert_eq!(seconds(found.ttl_us), Some(7));
        assert!(expiry(None, None).is_never());
    }
}
