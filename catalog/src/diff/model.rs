//! What differs between two versions of a catalog, as data.

use crate::model::{TableFormat, TableId, TableKind};

/// How much a diff lists one by one. What is over is counted all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Partitions of one table.
    pub partitions_max: usize,
    /// The name behind which the listed partitions begin: to go on where a list ended.
    pub partitions_after: Option<String>,
    /// Paths of one table, added and removed each, and of files outside of tables.
    pub paths_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            partitions_max: 100,
            partitions_after: None,
            paths_max: 1_000,
        }
    }
}

/// What differs between two versions of a catalog. Noise and what is computed from data are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogDiff {
    /// By name.
    pub databases: Vec<DatabaseDiff>,
    /// By database and name.
    pub tables: Vec<TableDiff>,
    /// By database and name.
    pub functions: Vec<FunctionDiff>,
    /// Files that belong to no table.
    pub files: FilesDiff,
}

impl CatalogDiff {
    /// Returns whether there is no difference that anybody would notice.
    pub fn is_empty(&self) -> bool {
        self.databases.is_empty()
            && self.tables.is_empty()
            && self.functions.is_empty()
            && self.files.is_empty()
    }
}

/// What became of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    Created,
    Dropped,
    Changed,
}

impl Fate {
    /// Returns the word: `created`, `dropped`, `changed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Fate::Created => "created",
            Fate::Dropped => "dropped",
            Fate::Changed => "changed",
        }
    }
}

/// A database that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseDiff {
    pub name: String,
    pub fate: Fate,
    pub properties: Vec<PropertyChange>,
}

/// A function that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionDiff {
    pub database: String,
    pub name: String,
    pub fate: Fate,
}

/// A table that differs, in itself, its partitions or its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDiff {
    pub id: TableId,
    pub database: String,
    /// The name it has after; before, if it was dropped.
    pub name: String,
    pub fate: Fate,
    /// The database and the name that it had, if that changed.
    pub renamed_from: Option<(String, String)>,
    pub kind: TableKind,
    pub format: TableFormat,
    /// Whether its data lies outside of the repository, so that nothing is said of files.
    pub is_unversioned: bool,
    /// Whether it is an Iceberg table whose files are bound to one ref, so that it cannot be merged.
    pub is_bound_to_ref: bool,
    /// Columns and partition keys, in the order of the list after; dropped ones last.
    pub columns: Vec<ColumnChange>,
    pub properties: Vec<PropertyChange>,
    pub partitions: PartitionsDiff,
    /// All files of the table, those of its partitions among them.
    pub files: FilesDiff,
    /// How many rows came and went, where somebody counted: [`super::count_rows`].
    pub rows: Option<RowsDiff>,
}

/// A column or partition key that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnChange {
    /// The name it has after; before, if it was dropped.
    pub name: String,
    pub is_partition_key: bool,
    /// The type before; `None` for one that was added.
    pub type_before: Option<String>,
    /// The type after; `None` for one that was dropped.
    pub type_after: Option<String>,
    /// All that happened to it.
    pub kinds: Vec<ColumnChangeKind>,
}

/// What happened to a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnChangeKind {
    Added,
    Dropped,
    RenamedFrom(String),
    Retyped,
    /// The comment before and after.
    Comment(Option<String>, Option<String>),
    /// Its place among the columns that were there before.
    Moved,
}

/// A property of a database or table that differs: a field, or a parameter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PropertyChange {
    /// Such as `owner`, `location`, `parameter k`.
    pub name: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// The partitions that differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartitionsDiff {
    pub added: u64,
    pub dropped: u64,
    /// Their files differ, and nothing was removed.
    pub appended: u64,
    /// Files of theirs were removed or replaced.
    pub rewritten: u64,
    /// Only what is said of them differs.
    pub altered: u64,
    /// The first of them by name behind [`Limits::partitions_after`], at most [`Limits::partitions_max`].
    pub listed: Vec<PartitionDiff>,
    /// Whether there are more behind them.
    pub has_more: bool,
}

impl PartitionsDiff {
    /// Returns how many differ.
    pub fn count(&self) -> u64 {
        self.added + self.dropped + self.appended + self.rewritten + self.altered
    }
}

/// What became of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartitionFate {
    Added,
    Dropped,
    Appended,
    Rewritten,
    Altered,
}

impl PartitionFate {
    /// Returns the word: `added`, `dropped`, `appended`, `rewritten`, `altered`.
    pub fn as_str(self) -> &'static str {
        match self {
            PartitionFate::Added => "added",
            PartitionFate::Dropped => "dropped",
            PartitionFate::Appended => "appended",
            PartitionFate::Rewritten => "rewritten",
            PartitionFate::Altered => "altered",
        }
    }
}

/// A partition that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionDiff {
    pub name: String,
    pub fate: PartitionFate,
    /// Without paths, which the table lists.
    pub files: FilesDiff,
}

/// Data files that differ. Markers, hidden files and working files of jobs are left out.
///
/// A file that was replaced counts as removed and as added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilesDiff {
    pub added: u64,
    pub removed: u64,
    pub added_bytes: u64,
    pub removed_bytes: u64,
    /// The first of them, at most [`Limits::paths_max`].
    pub added_paths: Vec<String>,
    /// As `added_paths`.
    pub removed_paths: Vec<String>,
}

impl FilesDiff {
    /// Returns whether no file differs.
    pub fn is_empty(&self) -> bool {
        self.added == 0 && self.removed == 0
    }

    /// Returns whether the paths are all there are.
    pub fn lists_all(&self) -> bool {
        self.added == self.added_paths.len() as u64 && self.removed == self.removed_paths.len() as u64
    }
}

/// How many rows came and went with files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowsDiff {
    pub added: u64,
    pub removed: u64,
}
