//! The data files of a folder.

use std::collections::HashSet;

use catalog::is_data;
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use versioning::object::Object;
use versioning::{KeyRange, Space, View};

use crate::error::Error;
use crate::held::Held;
use crate::store::{location, meta};

/// Returns the data files below `folder`, which ends with a slash, in the order of their paths, and counts what they
/// take in `held`. If `only` is given, others than these paths are left out.
///
/// Like Hive and Spark it leaves out empty files, and what [`is_data`] says is hidden: markers, and what jobs have not
/// finished.
pub(crate) async fn data_files(
    view: &View,
    folder: &str,
    values: &[ScalarValue],
    only: Option<&HashSet<String>>,
    held: &Held,
) -> Result<Vec<PartitionedFile>> {
    let mut scan = view.scan(Space::Objects, KeyRange::prefix(folder.as_bytes().to_vec()));
    let mut files = Vec::new();
    while let Some(entry) = scan.next().await.map_err(Error::from)? {
        if !is_data(&entry.key[folder.len()..]) || entry.weight == 0 {
            continue;
        }
        let path = String::from_utf8_lossy(entry.key);
        if only.is_some_and(|only| !only.contains(path.as_ref())) {
            continue;
        }
        let object = Object::decode(entry.key, entry.payload).map_err(Error::from)?;
        let place = location(&path).ok_or_else(|| unnameable(&path))?;
        let file =
            PartitionedFile::new_from_meta(meta(place, &object)).with_partition_values(values.to_vec());
        held.file(&file)?;
        files.push(file);
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
