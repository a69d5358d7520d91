//! The tables of the rules, case by case.

mod avro;
mod columns;
mod decisions;
mod params;
mod spark;

use std::sync::Arc;

use super::conflict::{Report, Scope};
use super::options::{Choice, Options};

/// Returns a merged text, or the conflicts, one a line.
fn outcome(merged: &str, report: Report) -> String {
    let conflicts = report.into_conflicts();
    if conflicts.is_empty() {
        return merged.to_owned();
    }
    let lines: Vec<String> = conflicts.iter().map(|conflict| format!("! {conflict}")).collect();
    lines.join("\n")
}

fn orders() -> Scope {
    Scope::table("sales", "orders")
}

/// Returns what comes of a rule that meets one conflict, when that is decided; or why it cannot be.
fn decided(rule: &dyn Fn(&mut Report) -> String, choice: &Choice, force_unsafe: bool) -> String {
    let mut report = Report::default();
    rule(&mut report);
    let conflicts = report.into_conflicts();
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    let options = Options {
        decisions: [(conflicts[0].id.clone(), choice.clone())].into(),
        force_unsafe,
        ..Options::default()
    };
    let mut report = Report::new(Arc::new(options));
    let merged = rule(&mut report);
    assert_eq!(report.used().len(), 1);
    match report.refused() {
        Some(refused) => refused.to_error().to_string(),
        None => outcome(&merged, report),
    }
}
