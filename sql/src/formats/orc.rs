//! ORC files, by `orc-rust`.

use std::io::{self, Cursor};

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::FieldRef;
use datafusion::arrow::error::ArrowError;
use orc_rust::projection::ProjectionMask;
use orc_rust::reader::ChunkReader;
use orc_rust::{ArrowReaderBuilder, TimestampPrecision};

/// A file in memory. What a damaged file asks for beyond its end is an error.
struct Whole(Bytes);

impl ChunkReader for Whole {
    type T = Cursor<Bytes>;

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn get_read(&self, from: u64) -> io::Result<Cursor<Bytes>> {
        let from = usize::try_from(from).ok().filter(|from| *from <= self.0.len());
        Ok(Cursor::new(
            self.0.slice(from.ok_or(io::ErrorKind::UnexpectedEof)?..),
        ))
    }

    fn get_bytes(&self, from: u64, length: u64) -> io::Result<Bytes> {
        let end = from.checked_add(length).filter(|end| *end <= self.len());
        let end = end
            .and_then(|end| usize::try_from(end).ok())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        let from = usize::try_from(from).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        Ok(self.0.slice(from..end))
    }
}

/// The columns of a file that are read, and where each that is wanted stands among them.
type Chosen = (Vec<String>, Vec<Option<usize>>);

/// The rows of a file, and where in them each of the wanted columns is.
pub(super) struct Found<R> {
    pub(super) rows: R,
    pub(super) places: Vec<Option<usize>>,
}

/// Returns the rows of a file that have the `wanted` columns.
pub(super) fn read(
    file: Bytes,
    table: &[FieldRef],
    wanted: &[FieldRef],
    rows: usize,
) -> Result<Found<impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + use<>>, ArrowError> {
    let damaged = |error: orc_rust::error::OrcError| ArrowError::ExternalError(Box::new(error));
    let builder = ArrowReaderBuilder::try_new(Whole(file)).map_err(damaged)?;
    let root = builder.file_metadata().root_data_type().clone();
    let names: Vec<_> = root.children().iter().map(|column| column.name()).collect();
    let (chosen, places) = choose(&names, table, wanted);
    let rows = builder
        .with_batch_size(rows)
        .with_timestamp_precision(TimestampPrecision::Microsecond)
        .with_projection(ProjectionMask::named_roots(&root, &chosen))
        .build();
    Ok(Found { rows, places })
}

/// Old versions of Hive call all columns `_col0`, `_col1`, …: then they stand in the order of the table's.
fn choose(names: &[&str], table: &[FieldRef], wanted: &[FieldRef]) -> Chosen {
    let by_place = names
        .iter()
        .enumerate()
        .all(|(i, name)| *name == format!("_col{i}"));
    let find = |field: &FieldRef| {
        if by_place {
            let at = table.iter().position(|column| column.name() == field.name())?;
            return (at < names.len()).then_some(at);
        }
        let exact = names.iter().position(|name| *name == field.name());
        exact.or_else(|| {
            names
                .iter()
                .position(|name| name.eq_ignore_ascii_case(field.name()))
        })
    };
    let found: Vec<_> = wanted.iter().map(find).collect();
    // they come in the order of the file
    let mut read: Vec<usize> = found.iter().copied().flatten().collect();
    read.sort_unstable();
    read.dedup();
    let places = found
        .iter()
        .map(|at| at.and_then(|at| read.binary_search(&at).ok()))
        .collect();
    (read.iter().map(|at| names[*at].to_owned()).collect(), places)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::{DataType, Field};

    use super::*;

    #[test]
    fn columns_are_found_by_name_or_by_place() {
        let field = |name: &str| -> FieldRef { Arc::new(Field::new(name, DataType::Int32, true)) };
        let table = [field("a"), field("b"), field("c")];
        let wanted = [field("c"), field("a"), field("x")];
        let places = |names: &[&str]| choose(names, &table, &wanted);
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            places(&["A", "b", "C"]),
            (texts(&["A", "C"]), vec![Some(1), Some(0), None])
        );
        assert_eq!(
            places(&["_col0", "_col1", "_col2"]),
            (texts(&["_col0", "_col2"]), vec![Some(1), Some(0), None])
        );
        assert_eq!(places(&["_col0"]), (texts(&["_col0"]), vec![None, Some(0), None]));
    }

    #[test]
    fn damage_is_an_error() {
        for bytes in [&b""[..], b"ORC", b"not at all an orc file", &[255; 300]] {
            assert!(
                read(Bytes::copy_from_slice(bytes), &[], &[], 10).is_err(),
                "{bytes:?}"
            );
        }
    }
}
