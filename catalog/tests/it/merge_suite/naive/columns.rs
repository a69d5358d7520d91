//! Columns (5.3).

use std::collections::{BTreeMap, BTreeSet};

use super::merge::{Conflicts, pick};
use super::state::{Column, Id};

type Sides<'a> = (&'a [Column], &'a [Column], &'a [Column]);

/// Merges column lists, by id and, for what both added, by name.
pub(super) fn merge(place: &str, is_positional: bool, sides: Sides, out: &mut Conflicts) -> Vec<Column> {
    let (base, ours, theirs) = sides;
    let theirs = &twins(base, ours, theirs);
    let ids = |columns: &[Column]| columns.iter().map(|column| column.id).collect::<Vec<_>>();
    if is_positional && pick(&ids(base), &ids(ours), &ids(theirs)).is_none() {
        out.insert(format!("PositionalAdd {place}: columns"));
        return ours.to_vec();
    }
    let by_id = |columns: &[Column]| -> BTreeMap<Id, Column> {
        let pair = |column: &Column| (column.id, column.clone());
        columns.iter().map(pair).collect()
    };
    let (b, o, t) = (by_id(base), by_id(ours), by_id(theirs));
    let mut merged = Vec::new();
    // ours' order, and what theirs added behind it
    let added = theirs.iter().filter(|column| !o.contains_key(&column.id));
    for Column { id, .. } in ours.iter().chain(added) {
        merged.extend(one(place, (b.get(id), o.get(id), t.get(id)), out));
    }
    let mut seen = BTreeSet::new();
    for column in &merged {
        if !seen.insert(column.name.clone()) {
            out.insert(format!("NameCollision {place}: column {}", column.name));
        }
    }
    merged
}

/// Returns theirs with the ids of ours for columns that both added under one name.
fn twins(base: &[Column], ours: &[Column], theirs: &[Column]) -> Vec<Column> {
    let is_new = |column: &Column| base.iter().all(|known| known.id != column.id);
    let mut out = theirs.to_vec();
    for column in out.iter_mut().filter(|column| is_new(column)) {
        let mut added = ours.iter().filter(|known| is_new(known));
        if let Some(twin) = added.find(|known| known.name == column.name) {
            column.id = twin.id;
        }
    }
    out
}

fn one(
    place: &str,
    sides: (Option<&Column>, Option<&Column>, Option<&Column>),
    out: &mut Conflicts,
) -> Option<Column> {
    let (base, ours, theirs) = match sides {
        (None, Some(one), None) | (None, None, Some(one)) => return Some(one.clone()),
        (Some(old), Some(new), None) | (Some(old), None, Some(new)) => {
            let changed = (&old.name, &old.type_name) != (&new.name, &new.type_name);
            if changed {
                out.insert(format!("DropModify {place}: column {}", old.name));
            }
            return None;
        }
        (base, Some(ours), Some(theirs)) => (base, ours, theirs),
        (_, None, None) => return None,
    };
    let none = Column::default();
    let old = base.unwrap_or(&none);
    let named = if base.is_some() { &old.name } else { &ours.name };
    let mut merged = ours.clone();
    match pick(&old.name, &ours.name, &theirs.name) {
        Some(name) => merged.name = name,
        None => {
            out.insert(format!("RenameRename {place}: column {named}"));
        }
    }
    let joined = pick(&old.type_name, &ours.type_name, &theirs.type_name)
        .or_else(|| base.and_then(|_| wider(&ours.type_name, &theirs.type_name)));
    match joined {
        Some(type_name) => merged.type_name = type_name,
        None => {
            out.insert(format!("ColumnType {place}: column {named}"));
        }
    }
    match pick(&old.comment, &ours.comment, &theirs.comment) {
        Some(comment) => merged.comment = comment,
        None => {
            out.insert(format!("CommentBoth {place}: column {named}'s comment"));
        }
    }
    Some(merged)
}

/// Returns the type that every value of both can be read as: whole numbers alone, as files of numbers are not
/// read as texts.
fn wider(a: &str, b: &str) -> Option<String> {
    const WIDTHS: [&str; 3] = ["smallint", "int", "bigint"];
    let rank = |name: &str| WIDTHS.iter().position(|known| *known == name);
    let widest = rank(a)?.max(rank(b)?);
    Some(WIDTHS[widest].to_owned())
}
