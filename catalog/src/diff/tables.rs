//! What differs between two versions of a table, and of a database: columns and properties.

use std::collections::BTreeSet;

use super::model::{ColumnChange, ColumnChangeKind, PropertyChange};
use crate::location::Place;
use crate::merge::{params, storage};
use crate::model::{Column, ColumnId, Database, Parameters, Storage, Table, TableFormat};
use crate::snapshot::OpenTable;

/// Returns what happened to columns and partition keys; all are added to a table that was not there before.
pub(super) fn columns(before: Option<&Table>, after: Option<&Table>) -> Vec<ColumnChange> {
    let list = |table: Option<&Table>, of: fn(&Table) -> &[Column]| -> Vec<Column> {
        table.map(of).unwrap_or_default().to_vec()
    };
    let mut changes = compare(&list(before, Table::columns), &list(after, Table::columns), false);
    changes.extend(compare(
        &list(before, Table::keys),
        &list(after, Table::keys),
        true,
    ));
    changes
}

fn compare(before: &[Column], after: &[Column], is_partition_key: bool) -> Vec<ColumnChange> {
    let moved = moved(before, after);
    let find = |list: &[Column], id: ColumnId| list.iter().find(|column| column.id == id).cloned();
    let mut changes = Vec::new();
    for column in after {
        let old = find(before, column.id);
        let mut kinds = old
            .as_ref()
            .map_or(vec![ColumnChangeKind::Added], |old| kinds(old, column));
        if moved.contains(&column.id) {
            kinds.push(ColumnChangeKind::Moved);
        }
        if !kinds.is_empty() {
            changes.push(ColumnChange {
                name: column.name.clone(),
                is_partition_key,
                type_before: old.map(|old| old.type_name),
                type_after: Some(column.type_name.clone()),
                kinds,
            });
        }
    }
    let dropped = before.iter().filter(|column| find(after, column.id).is_none());
    changes.extend(dropped.map(|column| ColumnChange {
        name: column.name.clone(),
        is_partition_key,
        type_before: Some(column.type_name.clone()),
        type_after: None,
        kinds: vec![ColumnChangeKind::Dropped],
    }));
    changes
}

fn kinds(old: &Column, new: &Column) -> Vec<ColumnChangeKind> {
    let mut kinds = Vec::new();
    if old.name != new.name {
        kinds.push(ColumnChangeKind::RenamedFrom(old.name.clone()));
    }
    if old.type_name != new.type_name {
        kinds.push(ColumnChangeKind::Retyped);
    }
    if old.comment != new.comment {
        kinds.push(ColumnChangeKind::Comment(
            old.comment.clone(),
            new.comment.clone(),
        ));
    }
    kinds
}

/// Returns the fewest columns that have to be taken out so that the rest is in the order that it had.
fn moved(before: &[Column], after: &[Column]) -> BTreeSet<ColumnId> {
    let places: Vec<(usize, ColumnId)> = after
        .iter()
        .filter_map(|column| {
            let place = before.iter().position(|old| old.id == column.id)?;
            Some((place, column.id))
        })
        .collect();
    // for each column, the longest run of columns in order that ends with it, and its predecessor there
    let mut runs: Vec<(usize, Option<usize>)> = Vec::with_capacity(places.len());
    for (at, (place, _)) in places.iter().enumerate() {
        let best = (0..at)
            .filter(|left| places[*left].0 < *place)
            .max_by_key(|left| runs[*left].0);
        runs.push((best.map_or(1, |best| runs[best].0 + 1), best));
    }
    let mut moved: BTreeSet<ColumnId> = places.iter().map(|(_, id)| *id).collect();
    let mut at = (0..runs.len()).rev().max_by_key(|at| runs[*at].0);
    while let Some(index) = at {
        moved.remove(&places[index].1);
        at = runs[index].1;
    }
    moved
}

/// Collects properties that differ.
#[derive(Debug, Default)]
struct Properties(Vec<PropertyChange>);

impl Properties {
    fn compare(&mut self, name: &str, before: Option<String>, after: Option<String>) {
        if before != after {
            self.0.push(PropertyChange {
                name: name.to_owned(),
                before,
                after,
            });
        }
    }

    fn parameters(&mut self, before: Option<&Parameters>, after: Option<&Parameters>) {
        let is_told = |key: &str| params::class_of(key) == params::Class::Other;
        let (before, after) = (params::select(before, &is_told), params::select(after, &is_told));
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let name = format!("parameter {key}");
            self.compare(&name, before.get(key).cloned(), after.get(key).cloned());
        }
    }
}

/// Returns the properties of a database that differ.
pub(super) fn database_properties(
    before: Option<&Database>,
    after: Option<&Database>,
) -> Vec<PropertyChange> {
    let mut properties = Properties::default();
    let both = |of: &dyn Fn(&Database) -> Option<String>| (before.and_then(of), after.and_then(of));
    let mut compare = |name: &str, of: &dyn Fn(&Database) -> Option<String>| {
        let (before, after) = both(of);
        properties.compare(name, before, after);
    };
    compare("description", &|database| database.description.clone());
    compare("owner", &|database| database.owner.clone());
    compare("location", &|database| Some(storage::text_of(&database.place())));
    compare("managed location", &|database| {
        let location = database.managed_location.as_ref()?;
        Some(storage::text_of(&location.resolve(&Place::root(), "")))
    });
    let parameters = |database: Option<&Database>| database.and_then(|database| database.parameters.clone());
    properties.parameters(parameters(before).as_ref(), parameters(after).as_ref());
    properties.0
}

/// Returns the properties of a table that differ.
pub(super) fn table_properties(before: Option<&OpenTable>, after: Option<&OpenTable>) -> Vec<PropertyChange> {
    let mut properties = Properties::default();
    let mut compare = |name: &str, of: &dyn Fn(&OpenTable) -> Option<String>| {
        properties.compare(name, before.and_then(of), after.and_then(of));
    };
    compare("kind", &|table| Some(table.kind.as_str().to_owned()));
    compare("format", &|table| {
        Some(format!("{:?}", TableFormat::of(table)).to_lowercase())
    });
    compare("owner", &|table| table.owner.clone());
    compare("location", &|table| table.place().as_ref().map(storage::text_of));
    compare("folder of partitions", &|table| {
        let location = table.partition_base.as_ref()?;
        Some(storage::text_of(&location.resolve(&Place::root(), "")))
    });
    compare("serde", &|table| {
        table
            .storage
            .as_ref()
            .and_then(Storage::serde_library)
            .map(str::to_owned)
    });
    compare("input format", &|table| {
        table.storage.as_ref()?.template.input_format.clone()
    });
    compare("serde parameters", &|table| {
        let serde = table.storage.as_ref()?.template.serde.as_ref()?;
        text_of(serde.parameters.as_ref()?)
    });
    compare("buckets", &|table| {
        let template = &table.storage.as_ref()?.template;
        let count = template.buckets.filter(|count| *count > 0)?;
        Some(format!(
            "{count} by {}",
            template.bucket_columns.as_deref().unwrap_or_default().join(", ")
        ))
    });
    compare("view text", &|table| table.view_original_text.clone());
    compare("retention", &|table| {
        table.retention.filter(|n| *n != 0).map(|n| n.to_string())
    });
    compare("places in parameters", &|table| {
        let texts: Vec<String> = table
            .locations
            .iter()
            .map(|(key, location)| {
                format!(
                    "{key}={}",
                    storage::text_of(&location.resolve(&Place::root(), ""))
                )
            })
            .collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    });
    let parameters = |table: Option<&OpenTable>| table.and_then(|table| table.table.parameters.clone());
    properties.parameters(parameters(before).as_ref(), parameters(after).as_ref());
    properties.0
}

/// Returns the names of columns, `(a, b)`.
pub(super) fn names_of(table: &Table, ids: &[ColumnId]) -> String {
    let name_of = |id: &ColumnId| {
        let mut all = table.columns().iter().chain(table.keys());
        all.find(|column| column.id == *id)
            .map_or("?", |column| column.name.as_str())
    };
    format!("({})", ids.iter().map(name_of).collect::<Vec<_>>().join(", "))
}

fn text_of(parameters: &Parameters) -> Option<String> {
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    (!pairs.is_empty()).then(|| pairs.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(text: &str) -> Vec<Column> {
        let column = |text: &str| {
            let (name, id) = text.split_once('#').unwrap();
            Column {
                id: ColumnId(id.parse().unwrap()),
                ..Column::new(name, "int")
            }
        };
        text.split_whitespace().map(column).collect()
    }

    #[test]
    fn the_fewest_columns_are_said_to_have_moved() {
        for (before, after, expected) in [
            ("a#1 b#2 c#3", "a#1 b#2 c#3", ""),
            ("a#1 b#2 c#3", "c#3 a#1 b#2", "c: Moved"),
            ("a#1 b#2 c#3", "b#2 c#3 a#1", "a: Moved"),
            ("a#1 b#2 c#3", "a#1 x#4 b#2", "x: Added, c: Dropped"),
            ("a#1 b#2", "b#2 x#1", r#"x: RenamedFrom("a") Moved"#),
        ] {
            let changes = compare(&columns(before), &columns(after), false);
            let text = |change: &ColumnChange| {
                let kinds: Vec<String> = change.kinds.iter().map(|kind| format!("{kind:?}")).collect();
                format!("{}: {}", change.name, kinds.join(" "))
            };
            let texts: Vec<String> = changes.iter().map(text).collect();
            assert_eq!(texts.join(", "), expected, "{before} -> {after}");
        }
    }
}
