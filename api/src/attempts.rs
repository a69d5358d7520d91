//! Merges that are on their way, wait for decisions, or have ended.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use catalog::merge::{Choice, StoredConflict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use versioning::attempts::{Attempt, AttemptId, AttemptState};
use versioning::{Error, Kind, Repository};

use crate::branches::PolicyBody;
use crate::extract::{Json, Path, Query};
use crate::merges::{ConflictBody, MergeAnswer, RefusalBody, WarningBody, answer};
use crate::wishes::{ChoiceBody, WishesBody};
use crate::{Api, Problem, ProblemBody};

/// How many merges or conflicts are listed at once if the request does not say, and at most.
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(conflicts))
        .routes(routes!(resolve))
        .routes(routes!(finish))
        .routes(routes!(abandon))
}

/// A merge, revert or cherry-pick that is on its way, waits for a person, or has ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AttemptBody {
    pub id: String,
    /// `judging`, `landing`, `conflicts`, `refused`, `landed`, `failed` or `abandoned`.
    pub state: String,
    /// `merge`, `squash`, `revert` or `cherry-pick`.
    pub operation: String,
    pub source: String,
    pub into: String,
    pub author: String,
    pub message: String,
    /// The commits with which it was merged last.
    pub base: String,
    pub ours: String,
    pub theirs: String,
    /// What is judged, was refused, or has landed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyBody>,
    pub wishes: WishesBody,
    /// How many conflicts it has, and how many of these are decided.
    pub conflicts: u64,
    pub decided: u64,
    #[serde(default)]
    pub refusals: Vec<RefusalBody>,
    /// The first of what was merged by the rules and is to be looked at, at most 50.
    #[serde(default)]
    pub warnings: Vec<WarningBody>,
    #[serde(default)]
    pub warnings_total: u64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Microseconds since the Unix epoch.
    pub created_us: u64,
    pub updated_us: u64,
}

/// A page of merges.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AttemptPage {
    pub merges: Vec<AttemptBody>,
    /// What to ask for `after` to get the next page; missing with the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A page of conflicts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConflictPage {
    pub conflicts: Vec<DecidedConflict>,
    /// What to ask for `after` to get the next page; missing with the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// A conflict, and what was decided about it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DecidedConflict {
    #[serde(flatten)]
    pub conflict: ConflictBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<ChoiceBody>,
}

/// Decisions about conflicts of a merge.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDecisions {
    /// By the ids of conflicts.
    #[serde(default)]
    pub decisions: BTreeMap<String, ChoiceBody>,
    /// The ids of conflicts whose decisions are taken back.
    #[serde(default)]
    pub withdrawn: Vec<String>,
}

/// Which merges are listed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptFilter {
    /// Those of this state alone.
    state: Option<String>,
    /// Those into this branch alone.
    into: Option<String>,
    /// The `next` of the page before.
    after: Option<Position>,
    /// How many, 1,000 at most.
    limit: Option<usize>,
}

/// Where a merge stands in the list: when it began and its id, which stay what they are though others come and go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct Position(Reverse<u64>, String);

impl Position {
    fn of(attempt: &Attempt) -> Position {
        Position(Reverse(attempt.created_us), attempt.id.to_string())
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.0, self.1)
    }
}

impl TryFrom<String> for Position {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Position, &'static str> {
        let parts = text
            .split_once('-')
            .and_then(|(began, id)| Some((began.parse().ok()?, id)));
        let (began, id) = parts.ok_or("`after` is the `next` of the page before")?;
        Ok(Position(Reverse(began), id.to_owned()))
    }
}

/// Which conflicts are listed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConflictPaging {
    /// The `next` of the page before.
    #[serde(default)]
    after: u64,
    /// How many, 1,000 at most.
    limit: Option<usize>,
}

impl AttemptBody {
    fn new(attempt: &Attempt) -> Result<AttemptBody, Error> {
        use versioning::commit::CommitKind;
        let operation = match attempt.kind {
            CommitKind::Normal => "squash",
            CommitKind::Revert => "revert",
            CommitKind::CherryPick => "cherry-pick",
            CommitKind::Merge | CommitKind::Import | CommitKind::Auto => "merge",
        };
        let is_open = attempt.state.is_resumable() && attempt.conflicts > 0;
        Ok(AttemptBody {
            id: attempt.id.to_string(),
            state: attempt.state.name().into(),
            operation: operation.into(),
            source: attempt.source.clone(),
            into: attempt.into.to_string(),
            author: attempt.author.clone(),
            message: attempt.message.clone(),
            base: attempt.base.to_string(),
            ours: attempt.ours.to_string(),
            theirs: attempt.theirs.to_string(),
            candidate: attempt.candidate.map(|id| id.to_string()),
            policy: attempt.policy.map(PolicyBody::from),
            wishes: WishesBody::of(attempt)?,
            conflicts: if is_open { attempt.conflicts } else { 0 },
            decided: if is_open {
                attempt.decisions.len() as u64
            } else {
                0
            },
            refusals: attempt.refusals.iter().cloned().map(RefusalBody::from).collect(),
            warnings: WarningBody::all(&attempt.warnings),
            warnings_total: attempt.warnings.total,
            failure: attempt.failure.clone(),
            created_us: attempt.created_us,
            updated_us: attempt.updated_us,
        })
    }
}

/// Returns the repository and the attempt that a path names; the first digits of an id do, if no other has them.
async fn find(api: &Api, (repository, id): (&str, &str)) -> Result<(Repository, Attempt), Problem> {
    let repository = api.repository(repository).await?;
    if let Ok(id) = AttemptId::parse(id) {
        let attempt = repository.attempt(&id).await?;
        return Ok((repository, attempt));
    }
    let attempts = repository.attempts().await?;
    let mut alike = attempts
        .into_iter()
        .filter(|one| !id.is_empty() && one.id.to_string().starts_with(id));
    match (alike.next(), alike.next()) {
        (Some(attempt), None) => Ok((repository, attempt)),
        (Some(_), Some(_)) => Err(
            Problem::new(Kind::Invalid, format!("several merges begin with {id:?}"))
                .with_hint("give more digits"),
        ),
        (None, _) => Err(Error::NotFound {
            what: "merge",
            name: id.to_owned(),
        }
        .into()),
    }
}

/// Lists merges, reverts and cherry-picks by page, newest first. Those that have ended are kept for 7 days and 500 in number,
/// those that wait for a person for 30 days and 1,000.
#[utoipa::path(get, path = "/repositories/{repository}/merges",
    params(("repository" = String, Path), ("state" = Option<String>, Query), ("into" = Option<String>, Query),
        ("after" = Option<String>, Query), ("limit" = Option<usize>, Query)),
    responses((status = 200, body = AttemptPage), (status = 400, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn list(
    State(api): State<Api>,
    Path(repository): Path<String>,
    Query(filter): Query<AttemptFilter>,
) -> Result<Json<AttemptPage>, Problem> {
    let mut attempts = api.repository(&repository).await?.attempts().await?;
    let known = AttemptState::ALL.map(AttemptState::name);
    if let Some(state) = filter.state.as_deref().filter(|state| !known.contains(state)) {
        let problem = Problem::new(Kind::Invalid, format!("no merge is ever {state:?}"));
        return Err(problem.with_hint(format!("states are {}", known.join(", "))));
    }
    let is_wanted = |attempt: &&Attempt| {
        let of = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        of(&filter.state, attempt.state.name())
            && of(&filter.into, attempt.into.as_str())
            && filter
                .after
                .as_ref()
                .is_none_or(|after| Position::of(attempt) > *after)
    };
    attempts.sort_by_key(Position::of);
    let limit = filter.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let mut wanted = attempts.iter().filter(is_wanted).peekable();
    let page: Vec<&Attempt> = wanted.by_ref().take(limit).collect();
    let last = page.last().filter(|_| wanted.peek().is_some());
    Ok(Json(AttemptPage {
        next: last.map(|last| Position::of(last).to_string()),
        merges: page.into_iter().map(AttemptBody::new).collect::<Result<_, _>>()?,
    }))
}

/// Returns a merge.
#[utoipa::path(get, path = "/repositories/{repository}/merges/{id}",
    params(("repository" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = AttemptBody), (status = 404, body = ProblemBody)))]
async fn get(
    State(api): State<Api>,
    Path((repository, id)): Path<(String, String)>,
) -> Result<Json<AttemptBody>, Problem> {
    let (_, attempt) = find(&api, (&repository, &id)).await?;
    Ok(Json(AttemptBody::new(&attempt)?))
}

/// Lists the conflicts of a merge by page, with what was decided about them.
#[utoipa::path(get, path = "/repositories/{repository}/merges/{id}/conflicts",
    params(("repository" = String, Path), ("id" = String, Path),
        ("after" = Option<u64>, Query), ("limit" = Option<usize>, Query)),
    responses((status = 200, body = ConflictPage), (status = 404, body = ProblemBody)))]
async fn conflicts(
    State(api): State<Api>,
    Path((repository, id)): Path<(String, String)>,
    Query(paging): Query<ConflictPaging>,
) -> Result<Json<ConflictPage>, Problem> {
    let (repository, attempt) = find(&api, (&repository, &id)).await?;
    let limit = paging.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let found = repository.conflicts(&attempt, paging.after, limit).await?;
    let next = (found.len() == limit).then(|| found.last().map(|(number, _)| *number));
    let mut conflicts = Vec::new();
    for (_, record) in &found {
        let stored = StoredConflict::read(record).ok_or_else(|| unreadable(&record.id))?;
        let decision = attempt.decisions.get(&record.id);
        conflicts.push(DecidedConflict {
            conflict: stored.into(),
            decision: decision.and_then(|decision| serde_json::from_slice(&decision.choice).ok()),
        });
    }
    Ok(Json(ConflictPage {
        conflicts,
        next: next.flatten(),
    }))
}

fn unreadable(id: &str) -> Error {
    Error::Corrupt {
        what: "conflict record",
        key: id.to_owned(),
        message: "is none of a catalog".into(),
    }
}

/// Notes decisions about conflicts of a merge; nothing is merged yet.
#[utoipa::path(post, path = "/repositories/{repository}/merges/{id}/resolutions",
    params(("repository" = String, Path), ("id" = String, Path)), request_body = NewDecisions,
    responses((status = 200, body = AttemptBody), (status = 400, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn resolve(
    State(api): State<Api>,
    Path((repository, id)): Path<(String, String)>,
    Json(new): Json<NewDecisions>,
) -> Result<Json<AttemptBody>, Problem> {
    let (repository, attempt) = find(&api, (&repository, &id)).await?;
    check(&repository, &attempt, &new).await?;
    let withdrawn = new.withdrawn.iter().map(|id| (id.clone(), None));
    let decided = new.decisions.iter().map(|(id, choice)| {
        let choice = Bytes::from(serde_json::json!(choice).to_string());
        (id.clone(), Some(choice))
    });
    let choices = withdrawn.chain(decided).collect();
    let decided = repository.decide(&attempt.id, &choices).await?;
    Ok(Json(AttemptBody::new(&decided)?))
}

/// Fails if a decision is none that its conflict can have.
async fn check(repository: &Repository, attempt: &Attempt, new: &NewDecisions) -> Result<(), Problem> {
    let (wishes, mut after) = (WishesBody::of(attempt)?, 0);
    loop {
        let page = repository.conflicts(attempt, after, PAGE_MAX).await?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        after = *last;
        for (_, record) in &page {
            let Some(choice) = new.decisions.get(&record.id) else {
                continue;
            };
            let stored = StoredConflict::read(record).ok_or_else(|| unreadable(&record.id))?;
            if let Some(objection) = stored.objection(&Choice::from(choice.clone()), wishes.force_unsafe) {
                let detail = format!("conflict {}: {objection}", record.id);
                return Err(Problem::new(Kind::Invalid, detail).with_hint(hint(&stored)));
            }
        }
    }
}

fn hint(stored: &StoredConflict) -> String {
    if stored.is_unsafe {
        return "begin the merge again and force it (--force-unsafe), or change one of the sides".into();
    }
    let value = stored.value.as_ref().map(|value| format!("a {value}"));
    let possible: Vec<String> = stored.choices.iter().cloned().chain(value).collect();
    match possible.is_empty() {
        true => "change one of the sides, and merge again".into(),
        false => format!("possible are: {}", possible.join(", ")),
    }
}

/// Runs a merge again, with what was decided, on the present head and through the same checks. Where the branch changed
/// meanwhile there may be new conflicts, and a decision about what is something else now counts no more.
#[utoipa::path(post, path = "/repositories/{repository}/merges/{id}/finish",
    params(("repository" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = MergeAnswer), (status = 409, body = MergeAnswer),
        (status = 412, body = MergeAnswer), (status = 404, body = ProblemBody)))]
async fn finish(
    State(api): State<Api>,
    Path((repository, id)): Path<(String, String)>,
) -> Result<(StatusCode, Json<MergeAnswer>), Problem> {
    let (repository, attempt) = find(&api, (&repository, &id)).await?;
    let wishes = WishesBody::of(&attempt)?;
    let resolver = |decisions: &_| wishes.resolver(&api, (&repository, attempt.kind), decisions);
    let report = repository
        .finish(&attempt.id, resolver, api.gate.as_ref())
        .await?;
    Ok(answer(report.into()))
}

/// Gives a merge up. One that is judged just now does not land.
#[utoipa::path(post, path = "/repositories/{repository}/merges/{id}/abandon",
    params(("repository" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = AttemptBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
async fn abandon(
    State(api): State<Api>,
    Path((repository, id)): Path<(String, String)>,
) -> Result<Json<AttemptBody>, Problem> {
    let (repository, attempt) = find(&api, (&repository, &id)).await?;
    let abandoned = repository.abandon(&attempt.id).await?;
    Ok(Json(AttemptBody::new(&abandoned)?))
}
