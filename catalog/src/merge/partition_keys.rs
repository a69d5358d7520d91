//! Partition keys of a merged table.

use super::columns::text_of;
use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::generic::Three;
use super::params::Writers;
use super::report::Pick;
use super::table::{Input, content};
use crate::model::{Column, Table};

fn shape(keys: &[Column]) -> Vec<(&str, &str)> {
    keys.iter()
        .map(|key| (key.name.as_str(), key.type_name.as_str()))
        .collect()
}

/// Partition keys are what all names and folders of partitions follow: no one else may have touched the table.
pub(super) fn merge(input: Input<'_>, scope: &Scope, report: &mut Report) -> Option<Vec<Column>> {
    let tables = input.versions.map(|open| &open.table);
    let shapes = tables.map(|table| shape(table.keys()));
    if shapes.base == shapes.ours && shapes.base == shapes.theirs {
        return merge_comments(tables, scope, report);
    }
    let (ours, theirs) = (shapes.ours != shapes.base, shapes.theirs != shapes.base);
    let is_free = shapes.ours == shapes.theirs
        || ours && !theirs && content(tables.theirs) == content(tables.base)
        || theirs && !ours && content(tables.ours) == content(tables.base);
    let pick = if is_free {
        check_one_sided(input, scope, report)
    } else {
        report_change(input, scope, report)
    };
    let side = match pick.whose() {
        Some(whose) => tables.take(whose),
        None if ours => tables.ours,
        None => tables.theirs,
    };
    side.partition_keys.clone()
}

/// Reports partition keys that one side changed while the other changed something beneath the table.
pub(super) fn check_one_sided(input: Input<'_>, scope: &Scope, report: &mut Report) -> Pick {
    let tables = input.versions.map(|open| &open.table);
    let shapes = tables.map(|table| shape(table.keys()));
    let by_ours = shapes.ours != shapes.base && matches!(input.beneath, Writers::Theirs | Writers::Both);
    let by_theirs = shapes.theirs != shapes.base && matches!(input.beneath, Writers::Ours | Writers::Both);
    if (by_ours || by_theirs) && shapes.ours != shapes.theirs {
        return report_change(input, scope, report);
    }
    Pick::Open
}

fn report_change(input: Input<'_>, scope: &Scope, report: &mut Report) -> Pick {
    let tables = input.versions.map(|open| &open.table);
    let did = |side: &Table| {
        if shape(side.keys()) == shape(tables.base.keys()) {
            "kept, and the table changed".to_owned()
        } else {
            format!("changed to {}", text_of(side.keys()))
        }
    };
    let base = text_of(tables.base.keys());
    let texts = Texts::new(Some(&base), did(tables.ours), did(tables.theirs));
    // the names of partitions follow the keys: those of the other side would not fit
    let choices = Choices {
        ours: matches!(input.beneath, Writers::Nobody | Writers::Ours),
        theirs: matches!(input.beneath, Writers::Nobody | Writers::Theirs),
        ..Choices::NONE
    };
    let subject = Subject::Field("the list of partition keys");
    report.decide((scope, ConflictKind::PartitionKeys, subject), texts, choices)
}

fn merge_comments(tables: Three<&Table>, scope: &Scope, report: &mut Report) -> Option<Vec<Column>> {
    let mut keys = tables.ours.partition_keys.clone()?;
    for (at, key) in keys.iter_mut().enumerate() {
        let comments = tables.map(|table| table.keys().get(at).and_then(|key| key.comment.clone()));
        let subject = Subject::Column(key.name.clone());
        let at = (scope, ConflictKind::CommentBoth, subject);
        key.comment = comments.as_ref().text_or_conflict(at, report);
    }
    Some(keys)
}
