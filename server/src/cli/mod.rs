//! The command line.

mod attempts;
mod branch;
mod commit;
mod data_diff;
mod diff;
mod diff_text;
mod fsck;
mod hooks;
mod merge;
mod repository;
mod rules;
mod shell;
mod sql;
mod style;
mod tag;

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use serde::Serialize;

use crate::client::Client;
use crate::error::Failure;
use crate::machine::environment;
use crate::output::Format;
use crate::settings::{HTTP_PORT, LogFormat, Settings};

/// A Hive Metastore with branches: tables, partitions and files in one git-like repository.
#[derive(Debug, Parser)]
#[command(name = "skep", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a server
    Serve(ServeArguments),
    /// Create, list, remove and protect branches
    #[command(subcommand)]
    Branch(branch::Command),
    /// Create, list and remove tags
    #[command(subcommand)]
    Tag(tag::Command),
    /// Protect branches by their names, and say how long new ones live
    #[command(subcommand)]
    Rules(rules::Command),
    /// Create and list repositories, and say which take writes
    #[command(subcommand)]
    Repository(repository::Command),
    /// Make a commit of what is staged on a branch
    Commit(commit::CommitArguments),
    /// Drop what is staged on a branch, or put its head at another commit
    Reset(commit::ResetArguments),
    /// Show the history of a ref
    Log(commit::LogArguments),
    /// Show what is staged on a branch
    Status(diff::StatusArguments),
    /// Show what differs between two refs: columns, partitions, files, rows
    Diff(diff::DiffArguments),
    /// Merge a ref into a branch: all of it lands, or nothing; decide conflicts and go on
    Merge(merge::MergeArguments),
    /// Undo a commit on a branch
    Revert(merge::PickArguments),
    /// Repeat the change of a commit on a branch
    CherryPick(merge::CherryPickArguments),
    /// List, show and repeat runs of hooks and checks, and look at hook files
    #[command(subcommand)]
    Hooks(hooks::Command),
    /// Query the tables of a ref; without a query, one statement after the other
    Sql(sql::SqlArguments),
    /// Verify that everything the refs reach is there and whole
    Fsck(fsck::FsckArguments),
}

/// What all commands take that talk to a server.
#[derive(Debug, Clone, Args)]
struct Remote {
    /// Where the server is
    #[arg(long, env = "SKEP_URL", default_value_t = format!("http://127.0.0.1:{HTTP_PORT}"), global = true)]
    url: String,
    /// The repository
    #[arg(long, env = "SKEP_REPOSITORY", default_value = "lake", global = true)]
    repository: String,
    #[command(flatten)]
    output: Output,
}

/// How all commands print.
#[derive(Debug, Clone, Args)]
struct Output {
    /// For people or for programs
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    output: Format,
}

impl Remote {
    fn client(&self) -> Client {
        Client::new(&self.url, &self.repository)
    }

    fn format(&self) -> Format {
        self.output.output
    }
}

/// The flags of `skep serve`; what is not given is not written, so that the file and the environment count.
#[derive(Debug, Args, Serialize)]
struct ServeArguments {
    /// A file of settings (TOML), which the environment (SKEP_SERVE_…) and flags override
    #[arg(long, env = "SKEP_SERVE_CONFIG")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// The folder for refs and data [default: skep-data]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<PathBuf>,
    /// Where the REST API listens [default: 127.0.0.1:7373]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<String>,
    /// Where the S3 gateway listens [default: 127.0.0.1:7374]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    s3: Option<String>,
    /// Where the metastore listens, [ADDRESS:]PORT[=REPOSITORY[@REF]]; may be repeated [default: 9083]
    #[arg(long)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thrift: Vec<String>,
    /// Where the metastore listens for Thrift over HTTP, in the same form; may be repeated [default: nowhere]
    #[arg(long)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thrift_http: Vec<String>,
    /// Where Arrow Flight SQL is served, such as 127.0.0.1:7375 [default: nowhere]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    flight: Option<String>,
    /// The repository that a first start creates [default: lake]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    /// The folder for the data of its managed tables, such as file:/warehouse or s3a://bucket/warehouse: not versioned then
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    warehouse: Option<String>,
    /// The address of the service of S3 that has the bucket [default: AWS's]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    warehouse_endpoint: Option<String>,
    /// The region of that service [default: us-east-1]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    warehouse_region: Option<String>,
    /// A file with aws_access_key_id, aws_secret_access_key and perhaps aws_session_token [default: the environment]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    warehouse_credentials: Option<PathBuf>,
    /// When data goes there whose table was dropped: keep, or immediate [default: keep]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    warehouse_delete: Option<String>,
    /// The folder to which it is moved then, such as file:/trash [default: it is gone at once]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    warehouse_trash: Option<String>,
    /// Where its new databases lie that say nothing of it: ref, or shared, for Iceberg tables alone [default: ref]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    layout: Option<String>,
    /// How many partitions one call to the metastore may ask for [default: any number]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    partitions_max: Option<u32>,
    /// The gateway's access key [default: skep]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key: Option<String>,
    /// The environment variable that holds the secret of the access key
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_key_env: Option<String>,
    /// The file that holds the secret of the access key
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_key_file: Option<PathBuf>,
    /// The cache of nodes and blobs, in MiB [default: 512]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_mib: Option<u64>,
    /// How log lines look [default: text]
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    log_format: Option<LogFormat>,
    /// What is logged [default: info]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
}

/// Reads the command line, and for whom the command prints; ends the process if it cannot be read.
pub(crate) fn parse() -> (Arguments, Format) {
    let matches = Arguments::command().get_matches();
    let mut format = Format::Text;
    let mut of = Some(&matches);
    while let Some(matches) = of {
        if let Ok(Some(given)) = matches.try_get_one::<Format>("output") {
            format = *given;
        }
        of = matches.subcommand().map(|(_, matches)| matches);
    }
    match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => (arguments, format),
        Err(error) => error.exit(),
    }
}

/// Runs a command.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Serve(flags) => {
            let settings = Settings::read(flags.config.as_ref(), &flags)?;
            Box::pin(crate::serve::serve(settings)).await
        }
        Command::Branch(command) => branch::run(command).await,
        Command::Tag(command) => tag::run(command).await,
        Command::Rules(command) => rules::run(command).await,
        Command::Repository(command) => repository::run(command).await,
        Command::Commit(arguments) => commit::commit(arguments).await,
        Command::Reset(arguments) => commit::reset(arguments).await,
        Command::Log(arguments) => commit::log(arguments).await,
        Command::Status(arguments) => diff::status(arguments).await,
        Command::Diff(arguments) => diff::diff(arguments).await,
        Command::Merge(arguments) => merge::merge(arguments).await,
        Command::Revert(arguments) => merge::revert(arguments).await,
        Command::CherryPick(arguments) => merge::cherry_pick(arguments).await,
        Command::Hooks(command) => hooks::run(command).await,
        Command::Sql(arguments) => sql::run(arguments).await,
        Command::Fsck(arguments) => Box::pin(fsck::run(arguments)).await,
    }
}

/// Returns who runs the command.
fn author() -> Option<String> {
    environment("SKEP_AUTHOR").or_else(|| environment("USER"))
}

/// Reads `key=value` pairs of metadata.
fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it has to be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds a command and all below it to a sentence for each argument and each of its values.
    fn check_help(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        assert!(command.get_about().is_some(), "{path}");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path} {}", argument.get_id());
            for value in argument.get_possible_values() {
                let is_told = value.get_help().is_some() || matches!(value.get_name(), "true" | "false");
                assert!(
                    is_told || argument.get_id() == "output",
                    "{path}: {}",
                    value.get_name()
                );
            }
        }
        for below in command.get_subcommands() {
            check_help(below, &path);
        }
    }

    #[test]
    fn all_arguments_are_told_of() {
        check_help(&Arguments::command(), "");
    }

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
        for (line, is_fine) in [
            (
                "skep merge etl main --strategy theirs:sales.* --policy rerun",
                true,
            ),
            ("skep merge list --state conflicts --output json", true),
            ("skep merge resolve 3f9c 2f8e theirs", true),
            ("skep merge resolve 3f9c 2f8e --value bigint", true),
            ("skep merge resolve 3f9c --all ours", true),
            ("skep merge resolve 3f9c 2f8e", false),
            ("skep merge", false),
            ("skep merge etl main --strategy base", false),
            ("skep reset main 3f9c --force", true),
            ("skep diff main etl --profile", true),
            ("skep diff main etl --profile sales.* --full", true),
            (
                "skep diff --staged etl --rows sales.t --key id,dt --limit 5",
                true,
            ),
            ("skep diff main...etl", true),
            ("skep diff", false),
            ("skep diff main etl --staged etl", false),
            ("skep diff main etl --rows sales.t", false),
            ("skep diff main etl --profile * --rows sales.t --key id", false),
            ("skep repository set lake --read-only true", true),
            ("skep repository set lake", false),
            (
                "skep rules set release-* --require-check rows --merge-profile strict-table",
                true,
            ),
            ("skep rules set tmp-* --ttl 7d --idle 12h", true),
            ("skep rules set tmp-* --ttl 7d --require-check rows", false),
            ("skep branch create etl --at 3f9c2a1b --ttl 90s", true),
            ("skep branch expiry etl --idle never", true),
            ("skep branch expiry etl", false),
        ] {
            let parsed = Arguments::try_parse_from(line.split(' '));
            assert_eq!(parsed.is_ok(), is_fine, "{line}: {:?}", parsed.err());
        }
    }
}
