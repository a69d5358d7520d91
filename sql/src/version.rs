//! A ref as one query sees it: its tables and its data, as of one moment.

use std::sync::Arc;

use catalog::location::{Location, Place};
use catalog::model::{Columns, TableId, Template};
use catalog::names::{Pattern, partition_prefix};
use catalog::{OpenTable, PartitionRef, PartitionScan, SharedCache, SharedRefs, Snapshot};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::object_store::ObjectStore;
use versioning::{RefExpr, Repository, View};

use crate::error::{Error, Result};
use crate::store::ViewStore;

/// A ref within a query.
#[derive(Debug)]
pub(crate) struct Version {
    repository: Repository,
    at: RefExpr,
    snapshot: Snapshot,
    url: ObjectStoreUrl,
}

/// A partition of a table.
#[derive(Debug)]
pub(crate) struct Part {
    /// `key=value/…`, escaped.
    pub(crate) name: String,
    /// Its values, as they are written.
    pub(crate) values: Vec<String>,
    pub(crate) place: Place,
    /// Which column list and template it has: equal ones have equal contents.
    pub(crate) shared: SharedRefs,
}

/// A walk over the partitions of a table.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    snapshot: &'a Snapshot,
    table: &'a OpenTable,
    scan: PartitionScan,
}

impl Version {
    /// Opens the present state of a ref; `number` is its own among those of the query.
    pub(crate) async fn open(repository: &Repository, at: &RefExpr, number: usize) -> Result<Version> {
        let view = repository.view(at).await?;
        Version::of(repository, at, view, number)
    }

    /// Returns a version that sees `view`, which is a state of the ref.
    pub(crate) fn of(repository: &Repository, at: &RefExpr, view: View, number: usize) -> Result<Version> {
        let url = ObjectStoreUrl::parse(format!("skep://v{number}/"));
        let url = url.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Version {
            repository: repository.clone(),
            at: at.clone(),
            snapshot: Snapshot::new(view, SharedCache::default()),
            url,
        })
    }

    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    pub(crate) fn at(&self) -> &RefExpr {
        &self.at
    }

    pub(crate) fn view(&self) -> &View {
        self.snapshot.view()
    }

    pub(crate) fn url(&self) -> &ObjectStoreUrl {
        &self.url
    }

    /// Returns the data of the ref as a store, which [`Version::url`] names.
    pub(crate) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::new(ViewStore::new(self.repository.clone(), self.view().clone()))
    }

    pub(crate) async fn databases(&self) -> Result<Vec<String>> {
        Ok(self.snapshot.databases(&Pattern::all()).await?)
    }

    pub(crate) async fn tables(&self, database: &str) -> Result<Vec<String>> {
        let database = self.snapshot.database(database).await?;
        let tables = self.snapshot.tables(database.id, &Pattern::all()).await?;
        Ok(tables.into_iter().map(|(name, _)| name).collect())
    }

    pub(crate) async fn table(&self, database: &str, table: &str) -> Result<OpenTable> {
        Ok(self.snapshot.table(database, table).await?)
    }

    /// Returns a table by what stays the same when it is renamed.
    pub(crate) async fn table_by_id(&self, id: TableId) -> Result<Option<OpenTable>> {
        let Some(table) = self.snapshot.find_table_by_id(id).await? else {
            return Ok(None);
        };
        let database = self.snapshot.find_database_by_id(table.database).await?;
        Ok(database.map(|database| OpenTable { database, table }))
    }

    pub(crate) async fn find_table(&self, database: &str, table: &str) -> Result<Option<OpenTable>> {
        Ok(self.snapshot.find_table(database, table).await?)
    }

    pub(crate) async fn has_table(&self, database: &str, table: &str) -> Result<bool> {
        let Some(database) = self.snapshot.find_database(database).await? else {
            return Ok(false);
        };
        Ok(self.snapshot.find_entry(database.id, table).await?.is_some())
    }

    /// Returns the column list and the template of a partition, as far as it has its own.
    pub(crate) async fn storage(
        &self,
        shared: &SharedRefs,
    ) -> Result<(Option<Arc<Columns>>, Option<Arc<Template>>)> {
        let shared = self.snapshot.shared(shared).await?;
        Ok((shared.columns, shared.template))
    }

    /// Returns the partitions of a table whose first values are `first`.
    pub(crate) fn partitions<'a>(&'a self, table: &'a OpenTable, first: &[String]) -> Parts<'a> {
        let prefix = partition_prefix(&table.key_names(), first);
        let scan = self.snapshot.partitions_under(table.id, &prefix);
        Parts {
            snapshot: &self.snapshot,
            table,
            scan,
        }
    }
}

impl Parts<'_> {
    /// Returns up to `max` more partitions; none at the end.
    pub(crate) async fn next(&mut self, max: usize) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        while parts.len() < max {
            let Some(part) = self.scan.next().await? else {
                break;
            };
            parts.push(part_of(self.snapshot, self.table, &part).await?);
        }
        Ok(parts)
    }

    /// Returns the partition of this name, if there is one. Never goes back: names have to come in order.
    pub(crate) async fn named(&mut self, name: &str) -> Result<Option<Part>> {
        self.scan.seek(name).await?;
        match self.scan.next().await? {
            Some(part) if part.name == name => Ok(Some(part_of(self.snapshot, self.table, &part).await?)),
            _ => Ok(None),
        }
    }
}

async fn part_of(snapshot: &Snapshot, table: &OpenTable, part: &PartitionRef<'_>) -> Result<Part> {
    let location = match part.plain_location()? {
        Some(location) => location,
        None => {
            let shared = snapshot.shared(&part.shared).await?;
            let storage = part.to_partition(&shared)?.storage;
            storage
                .and_then(|storage| storage.location)
                .unwrap_or(Location::Default)
        }
    };
    Ok(Part {
        name: part.name.to_owned(),
        values: part.values()?,
        place: table.partition_place(part.name, &location),
        shared: part.shared,
    })
}
