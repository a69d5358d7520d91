//! Databases and tables by the names that stand in a query: `sales.orders`, `"sales@etl".orders`.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use catalog::DEFAULT_DATABASE;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use tokio::sync::Mutex;
use versioning::{RefExpr, Repository};

use crate::error::{Error, Result};
use crate::table::ParquetTable;
use crate::version::Version;

/// The refs that one query reads, each as it was when the query first spoke of it.
#[derive(Debug)]
pub(crate) struct Versions {
    repository: Repository,
    /// What a name without a ref means.
    at: RefExpr,
    runtime: Arc<RuntimeEnv>,
    resolved: Mutex<HashMap<RefExpr, Arc<Version>>>,
}

impl Versions {
    pub(crate) fn new(repository: Repository, at: RefExpr, runtime: Arc<RuntimeEnv>) -> Versions {
        Versions {
            repository,
            at,
            runtime,
            resolved: Mutex::default(),
        }
    }

    /// Splits `database@ref`, and returns the name of the database beside its version.
    ///
    /// # Errors
    /// Those of resolving the ref.
    pub(crate) async fn database<'a>(&self, name: &'a str) -> Result<(&'a str, Arc<Version>)> {
        match name.split_once('@') {
            None => Ok((name, self.version(&self.at).await?)),
            Some((database, at)) => Ok((database, self.version(&RefExpr::parse(at)?).await?)),
        }
    }

    async fn version(&self, at: &RefExpr) -> Result<Arc<Version>> {
        // held while the ref is resolved, so that two tables never see two states of one ref
        let mut resolved = self.resolved.lock().await;
        if let Some(version) = resolved.get(at) {
            return Ok(Arc::clone(version));
        }
        let version = Arc::new(Version::open(&self.repository, at, resolved.len()).await?);
        self.runtime
            .register_object_store(version.url().as_ref(), version.store());
        resolved.insert(at.clone(), Arc::clone(&version));
        Ok(version)
    }

    async fn table(&self, database: &str, table: &str) -> Result<ParquetTable> {
        let full = format!("{database}.{table}");
        let (database, version) = self.database(database).await?;
        let table = version.table(database, table).await?;
        ParquetTable::new(full, version, table)
    }
}

/// The databases of a query, as DataFusion asks for them. Whether there is one is found when a table of it is.
#[derive(Debug)]
pub(crate) struct Databases(pub(crate) Arc<Versions>);

impl CatalogProvider for Databases {
    /// Lists are answered without DataFusion (`SHOW DATABASES`), which can ask for them only without waiting.
    fn schema_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        Some(Arc::new(Tables {
            versions: Arc::clone(&self.0),
            database: name.to_owned(),
        }))
    }
}

#[derive(Debug)]
struct Tables {
    versions: Arc<Versions>,
    database: String,
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        Vec::new()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        match self.versions.table(&self.database, name).await {
            Ok(table) => Ok(Some(Arc::new(table))),
            // it may be the name of a function that returns a table
            Err(Error::Catalog(catalog::Error::NoSuchTable { .. })) if self.database == DEFAULT_DATABASE => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn table_exist(&self, _name: &str) -> bool {
        false
    }
}
