//! Looks up what may have changed on both sides, and says what did.

use std::collections::BTreeMap;

use super::keys::Sides;
use super::{Change, Keys, StoredPartition};
use crate::Result;
use crate::keys::{self, MetaKey};
use crate::model::{Database, DatabaseId, Function, Table, TableId};
use crate::records::Record;
use crate::snapshot::{OpenTable, Snapshot};

pub(super) struct Walk<'a> {
    pub(super) before: &'a Snapshot,
    pub(super) after: &'a Snapshot,
    pub(super) keys: Keys,
    near: &'a str,
    known: BTreeMap<(bool, DatabaseId), Option<Database>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(before: &'a Snapshot, after: &'a Snapshot, keys: Keys, near: &'a str) -> Walk<'a> {
        Walk {
            before,
            after,
            keys,
            near,
            known: BTreeMap::new(),
        }
    }

    /// Looks at everything: what is made comes before what stands in it, and what goes comes after.
    pub(super) async fn run(mut self) -> Result<Vec<Change>> {
        let databases = self.databases().await?;
        let gone = |change: &Change| matches!(change, Change::Database { after: None, .. });
        let (dropped, mut changes): (Vec<_>, Vec<_>) = databases.into_iter().partition(gone);
        let (lost, added) = self.constraints().await?;
        changes.extend(lost);
        changes.extend(self.tables().await?);
        changes.extend(self.partitions().await?);
        changes.extend(added);
        changes.extend(self.statistics().await?);
        changes.extend(self.functions().await?);
        let of_dropped = |database: &str| {
            dropped.iter().any(|change| {
                matches!(change, Change::Database { before: Some(gone), .. } if gone.name == database)
            })
        };
        // what goes with its database is not told one by one
        changes.retain(|change| match change {
            Change::Table {
                before: Some(it),
                after: None,
            } => !of_dropped(&it.database.name),
            Change::Function {
                database,
                after: None,
                ..
            } => !of_dropped(database),
            _ => true,
        });
        changes.extend(dropped);
        Ok(changes)
    }

    pub(super) async fn pair<T: Record + PartialEq>(
        &self,
        key: &[u8],
    ) -> Result<Option<(Option<T>, Option<T>)>> {
        let before: Option<T> = self.before.get(key).await?;
        let after: Option<T> = self.after.get(key).await?;
        Ok((before != after).then_some((before, after)))
    }

    async fn databases(&mut self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for name in std::mem::take(&mut self.keys.databases) {
            if let Some((before, after)) = self.pair::<Database>(&MetaKey::Database(&name).encode()).await? {
                for (is_after, database) in [(false, &before), (true, &after)] {
                    if let Some(database) = database {
                        self.known.insert((is_after, database.id), Some(database.clone()));
                    }
                }
                changes.push(Change::Database { before, after });
            }
        }
        Ok(changes)
    }

    async fn database(&mut self, is_after: bool, id: DatabaseId) -> Result<Option<Database>> {
        if let Some(known) = self.known.get(&(is_after, id)) {
            return Ok(known.clone());
        }
        let snapshot = if is_after { self.after } else { self.before };
        let near = snapshot.find_database(self.near).await?;
        let found = match near.filter(|database| database.id == id) {
            Some(found) => Some(found),
            None => snapshot.find_database_by_id(id).await?,
        };
        self.known.insert((is_after, id), found.clone());
        Ok(found)
    }

    async fn open(&mut self, is_after: bool, table: Option<Table>) -> Result<Option<OpenTable>> {
        let Some(table) = table else { return Ok(None) };
        let database = self.database(is_after, table.database).await?;
        Ok(database.map(|database| OpenTable { database, table }))
    }

    /// Returns a table as it was before or is after, with its database; `None` if it is not there.
    pub(super) async fn table(&mut self, is_after: bool, id: TableId) -> Result<Option<OpenTable>> {
        let snapshot = if is_after { self.after } else { self.before };
        let table = snapshot.find_table_by_id(id).await?;
        self.open(is_after, table).await
    }

    async fn tables(&mut self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for id in std::mem::take(&mut self.keys.tables) {
            let key = MetaKey::Table(id).encode();
            let (before, after) = match self.pair::<Table>(&key).await? {
                Some(pair) => pair,
                None if self.keys.crowded.contains(&id) => {
                    let table: Option<Table> = self.after.get(&key).await?;
                    (table.clone(), table)
                }
                None => continue,
            };
            if after.is_none() {
                self.keys.partitions.remove(&id);
            }
            let (before, after) = (self.open(false, before).await?, self.open(true, after).await?);
            changes.push(Change::Table { before, after });
        }
        Ok(changes)
    }

    async fn functions(&mut self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for (id, name) in std::mem::take(&mut self.keys.functions) {
            let Some((before, after)) = self
                .pair::<Function>(&MetaKey::Function(id, &name).encode())
                .await?
            else {
                continue;
            };
            let database = match self.database(true, id).await? {
                Some(database) => Some(database),
                None => self.database(false, id).await?,
            };
            if let Some(Database { name: database, .. }) = database {
                changes.push(Change::Function {
                    database,
                    before,
                    after,
                });
            }
        }
        Ok(changes)
    }

    /// Returns a partition as it was before and as it is after.
    async fn partition(
        &self,
        key: &[u8],
        sides: Sides,
    ) -> Result<(Option<StoredPartition>, Option<StoredPartition>)> {
        match sides {
            Sides::Unread => Ok((
                StoredPartition::find(self.before, key).await?,
                StoredPartition::find(self.after, key).await?,
            )),
            Sides::Met { before, after } => Ok((
                StoredPartition::load(self.before, key, before).await?,
                StoredPartition::load(self.after, key, after).await?,
            )),
        }
    }

    async fn partitions(&mut self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for (id, names) in std::mem::take(&mut self.keys.partitions) {
            let Some(table) = self.table(true, id).await? else {
                continue;
            };
            let (mut added, mut altered, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
            for (name, sides) in names {
                match self.partition(&keys::partition(id, &name), sides).await? {
                    (None, Some(after)) => added.push(after),
                    (Some(before), Some(after)) if before != after => altered.push((before, after)),
                    (Some(before), None) => dropped.push(before),
                    _ => {}
                }
            }
            if !(added.is_empty() && altered.is_empty() && dropped.is_empty()) {
                changes.push(Change::Partitions {
                    table,
                    added,
                    altered,
                    dropped,
                });
            }
        }
        Ok(changes)
    }
}
