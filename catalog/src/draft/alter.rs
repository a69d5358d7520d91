//! Altering and renaming tables.

use std::sync::Arc;

use versioning::{KeyRange, Space};

use crate::columns::{check_changes, outdated_ids};
use crate::draft::data::FAST_STATISTICS;
use crate::draft::tables::{
    DO_NOT_UPDATE_STATISTICS, assign_ids, check_table_columns, columns_mut, settle_kind, takes_do_not_update,
};
use crate::draft::{Draft, LAST_DDL_TIME};
use crate::keys::{self, MetaKey};
use crate::layout::{METADATA_LOCATION as METADATA, check_layout};
use crate::location::{Location, ParameterValue, Place};
use crate::model::{ColumnId, Columns, Partition, Table, TableEntry, TableId, TableKind, TableStatistics};
use crate::names;
use crate::snapshot::OpenTable;
use crate::{Error, Result};

/// How a table is altered.
#[derive(Debug, Clone, Default)]
pub struct AlterTable {
    /// The database it moves to; `None` leaves it where it is.
    pub database: Option<String>,
    /// Whether its partitions get its new columns, too.
    pub cascade: bool,
    /// Whether columns may get types that those in their places cannot become.
    pub any_types: bool,
    /// Whether the client keeps the statistics of files itself.
    pub keep_statistics: bool,
    /// The value that a parameter has to have for the change to be made.
    pub expected: Option<(String, ParameterValue)>,
}

/// Says from which metadata a change was made.
const PREVIOUS_METADATA: &str = "previous_metadata_location";

impl Draft {
    /// Replaces a table. Its id, its time of creation and the ids of its columns stay; a new name renames it.
    ///
    /// Renaming moves no data: a table stays in its folder, unless the folder is empty.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], [`Error::NoSuchDatabase`] and [`Error::TableExists`] for the new name,
    /// [`Error::InvalidName`], [`Error::InvalidType`], [`Error::PartitionKeysChanged`],
    /// [`Error::IncompatibleTypes`]; [`Error::ParameterMismatch`] if it was changed meanwhile; [`Error::NotAllowed`]
    /// for one in the shared namespace that is none of Iceberg's.
    pub async fn alter_table(
        &mut self,
        database: &str,
        name: &str,
        mut table: Table,
        how: &AlterTable,
    ) -> Result<OpenTable> {
        let old = self.table(database, name).await?;
        check_expected(&old, &table, how.expected.as_ref())?;
        table.name = names::object_name("object", &table.name)?;
        let target = match &how.database {
            Some(database) => self.database(database).await?,
            None => old.database.clone(),
        };
        let is_renamed = (target.id, &table.name) != (old.database.id, &old.name);
        if is_renamed && self.find_entry(target.id, &table.name).await?.is_some() {
            return Err(Error::TableExists {
                database: target.name,
                table: table.name,
            });
        }
        settle_kind(&mut table);
        check_table_columns(&mut table)?;
        check_shape(&old, &table, how.any_types)?;
        carry_over(&old, &mut table, self.drawn_column_id());
        table.database = target.id;
        self.stamp(&mut table.parameters);
        let mut new = OpenTable {
            database: target,
            table,
        };
        self.place_altered_table(&old, &mut new, is_renamed).await?;
        check_layout(&new)?;
        let keep_statistics = takes_do_not_update(&mut new.table) || how.keep_statistics;
        if let Some(place) = new.countable_place().filter(|_| !keep_statistics && !is_renamed) {
            let found = self.count_files(&place).await?;
            if let Some(found) = found {
                found.write(&mut new.table.parameters);
            }
        }
        self.put_altered_table(&old, &new);
        self.follow_constraints(&old, &new).await?;
        self.follow_columns(&old, &new, how.cascade).await?;
        Ok(new)
    }

    /// Renames a table, or moves it to another database.
    ///
    /// # Errors
    /// As [`Draft::alter_table`].
    pub async fn rename_table(
        &mut self,
        database: &str,
        name: &str,
        new_database: &str,
        new_name: &str,
    ) -> Result<OpenTable> {
        let mut table = self.table(database, name).await?.table;
        new_name.clone_into(&mut table.name);
        let database_named = Some(new_database.to_owned());
        let how = AlterTable {
            database: database_named,
            keep_statistics: true,
            ..AlterTable::default()
        };
        self.alter_table(database, name, table, &how).await
    }

    fn put_altered_table(&mut self, old: &OpenTable, new: &OpenTable) {
        let (before, after) = (
            MetaKey::Entry(old.database.id, &old.name),
            MetaKey::Entry(new.database.id, &new.name),
        );
        self.change(|changes| {
            if before != after {
                changes.delete::<TableEntry>(before.encode());
            }
            if before != after || old.entry() != new.entry() {
                changes.put(after.encode(), &new.entry());
            }
            changes.put(MetaKey::Table(new.id).encode(), &new.table);
        });
    }

    /// Decides where an altered table lies. A location that is not given, or given as it was, stays.
    async fn place_altered_table(
        &mut self,
        old: &OpenTable,
        new: &mut OpenTable,
        is_renamed: bool,
    ) -> Result<()> {
        let Some(before) = old.place() else { return Ok(()) };
        let base = new.database.table_base(&new.kind);
        let given = match new.location() {
            None | Some(Location::Default) => None,
            Some(location) => {
                let place = self.qualified(location.resolve(&base, &new.name));
                Some(place).filter(|place| *place != before)
            }
        };
        let default = base.child(&new.name);
        let place = match given {
            None if is_renamed && self.moves_along(old, &before, &default).await? => default,
            None if is_renamed && self.moves_folder(old, new, &before, &default).await? => default,
            None => before.clone(),
            Some(place) => {
                self.keep_partitions_in_place(new, &before).await?;
                place
            }
        };
        let location = place.relative_to(&base, &new.table.name);
        if let Some(storage) = &mut new.table.storage {
            storage.location = Some(location);
        }
        if is_renamed {
            self.move_data_as_told(old, new).await?;
        }
        Ok(())
    }

    /// Moves the data of a managed table, where a client names a new folder for it along with the new name and
    /// trusts the server to move the data there, as Spark does for its own tables. Objects get other paths; no
    /// bytes move. Not done where something lies in the new folder already.
    async fn move_data_as_told(&mut self, old: &OpenTable, new: &mut OpenTable) -> Result<()> {
        let (Some(before), Some(after)) = (old.data_place(), new.data_place()) else {
            return Ok(());
        };
        if old.kind != TableKind::Managed || before == after || old.partition_base.is_some() {
            return Ok(());
        }
        if let (Some(from), Some(to)) = (before.object_prefix(), after.object_prefix())
            && self.objects_below(&after).await?.count == 0
        {
            self.move_objects(&from, &to).await?;
            // partitions that lie where they do by default come along
            new.table.partition_base = None;
            if old.place() == Some(before) {
                let base = new.database.table_base(&new.kind);
                let location = after.relative_to(&base, &new.table.name);
                new.table
                    .storage
                    .iter_mut()
                    .for_each(|storage| storage.location = Some(location.clone()));
            }
        }
        Ok(())
    }

    /// Returns whether a table that is renamed takes the default folder of its new name: a managed one that is in
    /// its default folder, which is empty, if no other lies in the new one.
    async fn moves_along(&self, old: &OpenTable, before: &Place, after: &Place) -> Result<bool> {
        let may = old.kind == TableKind::Managed
            && old.location() == Some(&Location::Default)
            && before.object_prefix().is_some();
        let is_empty = may && self.objects_below(before).await?.count == 0;
        Ok(is_empty && !self.is_occupied(after).await?)
    }

    /// The table moves on; the partitions that it has stay where they are.
    async fn keep_partitions_in_place(&self, new: &mut OpenTable, before: &Place) -> Result<()> {
        let has_partitions = new.is_partitioned() && self.count_partitions(new.id, "").await? > 0;
        if has_partitions && new.partition_base.is_none() {
            new.table.partition_base = Some(before.clone().into());
        }
        Ok(())
    }

    /// Drops statistics of columns that are others now, and gives new columns to partitions if that is asked for.
    async fn follow_columns(&mut self, old: &OpenTable, new: &OpenTable, cascade: bool) -> Result<()> {
        let (none, shared) = (
            Columns::default(),
            new.storage.as_ref().and_then(|new| new.columns.clone()),
        );
        let before = old.column_list().unwrap_or(&none);
        let outdated = outdated_ids(before, shared.as_deref().unwrap_or(&none));
        if !outdated.is_empty() {
            let prefix = keys::table_statistics(new.id);
            let prefix = if cascade { keys::statistics(new.id) } else { prefix };
            self.forget_columns(prefix, &outdated).await?;
        }
        match shared {
            Some(columns) if cascade && new.is_partitioned() => self.cascade(new.id, &columns).await,
            _ => Ok(()),
        }
    }

    async fn cascade(&mut self, table: TableId, columns: &Arc<Columns>) -> Result<()> {
        let mut partitions: Vec<Partition> = Vec::new();
        let mut scan = self.partitions(table);
        while let Some(partition) = scan.next().await? {
            let shared = self.shared(&partition.shared).await?;
            let mut partition = partition.to_partition(&shared)?;
            if let Some(storage) = &mut partition.storage
                && storage.columns.as_ref() != Some(columns)
            {
                storage.columns = Some(Arc::clone(columns));
                partitions.push(partition);
            }
        }
        self.change(|changes| {
            for partition in &partitions {
                changes.put(keys::partition(table, &partition.name), partition);
            }
        });
        Ok(())
    }

    /// Removes columns from all statistics whose keys begin with `prefix`.
    pub(super) async fn forget_columns(&mut self, prefix: bytes::Bytes, ids: &[ColumnId]) -> Result<()> {
        let mut changed = Vec::new();
        let mut scan = self.view().scan(Space::Stats, KeyRange::prefix(prefix));
        while let Some(entry) = scan.next().await? {
            let (key, value) = (bytes::Bytes::copy_from_slice(entry.key), entry.value());
            let mut statistics: TableStatistics = self.records().load(&key, &value).await?;
            let count = statistics.columns.len();
            statistics.columns.retain(|column| !ids.contains(&column.column));
            if statistics.columns.len() < count {
                changed.push((key, statistics));
            }
        }
        self.change(|changes| {
            for (key, statistics) in changed {
                if statistics.columns.is_empty() {
                    changes.delete::<TableStatistics>(key);
                } else {
                    changes.put(key, &statistics);
                }
            }
        });
        Ok(())
    }
}

/// Fails unless the table is as the client saw it when it planned its change.
fn check_expected(old: &Table, new: &Table, expected: Option<&(String, ParameterValue)>) -> Result<()> {
    if let Some((key, expected)) = expected {
        let actual = value_of(old, key);
        // the answer to the first try may have been lost: then all that was wanted is there
        let was_done = actual.is_some() && actual == value_of(new, key) && says_the_same(old, new);
        if actual.as_ref() != Some(expected) && !was_done {
            return Err(Error::ParameterMismatch {
                key: key.clone(),
                expected: expected.clone(),
                actual,
            });
        }
        return Ok(());
    }
    check_metadata(old, new)
}

/// Returns whether a client's table says nothing that the stored one does not; what the server sets is left aside.
fn says_the_same(old: &Table, new: &Table) -> bool {
    let is_set_here = |key: &str| {
        [LAST_DDL_TIME, DO_NOT_UPDATE_STATISTICS].contains(&key) || FAST_STATISTICS.contains(&key)
    };
    let is_there = |(key, value): (&String, &String)| {
        is_set_here(key) || old.parameters.as_ref().and_then(|stored| stored.get(key)) == Some(value)
    };
    new.parameters.iter().flatten().all(is_there) && new.locations == old.locations
}

/// Without an expectation, the metadata of an Iceberg table moves only if the client knew the present one: else a
/// client that keeps statistics would take back a commit of another (HIVE-26576).
fn check_metadata(old: &Table, new: &Table) -> Result<()> {
    let (actual, wanted) = (value_of(old, METADATA), value_of(new, METADATA));
    let Some(previous) = value_of(new, PREVIOUS_METADATA) else {
        return Ok(());
    };
    if actual.is_none() || actual == wanted || actual.as_ref() == Some(&previous) {
        return Ok(());
    }
    Err(Error::ParameterMismatch {
        key: METADATA.to_owned(),
        expected: previous,
        actual,
    })
}

fn value_of(table: &Table, key: &str) -> Option<ParameterValue> {
    let place = table
        .locations
        .get(key)
        .map(|location| location.resolve(&Place::root(), ""));
    let text = || {
        table
            .parameter(key)
            .map(|text| ParameterValue::Text(text.to_owned()))
    };
    place.map(ParameterValue::Place).or_else(text)
}

/// Fails if partition keys have other names or number, or columns types that those before cannot become. Views
/// may change as they like.
fn check_shape(old: &OpenTable, new: &Table, any_types: bool) -> Result<()> {
    if old.kind.is_view() {
        return Ok(());
    }
    if old.key_names() != new.key_names() {
        let (database, table) = (old.database.name.clone(), old.name.clone());
        return Err(Error::PartitionKeysChanged { database, table });
    }
    if any_types {
        Ok(())
    } else {
        check_changes(old.columns(), new.columns())
    }
}

/// Takes over from the old table what a client cannot change.
fn carry_over(old: &OpenTable, table: &mut Table, new_ids: u32) {
    table.id = old.id;
    table.created_s = old.created_s.or(table.created_s);
    table.partition_base = old.partition_base.clone();
    table.next_column_id = assign_ids(Some(old), table, new_ids);
    table.storage = table.storage.take().or_else(|| old.storage.clone());
    if columns_mut(table.storage.as_mut()).is_none()
        && let (Some(new), Some(old)) = (&mut table.storage, &old.storage)
    {
        new.columns = old.columns.clone();
    }
    table.privileges = table.privileges.take().or_else(|| old.privileges.clone());
    table.rest.creation = table.rest.creation.take().or_else(|| old.rest.creation.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iceberg(metadata: &str, previous: Option<&str>) -> Table {
        let mut table = Table::default();
        table
            .locations
            .insert(METADATA.into(), Location::Rel(metadata.into()));
        if let Some(previous) = previous {
            table
                .locations
                .insert(PREVIOUS_METADATA.into(), Location::Rel(previous.into()));
        }
        table
    }

    fn place(path: &str) -> ParameterValue {
        ParameterValue::Place(Place::Path(path.into()))
    }

    #[test]
    fn metadata_moves_only_from_what_the_client_knew() {
        let old = iceberg("2", Some("1"));
        for (what, new, expected, allowed) in [
            ("commit", iceberg("3", Some("2")), None, true),
            ("lost race", iceberg("3", Some("1")), None, false),
            ("stale statistics", iceberg("1", Some("0")), None, false),
            ("no change", iceberg("2", Some("1")), None, true),
            ("register", iceberg("9", None), None, true),
            ("compare and set", iceberg("3", Some("2")), Some("2"), true),
            (
                "compare and set, lost race",
                iceberg("3", Some("1")),
                Some("1"),
                false,
            ),
            ("compare and set again", iceberg("2", Some("1")), Some("1"), true),
        ] {
            let expected = expected.map(|path| (METADATA.to_owned(), place(path)));
            let found = check_expected(&old, &new, expected.as_ref());
            assert_eq!(found.is_ok(), allowed, "{what}: {found:?}");
            if let Err(Error::ParameterMismatch { actual, .. }) = found {
                assert_eq!(actual, Some(place("2")), "{what}");
            }
        }
    }
}
