//! Renaming partitions, and what hangs on their names.

use versioning::{KeyRange, Space};

use crate::draft::partitions::{AlterPartitions, ColumnMatcher};
use crate::draft::{Draft, FAST_STATISTICS};
use crate::keys::{self, StatsKey};
use crate::location::Location;
use crate::model::Partition;
use crate::snapshot::OpenTable;
use crate::{Error, Result, names};

impl Draft {
    /// Renames a partition: `partition` has the new values, and replaces it as [`Draft::alter_partitions`] does. The
    /// values it has already are taken, too.
    ///
    /// Its files are counted anew, unless the client says of them what was known before.
    ///
    /// A partition in its default folder moves to that of its new name. No bytes move: its objects keep their
    /// data. Otherwise the next partition of the old name would find them in its folder.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], [`Error::NoSuchPartition`], [`Error::PartitionExists`], [`Error::PartitionArity`];
    /// [`Error::NotAllowed`] as in [`Draft::add_partitions`].
    pub async fn rename_partition(
        &mut self,
        database: &str,
        table: &str,
        old_values: &[String],
        mut partition: Partition,
    ) -> Result<()> {
        let open = self.table(database, table).await?;
        let old = self
            .partition(&open, old_values)
            .await
            .map_err(|error| match error {
                Error::PartitionArity { values, .. } => open.no_such_partition(&values),
                other => other,
            })?;
        partition.name = names::partition_name(&open.key_names(), &partition.values)?;
        if self.find_partition(open.id, &partition.name).await?.is_some() {
            return Err(open.partition_exists(partition.values));
        }
        let how = AlterPartitions {
            keep_statistics: true,
        };
        self.settle_altered(&open, &old, &mut partition, &mut ColumnMatcher::new(&open), &how)
            .await?;
        let moves_folder = self.move_partition(&open, &old, &mut partition).await?;
        if is_counted_anew(&old, &partition) {
            // a folder of a plain warehouse moves when all is planned
            let lies = if moves_folder { &old } else { &partition };
            self.count_partition(open.place_of(lies), &mut partition, true)
                .await?;
        }
        self.change(|changes| changes.delete::<Partition>(keys::partition(open.id, &old.name)));
        self.put_partitions(&open, &[partition]);
        Ok(())
    }

    /// Moves what hangs on a partition's name: its default folder, if its data belongs to the table, and statistics.
    /// Returns whether a folder of a plain warehouse is to move.
    async fn move_partition(
        &mut self,
        open: &OpenTable,
        old: &Partition,
        new: &mut Partition,
    ) -> Result<bool> {
        let default = |partition: &Partition| open.partition_place(&partition.name, &Location::Default);
        let (from, to, told) = (default(old), default(new), open.place_of(new));
        if self.moves_partition_folder(open, old, &to).await? {
            set_location(new, Location::Default);
            self.move_statistics(open, &old.name, &new.name).await?;
            return Ok(true);
        }
        let stays = told.is_none() || told.as_ref() == Some(&from) || told.as_ref() == Some(&to);
        if stays && open.place_of(old).as_ref() == Some(&from) {
            match (from.object_prefix(), to.object_prefix()) {
                (Some(from), Some(to)) if open.owns_data() => {
                    self.move_objects(&from, &to).await?;
                    set_location(new, Location::Default);
                }
                _ => set_location(new, from.into()),
            }
        }
        self.move_statistics(open, &old.name, &new.name).await?;
        Ok(false)
    }

    async fn move_statistics(&mut self, open: &OpenTable, from: &str, to: &str) -> Result<()> {
        let mut found = Vec::new();
        let range = KeyRange::prefix(keys::partition_statistics(open.id, from));
        let mut scan = self.view().scan(Space::Stats, range);
        while let Some(entry) = scan.next().await? {
            if let Some(key) = StatsKey::decode(entry.key) {
                let key = StatsKey {
                    partition: Some(to),
                    ..key
                };
                found.push((key.encode(), entry.value()));
            }
        }
        self.change(|changes| {
            let prefix = keys::partition_statistics(open.id, from);
            changes.batch().delete_prefix(Space::Stats, prefix);
            for (key, value) in found {
                changes.batch().put(Space::Stats, key, value);
            }
        });
        Ok(())
    }
}

fn set_location(partition: &mut Partition, location: Location) {
    if let Some(storage) = &mut partition.storage {
        storage.location = Some(location);
    }
}

/// Returns whether the files of a renamed partition are counted: unless it says of each statistic what the old one does,
/// as the original decides it.
fn is_counted_anew(old: &Partition, new: &Partition) -> bool {
    FAST_STATISTICS.iter().any(|key| {
        let said = |partition: &Partition| partition.parameters.as_ref()?.get(*key).cloned();
        said(new).is_none() || said(new) != said(old)
    })
}
