//! `skep branch`.

use api::branches::{BranchBody, Mode, NewBranch, PolicyBody, RulesBody};
use clap::{Args, Subcommand, ValueEnum};

use super::Remote;
use super::merge::PolicyArgument;
use crate::error::Failure;
use crate::output::table;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a branch; it costs nothing, whatever the size of the repository
    Create(Create),
    /// List all branches
    List(List),
    /// Remove a branch with all that is staged on it
    Delete(Name),
    /// Refuse direct writes: only merges that pass all checks move the branch
    Protect(Protect),
    /// Allow direct writes again
    Unprotect(Name),
    /// Say when writes become commits
    Mode(SetMode),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    name: String,
    /// Where it begins: a branch, tag or commit [default: the default branch]
    #[arg(long)]
    from: Option<String>,
    /// When its writes become commits
    #[arg(long, value_enum, default_value_t = ModeArgument::Staged)]
    mode: ModeArgument,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Name {
    name: String,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Protect {
    name: String,
    /// A check that has to exist and to pass; may be repeated. All checks of the branch run in any case
    #[arg(long = "require-check")]
    require_check: Vec<String>,
    /// What to do with a merge when the branch moves while its checks run, at the least [default: disjoint]
    #[arg(long, value_enum)]
    merge_policy: Option<PolicyArgument>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct SetMode {
    name: String,
    #[arg(value_enum)]
    mode: ModeArgument,
    #[command(flatten)]
    remote: Remote,
}

/// When the writes of a branch become commits.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeArgument {
    /// When somebody commits
    Staged,
    /// In the background, after a pause
    Coalesce,
    /// Each call at once
    Sync,
}

impl From<ModeArgument> for Mode {
    fn from(mode: ModeArgument) -> Mode {
        match mode {
            ModeArgument::Staged => Mode::Staged,
            ModeArgument::Coalesce => Mode::Coalesce,
            ModeArgument::Sync => Mode::Sync,
        }
    }
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create(arguments).await,
        Command::List(List { remote }) => {
            let branches: Vec<BranchBody> = remote.client().get(&["branches"]).await?;
            remote.format().print(&branches, |branches| list(branches))
        }
        Command::Delete(Name { name, remote }) => {
            remote.client().delete(&["branches", &name]).await?;
            remote.format().print(&serde_json::json!({"deleted": name}), |_| {
                format!("branch {name} is gone")
            })
        }
        Command::Protect(Protect {
            name,
            require_check,
            merge_policy,
            remote,
        }) => {
            let rules = RulesBody {
                protected: Some(true),
                // none named: those that are required already stay
                required_checks: (!require_check.is_empty()).then_some(require_check),
                merge_policy: merge_policy.map(PolicyBody::from),
                ..RulesBody::default()
            };
            set_rules(
                &name,
                &rules,
                &remote,
                "protected: only merges that pass its checks move it",
            )
            .await
        }
        Command::Unprotect(Name { name, remote }) => {
            let rules = RulesBody {
                protected: Some(false),
                ..RulesBody::default()
            };
            set_rules(&name, &rules, &remote, "open to direct writes").await
        }
        Command::Mode(SetMode { name, mode, remote }) => {
            let mode = Mode::from(mode);
            let rules = RulesBody {
                mode: Some(mode),
                ..RulesBody::default()
            };
            set_rules(&name, &rules, &remote, commits(mode)).await
        }
    }
}

async fn create(arguments: Create) -> Result<(), Failure> {
    let Create {
        name,
        from,
        mode,
        remote,
    } = arguments;
    let new = NewBranch {
        name,
        from,
        mode: Some(mode.into()),
    };
    let branch: BranchBody = remote.client().post(&["branches"], &new).await?;
    remote.format().print(&branch, |branch| {
        format!(
            "branch {} begins at {}; it is {}",
            branch.name,
            short(&branch.head),
            commits(branch.mode)
        )
    })
}

async fn set_rules(name: &str, rules: &RulesBody, remote: &Remote, now: &str) -> Result<(), Failure> {
    let branch: BranchBody = remote.client().patch(&["branches", name], rules).await?;
    remote
        .format()
        .print(&branch, |branch| format!("branch {} is {now}", branch.name))
}

fn commits(mode: Mode) -> &'static str {
    match mode {
        Mode::Staged => "committed when somebody says so",
        Mode::Coalesce => "committed in the background after a pause",
        Mode::Sync => "committed with every write",
    }
}

fn list(branches: &[BranchBody]) -> String {
    let row = |branch: &BranchBody| {
        let mut notes = Vec::new();
        if let Some(protection) = &branch.protection {
            notes.push("protected".to_owned());
            let checks = protection.required_checks.iter();
            notes.extend(checks.map(|check| format!("requires {check}")));
        }
        if branch.uncommitted {
            notes.push("uncommitted changes".to_owned());
        }
        [
            branch.name.clone(),
            short(&branch.head),
            format!("{:?}", branch.mode).to_lowercase(),
            notes.join(", "),
        ]
    };
    table(&["branch", "head", "mode", ""], branches.iter().map(row))
}

/// Returns the first digits of a commit id, for people.
pub(super) fn short(id: &str) -> String {
    id.chars().take(12).collect()
}
