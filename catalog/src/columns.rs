//! Which column is which: ids are given when a table is made, and carried over when it is altered.

use std::collections::{HashMap, HashSet};

use crate::model::{Column, ColumnId, Columns};
use crate::types::may_become;
use crate::{Error, Result};

/// Lower-cases the names of columns, and checks them and their types.
///
/// A name stands once in a list: the original says so by the primary keys of its tables `COLUMNS_V2` and
/// `PARTITION_KEYS`. It stores a column that is called like a partition key, and leaves that to Hive's parser; so
/// lists are checked one by one here.
///
/// # Errors
/// [`Error::InvalidType`], [`Error::InvalidColumn`].
pub fn check_columns(columns: &mut [Column]) -> Result<()> {
    for column in columns.iter_mut() {
        column.name = column.name.to_lowercase();
        crate::types::check_type(&column.type_name)?;
    }
    let mut names = HashSet::new();
    match columns.iter().find(|column| !names.insert(column.name.as_str())) {
        None => Ok(()),
        Some(column) => Err(Error::InvalidColumn {
            column: column.name.clone(),
            rule: "another column of the list has the same name",
        }),
    }
}

/// Gives the columns of an altered list their ids (versioning.md 3): a name that was there keeps its id; a
/// column in the place of one that is gone, of a type that it may become, is that one renamed; others are new.
///
/// Returns the id that the next new column gets.
pub fn infer_ids(old: &[Column], new: &mut [Column], mut next: u32) -> u32 {
    new.iter_mut().for_each(|column| column.id = ColumnId::NONE);
    let mut by_name: HashMap<&str, ColumnId> = old
        .iter()
        .rev()
        .map(|column| (column.name.as_str(), column.id))
        .collect();
    for column in new.iter_mut() {
        column.id = by_name.remove(column.name.as_str()).unwrap_or_default();
    }
    let kept: Vec<ColumnId> = new.iter().map(|column| column.id).collect();
    for (column, before) in new.iter_mut().zip(old) {
        let is_renamed = column.id == ColumnId::NONE
            && !kept.contains(&before.id)
            && may_become(&before.type_name, &column.type_name);
        if is_renamed {
            column.id = before.id;
        }
    }
    for column in new.iter_mut().filter(|column| column.id == ColumnId::NONE) {
        column.id = ColumnId(next.max(1));
        next = next.max(1) + 1;
    }
    next
}

/// Gives the columns of a partition the ids that the table's columns of the same names have; others get none.
pub fn match_ids(table: &[Column], columns: &mut [Column]) {
    let by_name: HashMap<&str, ColumnId> = table
        .iter()
        .rev()
        .map(|column| (column.name.as_str(), column.id))
        .collect();
    for column in columns {
        column.id = by_name.get(column.name.as_str()).copied().unwrap_or_default();
    }
}

/// Gives columns back the ids that they had: all of them, if nothing else of the list changed; else those that have
/// none, by their names. A table may have lost a column, or made it anew, that its partitions know still.
pub fn keep_ids(old: &[Column], columns: &mut [Column]) {
    let is_same = |(old, new): (&Column, &Column)| {
        (&old.name, &old.type_name, &old.comment) == (&new.name, &new.type_name, &new.comment)
    };
    if old.len() == columns.len() && old.iter().zip(&*columns).all(is_same) {
        columns.clone_from_slice(old);
        return;
    }
    let mut taken: HashSet<ColumnId> = columns.iter().map(|column| column.id).collect();
    for column in columns.iter_mut().filter(|column| column.id == ColumnId::NONE) {
        if let Some(known) = old.iter().find(|old| old.name == column.name)
            && taken.insert(known.id)
        {
            column.id = known.id;
        }
    }
}

/// Fails if a column has a type that the one in its place may not become.
///
/// # Errors
/// [`Error::IncompatibleTypes`] with the new names of all of them.
pub fn check_changes(old: &[Column], new: &[Column]) -> Result<()> {
    let changes = old
        .iter()
        .zip(new)
        .filter(|(old, new)| !may_become(&old.type_name, &new.type_name));
    let columns: Vec<String> = changes.map(|(_, new)| new.name.clone()).collect();
    if columns.is_empty() {
        Ok(())
    } else {
        Err(Error::IncompatibleTypes { columns })
    }
}

/// Returns the ids of columns whose statistics say nothing of the new list: dropped, retyped or renamed.
pub fn outdated_ids(old: &Columns, new: &Columns) -> Vec<ColumnId> {
    let same = |column: &Column| {
        new.by_id(column.id)
            .is_some_and(|new| new.name == column.name && new.type_name == column.type_name)
    };
    old.0
        .iter()
        .filter(|column| !same(column))
        .map(|column| column.id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(text: &str) -> Vec<Column> {
        let column = |text: &str| {
            let (name, rest) = text.split_once(' ').unwrap();
            let (type_name, id) = rest.split_once('#').unwrap_or((rest, "0"));
            Column {
                id: ColumnId(id.parse().unwrap()),
                ..Column::new(name, type_name)
            }
        };
        text.split(", ")
            .filter(|text| !text.is_empty())
            .map(column)
            .collect()
    }

    fn infer(old: &str, new: &str, next: u32) -> (String, u32) {
        let mut new = columns(new);
        let next = infer_ids(&columns(old), &mut new, next);
        let text: Vec<String> = new
            .iter()
            .map(|column| format!("{}#{}", column.name, column.id.0))
            .collect();
        (text.join(" "), next)
    }

    #[test]
    fn columns_keep_ids_that_the_table_lost() {
        let keep = |old: &str, new: &str| {
            let mut new = columns(new);
            keep_ids(&columns(old), &mut new);
            let ids: Vec<u32> = new.iter().map(|column| column.id.0).collect();
            ids
        };
        // the same list, where the table made j anew, or dropped it
        assert_eq!(keep("i int#1, j int#2", "i int#1, j int#7"), [1, 2]);
        assert_eq!(keep("i int#1, j int#2", "i int#1, j int#0"), [1, 2]);
        // another list: what the table knows is as the table says
        assert_eq!(keep("i int#1, j int#2", "j bigint#7, i int#0"), [7, 1]);
        assert_eq!(keep("i int#1", "i bigint#0, k int#1, l int#0"), [0, 1, 0]);
    }

    #[test]
    fn a_name_stands_once() {
        check_columns(&mut columns("a int, b int, aa int")).unwrap();
        match check_columns(&mut columns("a int, b int, A string")) {
            Err(Error::InvalidColumn { column, .. }) => assert_eq!(column, "a"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ids_follow_columns() {
        for (what, old, new, expected, next) in [
            ("create", "", "a int, b string", "a#1 b#2", 3),
            ("add", "a int#1, b int#2", "a int, b int, c int", "a#1 b#2 c#3", 4),
            ("reorder", "a int#1, b int#2", "b int, a int", "b#2 a#1", 3),
            ("widen", "a int#1", "a bigint", "a#1", 3),
            ("retype", "a int#1", "a date", "a#1", 3),
            ("rename", "a int#1, b int#2", "x int, b int", "x#1 b#2", 3),
            (
                "rename and widen",
                "a int#1, b int#2",
                "x bigint, b int",
                "x#1 b#2",
                3,
            ),
            ("replace", "a int#1, b int#2", "x date, b int", "x#3 b#2", 4),
            ("drop first", "a int#1, b int#2", "b int", "b#2", 3),
            ("drop and add", "a int#1, b int#2", "b int, c int", "b#2 c#3", 4),
            (
                "swap names",
                "a int#1, b string#2",
                "b int, a string",
                "b#2 a#1",
                3,
            ),
            (
                "same name twice",
                "a int#1, b int#2",
                "a int, a int",
                "a#1 a#2",
                3,
            ),
        ] {
            let next_before = if old.is_empty() { 0 } else { 3 };
            assert_eq!(
                infer(old, new, next_before),
                (expected.to_owned(), next),
                "{what}"
            );
        }
    }

    #[test]
    fn changes_are_judged_by_position() {
        let check = |old, new| check_changes(&columns(old), &columns(new));
        check("a int, b string", "a bigint, b string, c date").unwrap();
        check("a int, b int", "a int").unwrap();
        match check("a bigint, b date, c int", "a int, x int, c int") {
            Err(Error::IncompatibleTypes { columns }) => assert_eq!(columns, ["a", "x"]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn statistics_outlive_only_the_same_column() {
        let outdated = |old, new| outdated_ids(&Columns(columns(old)), &Columns(columns(new)));
        assert_eq!(
            outdated("a int#1, b int#2, c int#3", "a int#1, b bigint#2, x int#3"),
            [ColumnId(2), ColumnId(3)]
        );
        assert_eq!(outdated("a int#1", ""), [ColumnId(1)]);
    }
}
