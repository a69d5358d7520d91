//! What calls are answered with: the repositories, what a listener stands for, and who is calling.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use catalog::{Catalog, Error, OpenWarehouse, PlainWarehouse, WarehouseSettings};
use thrift_idl::Protocol;
use versioning::refs::RepositoryId;
use versioning::{Clock, RefExpr, Repositories, RepositoryName};

use crate::states::States;

/// What a listener answers from.
pub struct Context {
    pub(crate) repositories: Repositories,
    pub(crate) listener: Listener,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started_s: i64,
    warehouses: Arc<OpenWarehouse>,
    pub(crate) settings: Settings,
    catalogs: Arc<Mutex<BTreeMap<RepositoryId, Catalog>>>,
    states: Arc<Mutex<BTreeMap<RepositoryId, Arc<States>>>>,
    /// Held while Hive catalogs come and go: their places are judged beside one another.
    pub(crate) catalogs_change: Arc<tokio::sync::Mutex<()>>,
}

/// What can be set for all listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a lock or a Hive transaction lives without a sign of life of its owner.
    pub lease_ms: u64,
    /// How many partitions one call may ask for, as `metastore.limit.partition.request` does; names do not count.
    pub partitions_max: Option<u32>,
    /// Whether changes are told of in notifications.
    pub notifications: bool,
}

impl Default for Settings {
    /// Returns leases of 300 seconds, as the original has them, and notifications.
    fn default() -> Settings {
        Settings {
            lease_ms: 300_000,
            partitions_max: None,
            notifications: true,
        }
    }
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
            settings: Settings::default(),
            catalogs: Arc::default(),
            states: Arc::default(),
            catalogs_change: Arc::default(),
        }
    }

    /// Returns the same for calls that mean something else when they name nothing. Caches are shared.
    pub(crate) fn at(&self, listener: Listener) -> Context {
        Context {
            repositories: self.repositories.clone(),
            listener,
            clock: Arc::clone(&self.clock),
            started_s: self.started_s,
            settings: self.settings,
            warehouses: Arc::clone(&self.warehouses),
            catalogs: Arc::clone(&self.catalogs),
            states: Arc::clone(&self.states),
            catalogs_change: Arc::clone(&self.catalogs_change),
        }
    }

    /// Returns the same with other settings.
    pub fn with_settings(self, settings: Settings) -> Context {
        Context { settings, ..self }
    }

    /// Says how plain warehouses are opened.
    pub fn with_warehouses(self, warehouses: Arc<OpenWarehouse>) -> Context {
        Context { warehouses, ..self }
    }

    /// Opens a plain warehouse; `None` if its kind is not known.
    pub(crate) fn open_warehouse(&self, settings: &WarehouseSettings) -> Option<PlainWarehouse> {
        (self.warehouses)(settings)
    }

    /// Returns what is kept unversioned beside the catalog of a repository.
    pub(crate) async fn states(&self, name: &RepositoryName) -> Result<Arc<States>, Error> {
        let repository = self.repositories.get(name).await?;
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let id = repository.record().id;
        let of = states
            .entry(id)
            .or_insert_with(|| Arc::new(States::new(&repository)));
        Ok(Arc::clone(of))
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
    /// Who is calling: as they showed when they came in, or as they said.
    pub(crate) user: Option<String>,
    /// Whether they showed it.
    authenticated: bool,
    pub(crate) groups: Vec<String>,
    /// What they set by `setMetaConf`.
    pub(crate) settings: BTreeMap<&'static str, String>,
}

impl Session {
    /// Returns the session of a user who has shown who they are.
    pub(crate) fn authenticated(user: String) -> Session {
        let state = SessionState {
            user: Some(user),
            authenticated: true,
            ..SessionState::default()
        };
        Session {
            state: Mutex::new(state),
        }
    }

    /// Notes who the caller says to be, and returns all their principals, groups first. Who has shown who they
    /// are stays that, whatever they say.
    pub(crate) fn claim(&self, user: Option<String>, groups: Vec<String>) -> Vec<String> {
        let mut state = self.state();
        if !state.authenticated {
            state.user = user;
            state.groups = groups;
        }
        state.groups.iter().chain(&state.user).cloned().collect()
    }

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
    /// Returns what is kept unversioned beside the catalog of the listener's repository. Calls that name no
    /// database mean that one, and so do those that follow them by an id.
    pub(crate) async fn states(&self) -> Result<Arc<States>, Error> {
        self.context.states(&self.context.listener.repository).await
    }

    /// Returns the time in seconds since the Unix epoch, as Hive records it.
    pub(crate) fn now_s(&self) -> i32 {
        i32::try_from(self.context.clock.now_us() / 1_000_000).unwrap_or(i32::MAX)
    }
}
