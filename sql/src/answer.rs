//! Rows, and how they are shown: so that nobody else has to know Arrow.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch, RecordBatchOptions, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float32Type, Float64Type, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::WriterBuilder;
use datafusion::arrow::json::writer::JsonArray;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::util::pretty::pretty_format_batches_with_options;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerColumn {
    /// Its own: where a query gives a name twice, the second is told apart by a number.
    pub name: String,
    /// The type, as Arrow writes it.
    pub type_name: String,
}

/// Some rows, whole.
#[derive(Debug, Clone)]
pub struct Page {
    batches: Vec<RecordBatch>,
}

/// The rows of a query, up to a limit.
#[derive(Debug, Clone)]
pub struct Answer {
    pub columns: Vec<AnswerColumn>,
    pub page: Page,
    /// Whether there are more rows, which were left out.
    pub truncated: bool,
}

impl Page {
    pub(crate) fn new(batches: Vec<RecordBatch>) -> Page {
        Page { batches }
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Returns the rows as a table of text with a frame, for people.
    ///
    /// # Errors
    /// [`Error::Internal`] for a value that cannot be shown.
    pub fn table(&self) -> Result<String> {
        let table = pretty_format_batches_with_options(&self.batches, &format());
        table
            .map(|table| table.to_string())
            .map_err(|error| unshown(&error))
    }

    /// Returns the rows as JSON objects by column name, as [`AnswerColumn`] has it. NULL is `null`; a column of numbers
    /// that are none has `"NaN"`, `"Infinity"` and `"-Infinity"` for them, since JSON has no such numbers.
    ///
    /// # Errors
    /// [`Error::Internal`] for a value that JSON has no word for.
    pub fn json(&self) -> Result<Vec<Map<String, Value>>> {
        let mut writer = WriterBuilder::new()
            .with_explicit_nulls(true)
            .build::<_, JsonArray>(Vec::new());
        let mut named = Vec::with_capacity(self.batches.len());
        for batch in &self.batches {
            let batch = with_own_names(batch).map_err(|error| unshown(&error))?;
            writer.write(&batch).map_err(|error| unshown(&error))?;
            named.push(batch);
        }
        writer.finish().map_err(|error| unshown(&error))?;
        let text = writer.into_inner();
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows: Vec<Map<String, Value>> =
            serde_json::from_slice(&text).map_err(|error| unshown(&error))?;
        let mut left = rows.as_mut_slice();
        for batch in &named {
            let (of_batch, others) = left.split_at_mut(batch.num_rows());
            tell_what_is_no_number(batch, of_batch);
            left = others;
        }
        Ok(rows)
    }

    /// Returns the first `rows` of these rows, and the columns even without any. They hold on to the memory of
    /// the batches that they are from.
    pub(crate) fn first(&self, rows: usize) -> Page {
        let mut left = rows;
        let mut batches = Vec::new();
        for batch in &self.batches {
            if left == 0 && !batches.is_empty() {
                break;
            }
            let taken = batch.num_rows().min(left);
            batches.push(batch.slice(0, taken));
            left -= taken;
        }
        Page { batches }
    }

    /// Returns the first `rows` of these rows as the texts by which people are shown them. They are copies: nothing
    /// of the batches that they are from stays in memory.
    ///
    /// # Errors
    /// [`Error::Internal`] for a value that cannot be shown.
    pub(crate) fn shown(&self, rows: usize) -> Result<Page> {
        let first = self.first(rows);
        let texts: Result<Vec<_>, ArrowError> = first.batches.iter().map(texts).collect();
        Ok(Page {
            batches: texts.map_err(|error| unshown(&error))?,
        })
    }

    pub(crate) fn append(&mut self, other: Page) {
        self.batches.extend(other.batches);
    }

    /// The memory that the rows hold.
    pub(crate) fn bytes(&self) -> usize {
        self.batches.iter().map(RecordBatch::get_array_memory_size).sum()
    }
}

pub(crate) fn columns(schema: &Schema) -> Vec<AnswerColumn> {
    let column = |(name, field): (String, &FieldRef)| AnswerColumn {
        name,
        type_name: field.data_type().to_string(),
    };
    let names = own_names(schema).into_iter();
    names.zip(schema.fields()).map(column).collect()
}

/// Returns a name for each column that no other column has: the second `x` is `x_2`.
fn own_names(schema: &Schema) -> Vec<String> {
    let all: HashSet<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let mut taken: HashSet<String> = HashSet::new();
    let own = |field: &FieldRef| {
        let name = field.name();
        let numbered = (2..).map(|n: u32| format!("{name}_{n}"));
        let mut free = numbered.filter(|other| !all.contains(other.as_str()) && !taken.contains(other));
        let own = match taken.contains(name) {
            true => free.next().unwrap_or_default(),
            false => name.clone(),
        };
        taken.insert(own.clone());
        own
    };
    schema.fields().iter().map(own).collect()
}

fn with_own_names(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let fields = own_names(&schema).into_iter().zip(schema.fields());
    let fields: Vec<Field> = fields
        .map(|(name, field)| field.as_ref().clone().with_name(name))
        .collect();
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), batch.columns().to_vec(), &rows)
}

/// Puts words for what is no finite number, for which the writer of JSON puts `null`.
fn tell_what_is_no_number(batch: &RecordBatch, rows: &mut [Map<String, Value>]) {
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let numbers: Vec<Option<f64>> = match column.data_type() {
            DataType::Float64 => column.as_primitive::<Float64Type>().iter().collect(),
            DataType::Float32 => {
                let numbers = column.as_primitive::<Float32Type>().iter();
                numbers.map(|number| number.map(f64::from)).collect()
            }
            _ => continue,
        };
        for (object, number) in rows.iter_mut().zip(numbers) {
            let word = match number {
                Some(number) if number.is_nan() => "NaN",
                Some(f64::INFINITY) => "Infinity",
                Some(f64::NEG_INFINITY) => "-Infinity",
                _ => continue,
            };
            object.insert(field.name().clone(), word.into());
        }
    }
}

/// How values are written for people.
fn format() -> FormatOptions<'static> {
    FormatOptions::default().with_null("NULL")
}

/// Returns the rows of a batch as texts.
fn texts(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let options = format();
    let column = |array: &ArrayRef| {
        let formatter = ArrayFormatter::try_new(array, &options)?;
        let text = |row| formatter.value(row).try_to_string();
        let texts: Result<StringArray, ArrowError> =
            (0..array.len()).map(|row| text(row).map(Some)).collect();
        texts.map(|texts| Arc::new(texts) as ArrayRef)
    };
    let columns: Result<Vec<ArrayRef>, ArrowError> = batch.columns().iter().map(column).collect();
    let schema = batch.schema();
    let fields = schema.fields().iter();
    let fields: Vec<_> = fields
        .map(|field| Field::new(field.name(), DataType::Utf8, false))
        .collect();
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns?, &rows)
}

fn unshown(error: &dyn std::error::Error) -> Error {
    Error::Internal(format!("rows cannot be shown: {error}"))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{DictionaryArray, Float64Array, Int64Array, StringViewArray};
    use datafusion::arrow::datatypes::Int32Type;

    use super::*;

    fn page() -> Page {
        let schema = Schema::new(vec![
            Field::new("n", DataType::Int64, true),
            Field::new("s", DataType::Utf8, true),
        ]);
        let batch = RecordBatch::try_new(
            Arc::new(schema),
            vec![
                Arc::new(Int64Array::from(vec![Some(1), None])),
                Arc::new(StringArray::from(vec!["a", "b"])),
            ],
        );
        let batch = batch.unwrap();
        Page::new(vec![batch.clone(), batch])
    }

    #[test]
    fn rows_are_shown_for_people_and_programs() {
        let expected = "+------+---+\n| n    | s |\n+------+---+\n| 1    | a |\n| NULL | b |\n| 1    | a |\n+------+---+";
        assert_eq!(page().first(3).table().unwrap(), expected);
        let json: Vec<_> = page()
            .first(2)
            .json()
            .unwrap()
            .into_iter()
            .map(Value::Object)
            .collect();
        assert_eq!(
            Value::Array(json).to_string(),
            r#"[{"n":1,"s":"a"},{"n":null,"s":"b"}]"#
        );
        assert!(Page::new(Vec::new()).json().unwrap().is_empty());
        assert_eq!(
            (page().rows(), page().first(0).rows(), page().first(9).rows()),
            (4, 0, 4)
        );
    }

    #[test]
    fn columns_of_one_name_and_what_is_no_number_are_told_apart() {
        let field = |name: &str| Field::new(name, DataType::Float64, true);
        let schema = Schema::new(vec![field("x"), field("x"), field("x_2"), field("x")]);
        let numbers = |all: [Option<f64>; 2]| Arc::new(Float64Array::from_iter(all)) as ArrayRef;
        let batch = RecordBatch::try_new(
            Arc::new(schema.clone()),
            vec![
                numbers([Some(1.5), None]),
                numbers([Some(f64::NAN), Some(2.5)]),
                numbers([None, Some(f64::INFINITY)]),
                numbers([Some(f64::NEG_INFINITY), Some(3.5)]),
            ],
        );
        let batch = batch.unwrap();
        let names: Vec<_> = columns(&schema).into_iter().map(|column| column.name).collect();
        assert_eq!(names, ["x", "x_3", "x_2", "x_4"]);
        let rows = Page::new(vec![batch.slice(0, 1), batch.slice(1, 1)])
            .json()
            .unwrap();
        assert_eq!(
            serde_json::to_string(&rows).unwrap(),
            r#"[{"x":1.5,"x_2":null,"x_3":"NaN","x_4":"-Infinity"},{"x":null,"x_2":"Infinity","x_3":2.5,"x_4":3.5}]"#
        );
    }

    #[test]
    fn what_is_shown_holds_nothing_of_its_batch() {
        let long = |n: usize| format!("{n:>100}");
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("n", Arc::new(Int64Array::from_iter_values(0..1_000))),
            (
                "v",
                Arc::new(StringViewArray::from_iter_values((0..1_000).map(long))),
            ),
            ("d", {
                let texts: Vec<_> = (0..1_000).map(long).collect();
                let texts = texts.iter().map(String::as_str);
                Arc::new(texts.collect::<DictionaryArray<Int32Type>>())
            }),
        ];
        let page = Page::new(vec![RecordBatch::try_from_iter(columns).unwrap()]);
        let shown = page.shown(2).unwrap();
        assert_eq!(shown.table().unwrap(), page.first(2).table().unwrap());
        assert!(
            shown.bytes() < page.bytes() / 50,
            "{} of {}",
            shown.bytes(),
            page.bytes()
        );
    }
}
