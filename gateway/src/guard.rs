//! Ends what stands still: bodies that are not sent, and replies that are not read.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::poll_fn;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use s3s::StdError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};

/// The text of the error that a body ends with.
pub(crate) const STALLED: &str = "the body stood still";

/// A deadline that is set while something is awaited, and lifted by any progress.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Patience {
    fn new(limit: Duration) -> Patience {
        Patience {
            limit,
            deadline: None,
            waiting: false,
        }
    }

    /// Notes what became of an attempt; returns whether patience has run out.
    fn is_over<T>(&mut self, attempt: &Poll<T>, cx: &mut Context<'_>) -> bool {
        if attempt.is_ready() {
            self.waiting = false;
            return false;
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(self.limit)));
        if !self.waiting {
            deadline.as_mut().reset(Instant::now() + self.limit);
            self.waiting = true;
        }
        deadline.as_mut().poll(cx).is_ready()
    }
}

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
        let attempt = Pin::new(&mut self.body).poll_frame(cx);
        self.ended |= matches!(attempt, Poll::Ready(None));
        attempt
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
        let attempt = locked(&self.source).poll_frame(cx).map_err(StdError::from);
        match self.patience.is_over(&attempt, cx) {
            true => Poll::Ready(Some(Err(STALLED.into()))),
            false => attempt,
        }
    }

    fn is_end_stream(&self) -> bool {
        locked(&self.source).is_over()
    }

    fn size_hint(&self) -> SizeHint {
        locked(&self.source).body.size_hint()
    }
}

/// A connection whose writes fail if the other side reads nothing for a while.
///
/// Reads are not watched here: while a request is worked on, silence of the client is right. The header has a
/// time limit of its own, and bodies have [`GuardedBody`].
#[derive(Debug)]
pub(crate) struct GuardedStream {
    stream: TcpStream,
    patience: Patience,
}

impl GuardedStream {
    pub(crate) fn new(stream: TcpStream, stall: Duration) -> GuardedStream {
        GuardedStream {
            stream,
            patience: Patience::new(stall),
        }
    }

    fn guard<T>(&mut self, attempt: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match self.patience.is_over(&attempt, cx) {
            true => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client does not read",
            ))),
            false => attempt,
        }
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.guard(attempt, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.guard(attempt, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
