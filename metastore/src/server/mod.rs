//! The listener: accepts connections, and ends them in order.

mod connection;
mod metric;
mod reader;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::context::Context;
use crate::handlers;
use crate::registry::Routes;

/// What clients may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at one time; one more is closed at once.
    pub connections_max: usize,
    /// What one message may hold.
    pub message: thrift_idl::Limits,
    /// How long a connection may be silent between two calls.
    pub idle: Duration,
    /// How long a call may take to come in, from its first byte to its last.
    pub message_deadline: Duration,
    /// How long a client may let a piece of an answer wait until it reads.
    pub write_deadline: Duration,
    /// How long calls that are being answered may take when the server stops.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 20_000,
            message: thrift_idl::Limits::default(),
            idle: Duration::from_secs(8 * 3600),
            message_deadline: Duration::from_secs(60),
            write_deadline: Duration::from_secs(120),
            grace: Duration::from_secs(10),
        }
    }
}

/// What all connections of a listener share.
pub(crate) struct Service {
    context: Arc<Context>,
    routes: Routes,
    limits: Limits,
    /// Ends reading; what is being answered is answered.
    stop: CancellationToken,
}

/// Serves the metastore's protocol on `listener` until `stop` is cancelled.
///
/// Then no connection is accepted any more, idle ones are closed, and calls that are being answered have
/// [`Limits::grace`] to end.
pub async fn serve(listener: TcpListener, context: Context, limits: Limits, stop: CancellationToken) {
    let service = Arc::new(Service {
        context: Arc::new(context),
        routes: handlers::routes(),
        limits,
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
                () = connection::run(stream, peer, service) => {}
            }
            drop(place);
        });
    }
    tasks.close();
    if tokio::time::timeout(limits.grace, tasks.wait()).await.is_err() {
        tracing::warn!(
            connections = tasks.len(),
            "calls did not end in time: closing their connections"
        );
    }
}
