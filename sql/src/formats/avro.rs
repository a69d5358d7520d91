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
    check_whole(&file)?;
    let builder = ReaderBuilder::new().with_batch_size(rows);
    let builder = match schema {
        Some(json) => builder.with_reader_schema(AvroSchema::new(json.to_owned())),
        None => builder,
    };
    builder.build(Cursor::new(file))
}

/// The mark between blocks, which the header tells.
const SYNC_BYTES: usize = 16;

/// Fails if a file ends in the midst of a block: the reader takes that for its end, and would tell fewer rows.
fn check_whole(file: &[u8]) -> Result<(), ArrowError> {
    let damaged = || ArrowError::AvroError("the file is damaged: it ends in the midst of a block".to_owned());
    let mut rest = Rest(file);
    rest.skip(4).ok_or_else(damaged)?;
    rest.skip_metadata().ok_or_else(damaged)?;
    let sync = rest.skip(SYNC_BYTES).ok_or_else(damaged)?;
    while !rest.0.is_empty() {
        rest.long().ok_or_else(damaged)?;
        let bytes = rest.length().ok_or_else(damaged)?;
        rest.skip(bytes).ok_or_else(damaged)?;
        if rest.skip(SYNC_BYTES).ok_or_else(damaged)? != sync {
            let message = "the file is damaged: a block does not end where it says".to_owned();
            return Err(ArrowError::AvroError(message));
        }
    }
    Ok(())
}

/// What is left of a file.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn skip(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(head)
    }

    /// A number of variable length, zigzag.
    fn long(&mut self) -> Option<i64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.skip(1)?[0];
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.long()?).ok()
    }

    /// The map of the header: blocks of pairs, the last of which has none. A negative count comes with a size.
    fn skip_metadata(&mut self) -> Option<()> {
        loop {
            let count = self.long()?;
            if count < 0 {
                self.long()?;
            }
            if count == 0 {
                return Some(());
            }
            for _ in 0..2_u64.checked_mul(count.unsigned_abs())? {
                let bytes = self.length()?;
                self.skip(bytes)?;
            }
        }
    }
}
