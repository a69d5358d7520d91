//! The REST API on a socket, with its log, its counters and its health.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tower::ServiceExt;
use tower_http::timeout::TimeoutBody;

use crate::{Api, router};

/// The gauge of open connections.
const CONNECTIONS: &str = "skep_rest_connections";
/// How long a client may be silent in the middle of a request's body.
const BODY_SILENCE_MAX: Duration = Duration::from_secs(30);

/// Renders what `/metrics` answers, in the text format of Prometheus.
#[derive(Clone)]
pub struct Metrics(Arc<dyn Fn() -> String + Send + Sync>);

impl Metrics {
    /// Returns metrics that `render` renders.
    pub fn new(render: impl Fn() -> String + Send + Sync + 'static) -> Metrics {
        Metrics(Arc::new(render))
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Serves the API, `/health` and `/metrics` until `shutdown` is done and open requests are, or have had
/// [`serving::Limits::drain`].
pub async fn serve(
    listener: TcpListener,
    (api, limits): (Api, serving::Limits),
    metrics: Metrics,
    shutdown: impl Future<Output = ()> + Send,
) {
    let routes = routes(api, metrics, BODY_SILENCE_MAX.min(limits.stall));
    let answer = move |request: Request<Incoming>| routes.clone().oneshot(request.map(Body::new));
    serving::serve(listener, (CONNECTIONS, limits), answer, shutdown).await;
}

fn routes(api: Api, metrics: Metrics, silence_max: Duration) -> Router {
    router(api)
        .route("/health", get(async || "ok\n"))
        .route("/metrics", get(async move || (metrics.0)()))
        .layer(middleware::from_fn(count))
        .layer(middleware::map_request(move |request: Request| {
            let request = request.map(|body| Body::new(TimeoutBody::new(silence_max, body)));
            std::future::ready(request)
        }))
}

/// Counts requests by route and status.
async fn count(request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let method = request.method().to_string();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!("skep_rest_requests", "method" => method, "route" => route, "status" => status)
        .increment(1);
    response
}
