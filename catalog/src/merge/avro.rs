//! The columns as Avro repeats them: `avro.schema.literal`, a record in JSON.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::columns::Renumbered;
use super::conflict::{Report, Scope};
use super::derived::{Identities, merge_fields};
use super::generic::Three;
use crate::model::{Column, Table};

pub(super) const LITERAL: &str = "avro.schema.literal";

/// Stands for the type in what else is said of a field: JSON has it nowhere.
const TYPE: char = '\0';

/// The members of a JSON object in their order, what stands within letter by letter.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Members {
    fn get(&self, name: &str) -> Option<&str> {
        let mut named = self.0.iter().filter(|(key, _)| key == name);
        match (named.next(), named.next()) {
            (Some((_, value)), None) => Some(value.get()),
            _ => None,
        }
    }

    /// Returns the members but `left_out`, where what `other` says stands in place of one.
    fn text(&self, left_out: &str, (name, other): (&str, &str)) -> String {
        let kept = self.0.iter().filter(|(key, _)| key != left_out);
        let texts = kept.map(|(key, value)| {
            let value = if key == name { other } else { value.get() };
            format!("{}:{value}", serde_json::Value::from(key.as_str()))
        });
        texts.collect::<Vec<_>>().join(",")
    }
}

/// A record: its fields as columns, and what else is said of it, where `TYPE` stands for the list of fields.
struct Record {
    rest: String,
    fields: Vec<Column>,
}

/// Returns the record of the merged fields; `None` if a version is none, or if the rules of columns leave a conflict.
pub(super) fn regenerate(
    tables: Three<&Table>,
    literals: Three<&Option<String>>,
    (order, renumbered): (&[Column], &Renumbered),
    scope: &Scope,
    report: &Report,
) -> Option<String> {
    let mut identities = Identities::default();
    let mut read =
        |text: &Option<String>, table, renumbered| read(text.as_deref()?, table, renumbered, &mut identities);
    let none = Renumbered::new();
    let records = Three::new(
        read(literals.base, tables.base, &none)?,
        read(literals.ours, tables.ours, &none)?,
        read(literals.theirs, tables.theirs, renumbered)?,
    );
    let rest = records.as_ref().map(|record| &record.rest).settled()?;
    let lists = records.as_ref().map(|record| &record.fields);
    let fields = merge_fields(lists, order, is_written, scope, report)?;
    let fields: Vec<String> = fields.iter().map(write).collect();
    let list = format!("[{}]", fields.join(","));
    Some(format!("{{{}}}", rest.replacen(TYPE, &list, 1)))
}

fn read(text: &str, table: &Table, renumbered: &Renumbered, identities: &mut Identities) -> Option<Record> {
    let members: Members = serde_json::from_str(text).ok()?;
    let is_record = members.get("type") == Some("\"record\"");
    let fields: Vec<Members> = serde_json::from_str(members.get("fields")?).ok()?;
    let field = |field: &Members| {
        let name: String = serde_json::from_str(field.get("name")?).ok()?;
        let (type_name, around) = type_of(field.get("type")?);
        Some(Column {
            id: identities.of(&name, table, renumbered)?,
            name,
            type_name,
            comment: Some(field.text("name", ("type", &around))),
        })
    };
    let fields: Option<Vec<Column>> = fields.iter().map(field).collect();
    is_record.then_some(Record {
        rest: members.text("", ("fields", &TYPE.to_string())),
        fields: fields?,
    })
}

/// Types that widen, in the words of Avro and of Hive.
const WORDS: [(&str, &str); 5] = [
    ("\"int\"", "int"),
    ("\"long\"", "bigint"),
    ("\"float\"", "float"),
    ("\"double\"", "double"),
    ("\"string\"", "string"),
];

/// Returns a type in Hive's words where types widen, and what is said around it: that it may be null.
fn type_of(json: &str) -> (String, String) {
    let members: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
    let members: Vec<&str> = members.iter().map(|member| member.get()).collect();
    let (plain, around) = match members.as_slice() {
        ["\"null\"", plain] => (*plain, format!("[\"null\",{TYPE}]")),
        [plain, "\"null\""] => (*plain, format!("[{TYPE},\"null\"]")),
        _ => (json, TYPE.to_string()),
    };
    let known = WORDS.iter().find(|(avro, _)| *avro == plain);
    (known.map_or(plain, |(_, hive)| hive).to_owned(), around)
}

fn type_in_json(type_name: &str) -> &str {
    let known = WORDS.iter().find(|(_, hive)| *hive == type_name);
    known.map_or(type_name, |(avro, _)| avro)
}

/// Returns whether a field is JSON again: a text that was decided on for Hive may say nothing to Avro.
fn is_written(field: &Column) -> bool {
    let rest = field.comment.as_deref().unwrap_or_default();
    type_in_json(&field.type_name).starts_with(['{', '[', '"']) && rest.matches(TYPE).count() == 1
}

fn write(field: &Column) -> String {
    let rest = field.comment.as_deref().unwrap_or_default();
    let rest = rest.replacen(TYPE, type_in_json(&field.type_name), 1);
    format!(
        "{{\"name\":{},{rest}}}",
        serde_json::Value::from(field.name.as_str())
    )
}
