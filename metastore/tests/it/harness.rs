//! A server in this process, and a client that is no more than the codec on a socket.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;

use catalog::merge::CatalogResolver;
use catalog::warehouse::{DeleteMode, MemoryWarehouse};
use catalog::{OpenWarehouse, PlainWarehouse, Warehouse, WarehouseSettings};
use metastore::{Context, Door, HeadMoves, Limits, Listener, serve};
use testkit::SteppingClock;
use thrift_idl::types::{Database, Exception, FieldSchema, Partition, SerDeInfo, StorageDescriptor, Table};
use thrift_idl::{ApplicationError, Message, MessageKind, Outcome, Rpc, Scanner, Wire, decode, methods};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use versioning::merge::{Landing, MergeOutcome, OpenGate};
use versioning::refs::CommitMode;
use versioning::repository::CommitMessage;
use versioning::{RefExpr, RefName, Repositories, Repository, RepositoryName};

/// A running server with the repository `lake` and its branch `main`.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) repositories: Repositories,
    pub(super) repository: Repository,
    _stop: DropGuard,
}

impl Server {
    pub(super) async fn start() -> Server {
        Server::with(Limits::default(), None).await
    }

    /// Starts a server with a table in a database of its own, and connects to it.
    pub(super) async fn with_table(table: Table) -> (Server, Client) {
        let server = Server::start().await;
        let mut client = server.connect().await;
        client.create_database(table.db_name.as_deref().unwrap()).await;
        client.create_table(table).await;
        (server, client)
    }

    /// Starts a server with limits of its own, on a listener for a ref.
    pub(super) async fn with(limits: Limits, reference: Option<&str>) -> Server {
        Server::behind(Door::default(), limits, reference).await
    }

    /// Starts a server that clients enter by `door`.
    pub(super) async fn behind(door: Door, limits: Limits, reference: Option<&str>) -> Server {
        let (repositories, repository) = narrated().await;
        Server::over(repositories, repository, door, limits, reference).await
    }

    /// Starts a server whose repository keeps data in the plain warehouse `files`; it opens no other kind.
    pub(super) async fn plain(files: Arc<MemoryWarehouse>) -> Server {
        let (repositories, _) = narrated().await;
        let settings = WarehouseSettings::new(files.root(), DeleteMode::Immediate, None).unwrap();
        let (plain, main) = (
            RepositoryName::parse("plain").unwrap(),
            RefName::parse("main").unwrap(),
        );
        let settings = settings.put_into(&[]);
        let made = repositories.create_with(&plain, &main, &settings);
        let repository = made.await.unwrap();
        let open: Arc<OpenWarehouse> = Arc::new(move |settings: &WarehouseSettings| {
            let is_known = settings.root.starts_with("file:");
            is_known.then(|| PlainWarehouse::new(Arc::new(files.at(&settings.root))))
        });
        Server::around(
            repositories,
            repository,
            Door::default(),
            Limits::default(),
            None,
            Some(open),
        )
        .await
    }

    /// Starts another server over the same store.
    pub(super) async fn another_listener(&self) -> Server {
        let (repositories, repository) = (self.repositories.clone(), self.repository.clone());
        Server::over(repositories, repository, Door::default(), Limits::default(), None).await
    }

    async fn over(
        repositories: Repositories,
        repository: Repository,
        door: Door,
        limits: Limits,
        reference: Option<&str>,
    ) -> Server {
        Server::around(repositories, repository, door, limits, reference, None).await
    }

    async fn around(
        repositories: Repositories,
        repository: Repository,
        door: Door,
        limits: Limits,
        reference: Option<&str>,
        warehouses: Option<Arc<OpenWarehouse>>,
    ) -> Server {
        let listener = Listener {
            repository: repository.record().name.clone(),
            reference: reference.map(|text| RefExpr::parse(text).unwrap()),
            scheme: "s3a".into(),
        };
        let mut context = Context::new(repositories.clone(), listener, Arc::new(SteppingClock::default()));
        if let Some(warehouses) = warehouses {
            context = context.with_warehouses(warehouses);
        }
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(serve(socket, context, door, limits, stop.clone()));
        Server {
            address,
            repositories,
            repository,
            _stop: stop.drop_guard(),
        }
    }

    pub(super) async fn connect(&self) -> Client {
        self.connect_as(Wire::default()).await
    }

    pub(super) async fn connect_as(&self, wire: Wire) -> Client {
        Client::over(self.stream().await, wire)
    }

    /// Opens a connection and says nothing.
    pub(super) async fn stream(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Commits what is staged on `main`, and makes a branch of it.
    pub(super) async fn branch(&self, name: &str) {
        self.commit().await;
        let name = RefName::parse(name).unwrap();
        let from = RefExpr::parse("main").unwrap();
        self.repository
            .create_branch(&name, &from, CommitMode::Staged)
            .await
            .unwrap();
    }

    /// Commits what is staged on `main`, and returns the commit's id.
    pub(super) async fn commit(&self) -> String {
        self.commit_on("main").await
    }

    /// Commits what is staged on a branch, and returns the commit's id.
    pub(super) async fn commit_on(&self, branch: &str) -> String {
        let words = CommitMessage {
            message: "test".into(),
            allow_empty: true,
            ..CommitMessage::default()
        };
        self.repository
            .commit(&RefName::parse(branch).unwrap(), words)
            .await
            .unwrap()
            .to_string()
    }

    /// Merges what is committed on a branch into `main`.
    pub(super) async fn merge(&self, branch: &str) {
        let source = RefExpr::parse(branch).unwrap();
        let landing = Landing::onto(RefName::parse("main").unwrap(), "test");
        let resolver = CatalogResolver::default();
        let merged = self.repository.merge(&source, &landing, &resolver, &OpenGate);
        assert!(matches!(merged.await.unwrap().outcome, MergeOutcome::Landed(_)));
    }
}

/// Returns a store in memory in which moves of heads are told, with the repository `lake`.
async fn narrated() -> (Repositories, Repository) {
    let parts = testkit::memory_parts(1);
    let narrator = HeadMoves::default();
    let open = Repositories::open(parts, versioning::repository::Limits::default());
    let repositories = open.await.unwrap().narrated_by(Arc::new(narrator));
    let (lake, main) = (
        RepositoryName::parse("lake").unwrap(),
        RefName::parse("main").unwrap(),
    );
    let repository = repositories.create(&lake, &main).await.unwrap();
    (repositories, repository)
}

/// A connection.
pub(super) struct Client<S = TcpStream> {
    pub(super) stream: S,
    pub(super) wire: Wire,
    pub(super) seq: i32,
    received: Vec<u8>,
}

/// What a call ended in other than a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Thrown {
    Declared(Exception),
    Application(ApplicationError),
}

impl std::fmt::Display for Thrown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Thrown::Declared(exception) => write!(f, "{exception}"),
            Thrown::Application(error) => {
                write!(
                    f,
                    "{} {}",
                    error.kind.unwrap_or(-1),
                    error.message.as_deref().unwrap_or_default()
                )
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Returns a client on a stream that is open.
    pub(super) fn over(stream: S, wire: Wire) -> Client<S> {
        Client {
            stream,
            wire,
            seq: 0,
            received: Vec::new(),
        }
    }

    /// Calls a method; `None` is the value of a void one.
    pub(super) async fn call<R: Rpc>(
        &mut self,
        args: R::Args,
    ) -> Result<Option<<R::Reply as Outcome>::Success>, Thrown> {
        self.send::<R>(&args).await;
        self.receive::<R>().await
    }

    /// Calls a method that returns a value.
    pub(super) async fn get<R: Rpc>(
        &mut self,
        args: R::Args,
    ) -> Result<<R::Reply as Outcome>::Success, Thrown> {
        self.call::<R>(args)
            .await
            .map(|value| value.unwrap_or_else(|| panic!("{}: no value", R::METHOD.name)))
    }

    /// Calls a method and spells how it ended.
    pub(super) async fn outcome<R: Rpc>(&mut self, args: R::Args) -> String {
        match self.call::<R>(args).await {
            Ok(_) => "ok".into(),
            Err(thrown) => thrown.to_string(),
        }
    }

    pub(super) async fn send<R: Rpc>(&mut self, args: &R::Args) {
        self.seq += 1;
        let mut bytes = Vec::new();
        self.wire
            .write_message(&mut bytes, R::METHOD.name, MessageKind::Call, self.seq, args)
            .unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    pub(super) async fn receive<R: Rpc>(&mut self) -> Result<Option<<R::Reply as Outcome>::Success>, Thrown> {
        let (message, body) = self.message().await.expect("an answer");
        assert_eq!(message.name, R::METHOD.name);
        if message.kind == MessageKind::Exception {
            return Err(Thrown::Application(decode(self.wire.protocol, &body).unwrap()));
        }
        let limits = thrift_idl::Limits {
            message_bytes_max: 1 << 40,
            decoded_bytes_max: 1 << 40,
            ..thrift_idl::Limits::default()
        };
        let reply: R::Reply = thrift_idl::decode_with(self.wire.protocol, &body, &limits).unwrap();
        reply.into_result().map_err(Thrown::Declared)
    }

    /// Returns the next message with its body; `None` when the server has closed the connection.
    pub(super) async fn message(&mut self) -> Option<(Message, Vec<u8>)> {
        let limits = thrift_idl::Limits {
            message_bytes_max: 1 << 40,
            ..thrift_idl::Limits::default()
        };
        let mut scanner = Scanner::new(self.wire, limits);
        loop {
            if let Some(message) = scanner.scan(&self.received).unwrap() {
                let body = self.received[message.body.clone()].to_vec();
                self.received.drain(..message.end);
                return Some((message, body));
            }
            let read = self.stream.read_buf(&mut self.received).await;
            if matches!(read, Ok(0) | Err(_)) {
                return None;
            }
        }
    }

    pub(super) async fn create_database(&mut self, name: &str) {
        let database = Database {
            name: Some(name.into()),
            ..Database::default()
        };
        let args = methods::CreateDatabaseArgs {
            database: Some(database),
        };
        self.call::<methods::CreateDatabase>(args).await.unwrap();
    }

    pub(super) async fn create_table(&mut self, table: Table) {
        self.call::<methods::CreateTable>(methods::CreateTableArgs { tbl: Some(table) })
            .await
            .unwrap();
    }

    pub(super) async fn table(&mut self, database: &str, name: &str) -> Result<Table, Thrown> {
        let args = methods::GetTableArgs {
            dbname: Some(database.into()),
            tbl_name: Some(name.into()),
        };
        self.get::<methods::GetTable>(args).await
    }
}

pub(super) fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub(super) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Reads columns such as `a int, b string`.
pub(super) fn fields(text: &str) -> Vec<FieldSchema> {
    let field = |field: &str| {
        let (name, type_name) = field.trim().split_once(' ').unwrap();
        FieldSchema {
            name: some(name),
            r#type: some(type_name),
            comment: None,
        }
    };
    text.split(", ")
        .filter(|field| !field.is_empty())
        .map(field)
        .collect()
}

pub(super) fn storage(columns: &str) -> StorageDescriptor {
    StorageDescriptor {
        cols: Some(fields(columns)),
        input_format: some("org.apache.hadoop.mapred.TextInputFormat"),
        output_format: some("org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"),
        compressed: Some(false),
        num_buckets: Some(-1),
        serde_info: Some(SerDeInfo {
            serialization_lib: some("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"),
            parameters: Some([("serialization.format".to_owned(), "1".to_owned())].into()),
            ..SerDeInfo::default()
        }),
        ..StorageDescriptor::default()
    }
}

pub(super) fn table(database: &str, name: &str, columns: &str, keys: &str) -> Table {
    Table {
        table_name: some(name),
        db_name: some(database),
        owner: some("o"),
        sd: Some(storage(columns)),
        partition_keys: Some(fields(keys)),
        table_type: some("MANAGED_TABLE"),
        ..Table::default()
    }
}

pub(super) fn partition(database: &str, table: &str, values: &[&str]) -> Partition {
    Partition {
        values: Some(texts(values)),
        db_name: some(database),
        table_name: some(table),
        sd: Some(storage("A int")),
        ..Partition::default()
    }
}
