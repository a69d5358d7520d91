//! How long a partition is in a message, told before the message is written.

use catalog::model::{Column, Parameters, Partition, Storage};

/// What stands around one text: the number of its field, the name of its type, braces, and escaped quotes.
const AROUND_TEXT: usize = 24;
/// What stands around one partition: the fields that are always there.
const AROUND_PARTITION: usize = 600;

/// Returns about how many bytes a partition takes as JSON within a text of JSON.
pub(super) fn of_partition(partition: &Partition) -> usize {
    let values: usize = partition.values.iter().map(|value| text(value)).sum();
    let storage = partition.storage.as_ref().map_or(0, of_storage);
    AROUND_PARTITION + 3 * values + of_parameters(partition.parameters.as_ref()) + storage
}

fn of_storage(storage: &Storage) -> usize {
    let columns = storage.columns.iter().flat_map(|columns| &columns.0);
    let columns: usize = columns.map(of_column).sum();
    let serde = storage.template.serde.as_ref();
    columns
        + of_parameters(storage.template.parameters.as_ref())
        + of_parameters(serde.and_then(|serde| serde.parameters.as_ref()))
}

fn of_column(column: &Column) -> usize {
    let comment = column.comment.as_deref().map_or(0, text);
    text(&column.name) + text(&column.type_name) + comment
}

fn of_parameters(parameters: Option<&Parameters>) -> usize {
    let all = parameters.into_iter().flatten();
    all.map(|(key, value)| text(key) + text(value)).sum()
}

/// Escapes are escaped once more: a quote becomes four bytes, a control character seven.
fn text(text: &str) -> usize {
    let escaped = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    AROUND_TEXT + text.len() + 6 * escaped.count()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use catalog::model::Columns;
    use thrift_idl::json::quote;

    use super::*;
    use crate::convert::{Names, partition_to};
    use crate::notify::json::thrift_text;

    #[test]
    fn the_estimate_is_near_what_is_written() {
        let column = |n: usize, comment: &str| Column {
            comment: Some(comment.to_owned()),
            ..Column::new(&format!("column_{n}"), "decimal(38,18)")
        };
        for (count, comment) in [
            (1, ""),
            (300, ""),
            (300, "what it \"means\" in words"),
            (3, "\"\\\n"),
        ] {
            let comment = comment.repeat(40);
            let columns = (0..count).map(|n| column(n, &comment)).collect();
            let partition = Partition {
                values: vec!["2026-01-01".to_owned()],
                storage: Some(Storage {
                    columns: Some(Arc::new(Columns(columns))),
                    ..Storage::default()
                }),
                ..Partition::default()
            };
            let names = Names {
                catalog: "hive".to_owned(),
                database: "db".to_owned(),
                locator: catalog::location::Locator::new(
                    versioning::RepositoryName::parse("lake").unwrap(),
                    &versioning::RefExpr::parse("main").unwrap(),
                    "s3a",
                ),
            };
            let wire = partition_to(&partition, &names, "t", &catalog::location::Place::root());
            let mut written = String::new();
            quote(&mut written, &thrift_text(&wire).unwrap());
            let (told, real) = (of_partition(&partition), written.len());
            assert!(told < 2 * real + 1_000 && real < 2 * told, "{told} for {real}");
        }
    }
}
