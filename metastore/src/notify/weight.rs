//! How long a partition is in a message, told before the message is written.

use std::collections::HashMap;
use std::sync::Arc;

use catalog::changes::StoredPartition;
use catalog::codec::encode_template;
use catalog::model::{Column, Columns, Template};

/// What stands around the text of a column: the number of its field, the name of its type, braces, and escaped quotes.
const AROUND_TEXT: usize = 24;
/// What stands around one partition: the fields that are always there.
const AROUND_PARTITION: usize = 600;

/// Tells how long partitions are. What several share is looked at once.
#[derive(Debug, Default)]
pub(super) struct Weights {
    columns: Known<Columns>,
    templates: Known<Template>,
}

/// The weights of shared parts, by address; the parts are kept, so that no other one comes to lie there.
type Known<T> = HashMap<*const T, (Arc<T>, usize)>;

impl Weights {
    /// Returns about how many bytes a partition takes as JSON within a text of JSON.
    pub(super) fn of_partition(&mut self, partition: &StoredPartition) -> usize {
        let own = 3 * text(partition.name()) + escaped(partition.bytes());
        let columns = of_shared(&mut self.columns, partition.columns(), of_columns);
        let template = of_shared(&mut self.templates, partition.template(), of_template);
        AROUND_PARTITION + own + columns + template
    }
}

fn of_shared<T>(known: &mut Known<T>, part: Option<&Arc<T>>, weigh: fn(&T) -> usize) -> usize {
    part.map_or(0, |part| {
        let known = known.entry(Arc::as_ptr(part));
        known.or_insert_with(|| (Arc::clone(part), weigh(part))).1
    })
}

fn of_columns(columns: &Columns) -> usize {
    columns.0.iter().map(of_column).sum()
}

fn of_template(template: &Template) -> usize {
    escaped(&encode_template(template))
}

fn of_column(column: &Column) -> usize {
    let comment = column.comment.as_deref().map_or(0, text);
    text(&column.name) + text(&column.type_name) + comment
}

fn text(text: &str) -> usize {
    AROUND_TEXT + escaped(text.as_bytes())
}

/// Escapes are escaped once more: a quote becomes four bytes, a control character seven. In stored bytes each short text
/// stands behind its length, which is taken for such a character and weighs about what stands around a text in a map.
fn escaped(text: &[u8]) -> usize {
    let escaped = text.iter().filter(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    text.len() + 6 * escaped.count()
}

#[cfg(test)]
mod tests {
    use catalog::model::{Partition, Skew, Storage};
    use thrift_idl::json::quote;

    use super::*;
    use crate::convert::{Names, partition_to};
    use crate::notify::json::thrift_text;

    /// Returns the estimate, and how long it is when it is written.
    fn told_and_written(partition: &Partition) -> (usize, usize) {
        let names = Names {
            catalog: "hive".to_owned(),
            database: "db".to_owned(),
            locator: catalog::location::Locator::new(
                versioning::RepositoryName::parse("lake").unwrap(),
                &versioning::RefExpr::parse("main").unwrap(),
                "s3a",
            ),
        };
        let wire = partition_to(partition, &names, "t", &catalog::location::Place::root());
        let mut written = String::new();
        quote(&mut written, &thrift_text(&wire).unwrap());
        let told = Weights::default().of_partition(&StoredPartition::of(partition));
        (told, written.len())
    }

    fn is_near((told, real): (usize, usize)) {
        assert!(told < 2 * real + 1_000 && real < 2 * told, "{told} for {real}");
    }

    fn stored(storage: Storage) -> Partition {
        Partition {
            name: "day=2026-01-01".to_owned(),
            values: vec!["2026-01-01".to_owned()],
            storage: Some(storage),
            ..Partition::default()
        }
    }

    #[test]
    fn the_estimate_of_columns_is_near_what_is_written() {
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
            is_near(told_and_written(&stored(Storage {
                columns: Some(Arc::new(Columns(columns))),
                ..Storage::default()
            })));
        }
    }

    #[test]
    fn the_estimate_of_parameters_and_skew_is_near_what_is_written() {
        for (count, value) in [
            (1_000, "b"),
            (1, "\"\\"),
            (100, "a text that is longer than thirty-two bytes"),
        ] {
            let value = if count == 1 {
                value.repeat(5_000)
            } else {
                value.to_owned()
            };
            let parameters = (0..count).map(|n| (format!("p{n}"), value.clone()));
            is_near(told_and_written(&Partition {
                parameters: Some(parameters.collect()),
                ..stored(Storage::default())
            }));
        }
        let values = (0..2_000).map(|n| vec![format!("value {n}")]).collect();
        let skew = Skew {
            columns: Some(vec!["c".to_owned()]),
            values: Some(values),
        };
        is_near(told_and_written(&stored(Storage {
            template: Arc::new(Template {
                skew: Some(skew),
                ..Template::default()
            }),
            ..Storage::default()
        })));
    }
}
