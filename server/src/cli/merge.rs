//! `skep merge`, `skep revert` and `skep cherry-pick`.

use api::branches::PolicyBody;
use api::merges::{ConflictBody, MergeAnswer, MergeState, NewMerge, NewPick, RefusalBody, WarningBody};
use api::wishes::{ProfileBody, SideBody, StrategyBody, WishesBody};
use clap::{Args, ValueEnum};

use super::branch::short;
use super::{Remote, attempts, author, pair};
use crate::error::{Exit, Failure};
use crate::output::more;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct MergeArguments {
    #[command(subcommand)]
    command: Option<attempts::Command>,
    #[command(flatten)]
    new: NewArguments,
}

#[derive(Debug, Args)]
struct NewArguments {
    /// What to merge: a branch's committed state, a tag or a commit. A branch that is called like one of the commands
    /// is named with @ behind it
    #[arg(required = true)]
    source: Option<String>,
    /// The branch that it is merged into [default: the default branch]
    into: Option<String>,
    /// What was done and why [default: merge SOURCE into INTO]
    #[arg(short, long)]
    message: Option<String>,
    /// KEY=VALUE to remember beside the message; may be repeated
    #[arg(long, value_parser = pair)]
    meta: Vec<(String, String)>,
    /// What to do when the branch moves while checks run [default: what the rules of the branch say]
    #[arg(long, value_enum)]
    policy: Option<PolicyArgument>,
    /// How much is left to people [default: standard, or what the rules of the branch ask for]
    #[arg(long, value_enum)]
    profile: Option<ProfileArgument>,
    /// Which side to take where, [KIND=]SIDE[:GLOB], such as theirs, ParamBoth=ours or theirs:sales.*; may be repeated,
    /// and the last that matches a conflict counts
    #[arg(long, value_parser = strategy)]
    strategy: Vec<StrategyBody>,
    /// Allow decisions after which a table may be unreadable
    #[arg(long)]
    force_unsafe: bool,
    /// Have files that both sides added to one table or partition be a conflict
    #[arg(long)]
    no_append_union: bool,
    /// Make one commit that does not remember the source as a parent
    #[arg(long)]
    squash: bool,
    /// Tell what would happen and change nothing; checks are not run
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: Remote,
}

/// How much is left to people.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ProfileArgument {
    /// Comments and the order of columns are ours where both sides changed them
    Lenient,
    /// What both sides changed is merged where that is safe, and else a conflict
    Standard,
    /// A partition that both sides touched is a conflict
    StrictPartition,
    /// A table that both sides touched is a conflict
    StrictTable,
}

impl From<ProfileArgument> for ProfileBody {
    fn from(profile: ProfileArgument) -> ProfileBody {
        match profile {
            ProfileArgument::Lenient => ProfileBody::Lenient,
            ProfileArgument::Standard => ProfileBody::Standard,
            ProfileArgument::StrictPartition => ProfileBody::StrictPartition,
            ProfileArgument::StrictTable => ProfileBody::StrictTable,
        }
    }
}

/// Reads a strategy: `[KIND=]SIDE[:GLOB]`.
fn strategy(text: &str) -> Result<StrategyBody, String> {
    let (rest, tables) = match text.split_once(':') {
        Some((rest, glob)) => (rest, Some(glob.to_owned())),
        None => (text, None),
    };
    let (kind, side) = match rest.split_once('=') {
        Some((kind, side)) => (Some(kind.to_owned()), side),
        None => (None, rest),
    };
    let side = match side {
        "ours" => SideBody::Ours,
        "theirs" => SideBody::Theirs,
        _ => return Err("it has to be [KIND=]SIDE[:GLOB], where SIDE is ours or theirs".into()),
    };
    Ok(StrategyBody { kind, tables, side })
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
    /// What was done and why [default: what is done to which commit]
    #[arg(short, long)]
    message: Option<String>,
    /// Tell what would happen and change nothing; checks are not run
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct CherryPickArguments {
    #[command(flatten)]
    pick: PickArguments,
    /// Bring the change back though the branch has the commit in its history
    #[arg(long)]
    again: bool,
}

pub(super) async fn cherry_pick(arguments: CherryPickArguments) -> Result<(), Failure> {
    pick("cherry-picks", arguments.pick, arguments.again).await
}

pub(super) async fn revert(arguments: PickArguments) -> Result<(), Failure> {
    pick("reverts", arguments, false).await
}

pub(super) async fn merge(arguments: MergeArguments) -> Result<(), Failure> {
    match arguments.command {
        Some(command) => attempts::run(command).await,
        None => begin(arguments.new).await,
    }
}

async fn begin(arguments: NewArguments) -> Result<(), Failure> {
    let NewArguments {
        source,
        into,
        message,
        meta,
        policy,
        profile,
        strategy,
        force_unsafe,
        no_append_union,
        squash,
        dry_run,
        remote,
    } = arguments;
    let source = source.ok_or_else(|| Failure::new(Exit::WrongUse, "there is nothing named to merge"))?;
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
        wishes: WishesBody {
            profile: profile.map(ProfileBody::from),
            strategies: strategy,
            force_unsafe,
            no_append_union,
        },
        dry_run,
    };
    let answer: MergeAnswer = client
        .post_for_outcome(&["branches", &into, "merges"], &new)
        .await?;
    finish(&what, &answer, &remote)
}

/// Reverts or cherry-picks; `route` is the last segment of the path.
async fn pick(route: &str, arguments: PickArguments, again: bool) -> Result<(), Failure> {
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
        again,
        parent,
        message,
        author: author(),
        dry_run,
    };
    let answer: MergeAnswer = client.post_for_outcome(&["branches", &into, route], &new).await?;
    finish(&what, &answer, &remote)
}

/// Prints the answer; what changed nothing against the user's will ends with an exit code of its own.
pub(super) fn finish(what: &str, answer: &MergeAnswer, remote: &Remote) -> Result<(), Failure> {
    remote.format().print(answer, |answer| text(what, answer))?;
    match answer.state {
        MergeState::Landed | MergeState::UpToDate | MergeState::Clean => Ok(()),
        MergeState::Conflicts => {
            let count = match answer.conflicts_total {
                1 => "1 conflict".to_owned(),
                n => format!("{n} conflicts"),
            };
            let failure = Failure::new(Exit::Conflict, format!("{count}: nothing was changed"));
            Err(match &answer.merge {
                Some(id) => failure.with_hint(format!(
                    "skep merge show {id} tells by what each can be decided, skep merge resolve {id} CONFLICT \
                     ours|theirs|base (or --value TEXT) decides one, skep merge finish {id} goes on"
                )),
                None => failure.with_hint("without --dry-run the merge is kept, and its conflicts can be decided"),
            })
        }
        MergeState::Refused => {
            let failure = Failure::new(Exit::Refused, "refused by checks: nothing was changed");
            Err(match &answer.merge {
                Some(id) => failure.with_hint(format!(
                    "if it is put right on the branch that is merged, merge that again; if on the destination, or in the \
                     check, skep merge finish {id} tries the same again on the present head"
                )),
                None => failure,
            })
        }
    }
}

fn text(what: &str, answer: &MergeAnswer) -> String {
    let mut lines = vec![said(what, answer)];
    lines.extend(warnings(&answer.warnings, answer.warnings_total));
    if answer.source_uncommitted {
        let text =
            "the source has changes that are not committed, which a merge leaves out: commit them first";
        lines.push(text.to_owned());
    }
    lines.join("\n")
}

/// Returns what is to be looked at, a line each, and how many more there are.
pub(super) fn warnings(warnings: &[WarningBody], total: u64) -> Vec<String> {
    let line = |warning: &WarningBody| format!("  warning: {}  [{}]", warning.message, warning.kind);
    let mut lines: Vec<String> = warnings.iter().map(line).collect();
    let untold = total.saturating_sub(lines.len() as u64);
    if untold > 0 {
        lines.push(format!("  and {}", more(untold, "warning", "warnings")));
    }
    lines
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

pub(super) fn conflict(conflict: &ConflictBody) -> String {
    format!("  {}  {}  [{}]", conflict.id, conflict.message, conflict.kind)
}

pub(super) fn refusal(refusal: &RefusalBody) -> String {
    let reason = refusal.reason.lines().map(|line| format!("    {line}"));
    format!(
        "  check {}:\n{}",
        refusal.check,
        reason.collect::<Vec<_>>().join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_lines_and_those_that_are_not_told_are_counted() {
        let warning = WarningBody {
            kind: "Cascaded".into(),
            database: Some("sales".into()),
            table: Some("t".into()),
            partition: None,
            column: None,
            message: "sales.t: look".into(),
        };
        let told = warnings(&[warning], 3);
        assert_eq!(
            told,
            ["  warning: sales.t: look  [Cascaded]", "  and 2 more warnings"]
        );
        assert!(warnings(&[], 0).is_empty());
    }

    #[test]
    fn strategies_are_read() {
        for (text, expected) in [
            ("theirs", Some((None, None))),
            ("ParamBoth=theirs", Some((Some("ParamBoth"), None))),
            ("theirs:sales.*", Some((None, Some("sales.*")))),
            (
                "ParamBoth=theirs:sales.*",
                Some((Some("ParamBoth"), Some("sales.*"))),
            ),
            ("base", None),
            ("", None),
        ] {
            let found = strategy(text).ok();
            let found = found
                .as_ref()
                .map(|one| (one.kind.as_deref(), one.tables.as_deref()));
            assert_eq!(found, expected, "{text}");
        }
    }
}
