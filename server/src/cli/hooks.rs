//! `skep hooks`.

use std::path::{Path, PathBuf};

use api::hooks::RunBody;
use clap::{Args, Subcommand};
use serde_json::json;

use super::Remote;
use super::branch::short;
use crate::error::{Exit, Failure};
use crate::output::table;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the last runs of hooks and checks
    #[command(visible_alias = "list")]
    Runs(Runs),
    /// Show a run with what it said
    Show(One),
    /// Run a hook again as it ran before; nothing is moved
    Rerun(One),
    /// Tell what is wrong with a hook file, with line and column
    Validate(Validate),
}

#[derive(Debug, Args)]
pub(super) struct Runs {
    /// Those about this branch or tag alone
    #[arg(long)]
    branch: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct One {
    /// The run, by its id as `skep hooks runs` shows it
    run: String,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Validate {
    /// A hook file on this machine; in a folder called checks, a check file
    file: PathBuf,
    #[command(flatten)]
    output: super::Output,
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Runs(Runs {
            branch,
            limit,
            remote,
        }) => {
            let mut query = vec![("limit", limit.to_string())];
            query.extend(branch.map(|branch| ("branch", branch)));
            let runs: Vec<RunBody> = remote.client().get_with(&["hooks", "runs"], &query).await?;
            remote
                .format()
                .print(&runs, |runs| table(&COLUMNS, runs.iter().map(row)))
        }
        Command::Show(One { run, remote }) => {
            let run: RunBody = remote.client().get(&["hooks", "runs", &run]).await?;
            remote.format().print(&run, told)
        }
        Command::Rerun(One { run, remote }) => {
            let path = ["hooks", "runs", &run, "rerun"];
            let run: RunBody = remote.client().post(&path, &json!({})).await?;
            remote.format().print(&run, told)?;
            match run.state.as_str() {
                "passed" => Ok(()),
                state => Err(Failure::new(Exit::Refused, format!("run {} {state}", run.id))),
            }
        }
        Command::Validate(Validate { file, output }) => validate(&file, &output),
    }
}

const COLUMNS: [&str; 7] = ["run", "event", "hook", "branch", "commit", "state", "took"];

fn row(run: &RunBody) -> [String; 7] {
    [
        run.id.clone(),
        run.event.clone(),
        run.hook.clone(),
        run.branch.clone(),
        run.commit.as_deref().map(short).unwrap_or_default(),
        run.state.clone(),
        run.duration_us.map(took).unwrap_or_default(),
    ]
}

fn took(duration_us: u64) -> String {
    format!("{}.{:03} s", duration_us / 1_000_000, duration_us / 1_000 % 1_000)
}

fn told(run: &RunBody) -> String {
    let rows = COLUMNS
        .into_iter()
        .zip(row(run))
        .filter(|(_, value)| !value.is_empty());
    let mut text: String = rows.map(|(name, value)| format!("{name:8}{value}\n")).collect();
    text += &format!("file    {}\n", run.file);
    if let Some(first) = &run.repeats {
        text += &format!("repeats {first}\n");
    }
    format!("{text}\n{}", run.output).trim_end().to_owned()
}

/// Looks at a file by the rules of this binary: no server is asked.
fn validate(file: &Path, output: &super::Output) -> Result<(), Failure> {
    let failed = |message: String| Failure::new(Exit::WrongUse, message);
    let bytes = std::fs::read(file).map_err(|error| failed(format!("{}: {error}", file.display())))?;
    let names = crate::lent::validated(&file.display().to_string(), &bytes).map_err(failed)?;
    output.output.print(&json!({"hooks": names}), |_| {
        format!("{}: {}", file.display(), names.join(", "))
    })
}
