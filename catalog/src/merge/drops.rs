//! Columns that are dropped from before others, where files find columns by position (versioning.md 5.3).

use super::columns::Layout;
use super::conflict::{Report, Scope};
use super::generic::Three;
use super::params::Writers;
use super::table::{Input, layout_of};
use super::warning::WarningKind;
use crate::model::{Column, Table, TableFormat};

/// Warns of columns that the merge takes away from before others: files that were written with them stay as they are,
/// which is Hive's own hazard.
pub(super) fn check(input: Input<'_>, merged: &Table, scope: &Scope, report: &mut Report) {
    if TableFormat::of(merged) != TableFormat::Hive || layout_of(input) == Layout::ByName {
        return;
    }
    let lists = input.versions.map(|open| open.table.columns());
    for (at, column) in lists.base.iter().enumerate() {
        let is_last = !lists.base[at + 1..]
            .iter()
            .any(|next| has(merged.columns(), next));
        if !is_last && !has(merged.columns(), column) && is_news(lists, column, input.wrote) {
            let text = format!(
                "column {0} is gone from before others, and files find columns by position: in those that have it, the \
                 columns behind it are read as their left neighbours; rewrite them (insert overwrite), or give {0} back",
                column.name
            );
            report.warn(scope, WarningKind::PositionalDrop, Some(&column.name), &text);
        }
    }
}

/// Returns whether ours learns by the merge that a column is gone, or gets files that have it still.
fn is_news(lists: Three<&[Column]>, column: &Column, wrote: Writers) -> bool {
    let theirs_wrote = matches!(wrote, Writers::Theirs | Writers::Both);
    match (has(lists.ours, column), has(lists.theirs, column)) {
        (true, false) => true,
        (false, true) => theirs_wrote,
        _ => false,
    }
}

fn has(columns: &[Column], column: &Column) -> bool {
    columns.iter().any(|other| other.id == column.id)
}
