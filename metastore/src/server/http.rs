//! Thrift over HTTP: a POST carries a call, its response the answer.
//!
//! HTTP has no session here, since a proxy may send the calls of many over one connection: who is calling
//! stands in the headers of each request, and what a call sets for its session ends with it. Hive's server
//! promises no more, and its client calls `set_ugi` on sockets alone.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::{BoxStream, try_unfold};
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use thrift_idl::{ApplicationError, ApplicationErrorKind, Message, MessageKind, Scanner, Wire};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::answer::{BrokenOff, Caller, Head, Outgoing};
use super::credentials::Tokens;
use super::path::{PathError, meant};
use super::{Limits, Service, metric};
use crate::context::Session;

/// In which header Hive's client says who is calling.
const USER: &str = "x-actor-username";
/// What clients send. A web page cannot, without asking first: so none reaches a server on loopback.
const MEDIA_TYPES: [&str; 2] = ["application/x-thrift", "application/vnd.apache.thrift"];

type Pieces = BoxStream<'static, Result<Frame<Bytes>, BrokenOff>>;
type Body = Either<Full<Bytes>, StreamBody<Pieces>>;

/// Serves a connection until one side ends it.
pub(super) async fn run<S>(stream: S, peer: SocketAddr, service: Arc<Service>, tokens: Option<Tokens>)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let _open = metric::Open::new();
    let (stop, limits) = (service.stop.clone(), service.limits.of_http());
    let door = Arc::new(HttpDoor { service, tokens });
    let answer = move |request| Arc::clone(&door).answer(request);
    match serving::connection(Box::pin(stream), &limits, answer, &stop).await {
        Ok(()) => tracing::debug!(%peer, "connection closed"),
        Err(error) => tracing::debug!(%peer, %error, "closing a connection"),
    }
}

/// What the requests of a connection share.
struct HttpDoor {
    service: Arc<Service>,
    tokens: Option<Tokens>,
}

/// Why a request is not answered by Thrift.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("calls are posted")]
    Method,
    #[error("a call is of the type application/x-thrift")]
    MediaType,
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("a bearer token is wanted")]
    NoToken,
    #[error("this bearer token is not accepted")]
    WrongToken,
    #[error("a call has {0} bytes at most")]
    TooLarge(usize),
    #[error("the call did not come in within its time")]
    Slow,
    #[error("the request broke off: {0}")]
    Cut(#[from] hyper::Error),
    #[error("the body is no call: {0}")]
    NoCall(String),
    #[error(transparent)]
    Broken(#[from] BrokenOff),
}

impl HttpDoor {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        Ok(self.call(request).await.unwrap_or_else(|refusal| {
            tracing::debug!(%refusal, "refusing a request");
            refusal.response()
        }))
    }

    async fn call(&self, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        let (head, body) = request.into_parts();
        let session = self.session(&head.headers)?;
        if head.method != Method::POST {
            return Err(Refusal::Method);
        }
        check_media_type(&head.headers)?;
        let context = match meant(head.uri.path(), &self.service.context.listener)? {
            Some(listener) => Arc::new(self.service.context.at(listener)),
            None => Arc::clone(&self.service.context),
        };
        let caller = Caller {
            context,
            session: Arc::new(session),
        };
        let bytes = receive(body, &self.service.limits).await?;
        let (wire, message) = match message_of(&bytes, &self.service.limits)? {
            Scanned::Message(wire, message) => (wire, message),
            Scanned::Told(complaint) => return Ok(thrift(Either::Left(Full::from(complaint)))),
        };
        let body = &bytes[message.body.clone()];
        let pending = self.service.begin(&caller, wire, message, body);
        drop(bytes);
        let Some(pending) = pending else {
            return Ok(thrift(Either::Left(Full::default())));
        };
        let mut first = Vec::new();
        let outgoing = pending.answer(&mut first).await?;
        Ok(thrift(body_of(outgoing, first)))
    }

    /// Returns who is calling. A token tells; without tokens callers are taken at their word.
    fn session(&self, headers: &HeaderMap) -> Result<Session, Refusal> {
        let Some(tokens) = &self.tokens else {
            let said = headers
                .get(USER)
                .map(|user| String::from_utf8_lossy(user.as_bytes()));
            let session = Session::default();
            session.claim(said.filter(|user| !user.is_empty()).map(Into::into), Vec::new());
            return Ok(session);
        };
        let token = bearer(headers).ok_or(Refusal::NoToken)?;
        let user = tokens.user(token).ok_or(Refusal::WrongToken)?;
        Ok(Session::authenticated(user.to_owned()))
    }
}

/// Returns the token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let known = |sent: &str| MEDIA_TYPES.iter().any(|known| sent.starts_with(known));
    sent.filter(|sent| known(sent))
        .map(drop)
        .ok_or(Refusal::MediaType)
}

/// Returns the whole body of a request, within the limits of a message.
async fn receive(mut body: Incoming, limits: &Limits) -> Result<Bytes, Refusal> {
    let bytes_max = limits.message.message_bytes_max;
    let too_large = |bytes: usize| bytes > bytes_max;
    if too_large(usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX)) {
        return Err(Refusal::TooLarge(bytes_max));
    }
    let whole = async {
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if too_large(bytes.len() + data.len()) {
                return Err(Refusal::TooLarge(bytes_max));
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes.freeze())
    };
    timeout(limits.message_deadline, whole)
        .await
        .unwrap_or(Err(Refusal::Slow))
}

/// What a body turned out to be.
enum Scanned {
    Message(Wire, Message),
    /// No message, but its head could be read: so its sender is told in Thrift.
    Told(Vec<u8>),
}

/// Finds the one message that a body is.
fn message_of(bytes: &[u8], limits: &Limits) -> Result<Scanned, Refusal> {
    let no_call = |why: &dyn std::fmt::Display| Refusal::NoCall(why.to_string());
    let wire = Wire::detect(bytes)
        .map_err(|error| no_call(&error))?
        .ok_or_else(|| no_call(&"it is too short"))?;
    let mut scanner = Scanner::new(wire, limits.message);
    match scanner.scan(bytes) {
        Ok(Some(message)) if message.end == bytes.len() => Ok(Scanned::Message(wire, message)),
        Ok(Some(_)) => Err(no_call(&"something follows its end")),
        Ok(None) => Err(no_call(&"it has no end")),
        Err(fault) => {
            let (name, seq) = scanner.pending().ok_or_else(|| no_call(&fault))?;
            let head = Head {
                wire,
                name: name.to_owned(),
                seq,
            };
            let text = format!("a message cannot be read: {fault}");
            let error = ApplicationError::new(ApplicationErrorKind::ProtocolError, text);
            let mut out = Vec::new();
            head.write(MessageKind::Exception, &error, &mut out)
                .map_err(|failure| no_call(&failure))?;
            Ok(Scanned::Told(out))
        }
    }
}

/// Returns the body of a response: as it is, if it is short, else piece by piece as the client reads.
fn body_of(outgoing: Outgoing, first: Vec<u8>) -> Body {
    if outgoing.is_whole() {
        outgoing.done();
        return Either::Left(Full::from(first));
    }
    let pieces = try_unfold((outgoing, first), |(mut outgoing, mut piece)| async move {
        if piece.is_empty() {
            outgoing.done();
            return Ok(None);
        }
        let mut next = Vec::new();
        outgoing.next(&mut next).await?;
        std::mem::swap(&mut piece, &mut next);
        Ok(Some((Frame::data(Bytes::from(next)), (outgoing, piece))))
    });
    Either::Right(StreamBody::new(pieces.boxed()))
}

fn thrift(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPES[0]));
    response
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::Path(_) => StatusCode::NOT_FOUND,
            Refusal::NoToken | Refusal::WrongToken => StatusCode::UNAUTHORIZED,
            Refusal::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Slow => StatusCode::REQUEST_TIMEOUT,
            Refusal::Cut(_) | Refusal::NoCall(_) => StatusCode::BAD_REQUEST,
            Refusal::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn response(&self) -> Response<Body> {
        let mut response = Response::new(Either::Left(Full::from(format!("{self}\n"))));
        *response.status_mut() = self.status();
        let mut say = |name, value| {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value))
        };
        say(CONTENT_TYPE, "text/plain; charset=utf-8");
        match self {
            Refusal::Method => say(ALLOW, "POST"),
            Refusal::NoToken => say(WWW_AUTHENTICATE, r#"Bearer realm="skep""#),
            Refusal::WrongToken => say(WWW_AUTHENTICATE, r#"Bearer realm="skep", error="invalid_token""#),
            _ => None,
        };
        response
    }
}
