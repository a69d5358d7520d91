//! Rows as a file has them, made to the columns of the table: by name or by place, and cast as Hive casts.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::compute::{can_cast_types, cast_with_options};
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

use super::parse::lenient;

/// Returns rows of the `wanted` columns. A column that is not there is NULL.
pub(super) fn fit(
    batch: &RecordBatch,
    wanted: &[FieldRef],
    by_place: Option<&[Option<usize>]>,
) -> Result<RecordBatch, ArrowError> {
    let columns = wanted.iter().enumerate().map(|(i, field)| {
        let at = match by_place {
            Some(places) => places[i],
            None => place(batch.schema_ref(), field.name()),
        };
        match at.filter(|at| *at < batch.num_columns()) {
            Some(at) => cast(batch.column(at), field),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        }
    });
    rows(wanted, columns.collect::<Result<_, _>>()?, batch.num_rows())
}

/// Returns the place of a column by its name; the very name goes before one of another case.
pub(super) fn place(schema: &Schema, name: &str) -> Option<usize> {
    let fields = schema.fields();
    let exact = fields.iter().position(|field| field.name() == name);
    exact.or_else(|| {
        fields
            .iter()
            .position(|field| field.name().eq_ignore_ascii_case(name))
    })
}

/// Casts a column to the type of the table's; what does not fit is NULL.
pub(super) fn cast(column: &ArrayRef, field: &FieldRef) -> Result<ArrayRef, ArrowError> {
    if column.data_type() == field.data_type() {
        return Ok(Arc::clone(column));
    }
    if !can_cast_types(column.data_type(), field.data_type()) {
        return Err(ArrowError::CastError(format!(
            "column {} is {} there, and {} in the table",
            field.name(),
            column.data_type(),
            field.data_type()
        )));
    }
    cast_with_options(column, field.data_type(), &lenient())
}

/// Returns rows, of which there may be many without columns.
pub(super) fn rows(
    wanted: &[FieldRef],
    columns: Vec<ArrayRef>,
    count: usize,
) -> Result<RecordBatch, ArrowError> {
    let schema: SchemaRef = Arc::new(Schema::new(wanted.to_vec()));
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    RecordBatch::try_new_with_options(schema, columns, &options)
}
