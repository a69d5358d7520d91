//! The columns as Spark repeats them in parameters: a JSON text that follows the columns (versioning.md 5.3).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::columns::{self, Layout, Lists, Renumbered};
use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::generic::Three;
use super::params;
use crate::model::{Column, ColumnId, Parameters, Table};

const SCHEMA: &str = "spark.sql.sources.schema";
const PARTS: &str = "spark.sql.sources.schema.numParts";
const PART: &str = "spark.sql.sources.schema.part.";
/// The longest value that Spark stores under one key by default.
const PART_CHARS: usize = 4_000;
/// Fields that are no column of the table count from here: above the columns of new tables, and below those that
/// were added later.
const FIRST_STRANGE_ID: u32 = 1 << 30;

/// A struct type of Spark.
#[derive(Debug, Deserialize)]
struct Struct<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    fields: Vec<Field<'a>>,
}

/// A field of a struct. What stands within is kept letter by letter.
#[derive(Debug, Deserialize)]
struct Field<'a> {
    name: String,
    #[serde(rename = "type", borrow)]
    field_type: &'a RawValue,
    #[serde(borrow)]
    nullable: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

/// Merges the parameters that follow from the columns: those are the merged `columns`, in the order of which fields
/// stand, and the ids that columns of theirs got.
pub(crate) fn merge(
    tables: Three<&Table>,
    columns: (&[Column], &Renumbered),
    scope: &Scope,
    report: &mut Report,
) -> Parameters {
    let parameters = tables.map(|table| &table.parameters);
    let schemas = parameters.map(|side| of_schema(side.as_ref()));
    let mut merged = match schemas.as_ref().settled() {
        Some(settled) => settled.clone(),
        None => merge_schemas(tables, &schemas, columns, scope, report),
    };
    for key in ["spark.sql.create.version", "avro.schema.literal"] {
        let values = parameters.map(|side| side.as_ref().and_then(|side| side.get(key)).cloned());
        let at = (scope, ConflictKind::ParamBoth, Subject::Parameter(key.to_owned()));
        let value = match key {
            "spark.sql.create.version" => values.as_ref().or_greater(),
            _ => values.as_ref().text_or_conflict(at, report),
        };
        merged.extend(value.map(|value| (key.to_owned(), value)));
    }
    merged
}

fn of_schema(parameters: Option<&Parameters>) -> Parameters {
    params::select(parameters, &|key| {
        key == SCHEMA || key == PARTS || key.starts_with(PART)
    })
}

fn merge_schemas(
    tables: Three<&Table>,
    schemas: &Three<Parameters>,
    (order, renumbered): (&[Column], &Renumbered),
    scope: &Scope,
    report: &mut Report,
) -> Parameters {
    let texts = schemas.as_ref().map(text_of);
    let mut strangers = BTreeMap::new();
    let mut parse = |text: &Option<String>, table: &Table, renumbered: &Renumbered| {
        read(text.as_deref()?, table, renumbered, &mut strangers)
    };
    let none = Renumbered::new();
    let lists = (
        parse(&texts.base, tables.base, &none),
        parse(&texts.ours, tables.ours, &none),
        parse(&texts.theirs, tables.theirs, renumbered),
    );
    let merged = match lists {
        (Some(base), Some(ours), Some(theirs)) => {
            merge_lists(Three::new(&base, &ours, &theirs), scope, report)
        }
        _ => None,
    };
    match merged {
        Some(mut columns) => {
            // partition keys, which are no columns to Hive, stay behind
            let place = |column: &Column| order.iter().position(|known| known.id == column.id);
            columns.sort_by_key(|column| place(column).unwrap_or(order.len()));
            split(&write(&columns), schemas.ours.contains_key(PARTS))
        }
        None => {
            let subject = Subject::Parameter(SCHEMA.to_owned());
            let texts = Texts::new(None, "changed", "changed otherwise");
            let at = (scope, ConflictKind::ParamBoth, subject);
            report
                .decide(at, texts, Choices::ANY)
                .of(schemas.as_ref())
                .clone()
        }
    }
}

/// Merges fields by the rules of columns, as it was decided of them; `None` if that leaves a conflict.
fn merge_lists(lists: Three<&Vec<Column>>, scope: &Scope, report: &Report) -> Option<Vec<Column>> {
    let lists = Lists {
        columns: lists.map(Vec::as_slice),
        next: Three::default(),
    };
    // what was decided of the columns holds of what repeats them
    let mut report = report.alike();
    let merged = columns::merge(lists, Layout::ByName, scope, &mut report);
    let is_written = |column: &Column| {
        // a text that was decided on for Hive may say nothing to Spark
        let is_simple = column.type_name.starts_with(['{', '"']) || !column.type_name.contains('<');
        let rest = column.comment.as_deref().unwrap_or_default();
        is_simple && rest.starts_with("\"nullable\":")
    };
    let is_whole = report.len() == 0 && merged.columns.iter().all(is_written);
    is_whole.then_some(merged.columns)
}

/// Returns the JSON text, put together.
fn text_of(schema: &Parameters) -> Option<String> {
    if let Some(text) = schema.get(SCHEMA) {
        return Some(text.clone());
    }
    let parts: usize = schema.get(PARTS)?.parse().ok()?;
    (0..parts.min(schema.len()))
        .map(|n| schema.get(&format!("{PART}{n}")).cloned())
        .collect()
}

/// Reads fields as columns: with the ids of the columns whose names they have, the type in Hive's words where
/// types widen, and the rest as the comment.
fn read(
    text: &str,
    table: &Table,
    renumbered: &Renumbered,
    strangers: &mut BTreeMap<String, u32>,
) -> Option<Vec<Column>> {
    let parsed: Struct<'_> = serde_json::from_str(text)
        .ok()
        .filter(|parsed: &Struct<'_>| parsed.kind == "struct")?;
    let id_of = |name: &str| {
        let name = name.to_lowercase();
        let known = table
            .columns()
            .iter()
            .chain(table.keys())
            .find(|column| column.name == name);
        known.map(|column| renumbered.get(&column.id).copied().unwrap_or(column.id))
    };
    let mut columns = Vec::with_capacity(parsed.fields.len());
    for field in parsed.fields {
        let next = FIRST_STRANGE_ID + u32::try_from(strangers.len()).ok()?;
        let id = id_of(&field.name)
            .unwrap_or_else(|| ColumnId(*strangers.entry(field.name.clone()).or_insert(next)));
        let rest = |value: Option<&RawValue>, default: &str| {
            value.map_or(default.to_owned(), |value| value.get().to_owned())
        };
        columns.push(Column {
            id,
            type_name: type_in_hive(field.field_type.get()),
            comment: Some(format!(
                "\"nullable\":{},\"metadata\":{}",
                rest(field.nullable, "true"),
                rest(field.metadata, "{}")
            )),
            name: field.name,
        });
    }
    Some(columns)
}

/// Types that widen, in the words of Spark's JSON and of Hive.
const WORDS: [(&str, &str); 4] = [
    ("\"byte\"", "tinyint"),
    ("\"short\"", "smallint"),
    ("\"integer\"", "int"),
    ("\"long\"", "bigint"),
];

fn type_in_hive(json: &str) -> String {
    let known = WORDS
        .iter()
        .find(|(spark, _)| *spark == json)
        .map(|(_, hive)| *hive);
    let plain = |json: &str| json.trim_matches('"').to_owned();
    match known {
        Some(hive) => hive.to_owned(),
        None if ["\"float\"", "\"double\"", "\"string\""].contains(&json)
            || json.starts_with("\"decimal(") =>
        {
            plain(json)
        }
        None => json.to_owned(),
    }
}

fn type_in_json(type_name: &str) -> String {
    let known = WORDS.iter().find(|(_, hive)| *hive == type_name);
    match known {
        Some((spark, _)) => (*spark).to_owned(),
        None if type_name.starts_with(['{', '"']) => type_name.to_owned(),
        None => format!("\"{type_name}\""),
    }
}

fn write(columns: &[Column]) -> String {
    let field = |column: &Column| {
        let name = serde_json::Value::from(column.name.as_str());
        let rest = column.comment.as_deref().unwrap_or_default();
        format!(
            "{{\"name\":{name},\"type\":{},{rest}}}",
            type_in_json(&column.type_name)
        )
    };
    let fields: Vec<String> = columns.iter().map(field).collect();
    format!("{{\"type\":\"struct\",\"fields\":[{}]}}", fields.join(","))
}

/// Returns a text as parameters, in parts where it is long or where it was before.
fn split(text: &str, in_parts: bool) -> Parameters {
    let chars: Vec<char> = text.chars().collect();
    if !in_parts && chars.len() <= PART_CHARS {
        return Parameters::from([(SCHEMA.to_owned(), text.to_owned())]);
    }
    let parts = chars
        .chunks(PART_CHARS)
        .map(|part| part.iter().collect::<String>());
    let mut parameters: Parameters = parts
        .enumerate()
        .map(|(n, part)| (format!("{PART}{n}"), part))
        .collect();
    let count = parameters.len().to_string();
    parameters.insert(PARTS.to_owned(), count);
    parameters
}
