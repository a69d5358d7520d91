//! `skep sql`.

use api::SqlAnswer;
use api::sql::SqlRequest;
use clap::Args;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde_json::Value;

use super::{Remote, shell};
use crate::error::Failure;

#[derive(Debug, Args)]
pub(super) struct SqlArguments {
    /// The statement [default: read statements from the terminal or from standard input]
    sql: Option<String>,
    /// The branch, tag or commit to read [default: the default branch]
    #[arg(long = "ref")]
    at: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(arguments: SqlArguments) -> Result<(), Failure> {
    let SqlArguments { sql, at, remote } = arguments;
    match sql {
        Some(sql) => show(&remote, sql, at).await,
        None => shell::run(&remote, at).await,
    }
}

/// Runs a statement, and prints its rows.
pub(super) async fn show(remote: &Remote, sql: String, at: Option<String>) -> Result<(), Failure> {
    let answer = ask(remote, sql, at).await?;
    remote.format().print(&answer, table)
}

/// Runs a statement.
pub(super) async fn ask(remote: &Remote, sql: String, at: Option<String>) -> Result<SqlAnswer, Failure> {
    remote.client().post(&["sql"], &SqlRequest { sql, at }).await
}

fn table(answer: &SqlAnswer) -> String {
    let mut table = Table::new();
    table
        .load_style(ASCII_MARKDOWN)
        .set_header(answer.columns.iter().map(|column| &column.name));
    for row in &answer.rows {
        table.add_row(answer.columns.iter().map(|column| cell(row.get(&column.name))));
    }
    let rows = answer.rows.len();
    let more = if answer.truncated {
        ", and more that are not shown"
    } else {
        ""
    };
    format!("{table}\n({rows} row{}{more})", if rows == 1 { "" } else { "s" })
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "NULL".into(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
