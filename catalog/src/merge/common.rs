//! What two tables agree on that each side made on its own: the base of their merge.

use std::sync::Arc;

use crate::model::{Column, Parameters, Table, TableFormat};
use crate::snapshot::OpenTable;

/// Returns what two tables of one name agree on, each of which one side created, if they are the same table: the
/// same columns, keys and format in the same place. What they do not agree on counts as added by each.
pub(super) fn of(ours: &OpenTable, theirs: &OpenTable) -> Option<Table> {
    let template = |table: &Table| table.storage.as_ref().map(|storage| storage.template.clone());
    let ids = |columns: &[Column]| -> Vec<_> {
        columns
            .iter()
            .map(|column| (column.id, column.name.clone(), column.type_name.clone()))
            .collect()
    };
    let is_same = ours.kind == theirs.kind
        && ids(ours.columns()) == ids(theirs.columns())
        && ids(ours.keys()) == ids(theirs.keys())
        && template(ours) == template(theirs)
        && ours.place() == theirs.place()
        && ours.partition_base == theirs.partition_base
        && TableFormat::of(ours) == TableFormat::Hive
        && TableFormat::of(theirs) == TableFormat::Hive;
    if !is_same {
        return None;
    }
    let (a, b) = (&ours.table, &theirs.table);
    let mut common = a.clone();
    common.parameters = common_parameters(a.parameters.as_ref(), b.parameters.as_ref());
    common.created_s = None;
    common.accessed_s = None;
    keep_if(a.owner == b.owner, &mut common.owner);
    keep_if(a.retention == b.retention, &mut common.retention);
    keep_if(a.privileges == b.privileges, &mut common.privileges);
    keep_if(a.rest == b.rest, &mut common.rest);
    keep_if(a.extra == b.extra, &mut common.extra);
    keep_if(a.locations == b.locations, &mut common.locations);
    if (&a.view_original_text, &a.view_expanded_text) != (&b.view_original_text, &b.view_expanded_text) {
        (common.view_original_text, common.view_expanded_text) = (None, None);
    }
    forget_comments(&mut common, b);
    Some(common)
}

fn keep_if<T: Default>(is_same: bool, value: &mut T) {
    if !is_same {
        *value = T::default();
    }
}

fn common_parameters(ours: Option<&Parameters>, theirs: Option<&Parameters>) -> Option<Parameters> {
    let (ours, theirs) = (ours?, theirs?);
    let same = ours.iter().filter(|(key, value)| theirs.get(*key) == Some(value));
    Some(same.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// Removes comments that the other table does not share.
fn forget_comments(common: &mut Table, other: &Table) {
    let forget = |columns: &mut [Column], others: &[Column]| {
        for (column, other) in columns.iter_mut().zip(others) {
            keep_if(column.comment == other.comment, &mut column.comment);
        }
    };
    forget(
        common.partition_keys.as_deref_mut().unwrap_or_default(),
        other.keys(),
    );
    if let Some(columns) = common
        .storage
        .as_mut()
        .and_then(|storage| storage.columns.as_mut())
    {
        forget(&mut Arc::make_mut(columns).0, other.columns());
    }
}
