//! The tables that differ, as each side has them, and which of their files have to be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::OpenTable;
use catalog::diff::{CatalogDiff, Fate, Limits, PartitionDiff, PartitionFate, TableDiff, diff};
use catalog::model::TableFormat;
use datafusion::arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use versioning::{RefExpr, Repository};

use super::columns::{Pair, Side, pairs};
use crate::engine::HandedIn;
use crate::error::{Error, Result};
use crate::iceberg::IcebergTable;
use crate::table::{FilesOf, FolderTable, Only};
use crate::version::{Part, Version};

/// Both versions, and what differs between them.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) before: Arc<Version>,
    pub(super) after: Arc<Version>,
    pub(super) diff: CatalogDiff,
}

/// A table of one side.
#[derive(Debug, Clone)]
struct Here {
    version: Arc<Version>,
    table: OpenTable,
}

/// A table as each side has it.
#[derive(Debug, Clone)]
pub(super) struct Sides {
    /// `database.table`.
    pub(super) name: String,
    before: Option<Here>,
    after: Option<Here>,
}

/// A partition whose data changed, or a table without partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// `None` for a whole table.
    pub(super) partition: Option<String>,
    pub(super) fate: &'static str,
    /// The files that changed of it; `None` where it is not there.
    pub(super) before: Option<FilesOf>,
    pub(super) after: Option<FilesOf>,
}

/// The changed paths of a table, on each side.
#[derive(Debug, Clone)]
struct Paths {
    before: FilesOf,
    after: FilesOf,
}

impl Paths {
    fn of(table: &TableDiff) -> Paths {
        let paths = |paths: &[String]| FilesOf::Paths(Arc::new(paths.iter().cloned().collect()));
        Paths {
            before: paths(&table.files.removed_paths),
            after: paths(&table.files.added_paths),
        }
    }
}

impl Compared {
    /// Compares two refs.
    pub(super) async fn open(
        repository: &Repository,
        (from, to): (&RefExpr, &RefExpr),
        limits: &Limits,
    ) -> Result<Compared> {
        let (before, after) = (repository.settled(from).await?, repository.settled(to).await?);
        let diff = diff(&before, &after, limits).await?;
        Ok(Compared {
            before: Arc::new(Version::of(repository, from, before, 0)?),
            after: Arc::new(Version::of(repository, to, after, 1)?),
            diff,
        })
    }

    /// Returns a table that differs, as each side has it.
    pub(super) async fn sides(&self, table: &TableDiff) -> Result<Sides> {
        Ok(Sides {
            name: format!("{}.{}", table.database, table.name),
            before: here(&self.before, table, Fate::Created).await?,
            after: here(&self.after, table, Fate::Dropped).await?,
        })
    }
}

/// Returns a table at a version, at which it is unless its fate was `absent`.
async fn here(version: &Arc<Version>, table: &TableDiff, absent: Fate) -> Result<Option<Here>> {
    if table.fate == absent {
        return Ok(None);
    }
    let table = version.table_by_id(table.id).await?;
    Ok(table.map(|table| Here {
        version: Arc::clone(version),
        table,
    }))
}

impl Here {
    /// Returns the table for reading; of one of folders `only` is read.
    async fn open(&self, name: &str, only: Option<Only>) -> Result<Arc<dyn TableProvider>> {
        let (name, version) = (name.to_owned(), Arc::clone(&self.version));
        if TableFormat::of(&self.table) == TableFormat::Iceberg {
            return Ok(Arc::new(IcebergTable::open(name, version, &self.table).await?));
        }
        let table = FolderTable::new(name, version, self.table.clone())?;
        Ok(match only {
            Some(only) => Arc::new(table.only(only)),
            None => Arc::new(table),
        })
    }
}

impl Sides {
    /// Returns this table as it is after, and another as it was before: for one that was dropped and made again.
    pub(super) fn after_and_before_of(self, other: Sides) -> Sides {
        Sides {
            before: other.before,
            ..self
        }
    }

    fn either(&self) -> Option<&OpenTable> {
        let either = self.after.as_ref().or(self.before.as_ref());
        either.map(|here| &here.table)
    }

    /// Whether it is read partition by partition.
    fn is_by_partition(&self) -> bool {
        let is_by = |table: &OpenTable| table.is_partitioned() && TableFormat::of(table) == TableFormat::Hive;
        self.either().is_some_and(is_by)
    }

    /// Whether the table lies elsewhere on the other side, or what it is made of is told by its own metadata.
    fn is_read_whole(&self) -> bool {
        let place = |here: &Option<Here>| here.as_ref().map(|here| here.table.data_place());
        let has_moved = place(&self.before) != place(&self.after);
        let is_other = |table: &OpenTable| TableFormat::of(table) != TableFormat::Hive;
        has_moved || self.either().is_some_and(is_other)
    }

    /// Returns what of the table's data changed: the listed partitions, or the table.
    pub(super) async fn units(&self, table: &TableDiff) -> Result<Vec<Unit>> {
        let paths = Paths::of(table);
        if !self.is_by_partition() {
            return Ok(self.whole(table, paths).into_iter().collect());
        }
        let mut scans = self.before.as_ref().zip(self.after.as_ref()).map(|(old, new)| {
            (
                old.version.partitions(&old.table, &[]),
                new.version.partitions(&new.table, &[]),
            )
        });
        let mut units = Vec::new();
        for partition in &table.partitions.listed {
            let has_moved = match &mut scans {
                Some((old, new)) if is_on_both(partition.fate) => {
                    let place = |part: Option<Part>| part.map(|part| part.place);
                    place(old.named(&partition.name).await?) != place(new.named(&partition.name).await?)
                }
                _ => false,
            };
            units.extend(unit_of(partition, has_moved, &paths));
        }
        Ok(units)
    }

    /// Returns the whole table as a unit, if its data changed.
    fn whole(&self, table: &TableDiff, paths: Paths) -> Option<Unit> {
        let is_all = table.fate != Fate::Changed || self.is_read_whole();
        if !is_all && table.files.is_empty() {
            return None;
        }
        let (before, after) = match is_all {
            true => (FilesOf::All, FilesOf::All),
            false => (paths.before, paths.after),
        };
        Some(Unit {
            partition: None,
            fate: table.fate.as_str(),
            before: self.before.is_some().then_some(before),
            after: self.after.is_some().then_some(after),
        })
    }

    /// Returns the columns of both sides.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a table that cannot be read.
    pub(super) async fn columns(&self) -> Result<Vec<Pair>> {
        let schema = async |here: &Option<Here>| match here {
            Some(here) => Ok::<_, Error>(Some(here.open(&self.name, None).await?.schema())),
            None => Ok(None),
        };
        let (before, after) = (schema(&self.before).await?, schema(&self.after).await?);
        Ok(pairs(
            side(self.before.as_ref(), before.as_deref()),
            side(self.after.as_ref(), after.as_deref()),
        ))
    }

    /// Returns the tables for a query, named `before` and `after`, as far as they are asked for.
    pub(super) async fn handed_in(&self, before: Option<Only>, after: Option<Only>) -> Result<Vec<HandedIn>> {
        let mut tables = Vec::new();
        for (name, here, only) in [("before", &self.before, before), ("after", &self.after, after)] {
            if let (Some(here), Some(only)) = (here, only) {
                tables.push(HandedIn {
                    name,
                    table: here.open(&self.name, Some(only)).await?,
                    version: Arc::clone(&here.version),
                });
            }
        }
        Ok(tables)
    }
}

fn side<'a>(here: Option<&'a Here>, schema: Option<&'a Schema>) -> Option<Side<'a>> {
    let (here, schema) = here.zip(schema)?;
    Some(Side {
        table: &here.table,
        schema,
    })
}

fn is_on_both(fate: PartitionFate) -> bool {
    !matches!(fate, PartitionFate::Added | PartitionFate::Dropped)
}

/// Returns what changed of a partition's data; `None` if only what is said of it did.
fn unit_of(partition: &PartitionDiff, has_moved: bool, paths: &Paths) -> Option<Unit> {
    let (before, after) = match partition.fate {
        PartitionFate::Added => (None, Some(FilesOf::All)),
        PartitionFate::Dropped => (Some(FilesOf::All), None),
        _ if has_moved => (Some(FilesOf::All), Some(FilesOf::All)),
        PartitionFate::Appended | PartitionFate::Rewritten => {
            (Some(paths.before.clone()), Some(paths.after.clone()))
        }
        PartitionFate::Altered => return None,
    };
    Some(Unit {
        partition: Some(partition.name.clone()),
        fate: partition.fate.as_str(),
        before,
        after,
    })
}

/// Returns what to read of one side of units that are all partitions, or one table.
pub(super) fn only<'a>(
    units: impl IntoIterator<Item = (Option<&'a String>, Option<&'a FilesOf>)>,
) -> Option<Only> {
    let mut partitions = BTreeMap::new();
    for (partition, files) in units {
        match (partition, files) {
            (_, None) => {}
            (None, Some(files)) => return Some(Only::Table(files.clone())),
            (Some(name), Some(files)) => {
                partitions.insert(name.clone(), files.clone());
            }
        }
    }
    (!partitions.is_empty()).then_some(Only::Partitions(partitions))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use catalog::diff::FilesDiff;

    use super::*;

    #[test]
    fn what_changed_is_what_is_read() {
        let some = |path: &str| FilesOf::Paths(Arc::new(HashSet::from([path.to_owned()])));
        let paths = Paths {
            before: some("old"),
            after: some("new"),
        };
        let all = || Some(FilesOf::All);
        for (fate, has_moved, expected) in [
            (PartitionFate::Added, false, Some((None, all()))),
            (PartitionFate::Dropped, false, Some((all(), None))),
            (
                PartitionFate::Appended,
                false,
                Some((Some(some("old")), Some(some("new")))),
            ),
            (PartitionFate::Rewritten, true, Some((all(), all()))),
            (PartitionFate::Altered, true, Some((all(), all()))),
            (PartitionFate::Altered, false, None),
        ] {
            let partition = PartitionDiff {
                name: "dt=1".into(),
                fate,
                files: FilesDiff::default(),
            };
            let unit = unit_of(&partition, has_moved, &paths).map(|unit| (unit.before, unit.after));
            assert_eq!(unit, expected, "{fate:?} {has_moved}");
        }
    }
}
