//! Lines of JSON, each an object: Hive's serdes, OpenX's, and Spark's data source. Names have no case.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListArray, StructArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::arrow::error::ArrowError;
use serde_json::{Map, Value};

use super::nested::{entry_fields, maps};
use super::parse;
use super::stored::{Lookup, count, flag, refuse, spark_mode, utf8_only};

/// The object of a line; `None` for a row of NULLs.
type Row = Option<Map<String, Value>>;

/// What becomes of a line that is no object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// The query fails.
    Fail,
    /// It is a row of NULLs.
    Nulls,
    /// It is no row.
    Drop,
}

/// How lines are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonRules {
    malformed: Malformed,
    /// Whether lines without text are no rows.
    skips_blank: bool,
    /// The names in files of columns that are called otherwise, by column.
    renamed: Vec<(String, String)>,
    pub(super) skip_lines: usize,
}

impl JsonRules {
    /// Returns the rules by the parameters of a serde of Hive or OpenX.
    ///
    /// # Errors
    /// Why such text cannot be read.
    pub(super) fn of_hive(option: Lookup<'_>) -> Result<JsonRules, String> {
        utf8_only(option)?;
        refuse(option, &["explicit.null", "dots.in.keys", "mappings"])?;
        Ok(JsonRules {
            malformed: if flag(option, "ignore.malformed.json") {
                Malformed::Nulls
            } else {
                Malformed::Fail
            },
            skips_blank: false,
            renamed: Vec::new(),
            skip_lines: count(option, "skip.header.line.count")?,
        })
    }

    /// Names in files that differ from the columns', as OpenX has them by `mapping.column`.
    pub(super) fn with_names(mut self, pairs: Vec<(String, String)>) -> JsonRules {
        self.renamed = pairs;
        self
    }

    /// Returns the rules by the options of Spark's data source.
    ///
    /// # Errors
    /// Why such text cannot be read.
    pub(super) fn of_spark(option: Lookup<'_>) -> Result<JsonRules, String> {
        utf8_only(option).map_err(|reason| format!("encoding: {reason}"))?;
        if flag(option, "multiLine") {
            return Err("its values may span lines (multiLine), which sql cannot read".to_owned());
        }
        refuse(
            option,
            &[
                "dateFormat",
                "timestampFormat",
                "timestampNTZFormat",
                "lineSep",
                "columnNameOfCorruptRecord",
                "locale",
            ],
        )?;
        Ok(JsonRules {
            malformed: spark_mode(option),
            skips_blank: true,
            renamed: Vec::new(),
            skip_lines: 0,
        })
    }

    /// Returns the objects of lines; `None` for one that is a row of NULLs.
    ///
    /// # Errors
    /// What is wrong with a line, by its number among these.
    pub(super) fn rows(&self, lines: &[&[u8]]) -> Result<Vec<Row>, (usize, String)> {
        let mut rows = Vec::with_capacity(lines.len());
        for (i, line) in lines.iter().enumerate() {
            if line.trim_ascii().is_empty() {
                if !self.skips_blank {
                    rows.push(None);
                }
                continue;
            }
            match (serde_json::from_slice(line), self.malformed) {
                (Ok(object), _) => rows.push(Some(object)),
                (Err(_), Malformed::Nulls) => rows.push(None),
                (Err(_), Malformed::Drop) => {}
                (Err(error), Malformed::Fail) => return Err((i, error.to_string())),
            }
        }
        Ok(rows)
    }

    /// Returns columns of the rows.
    pub(super) fn columns(&self, rows: &[Row], wanted: &[FieldRef]) -> Result<Vec<ArrayRef>, ArrowError> {
        let column = |field: &FieldRef| {
            let renamed = self.renamed.iter().find(|(column, _)| column == field.name());
            let name = renamed.map_or(field.name().as_str(), |(_, name)| name);
            let values: Vec<_> = rows
                .iter()
                .map(|row| row.as_ref().and_then(|row| find(row, name)))
                .collect();
            array(field.data_type(), &values)
        };
        wanted.iter().map(column).collect()
    }
}

/// The very name goes before one of another case.
fn find<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let any_case = || {
        object
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    object.get(name).or_else(any_case)
}

fn array(kind: &DataType, values: &[Option<&Value>]) -> Result<ArrayRef, ArrowError> {
    match kind {
        DataType::List(element) => list(element, values),
        DataType::Map(entries, _) => map(entries, values),
        DataType::Struct(fields) => structure(fields, values),
        other => {
            let cells: Vec<_> = values.iter().map(|value| value.and_then(text)).collect();
            parse::array(other, &cells)
        }
    }
}

/// What is nested is text where text is asked for.
fn text(value: &Value) -> Option<Cow<'_, [u8]>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Cow::Borrowed(text.as_bytes())),
        other => Some(Cow::Owned(other.to_string().into_bytes())),
    }
}

fn list(element: &FieldRef, values: &[Option<&Value>]) -> Result<ArrayRef, ArrowError> {
    let lists: Vec<_> = values
        .iter()
        .map(|value| value.and_then(Value::as_array))
        .collect();
    let below: Vec<_> = lists.iter().copied().flatten().flatten().map(Some).collect();
    let offsets = OffsetBuffer::from_lengths(lists.iter().map(|list| list.map_or(0, Vec::len)));
    let below = array(element.data_type(), &below)?;
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(element),
        offsets,
        below,
        nulls(&lists),
    )?))
}

fn map(entries: &FieldRef, values: &[Option<&Value>]) -> Result<ArrayRef, ArrowError> {
    let fields = entry_fields(entries)?;
    let objects: Vec<_> = values
        .iter()
        .map(|value| value.and_then(Value::as_object))
        .collect();
    let pairs = || objects.iter().copied().flatten().flatten();
    let keys: Vec<_> = pairs()
        .map(|(key, _)| Some(Cow::Borrowed(key.as_bytes())))
        .collect();
    let below: Vec<_> = pairs().map(|(_, value)| Some(value)).collect();
    let keys = parse::array(fields[0].data_type(), &keys)?;
    let below = array(fields[1].data_type(), &below)?;
    let lengths: Vec<_> = objects.iter().map(|object| object.map_or(0, Map::len)).collect();
    maps(entries, &lengths, keys, below, nulls(&objects))
}

fn structure(fields: &Fields, values: &[Option<&Value>]) -> Result<ArrayRef, ArrowError> {
    let objects: Vec<_> = values
        .iter()
        .map(|value| value.and_then(Value::as_object))
        .collect();
    let column = |field: &FieldRef| {
        let below: Vec<_> = objects
            .iter()
            .map(|object| object.and_then(|object| find(object, field.name())))
            .collect();
        array(field.data_type(), &below)
    };
    let columns = fields.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(StructArray::try_new(
        fields.clone(),
        columns,
        nulls(&objects),
    )?))
}

fn nulls<T>(values: &[Option<T>]) -> Option<NullBuffer> {
    Some(NullBuffer::from_iter(values.iter().map(Option::is_some)))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Field;
    use datafusion::arrow::util::display::array_value_to_string;

    use super::*;
    use crate::types::arrow_type;

    fn read(
        rules: &JsonRules,
        columns: &[(&str, &str)],
        lines: &[&str],
    ) -> Result<Vec<String>, (usize, String)> {
        let field =
            |(name, kind): &(&str, &str)| Arc::new(Field::new(*name, arrow_type(kind).unwrap(), true));
        let fields: Vec<FieldRef> = columns.iter().map(field).collect();
        let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
        let rows = rules.rows(&lines)?;
        let columns = rules.columns(&rows, &fields).unwrap();
        let cell = |column: &ArrayRef, row| {
            if column.is_null(row) {
                "NULL".to_owned()
            } else {
                array_value_to_string(column, row).unwrap()
            }
        };
        Ok((0..rows.len())
            .map(|row| {
                columns
                    .iter()
                    .map(|column| cell(column, row))
                    .collect::<Vec<_>>()
                    .join("|")
            })
            .collect())
    }

    #[test]
    fn names_have_no_case_and_types_are_hives() {
        let rules = JsonRules::of_hive(&|_| None).unwrap();
        let columns = [("userid", "bigint"), ("note", "string"), ("at", "timestamp")];
        assert_eq!(
            read(
                &rules,
                &columns,
                &[
                    r#"{"userId": 1, "NOTE": "a", "at": "2026-01-02 03:04:05"}"#,
                    r#"{"userid": "7", "note": {"x": [1]}, "at": null}"#,
                    r#"{"userid": 1.5e3, "other": 1}"#,
                    "",
                ]
            )
            .unwrap(),
            [
                "1|a|2026-01-02T03:04:05",
                r#"7|{"x":[1]}|NULL"#,
                "1500|NULL|NULL",
                "NULL|NULL|NULL"
            ]
        );
        let nested = [("l", "array<struct<A:int>>"), ("m", "map<string,double>")];
        assert_eq!(
            read(
                &rules,
                &nested,
                &[
                    r#"{"l":[{"a":1},null,{"A":2}],"m":{"x":1,"y":null}}"#,
                    r#"{"l":5,"m":[]}"#
                ]
            )
            .unwrap(),
            ["[{A: 1}, , {A: 2}]|{x: 1.0, y: }", "NULL|NULL"]
        );
    }

    #[test]
    fn a_line_that_is_no_object_is_what_the_table_says() {
        let lines = [r#"{"n":1}"#, "{broken", r#"[1]"#, r#"{"n":2}"#];
        let n = [("n", "int")];
        let hive = JsonRules::of_hive(&|_| None).unwrap();
        assert_eq!(read(&hive, &n, &lines).unwrap_err().0, 1);
        let openx =
            JsonRules::of_hive(&|key| (key == "ignore.malformed.json").then(|| "true".into())).unwrap();
        assert_eq!(read(&openx, &n, &lines).unwrap(), ["1", "NULL", "NULL", "2"]);
        let drop = JsonRules::of_spark(&|key| (key == "mode").then(|| "DropMalformed".into())).unwrap();
        assert_eq!(read(&drop, &n, &lines).unwrap(), ["1", "2"]);
        let named = JsonRules::of_hive(&|_| None)
            .unwrap()
            .with_names(vec![("n".into(), "nn".into())]);
        assert_eq!(read(&named, &n, &[r#"{"nn":3,"n":4}"#]).unwrap(), ["3"]);
    }
}
