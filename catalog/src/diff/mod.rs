//! What differs between two versions of a catalog: databases, tables, columns, partitions, files and bytes.

mod model;
mod tables;
mod walk;

use std::fmt::Debug;

use async_trait::async_trait;
use versioning::{Repository, View};

use crate::Result;

pub use model::{
    CatalogDiff, ColumnChange, ColumnChangeKind, DatabaseDiff, Fate, FilesDiff, FunctionDiff, Limits,
    PartitionDiff, PartitionFate, PartitionsDiff, PropertyChange, RowsDiff, TableDiff,
};

/// Returns what differs between two settled views of one repository ([`Repository::settled`]). Its cost follows the
/// difference; only if files differ that lie under no table's own name, the places of all tables are read.
///
/// # Errors
/// [`crate::Error::NotAllowed`] for a view that is not settled; those of reading.
pub async fn diff(before: &View, after: &View, limits: &Limits) -> Result<CatalogDiff> {
    walk::Walk::run(before, after, limits).await
}

/// Counts the rows of data files.
#[async_trait]
pub trait RowCounter: Debug + Send + Sync {
    /// Returns the number of rows in the files at `paths` of `view`; `None` if they are in a format that does not
    /// tell without reading the data.
    ///
    /// # Errors
    /// Those of reading the files.
    async fn rows(&self, repository: &Repository, view: &View, paths: &[String]) -> Result<Option<u64>>;
}

/// Counts the rows that came and went, table by table, wherever the diff lists all files of the table.
///
/// # Errors
/// Those of the counter.
pub async fn count_rows(
    diff: &mut CatalogDiff,
    repository: &Repository,
    before: &View,
    after: &View,
    counter: &dyn RowCounter,
) -> Result<()> {
    for table in &mut diff.tables {
        if table.files.is_empty() || !table.files.lists_all() {
            continue;
        }
        let added = counter.rows(repository, after, &table.files.added_paths).await?;
        let removed = counter
            .rows(repository, before, &table.files.removed_paths)
            .await?;
        table.rows = added
            .zip(removed)
            .map(|(added, removed)| RowsDiff { added, removed });
    }
    Ok(())
}
