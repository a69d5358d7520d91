//! `skep merge`, `skep revert` and `skep cherry-pick`.

use api::branches::PolicyBody;
use api::merges::{ConflictBody, MergeAnswer, MergeState, NewMerge, NewPick, RefusalBody};
use clap::{Args, ValueEnum};

use super::branch::short;
use super::{Remote, author, pair};
use crate::error::{Exit, Failure};

#[derive(Debug, Args)]
pub(super) struct MergeArguments {
    /// What to merge: a branch's committed state, a tag or a commit
    source: String,
    /// The branch that it is merged into [default: the default branch]
    into: Option<String>,
    /// [default: merge SOURCE into INTO]
    #[arg(short, long)]
    message: Option<String>,
    /// KEY=VALUE to remember beside the message; may be repeated
    #[arg(long, value_parser = pair)]
    meta: Vec<(String, String)>,
    /// What to do when the branch moves while checks run [default: what the rules of the branch say]
    #[arg(long, value_enum)]
    policy: Option<PolicyArgument>,
    /// Make one commit that does not remember the source as a parent
    #[arg(long)]
    squash: bool,
    /// Tell what would happen and change nothing; checks are not run
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: Remote,
}

/// What becomes of a merge that passed its checks when the branch moved meanwhile.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum PolicyArgument {
    /// Land without running checks again, if the branch moved by nothing that they or the merge looked at
    Disjoint,
    /// Run the checks again
    Rerun,
    /// Give up
    Fail,
}

impl From<PolicyArgument> for PolicyBody {
    fn from(policy: PolicyArgument) -> PolicyBody {
        match policy {
            PolicyArgument::Disjoint => PolicyBody::Disjoint,
            PolicyArgument::Rerun => PolicyBody::Rerun,
            PolicyArgument::Fail => PolicyBody::Fail,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct PickArguments {
    /// The commit
    commit: String,
    /// The branch that changes [default: the default branch]
    into: Option<String>,
    /// Of a merge commit: the parent to compare with, 1 or 2
    #[arg(long)]
    parent: Option<usize>,
    #[arg(short, long)]
    message: Option<String>,
    /// Tell what would happen and change nothing; checks are not run
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn merge(arguments: MergeArguments) -> Result<(), Failure> {
    let MergeArguments {
        source,
        into,
        message,
        meta,
        policy,
        squash,
        dry_run,
        remote,
    } = arguments;
    let client = remote.client();
    let into = client.branch_or_default(into).await?;
    let what = format!("merge of {source} into {into}");
    let new = NewMerge {
        source,
        message,
        author: author(),
        metadata: meta.into_iter().collect(),
        policy: policy.map(PolicyBody::from),
        squash,
        dry_run,
    };
    let answer: MergeAnswer = client
        .post_for_outcome(&["branches", &into, "merges"], &new)
        .await?;
    finish(&what, &answer, &remote)
}

/// Reverts or cherry-picks; `route` is the last segment of the path.
pub(super) async fn pick(route: &str, arguments: PickArguments) -> Result<(), Failure> {
    let PickArguments {
        commit,
        into,
        parent,
        message,
        dry_run,
        remote,
    } = arguments;
    let client = remote.client();
    let into = client.branch_or_default(into).await?;
    let verb = if route == "reverts" {
        "revert"
    } else {
        "cherry-pick"
    };
    let what = format!("{verb} of {commit} on {into}");
    let new = NewPick {
        commit,
        parent,
        message,
        author: author(),
        dry_run,
    };
    let answer: MergeAnswer = client.post_for_outcome(&["branches", &into, route], &new).await?;
    finish(&what, &answer, &remote)
}

/// Prints the answer; what changed nothing against the user's will ends with an exit code of its own.
fn finish(what: &str, answer: &MergeAnswer, remote: &Remote) -> Result<(), Failure> {
    remote.format().print(answer, |answer| text(what, answer))?;
    match answer.state {
        MergeState::Landed | MergeState::UpToDate | MergeState::Clean => Ok(()),
        MergeState::Conflicts => {
            let n = answer.conflicts.len();
            let count = if n == 1 {
                "1 conflict".into()
            } else {
                format!("{n} conflicts")
            };
            Err(Failure::new(
                Exit::Conflict,
                format!("{count}: nothing was changed"),
            ))
        }
        MergeState::Refused => Err(Failure::new(
            Exit::Refused,
            "refused by checks: nothing was changed",
        )),
    }
}

fn text(what: &str, answer: &MergeAnswer) -> String {
    let said = said(what, answer);
    if answer.source_uncommitted {
        return format!(
            "{said}\nthe source has changes that are not committed, which a merge leaves out: commit them first"
        );
    }
    said
}

fn said(what: &str, answer: &MergeAnswer) -> String {
    let commit = answer.commit.as_deref().map(short).unwrap_or_default();
    match answer.state {
        MergeState::Landed => format!("{what} landed as {commit}"),
        MergeState::UpToDate => format!("{what}: everything is there already, at {commit}"),
        MergeState::Clean => format!("{what} would land without conflicts (checks were not run)"),
        MergeState::Conflicts => {
            let lines = answer.conflicts.iter().map(conflict);
            format!("{what} has conflicts:\n{}", lines.collect::<Vec<_>>().join("\n"))
        }
        MergeState::Refused => {
            let lines = answer.refusals.iter().map(refusal);
            let read = format!("the candidate stays readable as commit {commit}");
            format!(
                "{what} is refused:\n{}\n{read}",
                lines.collect::<Vec<_>>().join("\n")
            )
        }
    }
}

fn conflict(conflict: &ConflictBody) -> String {
    format!("  {}  [{}]", conflict.message, conflict.kind)
}

fn refusal(refusal: &RefusalBody) -> String {
    let reason = refusal.reason.lines().map(|line| format!("    {line}"));
    format!(
        "  check {}:\n{}",
        refusal.check,
        reason.collect::<Vec<_>>().join("\n")
    )
}
