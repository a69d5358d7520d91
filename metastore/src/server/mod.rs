//! The listener: accepts connections, lets them in as it is set to, and ends them in order.

mod answer;
mod connection;
mod credentials;
mod http;
mod metric;
mod path;
mod reader;
mod sasl;
mod sasl_stream;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::credentials::{CredentialsError, Tokens, Users};
use self::sasl_stream::SaslStream;
pub use self::tls::{Tls, TlsError, TlsFiles};
use crate::context::{Context, Session};
use crate::handlers;
use crate::registry::Routes;

/// How clients come in at a listener.
#[derive(Debug, Clone, Default)]
pub struct Door {
    /// What carries the calls.
    pub transport: Transport,
    /// TLS around it; who comes without is turned away.
    pub tls: Option<Tls>,
}

/// What carries calls and answers.
#[derive(Debug, Clone)]
pub enum Transport {
    /// The connection itself: binary or compact, framed or not, as each client likes.
    Socket {
        /// Who comes in, by SASL PLAIN; with `None` everybody, without SASL.
        users: Option<Users>,
    },
    /// HTTP requests.
    Http {
        /// Who comes in, by bearer tokens; with `None` everybody.
        tokens: Option<Tokens>,
    },
}

impl Default for Transport {
    fn default() -> Transport {
        Transport::Socket { users: None }
    }
}

/// What clients may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at one time; one more is closed at once.
    pub connections_max: usize,
    /// What one message may hold.
    pub message: thrift_idl::Limits,
    /// How long a connection may be silent between two calls.
    pub idle: Duration,
    /// How long the head of an HTTP request may take, from its first byte to its last.
    pub http_head: Duration,
    /// How long an HTTP connection may be silent before a request ([`serving::Limits::idle`]).
    pub http_idle: Duration,
    /// How long a call may take to come in, from its first byte to its last.
    pub message_deadline: Duration,
    /// How long a client may let a piece of an answer wait until it reads.
    pub write_deadline: Duration,
    /// How long calls that are being answered may take when the server stops.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        let http = serving::Limits::default();
        Limits {
            connections_max: 20_000,
            message: thrift_idl::Limits::default(),
            idle: Duration::from_secs(8 * 3600),
            http_head: http.head,
            http_idle: http.idle,
            message_deadline: Duration::from_secs(60),
            write_deadline: Duration::from_secs(120),
            grace: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Returns what of them is about connections that speak HTTP.
    fn of_http(&self) -> serving::Limits {
        serving::Limits {
            connections_max: self.connections_max,
            head: self.http_head,
            idle: self.http_idle,
            stall: self.write_deadline,
            drain: self.grace,
            ..serving::Limits::default()
        }
    }
}

/// What all connections of a listener share.
pub(crate) struct Service {
    context: Arc<Context>,
    routes: Routes,
    limits: Limits,
    door: Door,
    /// Ends reading; what is being answered is answered.
    stop: CancellationToken,
}

/// Serves the metastore's protocol on `listener` until `stop` is cancelled.
///
/// Then no connection is accepted any more, idle ones are closed, and calls that are being answered have
/// [`Limits::grace`] to end.
pub async fn serve(
    listener: TcpListener,
    context: Context,
    door: Door,
    limits: Limits,
    stop: CancellationToken,
) {
    let service = Arc::new(Service {
        context: Arc::new(context),
        routes: handlers::routes(),
        limits,
        door,
        stop: stop.clone(),
    });
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let tasks = TaskTracker::new();
    // ends connections in the middle of whatever they do
    let end = CancellationToken::new();
    let _end = end.clone().drop_guard();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // out of descriptors, most likely: wait until some connection ends
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(%peer, limit = limits.connections_max, "too many connections: closing this one");
            metric::refused();
            continue;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "cannot turn off delays");
        }
        let (service, end) = (Arc::clone(&service), end.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = end.cancelled() => {}
                () = admit(stream, peer, service) => {}
            }
            drop(place);
        });
    }
    tasks.close();
    if timeout(limits.grace, tasks.wait()).await.is_err() {
        tracing::warn!(
            connections = tasks.len(),
            "calls did not end in time: closing their connections"
        );
    }
}

/// Serves a connection as the listener is set to. The future is boxed, so that each connection takes no more
/// than its own way in needs.
fn admit(stream: TcpStream, peer: SocketAddr, service: Arc<Service>) -> BoxFuture<'static, ()> {
    match service.door.tls.clone() {
        None => carry(stream, peer, service),
        Some(tls) => admit_tls(stream, peer, service, tls).boxed(),
    }
}

/// Serves a connection after its client has come in by TLS.
async fn admit_tls(stream: TcpStream, peer: SocketAddr, service: Arc<Service>, Tls(acceptor): Tls) {
    let accepted = timeout(service.limits.message_deadline, acceptor.accept(stream).boxed());
    match accepted.await {
        Ok(Ok(stream)) => carry(stream, peer, service).await,
        Ok(Err(error)) => tracing::warn!(%peer, %error, "a client does not come in by TLS"),
        Err(_) => tracing::debug!(%peer, "a client takes too long for TLS"),
    }
}

/// Serves a connection over the listener's transport.
fn carry<S>(stream: S, peer: SocketAddr, service: Arc<Service>) -> BoxFuture<'static, ()>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    match service.door.transport.clone() {
        Transport::Http { tokens } => http::run(stream, peer, service, tokens).boxed(),
        Transport::Socket { users: None } => {
            connection::run(stream, peer, service, Session::default()).boxed()
        }
        Transport::Socket { users: Some(users) } => carry_sasl(stream, peer, service, users).boxed(),
    }
}

/// Serves a connection of a user who shows by SASL who they are.
async fn carry_sasl<S>(mut stream: S, peer: SocketAddr, service: Arc<Service>, users: Users)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let negotiated = timeout(
        service.limits.message_deadline,
        sasl::negotiate(&mut stream, &users).boxed(),
    );
    match negotiated.await {
        Ok(Ok(user)) => {
            let (stream, session) = (SaslStream::new(stream), Session::authenticated(user));
            connection::run(stream, peer, service, session).boxed().await;
        }
        Ok(Err(refused)) => tracing::warn!(%peer, reason = ?refused, "a client does not come in by SASL"),
        Err(_) => tracing::debug!(%peer, "a client takes too long for SASL"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<F: Future>(_: fn(TcpStream, SocketAddr, Arc<Service>, Session) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_connection_that_waits_takes_little() {
        // 10,000 of them, with their tasks, timers and sockets, have to stay far below 200 MB
        let bytes = bytes(connection::run::<TcpStream>);
        assert!(bytes < 3 << 9, "{bytes}");
    }
}
