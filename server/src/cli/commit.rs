//! `skep commit`, `skep reset` and `skep log`.

use api::branches::{BranchBody, CommitIdBody, NewCommit, ResetBody};
use api::commits::{CommitBody, LogPage};
use api::merges::{MergeAnswer, NewReset};
use clap::Args;

use super::branch::short;
use super::{Remote, author, merge, pair};
use crate::error::Failure;
use crate::output::time;

#[derive(Debug, Args)]
pub(super) struct CommitArguments {
    /// The branch
    branch: String,
    /// What was done and why
    #[arg(short, long)]
    message: String,
    /// KEY=VALUE to remember beside the message; may be repeated
    #[arg(long, value_parser = pair)]
    meta: Vec<(String, String)>,
    /// Commit even if nothing has changed; a branch that commits on its own takes an empty commit in any case
    #[arg(long)]
    allow_empty: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct ResetArguments {
    /// The branch
    branch: String,
    /// Where its head is to be: a commit, or a ref that stands for one; a protected branch has to pass its checks there
    /// [default: where it is]
    commit: Option<String>,
    /// Drop what is staged, which a reset to a commit refuses to do otherwise
    #[arg(long)]
    force: bool,
    /// Why it is put there [default: reset BRANCH to COMMIT]
    #[arg(short, long, requires = "commit")]
    message: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct LogArguments {
    /// A branch, tag or commit [default: the default branch]
    at: Option<String>,
    /// How many commits to show
    #[arg(short = 'n', long, default_value_t = 30)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn commit(arguments: CommitArguments) -> Result<(), Failure> {
    let CommitArguments {
        branch,
        message,
        meta,
        allow_empty,
        remote,
    } = arguments;
    let new = NewCommit {
        message,
        author: author(),
        metadata: meta.into_iter().collect(),
        allow_empty,
    };
    let commit: CommitIdBody = remote
        .client()
        .post(&["branches", &branch, "commits"], &new)
        .await?;
    remote.format().print(&commit, |commit| {
        format!("committed {branch} as {}", short(&commit.id))
    })
}

pub(super) async fn reset(arguments: ResetArguments) -> Result<(), Failure> {
    let ResetArguments {
        branch,
        commit,
        force,
        message,
        remote,
    } = arguments;
    if let Some(commit) = commit {
        let client = remote.client();
        let before: BranchBody = client.get(&["branches", &branch]).await?;
        let what = format!("reset of {branch} from {} to {commit}", short(&before.head));
        let new = NewReset {
            commit,
            force,
            message,
            author: author(),
        };
        let path = ["branches", &branch, "resets"];
        let answer: MergeAnswer = client.post_for_outcome(&path, &new).await?;
        return merge::finish(&what, &answer, &remote);
    }
    let dropped: ResetBody = remote
        .client()
        .post(&["branches", &branch, "reset"], &serde_json::json!({}))
        .await?;
    remote.format().print(&dropped, |dropped| {
        format!(
            "dropped {} uncommitted operations of {branch}",
            dropped.operations_dropped
        )
    })
}

pub(super) async fn log(arguments: LogArguments) -> Result<(), Failure> {
    let LogArguments { at, limit, remote } = arguments;
    let client = remote.client();
    let at = client.branch_or_default(at).await?;
    let page: LogPage = client
        .get_with(&["refs", &at, "commits"], &[("limit", limit.to_string())])
        .await?;
    remote.format().print(&page.commits, |commits| {
        commits.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

fn line(commit: &CommitBody) -> String {
    let kind = if commit.kind == "normal" {
        String::new()
    } else {
        format!(" [{}]", commit.kind)
    };
    let checks = match commit.checks.len() {
        0 => String::new(),
        _ => format!("  passed {}", commit.checks.join(", ")),
    };
    let (id, when) = (short(&commit.id), time(commit.time_us));
    format!(
        "{id}  {when}  {}{kind}  {}{checks}",
        commit.author, commit.message
    )
}
