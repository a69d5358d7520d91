//! The statements of histories, carried out.

use std::sync::Arc;

use catalog::draft::{AddPartitions, AlterPartitions, AlterTable, NewConstraint, NewReference};
use catalog::model::{
    BooleanStatistics, Column, ColumnId, ColumnStatistics, Columns, ConstraintKind, Function, Location,
    RegisteredSchema, SchemaVersion, Serde, StatisticsData, Storage, Table, TableKind, Template,
};
use catalog::names::parse_partition_name;
use catalog::{Draft, Result};
use versioning::object::{DataFile, Object, Segment};
use versioning::{Batch, Space};

use crate::it::fixture::{columns, database};

pub(crate) async fn execute(draft: &mut Draft, statement: &str) -> Result<()> {
    let (verb, rest) = statement.split_once(' ').unwrap_or((statement, ""));
    let (what, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (db, object) = what.split_once('.').unwrap_or((what, ""));
    match verb {
        "database" => draft.create_database(database(what)).await.map(drop),
        "dropdb" => draft.drop_database(what, true, true).await.map(drop),
        "comment" => {
            let mut found = draft.database(what).await?;
            found.description = Some(rest.to_owned());
            draft.alter_database(what, found).await.map(drop)
        }
        "ownerdb" => {
            let mut found = draft.database(what).await?;
            found.owner = Some(rest.to_owned());
            draft.alter_database(what, found).await.map(drop)
        }
        "movedb" | "setdb" => {
            let mut found = draft.database(what).await?;
            match rest.split_once('=') {
                None => found.location = Location::Rel(rest.to_owned()),
                Some((key, value)) => {
                    let parameters = found.parameters.get_or_insert_default();
                    parameters.insert(key.to_owned(), value.to_owned());
                }
            }
            draft.alter_database(what, found).await.map(drop)
        }
        "function" => {
            let function = Function {
                name: object.to_owned(),
                class_name: Some(rest.to_owned()),
                ..Function::default()
            };
            if draft.function(db, object).await.is_ok() {
                return draft.alter_function(db, object, db, function).await;
            }
            draft.create_function(db, function).await.map(drop)
        }
        "dropfn" => draft.drop_function(db, object).await,
        "pk" | "uk" | "nn" | "check" | "fk" => {
            let new = constraint(verb, rest);
            draft.add_constraints(db, object, vec![new]).await.map(drop)
        }
        "unconstrain" => draft.drop_constraint(db, object, rest).await,
        "schema" => {
            let schema = RegisteredSchema {
                name: object.to_owned(),
                description: Some(rest.to_owned()),
                ..RegisteredSchema::default()
            };
            if draft.schema(db, object).await.is_ok() {
                return draft.alter_schema(db, object, schema).await;
            }
            draft.register_schema(db, schema).await
        }
        "dropschema" => draft.drop_schema(db, object).await,
        "version" => {
            let version = SchemaVersion {
                version: rest.parse().unwrap(),
                ..SchemaVersion::default()
            };
            draft.add_schema_version(db, object, version).await
        }
        "dropversion" => draft.drop_schema_version(db, object, rest.parse().unwrap()).await,
        "put" | "rm" | "again" => {
            let value = match verb {
                "put" => Some(file(rest).encode()),
                "again" => Some(written_again(file(rest)).encode()),
                _ => None,
            };
            let mut batch = Batch::default();
            match value {
                Some(value) => batch.put(Space::Objects, what.as_bytes().to_vec(), value),
                None => batch.delete(Space::Objects, what.as_bytes().to_vec()),
            }
            draft.add(batch);
            Ok(())
        }
        "create" => draft.create_table(db, table(object, rest)).await.map(drop),
        "view" => {
            let view = Table {
                name: object.to_owned(),
                kind: TableKind::View,
                view_original_text: Some(rest.to_owned()),
                view_expanded_text: Some(rest.to_owned()),
                ..Table::default()
            };
            if draft.find_table(db, object).await?.is_none() {
                return draft.create_table(db, view).await.map(drop);
            }
            draft
                .alter_table(db, object, view, &AlterTable::default())
                .await
                .map(drop)
        }
        "drop" => draft.drop_table(db, object, true).await.map(drop),
        "forget" => draft.drop_table(db, object, false).await.map(drop),
        "rename" => {
            let (to_db, to) = rest.split_once('.').unwrap();
            draft.rename_table(db, object, to_db, to).await.map(drop)
        }
        "add" | "droppart" | "setpart" | "partcolumns" | "movepart" | "renamepart" => {
            partitions(draft, verb, (db, object), rest).await
        }
        "analyze" => analyze(draft, (db, object), None, rest).await,
        "analyzepart" => {
            let (partition, rest) = rest.split_once(' ').unwrap();
            analyze(draft, (db, object), Some(partition), rest).await
        }
        _ => alter(draft, verb, (db, object), rest).await,
    }
}

async fn alter(draft: &mut Draft, verb: &str, (db, object): (&str, &str), rest: &str) -> Result<()> {
    let mut table = draft.table(db, object).await?.table;
    let mut how = AlterTable {
        keep_statistics: true,
        any_types: true,
        ..AlterTable::default()
    };
    match verb {
        "columns" | "cascade" => {
            let storage = table.storage.as_mut().unwrap();
            storage.columns = Some(Arc::new(Columns(columns_of(rest).0)));
            how.cascade = verb == "cascade";
        }
        "keys" => table.partition_keys = Some(columns_of(rest).0),
        "buckets" => {
            let template = Arc::make_mut(&mut table.storage.as_mut().unwrap().template);
            template.buckets = Some(rest.parse().unwrap());
        }
        "serdeparam" => {
            let (key, value) = rest.split_once('=').unwrap();
            let template = Arc::make_mut(&mut table.storage.as_mut().unwrap().template);
            let serde = template.serde.as_mut().unwrap();
            let parameters = serde.parameters.get_or_insert_default();
            parameters.insert(key.to_owned(), value.to_owned());
        }
        "keycomment" => table.partition_keys.as_mut().unwrap()[0].comment = Some(rest.to_owned()),
        "set" => {
            let (key, value) = rest.split_once('=').unwrap();
            table.set_parameter(key, value);
        }
        "unset" => drop(table.parameters.as_mut().unwrap().remove(rest)),
        "owner" => table.owner = Some(rest.to_owned()),
        "move" => table.storage.as_mut().unwrap().location = Some(Location::Rel(rest.to_owned())),
        "serde" => {
            let template = Arc::make_mut(&mut table.storage.as_mut().unwrap().template);
            template.serde = Some(serde(rest));
        }
        "kind" => table.kind = TableKind::parse(rest),
        other => panic!("unknown statement {other}"),
    }
    draft.alter_table(db, object, table, &how).await.map(drop)
}

async fn partitions(draft: &mut Draft, verb: &str, (db, object): (&str, &str), rest: &str) -> Result<()> {
    let open = draft.table(db, object).await?;
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let values = parse_partition_name(name)?
        .into_iter()
        .map(|(_, value)| value)
        .collect::<Vec<_>>();
    match verb {
        "add" => {
            let mut partition = Draft::partition_like(&open, values);
            if let Some(path) = rest.strip_prefix("at ") {
                partition.storage.as_mut().unwrap().location = Some(Location::Rel(path.to_owned()));
            } else if let Some((key, value)) = rest.split_once('=') {
                partition.set_parameter(key, value);
            }
            let how = AddPartitions {
                keep_statistics: true,
                ..AddPartitions::default()
            };
            draft
                .add_partitions(db, object, vec![partition], &how)
                .await
                .map(drop)
        }
        "renamepart" => {
            let mut partition = draft.partition(&open, &values).await?;
            let new = parse_partition_name(rest)?;
            partition.values = new.into_iter().map(|(_, value)| value).collect();
            draft.rename_partition(db, object, &values, partition).await
        }
        "setpart" | "partcolumns" | "movepart" => {
            let mut partition = draft.partition(&open, &values).await?;
            let storage = partition.storage.as_mut().unwrap();
            match verb {
                "partcolumns" => storage.columns = Some(Arc::new(Columns(columns_of(rest).0))),
                "movepart" => storage.location = Some(Location::Rel(rest.to_owned())),
                _ => {
                    let (key, value) = rest.split_once('=').unwrap();
                    partition.set_parameter(key, value);
                }
            }
            let how = AlterPartitions {
                keep_statistics: true,
            };
            draft
                .alter_partitions(db, object, vec![partition], &how)
                .await
                .map(drop)
        }
        _ => draft
            .drop_partitions(db, object, &[name.to_owned()], true, false)
            .await
            .map(drop),
    }
}

async fn analyze(
    draft: &mut Draft,
    (db, object): (&str, &str),
    partition: Option<&str>,
    rest: &str,
) -> Result<()> {
    let column = |text: &str| {
        let (name, time) = text.split_once('@').unwrap();
        let statistics = ColumnStatistics {
            column: ColumnId::NONE,
            type_name: "boolean".to_owned(),
            analyzed_s: Some(time.parse().unwrap()),
            data: StatisticsData::Boolean(BooleanStatistics::default()),
        };
        (name.to_owned(), statistics)
    };
    let columns = rest.split(' ').map(column).collect();
    draft.set_statistics(db, object, partition, "hive", columns).await
}

fn file(content: &str) -> Object {
    let mut id = [0; 16];
    for (place, byte) in content.bytes().enumerate() {
        id[place % 16] ^= byte.wrapping_add(place as u8);
    }
    Object {
        segments: vec![Segment {
            file: DataFile { epoch: 0, id },
            offset: 0,
            len: content.len() as u64,
        }],
        etag: content.to_owned(),
        ..Object::default()
    }
}

fn written_again(mut file: Object) -> Object {
    file.modified_us += 1;
    file.segments[0].file.id[0] ^= 0xff;
    file
}

fn serde(format: &str) -> Serde {
    let class = match format {
        "csv" => "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "text" => "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        "rcfile" => "org.apache.hadoop.hive.serde2.columnar.LazyBinaryColumnarSerDe",
        "regex" => "org.apache.hadoop.hive.serde2.RegexSerDe",
        "avro" => "org.apache.hadoop.hive.serde2.avro.AvroSerDe",
        "json" => "org.apache.hive.hcatalog.data.JsonSerDe",
        "orc" => "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
        _ => "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    };
    Serde {
        library: Some(class.to_owned()),
        ..Serde::default()
    }
}

/// Reads `(name type 'comment', …)`; returns what follows, too.
fn columns_of(text: &str) -> (Vec<Column>, &str) {
    let (list, rest) = text
        .trim_start()
        .trim_start_matches('(')
        .split_once(')')
        .unwrap_or((text, ""));
    let mut found = Vec::new();
    for text in list.split(", ").filter(|text| !text.is_empty()) {
        let (text, comment) = text.split_once(" '").unwrap_or((text, ""));
        let mut column = columns(text).remove(0);
        column.comment = Some(comment.trim_end_matches('\'').to_owned()).filter(|text| !text.is_empty());
        found.push(column);
    }
    (found, rest.trim_start())
}

fn table(name: &str, rest: &str) -> Table {
    let (list, rest) = columns_of(rest);
    let (keys, rest) = match rest.strip_prefix("by ") {
        Some(rest) => columns_of(rest),
        None => (Vec::new(), rest),
    };
    let mut table = Table {
        name: name.to_owned(),
        partition_keys: Some(keys),
        ..Table::default()
    };
    let mut template = Template::default();
    let mut location = None;
    let mut words = rest.split_whitespace();
    while let Some(word) = words.next() {
        let value = words.next().unwrap();
        match word {
            "as" => template.serde = Some(serde(value)),
            "at" if value.contains("://") => location = Some(Location::External(value.to_owned())),
            "at" => location = Some(Location::Rel(value.to_owned())),
            "buckets" => template.buckets = Some(value.parse().unwrap()),
            "with" => {
                let (key, value) = value.split_once('=').unwrap();
                table.set_parameter(key, value);
            }
            other => panic!("unknown word {other}"),
        }
    }
    template.serde.get_or_insert_with(|| serde("parquet"));
    table.storage = Some(Storage {
        columns: Some(Arc::new(Columns(list))),
        template: Arc::new(template),
        location,
        ..Storage::default()
    });
    table
}

/// Reads what stands behind the table: a name, which is `-` if none is given, and what is said.
fn constraint(verb: &str, rest: &str) -> NewConstraint {
    let words: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
    let new = NewConstraint {
        name: Some(words[0].clone()).filter(|name| name != "-"),
        is_enabled: true,
        ..NewConstraint::default()
    };
    let kind = match verb {
        "pk" => ConstraintKind::PrimaryKey,
        "uk" => ConstraintKind::Unique,
        "nn" => ConstraintKind::NotNull,
        "check" => ConstraintKind::Check,
        _ => {
            let (database, table) = words[2].split_once('.').unwrap();
            return NewConstraint {
                kind: ConstraintKind::ForeignKey,
                columns: vec![words[1].clone()],
                reference: Some(NewReference {
                    database: database.to_owned(),
                    table: table.to_owned(),
                    columns: vec![words[3].clone()],
                    ..NewReference::default()
                }),
                ..new
            };
        }
    };
    let (columns, text) = match kind {
        ConstraintKind::Check => (vec![words[1].clone()], Some(words[2..].join(" "))),
        _ => (words[1..].to_vec(), None),
    };
    NewConstraint {
        kind,
        columns,
        text,
        ..new
    }
}
