//! How long a partition is in a message, told before the message is written.

use std::sync::Arc;

use catalog::changes::StoredPartition;
use catalog::model::{Column, Columns, Parameters, Template};

/// What stands around one text: the number of its field, the name of its type, braces, and escaped quotes.
const AROUND_TEXT: usize = 24;
/// What stands around one partition: the fields that are always there.
const AROUND_PARTITION: usize = 600;

/// Tells how long partitions are. What several in a row share is looked at once.
#[derive(Debug, Default)]
pub(super) struct Weights {
    columns: Option<(Arc<Columns>, usize)>,
    template: Option<(Arc<Template>, usize)>,
}

impl Weights {
    /// Returns about how many bytes a partition takes as JSON within a text of JSON.
    pub(super) fn of_partition(&mut self, partition: &StoredPartition) -> usize {
        // stored texts stand behind their lengths, and short ones are as many control characters, which weigh about what
        // stands around a text
        let own = 3 * text(partition.name()) + escaped(partition.bytes());
        let columns = of_shared(&mut self.columns, partition.columns(), of_columns);
        let template = of_shared(&mut self.template, partition.template(), of_template);
        AROUND_PARTITION + own + columns + template
    }
}

fn of_shared<T>(last: &mut Option<(Arc<T>, usize)>, part: Option<&Arc<T>>, weigh: fn(&T) -> usize) -> usize {
    match (part, &last) {
        (None, _) => 0,
        (Some(part), Some((known, weight))) if Arc::ptr_eq(part, known) => *weight,
        (Some(part), _) => last.insert((Arc::clone(part), weigh(part))).1,
    }
}

fn of_columns(columns: &Columns) -> usize {
    columns.0.iter().map(of_column).sum()
}

fn of_template(template: &Template) -> usize {
    let serde = template.serde.as_ref();
    of_parameters(template.parameters.as_ref())
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

fn text(text: &str) -> usize {
    AROUND_TEXT + escaped(text.as_bytes())
}

/// Escapes are escaped once more: a quote becomes four bytes, a control character seven.
fn escaped(text: &[u8]) -> usize {
    let escaped = text.iter().filter(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    text.len() + 6 * escaped.count()
}

#[cfg(test)]
mod tests {
    use catalog::model::{Partition, Storage};
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
            let told = Weights::default().of_partition(&StoredPartition::of(&partition));
            let real = written.len();
            assert!(told < 2 * real + 1_000 && real < 2 * told, "{told} for {real}");
        }
    }
}
