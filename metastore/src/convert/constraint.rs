//! Constraints: on the wire, one entry for each column; in the catalog, one for each constraint.

use std::collections::BTreeMap;

use catalog::draft::{NewConstraint, NewReference};
use catalog::model::{ColumnId, Constraint, ConstraintKind, Table};
use catalog::names;
use thrift_idl::types::{
    SQLCheckConstraint, SQLDefaultConstraint, SQLForeignKey, SQLNotNullConstraint, SQLPrimaryKey,
    SQLUniqueConstraint,
};

use super::Names;

/// A column of a constraint, whatever the kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) catalog: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) column: Option<String>,
    /// The position in the key, from 1.
    pub(crate) position: Option<i32>,
    pub(crate) name: Option<String>,
    pub(crate) enabled: Option<bool>,
    pub(crate) validated: Option<bool>,
    pub(crate) relied_on: Option<bool>,
    pub(crate) text: Option<String>,
    pub(crate) parent: Parent,
}

/// What a column of a foreign key points at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parent {
    pub(crate) database: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) column: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) update_rule: Option<i32>,
    pub(crate) delete_rule: Option<i32>,
}

/// An entry of one kind on the wire.
pub(crate) trait WireConstraint: From<Entry> + Into<Entry> {
    const KIND: ConstraintKind;
}

macro_rules! wire_constraints {
    ($($type:ident $kind:ident { $catalog:ident $database:ident $table:ident $column:ident $name:ident }
        $({ $($field:ident = $entry:ident),* })?;)+) => { $(
        impl WireConstraint for $type {
            const KIND: ConstraintKind = ConstraintKind::$kind;
        }

        impl From<$type> for Entry {
            fn from(wire: $type) -> Entry {
                Entry {
                    catalog: wire.$catalog,
                    database: wire.$database,
                    table: wire.$table,
                    column: wire.$column,
                    name: wire.$name,
                    enabled: wire.enable_cstr,
                    validated: wire.validate_cstr,
                    relied_on: wire.rely_cstr,
                    $($($entry: wire.$field,)*)?
                    ..Entry::default()
                }
            }
        }

        impl From<Entry> for $type {
            fn from(entry: Entry) -> $type {
                $type {
                    $catalog: entry.catalog,
                    $database: entry.database,
                    $table: entry.table,
                    $column: entry.column,
                    $name: entry.name,
                    enable_cstr: entry.enabled,
                    validate_cstr: entry.validated,
                    rely_cstr: entry.relied_on,
                    $($($field: entry.$entry,)*)?
                }
            }
        }
    )+ };
}

wire_constraints! {
    SQLPrimaryKey PrimaryKey { cat_name table_db table_name column_name pk_name } { key_seq = position };
    SQLUniqueConstraint Unique { cat_name table_db table_name column_name uk_name } { key_seq = position };
    SQLNotNullConstraint NotNull { cat_name table_db table_name column_name nn_name };
    SQLDefaultConstraint Default { cat_name table_db table_name column_name dc_name } { default_value = text };
    SQLCheckConstraint Check { cat_name table_db table_name column_name dc_name } { check_expression = text };
}

impl WireConstraint for SQLForeignKey {
    const KIND: ConstraintKind = ConstraintKind::ForeignKey;
}

impl From<SQLForeignKey> for Entry {
    fn from(wire: SQLForeignKey) -> Entry {
        Entry {
            catalog: wire.cat_name,
            database: wire.fktable_db,
            table: wire.fktable_name,
            column: wire.fkcolumn_name,
            position: wire.key_seq,
            name: wire.fk_name,
            enabled: wire.enable_cstr,
            validated: wire.validate_cstr,
            relied_on: wire.rely_cstr,
            text: None,
            parent: Parent {
                database: wire.pktable_db,
                table: wire.pktable_name,
                column: wire.pkcolumn_name,
                key: wire.pk_name,
                update_rule: wire.update_rule,
                delete_rule: wire.delete_rule,
            },
        }
    }
}

impl From<Entry> for SQLForeignKey {
    fn from(entry: Entry) -> SQLForeignKey {
        SQLForeignKey {
            pktable_db: entry.parent.database,
            pktable_name: entry.parent.table,
            pkcolumn_name: entry.parent.column,
            fktable_db: entry.database,
            fktable_name: entry.table,
            fkcolumn_name: entry.column,
            key_seq: entry.position,
            update_rule: entry.parent.update_rule,
            delete_rule: entry.parent.delete_rule,
            fk_name: entry.name,
            pk_name: entry.parent.key,
            enable_cstr: entry.enabled,
            validate_cstr: entry.validated,
            rely_cstr: entry.relied_on,
            cat_name: entry.catalog,
        }
    }
}

/// Reads the constraints of one kind. The columns of a key stand one after the other, with rising positions.
///
/// Names of databases are as the client says them.
pub(crate) fn constraints_from<T: WireConstraint>(wire: Vec<T>) -> Vec<NewConstraint> {
    let mut found: Vec<NewConstraint> = Vec::new();
    let mut last_position = 0;
    for entry in wire.into_iter().map(Into::<Entry>::into) {
        let position = entry.position.unwrap_or_default();
        let goes_on = found
            .last()
            .is_some_and(|last| last.name == entry.name && position > last_position);
        last_position = position;
        match found.last_mut().filter(|_| goes_on) {
            Some(last) => {
                last.columns.extend(entry.column);
                if let Some(reference) = &mut last.reference {
                    reference.columns.extend(entry.parent.column);
                }
            }
            None => found.push(first_of(T::KIND, entry)),
        }
    }
    found
}

fn first_of(kind: ConstraintKind, entry: Entry) -> NewConstraint {
    let reference = (kind == ConstraintKind::ForeignKey).then(|| NewReference {
        database: entry.parent.database.unwrap_or_default(),
        table: entry.parent.table.unwrap_or_default(),
        columns: entry.parent.column.into_iter().collect(),
        constraint: entry.parent.key,
        update_rule: entry.parent.update_rule,
        delete_rule: entry.parent.delete_rule,
    });
    NewConstraint {
        name: entry.name,
        kind,
        columns: entry.column.into_iter().collect(),
        reference,
        text: entry.text,
        is_enabled: entry.enabled.unwrap_or_default(),
        is_validated: entry.validated.unwrap_or_default(),
        is_relied_on: entry.relied_on.unwrap_or_default(),
    }
}

/// A table that constraints speak of, as the client calls it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) database: &'a str,
    pub(crate) table: &'a Table,
}

/// Writes a constraint of a table; `parent` is what a foreign key points at.
pub(crate) fn constraint_to<T: WireConstraint>(
    constraint: &Constraint,
    names: &Names,
    table: Named<'_>,
    parent: Option<Named<'_>>,
) -> Vec<T> {
    let of_parent = |at: usize| {
        let (Some(reference), Some(parent)) = (&constraint.reference, parent) else {
            return Parent::default();
        };
        let id = reference.columns.get(at).copied();
        Parent {
            database: Some(parent.database.to_owned()),
            table: Some(parent.table.name.clone()),
            column: id.and_then(|id| column_name(parent.table, id)),
            key: reference.constraint.clone(),
            update_rule: reference.update_rule,
            delete_rule: reference.delete_rule,
        }
    };
    let entry = |(at, column): (usize, Option<String>)| Entry {
        catalog: Some(names.catalog.clone()),
        database: Some(table.database.to_owned()),
        table: Some(table.table.name.clone()),
        column,
        position: i32::try_from(at + 1).ok(),
        name: Some(constraint.name.clone()),
        enabled: Some(constraint.is_enabled),
        validated: Some(constraint.is_validated),
        relied_on: Some(constraint.is_relied_on),
        text: constraint.text.clone(),
        parent: of_parent(at),
    };
    let columns = constraint.columns.iter().map(|id| column_name(table.table, *id));
    let mut columns: Vec<Option<String>> = columns.collect();
    if columns.is_empty() {
        columns.push(None);
    }
    columns
        .into_iter()
        .enumerate()
        .map(entry)
        .map(Into::into)
        .collect()
}

fn column_name(table: &Table, id: ColumnId) -> Option<String> {
    let mut all = table.columns().iter().chain(table.keys());
    all.find(|column| column.id == id)
        .map(|column| column.name.clone())
}

/// Sorts entries by the tables that they name, which are few.
pub(crate) fn by_table<T: WireConstraint + Clone>(wire: Vec<T>) -> BTreeMap<[Option<String>; 3], Vec<T>> {
    let mut tables: BTreeMap<_, Vec<T>> = BTreeMap::new();
    for entry in wire {
        let of: Entry = entry.clone().into();
        let table = of.table.map(|name| names::normalize(&name));
        tables
            .entry([of.catalog, of.database, table])
            .or_default()
            .push(entry);
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: Option<&str>, column: &str, position: i32) -> SQLPrimaryKey {
        SQLPrimaryKey {
            column_name: Some(column.into()),
            pk_name: name.map(str::to_owned),
            key_seq: Some(position),
            ..SQLPrimaryKey::default()
        }
    }

    #[test]
    fn columns_of_one_key_stand_together() {
        for (entries, expected) in [
            (vec![key(None, "a", 1), key(None, "b", 2)], "a b"),
            (vec![key(None, "a", 1), key(None, "b", 1)], "a, b"),
            (
                vec![
                    key(Some("x"), "a", 1),
                    key(Some("x"), "b", 2),
                    key(Some("y"), "c", 3),
                ],
                "a b, c",
            ),
            (vec![], ""),
        ] {
            let found = constraints_from(entries);
            let texts: Vec<String> = found.iter().map(|found| found.columns.join(" ")).collect();
            assert_eq!(texts.join(", "), expected);
        }
        let column = |name: &str| SQLNotNullConstraint {
            column_name: Some(name.into()),
            ..SQLNotNullConstraint::default()
        };
        assert_eq!(constraints_from(vec![column("a"), column("b")]).len(), 2);
    }
}
