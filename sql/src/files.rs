//! The data files of a folder.

use datafusion::common::ScalarValue;
use datafusion::datasource::listing::PartitionedFile;
use versioning::object::Object;
use versioning::{KeyRange, Space, View};

use crate::error::{Error, Result};
use crate::store::{location, meta};

/// Returns the data files below `folder`, which ends with a slash, in the order of their paths.
///
/// Like Hive and Spark it leaves out empty files, and those whose name or whose folder's name begins with
/// `_` or `.`: markers, and what jobs have not finished.
pub(crate) async fn data_files(
    view: &View,
    folder: &str,
    values: &[ScalarValue],
) -> Result<Vec<PartitionedFile>> {
    let mut scan = view.scan(Space::Objects, KeyRange::prefix(folder.as_bytes().to_vec()));
    let mut files = Vec::new();
    while let Some(entry) = scan.next().await? {
        let path = String::from_utf8_lossy(entry.key);
        if !is_data(&path[folder.len().min(path.len())..]) || entry.weight == 0 {
            continue;
        }
        let object = Object::decode(entry.key, entry.payload)?;
        let place = location(&path).ok_or_else(|| unnameable(&path))?;
        files.push(
            PartitionedFile::new_from_meta(meta(place, &object)).with_partition_values(values.to_vec()),
        );
    }
    Ok(files)
}

fn unnameable(path: &str) -> Error {
    let message = "its path has an empty segment or a control character, which sql cannot read".to_owned();
    Error::Damaged {
        path: path.to_owned(),
        message,
    }
}

fn is_data(below: &str) -> bool {
    !below.is_empty() && !below.ends_with('/') && !below.split('/').any(|name| name.starts_with(['_', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_and_unfinished_files_are_no_data() {
        for (path, expected) in [
            ("part-0.parquet", true),
            ("a/b", true),
            ("", false),
            ("a/", false),
            ("_SUCCESS", false),
            (".part-0.crc", false),
            ("_temporary/0/part-0.parquet", false),
            (".hive-staging_1/part-0", false),
            ("a_b/c.d", true),
        ] {
            assert_eq!(is_data(path), expected, "{path}");
        }
    }
}
