//! Databases and tables by the names that stand in a query: `sales.orders`, `"sales@etl".orders`.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use catalog::model::TableFormat;
use catalog::{DEFAULT_DATABASE, OpenTable};
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::execution::runtime_env::RuntimeEnv;
use tokio::sync::Mutex;
use versioning::{RefExpr, Repository};

use crate::error::{Error, Result};
use crate::iceberg::IcebergTable;
use crate::system::{Kind, SystemTable};
use crate::table::FolderTable;
use crate::version::Version;
use crate::views;

/// The refs that one query reads, each as it was when the query first spoke of it.
#[derive(Debug)]
pub(crate) struct Versions {
    repository: Repository,
    /// What a name without a ref means.
    at: RefExpr,
    runtime: Arc<RuntimeEnv>,
    resolved: Mutex<HashMap<RefExpr, Arc<Version>>>,
    /// What plans the texts of views: the session, which owns this.
    session: OnceLock<Session>,
    /// How many views stand above the one that is planned, and how many there were in all.
    views: Views,
}

/// Gives the state of the session, as long as that is there.
struct Session(Box<dyn Fn() -> Option<SessionState> + Send + Sync>);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

#[derive(Debug, Default)]
struct Views {
    above: AtomicUsize,
    all: AtomicUsize,
}

impl Versions {
    pub(crate) fn new(repository: Repository, at: RefExpr, runtime: Arc<RuntimeEnv>) -> Versions {
        Versions {
            repository,
            at,
            runtime,
            resolved: Mutex::default(),
            session: OnceLock::new(),
            views: Views::default(),
        }
    }

    /// Tells what plans the texts of views.
    pub(crate) fn plan_views_by(&self, session: impl Fn() -> Option<SessionState> + Send + Sync + 'static) {
        // told once, before the first query
        let _ = self.session.set(Session(Box::new(session)));
    }

    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Returns a system table, if it is one of that name.
    async fn system(self: &Arc<Versions>, database: &str, table: &str) -> Result<Option<SystemTable>> {
        let plain = database.split_once('@').map_or(database, |(plain, _)| plain);
        let Some(kind) = Kind::of(&plain.to_lowercase(), &table.to_lowercase()) else {
            return Ok(None);
        };
        let (_, version) = self.database(database).await?;
        Ok(Some(SystemTable::new(kind, Arc::clone(self), Some(version))))
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

    async fn table(&self, database: &str, table: &str) -> Result<Arc<dyn TableProvider>> {
        let full = format!("{database}.{table}");
        let at = database.split_once('@').map(|(_, at)| at);
        let (database, version) = self.database(database).await?;
        let table = version.table(database, table).await?;
        if table.kind.is_view() {
            return Box::pin(self.view(&full, &table, at)).await;
        }
        if TableFormat::of(&table) == TableFormat::Iceberg {
            return Ok(Arc::new(IcebergTable::open(full, version, &table).await?));
        }
        Ok(Arc::new(FolderTable::new(full, version, table)?))
    }

    async fn view(&self, name: &str, table: &OpenTable, at: Option<&str>) -> Result<Arc<dyn TableProvider>> {
        let state = self.session.get().and_then(|session| session.0());
        let state = state.ok_or_else(|| Error::Internal("a view outside of a session".to_owned()))?;
        let above = self.views.above.fetch_add(1, Ordering::Relaxed);
        let all = self.views.all.fetch_add(1, Ordering::Relaxed);
        if above >= views::DEPTH_MAX || all >= views::VIEWS_MAX {
            return Err(Error::Unreadable {
                table: name.to_owned(),
                reason: format!(
                    "views stand on views more than {} deep, or there are more than {}",
                    views::DEPTH_MAX,
                    views::VIEWS_MAX
                ),
            });
        }
        let view = views::view(name, table, at, &state).await;
        self.views.above.fetch_sub(1, Ordering::Relaxed);
        view
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
        if let Some(table) = self.versions.system(&self.database, name).await? {
            return Ok(Some(Arc::new(table)));
        }
        match self.versions.table(&self.database, name).await {
            Ok(table) => Ok(Some(table)),
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
