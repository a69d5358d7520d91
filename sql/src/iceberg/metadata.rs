//! What a table's metadata file says of its current state: pure.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use serde_json::Value;

use crate::types::{arrow_type, decimal, list_of, map_of};

const DEPTH_MAX: usize = 50;
const BYTES_MAX: u64 = 256 << 20;

/// The current state of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    /// The columns with their ids.
    columns: Vec<(i64, Field)>,
    /// `None` for a table that nothing was written to.
    pub(super) manifest_list: Option<String>,
}

impl Metadata {
    /// Reads a metadata file, plain or by gzip.
    pub(super) fn parse(bytes: &[u8]) -> Result<Metadata, String> {
        let mut text = Vec::new();
        let bytes = match bytes.starts_with(&[0x1f, 0x8b]) {
            true => {
                let unpacked = flate2::read::GzDecoder::new(bytes)
                    .take(BYTES_MAX)
                    .read_to_end(&mut text);
                unpacked.map_err(|error| format!("its metadata cannot be unpacked: {error}"))?;
                text.as_slice()
            }
            false => bytes,
        };
        let json: Value =
            serde_json::from_slice(bytes).map_err(|error| format!("its metadata is no JSON: {error}"))?;
        match json.get("format-version").and_then(Value::as_u64) {
            Some(1 | 2) => {}
            other => return Err(format!("its format version is {other:?}, and sql reads 1 and 2")),
        }
        Ok(Metadata {
            columns: columns(current_schema(&json).ok_or("its metadata has no schema")?)?,
            manifest_list: manifest_list(&json)?,
        })
    }

    pub(super) fn schema(&self) -> SchemaRef {
        let fields: Vec<_> = self.columns.iter().map(|(_, field)| field.clone()).collect();
        Arc::new(Schema::new(fields))
    }

    /// Returns the names of the columns by id.
    pub(super) fn names(&self) -> HashMap<String, String> {
        self.columns
            .iter()
            .map(|(id, field)| (id.to_string(), field.name().clone()))
            .collect()
    }
}

fn current_schema(json: &Value) -> Option<&Value> {
    let id = json.get("current-schema-id").and_then(Value::as_i64);
    let all = json.get("schemas").and_then(Value::as_array);
    let current = all.zip(id).and_then(|(all, id)| {
        all.iter()
            .find(|one| one.get("schema-id").and_then(Value::as_i64) == Some(id))
    });
    current.or_else(|| json.get("schema"))
}

fn manifest_list(json: &Value) -> Result<Option<String>, String> {
    let Some(id) = json
        .get("current-snapshot-id")
        .and_then(Value::as_i64)
        .filter(|id| *id >= 0)
    else {
        return Ok(None);
    };
    let all = json.get("snapshots").and_then(Value::as_array);
    let current = all.and_then(|all| {
        all.iter()
            .find(|one| one.get("snapshot-id").and_then(Value::as_i64) == Some(id))
    });
    let list = current
        .and_then(|snapshot| snapshot.get("manifest-list"))
        .and_then(Value::as_str);
    list.map(|list| Some(list.to_owned()))
        .ok_or_else(|| format!("its snapshot {id} has no list of manifests"))
}

fn columns(schema: &Value) -> Result<Vec<(i64, Field)>, String> {
    let fields = schema
        .get("fields")
        .and_then(Value::as_array)
        .ok_or("its schema has no fields")?;
    let column = |field: &Value| {
        let id = field.get("id").and_then(Value::as_i64);
        let name = field.get("name").and_then(Value::as_str);
        let kind = field.get("type").ok_or("a field without a type")?;
        match (id, name) {
            (Some(id), Some(name)) => Ok((id, Field::new(name.to_lowercase(), data_type(kind, 0)?, true))),
            _ => Err("a field without an id or a name".to_owned()),
        }
    };
    fields.iter().map(column).collect()
}

fn data_type(kind: &Value, depth: usize) -> Result<DataType, String> {
    if depth > DEPTH_MAX {
        return Err(format!("its types are nested more than {DEPTH_MAX} deep"));
    }
    if let Some(name) = kind.as_str() {
        return primitive(name);
    }
    let part = |key: &str| kind.get(key).ok_or_else(|| format!("a type without {key}"));
    match part("type")?.as_str() {
        Some("struct") => {
            let fields = part("fields")?.as_array().ok_or("a struct without fields")?;
            let field = |field: &Value| {
                let name = field
                    .get("name")
                    .and_then(Value::as_str)
                    .ok_or("a field without a name")?;
                Ok::<_, String>(Field::new(
                    name,
                    data_type(field.get("type").ok_or("a field without a type")?, depth + 1)?,
                    true,
                ))
            };
            Ok(DataType::Struct(
                fields.iter().map(field).collect::<Result<Fields, _>>()?,
            ))
        }
        Some("list") => data_type(part("element")?, depth + 1).map(list_of),
        Some("map") => Ok(map_of(
            data_type(part("key")?, depth + 1)?,
            data_type(part("value")?, depth + 1)?,
        )),
        other => Err(format!("a type {other:?}, which sql cannot read")),
    }
}

fn primitive(name: &str) -> Result<DataType, String> {
    let within = |open: &str, close: char| name.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    if let Some((precision, scale)) = within("decimal(", ')').and_then(|digits| digits.split_once(',')) {
        let digits = (precision.trim().parse(), scale.trim().parse());
        return match digits {
            (Ok(precision), Ok(scale)) => decimal(precision, scale),
            _ => Err(format!("{name} is no type")),
        };
    }
    if let Some(length) = within("fixed[", ']').and_then(|length| length.parse().ok()) {
        return Ok(DataType::FixedSizeBinary(length));
    }
    match name {
        "long" => Ok(DataType::Int64),
        "time" => Ok(DataType::Time64(TimeUnit::Microsecond)),
        "uuid" => Ok(DataType::FixedSizeBinary(16)),
        "timestamp" => Ok(DataType::Timestamp(TimeUnit::Microsecond, None)),
        "timestamptz" => Ok(DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))),
        other => arrow_type(other).map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Result<Metadata, String> {
        Metadata::parse(json.as_bytes())
    }

    #[test]
    fn the_current_state_is_taken() {
        let json = r#"{"format-version":2,"current-schema-id":1,"current-snapshot-id":7,
            "schemas":[{"schema-id":0,"fields":[]},{"schema-id":1,"fields":[
                {"id":1,"name":"Id","required":true,"type":"long"},
                {"id":3,"name":"price","required":false,"type":"decimal(9, 2)"},
                {"id":4,"name":"tags","required":false,"type":{"type":"list","element-id":5,"element":"string"}}]}],
            "snapshots":[{"snapshot-id":6,"manifest-list":"a"},{"snapshot-id":7,"manifest-list":"b"}]}"#;
        let found = parsed(json).unwrap();
        assert_eq!(found.manifest_list.as_deref(), Some("b"));
        let columns: Vec<_> = found
            .columns
            .iter()
            .map(|(id, field)| format!("{id} {} {}", field.name(), field.data_type()))
            .collect();
        assert_eq!(
            columns,
            [
                "1 id Int64",
                "3 price Decimal128(9, 2)",
                "4 tags List(Utf8, field: 'element')"
            ]
        );
        let empty = r#"{"format-version":1,"current-snapshot-id":-1,"schema":{"fields":[]}}"#;
        assert_eq!(parsed(empty).unwrap().manifest_list, None);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (json, words) in [
            ("{", "no JSON"),
            (r#"{"format-version":3}"#, "format version"),
            (r#"{"format-version":2}"#, "no schema"),
            (
                r#"{"format-version":2,"schema":{"fields":[{"id":1,"name":"v","type":"variant"}]}}"#,
                "variant",
            ),
            (
                r#"{"format-version":2,"schema":{"fields":[]},"current-snapshot-id":5}"#,
                "snapshot 5",
            ),
        ] {
            assert!(parsed(json).unwrap_err().contains(words), "{json}");
        }
    }
}
