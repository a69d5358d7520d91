//! The listener: connections in, and the end of all.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{Limits, StdError, connection};

/// How long to wait when no connection can be taken, as when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves HTTP until `shutdown` is done and open requests are, or have had [`Limits::drain`]. The connections that
/// are open are told by `gauge`.
pub async fn serve<A, F, B, E>(
    listener: TcpListener,
    (gauge, limits): (&'static str, Limits),
    answer: A,
    shutdown: impl Future<Output = ()> + Send,
) where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<B>, E>> + Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<StdError>,
    E: Into<StdError> + Send,
{
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let stop = CancellationToken::new();
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, slot)) => {
                let (answer, stop) = (answer.clone(), stop.clone());
                connections.spawn(async move {
                    metrics::gauge!(gauge).increment(1);
                    if let Err(error) = connection(stream, &limits, answer, &stop).await {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    metrics::gauge!(gauge).decrement(1);
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    stop.cancel();
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.drain, drained).await.is_err() {
        tracing::warn!(open = connections.len(), "open requests are cut off");
    }
    connections.shutdown().await;
}

/// Waits for a free slot, then for a connection.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, slot))
}
