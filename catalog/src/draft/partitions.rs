//! Adding, altering and dropping partitions.

use std::collections::HashSet;
use std::sync::Arc;

use versioning::Space;

use crate::columns::{keep_ids, match_ids};
use crate::draft::Draft;
use crate::draft::tables::columns_mut;
use crate::keys;
use crate::layout::check_partition_layout;
use crate::location::{Location, Place, hadoop_uri};
use crate::model::{Columns, Partition, Storage, Table};
use crate::names;
use crate::snapshot::OpenTable;
use crate::warehouse::is_within;
use crate::{Error, Result};

/// How partitions are added.
#[derive(Debug, Clone, Default)]
pub struct AddPartitions {
    /// Whether those that are there already are left out, instead of failing.
    pub if_not_exists: bool,
    /// Whether the client keeps the statistics of files itself.
    pub keep_statistics: bool,
    /// Whether they were made at the time that they say, as those that come from another table.
    pub keep_created: bool,
}

/// How partitions are altered.
#[derive(Debug, Clone, Default)]
pub struct AlterPartitions {
    /// Whether the client keeps the statistics of files itself.
    pub keep_statistics: bool,
}

impl Draft {
    /// Adds partitions, all or none, and returns those that were added. Their names follow from their values.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], [`Error::PartitionArity`], [`Error::InvalidPartitionValue`],
    /// [`Error::DuplicatePartition`] within the list, [`Error::PartitionExists`]; [`Error::NotAllowed`] for one in the
    /// shared namespace, if the table is none of Iceberg's.
    pub async fn add_partitions(
        &mut self,
        database: &str,
        table: &str,
        partitions: Vec<Partition>,
        how: &AddPartitions,
    ) -> Result<Vec<Partition>> {
        let open = self.table(database, table).await?;
        let key_names = open.key_names();
        let mut matcher = ColumnMatcher::new(&open);
        let mut names = HashSet::new();
        let mut added = Vec::with_capacity(partitions.len());
        for mut partition in partitions {
            partition.name = names::partition_name(&key_names, &partition.values)?;
            if !names.insert(partition.name.clone()) {
                return Err(Error::DuplicatePartition {
                    values: partition.values,
                });
            }
            let key = keys::partition(open.id, &partition.name);
            if self.view().get(Space::Parts, &key).await?.is_some() {
                if how.if_not_exists {
                    continue;
                }
                return Err(open.partition_exists(partition.values));
            }
            if open.location().is_none() && partition.storage.as_ref().is_some_and(|it| it.location.is_some())
            {
                return Err(open.partition_of_a_view("specify location for a partition of"));
            }
            matcher.settle(partition.storage.as_mut());
            self.qualify_storage(partition.storage.as_mut());
            place_partition(&open, &mut partition, None)?;
            let created_s = partition.created_s.filter(|_| how.keep_created);
            partition.created_s = created_s.or(Some(self.now_s));
            partition.accessed_s.get_or_insert(0);
            self.stamp(&mut partition.parameters);
            if !how.keep_statistics {
                self.count_partition(open.place_of(&partition), &mut partition, false)
                    .await?;
            }
            added.push(partition);
        }
        self.put_partitions(&open, &added);
        Ok(added)
    }

    /// Returns a partition with these values that is stored as the table is, for [`Draft::add_partitions`].
    pub fn partition_like(open: &OpenTable, values: Vec<String>) -> Partition {
        let like = |storage: &Storage| Storage {
            columns: storage.columns.clone(),
            template: Arc::clone(&storage.template),
            skew_locations: None,
            ..Storage::default()
        };
        Partition {
            values,
            storage: open.storage.as_ref().map(like),
            ..Partition::default()
        }
    }

    /// Replaces partitions, which their values name, all or none. Their times of creation stay if none are given.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], [`Error::NoSuchPartition`]; [`Error::NotAllowed`] as in [`Draft::add_partitions`].
    pub async fn alter_partitions(
        &mut self,
        database: &str,
        table: &str,
        partitions: Vec<Partition>,
        how: &AlterPartitions,
    ) -> Result<()> {
        let open = self.table(database, table).await?;
        let mut matcher = ColumnMatcher::new(&open);
        let mut altered = Vec::with_capacity(partitions.len());
        for mut partition in partitions {
            let old = self.partition(&open, &partition.values).await?;
            partition.name.clone_from(&old.name);
            self.settle_altered(&open, &old, &mut partition, &mut matcher, how)
                .await?;
            altered.push(partition);
        }
        self.put_partitions(&open, &altered);
        Ok(())
    }

    pub(super) async fn settle_altered(
        &self,
        open: &OpenTable,
        old: &Partition,
        partition: &mut Partition,
        matcher: &mut ColumnMatcher,
        how: &AlterPartitions,
    ) -> Result<()> {
        matcher.settle(partition.storage.as_mut());
        keep_columns(old.storage.as_ref(), partition.storage.as_mut());
        self.qualify_storage(partition.storage.as_mut());
        place_partition(open, partition, Some(old))?;
        partition.created_s = partition.created_s.filter(|time| *time != 0).or(old.created_s);
        partition.privileges = partition.privileges.take().or_else(|| old.privileges.clone());
        self.stamp(&mut partition.parameters);
        if how.keep_statistics {
            return Ok(());
        }
        self.count_partition(open.place_of(partition), partition, true)
            .await
    }

    /// Drops the named partitions, all or none; with `delete_data` also their data, if it belongs to the table.
    /// Names that are not there are left out if `if_exists`. Returns those that were dropped.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`]; [`Error::MissingPartitions`].
    pub async fn drop_partitions(
        &mut self,
        database: &str,
        table: &str,
        names: &[String],
        delete_data: bool,
        if_exists: bool,
    ) -> Result<Vec<Partition>> {
        let open = self.table(database, table).await?;
        let mut dropped: Vec<Partition> = Vec::with_capacity(names.len());
        let mut missing = Vec::new();
        let mut seen = HashSet::new();
        for name in names.iter().filter(|name| seen.insert(name.as_str())) {
            match self.find_partition(open.id, name).await? {
                Some(partition) => dropped.push(partition),
                None => missing.push(name),
            }
        }
        if let (Some(example), false) = (missing.first(), if_exists) {
            return Err(open.missing_partitions(missing.len(), example));
        }
        self.purge_if_told(&open);
        let deletes = delete_data && open.owns_data();
        let (base, mut prefixes) = (open.place(), Vec::new());
        let gone = dropped.iter().filter(|_| deletes);
        for place in gone.filter_map(|partition| open.removed_place(partition)) {
            match place.object_prefix() {
                Some(prefix) => prefixes.push(prefix),
                None => self.remove_data(&place, base.as_ref()).await?,
            }
        }
        self.change(|changes| {
            for partition in &dropped {
                changes.delete::<Partition>(keys::partition(open.id, &partition.name));
                let statistics = keys::partition_statistics(open.id, &partition.name);
                changes.batch().delete_prefix(Space::Stats, statistics);
            }
            for prefix in prefixes {
                changes.batch().delete_prefix(Space::Objects, prefix);
            }
        });
        Ok(dropped)
    }

    pub(super) async fn named_partition(&self, open: &OpenTable, name: &str) -> Result<Partition> {
        let found = self.find_partition(open.id, name).await?;
        found.ok_or_else(|| open.missing_partitions(1, name))
    }

    pub(super) fn put_partitions(&mut self, open: &OpenTable, partitions: &[Partition]) {
        self.change(|changes| {
            for partition in partitions {
                changes.put(keys::partition(open.id, &partition.name), partition);
            }
        });
    }

    /// States how many files a partition has whose files are at `place`: always, or only if there are any and the
    /// client said nothing.
    pub(super) async fn count_partition(
        &self,
        place: Option<Place>,
        partition: &mut Partition,
        always: bool,
    ) -> Result<()> {
        let Some(place) = place else {
            return Ok(());
        };
        let found = self.count_files(&place).await?;
        if let Some(found) = found.filter(|found| always || found.files > 0) {
            found.write(&mut partition.parameters);
        }
        Ok(())
    }
}

/// Decides where a partition lies. One that is not told keeps its place; a new one lies below the table as it is
/// now, which is not where the default locations of older ones start if the table has moved.
fn place_partition(open: &OpenTable, partition: &mut Partition, old: Option<&Partition>) -> Result<()> {
    let before = old.and_then(|old| old.storage.as_ref()?.location.clone());
    let Some(storage) = &mut partition.storage else {
        return Ok(());
    };
    let place = match storage.location.take().or(before) {
        Some(told) if old.is_some() || told != Location::Default => {
            Some(open.partition_place(&partition.name, &told))
        }
        _ => open.place().map(|table| table.child(&partition.name)),
    };
    check_partition_layout(open, &partition.name, place.as_ref())?;
    let base = open.partition_base();
    storage.location = place.map(|place| place.relative_to(&base, &partition.name));
    Ok(())
}

impl OpenTable {
    /// Fails for a table to which no partition can be added that is stored as the table is.
    ///
    /// # Errors
    /// [`Error::NotPartitioned`]; [`Error::NotAllowed`] for a view, which has no place below which it could lie.
    pub fn check_appendable(&self) -> Result<()> {
        if !self.is_partitioned() {
            let (database, table) = (self.database.name.clone(), self.name.clone());
            return Err(Error::NotPartitioned { database, table });
        }
        match self.location() {
            Some(_) => Ok(()),
            None => Err(self.partition_of_a_view("append a partition to")),
        }
    }

    fn partition_of_a_view(&self, what: &'static str) -> Error {
        Error::NotAllowed {
            operation: what,
            reason: format!("{}.{} is a view", self.database.name, self.name),
        }
    }

    /// Returns the place that goes with a partition. That of an archived one is where it lay before.
    fn removed_place(&self, partition: &Partition) -> Option<Place> {
        let place = self.place_of(partition);
        let said = |key: &str| partition.parameters.as_ref()?.get(key);
        let archived =
            said("original_location").filter(|_| said("is_archived").is_some_and(|it| it == "true"));
        match (archived, self.place(), place) {
            (Some(uri), Some(Place::External(table)), Some(Place::External(_)))
                if is_within(&hadoop_uri(uri), &table) =>
            {
                Some(Place::External(hadoop_uri(uri)))
            }
            (_, _, place) => place,
        }
    }

    pub(super) fn partition_exists(&self, values: Vec<String>) -> Error {
        let (database, table) = (self.database.name.clone(), self.name.clone());
        Error::PartitionExists {
            database,
            table,
            values,
        }
    }

    fn missing_partitions(&self, count: usize, example: &str) -> Error {
        let (database, table) = (self.database.name.clone(), self.name.clone());
        Error::MissingPartitions {
            database,
            table,
            count,
            example: example.to_owned(),
        }
    }
}

/// Gives the columns of an altered partition the ids that they had.
fn keep_columns(old: Option<&Storage>, storage: Option<&mut Storage>) {
    let Some(old) = old.and_then(|old| old.columns.as_ref()) else {
        return;
    };
    if let Some(storage) = storage
        && storage.columns.as_ref().is_some_and(|columns| columns != old)
        && let Some(columns) = columns_mut(Some(storage))
    {
        keep_ids(&old.0, &mut columns.0);
    }
}

/// Lower-cases the columns of partitions and gives them the table's ids. Partitions of one list mostly have
/// the same columns, so what was found is kept.
pub(super) struct ColumnMatcher {
    table: Arc<Columns>,
    last: Option<(Arc<Columns>, Arc<Columns>)>,
}

impl ColumnMatcher {
    pub(super) fn new(table: &Table) -> ColumnMatcher {
        let columns = table.storage.as_ref().and_then(|storage| storage.columns.clone());
        ColumnMatcher {
            table: columns.unwrap_or_default(),
            last: None,
        }
    }

    fn settle(&mut self, storage: Option<&mut Storage>) {
        let Some(given) = storage.as_ref().and_then(|storage| storage.columns.clone()) else {
            return;
        };
        let Some(storage) = storage else { return };
        if let Some((_, settled)) = self.last.as_ref().filter(|(last, _)| *last == given) {
            storage.columns = Some(Arc::clone(settled));
            return;
        }
        if let Some(columns) = columns_mut(Some(storage)) {
            for column in &mut columns.0 {
                column.name = column.name.to_lowercase();
            }
            match_ids(&self.table.0, &mut columns.0);
        }
        if storage.columns.as_deref() == Some(&self.table) {
            storage.columns = Some(Arc::clone(&self.table));
        }
        self.last = storage.columns.clone().map(|settled| (given, settled));
    }
}
