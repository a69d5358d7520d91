//! Branches: their heads, their rules, and what is staged on them.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use versioning::merge::Policy;
use versioning::refs::{BranchRecord, BranchRules, CommitMode, Protection, RepositoryRules};
use versioning::repository::CommitMessage;
use versioning::{Error, Kind, RefExpr, RefName, Repository};

use crate::extract::{Json, Path};
use crate::rules::{expiry, seconds};
use crate::state::{ref_expr, ref_name};
use crate::wishes::ProfileBody;
use crate::{Api, Problem, ProblemBody};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, delete, set_rules))
        .routes(routes!(commit))
        .routes(routes!(reset))
}

/// When the writes of a branch become commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// When somebody commits.
    Staged,
    /// In the background, after a pause.
    Coalesce,
    /// Each call at once.
    Sync,
}

impl From<Mode> for CommitMode {
    fn from(mode: Mode) -> CommitMode {
        match mode {
            Mode::Staged => CommitMode::Staged,
            Mode::Coalesce => CommitMode::Coalesce,
            Mode::Sync => CommitMode::Sync,
        }
    }
}

impl From<CommitMode> for Mode {
    fn from(mode: CommitMode) -> Mode {
        match mode {
            CommitMode::Staged => Mode::Staged,
            CommitMode::Coalesce => Mode::Coalesce,
            CommitMode::Sync => Mode::Sync,
        }
    }
}

/// The rules of a protected branch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectionBody {
    /// Checks that a merge has to pass, beside all that the branch itself holds.
    #[serde(default)]
    pub required_checks: Vec<String>,
    /// What becomes of a merge that passed its checks when the head moved meanwhile, at the least.
    #[serde(default)]
    pub policy: PolicyBody,
    /// How much a merge leaves to people, at the least: a merge that says nothing takes this, one that asks for less
    /// is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileBody>,
}

impl From<&Protection> for ProtectionBody {
    fn from(rules: &Protection) -> ProtectionBody {
        ProtectionBody {
            required_checks: rules.required_checks.clone(),
            policy: rules.policy.into(),
            profile: rules.strictness.map(ProfileBody::from),
        }
    }
}

impl From<&ProtectionBody> for Protection {
    fn from(body: &ProtectionBody) -> Protection {
        Protection {
            required_checks: body.required_checks.clone(),
            policy: body.policy.into(),
            strictness: body.profile.map(ProfileBody::strictness),
        }
    }
}

/// What becomes of a merge that passed its checks when the head moved meanwhile. Each is stricter than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PolicyBody {
    /// It lands on the new head without being judged again if that moved by nothing that the merge changes or that
    /// the checks read.
    #[default]
    Disjoint,
    /// It is judged again on the new head.
    Rerun,
    /// It fails with a conflict that names both heads.
    Fail,
}

impl From<PolicyBody> for Policy {
    fn from(policy: PolicyBody) -> Policy {
        match policy {
            PolicyBody::Disjoint => Policy::Disjoint,
            PolicyBody::Rerun => Policy::Rerun,
            PolicyBody::Fail => Policy::Fail,
        }
    }
}

impl From<Policy> for PolicyBody {
    fn from(policy: Policy) -> PolicyBody {
        match policy {
            Policy::Disjoint => PolicyBody::Disjoint,
            Policy::Rerun => PolicyBody::Rerun,
            Policy::Fail => PolicyBody::Fail,
        }
    }
}

/// A branch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BranchBody {
    pub name: String,
    pub head: String,
    pub mode: Mode,
    /// What counts: what the branch says itself, and what the rules for its name add.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protection: Option<ProtectionBody>,
    /// The patterns of rules that protect it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected_by: Vec<String>,
    /// Whether anything was written that is not committed.
    pub uncommitted: bool,
    /// Microseconds since the Unix epoch.
    pub created_us: u64,
    /// How long it lives since it was made, and since it was written to last; for ever if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_seconds: Option<u64>,
    /// When it is removed, if nothing is written to it before. A protected branch is not, whatever was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_us: Option<u64>,
    /// What cannot work as it was just set, or was left out of a branch that was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl BranchBody {
    fn new(record: &BranchRecord, rules: &RepositoryRules) -> BranchBody {
        let name = record.name.as_str();
        let protecting = rules.matching(name).filter(|(_, rule)| rule.protection.is_some());
        let binding = rules.binding(record);
        let expires_us = record.expiry.due_us(record).filter(|_| binding.is_none());
        BranchBody {
            name: record.name.to_string(),
            head: record.head.to_string(),
            mode: record.mode.into(),
            protection: binding.as_ref().map(ProtectionBody::from),
            protected_by: protecting.map(|(pattern, _)| pattern.to_string()).collect(),
            uncommitted: is_staged(record),
            created_us: record.created_us,
            ttl_seconds: seconds(record.expiry.ttl_us),
            idle_seconds: seconds(record.expiry.idle_us),
            expires_us,
            warnings: Vec::new(),
        }
    }
}

/// Returns whether anything was written to a branch that is not committed.
fn is_staged(record: &BranchRecord) -> bool {
    record.staged.is_some() || record.seq > record.folded_seq
}

/// Returns whether a ref is a branch with changes that are not committed, and that the server does not commit first.
pub(crate) async fn is_uncommitted(repository: &Repository, at: &RefExpr) -> Result<bool, Problem> {
    if at.committed || at.back > 0 {
        return Ok(false);
    }
    match repository.branch(&at.name).await {
        Ok(branch) => Ok(branch.mode == CommitMode::Staged && is_staged(&branch)),
        Err(Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A branch that is to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBranch {
    pub name: String,
    /// Where it begins: the default branch if not given. Of a branch the committed state counts.
    #[serde(default)]
    pub from: Option<String>,
    /// `staged` if not given.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// How long it lives, and how long since it was written to last or its head moved: for ever if not given, and not
    /// longer than the rules for its name say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_seconds: Option<u64>,
}

/// New rules of a branch; what is not given stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RulesBody {
    #[serde(default)]
    pub mode: Option<Mode>,
    /// Whether direct writes are refused.
    #[serde(default)]
    pub protected: Option<bool>,
    /// The checks that have to be there and pass. Only a protected branch has them.
    #[serde(default)]
    pub required_checks: Option<Vec<String>>,
    /// What becomes of merges when the head moves while they are judged. Only a protected branch has it.
    #[serde(default)]
    pub merge_policy: Option<PolicyBody>,
    /// How much merges leave to people, at the least. Only a protected branch has it.
    #[serde(default)]
    pub merge_profile: Option<ProfileBody>,
    /// How long it lives since it was made; 0 is for ever.
    #[serde(default)]
    pub ttl_seconds: Option<u64>,
    /// How long it lives since it was written to last; 0 is for ever.
    #[serde(default)]
    pub idle_seconds: Option<u64>,
}

/// A commit that is to be made.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCommit {
    pub message: String,
    #[serde(default)]
    pub author: Option<String>,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Whether a commit that changes nothing is wanted.
    #[serde(default)]
    pub allow_empty: bool,
}

/// The id of a commit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CommitIdBody {
    pub id: String,
}

/// What a reset dropped.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ResetBody {
    pub operations_dropped: u64,
}

/// Lists all branches.
#[utoipa::path(get, path = "/repositories/{repository}/branches", params(("repository" = String, Path)),
    responses((status = 200, body = Vec<BranchBody>), (status = 404, body = ProblemBody)))]
async fn list(
    State(api): State<Api>,
    Path(repository): Path<String>,
) -> Result<Json<Vec<BranchBody>>, Problem> {
    let repository = api.repository(&repository).await?;
    let (branches, rules) = (repository.branches().await?, repository.rules().await?);
    let body = |branch| BranchBody::new(branch, &rules);
    Ok(Json(branches.iter().map(body).collect()))
}

/// Creates a branch. It copies nothing, whatever the size of the repository. What a source that commits by itself has
/// staged is committed first.
#[utoipa::path(post, path = "/repositories/{repository}/branches", params(("repository" = String, Path)),
    request_body = NewBranch, responses((status = 201, body = BranchBody), (status = 409, body = ProblemBody)))]
async fn create(
    State(api): State<Api>,
    Path(repository): Path<String>,
    Json(new): Json<NewBranch>,
) -> Result<(StatusCode, Json<BranchBody>), Problem> {
    let repository = api.repository(&repository).await?;
    let from = match &new.from {
        Some(text) => ref_expr(text)?,
        None => repository.record().default_branch.clone().into(),
    };
    let mode = new.mode.unwrap_or(Mode::Staged).into();
    let record = repository
        .create_branch_until(
            &ref_name(&new.name)?,
            &from,
            mode,
            expiry(new.ttl_seconds, new.idle_seconds),
        )
        .await?;
    let mut body = BranchBody::new(&record, &repository.rules().await?);
    if is_uncommitted(&repository, &from).await? {
        let text = format!(
            "what is staged on {from} is not in it: commit that there first, and make the branch again"
        );
        body.warnings.push(text);
    }
    Ok((StatusCode::CREATED, Json(body)))
}

/// Returns a branch.
#[utoipa::path(get, path = "/repositories/{repository}/branches/{branch}",
    params(("repository" = String, Path), ("branch" = String, Path)),
    responses((status = 200, body = BranchBody), (status = 404, body = ProblemBody)))]
async fn get(
    State(api): State<Api>,
    Path((repository, branch)): Path<(String, String)>,
) -> Result<Json<BranchBody>, Problem> {
    let repository = api.repository(&repository).await?;
    Ok(Json(body(&repository, &ref_name(&branch)?).await?))
}

async fn body(repository: &Repository, name: &RefName) -> Result<BranchBody, Problem> {
    let record = repository.branch(name).await?;
    Ok(BranchBody::new(&record, &repository.rules().await?))
}

/// Removes a branch with all that is staged on it.
#[utoipa::path(delete, path = "/repositories/{repository}/branches/{branch}",
    params(("repository" = String, Path), ("branch" = String, Path)),
    responses((status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn delete(
    State(api): State<Api>,
    Path((repository, branch)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    api.repository(&repository)
        .await?
        .delete_branch(&ref_name(&branch)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes when writes become commits, whether the branch is protected, and how long it lives.
#[utoipa::path(patch, path = "/repositories/{repository}/branches/{branch}",
    params(("repository" = String, Path), ("branch" = String, Path)),
    request_body = RulesBody,
    responses((status = 200, body = BranchBody), (status = 400, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
async fn set_rules(
    State(api): State<Api>,
    Path((repository, branch)): Path<(String, String)>,
    Json(rules): Json<RulesBody>,
) -> Result<Json<BranchBody>, Problem> {
    let (repository, name) = (api.repository(&repository).await?, ref_name(&branch)?);
    let lives = expiry(rules.ttl_seconds, rules.idle_seconds);
    if name == repository.record().default_branch && !lives.is_never() {
        return Err(Problem::new(Kind::Invalid, "the default branch does not expire"));
    }
    let (tell, told) = oneshot::channel();
    let protects = rules.protected == Some(true) || rules.required_checks.is_some();
    repository
        .change_branch_rules(&name, move |now| {
            let before = BranchRules::of(now);
            match changed(&rules, before.clone()) {
                Ok(after) => after,
                Err(problem) => {
                    // nobody listens any more when the request is gone
                    let _ = tell.send(problem);
                    before
                }
            }
        })
        .await?;
    if let Ok(problem) = told.await {
        return Err(problem);
    }
    let mut body = body(&repository, &name).await?;
    if protects {
        body.warnings = lacking(&api, &repository, &name).await?;
    }
    Ok(Json(body))
}

/// Says which checks a branch requires and has not.
pub(crate) async fn lacking(
    api: &Api,
    repository: &Repository,
    branch: &RefName,
) -> Result<Vec<String>, Problem> {
    let said = |check: &String| {
        format!(
            "no check or hook for merges that is committed on {branch} is called {check}: merges are refused until one \
             is, or it is no longer required"
        )
    };
    let missing = api.hooks.missing_checks(repository, branch).await?;
    Ok(missing.iter().map(said).collect())
}

/// Returns what is said of a branch under new rules.
fn changed(rules: &RulesBody, now: BranchRules) -> Result<BranchRules, Problem> {
    Ok(BranchRules {
        mode: rules.mode.map_or(now.mode, CommitMode::from),
        protection: protection(rules, now.protection)?,
        expiry: expiry(
            rules.ttl_seconds.or(seconds(now.expiry.ttl_us)),
            rules.idle_seconds.or(seconds(now.expiry.idle_us)),
        ),
    })
}

/// Returns the protection of a branch under new rules.
fn protection(rules: &RulesBody, now: Option<Protection>) -> Result<Option<Protection>, Problem> {
    if !rules.protected.unwrap_or(now.is_some()) {
        let has_checks = rules
            .required_checks
            .as_ref()
            .is_some_and(|checks| !checks.is_empty());
        let without_effect = match (has_checks, rules.merge_policy, rules.merge_profile) {
            (true, _, _) => "required_checks",
            (false, Some(_), _) => "merge_policy",
            (false, None, Some(_)) => "merge_profile",
            (false, None, None) => return Ok(None),
        };
        let detail = format!("{without_effect} has no effect on a branch that is not protected");
        return Err(Problem::new(Kind::Invalid, detail).with_hint("set protected to true with it"));
    }
    let mut protection = now.unwrap_or_default();
    if let Some(checks) = &rules.required_checks {
        protection.required_checks.clone_from(checks);
    }
    if let Some(policy) = rules.merge_policy {
        protection.policy = policy.into();
    }
    if let Some(profile) = rules.merge_profile {
        protection.strictness = Some(profile.strictness());
    }
    Ok(Some(protection))
}

/// Makes a commit of all that was written to the branch before this call.
#[utoipa::path(post, path = "/repositories/{repository}/branches/{branch}/commits",
    params(("repository" = String, Path), ("branch" = String, Path)),
    request_body = NewCommit, responses((status = 201, body = CommitIdBody), (status = 409, body = ProblemBody)))]
async fn commit(
    State(api): State<Api>,
    Path((repository, branch)): Path<(String, String)>,
    Json(new): Json<NewCommit>,
) -> Result<(StatusCode, Json<CommitIdBody>), Problem> {
    let words = CommitMessage {
        author: api.author(new.author),
        message: new.message,
        metadata: new.metadata,
        allow_empty: new.allow_empty,
    };
    let id = api
        .repository(&repository)
        .await?
        .commit(&ref_name(&branch)?, words)
        .await?;
    Ok((StatusCode::CREATED, Json(CommitIdBody { id: id.to_string() })))
}

/// Drops what is staged on the branch.
#[utoipa::path(post, path = "/repositories/{repository}/branches/{branch}/reset",
    params(("repository" = String, Path), ("branch" = String, Path)),
    responses((status = 200, body = ResetBody), (status = 404, body = ProblemBody)))]
async fn reset(
    State(api): State<Api>,
    Path((repository, branch)): Path<(String, String)>,
) -> Result<Json<ResetBody>, Problem> {
    let operations_dropped = api
        .repository(&repository)
        .await?
        .reset(&ref_name(&branch)?)
        .await?;
    Ok(Json(ResetBody { operations_dropped }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_are_not_given_stay() {
        let checks = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let now = Some(Protection {
            required_checks: checks(&["a"]),
            ..Protection::default()
        });
        let rules = |protected, names: &[&str]| RulesBody {
            protected,
            required_checks: Some(checks(names)).filter(|names| !names.is_empty()),
            ..RulesBody::default()
        };
        let after = |rules, now: &Option<Protection>| {
            let found = protection(&rules, now.clone()).map_err(|_| ())?;
            Ok::<_, ()>(found.map(|found| found.required_checks.join(" ")))
        };
        let text = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(after(rules(None, &[]), &now), text("a"));
        assert_eq!(after(rules(Some(false), &[]), &now), Ok(None));
        assert_eq!(after(rules(None, &["b"]), &now), text("b"));
        assert_eq!(after(rules(Some(true), &["b"]), &None), text("b"));
        // what would have no effect is not taken
        assert_eq!(after(rules(None, &["b"]), &None), Err(()));
        assert_eq!(after(rules(Some(false), &["b"]), &now), Err(()));
        let none = RulesBody {
            required_checks: Some(Vec::new()),
            ..RulesBody::default()
        };
        assert_eq!(after(none, &None), Ok(None));
        let strict = RulesBody {
            merge_policy: Some(PolicyBody::Rerun),
            ..RulesBody::default()
        };
        assert!(protection(&strict, None).is_err());
        let found = protection(&strict, now).ok().flatten().unwrap();
        assert_eq!(
            (found.policy, found.required_checks),
            (Policy::Rerun, checks(&["a"]))
        );
    }
}
