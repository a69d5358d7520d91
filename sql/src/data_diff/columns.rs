//! Which columns of both sides are the same: pure.

use catalog::OpenTable;
use catalog::model::{Column, ColumnId, TableId};
use datafusion::arrow::datatypes::{DataType, Schema};

/// A column of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// In lower case.
    pub(super) name: String,
    pub(super) kind: DataType,
}

/// A column, as far as each side has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) before: Option<Seen>,
    pub(super) after: Option<Seen>,
}

impl Pair {
    /// Returns the name that it has after; before, if it was dropped.
    pub(super) fn name(&self) -> &str {
        let either = self.after.as_ref().or(self.before.as_ref());
        either.map_or("", |seen| &seen.name)
    }

    /// Returns the column as both sides have it.
    pub(super) fn both(&self) -> Option<(&Seen, &Seen)> {
        self.before.as_ref().zip(self.after.as_ref())
    }
}

/// What is known of the columns of one side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) table: &'a OpenTable,
    pub(super) schema: &'a Schema,
}

impl Side<'_> {
    fn seen(&self) -> Vec<Seen> {
        let fields = self.schema.fields().iter();
        fields
            .map(|field| Seen {
                name: field.name().clone(),
                kind: field.data_type().clone(),
            })
            .collect()
    }

    fn columns(&self) -> impl Iterator<Item = &Column> {
        self.table.columns().iter().chain(self.table.keys())
    }

    /// Returns the id of a column, which is its own within its table.
    fn id_of(&self, name: &str) -> Option<(TableId, ColumnId)> {
        let found = self.columns().find(|column| column.name == name)?;
        Some((self.table.id, found.id))
    }
}

/// Returns the columns in the order after, those that are gone last. A table's column is the same under another name;
/// in two tables, columns of one name are.
pub(super) fn pairs(before: Option<Side<'_>>, after: Option<Side<'_>>) -> Vec<Pair> {
    let mut gone: Vec<Seen> = before.map(|side| side.seen()).unwrap_or_default();
    let mut pairs = Vec::new();
    for seen in after.map(|side| side.seen()).unwrap_or_default() {
        let same = gone
            .iter()
            .position(|old| is_same(before, &old.name, after, &seen.name));
        pairs.push(Pair {
            before: same.map(|at| gone.remove(at)),
            after: Some(seen),
        });
    }
    pairs.extend(gone.into_iter().map(|seen| Pair {
        before: Some(seen),
        after: None,
    }));
    pairs
}

fn is_same(before: Option<Side<'_>>, old: &str, after: Option<Side<'_>>, new: &str) -> bool {
    let id = |side: Option<Side<'_>>, name: &str| side.and_then(|side| side.id_of(name));
    match (id(before, old), id(after, new)) {
        (Some((table, column)), Some((other, id))) if table == other => column == id,
        _ => old == new,
    }
}

/// Returns whether values have parts, so that they are counted and not compared.
pub(super) fn is_nested(kind: &DataType) -> bool {
    kind.is_nested()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use catalog::model::{Columns, Database, Storage, Table};
    use datafusion::arrow::datatypes::Field;

    use super::*;

    fn table(id: u8, columns: &[(u32, &str)]) -> (OpenTable, Schema) {
        let column = |(id, name): &(u32, &str)| Column {
            id: ColumnId(*id),
            ..Column::new(name, "int")
        };
        let storage = Storage {
            columns: Some(Arc::new(Columns(columns.iter().map(column).collect()))),
            ..Storage::default()
        };
        let fields: Vec<_> = columns
            .iter()
            .map(|(_, name)| Field::new(*name, DataType::Int32, true))
            .collect();
        let table = Table {
            id: TableId([id; 16]),
            storage: Some(storage),
            ..Table::default()
        };
        let database = Database::default();
        (OpenTable { database, table }, Schema::new(fields))
    }

    fn shown(before: &(OpenTable, Schema), after: &(OpenTable, Schema)) -> String {
        let side = |(table, schema)| Side { table, schema };
        let name = |seen: &Option<Seen>| seen.as_ref().map_or("-".to_owned(), |seen| seen.name.clone());
        let pairs = pairs(
            Some(side((&before.0, &before.1))),
            Some(side((&after.0, &after.1))),
        );
        let pairs = pairs
            .iter()
            .map(|pair| format!("{}>{}", name(&pair.before), name(&pair.after)));
        pairs.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn columns_keep_their_identity_under_other_names() {
        let before = table(1, &[(1, "a"), (2, "b"), (3, "c")]);
        for (id, columns, expected) in [
            (1, &[(1, "a"), (2, "b"), (3, "c")][..], "a>a b>b c>c"),
            (1, &[(2, "x"), (1, "a")], "b>x a>a c>-"),
            (1, &[(2, "a"), (1, "b"), (4, "c")], "b>a a>b ->c c>-"),
            (2, &[(1, "b"), (2, "d")], "b>b ->d a>- c>-"),
        ] {
            assert_eq!(shown(&before, &table(id, columns)), expected);
        }
        let none: Vec<Pair> = pairs(None, None);
        assert!(none.is_empty());
    }
}
