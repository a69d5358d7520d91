//! `skep branch`.

use api::branches::{BranchBody, Mode, NewBranch, PolicyBody, RulesBody};
use clap::{Args, Subcommand, ValueEnum};

use super::Remote;
use super::merge::{PolicyArgument, ProfileArgument};
use super::rules::{lives, protected, with_warnings};
use crate::error::Failure;
use crate::output::{seconds, table, time};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a branch; it costs nothing, whatever the size of the repository
    Create(Create),
    /// List all branches
    List(List),
    /// Show one branch
    Show(Name),
    /// Remove a branch with all that is staged on it
    Delete(Name),
    /// Refuse direct writes: only merges and resets that pass all checks move the branch
    Protect(Protect),
    /// Allow direct writes again
    Unprotect(Name),
    /// Say when writes become commits
    Mode(SetMode),
    /// Say how long a branch lives
    Expiry(SetExpiry),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The name of the new branch: letters, digits, dots, hyphens and underscores
    name: String,
    /// Where it begins: the committed state of a branch, a tag or commit [default: the default branch]
    #[arg(long, visible_alias = "at")]
    from: Option<String>,
    /// How long it lives, such as 7d, 12h, 30m or 90s [default: for ever, or what rules for its name say]
    #[arg(long, value_parser = seconds)]
    ttl: Option<u64>,
    /// How long it lives after the last write
    #[arg(long, value_parser = seconds)]
    idle: Option<u64>,
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
    /// The branch
    name: String,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Protect {
    /// The branch
    name: String,
    /// A check that has to exist and to pass; may be repeated. All checks of the branch run in any case
    #[arg(long = "require-check")]
    require_check: Vec<String>,
    /// What to do with a merge when the branch moves while its checks run, at the least [default: disjoint]
    #[arg(long, value_enum)]
    merge_policy: Option<PolicyArgument>,
    /// How much a merge leaves to people, at the least
    #[arg(long, value_enum)]
    merge_profile: Option<ProfileArgument>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct SetMode {
    /// The branch
    name: String,
    /// When its writes become commits
    #[arg(value_enum)]
    mode: ModeArgument,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true, args = ["ttl", "idle"])]
pub(super) struct SetExpiry {
    /// The branch
    name: String,
    /// Since it was made, such as 7d, 12h, 30m or 90s; never ends that
    #[arg(long, value_parser = seconds)]
    ttl: Option<u64>,
    /// Since it was written to last
    #[arg(long, value_parser = seconds)]
    idle: Option<u64>,
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
        Command::Show(Name { name, remote }) => {
            let branch: BranchBody = remote.client().get(&["branches", &name]).await?;
            remote
                .format()
                .print(&branch, |branch| list(std::slice::from_ref(branch)))
        }
        Command::Delete(Name { name, remote }) => {
            let client = remote.client();
            let branch: BranchBody = client.get(&["branches", &name]).await?;
            client.delete(&["branches", &name]).await?;
            let gone = serde_json::json!({"deleted": name, "head": branch.head});
            remote.format().print(&gone, |_| {
                let head = short(&branch.head);
                format!("branch {name} is gone; skep branch create {name} --from {head} brings back what was committed")
            })
        }
        Command::Protect(arguments) => protect(arguments).await,
        Command::Unprotect(arguments) => unprotect(arguments).await,
        Command::Mode(arguments) => set_mode(arguments).await,
        Command::Expiry(arguments) => set_expiry(arguments).await,
    }
}

async fn protect(arguments: Protect) -> Result<(), Failure> {
    let Protect {
        name,
        require_check,
        merge_policy,
        merge_profile,
        remote,
    } = arguments;
    let rules = RulesBody {
        protected: Some(true),
        // none named: those that are required already stay
        required_checks: (!require_check.is_empty()).then_some(require_check),
        merge_policy: merge_policy.map(PolicyBody::from),
        merge_profile: merge_profile.map(Into::into),
        ..RulesBody::default()
    };
    let branch = set_rules(&name, &rules, &remote).await?;
    remote.format().print(&branch, |branch| {
        let protected =
            format!("branch {name} is protected: only merges and resets that pass its checks move it");
        with_warnings(protected, &branch.warnings)
    })
}

async fn unprotect(arguments: Name) -> Result<(), Failure> {
    let Name { name, remote } = arguments;
    let rules = RulesBody {
        protected: Some(false),
        ..RulesBody::default()
    };
    let before: BranchBody = remote.client().get(&["branches", &name]).await?;
    let required = before.protection.as_ref().map(protected).unwrap_or_default();
    let branch = set_rules(&name, &rules, &remote).await?;
    remote
        .format()
        .print(&branch, |branch| match branch.protected_by.is_empty() {
            true if required.len() > 1 => format!(
                "branch {name} is open to direct writes; say it anew when you protect it again, for it is forgotten: {}",
                required[1..].join(", ")
            ),
            true => format!("branch {name} is open to direct writes"),
            false => format!(
                "branch {name} is still protected by the rules for {}",
                branch.protected_by.join(", ")
            ),
        })
}

async fn set_mode(arguments: SetMode) -> Result<(), Failure> {
    let SetMode { name, mode, remote } = arguments;
    let mode = Mode::from(mode);
    let rules = RulesBody {
        mode: Some(mode),
        ..RulesBody::default()
    };
    let branch = set_rules(&name, &rules, &remote).await?;
    remote
        .format()
        .print(&branch, |_| format!("branch {name} is {}", commits(mode)))
}

async fn set_expiry(arguments: SetExpiry) -> Result<(), Failure> {
    let SetExpiry {
        name,
        ttl,
        idle,
        remote,
    } = arguments;
    let rules = RulesBody {
        ttl_seconds: ttl,
        idle_seconds: idle,
        ..RulesBody::default()
    };
    let branch = set_rules(&name, &rules, &remote).await?;
    remote.format().print(&branch, |branch| {
        let lives = until(branch).unwrap_or("does not expire".into());
        format!("branch {name} {lives}")
    })
}

async fn create(arguments: Create) -> Result<(), Failure> {
    let Create {
        name,
        from,
        ttl,
        idle,
        mode,
        remote,
    } = arguments;
    let new = NewBranch {
        name,
        from,
        mode: Some(mode.into()),
        ttl_seconds: ttl,
        idle_seconds: idle,
    };
    let branch: BranchBody = remote.client().post(&["branches"], &new).await?;
    remote.format().print(&branch, |branch| {
        let begins = format!(
            "branch {} begins at {}; it is {}",
            branch.name,
            short(&branch.head),
            commits(branch.mode)
        );
        let said = match until(branch) {
            Some(until) => format!("{begins}; it {until}"),
            None => begins,
        };
        with_warnings(said, &branch.warnings)
    })
}

async fn set_rules(name: &str, rules: &RulesBody, remote: &Remote) -> Result<BranchBody, Failure> {
    remote.client().patch(&["branches", name], rules).await
}

/// Returns when a branch expires, for people.
fn until(branch: &BranchBody) -> Option<String> {
    branch.expires_us.map(|us| format!("expires at {}", time(us)))
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
            notes.extend(protected(protection));
            let rules = branch.protected_by.iter();
            notes.extend(rules.map(|pattern| format!("by the rule for {pattern}")));
        } else {
            notes.extend(lives(branch.ttl_seconds, branch.idle_seconds));
            notes.extend(until(branch));
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
