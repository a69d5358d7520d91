//! Avro files, by `arrow-avro`.

mod blocks;

use std::io::Cursor;

use arrow_avro::reader::ReaderBuilder;
use arrow_avro::schema::AvroSchema;
use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;

/// The most that a block may come to unpacked. Writers make blocks of kilobytes, and at most of some megabytes.
const BLOCK_BYTES_MAX: usize = 256 << 20;

/// A file that has all of its blocks, none of which unpacks to more than it may.
pub(crate) struct AvroFile {
    file: Bytes,
    block_bytes: usize,
}

impl AvroFile {
    /// Returns a file that was looked through.
    ///
    /// # Errors
    /// Where it is not whole, or a block comes to too much.
    pub(crate) fn check(file: Bytes) -> Result<AvroFile, ArrowError> {
        let block_bytes = blocks::check(&file, BLOCK_BYTES_MAX)?;
        Ok(AvroFile { file, block_bytes })
    }

    /// Returns how much memory the reader may take for a block, besides the file and its rows.
    pub(crate) fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    /// Returns the rows: as they were written, or by the reader's `schema`, with its aliases and defaults.
    pub(crate) fn rows(
        self,
        schema: Option<&str>,
        rows: usize,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + use<>, ArrowError> {
        let builder = ReaderBuilder::new().with_batch_size(rows);
        let builder = match schema {
            Some(json) => builder.with_reader_schema(AvroSchema::new(json.to_owned())),
            None => builder,
        };
        builder.build(Cursor::new(self.file))
    }
}
