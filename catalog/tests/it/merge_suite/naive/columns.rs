//! Columns (5.3).

use std::collections::{BTreeMap, BTreeSet};

use super::merge::{Conflicts, pick};
use super::state::{Column, Id};

type Sides<'a> = (&'a [Column], &'a [Column], &'a [Column]);

/// Merges column lists, by id and, for what both added, by name. `positional` says which side wrote files, where
/// these have columns by position.
pub(super) fn merge(
    place: &str,
    positional: Option<(bool, bool)>,
    sides: Sides,
    out: &mut Conflicts,
) -> Vec<Column> {
    let (base, ours, theirs) = sides;
    let theirs = &twins(base, ours, theirs);
    let ids = |columns: &[Column]| columns.iter().map(|column| column.id).collect::<Vec<_>>();
    let (mut first, mut second) = (ours, &theirs[..]);
    if let Some(wrote) = positional
        && pick(&ids(base), &ids(ours), &ids(theirs)).is_none()
    {
        let only_adds = |side: &[Column]| ids(side).starts_with(&ids(base));
        if wrote == (true, true) || !only_adds(ours) || !only_adds(theirs) {
            out.insert(format!("PositionalAdd {place}: columns"));
            return ours.to_vec();
        }
        if wrote == (false, true) {
            (first, second) = (second, first);
        }
    }
    let by_id = |columns: &[Column]| -> BTreeMap<Id, Column> {
        let pair = |column: &Column| (column.id, column.clone());
        columns.iter().map(pair).collect()
    };
    let (b, o, t) = (by_id(base), by_id(ours), by_id(theirs));
    let mut merged = Vec::new();
    let known = out.len();
    for id in order(&ids(base), &ids(first), &ids(second)) {
        let id = &id;
        merged.extend(one(place, (b.get(id), o.get(id), t.get(id)), out));
    }
    // each side has rows, and together they would have none
    let is_bare = merged.is_empty() && out.len() == known;
    if is_bare && ours.len().min(theirs.len()) > 0 {
        out.insert(format!("DropModify {place}: columns"));
    }
    let mut seen = BTreeSet::new();
    for column in &merged {
        if !seen.insert(column.name.clone()) {
            out.insert(format!("NameCollision {place}: column {}", column.name));
        }
    }
    merged
}

/// Returns the order of one side, and what the other added: behind its left neighbour there, and behind what the
/// first alone added at that place.
fn order(base: &[Id], first: &[Id], second: &[Id]) -> Vec<Id> {
    // what the second dropped is nobody's neighbour
    let is_kept = |id: &&Id| !base.contains(id) || second.contains(id);
    let mut order: Vec<Id> = first.iter().filter(is_kept).copied().collect();
    let mut behind = 0;
    for id in second {
        let known = order.iter().position(|known| known == id);
        behind = match known {
            Some(place) => place + 1,
            None if base.contains(id) => behind,
            None => {
                let is_own = |id: &Id| !base.contains(id) && !second.contains(id);
                let own = order[behind..].iter().take_while(|id| is_own(id)).count();
                order.insert(behind + own, *id);
                behind + own + 1
            }
        };
    }
    // those of the base that one of them dropped have no place, and are looked at still
    let dropped = first
        .iter()
        .chain(second)
        .filter(|id| !order.contains(id))
        .copied();
    let dropped: Vec<Id> = dropped.collect();
    order.extend(dropped);
    order
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
    let named = &ours.name;
    let mut merged = ours.clone();
    match pick(&old.name, &ours.name, &theirs.name) {
        Some(name) => merged.name = name,
        None => {
            out.insert(format!("RenameRename {place}: column {}", old.name));
        }
    }
    let joined = pick(&old.type_name, &ours.type_name, &theirs.type_name)
        .or_else(|| base.and_then(|base| wider([&base.type_name, &ours.type_name, &theirs.type_name])));
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

/// Returns the type of a side that files of all versions can be read as: whole numbers alone, as files of numbers are
/// not read as texts.
fn wider([base, ours, theirs]: [&str; 3]) -> Option<String> {
    const WIDTHS: [&str; 3] = ["smallint", "int", "bigint"];
    let rank = |name: &str| WIDTHS.iter().position(|known| *known == name);
    let widest = rank(ours)?.max(rank(theirs)?);
    (rank(base)? <= widest).then(|| WIDTHS[widest].to_owned())
}
