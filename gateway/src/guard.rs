//! Ends bodies that stand still.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::poll_fn;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use s3s::StdError;
use serving::Patience;
use tokio::time::timeout;

/// The text of the error that a body ends with.
pub(crate) const STALLED: &str = "the body stood still";

/// The most bytes that are read past an answer to keep a connection.
const DRAIN_BYTES_MAX: usize = 64 << 10;

/// How long to wait for those: what a client sends without being asked is under way already.
const DRAIN_TIME: Duration = Duration::from_millis(500);

/// The body of a request, which fails if nothing comes for a while.
#[derive(Debug)]
pub(crate) struct GuardedBody {
    source: Arc<Mutex<Source>>,
    patience: Patience,
}

/// What a [`GuardedBody`] leaves when it is dropped.
#[derive(Debug)]
pub(crate) struct Rest(Arc<Mutex<Source>>);

/// A body as the connection gives it.
#[derive(Debug)]
struct Source {
    body: Incoming,
    ended: bool,
    /// Whether the client sends nothing before it is asked to, and nobody has asked. Reading asks.
    held_back: bool,
}

impl GuardedBody {
    /// Returns the body, and a hold on what is not taken of it. `expects` tells whether the client waits for
    /// `100 Continue` before it sends the body.
    pub(crate) fn new(body: Incoming, expects: bool, stall: Duration) -> (GuardedBody, Rest) {
        let source = Arc::new(Mutex::new(Source {
            body,
            ended: false,
            held_back: expects,
        }));
        let guarded = GuardedBody {
            source: Arc::clone(&source),
            patience: Patience::new(stall),
        };
        (guarded, Rest(source))
    }
}

fn locked(source: &Mutex<Source>) -> MutexGuard<'_, Source> {
    source.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Source {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.held_back = false;
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.ended |= matches!(polled, Poll::Ready(None));
        polled
    }

    fn is_over(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }
}

impl Rest {
    /// Takes the body to its end if little of it is left; returns whether it is over.
    ///
    /// Only then another request can follow on the connection: a client that was refused before it was asked
    /// for the body will not send it, and the server would take the next request for it (RFC 9110, 10.1.1).
    pub(crate) async fn drain(self) -> bool {
        {
            let source = locked(&self.0);
            if source.is_over() {
                return true;
            }
            if source.held_back || source.body.size_hint().lower() > DRAIN_BYTES_MAX as u64 {
                return false;
            }
        }
        timeout(DRAIN_TIME, self.read(DRAIN_BYTES_MAX)).await == Ok(true)
    }

    /// Reads up to `bytes_max`; returns whether the body ended by then.
    async fn read(&self, bytes_max: usize) -> bool {
        let mut bytes = 0;
        while bytes <= bytes_max {
            match poll_fn(|cx| locked(&self.0).poll_frame(cx)).await {
                Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, Bytes::len),
                Some(Err(_)) => return false,
                None => return true,
            }
        }
        false
    }
}

impl Body for GuardedBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let polled = locked(&self.source).poll_frame(cx).map_err(StdError::from);
        match self.patience.is_over(&polled, cx) {
            true => Poll::Ready(Some(Err(STALLED.into()))),
            false => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        locked(&self.source).is_over()
    }

    fn size_hint(&self) -> SizeHint {
        locked(&self.source).body.size_hint()
    }
}
