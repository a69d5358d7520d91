//! Cases, carried out.

use catalog::merge::{Conflict, Options, Subject, Warning};
use versioning::merge::MergeOutcome;

use super::cases::Case;
use crate::it::history::History;

/// Merges both ways and compares; returns what differs.
pub(super) async fn check(case: Case) -> Result<(), String> {
    let ways = [
        ("", &case.ours, &case.theirs, &case.result),
        (" swapped", &case.theirs, &case.ours, &case.swapped),
    ];
    let mut text = String::new();
    for (way, ours, theirs, expected) in ways {
        let found = caught(case.base.clone(), ours.clone(), theirs.clone()).await;
        if found != *expected {
            text += &format!(
                "  expected{way}:\n{}  found{way}:\n{}",
                indented(expected),
                indented(&found)
            );
        }
    }
    if text.is_empty() { Ok(()) } else { Err(text) }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// Returns what a merge makes, or the message of its panic: the other cases still run.
async fn caught(base: String, ours: String, theirs: String) -> String {
    let task = tokio::spawn(async move { merged(&base, &ours, &theirs).await });
    task.await.unwrap_or_else(|error| format!("{error}\n"))
}

async fn merged(base: &str, ours: &str, theirs: &str) -> String {
    let history = History::new(base).await;
    history.branch("etl").await;
    history.commit("etl", theirs).await;
    history.commit("main", ours).await;
    let report = history
        .merge_report("etl", "main", Options::default())
        .await
        .unwrap();
    let result: String = match report.outcome {
        MergeOutcome::Landed(_) | MergeOutcome::UpToDate(_) => history.dump("main").await,
        MergeOutcome::Conflicts(conflicts) => conflicts.iter().map(line).collect(),
        other => panic!("{other:?}"),
    };
    let warnings = report.warnings.first.iter().map(Warning::read);
    let warnings: String = warnings.map(|warning| wary_line(&warning.unwrap())).collect();
    result + &warnings
}

/// Returns `? kind place: subject`.
fn wary_line(warning: &Warning) -> String {
    let names = [&warning.database, &warning.table].map(|name| name.as_deref().unwrap_or_default());
    let mut place = names.join(".");
    if let Some(partition) = &warning.partition {
        place += &format!(" {partition}");
    }
    let subject = match &warning.column {
        Some(column) => format!("column {column}"),
        None => "whole".to_owned(),
    };
    format!("? {} {place}: {subject}\n", warning.kind)
}

/// Returns `! kind place: subject`.
pub(super) fn line(conflict: &Conflict) -> String {
    let mut place = conflict.database.clone().unwrap_or_default();
    if let Some(table) = &conflict.table {
        place += &format!(".{table}");
    }
    if let Some(partition) = &conflict.partition {
        place += &format!(" {partition}");
    }
    let subject = match &conflict.subject {
        Subject::Whole => "whole".to_owned(),
        Subject::Field(name) => (*name).to_owned(),
        Subject::Columns => "columns".to_owned(),
        Subject::Column(name) => format!("column {name}"),
        Subject::Parameter(key) => format!("parameter {key}"),
        Subject::Function(name) => format!("function {name}"),
        Subject::Constraint(name) => format!("constraint {name}"),
        Subject::Path(path) => format!("file {path}"),
        Subject::Folder(path) => format!("folder {path}"),
        Subject::Key(key) => format!("record {key}"),
    };
    format!("! {} {place}: {subject}\n", conflict.kind)
}
