//! Rows of system tables on their way to Arrow.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;

/// A value; one of another type than its column is NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Text(String),
    Number(u64),
    Flag(bool),
    /// Microseconds since the Unix epoch.
    Time(u64),
}

pub(super) type Row = Vec<Value>;

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// Returns rows as a batch.
pub(super) fn batch(schema: &SchemaRef, rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let fields = schema.fields().iter().enumerate();
    let columns = fields.map(|(i, field)| column(field.data_type(), rows.iter().map(|row| row.get(i))));
    RecordBatch::try_new(Arc::clone(schema), columns.collect())
}

fn column<'a>(kind: &DataType, values: impl Iterator<Item = Option<&'a Value>>) -> ArrayRef {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    match kind {
        DataType::Int64 => Arc::new(
            values
                .map(|value| match value {
                    Some(Value::Number(number)) => Some(signed(*number)),
                    _ => None,
                })
                .collect::<Int64Array>(),
        ),
        DataType::Boolean => Arc::new(
            values
                .map(|value| match value {
                    Some(Value::Flag(flag)) => Some(*flag),
                    _ => None,
                })
                .collect::<BooleanArray>(),
        ),
        DataType::Timestamp(..) => {
            let times = values.map(|value| match value {
                Some(Value::Time(us)) => Some(signed(*us)),
                _ => None,
            });
            Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        _ => Arc::new(
            values
                .map(|value| match value {
                    Some(Value::Text(text)) => Some(text.as_str()),
                    _ => None,
                })
                .collect::<StringArray>(),
        ),
    }
}
