//! A service of S3 that keeps objects in memory, checks signatures, and fails when it is told to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use catalog::WarehouseSettings;
use catalog::warehouse::DeleteMode;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpResponse, S3, S3Request, S3Response, S3Result, s3_error};
use tokio::net::TcpListener;
use warehouse::{Connection, Limits, S3Warehouse};

pub(crate) const BUCKET: &str = "bucket";
pub(crate) const OTHER_BUCKET: &str = "other";
const ACCESS_KEY: &str = "AKIDWAREHOUSE";
const SECRET_KEY: &str = "very-secret-words";

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    List,
    Head,
    Put,
    Copy,
    CopyPart,
    DeleteMany,
    Other,
}

/// How it fails.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    Status(u16),
    /// An answer of success that holds an error.
    HiddenError,
    /// The connection ends before anything is done.
    ResetBefore,
    /// The connection ends after it was done.
    ResetAfter,
    /// It is never answered.
    Silence,
}

/// A failure of requests of one kind: the first `spared` succeed, the next `times` do not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure {
    pub(crate) want: Want,
    pub(crate) spared: usize,
    pub(crate) times: usize,
    pub(crate) how: How,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<(String, String), Vec<u8>>,
    uploads: BTreeMap<String, BTreeMap<i32, Vec<u8>>>,
    failures: Vec<Failure>,
    seen: Vec<Want>,
}

/// The service. It ends with the runtime of the test.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    state: Store,
}

#[derive(Debug, Clone, Default)]
struct Store(Arc<Mutex<State>>);

impl Service {
    pub(crate) async fn start() -> Service {
        let state = Store::default();
        let mut builder = S3ServiceBuilder::new(state.clone());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(accept(socket, builder.build(), state.clone()));
        Service { address, state }
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection {
            endpoint: Some(format!("http://{}", self.address)),
            region: "us-east-1".into(),
            access_key: ACCESS_KEY.into(),
            secret_key: SECRET_KEY.into(),
            session_token: None,
        }
    }

    /// Returns the warehouse at `root`.
    pub(crate) fn warehouse(&self, root: &str, trash: Option<&str>) -> S3Warehouse {
        self.warehouse_with(root, trash, limits())
    }

    pub(crate) fn warehouse_with(&self, root: &str, trash: Option<&str>, limits: Limits) -> S3Warehouse {
        let settings = WarehouseSettings::new(root, DeleteMode::Immediate, trash).unwrap();
        let s3 = warehouse::S3::new(self.connection(), limits).unwrap();
        S3Warehouse::new(&settings, &s3).unwrap()
    }

    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        let name = (BUCKET.to_owned(), key.to_owned());
        self.state.lock().objects.insert(name, bytes.to_vec());
    }

    /// Returns the keys in the bucket, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.keys_of(BUCKET)
    }

    pub(crate) fn keys_of(&self, bucket: &str) -> Vec<String> {
        let state = self.state.lock();
        let all = state.objects.keys().filter(|(of, _)| of == bucket);
        all.map(|(_, key)| key.clone()).collect()
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.state.lock().get(BUCKET, key)
    }

    pub(crate) fn fail(&self, failure: Failure) {
        self.state.lock().failures.push(failure);
    }

    /// Returns how many requests of that kind came.
    pub(crate) fn seen(&self, want: Want) -> usize {
        self.state
            .lock()
            .seen
            .iter()
            .filter(|seen| **seen == want)
            .count()
    }

    pub(crate) fn open_uploads(&self) -> usize {
        self.state.lock().uploads.len()
    }
}

/// Limits under which tests need not wait.
pub(crate) fn limits() -> Limits {
    Limits {
        pause: Duration::from_millis(1),
        answer: Duration::from_secs(10),
        ..Limits::default()
    }
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.objects.get(&(bucket.to_owned(), key.to_owned())).cloned()
    }

    fn failure(&mut self, want: Want) -> Option<How> {
        self.seen.push(want);
        let failure = self.failures.iter_mut().find(|failure| failure.want == want)?;
        if failure.spared > 0 {
            failure.spared -= 1;
            return None;
        }
        let how = failure.how;
        failure.times -= 1;
        self.failures.retain(|failure| failure.times > 0);
        Some(how)
    }
}

async fn accept(socket: TcpListener, service: S3Service, state: Store) {
    while let Ok((stream, _)) = socket.accept().await {
        let (service, state) = (service.clone(), state.clone());
        let answer = move |request| answer(service.clone(), state.clone(), request);
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
        tokio::spawn(async move { drop(connection.await) });
    }
}

#[derive(Debug)]
struct Reset;

impl std::fmt::Display for Reset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("reset")
    }
}

impl std::error::Error for Reset {}

async fn answer(
    service: S3Service,
    state: Store,
    request: http::Request<Incoming>,
) -> Result<HttpResponse, Reset> {
    let failure = state.lock().failure(want(&request));
    let call = async { service.call(request.map(Body::from)).await.map_err(|_| Reset) };
    match failure {
        None => call.await,
        Some(How::Status(status)) => Ok(plain(status, "")),
        Some(How::HiddenError) => Ok(plain(
            200,
            "<Error><Code>InternalError</Code><Message>later</Message></Error>",
        )),
        Some(How::ResetBefore) => Err(Reset),
        Some(How::ResetAfter) => call.await.and(Err(Reset)),
        Some(How::Silence) => std::future::pending::<Result<_, Infallible>>()
            .await
            .map_err(|_| Reset),
    }
}

fn plain(status: u16, text: &str) -> HttpResponse {
    let mut response = HttpResponse::new(Body::from(text.to_owned()));
    *response.status_mut() = status.try_into().unwrap();
    response
}

fn want(request: &http::Request<Incoming>) -> Want {
    let query = request.uri().query().unwrap_or_default();
    let has = |name: &str| query.split('&').any(|one| one.split('=').next() == Some(name));
    let copies = request.headers().contains_key("x-amz-copy-source");
    match *request.method() {
        http::Method::GET if has("list-type") => Want::List,
        http::Method::HEAD => Want::Head,
        http::Method::PUT if copies && has("partNumber") => Want::CopyPart,
        http::Method::PUT if copies => Want::Copy,
        http::Method::PUT => Want::Put,
        http::Method::POST if has("delete") => Want::DeleteMany,
        _ => Want::Other,
    }
}

fn check_bucket(name: &str) -> S3Result<()> {
    match name {
        BUCKET | OTHER_BUCKET => Ok(()),
        _ => Err(s3_error!(NoSuchBucket)),
    }
}

fn source(from: &CopySource) -> (String, String) {
    match from {
        CopySource::Bucket { bucket, key, .. } => (bucket.to_string(), key.to_string()),
        other => panic!("{other:?}"),
    }
}

#[async_trait]
impl S3 for Store {
    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        check_bucket(&input.bucket)?;
        let (prefix, after) = (input.prefix.unwrap_or_default(), input.continuation_token);
        let keys_max = usize::try_from(input.max_keys.unwrap_or(1_000)).unwrap();
        let state = self.lock();
        let all = state.objects.iter().filter(|((bucket, key), _)| {
            *bucket == input.bucket
                && key.starts_with(&prefix)
                && after.as_ref().is_none_or(|after| key > after)
        });
        let mut found: Vec<_> = all.take(keys_max + 1).collect();
        let is_truncated = found.len() > keys_max;
        found.truncate(keys_max);
        let next = found
            .last()
            .filter(|_| is_truncated)
            .map(|((_, key), _)| key.clone());
        let contents = found.iter().map(|((_, key), bytes)| Object {
            key: Some(utf8_percent_encode(key, NON_ALPHANUMERIC).to_string()),
            size: Some(bytes.len() as i64),
            ..Object::default()
        });
        Ok(S3Response::new(ListObjectsV2Output {
            contents: Some(contents.collect()),
            is_truncated: Some(is_truncated),
            next_continuation_token: next,
            encoding_type: input.encoding_type,
            ..ListObjectsV2Output::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        let found = self.lock().get(&input.bucket, &input.key);
        let bytes = found.ok_or_else(|| s3_error!(NoSuchKey))?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: Some(bytes.len() as i64),
            ..HeadObjectOutput::default()
        }))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        check_bucket(&input.bucket)?;
        self.lock().objects.insert((input.bucket, input.key), Vec::new());
        Ok(S3Response::new(PutObjectOutput::default()))
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = request.input;
        check_bucket(&input.bucket)?;
        let (bucket, key) = source(&input.copy_source);
        let mut state = self.lock();
        let bytes = state.get(&bucket, &key).ok_or_else(|| s3_error!(NoSuchKey))?;
        state.objects.insert((input.bucket, input.key), bytes);
        let copied = CopyObjectResult {
            e_tag: Some(ETag::Strong("x".into())),
            ..CopyObjectResult::default()
        };
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(copied),
            ..CopyObjectOutput::default()
        }))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let input = request.input;
        assert!(input.delete.objects.len() <= 1_000);
        for object in input.delete.objects {
            self.lock().objects.remove(&(input.bucket.clone(), object.key));
        }
        Ok(S3Response::new(DeleteObjectsOutput::default()))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = request.input;
        self.lock().objects.remove(&(input.bucket, input.key));
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let mut state = self.lock();
        let id = format!("upload-{}", state.uploads.len());
        state.uploads.insert(id.clone(), BTreeMap::new());
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(request.input.bucket),
            key: Some(request.input.key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = request.input;
        let (bucket, key) = source(&input.copy_source);
        let range = input.copy_source_range.unwrap();
        let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
        let mut state = self.lock();
        let bytes = state.get(&bucket, &key).unwrap()[start..=end].to_vec();
        let parts = state.uploads.get_mut(&input.upload_id).unwrap();
        parts.insert(input.part_number, bytes);
        let copied = CopyPartResult {
            e_tag: Some(ETag::Strong(format!("part-{}", input.part_number))),
            ..CopyPartResult::default()
        };
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(copied),
            ..UploadPartCopyOutput::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        for part in input.multipart_upload.unwrap().parts.unwrap() {
            let expected = format!("part-{}", part.part_number.unwrap());
            assert_eq!(part.e_tag.unwrap().value(), expected);
        }
        let mut state = self.lock();
        let parts = state.uploads.remove(&input.upload_id).unwrap();
        let bytes = parts.into_values().flatten().collect();
        let name = (input.bucket.clone(), input.key.clone());
        state.objects.insert(name, bytes);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong("x".into())),
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.lock().uploads.remove(&request.input.upload_id);
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}
