//! What calls are answered with: the repositories, what a listener stands for, and who is calling.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use catalog::{Catalog, Error, OpenWarehouse};
use thrift_idl::Protocol;
use versioning::refs::RepositoryId;
use versioning::{Clock, RefExpr, Repositories, RepositoryName};

/// What a listener answers from.
pub struct Context {
    pub(crate) repositories: Repositories,
    pub(crate) listener: Listener,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started_s: i64,
    warehouses: Arc<OpenWarehouse>,
    pub(crate) partitions_max: Option<u32>,
    catalogs: Mutex<BTreeMap<RepositoryId, Catalog>>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// Returns what `listener` answers from: all `repositories`, of which each is a Hive catalog.
    pub fn new(repositories: Repositories, listener: Listener, clock: Arc<dyn Clock>) -> Context {
        let started_s = i64::try_from(clock.now_us() / 1_000_000).unwrap_or(i64::MAX);
        Context {
            repositories,
            listener,
            clock,
            started_s,
            warehouses: Arc::new(|_| None),
            partitions_max: None,
            catalogs: Mutex::default(),
        }
    }

    /// Says how plain warehouses are opened.
    pub fn with_warehouses(mut self, open: Arc<OpenWarehouse>) -> Context {
        self.warehouses = open;
        self
    }

    /// Says how many partitions one call may ask for, as `metastore.limit.partition.request` does; names do not count.
    pub fn with_partitions_max(mut self, max: Option<u32>) -> Context {
        self.partitions_max = max;
        self
    }

    /// Returns the catalog of a repository. It is kept, because it holds a cache.
    pub(crate) async fn catalog(&self, name: &RepositoryName) -> Result<Catalog, Error> {
        let repository = self.repositories.get(name).await?;
        let mut catalogs = self.catalogs.lock().unwrap_or_else(PoisonError::into_inner);
        let id = repository.record().id;
        if let Some(catalog) = catalogs.get(&id) {
            return Ok(catalog.clone());
        }
        let catalog = Catalog::open(repository, &*self.warehouses)?;
        catalogs.insert(id, catalog.clone());
        Ok(catalog)
    }
}

/// What a call means that names neither a repository nor a ref.
#[derive(Debug, Clone)]
pub struct Listener {
    /// The repository, which is what clients call the catalog `hive`.
    pub repository: RepositoryName,
    /// The ref; `None` is the repository's default branch.
    pub reference: Option<RefExpr>,
    /// The scheme of the locations that are handed out, such as `s3a`.
    pub scheme: String,
}

/// What is known of a connection from its earlier calls.
#[derive(Debug, Default)]
pub(crate) struct Session {
    state: Mutex<SessionState>,
}

/// The contents of a [`Session`].
#[derive(Debug, Default)]
pub(crate) struct SessionState {
    /// Who is calling, as they said by `set_ugi`.
    pub(crate) user: Option<String>,
    pub(crate) groups: Vec<String>,
    /// What they set by `setMetaConf`.
    pub(crate) settings: BTreeMap<&'static str, String>,
}

impl Session {
    /// Returns the state, to read or change at once.
    pub(crate) fn state(&self) -> MutexGuard<'_, SessionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns who is calling.
    pub(crate) fn user(&self) -> Option<String> {
        self.state().user.clone()
    }
}

/// A call that is being answered. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) context: Arc<Context>,
    pub(crate) session: Arc<Session>,
    /// How the answer will be written.
    pub(crate) protocol: Protocol,
}

impl Call {
    /// Returns the time in seconds since the Unix epoch, as Hive records it.
    pub(crate) fn now_s(&self) -> i32 {
        i32::try_from(self.context.clock.now_us() / 1_000_000).unwrap_or(i32::MAX)
    }
}
