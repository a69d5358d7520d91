//! The catalog at one version, read-only.

use std::ops::Deref;

use bytes::Bytes;
use versioning::tree::Totals;
use versioning::{KeyRange, Space, View};

use crate::codec::Shared;
use crate::keys::{self, MetaKey, StatsKey};
use crate::location::{Location, Place};
use crate::model::{
    Constraint, ConstraintKind, Database, DatabaseId, Function, Parameters, Partition, PrincipalKind, Table,
    TableEntry, TableId, TableKind, TableStatistics,
};
use crate::names::{self, Pattern};
use crate::partitions::{PartitionScan, plan_match};
use crate::records::{Record, Records, SharedCache, SharedRefs};
use crate::{Error, Result};

/// The database that is always there.
pub const DEFAULT_DATABASE: &str = "default";

/// The id of [`DEFAULT_DATABASE`], which is the same in every repository.
pub const DEFAULT_DATABASE_ID: DatabaseId = DatabaseId([0; 16]);

/// The catalog as it is in one view of a repository. Cloning is cheap.
///
/// Names that methods take are compared in lower case.
#[derive(Debug, Clone)]
pub struct Snapshot {
    records: Records,
}

/// A table with the database that it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTable {
    pub database: Database,
    pub table: Table,
}

impl Snapshot {
    /// Returns the catalog of `view`. Snapshots of one repository share a `cache`.
    pub fn new(view: View, cache: SharedCache) -> Snapshot {
        Snapshot {
            records: Records::new(view, cache),
        }
    }

    /// Returns the view below.
    pub fn view(&self) -> &View {
        self.records.view()
    }

    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    pub(crate) fn from_records(records: Records) -> Snapshot {
        Snapshot { records }
    }

    /// Returns the names of the databases that match, in order.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Corrupt`], as every method here.
    pub async fn databases(&self, pattern: &Pattern) -> Result<Vec<String>> {
        let prefix = MetaKey::Database(pattern.prefix()).encode();
        let mut found = Vec::new();
        let mut scan = self.view().scan(Space::Meta, KeyRange::prefix(prefix));
        while let Some(entry) = scan.next().await? {
            match MetaKey::decode(entry.key) {
                Some(MetaKey::Database(name)) if pattern.matches(name) => found.push(name.to_owned()),
                _ => {}
            }
        }
        if pattern.matches(DEFAULT_DATABASE)
            && let Err(at) = found.binary_search_by(|name| name.as_str().cmp(DEFAULT_DATABASE))
        {
            found.insert(at, DEFAULT_DATABASE.to_owned());
        }
        Ok(found)
    }

    /// Returns a database.
    ///
    /// # Errors
    /// [`Error::NoSuchDatabase`].
    pub async fn database(&self, name: &str) -> Result<Database> {
        let found = self.find_database(name).await?;
        found.ok_or_else(|| Error::NoSuchDatabase {
            name: names::normalize(name),
        })
    }

    /// Returns a database, if there is one of that name.
    ///
    /// # Errors
    /// As [`Snapshot::databases`].
    pub async fn find_database(&self, name: &str) -> Result<Option<Database>> {
        let name = names::normalize(name);
        let found = self.records.get(&MetaKey::Database(&name).encode()).await?;
        Ok(found.or_else(|| (name == DEFAULT_DATABASE).then(default_database)))
    }

    /// Returns the database of that id. It looks through all of them.
    ///
    /// # Errors
    /// As [`Snapshot::databases`].
    pub async fn find_database_by_id(&self, id: DatabaseId) -> Result<Option<Database>> {
        for name in self.databases(&Pattern::all()).await? {
            let database = self.find_database(&name).await?;
            if database.as_ref().is_some_and(|database| database.id == id) {
                return Ok(database);
            }
        }
        Ok(None)
    }

    /// Returns the tables of a database whose names match, in the order of their names, without loading them.
    ///
    /// # Errors
    /// As [`Snapshot::databases`].
    pub async fn tables(&self, database: DatabaseId, pattern: &Pattern) -> Result<Vec<(String, TableEntry)>> {
        let prefix = MetaKey::Entry(database, pattern.prefix()).encode();
        let mut found = Vec::new();
        let mut scan = self.view().scan(Space::Meta, KeyRange::prefix(prefix));
        while let Some(entry) = scan.next().await? {
            if let Some(MetaKey::Entry(_, name)) = MetaKey::decode(entry.key)
                && pattern.matches(name)
            {
                let name = name.to_owned();
                let (key, value) = (entry.key.to_vec(), entry.value());
                found.push((name, self.records.load(&key, &value).await?));
            }
        }
        Ok(found)
    }

    /// Returns the entry of a table in the list of its database, if there is one of that name.
    ///
    /// # Errors
    /// As [`Snapshot::databases`].
    pub async fn find_entry(&self, database: DatabaseId, name: &str) -> Result<Option<TableEntry>> {
        self.records
            .get(&MetaKey::Entry(database, &names::normalize(name)).encode())
            .await
    }

    /// Returns a table.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], also without such a database.
    pub async fn table(&self, database: &str, name: &str) -> Result<OpenTable> {
        let found = self.find_table(database, name).await?;
        found.ok_or_else(|| Error::NoSuchTable {
            database: names::normalize(database),
            table: names::normalize(name),
        })
    }

    /// Returns a table, if there is one of that name.
    ///
    /// # Errors
    /// As [`Snapshot::databases`].
    pub async fn find_table(&self, database: &str, name: &str) -> Result<Option<OpenTable>> {
        let Some(database) = self.find_database(database).await? else {
            return Ok(None);
        };
        let Some(entry) = self.find_entry(database.id, name).await? else {
            return Ok(None);
        };
        let table = self.find_table_by_id(entry.id).await?;
        Ok(table.map(|table| OpenTable { database, table }))
    }

    /// Returns the table of that id.
    ///
    /// # Errors
    /// As [`Snapshot::databases`].
    pub async fn find_table_by_id(&self, id: TableId) -> Result<Option<Table>> {
        self.records.get(&MetaKey::Table(id).encode()).await
    }

    /// Returns the names of the functions of a database that match, in order.
    ///
    /// # Errors
    /// As [`Snapshot::databases`].
    pub async fn functions(&self, database: DatabaseId, pattern: &Pattern) -> Result<Vec<String>> {
        let prefix = MetaKey::Function(database, pattern.prefix()).encode();
        let mut found = Vec::new();
        let mut scan = self.view().scan(Space::Meta, KeyRange::prefix(prefix));
        while let Some(entry) = scan.next().await? {
            match MetaKey::decode(entry.key) {
                Some(MetaKey::Function(_, name)) if pattern.matches(name) => found.push(name.to_owned()),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Returns a function.
    ///
    /// # Errors
    /// [`Error::NoSuchFunction`], also without such a database.
    pub async fn function(&self, database: &str, name: &str) -> Result<Function> {
        let missing = || Error::NoSuchFunction {
            database: names::normalize(database),
            function: names::normalize(name),
        };
        let database = self.find_database(database).await?.ok_or_else(missing)?;
        let key = MetaKey::Function(database.id, &names::normalize(name)).encode();
        self.records.get(&key).await?.ok_or_else(missing)
    }

    /// Returns the constraints of a table, by kind and name.
    ///
    /// # Errors
    /// As [`Snapshot::databases`].
    pub async fn constraints(&self, table: TableId) -> Result<Vec<Constraint>> {
        let found = self.constraints_under(keys::constraints(table)).await?;
        Ok(found.into_iter().map(|(_, constraint)| constraint).collect())
    }

    /// Returns the foreign keys that point at a table, each with the table that has it. It looks through the
    /// constraints of all tables.
    ///
    /// # Errors
    /// As [`Snapshot::databases`].
    pub async fn constraints_pointing_at(&self, table: TableId) -> Result<Vec<(TableId, Constraint)>> {
        let mut found = self.constraints_under(keys::all_constraints()).await?;
        found.retain(|(_, constraint)| {
            let reference = constraint.reference.as_ref();
            constraint.kind == ConstraintKind::ForeignKey && reference.is_some_and(|to| to.table == table)
        });
        Ok(found)
    }

    async fn constraints_under(&self, prefix: Bytes) -> Result<Vec<(TableId, Constraint)>> {
        let mut found = Vec::new();
        let mut scan = self.view().scan(Space::Meta, KeyRange::prefix(prefix));
        while let Some(entry) = scan.next().await? {
            if let Some(MetaKey::Constraint(table, ..)) = MetaKey::decode(entry.key) {
                let (key, value) = (entry.key.to_vec(), entry.value());
                found.push((table, self.records.load(&key, &value).await?));
            }
        }
        Ok(found)
    }

    /// Returns all partitions of a table, by name.
    pub fn partitions(&self, table: TableId) -> PartitionScan {
        self.partitions_under(table, "")
    }

    /// Returns the partitions of a table whose names begin with `prefix`, by name.
    pub fn partitions_under(&self, table: TableId, prefix: &str) -> PartitionScan {
        PartitionScan::new(self.view().clone(), table, prefix, Vec::new())
    }

    /// Returns the partitions with these first values, by name. An empty value is any.
    ///
    /// # Errors
    /// [`Error::PartitionArity`] for more values than keys.
    pub fn partitions_matching(&self, table: &Table, values: &[String]) -> Result<PartitionScan> {
        let (prefix, wanted) = plan_match(&table.key_names(), values)?;
        Ok(PartitionScan::new(self.view().clone(), table.id, &prefix, wanted))
    }

    /// Returns the partition with these values.
    ///
    /// # Errors
    /// [`Error::NoSuchPartition`]; [`Error::PartitionArity`] for another number of values than there are keys.
    pub async fn partition(&self, open: &OpenTable, values: &[String]) -> Result<Partition> {
        let name = names::partition_name(&open.table.key_names(), values)?;
        let found = self.find_partition(open.table.id, &name).await?;
        found.ok_or_else(|| open.no_such_partition(values))
    }

    /// Returns the partition of that name, if there is one.
    ///
    /// # Errors
    /// As [`Snapshot::databases`].
    pub async fn find_partition(&self, table: TableId, name: &str) -> Result<Option<Partition>> {
        self.records.get(&keys::partition(table, name)).await
    }

    /// Returns the template and the column list that partitions share.
    ///
    /// # Errors
    /// As [`Snapshot::databases`].
    pub async fn shared(&self, refs: &SharedRefs) -> Result<Shared> {
        self.records.shared(refs).await
    }

    /// Returns the number of partitions whose names begin with `prefix`, without visiting them.
    ///
    /// # Errors
    /// As [`Snapshot::databases`].
    pub async fn count_partitions(&self, table: TableId, prefix: &str) -> Result<u64> {
        let range = KeyRange::prefix(keys::partition(table, prefix));
        Ok(self.view().totals(Space::Parts, range).await?.count)
    }

    /// Returns the number of objects below a place and the sum of their sizes, without visiting them; nothing
    /// for a place that is not of this repository.
    ///
    /// # Errors
    /// As [`Snapshot::databases`].
    pub async fn objects_below(&self, place: &Place) -> Result<Totals> {
        match place.object_prefix() {
            Some(prefix) => Ok(self
                .view()
                .totals(Space::Objects, KeyRange::prefix(prefix))
                .await?),
            None => Ok(Totals::default()),
        }
    }

    /// Returns what an engine knows of the columns of a table, or of a partition.
    ///
    /// # Errors
    /// As [`Snapshot::databases`].
    pub async fn statistics(
        &self,
        table: TableId,
        partition: Option<&str>,
        engine: &str,
    ) -> Result<Option<TableStatistics>> {
        self.records
            .get(
                &StatsKey {
                    table,
                    partition,
                    engine,
                }
                .encode(),
            )
            .await
    }

    pub(crate) async fn get<T: Record>(&self, key: &[u8]) -> Result<Option<T>> {
        self.records.get(key).await
    }
}

/// The database `default` of a repository that was never told otherwise.
pub(crate) fn default_database() -> Database {
    Database {
        id: DEFAULT_DATABASE_ID,
        name: DEFAULT_DATABASE.to_owned(),
        description: Some("Default Hive database".to_owned()),
        owner: Some("public".to_owned()),
        owner_kind: Some(PrincipalKind::Role),
        parameters: Some(Parameters::new()),
        ..Database::default()
    }
}

impl Database {
    /// Returns where the database lies: by default `{name}.db` below the root of the repository.
    pub fn place(&self) -> Place {
        self.location
            .resolve(&Place::root(), &format!("{}.db", self.name))
    }

    /// Returns what the default locations of its tables of that kind start from.
    pub fn table_base(&self, kind: &TableKind) -> Place {
        match (&self.managed_location, kind) {
            (Some(location), TableKind::Managed) => location.resolve(&self.place(), ""),
            _ => self.place(),
        }
    }
}

impl Table {
    /// Returns the names of the partition keys.
    pub fn key_names(&self) -> Vec<&str> {
        self.keys().iter().map(|key| key.name.as_str()).collect()
    }

    /// Returns the location that the table's storage states; `None` for what has no place, such as a view.
    pub fn location(&self) -> Option<&Location> {
        self.storage.as_ref()?.location.as_ref()
    }
}

impl Deref for OpenTable {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.table
    }
}

impl OpenTable {
    /// Returns where the table lies; `None` for what has no place, such as a view.
    pub fn place(&self) -> Option<Place> {
        let base = self.database.table_base(&self.kind);
        self.location()
            .map(|location| location.resolve(&base, &self.name))
    }

    /// Returns where the data of the table is. Spark keeps it in a parameter of the serde where Hive could not
    /// read the table, and a placeholder in the location.
    pub fn data_place(&self) -> Option<Place> {
        let storage = self.storage.as_ref()?;
        if self.parameter("spark.sql.sources.provider").is_none() {
            return self.place();
        }
        match (
            storage.serde_locations.get("path"),
            storage.serde_parameter("path"),
        ) {
            (Some(location), _) => Some(location.resolve(&Place::root(), "")),
            (None, Some(uri)) => Some(Place::External(uri.to_owned())),
            (None, None) => self.place(),
        }
    }

    /// Returns what the default locations of partitions start from.
    pub fn partition_base(&self) -> Place {
        match &self.partition_base {
            Some(location) => location.resolve(&Place::root(), ""),
            None => self.place().unwrap_or_else(Place::root),
        }
    }

    /// Returns where a partition lies that has this name and location.
    pub fn partition_place(&self, name: &str, location: &Location) -> Place {
        location.resolve(&self.partition_base(), name)
    }

    /// Returns where a partition lies; `None` if it has no storage of its own.
    pub fn place_of(&self, partition: &Partition) -> Option<Place> {
        let location = partition.storage.as_ref()?.location.as_ref()?;
        Some(self.partition_place(&partition.name, location))
    }

    pub(crate) fn no_such_partition(&self, values: &[String]) -> Error {
        let (database, table) = (self.database.name.clone(), self.name.clone());
        Error::NoSuchPartition {
            database,
            table,
            values: values.to_vec(),
        }
    }
}
