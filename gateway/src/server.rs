//! The listener: requests to the framework, and what is said of them.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::{HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, HttpResponse};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::field::Empty;
use versioning::Repositories;

use crate::credentials::{Credentials, OperationName, SignedOnly};
use crate::gateway::Gateway;
use crate::guard::GuardedBody;
use crate::limits::Limits;

/// The gauge of open connections.
const CONNECTIONS: &str = "skep_gateway_connections";

/// Serves S3 until `shutdown` is done and open requests are, with the default [`Limits`].
pub async fn serve(
    listener: TcpListener,
    repositories: Repositories,
    credentials: Credentials,
    shutdown: impl Future<Output = ()> + Send,
) {
    serve_with(listener, repositories, credentials, Limits::default(), shutdown).await;
}

/// Serves S3 until `shutdown` is done and open requests are, or have had [`serving::Limits::drain`].
///
/// Signatures are compared with the clock of the machine: the framework takes no other.
pub async fn serve_with(
    listener: TcpListener,
    repositories: Repositories,
    credentials: Credentials,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let server = Server::new(repositories, credentials, limits);
    let connections = server.limits.connections;
    let answer = move |request| server.clone().request(request);
    serving::serve(listener, (CONNECTIONS, connections), answer, shutdown).await;
}

/// What every connection shares.
#[derive(Clone)]
struct Server {
    service: S3Service,
    limits: Arc<Limits>,
    /// Counts on from the time of the start, so that ids of several runs rarely meet.
    next_id: Arc<AtomicU64>,
}

impl Server {
    fn new(repositories: Repositories, credentials: Credentials, limits: Limits) -> Server {
        let next_id = Arc::new(AtomicU64::new(repositories.clock().now_us()));
        let gateway = Gateway::new(repositories, limits);
        let limits = gateway.limits.clone();
        let mut builder = S3ServiceBuilder::new(gateway);
        builder.set_auth(credentials);
        builder.set_access(SignedOnly {
            xml_bytes_max: limits.xml_bytes_max,
        });
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config(&limits)))));
        Server {
            service: builder.build(),
            limits,
            next_id,
        }
    }

    async fn request(self, mut request: http::Request<Incoming>) -> Result<HttpResponse, HttpError> {
        let started = Instant::now();
        let name = OperationName::default();
        request.extensions_mut().insert(name.clone());
        let (method, path) = (request.method(), request.uri().path());
        let id = format!("{:016X}", self.next_id.fetch_add(1, Relaxed));
        let span = tracing::info_span!("s3", id, %method, path, operation = Empty, status = Empty);
        let response = self.answer(request).instrument(span.clone()).await;
        let status = response
            .as_ref()
            .map_or(500, |response| response.status().as_u16());
        let operation = name.get();
        span.record("operation", operation.as_str())
            .record("status", status);
        span.in_scope(|| tracing::debug!("answered"));
        metrics::counter!("skep_gateway_requests_total",
            "operation" => operation.clone(), "status" => status.to_string())
        .increment(1);
        metrics::histogram!("skep_gateway_request_seconds", "operation" => operation)
            .record(started.elapsed().as_secs_f64());
        response.map(|response| with_id(response, &id))
    }

    /// Has the framework answer, and announces the end of a connection on which no request can follow.
    async fn answer(&self, request: http::Request<Incoming>) -> Result<HttpResponse, HttpError> {
        let (head, body) = request.into_parts();
        let expects = head.headers.contains_key(header::EXPECT);
        let (body, rest) = GuardedBody::new(body, expects, self.limits.connections.stall);
        let request = http::Request::from_parts(head, Body::http_body_unsync(body));
        let mut response = self.service.call(request).await.map(partial)?;
        if !rest.drain().await {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        Ok(response)
    }
}

/// Names the request to the client, as in the logs here: SDKs show it in their errors.
fn with_id(mut response: HttpResponse, id: &str) -> HttpResponse {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert("x-amz-request-id", id);
    }
    response
}

/// Gives a part its status. The framework does so for GET, and lets nobody do it for HEAD.
fn partial(mut response: HttpResponse) -> HttpResponse {
    if response.status() == StatusCode::OK && response.headers().contains_key(header::CONTENT_RANGE) {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// Forms are refused; so little of them is taken before that is found out.
fn config(limits: &Limits) -> S3Config {
    let mut config = S3Config::default();
    config.xml_max_body_size = limits.xml_bytes_max;
    config.post_object_max_file_size = 0;
    config.form_max_field_size = 16 << 10;
    config.form_max_fields_size = 64 << 10;
    config.form_max_parts = 64;
    config
}
