//! `skep rules`.

use api::branches::{PolicyBody, ProtectionBody};
use api::rules::{NewRule, RuleBody};
use clap::{Args, Subcommand};

use super::Remote;
use super::merge::{PolicyArgument, ProfileArgument};
use crate::error::Failure;
use crate::output::{duration, seconds, table};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List all rules
    List(List),
    /// Protect all branches whose names match a pattern, or say how long new ones live; what was said of the pattern
    /// before is replaced
    Set(Box<Set>),
    /// Remove the rule of a pattern
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// Names of branches, with * for any text and ? for any letter
    pattern: String,
    /// A check that has to exist and to pass; may be repeated. All checks of the branch run in any case
    #[arg(long = "require-check", conflicts_with_all = ["ttl", "idle"])]
    require_check: Vec<String>,
    /// What to do with a merge when the branch moves while its checks run, at the least [default: disjoint]
    #[arg(long, value_enum, conflicts_with_all = ["ttl", "idle"])]
    merge_policy: Option<PolicyArgument>,
    /// How much a merge leaves to people, at the least
    #[arg(long, value_enum, conflicts_with_all = ["ttl", "idle"])]
    merge_profile: Option<ProfileArgument>,
    /// How long new branches live, such as 7d, 12h, 30m or 90s
    #[arg(long, value_parser = seconds)]
    ttl: Option<u64>,
    /// How long new branches live after the last write
    #[arg(long, value_parser = seconds)]
    idle: Option<u64>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The pattern, as `skep rules list` shows it
    pattern: String,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(List { remote }) => {
            let all: Vec<RuleBody> = remote.client().get(&["rules"]).await?;
            let row = |rule: &RuleBody| [rule.pattern.clone(), said(rule)];
            remote
                .format()
                .print(&all, |all| table(&["pattern", "branches"], all.iter().map(row)))
        }
        Command::Set(arguments) => set(*arguments).await,
        Command::Remove(Remove { pattern, remote }) => {
            remote.client().delete(&["rules", &pattern]).await?;
            remote
                .format()
                .print(&serde_json::json!({"removed": pattern}), |_| {
                    format!("there is no rule for {pattern} any more")
                })
        }
    }
}

async fn set(arguments: Set) -> Result<(), Failure> {
    let Set {
        pattern,
        require_check,
        merge_policy,
        merge_profile,
        ttl,
        idle,
        remote,
    } = arguments;
    let protection = ProtectionBody {
        required_checks: require_check,
        policy: merge_policy.map(PolicyBody::from).unwrap_or_default(),
        profile: merge_profile.map(Into::into),
    };
    let new = NewRule {
        // a protected branch does not expire
        protection: (ttl.is_none() && idle.is_none()).then_some(protection),
        ttl_seconds: ttl,
        idle_seconds: idle,
    };
    let rule: RuleBody = remote.client().put(&["rules", &pattern], &new).await?;
    remote.format().print(&rule, |rule| {
        let said = format!("branches {}: {}", rule.pattern, said(rule));
        with_warnings(said, &rule.warnings)
    })
}

/// Returns what was done, and below it what cannot work as it is.
pub(super) fn with_warnings(said: String, warnings: &[String]) -> String {
    let warnings = warnings.iter().map(|warning| format!("\nwarning: {warning}"));
    std::iter::once(said).chain(warnings).collect()
}

fn said(rule: &RuleBody) -> String {
    let mut said = rule.protection.as_ref().map(protected).unwrap_or_default();
    said.extend(lives(rule.ttl_seconds, rule.idle_seconds));
    said.join(", ")
}

/// Returns what a protection says, for people.
pub(super) fn protected(protection: &ProtectionBody) -> Vec<String> {
    let mut said = vec!["protected".to_owned()];
    let checks = protection.required_checks.iter();
    said.extend(checks.map(|check| format!("requires {check}")));
    if protection.policy != PolicyBody::default() {
        said.push(format!("merge policy {}", word(&protection.policy)));
    }
    if let Some(profile) = &protection.profile {
        said.push(format!("merge profile {}", word(profile)));
    }
    said
}

/// Returns how long a branch lives, for people.
pub(super) fn lives(ttl_seconds: Option<u64>, idle_seconds: Option<u64>) -> Vec<String> {
    let ttl = ttl_seconds.map(|ttl| format!("lives {}", duration(ttl)));
    let idle = idle_seconds.map(|idle| format!("lives {} after the last write", duration(idle)));
    ttl.into_iter().chain(idle).collect()
}

/// Returns the word that stands for a value in JSON.
fn word(value: &impl serde::Serialize) -> String {
    let word = serde_json::json!(value);
    word.as_str().unwrap_or_default().to_owned()
}
