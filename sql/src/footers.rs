//! What Parquet files say of themselves, read without their data.

use std::ops::Range;

use bytes::Bytes;
use datafusion::parquet::file::metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader};
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
    if object.size() == 0 {
        // what a job leaves that wrote nothing; readers pass over it
        return Ok(0);
    }
    let damaged = |message: String| Error::Damaged {
        path: path.to_owned(),
        message,
    };
    let read = read_metadata(object.size(), |range| read_range(repository, object, range)).await;
    let metadata = read.map_err(|error| match error {
        Unread::Failed(error) => Error::Store(error),
        Unread::Damaged(message) => damaged(message),
    })?;
    let rows = metadata.file_metadata().num_rows();
    u64::try_from(rows).map_err(|_| damaged(format!("it claims to have {rows} rows")))
}

/// Why there is no metadata.
#[derive(Debug)]
pub(crate) enum Unread<E> {
    /// Reading failed.
    Failed(E),
    /// What was read makes no sense.
    Damaged(String),
}

/// Reads the metadata of a file of `size` bytes, of which `fetch` returns ranges. Where the footer lies is
/// checked before anything is read or allocated by it.
pub(crate) async fn read_metadata<E, F>(
    size: u64,
    mut fetch: impl FnMut(Range<u64>) -> F,
) -> Result<ParquetMetaData, Unread<E>>
where
    F: Future<Output = Result<Bytes, E>>,
{
    if size < TAIL_BYTES {
        return Err(Unread::Damaged(format!(
            "it has {size} bytes, which is no Parquet file"
        )));
    }
    let start = size.saturating_sub(GUESS_BYTES);
    let end = fetch(start..size).await.map_err(Unread::Failed)?;
    let footer = footer(&end, size).map_err(Unread::Damaged)?;
    let footer = match footer.start.checked_sub(start) {
        Some(at) => within(&end, at, footer.end - start)
            .ok_or_else(|| Unread::Damaged("its footer is cut off".to_owned()))?,
        None => fetch(footer).await.map_err(Unread::Failed)?,
    };
    ParquetMetaDataReader::decode_metadata(&footer).map_err(|error| Unread::Damaged(error.to_string()))
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
