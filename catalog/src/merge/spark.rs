//! The columns as Spark repeats them in parameters: a JSON text that follows the columns (versioning.md 5.3).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::columns::Renumbered;
use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::derived::{Identities, merge_fields};
use super::generic::Three;
use super::params;
use crate::model::{Column, Parameters, Table};

const SCHEMA: &str = "spark.sql.sources.schema";
const PARTS: &str = "spark.sql.sources.schema.numParts";
const PART: &str = "spark.sql.sources.schema.part.";
/// The longest value that Spark stores under one key by default.
const PART_CHARS: usize = 4_000;

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

/// Merges the parameters in which Spark repeats the columns: those are the merged `columns`, in the order of which fields
/// stand, and the ids that columns of theirs got.
pub(super) fn merge(
    tables: Three<&Table>,
    columns: (&[Column], &Renumbered),
    scope: &Scope,
    report: &mut Report,
) -> Parameters {
    let schemas = tables.map(|table| of_schema(table.parameters.as_ref()));
    match schemas.as_ref().settled() {
        Some(settled) => settled.clone(),
        None => merge_schemas(tables, &schemas, columns, scope, report),
    }
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
    let mut identities = Identities::default();
    let mut parse = |text: &Option<String>, table: &Table, renumbered: &Renumbered| {
        read(text.as_deref()?, table, renumbered, &mut identities)
    };
    let none = Renumbered::new();
    let lists = (
        parse(&texts.base, tables.base, &none),
        parse(&texts.ours, tables.ours, &none),
        parse(&texts.theirs, tables.theirs, renumbered),
    );
    let merged = match lists {
        (Some(base), Some(ours), Some(theirs)) => {
            let lists = Three::new(&base, &ours, &theirs);
            merge_fields(lists, order, is_written, scope, report)
        }
        _ => None,
    };
    match merged {
        Some(columns) => split(&write(&columns), schemas.ours.contains_key(PARTS)),
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

/// Returns whether a field is JSON again: a text that was decided on for Hive may say nothing to Spark.
fn is_written(column: &Column) -> bool {
    let is_simple = column.type_name.starts_with(['{', '"']) || !column.type_name.contains('<');
    let rest = column.comment.as_deref().unwrap_or_default();
    is_simple && rest.starts_with("\"nullable\":")
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
    identities: &mut Identities,
) -> Option<Vec<Column>> {
    let parsed: Struct<'_> = serde_json::from_str(text)
        .ok()
        .filter(|parsed: &Struct<'_>| parsed.kind == "struct")?;
    let mut columns = Vec::with_capacity(parsed.fields.len());
    for field in parsed.fields {
        let rest = |value: Option<&RawValue>, default: &str| {
            value.map_or(default.to_owned(), |value| value.get().to_owned())
        };
        columns.push(Column {
            id: identities.of(&field.name, table, renumbered)?,
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
