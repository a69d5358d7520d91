//! The columns of Spark's data source tables, which Spark keeps as JSON in table parameters.

use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use serde_json::Value;

use crate::types::{arrow_type, decimal, list_of, map_of};

const DEPTH_MAX: usize = 50;

/// Returns the columns that Spark's parameters describe, partition columns among them; `None` if they do
/// not, or not in a way that is understood.
///
/// The JSON stands in `spark.sql.sources.schema` or, cut into pieces, in `….numParts` and `….part.N`.
pub(crate) fn columns<'a>(parameter: impl Fn(&str) -> Option<&'a str>) -> Option<Vec<(String, DataType)>> {
    let json = match parameter("spark.sql.sources.schema") {
        Some(whole) => whole.to_owned(),
        None => joined(parameter)?,
    };
    // the depth of JSON is bounded by its parser
    let value: Value = serde_json::from_str(&json).ok()?;
    let fields = fields(&value, 0)?;
    Some(
        fields
            .iter()
            .map(|field| (field.name().clone(), field.data_type().clone()))
            .collect(),
    )
}

fn joined<'a>(parameter: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let parts: usize = parameter("spark.sql.sources.schema.numParts")?.parse().ok()?;
    let mut json = String::new();
    for part in 0..parts {
        json.push_str(parameter(&format!("spark.sql.sources.schema.part.{part}"))?);
    }
    Some(json)
}

fn fields(value: &Value, depth: usize) -> Option<Fields> {
    let fields = value.get("fields")?.as_array()?.iter().map(|field| {
        let name = field.get("name")?.as_str()?;
        Some(Field::new(name, data_type(field.get("type")?, depth + 1)?, true))
    });
    fields.collect::<Option<Vec<_>>>().map(Fields::from)
}

fn data_type(value: &Value, depth: usize) -> Option<DataType> {
    if depth > DEPTH_MAX {
        return None;
    }
    if let Some(name) = value.as_str() {
        return primitive(name);
    }
    match value.get("type")?.as_str()? {
        "struct" => fields(value, depth).map(DataType::Struct),
        "array" => data_type(value.get("elementType")?, depth + 1).map(list_of),
        "map" => {
            let key = data_type(value.get("keyType")?, depth + 1)?;
            Some(map_of(key, data_type(value.get("valueType")?, depth + 1)?))
        }
        "udt" => data_type(value.get("sqlType")?, depth + 1),
        _ => None,
    }
}

fn primitive(name: &str) -> Option<DataType> {
    match name {
        "timestamp" | "timestamp_ntz" => Some(DataType::Timestamp(TimeUnit::Microsecond, None)),
        "decimal" => decimal(10, 0).ok(),
        "null" => Some(DataType::Null),
        // collated strings are strings
        _ if name.starts_with("string ") => Some(DataType::Utf8),
        _ => arrow_type(name).ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(parameters: &[(&str, &str)]) -> Option<String> {
        let parameters: BTreeMap<_, _> = parameters.iter().copied().collect();
        let columns = columns(|key| parameters.get(key).copied())?;
        Some(
            columns
                .iter()
                .map(|(name, kind)| format!("{name} {kind}"))
                .collect::<Vec<_>>()
                .join("; "),
        )
    }

    #[test]
    fn columns_come_from_whole_and_cut_json() {
        let json = concat!(
            r#"{"type":"struct","fields":[{"name":"userId","type":"long","nullable":true,"metadata":{}},"#,
            r#"{"name":"price","type":"decimal(10,2)","nullable":false,"metadata":{}},"#,
            r#"{"name":"at","type":"timestamp","nullable":true,"metadata":{}},"#,
            r#"{"name":"tags","type":{"type":"array","elementType":"string","containsNull":true},"nullable":true,"metadata":{}},"#,
            r#"{"name":"dt","type":"date","nullable":true,"metadata":{}}]}"#
        );
        let expected = r#"userId Int64; price Decimal128(10, 2); at Timestamp(µs); tags List(Utf8, field: 'element'); dt Date32"#;
        assert_eq!(
            read(&[("spark.sql.sources.schema", json)]).as_deref(),
            Some(expected)
        );
        let (a, b) = json.split_at(70);
        let parts = [
            ("spark.sql.sources.schema.numParts", "2"),
            ("spark.sql.sources.schema.part.0", a),
            ("spark.sql.sources.schema.part.1", b),
        ];
        assert_eq!(read(&parts).as_deref(), Some(expected));
        assert_eq!(read(&parts[..2]), None);
        assert_eq!(read(&[("spark.sql.sources.schema", "{")]), None);
        assert_eq!(read(&[]), None);
    }
}
