//! The tables of the rules, case by case.

mod columns;
mod params;
mod spark;

use super::conflict::{Report, Scope};

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
