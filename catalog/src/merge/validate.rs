//! What has to hold in a merged catalog although each side alone was right (versioning.md 5.7).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::generic::Three;
use super::options::Expected;
use super::report::Pick;
use crate::model::{Columns, Table};

/// Decides about what does not fit together in a merged table.
pub(crate) fn table(merged: &mut Table, sides: Three<&Table>, scope: &Scope, report: &mut Report) {
    keys_are_no_columns(merged, sides, scope, report);
    buckets_have_columns(merged, sides, scope, report);
}

/// A column that one side added has not the name of a partition key of the other.
fn keys_are_no_columns(merged: &mut Table, sides: Three<&Table>, scope: &Scope, report: &mut Report) {
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
        let is_key = |side: &Table| side.keys().iter().any(|key| key.name == *name);
        let has = |side: &Table| {
            if is_key(side) {
                "a partition key"
            } else {
                "a column"
            }
        };
        // partitions are named by the key: it is the column that can go
        let choices = Choices {
            ours: is_key(sides.ours),
            theirs: is_key(sides.theirs),
            ..Choices::NONE
        };
        let texts = Texts::new(None, has(sides.ours), has(sides.theirs));
        let at = (scope, ConflictKind::NameCollision, Subject::Column(name.clone()));
        let pick = report.decide(at, texts, choices.or(Expected::Column));
        let Some(columns) = columns_mut(merged) else {
            continue;
        };
        match pick {
            Pick::Open => {}
            Pick::Side(_) => columns.0.retain(|column| column.name != *name),
            Pick::Value(new) => {
                let doubled = columns.0.iter_mut().find(|column| column.name == *name);
                doubled
                    .into_iter()
                    .for_each(|column| column.name.clone_from(&new));
            }
        }
    }
}

fn columns_mut(table: &mut Table) -> Option<&mut Columns> {
    table.storage.as_mut()?.columns.as_mut().map(Arc::make_mut)
}

/// A column by which rows are spread or sorted is there, if it was on both sides.
fn buckets_have_columns(merged: &mut Table, sides: Three<&Table>, scope: &Scope, report: &mut Report) {
    for name in missing(merged) {
        if missing(sides.ours).contains(&name) || missing(sides.theirs).contains(&name) {
            continue;
        }
        let has = |side: &Table| side.columns().iter().any(|column| column.name == name);
        let did = |side: &Table| {
            if has(side) {
                "used for bucketing"
            } else {
                "dropped or renamed"
            }
        };
        // where the column is not there, rows are spread by what is
        let choices = Choices {
            ours: !has(sides.ours),
            theirs: !has(sides.theirs),
            ..Choices::NONE
        };
        let texts = Texts::new(None, did(sides.ours), did(sides.theirs));
        let at = (scope, ConflictKind::DropModify, Subject::Column(name.clone()));
        if let Some(whose) = report.decide(at, texts, choices).whose() {
            take_buckets(merged, sides.take(whose));
        }
    }
}

fn take_buckets(merged: &mut Table, from: &Table) {
    if let (Some(storage), Some(from)) = (&mut merged.storage, &from.storage) {
        let template = Arc::make_mut(&mut storage.template);
        template.buckets = from.template.buckets;
        template.bucket_columns.clone_from(&from.template.bucket_columns);
        template.sort_columns.clone_from(&from.template.sort_columns);
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
