//! Lists of manifests and manifests, which are Avro files.

use bytes::Bytes;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, StructArray, new_null_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};

use crate::formats::AvroFile;

/// The entry of a file that is no longer of the table.
const DELETED: i64 = 2;

/// A manifest of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) path: String,
    /// Whether files of deletes are in it.
    pub(super) has_deletes: bool,
}

/// A data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DataFile {
    pub(super) path: String,
    pub(super) format: String,
}

/// Returns the manifests of a list, without those of deletes that hold none.
pub(super) fn manifests(file: Bytes) -> Result<Vec<Manifest>, String> {
    let mut found = Vec::new();
    for batch in batches(file)? {
        let column = |name: &str| batch.column_by_name(name).cloned();
        let paths = texts(column("manifest_path"), "manifest_path")?;
        let count = batch.num_rows();
        let content = numbers(column("content"), count)?;
        // version 1 calls them otherwise
        let added = numbers(
            column("added_files_count").or_else(|| column("added_data_files_count")),
            count,
        )?;
        let existing = numbers(
            column("existing_files_count").or_else(|| column("existing_data_files_count")),
            count,
        )?;
        for row in 0..count {
            let has_deletes = value(&content, row) == Some(1);
            let is_empty = value(&added, row) == Some(0) && value(&existing, row) == Some(0);
            if !(has_deletes && is_empty) {
                found.push(Manifest {
                    path: paths.value(row).to_owned(),
                    has_deletes,
                });
            }
        }
    }
    Ok(found)
}

/// Returns the files of a manifest that are of the table.
pub(super) fn data_files(file: Bytes) -> Result<Vec<DataFile>, String> {
    let mut found = Vec::new();
    for batch in batches(file)? {
        let status = numbers(batch.column_by_name("status").cloned(), batch.num_rows())?;
        let files: &StructArray = batch
            .column_by_name("data_file")
            .and_then(|column| column.as_struct_opt())
            .ok_or("a manifest without data_file")?;
        let paths = texts(files.column_by_name("file_path").cloned(), "file_path")?;
        let formats = texts(files.column_by_name("file_format").cloned(), "file_format")?;
        for row in (0..batch.num_rows()).filter(|row| value(&status, *row) != Some(DELETED)) {
            found.push(DataFile {
                path: paths.value(row).to_owned(),
                format: formats.value(row).to_owned(),
            });
        }
    }
    Ok(found)
}

fn batches(file: Bytes) -> Result<Vec<RecordBatch>, String> {
    let rows = AvroFile::check(file).and_then(|file| file.rows(None, 1_024));
    let rows = rows.map_err(|error| error.to_string())?;
    rows.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

fn texts(column: Option<ArrayRef>, name: &str) -> Result<StringArray, String> {
    let column = column.ok_or_else(|| format!("{name} is missing"))?;
    let texts = cast(&column, &DataType::Utf8).map_err(|error| error.to_string())?;
    match texts.null_count() {
        0 => Ok(texts.as_string::<i32>().clone()),
        _ => Err(format!("{name} is not set")),
    }
}

fn numbers(column: Option<ArrayRef>, rows: usize) -> Result<Int64Array, String> {
    let column = column.unwrap_or_else(|| new_null_array(&DataType::Int64, rows));
    let numbers = cast(&column, &DataType::Int64).map_err(|error| error.to_string())?;
    Ok(numbers.as_primitive::<Int64Type>().clone())
}

fn value(numbers: &Int64Array, row: usize) -> Option<i64> {
    numbers.is_valid(row).then(|| numbers.value(row))
}
