//! HTTP as actions speak it: one connection a request, no redirects, no proxies, answers of bounded size.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::settings::Settings;

/// More than this is read of no answer.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Where requests go, and whom they trust.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    settings: Arc<Settings>,
    socket: Option<PathBuf>,
    /// Certificates that are trusted instead of the system's, as PEM.
    roots: Option<Vec<u8>>,
    headers: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the JSON of an answer that is a success.
    pub(crate) fn json(&self) -> Result<Value, String> {
        if !self.status.is_success() {
            return Err(self.unwelcome());
        }
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|error| format!("the answer is not JSON: {error}"))
    }

    pub(crate) fn unwelcome(&self) -> String {
        let text: String = self.text().chars().take(1_000).collect();
        format!("answered {}: {}", self.status, text.trim())
    }
}

impl Http {
    pub(crate) fn new(settings: &Arc<Settings>) -> Http {
        Http {
            settings: settings.clone(),
            socket: None,
            roots: None,
            headers: Vec::new(),
        }
    }

    /// Sends all requests to a Unix socket, whatever host they name.
    pub(crate) fn at_socket(self, socket: PathBuf) -> Http {
        Http {
            socket: Some(socket),
            ..self
        }
    }

    /// Trusts these certificates, PEM, and no other.
    pub(crate) fn trusting(self, roots: Vec<u8>) -> Http {
        Http {
            roots: Some(roots),
            ..self
        }
    }

    /// Sends a header with all requests.
    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Http {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn with_bearer(self, token: &str) -> Http {
        self.with_header(AUTHORIZATION.as_str(), format!("Bearer {token}"))
    }

    pub(crate) fn with_password(self, user: &str, password: &str) -> Http {
        let pair = base64_simd::STANDARD.encode_to_string(format!("{user}:{password}"));
        self.with_header(AUTHORIZATION.as_str(), format!("Basic {pair}"))
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Answer, String> {
        self.send(Method::GET, url, None).await
    }

    pub(crate) async fn delete(&self, url: &str) -> Result<Answer, String> {
        self.send(Method::DELETE, url, None).await
    }

    pub(crate) async fn post(&self, url: &str, body: &Value) -> Result<Answer, String> {
        let body = ("application/json", body.to_string().into());
        self.send(Method::POST, url, Some(body)).await
    }

    /// Sends a request; a body comes with its type.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<Answer, String> {
        let uri: Uri = url.parse().map_err(|_| "its URL is not valid".to_owned())?;
        let host = uri.host().ok_or("its URL names no host")?.to_owned();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(HOST, uri.authority().map_or(host.as_str(), |all| all.as_str()));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let (kind, body) = match body {
            Some((kind, body)) => (Some(kind), body),
            None => (None, Bytes::new()),
        };
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        // the message of the builder may quote a header, which may be a secret
        let request = request
            .body(Full::new(body))
            .map_err(|_| "a header is not valid".to_owned())?;
        if let Some(socket) = &self.socket {
            let stream = UnixStream::connect(socket).await;
            return exchange(
                stream.map_err(|error| format!("{}: {error}", socket.display()))?,
                request,
            )
            .await;
        }
        self.settings.allow_host(&host)?;
        let is_tls = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let stream = TcpStream::connect((bare.as_str(), port)).await;
        let stream = stream.map_err(|error| format!("cannot reach {host}:{port}: {error}"))?;
        if !is_tls {
            return exchange(stream, request).await;
        }
        let name = ServerName::try_from(bare).map_err(|_| format!("{host} is no name of a host"))?;
        let connector = TlsConnector::from(Arc::new(self.tls()?));
        let stream = connector.connect(name, stream).await;
        exchange(
            stream.map_err(|error| format!("TLS with {host}: {error}"))?,
            request,
        )
        .await
    }

    fn tls(&self) -> Result<ClientConfig, String> {
        let mut roots = RootCertStore::empty();
        match &self.roots {
            Some(pem) => {
                for certificate in rustls::pki_types::CertificateDer::pem_slice_iter(pem) {
                    let certificate = certificate.map_err(|error| format!("the certificates: {error}"))?;
                    roots
                        .add(certificate)
                        .map_err(|error| format!("the certificates: {error}"))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Answer, String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let answer = async {
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| format!("its answer: {error}"))?.to_bytes();
        Ok(Answer { status, body })
    };
    // the connection is driven here, not by a task: who gives up the request gives up both
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        ended = connection => {
            ended.map_err(|error| error.to_string())?;
            answer.await
        }
    }
}

/// Returns a text for a place in a path or query of a URL.
pub(crate) fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Returns a URL as it is written in a hook file, which has to be one of HTTP.
pub(crate) fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}
