//! Whether the columns that a partition has of its own go with those of its table (versioning.md 5.3).

use super::columns::is_read_as;
use crate::model::{Column, ColumnId};

/// Where a partition does not go with its table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mismatch {
    /// The column of the table.
    pub(crate) column: String,
    /// What is so of it, up to `in partition d=1`.
    pub(crate) text: String,
}

/// Returns the first column of a table that files of a partition with other columns do not give, or not in its type.
/// What only one of the two has is nothing, or NULL.
pub(crate) fn mismatch(partition: &[Column], table: &[Column], is_by_name: bool) -> Option<Mismatch> {
    match is_by_name {
        true => partition.iter().find_map(|column| by_name(column, table)),
        false => {
            let mut pairs = partition.iter().zip(table);
            pairs.find_map(|(there, here)| by_position(there, here))
        }
    }
}

fn by_name(there: &Column, table: &[Column]) -> Option<Mismatch> {
    match table.iter().find(|here| here.name == there.name) {
        Some(here) => {
            let is_read = is_read_as(&there.type_name, &here.type_name);
            (!is_read).then(|| of_types(there, here))
        }
        None => {
            let here = table.iter().find(|here| is_one(there, here))?;
            Some(Mismatch {
                column: here.name.clone(),
                text: format!("column {} is called {}", here.name, there.name),
            })
        }
    }
}

fn by_position(there: &Column, here: &Column) -> Option<Mismatch> {
    if !is_one(there, here) && there.name != here.name {
        return Some(Mismatch {
            column: here.name.clone(),
            text: format!("column {} stands where {} does", here.name, there.name),
        });
    }
    // what stands in text is a text
    let is_read = is_read_as(&there.type_name, &here.type_name) || here.type_name == "string";
    (!is_read).then(|| of_types(there, here))
}

fn is_one(there: &Column, here: &Column) -> bool {
    there.id != ColumnId::NONE && there.id == here.id
}

fn of_types(there: &Column, here: &Column) -> Mismatch {
    Mismatch {
        column: here.name.clone(),
        text: format!(
            "column {} is {} in the table and {}",
            here.name, here.type_name, there.type_name
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(list: &[(u32, &str, &str)]) -> Vec<Column> {
        let column = |(id, name, type_name): &(u32, &str, &str)| Column {
            id: ColumnId(*id),
            ..Column::new(name, type_name)
        };
        list.iter().map(column).collect()
    }

    #[test]
    fn partitions_go_with_their_tables_by_name_or_by_position() {
        let table = columns(&[(1, "i", "bigint"), (2, "x", "string")]);
        for (partition, by_name, by_position) in [
            (&[(1, "i", "int")][..], None, None),
            (
                &[(1, "i", "int"), (2, "x", "string"), (3, "y", "int")],
                None,
                None,
            ),
            (&[(2, "x", "string")], None, Some("column i stands where x does")),
            (
                &[(1, "i", "date")],
                Some("column i is bigint in the table and date"),
                Some("column i is bigint in the table and date"),
            ),
            (
                &[(1, "i", "int"), (2, "a", "string")],
                Some("column x is called a"),
                None,
            ),
            (
                &[(1, "i", "int"), (2, "x", "int")],
                Some("column x is string in the table and int"),
                None,
            ),
            (
                &[(1, "i", "int"), (9, "gone", "int")],
                None,
                Some("column x stands where gone does"),
            ),
            (&[(0, "i", "int")], None, None),
        ] {
            let text = |is_by_name| mismatch(&columns(partition), &table, is_by_name).map(|found| found.text);
            assert_eq!(text(true).as_deref(), by_name, "{partition:?} by name");
            assert_eq!(text(false).as_deref(), by_position, "{partition:?} by position");
        }
    }
}
