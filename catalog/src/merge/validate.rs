//! What has to hold in a merged catalog although each side alone was right (versioning.md 5.7).

use std::collections::BTreeSet;

use super::conflict::{ConflictKind, Report, Scope, Subject, Texts};
use super::generic::Three;
use crate::model::Table;

/// Reports what does not fit together in a merged table.
pub(crate) fn table(merged: &Table, sides: Three<&Table>, scope: &Scope, report: &mut Report) {
    keys_are_no_columns(merged, sides, scope, report);
    buckets_have_columns(merged, sides, scope, report);
}

/// A column that one side added has not the name of a partition key of the other.
fn keys_are_no_columns(merged: &Table, sides: Three<&Table>, scope: &Scope, report: &mut Report) {
    let doubles = |table: &Table| -> BTreeSet<String> {
        let keys: BTreeSet<&str> = table.keys().iter().map(|key| key.name.as_str()).collect();
        let names = table.columns().iter().map(|column| column.name.as_str());
        names
            .filter(|name| keys.contains(name))
            .map(str::to_owned)
            .collect()
    };
    let known: BTreeSet<String> = doubles(sides.ours)
        .union(&doubles(sides.theirs))
        .cloned()
        .collect();
    for name in doubles(merged).difference(&known) {
        let has = |side: &Table| {
            let is_key = side.keys().iter().any(|key| key.name == *name);
            if is_key { "a partition key" } else { "a column" }
        };
        let texts = Texts::new(None, has(sides.ours), has(sides.theirs));
        report.add(
            scope,
            ConflictKind::NameCollision,
            Subject::Column(name.clone()),
            texts,
        );
    }
}

/// A column by which rows are spread or sorted is there, if it was on both sides.
fn buckets_have_columns(merged: &Table, sides: Three<&Table>, scope: &Scope, report: &mut Report) {
    for name in missing(merged) {
        if missing(sides.ours).contains(&name) || missing(sides.theirs).contains(&name) {
            continue;
        }
        let did = |side: &Table| {
            let has = side.columns().iter().any(|column| column.name == name);
            if has {
                "used for bucketing"
            } else {
                "dropped or renamed"
            }
        };
        let texts = Texts::new(None, did(sides.ours), did(sides.theirs));
        report.add(scope, ConflictKind::DropModify, Subject::Column(name), texts);
    }
}

/// Returns the columns of bucketing and sorting that the table has not.
fn missing(table: &Table) -> BTreeSet<String> {
    let Some(storage) = &table.storage else {
        return BTreeSet::new();
    };
    let template = &storage.template;
    let sorted = template
        .sort_columns
        .iter()
        .flatten()
        .filter_map(|sorted| sorted.column.clone());
    let used = template.bucket_columns.iter().flatten().cloned().chain(sorted);
    let has = |name: &String| {
        table
            .columns()
            .iter()
            .any(|column| column.name.eq_ignore_ascii_case(name))
    };
    used.filter(|name| !has(name)).collect()
}
