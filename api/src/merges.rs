//! Merges, reverts and cherry-picks, with their conflicts and refusals.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use catalog::merge::{Conflict, StoredConflict, Warning};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use versioning::Kind;
use versioning::commit::CommitKind;
use versioning::merge::{Landing, MergeOutcome, MergeReport, Policy, Refusal, Warnings};
use versioning::repository::Reset;

use crate::branches::{PolicyBody, is_uncommitted};
use crate::extract::{Json, Path};
use crate::state::{ref_expr, ref_name};
use crate::wishes::WishesBody;
use crate::{Api, Problem, ProblemBody};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(merge))
        .routes(routes!(revert))
        .routes(routes!(cherry_pick))
        .routes(routes!(reset))
}

/// What is to be merged into the branch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMerge {
    /// A branch, of which the committed state counts, a tag or a commit.
    pub source: String,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub author: Option<String>,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// What becomes of it when the head moves while it is judged: what the rules of the branch say if not given, and
    /// nothing less strict.
    #[serde(default)]
    pub policy: Option<PolicyBody>,
    /// Make a commit that does not remember the source as a parent.
    #[serde(default)]
    pub squash: bool,
    /// How conflicts are decided that the rules leave open.
    #[serde(default)]
    pub wishes: WishesBody,
    /// Tell what would happen and change nothing; checks are not run.
    #[serde(default)]
    pub dry_run: bool,
}

/// A commit that is to be undone or repeated on the branch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPick {
    pub commit: String,
    /// Of a cherry-pick: repeat the change though the branch has the commit in its history.
    #[serde(default)]
    pub again: bool,
    /// Of a merge commit: the parent to compare with, from 1.
    #[serde(default)]
    pub parent: Option<usize>,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub author: Option<String>,
    /// Tell what would happen and change nothing; checks are not run.
    #[serde(default)]
    pub dry_run: bool,
}

/// Where the head of a branch is to be put.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReset {
    /// A commit, or a ref that stands for one.
    pub commit: String,
    /// Drop what is staged.
    #[serde(default)]
    pub force: bool,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub author: Option<String>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeState {
    /// The branch has a new head.
    Landed,
    /// The branch had everything already.
    UpToDate,
    /// A dry run found no conflict.
    Clean,
    /// Nothing was changed: `conflicts` lists all that have to be decided.
    Conflicts,
    /// Nothing was changed: `refusals` lists the checks that did not pass.
    Refused,
}

/// The answer to a merge, revert or cherry-pick.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MergeAnswer {
    pub state: MergeState,
    /// As the type of a problem, where nothing was changed: `conflict` or `refused`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// By what it is known below `/merges`, where it can be looked at, decided, finished and abandoned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge: Option<String>,
    /// The new head, the head that had everything, or the refused candidate, which stays readable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The first of the conflicts, at most 1,000.
    #[serde(default)]
    pub conflicts: Vec<ConflictBody>,
    #[serde(default)]
    pub conflicts_total: u64,
    #[serde(default)]
    pub refusals: Vec<RefusalBody>,
    /// The first of what was merged by the rules and is to be looked at, at most 50.
    #[serde(default)]
    pub warnings: Vec<WarningBody>,
    #[serde(default)]
    pub warnings_total: u64,
    /// Whether the source is a branch with changes that are not committed, which a merge leaves out.
    #[serde(default)]
    pub source_uncommitted: bool,
}

/// Why a merge needs a person's decision.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConflictBody {
    /// By what a decision names it: the same in every merge that comes upon it.
    pub id: String,
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The field, parameter, function or path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    pub base: Option<String>,
    pub ours: String,
    pub theirs: String,
    /// What it can be decided by: `ours`, `theirs`, `base`. Nothing, if only changing a side helps.
    #[serde(default)]
    pub choices: Vec<String>,
    /// What a text has to be that is given instead: `text`, `type` or `column`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whether a decision has to be forced, since the table may be unreadable after it.
    #[serde(default, rename = "unsafe")]
    pub is_unsafe: bool,
    /// All of it in one line, for people.
    pub message: String,
}

/// A check that did not pass.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RefusalBody {
    pub check: String,
    /// What the check found, for people.
    pub reason: String,
}

/// Something that was merged by the rules, and that somebody should look at all the same.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WarningBody {
    /// `PositionalDrop`, `PartitionSchemaMismatch`, `Cascaded` or `SharedLocation`.
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The partition, or the first of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What is so and what to do about it, for people.
    pub message: String,
}

impl WarningBody {
    /// Returns those that are told of a merge.
    pub(crate) fn all(warnings: &Warnings) -> Vec<WarningBody> {
        let told = warnings.first.iter().filter_map(Warning::read);
        told.map(WarningBody::from).collect()
    }
}

impl From<Warning> for WarningBody {
    fn from(warning: Warning) -> WarningBody {
        WarningBody {
            kind: warning.kind.name().to_owned(),
            database: warning.database,
            table: warning.table,
            partition: warning.partition,
            column: warning.column,
            message: warning.message,
        }
    }
}

impl From<Refusal> for RefusalBody {
    fn from(refusal: Refusal) -> RefusalBody {
        RefusalBody {
            check: refusal.check,
            reason: refusal.reason,
        }
    }
}

impl From<StoredConflict> for ConflictBody {
    fn from(conflict: StoredConflict) -> ConflictBody {
        ConflictBody {
            id: conflict.id,
            kind: conflict.kind,
            database: conflict.database,
            table: conflict.table,
            partition: conflict.partition,
            column: conflict.column,
            item: conflict.item,
            base: conflict.base,
            ours: conflict.ours,
            theirs: conflict.theirs,
            choices: conflict.choices,
            value: conflict.value,
            is_unsafe: conflict.is_unsafe,
            message: conflict.message,
        }
    }
}

impl MergeAnswer {
    fn new(state: MergeState, commit: Option<String>) -> MergeAnswer {
        MergeAnswer {
            state,
            kind: match state {
                MergeState::Conflicts => Some("conflict".into()),
                MergeState::Refused => Some("refused".into()),
                MergeState::Landed | MergeState::UpToDate | MergeState::Clean => None,
            },
            merge: None,
            commit,
            conflicts: Vec::new(),
            conflicts_total: 0,
            refusals: Vec::new(),
            warnings: Vec::new(),
            warnings_total: 0,
            source_uncommitted: false,
        }
    }
}

impl From<MergeOutcome<Conflict>> for MergeAnswer {
    fn from(outcome: MergeOutcome<Conflict>) -> MergeAnswer {
        match outcome {
            MergeOutcome::Landed(id) => MergeAnswer::new(MergeState::Landed, Some(id.to_string())),
            MergeOutcome::UpToDate(id) => MergeAnswer::new(MergeState::UpToDate, Some(id.to_string())),
            MergeOutcome::Clean => MergeAnswer::new(MergeState::Clean, None),
            MergeOutcome::Conflicts(conflicts) => MergeAnswer {
                conflicts_total: conflicts.len() as u64,
                conflicts: conflicts
                    .iter()
                    .take(CONFLICTS_MAX)
                    .map(|conflict| StoredConflict::from(conflict).into())
                    .collect(),
                ..MergeAnswer::new(MergeState::Conflicts, None)
            },
            MergeOutcome::Refused { candidate, refusals } => MergeAnswer {
                refusals: refusals.into_iter().map(RefusalBody::from).collect(),
                ..MergeAnswer::new(MergeState::Refused, Some(candidate.to_string()))
            },
        }
    }
}

impl From<MergeReport<Conflict>> for MergeAnswer {
    fn from(report: MergeReport<Conflict>) -> MergeAnswer {
        let MergeReport {
            outcome,
            attempt,
            warnings,
        } = report;
        MergeAnswer {
            merge: attempt.map(|id| id.to_string()),
            warnings: WarningBody::all(&warnings),
            warnings_total: warnings.total,
            ..MergeAnswer::from(outcome)
        }
    }
}

/// How many conflicts an answer has; all of them are listed by page.
const CONFLICTS_MAX: usize = 1_000;

/// Returns a landing in the words of a request.
fn landing(
    api: &Api,
    branch: &str,
    author: Option<String>,
    message: Option<String>,
) -> Result<Landing, Problem> {
    Ok(Landing {
        message,
        ..Landing::onto(ref_name(branch)?, api.author(author))
    })
}

/// Merges a ref into the branch: all of it lands, or nothing. Conflicts and refusals are answers, not errors,
/// of a dry run; else they come with 409 and 412.
#[utoipa::path(post, path = "/repositories/{repository}/branches/{branch}/merges",
    params(("repository" = String, Path), ("branch" = String, Path)), request_body = NewMerge,
    responses((status = 200, body = MergeAnswer), (status = 409, body = MergeAnswer),
        (status = 412, body = MergeAnswer), (status = 404, body = ProblemBody)))]
async fn merge(
    State(api): State<Api>,
    Path((repository, branch)): Path<(String, String)>,
    Json(new): Json<NewMerge>,
) -> Result<(StatusCode, Json<MergeAnswer>), Problem> {
    let repository = api.repository(&repository).await?;
    let landing = Landing {
        metadata: new.metadata,
        policy: new.policy.map(Policy::from),
        squash: new.squash,
        dry_run: new.dry_run,
        ..landing(&api, &branch, new.author, new.message)?
    };
    let source = ref_expr(&new.source)?;
    let resolver = new
        .wishes
        .resolver(&api, (&repository, CommitKind::Merge), &BTreeMap::new())?;
    let landing = Landing {
        options: Bytes::from(serde_json::json!(new.wishes).to_string()),
        ..landing
    };
    let report = repository
        .merge(&source, &landing, &resolver, api.gate.as_ref())
        .await?;
    let mut answer = MergeAnswer::from(report);
    answer.source_uncommitted = is_uncommitted(&repository, &source).await?;
    Ok(self::answer(answer))
}

/// Undoes a commit on the branch, by the same merge and the same checks.
#[utoipa::path(post, path = "/repositories/{repository}/branches/{branch}/reverts",
    params(("repository" = String, Path), ("branch" = String, Path)), request_body = NewPick,
    responses((status = 200, body = MergeAnswer), (status = 400, body = ProblemBody),
        (status = 409, body = MergeAnswer), (status = 412, body = MergeAnswer),
        (status = 404, body = ProblemBody)))]
async fn revert(
    State(api): State<Api>,
    Path(at): Path<(String, String)>,
    Json(new): Json<NewPick>,
) -> Result<(StatusCode, Json<MergeAnswer>), Problem> {
    if new.again {
        return Err(Problem::new(Kind::Invalid, "again is for cherry-picks alone"));
    }
    pick(&api, at, new, Pick::Revert).await
}

/// Repeats the change of a commit on the branch, by the same merge and the same checks.
#[utoipa::path(post, path = "/repositories/{repository}/branches/{branch}/cherry-picks",
    params(("repository" = String, Path), ("branch" = String, Path)), request_body = NewPick,
    responses((status = 200, body = MergeAnswer), (status = 400, body = ProblemBody),
        (status = 409, body = MergeAnswer), (status = 412, body = MergeAnswer),
        (status = 404, body = ProblemBody)))]
async fn cherry_pick(
    State(api): State<Api>,
    Path(at): Path<(String, String)>,
    Json(new): Json<NewPick>,
) -> Result<(StatusCode, Json<MergeAnswer>), Problem> {
    pick(&api, at, new, Pick::CherryPick).await
}

/// Makes a commit the head of the branch, whatever the head was. That of a protected branch has to pass its checks.
/// What is staged is dropped only by force.
#[utoipa::path(post, path = "/repositories/{repository}/branches/{branch}/resets",
    params(("repository" = String, Path), ("branch" = String, Path)), request_body = NewReset,
    responses((status = 200, body = MergeAnswer), (status = 409, body = ProblemBody),
        (status = 412, body = MergeAnswer), (status = 404, body = ProblemBody)))]
async fn reset(
    State(api): State<Api>,
    Path((repository, branch)): Path<(String, String)>,
    Json(new): Json<NewReset>,
) -> Result<(StatusCode, Json<MergeAnswer>), Problem> {
    let repository = api.repository(&repository).await?;
    let commit = repository.resolve(&ref_expr(&new.commit)?).await?.commit;
    let reset = Reset {
        author: api.author(new.author),
        message: new.message,
        force: new.force,
    };
    let outcome = repository
        .reset_to::<Conflict>(&ref_name(&branch)?, commit, &reset, api.gate.as_ref())
        .await?;
    Ok(answer(MergeAnswer::from(outcome)))
}

/// What is done with one commit.
#[derive(Debug, Clone, Copy)]
enum Pick {
    Revert,
    CherryPick,
}

async fn pick(
    api: &Api,
    (repository, branch): (String, String),
    new: NewPick,
    pick: Pick,
) -> Result<(StatusCode, Json<MergeAnswer>), Problem> {
    let repository = api.repository(&repository).await?;
    let commit = repository.resolve(&ref_expr(&new.commit)?).await?.commit;
    let parents = repository.commit_object(commit).await?.parents.len();
    check_parent(&new.commit, parents, new.parent)?;
    let landing = Landing {
        dry_run: new.dry_run,
        again: new.again,
        ..landing(api, &branch, new.author, new.message)?
    };
    let kind = match pick {
        Pick::Revert => CommitKind::Revert,
        Pick::CherryPick => CommitKind::CherryPick,
    };
    let resolver = &WishesBody::default().resolver(api, (&repository, kind), &BTreeMap::new())?;
    let gate = api.gate.as_ref();
    let report = match pick {
        Pick::Revert => {
            repository
                .revert(commit, new.parent, &landing, resolver, gate)
                .await?
        }
        Pick::CherryPick => {
            repository
                .cherry_pick(commit, new.parent, &landing, resolver, gate)
                .await?
        }
    };
    Ok(answer(report.into()))
}

/// Fails unless `parent` tells what a commit of so many parents is compared with.
fn check_parent(commit: &str, parents: usize, parent: Option<usize>) -> Result<(), Problem> {
    let problem = |detail: String| Problem::new(Kind::Invalid, detail);
    match (parents, parent) {
        (0, _) => Err(problem(format!(
            "commit {commit} is the first of its history: there is nothing to compare it with"
        ))),
        (1, None) => Ok(()),
        (_, None) => Err(problem(format!("commit {commit} is a merge"))
            .with_hint(format!("name the parent to compare with, from 1 to {parents}"))),
        (_, Some(parent)) if (1..=parents).contains(&parent) => Ok(()),
        (1, Some(parent)) => Err(problem(format!("commit {commit} has no parent {parent}"))
            .with_hint("it has only one: leave the parent out")),
        (_, Some(parent)) => Err(problem(format!("commit {commit} has no parent {parent}"))
            .with_hint(format!("its parents count from 1 to {parents}"))),
    }
}

/// Returns an answer with the status that goes with it.
pub(crate) fn answer(answer: MergeAnswer) -> (StatusCode, Json<MergeAnswer>) {
    let status = match answer.state {
        MergeState::Landed | MergeState::UpToDate | MergeState::Clean => StatusCode::OK,
        MergeState::Conflicts => StatusCode::CONFLICT,
        MergeState::Refused => StatusCode::PRECONDITION_FAILED,
    };
    (status, Json(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_one_that_the_commit_has() {
        for (parents, parent, allowed) in [
            (0, None, false),
            (0, Some(1), false),
            (1, None, true),
            (1, Some(1), true),
            (1, Some(2), false),
            (2, None, false),
            (2, Some(0), false),
            (2, Some(1), true),
            (2, Some(2), true),
            (2, Some(3), false),
        ] {
            let found = check_parent("main", parents, parent);
            assert_eq!(found.is_ok(), allowed, "{parents} {parent:?}: {found:?}");
        }
    }
}
