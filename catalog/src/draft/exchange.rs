//! Exchanging partitions: they leave one table for another with their data.

use crate::draft::{AddPartitions, Draft};
use crate::location::Place;
use crate::model::{Column, Location, Partition, Storage};
use crate::snapshot::OpenTable;
use crate::warehouse::FolderChange;
use crate::{Error, Result};

impl Draft {
    /// Moves the partitions with these first values from one table to another of the same columns, and returns
    /// them as they are there. An empty value, and all behind it, is any. No bytes move: the objects keep their
    /// data and get other paths. In a plain warehouse folders move, if nothing else may need them.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`]; [`Error::NoSuchPartition`] if there is none; [`Error::PartitionExists`];
    /// [`Error::NotAllowed`] for tables that do not fit, partitions that lie elsewhere, and folders in use.
    pub async fn exchange_partitions(
        &mut self,
        (from_database, from_table): (&str, &str),
        (to_database, to_table): (&str, &str),
        values: &[String],
    ) -> Result<Vec<Partition>> {
        let from = self.table(from_database, from_table).await?;
        let to = self.table(to_database, to_table).await?;
        if !is_alike(from.columns(), to.columns()) || !is_alike(from.keys(), to.keys()) {
            return Err(refused("the tables have different columns or partition keys"));
        }
        let first = values.iter().position(String::is_empty).unwrap_or(values.len());
        if first == 0 || values[first..].iter().any(|value| !value.is_empty()) {
            return Err(refused("the values do not name the first of the partition keys"));
        }
        let found = self.matching(&from, values).await?;
        if found.is_empty() {
            return Err(from.no_such_partition(values));
        }
        let mut moves = Vec::with_capacity(found.len());
        for partition in &found {
            moves.push(self.check_move(&from, &to, partition).await?);
        }
        let how = AddPartitions {
            keep_statistics: true,
            keep_created: true,
            ..AddPartitions::default()
        };
        let there = found.iter().map(there).collect();
        let added = self.add_partitions(to_database, to_table, there, &how).await?;
        for planned in moves {
            match planned {
                Move::Objects { from, to } => self.move_objects(&from, &to).await?,
                Move::Folder { from, to } => self.plan_folder(FolderChange::Move { from, to }),
            }
        }
        let names: Vec<String> = found.into_iter().map(|partition| partition.name).collect();
        self.drop_partitions(from_database, from_table, &names, false, true)
            .await?;
        Ok(added)
    }

    async fn matching(&self, open: &OpenTable, values: &[String]) -> Result<Vec<Partition>> {
        let mut found = Vec::new();
        let mut scan = self.partitions_matching(open, values)?;
        while let Some(row) = scan.next().await? {
            let shared = self.shared(&row.shared).await?;
            found.push(row.to_partition(&shared)?);
        }
        Ok(found)
    }

    /// Returns from where to where the data of a partition goes.
    async fn check_move(&self, from: &OpenTable, to: &OpenTable, partition: &Partition) -> Result<Move> {
        let before = from.place_of(partition);
        let after = to.place().map(|place| place.child(&partition.name));
        if before != from.place().map(|place| place.child(&partition.name)) {
            return Err(refused("a partition lies elsewhere than in its table's folder"));
        }
        let (Some(before), Some(after)) = (before, after) else {
            return Err(refused("a table has no place"));
        };
        if let (Some(from), Some(to)) = (self.plain_uri(&before), self.plain_uri(&after)) {
            return self.check_folder_move(&before, from, to).await;
        }
        let (Some(from), Some(to)) = (before.object_prefix(), after.object_prefix()) else {
            return Err(refused("the data is not versioned here"));
        };
        if self.objects_below(&after).await?.count > 0 {
            return Err(refused(
                "there is data in a folder that a partition would move to",
            ));
        }
        Ok(Move::Objects { from, to })
    }

    async fn check_folder_move(&self, before: &Place, from: String, to: String) -> Result<Move> {
        if !self.may_empty(before).await? {
            return Err(refused(
                "the data is not versioned, and other versions may need it",
            ));
        }
        if !self.has_folder(&from).await? {
            return Err(refused("a partition has no folder"));
        }
        if self.has_folder(&to).await? {
            return Err(refused("there is a folder where a partition would move to"));
        }
        Ok(Move::Folder { from, to })
    }
}

/// What happens to the data of a partition.
enum Move {
    /// Objects of the repository get other paths.
    Objects { from: String, to: String },
    /// A folder of a plain warehouse is moved.
    Folder { from: String, to: String },
}

/// Returns a partition as it is added to the other table: in the folder that it has there by default.
fn there(partition: &Partition) -> Partition {
    let storage = |storage: &Storage| Storage {
        location: Some(Location::Default),
        ..storage.clone()
    };
    Partition {
        storage: partition.storage.as_ref().map(storage),
        ..partition.clone()
    }
}

/// Returns whether columns have the same names and types, whatever their ids and comments.
fn is_alike(a: &[Column], b: &[Column]) -> bool {
    let same = |(a, b): (&Column, &Column)| (&a.name, &a.type_name) == (&b.name, &b.type_name);
    a.len() == b.len() && a.iter().zip(b).all(same)
}

fn refused(reason: &str) -> Error {
    Error::NotAllowed {
        operation: "an exchange of partitions",
        reason: reason.to_owned(),
    }
}
