//! `skep merge list` and its kin: merges that wait for a person, or have ended.

use std::collections::BTreeMap;

use api::attempts::{AttemptBody, AttemptPage, ConflictPage, DecidedConflict, NewDecisions};
use api::merges::{ConflictBody, MergeAnswer};
use api::wishes::ChoiceBody;
use clap::{Args, Subcommand, ValueEnum};

use super::Remote;
use super::branch::short;
use super::merge;
use crate::error::{Exit, Failure};
use crate::output::{table, time};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List merges, reverts and cherry-picks that wait, are judged, or have ended
    List(List),
    /// Show a merge with its conflicts and refusals
    Show(Name),
    /// Decide a conflict of a merge; nothing is merged yet
    Resolve(Resolve),
    /// Merge again with what was decided, on the present head and through the same checks
    Finish(Name),
    /// Give a merge up; one that is judged just now does not land
    Abandon(Name),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those of this state: judging, conflicts, refused, landed, failed, abandoned
    #[arg(long)]
    state: Option<String>,
    /// Only those into this branch
    #[arg(long)]
    into: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Name {
    /// The merge, by the first digits of its id
    id: String,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Resolve {
    /// The merge, by the first digits of its id
    id: String,
    /// The conflict, by the first digits of its id
    #[arg(required_unless_present = "all")]
    conflict: Option<String>,
    /// What to take
    #[arg(value_enum, required_unless_present_any = ["value", "withdraw", "all"])]
    choice: Option<ChoiceArgument>,
    /// A text to take instead
    #[arg(long, conflicts_with = "choice")]
    value: Option<String>,
    /// Take back what was decided
    #[arg(long, conflicts_with_all = ["choice", "value"])]
    withdraw: bool,
    /// Take this in all conflicts that are not decided yet, where that is possible
    #[arg(long, value_enum, conflicts_with_all = ["conflict", "choice", "value", "withdraw"])]
    all: Option<ChoiceArgument>,
    #[command(flatten)]
    remote: Remote,
}

/// What can be taken.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ChoiceArgument {
    /// What the branch has that is merged into
    Ours,
    /// What the source has
    Theirs,
    /// What both began with
    Base,
}

impl From<ChoiceArgument> for ChoiceBody {
    fn from(choice: ChoiceArgument) -> ChoiceBody {
        match choice {
            ChoiceArgument::Ours => ChoiceBody::Ours,
            ChoiceArgument::Theirs => ChoiceBody::Theirs,
            ChoiceArgument::Base => ChoiceBody::Base,
        }
    }
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list(arguments).await,
        Command::Show(arguments) => show(arguments).await,
        Command::Resolve(arguments) => resolve(arguments).await,
        Command::Finish(Name { id, remote }) => {
            let path = ["merges", &id, "finish"];
            let answer: MergeAnswer = remote
                .client()
                .post_for_outcome(&path, &serde_json::json!({}))
                .await?;
            merge::finish(&format!("merge {id}"), &answer, &remote)
        }
        Command::Abandon(Name { id, remote }) => {
            let path = ["merges", &id, "abandon"];
            let given_up: AttemptBody = remote.client().post(&path, &serde_json::json!({})).await?;
            remote
                .format()
                .print(&given_up, |attempt| format!("merge {} is given up", attempt.id))
        }
    }
}

async fn list(arguments: List) -> Result<(), Failure> {
    let List { state, into, remote } = arguments;
    let attempts = merges(&remote, [("state", state), ("into", into)]).await?;
    remote.format().print(&attempts, |attempts| {
        let row = |attempt: &AttemptBody| {
            [
                attempt.id.clone(),
                state_of(attempt),
                format!(
                    "{} {} into {}",
                    attempt.operation,
                    short_source(attempt),
                    attempt.into
                ),
                attempt.author.clone(),
                time(attempt.updated_us),
            ]
        };
        table(
            &["merge", "state", "what", "who", "when"],
            attempts.iter().map(row),
        )
    })
}

/// Returns all merges that pass a filter.
async fn merges(remote: &Remote, filter: [(&str, Option<String>); 2]) -> Result<Vec<AttemptBody>, Failure> {
    let (client, mut all, mut after) = (remote.client(), Vec::new(), None);
    loop {
        let [state, into] = filter.clone();
        let wanted = [state, into, ("after", after), ("limit", Some("1000".into()))];
        let wanted = wanted.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let page: AttemptPage = client.get_with(&["merges"], &wanted.collect::<Vec<_>>()).await?;
        all.extend(page.merges);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}

fn state_of(attempt: &AttemptBody) -> String {
    match attempt.conflicts {
        0 => attempt.state.clone(),
        all => format!("{} ({} of {all} decided)", attempt.state, attempt.decided),
    }
}

/// Returns the source for people: of a revert or cherry-pick it is the id of a commit.
fn short_source(attempt: &AttemptBody) -> String {
    match attempt.source.len() {
        64 => short(&attempt.source),
        _ => attempt.source.clone(),
    }
}

/// A merge with all of its conflicts.
#[derive(Debug, serde::Serialize)]
struct Shown {
    #[serde(flatten)]
    attempt: AttemptBody,
    conflict_list: Vec<DecidedConflict>,
}

async fn show(arguments: Name) -> Result<(), Failure> {
    let Name { id, remote } = arguments;
    let attempt: AttemptBody = remote.client().get(&["merges", &id]).await?;
    let conflict_list = conflicts(&id, &remote).await?;
    let shown = Shown {
        attempt,
        conflict_list,
    };
    remote.format().print(&shown, |shown| {
        let Shown {
            attempt,
            conflict_list,
        } = shown;
        let mut lines = vec![format!(
            "merge {}: {} {} into {}, {}",
            attempt.id,
            attempt.operation,
            short_source(attempt),
            attempt.into,
            state_of(attempt)
        )];
        lines.extend(attempt.candidate.iter().map(|id| format!("commit {}", short(id))));
        lines.extend(attempt.failure.clone());
        lines.extend(conflict_list.iter().map(decided));
        lines.extend(attempt.refusals.iter().map(merge::refusal));
        lines.extend(merge::warnings(&attempt.warnings, attempt.warnings_total));
        lines.join("\n")
    })
}

/// Returns by what a conflict can be decided.
fn choices(conflict: &ConflictBody) -> String {
    let value = conflict
        .value
        .iter()
        .map(|kind| format!("--value {}", kind.to_uppercase()));
    let all: Vec<String> = conflict.choices.iter().cloned().chain(value).collect();
    match all.is_empty() {
        true => "change a side and merge again".to_owned(),
        false => all.join(", "),
    }
}

fn decided(conflict: &DecidedConflict) -> String {
    let decision = match &conflict.decision {
        None => format!("open: {}", choices(&conflict.conflict)),
        Some(ChoiceBody::Ours) => "ours".to_owned(),
        Some(ChoiceBody::Theirs) => "theirs".to_owned(),
        Some(ChoiceBody::Base) => "base".to_owned(),
        Some(ChoiceBody::Value(text)) => text.clone(),
    };
    format!("{}  -> {decision}", merge::conflict(&conflict.conflict))
}

/// Returns all conflicts of a merge.
async fn conflicts(id: &str, remote: &Remote) -> Result<Vec<DecidedConflict>, Failure> {
    let (client, mut all, mut after) = (remote.client(), Vec::new(), 0);
    loop {
        let query = [("after", after.to_string()), ("limit", "1000".to_owned())];
        let page: ConflictPage = client.get_with(&["merges", id, "conflicts"], &query).await?;
        all.extend(page.conflicts);
        match page.next {
            Some(next) => after = next,
            None => return Ok(all),
        }
    }
}

async fn resolve(arguments: Resolve) -> Result<(), Failure> {
    let Resolve {
        id,
        conflict,
        choice,
        value,
        withdraw,
        all,
        remote,
    } = arguments;
    let known = conflicts(&id, &remote).await?;
    let mut new = NewDecisions::default();
    match (all, conflict) {
        (Some(choice), _) => new.decisions = take_all(&known, &choice.into()),
        (None, Some(conflict)) => {
            let conflict = the_only(&known, &conflict)?;
            match value
                .map(ChoiceBody::Value)
                .or_else(|| choice.map(ChoiceBody::from))
            {
                Some(choice) => drop(new.decisions.insert(conflict, choice)),
                None if withdraw => new.withdrawn.push(conflict),
                None => return Err(Failure::new(Exit::WrongUse, "nothing is decided")),
            }
        }
        (None, None) => return Err(Failure::new(Exit::WrongUse, "no conflict is named")),
    }
    let attempt: AttemptBody = remote
        .client()
        .post(&["merges", &id, "resolutions"], &new)
        .await?;
    remote.format().print(&attempt, |attempt| {
        let AttemptBody {
            id,
            conflicts,
            decided,
            ..
        } = attempt;
        let next = match decided < conflicts {
            true => String::new(),
            false => format!("; go on with: skep merge finish {id}"),
        };
        format!("merge {id}: {decided} of {conflicts} conflicts are decided{next}")
    })
}

/// Returns the choice for all conflicts that are open and can be decided so.
fn take_all(known: &[DecidedConflict], choice: &ChoiceBody) -> BTreeMap<String, ChoiceBody> {
    let word = match choice {
        ChoiceBody::Ours => "ours",
        ChoiceBody::Theirs => "theirs",
        ChoiceBody::Base => "base",
        ChoiceBody::Value(_) => return BTreeMap::new(),
    };
    let is_open = |one: &&DecidedConflict| {
        one.decision.is_none()
            && !one.conflict.is_unsafe
            && one.conflict.choices.iter().any(|possible| possible == word)
    };
    let open = known.iter().filter(is_open);
    open.map(|one| (one.conflict.id.clone(), choice.clone()))
        .collect()
}

/// Returns the id of the only conflict whose id begins so.
fn the_only(known: &[DecidedConflict], begin: &str) -> Result<String, Failure> {
    let mut alike = known.iter().filter(|one| one.conflict.id.starts_with(begin));
    match (alike.next(), alike.next()) {
        (Some(one), None) => Ok(one.conflict.id.clone()),
        (Some(_), Some(_)) => Err(Failure::new(
            Exit::WrongUse,
            format!("several conflicts begin with {begin}"),
        )),
        (None, _) => Err(
            Failure::new(Exit::Failed, format!("the merge has no conflict {begin}"))
                .with_hint("skep merge show lists them"),
        ),
    }
}
