//! Renames in a plain warehouse: what lies by default below a name moves with it, unless something else may need it.

use crate::draft::Draft;
use crate::keys;
use crate::location::{Location, Place};
use crate::model::{Partition, TableId, TableKind};
use crate::snapshot::OpenTable;
use crate::warehouse::{FolderChange, below};
use crate::{Error, Result};

impl Draft {
    /// Moves the folder of a managed table that lies by default in a plain warehouse to the default place of its new
    /// name, with those of its partitions that lie below it. Returns whether it did: nothing else may need it.
    pub(super) async fn moves_folder(
        &mut self,
        old: &OpenTable,
        new: &OpenTable,
        before: &Place,
        after: &Place,
    ) -> Result<bool> {
        let may = old.kind == TableKind::Managed && old.location() == Some(&Location::Default);
        let (Some(from), Some(to)) = (self.plain_uri(before), self.plain_uri(after)) else {
            return Ok(false);
        };
        if !may || !self.may_empty(before).await? {
            return Ok(false);
        }
        if self.has_folder(&to).await? {
            return Err(Error::NotAllowed {
                operation: "the rename",
                reason: format!(
                    "New location for this table hive.{}.{} already exists : {to}",
                    new.database.name, new.name
                ),
            });
        }
        if new.is_partitioned() {
            self.move_partitions_along(old.id, &from, &to).await?;
        }
        if self.has_folder(&from).await? {
            self.plan_folder(FolderChange::Move { from, to });
        }
        Ok(true)
    }

    /// Rewrites the locations of partitions that lie below a folder that moves.
    async fn move_partitions_along(&mut self, table: TableId, from: &str, to: &str) -> Result<()> {
        let mut moved: Vec<Partition> = Vec::new();
        let mut scan = self.partitions(table);
        while let Some(partition) = scan.next().await? {
            let Some(Location::External(uri)) = partition.location()? else {
                continue;
            };
            let Some(rest) = below(&uri, from) else {
                continue;
            };
            let shared = self.shared(&partition.shared).await?;
            let mut partition = partition.to_partition(&shared)?;
            if let Some(storage) = &mut partition.storage {
                storage.location = Some(Location::External(format!("{to}{rest}")));
                moved.push(partition);
            }
        }
        self.change(|changes| {
            for partition in &moved {
                changes.put(keys::partition(table, &partition.name), partition);
            }
        });
        Ok(())
    }

    /// Moves the folder of a partition of a managed table in a plain warehouse, wherever it lies, as the original does. Returns whether the partition lies in
    /// its new place then: nothing else may need the old one.
    pub(super) async fn moves_partition_folder(
        &mut self,
        open: &OpenTable,
        old: &Partition,
        after: &Place,
    ) -> Result<bool> {
        let before = open.place_of(old).filter(|_| open.kind == TableKind::Managed);
        let Some((before, (from, to))) = before.and_then(|before| {
            let uris = self.plain_uri(&before).zip(self.plain_uri(after))?;
            Some((before, uris))
        }) else {
            return Ok(false);
        };
        if !self.may_empty(&before).await? {
            return Ok(false);
        }
        if self.has_folder(&to).await? {
            return Err(Error::NotAllowed {
                operation: "the rename",
                reason: format!(
                    "New location for this table {}.{} already exists : {to}",
                    open.database.name, open.name
                ),
            });
        }
        if self.has_folder(&from).await? {
            self.plan_folder(FolderChange::Move { from, to });
        }
        Ok(true)
    }
}
