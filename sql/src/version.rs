//! A ref as one query sees it: its tables and its data, as of one moment.

use std::sync::Arc;

use catalog::location::{Location, Place};
use catalog::names::{Pattern, partition_prefix};
use catalog::{OpenTable, PartitionScan, SharedCache, Snapshot};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::object_store::ObjectStore;
use versioning::{RefExpr, Repository, View};

use crate::error::{Error, Result};
use crate::store::ViewStore;

/// A ref within a query.
#[derive(Debug)]
pub(crate) struct Version {
    repository: Repository,
    snapshot: Snapshot,
    url: ObjectStoreUrl,
}

/// A partition of a table: its values as they are written, and where it lies.
pub(crate) type Part = (Vec<String>, Place);

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
        let url = ObjectStoreUrl::parse(format!("skep://v{number}/"));
        let url = url.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Version {
            repository: repository.clone(),
            snapshot: Snapshot::new(view, SharedCache::default()),
            url,
        })
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
            let location = match part.plain_location()? {
                Some(location) => location,
                None => {
                    let shared = self.snapshot.shared(&part.shared).await?;
                    let storage = part.to_partition(&shared)?.storage;
                    storage
                        .and_then(|storage| storage.location)
                        .unwrap_or(Location::Default)
                }
            };
            parts.push((part.values()?, self.table.partition_place(part.name, &location)));
        }
        Ok(parts)
    }
}
