//! What Parquet files say of themselves, read without their data.

use std::ops::Range;

use bytes::Bytes;
use datafusion::parquet::file::metadata::{FooterTail, ParquetMetaDataReader};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use versioning::Repository;
use versioning::object::Object;

use crate::error::{Error, Result};
use crate::store::read_range;

const TAIL_BYTES: u64 = 8;
/// Most footers are smaller: then one read is enough.
const GUESS_BYTES: u64 = 16 << 10;
/// A footer that claims to be larger is not read.
const FOOTER_BYTES_MAX: u64 = 64 << 20;
const PARALLEL: usize = 8;

/// Returns the number of rows in Parquet files, by their footers.
///
/// # Errors
/// [`Error::Damaged`] with the path of a file that is no Parquet; those of reading.
pub async fn row_count(repository: &Repository, files: &[(String, Object)]) -> Result<u64> {
    let rows: Vec<_> = files
        .iter()
        .map(|(path, object)| rows_of(repository, path, object).boxed())
        .collect();
    stream::iter(rows)
        .buffer_unordered(PARALLEL)
        .try_fold(0, |sum: u64, rows| async move { Ok(sum.saturating_add(rows)) })
        .await
}

async fn rows_of(repository: &Repository, path: &str, object: &Object) -> Result<u64> {
    let damaged = |message: String| Error::Damaged {
        path: path.to_owned(),
        message,
    };
    let size = object.size();
    if size == 0 {
        // what a job leaves that wrote nothing; readers pass over it
        return Ok(0);
    }
    if size < TAIL_BYTES {
        return Err(damaged(format!("it has {size} bytes, which is no Parquet file")));
    }
    let start = size.saturating_sub(GUESS_BYTES);
    let end = Bytes::from(read_range(repository, object, start..size).await?);
    let footer = footer(&end, size).map_err(damaged)?;
    let footer = match footer.start.checked_sub(start) {
        Some(at) => {
            within(&end, at, footer.end - start).ok_or_else(|| damaged("its footer is cut off".to_owned()))?
        }
        None => Bytes::from(read_range(repository, object, footer).await?),
    };
    let metadata =
        ParquetMetaDataReader::decode_metadata(&footer).map_err(|error| damaged(error.to_string()))?;
    u64::try_from(metadata.file_metadata().num_rows())
        .map_err(|_| damaged("it claims a negative number of rows".to_owned()))
}

/// Returns where in a file of `size` bytes the footer lies, by the last bytes of the file.
fn footer(end: &[u8], size: u64) -> Result<Range<u64>, String> {
    let tail = end.last_chunk::<8>().ok_or("it is too short")?;
    let tail = FooterTail::try_new(tail).map_err(|error| error.to_string())?;
    let len = tail.metadata_length() as u64;
    let behind = size - TAIL_BYTES;
    if len > FOOTER_BYTES_MAX || len > behind {
        return Err(format!("it claims a footer of {len} bytes"));
    }
    Ok(behind - len..behind)
}

fn within(end: &Bytes, from: u64, to: u64) -> Option<Bytes> {
    let range = usize::try_from(from).ok()?..usize::try_from(to).ok()?;
    (range.end <= end.len()).then(|| end.slice(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn footers_are_found_or_refused() {
        let end = |len: u32, magic: &[u8]| [&len.to_le_bytes()[..], magic].concat();
        assert_eq!(footer(&end(10, b"PAR1"), 100), Ok(82..92));
        assert_eq!(footer(&end(92, b"PAR1"), 100), Ok(0..92));
        for (end, word) in [
            (end(93, b"PAR1"), "claims a footer"),
            (end(u32::MAX, b"PAR1"), "claims a footer"),
            (end(10, b"PAR2"), ""),
            (b"PAR1".to_vec(), "too short"),
        ] {
            assert!(footer(&end, 100).unwrap_err().contains(word), "{end:?}");
        }
    }
}
