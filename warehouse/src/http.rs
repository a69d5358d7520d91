//! Sends requests over HTTP: with limits of time and size, and again where that may help.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::fault::Fault;
use crate::settings::{ConnectionError, Limits};

/// How long a connection without a request stays open: services close theirs after some 20 s.
const IDLE: Duration = Duration::from_secs(15);

/// A request whose URL is signed.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) method: http::Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Sends requests to one endpoint.
#[derive(Debug)]
pub(crate) struct Sender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// What is told of where requests go.
    endpoint: String,
    limits: Limits,
}

impl Sender {
    pub(crate) fn new(endpoint: &Url, limits: Limits) -> Result<Sender, ConnectionError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limits.connect));
        let connector = secured(endpoint)?.wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Sender {
            client,
            endpoint: endpoint.origin().ascii_serialization(),
            limits,
        })
    }

    /// Sends what `sign` returns, which is signed anew each time, until `read` takes the answer or fails in a way
    /// that does not pass. Only for what may be done twice.
    pub(crate) async fn send<T>(
        &self,
        time: Duration,
        sign: impl Fn() -> Signed,
        read: impl Fn(Answer) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let (mut attempt, mut pause) = (1, self.limits.pause);
        loop {
            match self.once(time, sign()).await.and_then(&read) {
                Err(fault) if fault.may_pass() && attempt < self.limits.attempts => {
                    tracing::debug!(%fault, attempt, "a request to S3 is sent again");
                }
                done => return done,
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
            pause *= 2;
        }
    }

    /// Sends a request that may not be sent again.
    pub(crate) async fn once(&self, time: Duration, signed: Signed) -> Result<Answer, Fault> {
        let answered = tokio::time::timeout(time, self.exchange(signed)).await;
        answered.unwrap_or_else(|_| {
            Err(Fault::Late {
                endpoint: self.endpoint.clone(),
                after: time,
            })
        })
    }

    async fn exchange(&self, signed: Signed) -> Result<Answer, Fault> {
        let mut request = Request::builder().method(signed.method).uri(signed.url.as_str());
        for (name, value) in &signed.headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(Full::new(signed.body))
            .map_err(|error| Fault::BrokenOff {
                message: error.to_string(),
            })?;
        let answer = self.client.request(request).await;
        let (head, body) = answer.map_err(|error| self.unreachable(&error))?.into_parts();
        let body = Limited::new(body, self.limits.answer_bytes_max).collect().await;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.map_err(|error| self.unreachable(&*error))?.to_bytes(),
        })
    }

    /// Tells the innermost reason, which says more than those around it, and names no URL.
    fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> Fault {
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Fault::Unreachable {
            endpoint: self.endpoint.clone(),
            message: innermost.to_string(),
        }
    }
}

/// Returns how connections are made: over TLS with the certificates that this machine trusts, if the endpoint asks
/// for it.
fn secured(endpoint: &Url) -> Result<Builder, ConnectionError> {
    let provider = Arc::new(ring::default_provider());
    let builder = HttpsConnectorBuilder::new();
    let builder = if endpoint.scheme() == "https" {
        builder
            .with_provider_and_native_roots(provider)
            .map_err(certificates)?
    } else {
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(certificates)?;
        builder.with_tls_config(
            config
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth(),
        )
    };
    Ok(builder.https_or_http().enable_http1())
}

type Builder = HttpsConnectorBuilder<hyper_rustls::builderstates::WantsProtocols2>;

fn certificates(error: impl std::fmt::Display) -> ConnectionError {
    ConnectionError::Certificates {
        message: error.to_string(),
    }
}
