//! What changes of the catalog do to data: deleting what belongs to a table, counting it, moving it.

use bytes::Bytes;
use versioning::{Batch, KeyRange, Space};

use crate::draft::Draft;
use crate::location::Place;
use crate::model::{DatabaseId, Location, Parameters, Table, TableEntry};
use crate::names::Pattern;
use crate::snapshot::{OpenTable, Snapshot};
use crate::warehouse::is_within;
use crate::{Result, is_data, keys};

/// Statistics of a folder that need no look at the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FolderStatistics {
    /// The number of data files.
    pub files: u64,
    pub bytes: u64,
}

/// Up to this many objects of a folder are looked at one by one, to leave out what is no data.
const LISTED_MAX: u64 = 1_000;

/// The parameters of [`FolderStatistics`].
pub const FAST_STATISTICS: [&str; 2] = ["numFiles", "totalSize"];

impl Snapshot {
    /// Returns how many data files lie below a place and how large they are. Hidden files and markers of
    /// folders do not count, unless there are so many objects that they are not looked at one by one.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub async fn folder_statistics(&self, place: &Place) -> Result<FolderStatistics> {
        let totals = self.objects_below(place).await?;
        let mut found = FolderStatistics {
            files: totals.count,
            bytes: totals.weight,
        };
        let Some(prefix) = place
            .object_prefix()
            .filter(|_| (1..=LISTED_MAX).contains(&totals.count))
        else {
            return Ok(found);
        };
        found = FolderStatistics::default();
        let mut scan = self.view().scan(Space::Objects, KeyRange::prefix(prefix.clone()));
        while let Some(entry) = scan.next().await? {
            if is_data(&entry.key[prefix.len()..]) {
                found.files += 1;
                found.bytes += entry.weight;
            }
        }
        Ok(found)
    }
}

impl Snapshot {
    /// Returns the places outside of the repository at which partitions lie that are not below their table's. It
    /// looks at all partitions.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub(crate) async fn places_apart(&self, open: &OpenTable) -> Result<Vec<Place>> {
        let mut places = Vec::new();
        if !open.is_partitioned() {
            return Ok(places);
        }
        let table = open.place();
        let is_below = |uri: &str| matches!(&table, Some(Place::External(table)) if is_within(uri, table));
        let mut scan = self.partitions(open.id);
        while let Some(partition) = scan.next().await? {
            let location = partition.location()?;
            let place = location.map(|location| open.partition_place(partition.name, &location));
            places.extend(place.filter(|place| matches!(place, Place::External(uri) if !is_below(uri))));
        }
        Ok(places)
    }

    /// Returns whether a managed table lies at a place, though not by default.
    ///
    /// The sums over entries of tables count those: databases without any are passed over.
    pub(super) async fn is_occupied(&self, place: &Place) -> Result<bool> {
        if self.displaced(keys::all_entries()).await? == 0 {
            return Ok(false);
        }
        for name in self.databases(&Pattern::all()).await? {
            if let Some(database) = self.find_database(&name).await?
                && self.is_occupied_from(database.id, place).await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn displaced(&self, entries: Bytes) -> Result<u64> {
        let totals = self.view().totals(Space::Meta, KeyRange::prefix(entries)).await?;
        Ok(totals.weight)
    }

    /// Returns whether a table of that database lies there. The walk ends behind the last that is displaced.
    async fn is_occupied_from(&self, database: DatabaseId, place: &Place) -> Result<bool> {
        let mut left = self.displaced(keys::entries(database)).await?;
        let mut scan = self
            .view()
            .scan(Space::Meta, KeyRange::prefix(keys::entries(database)));
        while left > 0
            && let Some(entry) = scan.next().await?
        {
            if entry.weight == 0 {
                continue;
            }
            left = left.saturating_sub(entry.weight);
            let (key, value) = (Bytes::copy_from_slice(entry.key), entry.value());
            let listed: TableEntry = self.records().load(&key, &value).await?;
            let table = self.find_table_by_id(listed.id).await?;
            let location = table.as_ref().and_then(Table::location);
            if location.is_some_and(|told| told.resolve(&Place::root(), "") == *place) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl FolderStatistics {
    /// Counts a file of a folder by the rest of its path there, unless it is hidden.
    pub fn add(&mut self, rest: &str, bytes: u64) {
        if is_data(rest.as_bytes()) {
            self.files += 1;
            self.bytes += bytes;
        }
    }

    pub(super) fn write(self, parameters: &mut Option<Parameters>) {
        let parameters = parameters.get_or_insert_default();
        parameters.insert(FAST_STATISTICS[0].to_owned(), self.files.to_string());
        parameters.insert(FAST_STATISTICS[1].to_owned(), self.bytes.to_string());
    }
}

impl Draft {
    /// Deletes all objects whose paths begin with `prefix`, which must not be empty.
    pub(super) fn delete_objects(&mut self, prefix: &str) {
        let prefix = Bytes::copy_from_slice(prefix.as_bytes());
        self.change(|changes| changes.batch().delete_prefix(Space::Objects, prefix));
    }

    /// Deletes the markers of empty folders below a place. Files stay: they may be those of a table that was renamed
    /// into another database, or of an external one.
    pub(super) async fn delete_markers(&mut self, place: &Place) -> Result<()> {
        let Some(prefix) = place.object_prefix() else {
            return Ok(());
        };
        let mut batch = Batch::default();
        let mut scan = self.view().scan(Space::Objects, KeyRange::prefix(prefix));
        let mut looked_at = 0;
        while let Some(entry) = scan.next().await?
            && looked_at < LISTED_MAX
        {
            looked_at += 1;
            if entry.key.ends_with(b"/") && entry.weight == 0 {
                batch.delete(Space::Objects, Bytes::copy_from_slice(entry.key));
            }
        }
        self.apply(batch);
        Ok(())
    }

    /// Deletes the data of a table and of its partitions, wherever in the repository or its plain warehouse it lies.
    pub(super) async fn delete_table_data(&mut self, open: &OpenTable) -> Result<()> {
        if self.folders.is_some() {
            let apart = self.places_apart(open).await?;
            for place in open.data_place().iter().chain(&apart) {
                if matches!(place, Place::External(_)) {
                    self.remove_data(place, None).await?;
                }
            }
        }
        let table = open.data_place().and_then(|place| place.object_prefix());
        let mut prefixes: Vec<String> = table.into_iter().collect();
        let base = open
            .partition_base
            .is_some()
            .then(|| open.partition_base().object_prefix())
            .flatten();
        if let Some(base) = base
            && open.is_partitioned()
        {
            prefixes.extend(self.default_partition_prefixes(open, &base).await?);
        }
        prefixes.extend(self.partitions_elsewhere(open).await?);
        for prefix in prefixes {
            self.delete_objects(&prefix);
        }
        Ok(())
    }

    /// Returns the prefixes of partitions that lie in their own folders below `base`, which is not the table's.
    async fn default_partition_prefixes(&self, open: &OpenTable, base: &str) -> Result<Vec<String>> {
        let mut prefixes = Vec::new();
        let mut scan = self.partitions(open.id);
        while let Some(partition) = scan.next().await? {
            if partition.location()? == Some(Location::Default) {
                prefixes.push(format!("{base}{}/", partition.name));
            }
        }
        Ok(prefixes)
    }

    /// Returns the prefixes of partitions that lie in folders of their own. Partitions say so in the sums of
    /// their tree, so that nothing is read where there are none.
    async fn partitions_elsewhere(&self, open: &OpenTable) -> Result<Vec<String>> {
        let range = KeyRange::prefix(keys::partitions(open.id));
        let mut prefixes = Vec::new();
        if self.view().totals(Space::Parts, range).await?.weight == 0 {
            return Ok(prefixes);
        }
        let mut scan = self.partitions(open.id);
        while let Some(partition) = scan.next().await? {
            if let Some(location @ Location::Rel(_)) = partition.location()? {
                prefixes.extend(open.partition_place(partition.name, &location).object_prefix());
            }
        }
        Ok(prefixes)
    }

    /// Moves all objects below one prefix to another. No bytes move: the objects keep their data.
    pub(super) async fn move_objects(&mut self, from: &str, to: &str) -> Result<()> {
        let mut batch = Batch::default();
        let mut scan = self.view().scan(
            Space::Objects,
            KeyRange::prefix(Bytes::copy_from_slice(from.as_bytes())),
        );
        while let Some(entry) = scan.next().await? {
            let key = [to.as_bytes(), &entry.key[from.len()..]].concat();
            batch.put(Space::Objects, key, entry.value());
            batch.delete(Space::Objects, Bytes::copy_from_slice(entry.key));
        }
        self.apply(batch);
        Ok(())
    }
}
