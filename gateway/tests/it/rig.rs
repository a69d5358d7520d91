//! A server over a store in memory, and clients for it.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use gateway::{Credentials, Limits};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::client::{
    self, HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::{ClientOptions, RetryConfig};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use versioning::refs::CommitMode;
use versioning::repository::{CommitMessage, Parts};
use versioning::store::{FileWriter, Files, MemoryFiles};
use versioning::{CommitId, RefName, Repositories, Repository, RepositoryName};

pub(crate) const ACCESS_KEY: &str = "SKEPACCESSKEY";
pub(crate) const SECRET_KEY: &str = "a secret of forty characters, more or less";

/// A running server. It ends with the value.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) repositories: Repositories,
    pub(crate) repository: Repository,
    pub(crate) files: Arc<WatchedFiles>,
    parts: Parts,
    limits: Limits,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) server: JoinHandle<()>,
}

impl Rig {
    /// Starts a server with the repository `lake` and its branch `main`.
    pub(crate) async fn start() -> Rig {
        Rig::with(Limits {
            part_bytes_min: 8,
            ..Limits::default()
        })
        .await
    }

    pub(crate) async fn with(limits: Limits) -> Rig {
        let files = Arc::new(WatchedFiles::default());
        let parts = Parts {
            files: files.clone(),
            ..testkit::memory_parts(7)
        };
        let repositories = open(&parts).await;
        repositories
            .create(&name("lake"), &reference("main"))
            .await
            .unwrap();
        Rig::over(parts, files, limits).await
    }

    async fn over(parts: Parts, files: Arc<WatchedFiles>, limits: Limits) -> Rig {
        let repositories = open(&parts).await;
        let repository = repositories.get(&name("lake")).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let credentials = Credentials::new([(ACCESS_KEY, SECRET_KEY), ("SECONDKEY", "another secret")]);
        let served = gateway::serve_with(
            listener,
            repositories.clone(),
            credentials,
            limits.clone(),
            async {
                let _ = stopped.await;
            },
        );
        let server = tokio::spawn(served);
        Rig {
            address,
            repositories,
            repository,
            files,
            parts,
            limits,
            stop: Some(stop),
            server,
        }
    }

    /// Starts another server over the same store, which knows nothing that this one has in memory.
    pub(crate) async fn again(&self) -> Rig {
        Rig::over(self.parts.clone(), self.files.clone(), self.limits.clone()).await
    }

    /// Asks the server to end.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Returns a client for the repository `lake`.
    pub(crate) fn client(&self) -> AmazonS3 {
        self.client_with(ACCESS_KEY, SECRET_KEY)
    }

    pub(crate) fn client_with(&self, access_key: &str, secret_key: &str) -> AmazonS3 {
        let once = RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        };
        AmazonS3Builder::new()
            .with_endpoint(format!("http://{}", self.address))
            .with_region("us-east-1")
            .with_bucket_name("lake")
            .with_access_key_id(access_key)
            .with_secret_access_key(secret_key)
            .with_http_connector(PlainHttp)
            .with_client_options(ClientOptions::new().with_allow_http(true))
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_retry(once)
            .build()
            .unwrap()
    }

    /// Commits `main`.
    pub(crate) async fn commit(&self, message: &str) -> CommitId {
        let words = CommitMessage {
            author: "me".into(),
            message: message.into(),
            ..CommitMessage::default()
        };
        self.repository.commit(&reference("main"), words).await.unwrap()
    }

    /// Creates a branch that starts at `main`.
    pub(crate) async fn branch(&self, branch: &str) {
        let from = reference("main").into();
        self.repository
            .create_branch(&reference(branch), &from, CommitMode::Staged)
            .await
            .unwrap();
    }
}

/// The transport of the client: HTTP without TLS.
#[derive(Debug)]
struct PlainHttp;

#[derive(Debug)]
struct Transport(Client<HttpConnector, HttpRequestBody>);

impl client::HttpConnector for PlainHttp {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Transport(
            Client::builder(TokioExecutor::new()).build_http(),
        )))
    }
}

#[async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self
            .0
            .request(request)
            .await
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let failed = |error| HttpError::new(HttpErrorKind::Interrupted, error);
        Ok(response.map(|body| HttpResponseBody::new(body.map_err(failed))))
    }
}

async fn open(parts: &Parts) -> Repositories {
    Repositories::open(parts.clone(), versioning::repository::Limits::default())
        .await
        .unwrap()
}

pub(crate) fn name(text: &str) -> RepositoryName {
    RepositoryName::parse(text).unwrap()
}

pub(crate) fn reference(text: &str) -> RefName {
    RefName::parse(text).unwrap()
}

/// Waits, but not for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .expect("it takes too long")
}

/// Files in memory that tell what is done with data files, and fail on demand.
#[derive(Debug, Default)]
pub(crate) struct WatchedFiles {
    inner: MemoryFiles,
    pub(crate) counts: Arc<Counts>,
    /// Whether data files are without end, and read as pieces of zeros.
    pub(crate) endless: AtomicBool,
    pub(crate) pieces_read: Arc<AtomicU64>,
    pub(crate) read_ended: Arc<Notify>,
    pub(crate) full: AtomicBool,
    pub(crate) lost: AtomicBool,
}

/// The size of the pieces of endless files.
pub(crate) const PIECE: usize = 64 << 10;

fn is_data(path: &str) -> bool {
    path.contains("/d/")
}

#[async_trait]
impl Files for WatchedFiles {
    async fn put(&self, path: &str, bytes: Bytes) -> versioning::Result<()> {
        self.inner.put(path, bytes).await
    }

    async fn create(&self, path: &str) -> versioning::Result<Box<dyn FileWriter>> {
        if self.full.load(SeqCst) {
            return Err(versioning::Error::NoSpace { operation: "upload" });
        }
        let inner = self.inner.create(path).await?;
        self.counts.files.fetch_add(1, SeqCst);
        Ok(Box::new(WatchedWriter {
            inner,
            counts: self.counts.clone(),
        }))
    }

    async fn get(&self, path: &str) -> versioning::Result<Bytes> {
        self.inner.get(path).await
    }

    async fn read(
        &self,
        path: &str,
        range: Range<u64>,
    ) -> versioning::Result<BoxStream<'static, versioning::Result<Bytes>>> {
        if is_data(path) && self.lost.load(SeqCst) {
            return Err(versioning::Error::NotFound {
                what: "file",
                name: path.to_owned(),
            });
        }
        if !is_data(path) || !self.endless.load(SeqCst) {
            return self.inner.read(path, range).await;
        }
        let pieces = (range.end - range.start).div_ceil(PIECE as u64);
        let (count, ended) = (self.pieces_read.clone(), OnDrop(self.read_ended.clone()));
        let stream = stream::iter(0..pieces).map(move |_| {
            let _ = &ended;
            count.fetch_add(1, SeqCst);
            Ok(Bytes::from_static(&[0; PIECE]))
        });
        Ok(stream.boxed())
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, versioning::Result<(String, u64)>> {
        self.inner.list(prefix)
    }

    async fn delete(&self, path: &str) -> versioning::Result<()> {
        self.inner.delete(path).await
    }
}

/// What data files were given.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) files: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) most_at_once: AtomicU64,
    pub(crate) progress: Notify,
}

#[derive(Debug)]
struct WatchedWriter {
    inner: Box<dyn FileWriter>,
    counts: Arc<Counts>,
}

#[async_trait]
impl FileWriter for WatchedWriter {
    async fn write(&mut self, bytes: Bytes) -> versioning::Result<()> {
        let size = bytes.len() as u64;
        self.inner.write(bytes).await?;
        self.counts.bytes.fetch_add(size, SeqCst);
        self.counts.most_at_once.fetch_max(size, SeqCst);
        self.counts.progress.notify_one();
        Ok(())
    }

    async fn finish(self: Box<Self>) -> versioning::Result<()> {
        self.inner.finish().await
    }
}

struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
