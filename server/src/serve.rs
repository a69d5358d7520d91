//! `skep serve`: opens the store, wires the rooms together, and serves until it is told to stop.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::{Api, Metrics};
use catalog::merge::CatalogResolver;
use catalog::{Catalog, Layout, OpenWarehouse, WarehouseSettings};
use flight::Flight;
use hooks::Hooks;
use metastore::{Context, Listener};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use versioning::events::Narrate;
use versioning::guard::Guard;
use versioning::merge::Gate;
use versioning::refs::{FolderLock, RefStore, SqliteRefs};
use versioning::repository::{Limits, Parts};
use versioning::store::LocalFiles;
use versioning::{RefName, Repositories, RepositoryName};

use crate::branch_statements::BranchStatements;
use crate::credentials::ListedSecrets;
use crate::error::{Exit, Failure};
use crate::lent::{EngineRunner, FlightRunner, ParquetFooters, Runs};
use crate::listeners::{ListenerPlace, ThriftListener};
use crate::machine::{MachineClock, MachineIds, raise_open_files};
use crate::registrar::Registrar;
use crate::settings::Settings;
use crate::{credentials, expiry, telemetry, warehouses};

/// How long open requests may take when the server stops.
const GRACE: Duration = Duration::from_secs(30);

/// The author of what is done by a request that names none.
const AUTHOR: &str = "anonymous";

/// The branch that a first start creates.
const DEFAULT_BRANCH: &str = "main";

/// A folder that was opened by this process and no other.
pub(crate) struct OpenFolder {
    pub(crate) repositories: Repositories,
    refs: Arc<SqliteRefs>,
    _lock: FolderLock,
}

impl OpenFolder {
    /// Opens the store in `folder`, making the folder where it is missing.
    pub(crate) async fn open(
        folder: &Path,
        limits: Limits,
        narrator: Option<Arc<dyn Narrate>>,
        guard: Option<Arc<dyn Guard>>,
    ) -> Result<OpenFolder, Failure> {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::new(Exit::Failed, format!("the folder {}: {error}", folder.display()))
        })?;
        let lock = FolderLock::acquire(folder)?;
        let (database, objects) = (folder.join("refs.db"), folder.join("objects"));
        refuse_lost_refs(&database, &objects)?;
        let refs = Arc::new(SqliteRefs::open(&database).await?);
        let parts = Parts {
            refs: refs.clone(),
            files: Arc::new(LocalFiles::open(&objects).await?),
            clock: Arc::new(MachineClock),
            ids: Arc::new(MachineIds),
            ephemeral: catalog::is_ephemeral,
        };
        let mut repositories = Repositories::open(parts, limits).await?;
        if let Some(narrator) = narrator {
            repositories = repositories.narrated_by(narrator);
        }
        if let Some(guard) = guard {
            repositories = repositories.guarded_by(guard);
        }
        Ok(OpenFolder {
            repositories,
            refs,
            _lock: lock,
        })
    }

    /// Closes the store. What is staged is durable and stays staged.
    pub(crate) async fn close(self) {
        self.repositories.close().await;
        if let Err(error) = self.refs.close().await {
            tracing::warn!(%error, "the ref store did not close well");
        }
    }
}

/// Fails when there are objects without the refs that lead to them: a fresh database would hide them all. An empty
/// file is none: SQLite would take it for a new one.
fn refuse_lost_refs(database: &Path, objects: &Path) -> Result<(), Failure> {
    let holds_objects = objects
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some());
    let is_there = database.metadata().is_ok_and(|file| file.len() > 0);
    if is_there || !holds_objects {
        return Ok(());
    }
    let message = format!(
        "{} is missing or empty, but there are objects in {}",
        database.display(),
        objects.display()
    );
    Err(Failure::new(Exit::Failed, message).with_hint("restore refs.db from a copy of the folder"))
}

/// Serves until a signal comes.
pub(crate) async fn serve(settings: Settings) -> Result<(), Failure> {
    telemetry::log(&settings)?;
    raise_open_files();
    let metrics = telemetry::metrics()?;
    let secret = credentials::secret_key(&settings)?;
    let thrift = settings.listeners()?;
    let default = RepositoryName::parse(&settings.repository)?;
    let (warehouse, layout) = (settings.warehouse()?, settings.layout()?);
    let s3_service = warehouses::s3(&settings)?;
    // ports first: what is taken is told before anything is made
    let Doors {
        http,
        s3,
        flight,
        metastores,
    } = Doors::open(&settings, thrift).await?;
    let warehouses = warehouse::opener(s3_service, &settings.data);
    if let Some(warehouse) = &warehouse {
        warehouses::check(warehouse, &default, &*warehouses).await?;
    }
    let limits = Limits {
        cache_bytes: settings.cache_mib << 20,
        events: settings.retention(),
        ..Limits::default()
    };
    let engine = sql::Engine::new(sql::Limits::default());
    let hooks = hooks(&engine, &settings);
    let guard: Arc<dyn Guard> = Arc::new(hooks.clone());
    let folder = OpenFolder::open(&settings.data, limits, settings.narrator(), Some(guard)).await?;
    first_repository(&folder, &default, (warehouse.as_ref(), layout)).await?;
    if warehouse.is_some() {
        found_warehouse(&folder.repositories, &default, &warehouses).await?;
    }
    resumed(&folder, &hooks).await?;
    for (socket, listener) in &metastores {
        warn_of_missing_ref(&folder.repositories, socket.local_addr()?, listener, &default).await;
    }

    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let announced = announcement(&settings, &http, &s3, flight.as_ref(), &metastores)?;
    let (rest, engine) = rest(&folder.repositories, &hooks, engine);
    let rest_limits = serving::Limits {
        drain: GRACE,
        ..serving::Limits::default()
    };
    tasks.spawn(api::serve(
        http,
        (rest, rest_limits),
        Metrics::new(move || metrics.render()),
        stop.clone().cancelled_owned(),
    ));
    if let Some(socket) = flight {
        let repositories = folder.repositories.clone();
        tasks.spawn(serve_flight(
            socket,
            repositories,
            default.clone(),
            engine,
            stop.clone(),
        ));
    }
    let keys = gateway::Credentials::new([(settings.access_key.clone(), secret)]);
    tasks.spawn(gateway::serve(
        s3,
        folder.repositories.clone(),
        keys,
        stop.clone().cancelled_owned(),
    ));
    tasks.spawn(expiry::look(folder.repositories.clone(), stop.clone()));
    for (socket, listener) in metastores {
        let ThriftListener { place, door } = listener;
        let context = context(&folder.repositories, place, &default, &settings);
        let context = context.with_warehouses(warehouses.clone());
        tasks.spawn(metastore::serve(
            socket,
            context,
            door,
            metastore::Limits::default(),
            stop.clone(),
        ));
    }
    tell(&announced);
    signalled().await?;
    tracing::info!("stopping");
    stop.cancel();
    drained(&tasks, &hooks).await;
    folder.close().await;
    Ok(())
}

/// Goes on with what the last process began.
async fn resumed(folder: &OpenFolder, hooks: &Hooks) -> Result<(), Failure> {
    folder.repositories.resume().await?;
    Ok(hooks.resume(&folder.repositories).await?)
}

/// Returns what the REST API works with, and the engine that changes refs by the same gate.
fn rest(repositories: &Repositories, hooks: &Hooks, engine: sql::Engine) -> (Api, sql::Engine) {
    let gate = Arc::new(hooks::CheckGate::of(repositories.clone(), hooks.clone()));
    let resolver = Arc::new(CatalogResolver::default());
    let engine = changing(engine, gate.clone(), resolver.clone());
    let api = Api {
        repositories: repositories.clone(),
        gate,
        hooks: Arc::new(Runs(hooks.clone())),
        resolver,
        data: Arc::new(EngineRunner(engine.clone())),
        rows: Arc::new(ParquetFooters),
        sql: Arc::new(EngineRunner(engine.clone())),
        author: AUTHOR.to_owned(),
    };
    (api, engine)
}

/// The sockets on which the server listens.
struct Doors {
    http: TcpListener,
    s3: TcpListener,
    flight: Option<TcpListener>,
    metastores: Vec<(TcpListener, ThriftListener)>,
}

impl Doors {
    async fn open(settings: &Settings, thrift: Vec<ThriftListener>) -> Result<Doors, Failure> {
        let http = bind("REST API", settings.http).await?;
        let s3 = bind("S3 gateway", settings.s3).await?;
        let flight = match settings.flight {
            Some(address) => Some(bind("Flight SQL service", address).await?),
            None => None,
        };
        let mut metastores = Vec::new();
        for listener in thrift {
            metastores.push((bind("metastore", listener.place.address).await?, listener));
        }
        Ok(Doors {
            http,
            s3,
            flight,
            metastores,
        })
    }
}

/// Waits for open requests, and then for post-hooks, as long as they are given.
async fn drained(tasks: &TaskTracker, hooks: &Hooks) {
    tasks.close();
    if tokio::time::timeout(GRACE, tasks.wait()).await.is_err() {
        tracing::warn!(
            "requests were still open after {} s and are let go",
            GRACE.as_secs()
        );
    }
    if tokio::time::timeout(GRACE, hooks.settled()).await.is_err() {
        tracing::warn!(
            "post-hooks still ran after {} s: the next start runs them again",
            GRACE.as_secs()
        );
    }
}

/// Returns the hooks, with what the settings allow them.
fn hooks(engine: &sql::Engine, settings: &Settings) -> Hooks {
    let checks = Arc::new(sql::SqlChecks::new(engine.clone()));
    let secrets = Arc::new(ListedSecrets(settings.hooks.clone()));
    Hooks::new(checks, hooks::Limits::default())
        .with_settings(settings.hooks.clone(), secrets)
        .with_registrar(Arc::new(Registrar::default()))
}

async fn bind(what: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let failure = Failure::new(
            Exit::Failed,
            format!("the {what} cannot listen on {address}: {error}"),
        );
        match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                failure.with_hint("stop what listens there, or choose another port")
            }
            _ => failure,
        }
    })
}

/// Creates the first repository, unless there is one, and tells it of its plain warehouse and layout, if they are set.
async fn first_repository(
    folder: &OpenFolder,
    name: &RepositoryName,
    (warehouse, layout): (Option<&WarehouseSettings>, Option<Layout>),
) -> Result<(), Failure> {
    let told = |settings: &[(String, String)]| {
        let settings = warehouse.map_or_else(|| settings.to_vec(), |warehouse| warehouse.put_into(settings));
        layout.map_or_else(|| settings.clone(), |layout| layout.put_into(&settings))
    };
    if let Some(record) = folder.refs.repository(name).await? {
        let settings = told(&record.settings);
        if settings != record.settings {
            folder.refs.set_repository_settings(record.id, &settings).await?;
        }
        return Ok(());
    }
    let settings = told(&[]);
    let branch = RefName::parse(DEFAULT_BRANCH)?;
    folder.repositories.create_with(name, &branch, &settings).await?;
    tracing::info!(repository = %name, "created the first repository");
    Ok(())
}

/// Warns if clients of a listener would find nothing. The ref may be created later, so it is no error.
async fn warn_of_missing_ref(
    repositories: &Repositories,
    address: SocketAddr,
    listener: &ThriftListener,
    default: &RepositoryName,
) {
    let repository = listener.place.repository.as_ref().unwrap_or(default);
    let found = async {
        let repository = repositories.get(repository).await?;
        match &listener.place.reference {
            Some(reference) => repository.resolve(reference).await.map(drop),
            None => Ok(()),
        }
    };
    if let Err(error) = found.await {
        tracing::warn!(
            listener = %format!("thrift://{address}"), %repository, reference = ?listener.place.reference, %error,
            "a metastore listener serves what is not there: its clients fail until it is created, \
             as by `skep branch create` or `skep repository create`, or the listener is bound to another"
        );
    }
}

/// Gives the database `default` its place in the plain warehouse.
async fn found_warehouse(
    repositories: &Repositories,
    name: &RepositoryName,
    warehouses: &Arc<OpenWarehouse>,
) -> Result<(), Failure> {
    let repository = repositories.get(name).await?;
    let Some(settings) = WarehouseSettings::of(&repository.record().settings)? else {
        return Ok(());
    };
    let catalog = Catalog::open(repository, &**warehouses)?;
    Ok(catalog::warehouse::found(&catalog, &settings.root).await?)
}

async fn serve_flight(
    socket: TcpListener,
    repositories: Repositories,
    default: RepositoryName,
    engine: sql::Engine,
    stop: CancellationToken,
) {
    let statements = Arc::new(FlightRunner(engine));
    let flight = Flight {
        repositories,
        default,
        statements,
    };
    if let Err(error) = flight::serve(socket, flight, stop.cancelled_owned()).await {
        tracing::error!(%error, "Flight SQL ended");
    }
}

/// Returns the engine for statements of users, which may be about branches.
fn changing(engine: sql::Engine, gate: Arc<dyn Gate>, resolver: Arc<CatalogResolver>) -> sql::Engine {
    engine.with_branches(Arc::new(BranchStatements {
        gate,
        resolver,
        author: AUTHOR.to_owned(),
    }))
}

fn context(
    repositories: &Repositories,
    place: ListenerPlace,
    default: &RepositoryName,
    settings: &Settings,
) -> Context {
    let listener = Listener {
        repository: place.repository.unwrap_or_else(|| default.clone()),
        reference: place.reference,
        scheme: settings.location_scheme.clone(),
    };
    Context::new(repositories.clone(), listener, Arc::new(MachineClock)).with_settings(settings.metastore())
}

fn announcement(
    settings: &Settings,
    http: &TcpListener,
    s3: &TcpListener,
    flight: Option<&TcpListener>,
    metastores: &[(TcpListener, ThriftListener)],
) -> Result<String, Failure> {
    let mut text = format!("skep is up, with its data in {}\n", settings.data.display());
    text += &format!("  REST       http://{}\n", http.local_addr()?);
    text += &format!(
        "  S3         http://{}  (access key {})\n",
        s3.local_addr()?,
        settings.access_key
    );
    if let Some(flight) = flight {
        text += &format!("  Flight SQL grpc://{}\n", flight.local_addr()?);
    }
    for (socket, listener) in metastores {
        let announced = listener.announce(socket.local_addr()?, &settings.repository);
        text += &format!("  metastore  {announced}\n");
    }
    Ok(text)
}

#[expect(clippy::print_stdout, reason = "people and scripts wait for this line")]
fn tell(text: &str) {
    print!("{text}");
}

/// Waits for SIGINT or SIGTERM.
async fn signalled() -> Result<(), Failure> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
