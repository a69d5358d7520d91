//! Avro files, by `arrow-avro`.

use std::io::Cursor;

use arrow_avro::reader::ReaderBuilder;
use arrow_avro::schema::AvroSchema;
use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;

/// Returns the rows of a file: as it was written, or by the reader's `schema`, with its aliases and defaults.
pub(crate) fn read(
    file: Bytes,
    schema: Option<&str>,
    rows: usize,
) -> Result<impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + use<>, ArrowError> {
    let builder = ReaderBuilder::new().with_batch_size(rows);
    let builder = match schema {
        Some(json) => builder.with_reader_schema(AvroSchema::new(json.to_owned())),
        None => builder,
    };
    builder.build(Cursor::new(file))
}
