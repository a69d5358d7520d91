//! Ends what stands still: bodies that are not sent, and replies that are not read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use s3s::StdError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

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

/// The body of a request, which fails if nothing comes for a while.
#[derive(Debug)]
pub(crate) struct GuardedBody {
    body: Incoming,
    patience: Patience,
}

impl GuardedBody {
    pub(crate) fn new(body: Incoming, stall: Duration) -> GuardedBody {
        GuardedBody {
            body,
            patience: Patience::new(stall),
        }
    }
}

impl Body for GuardedBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let attempt = Pin::new(&mut self.body).poll_frame(cx).map_err(StdError::from);
        match self.patience.is_over(&attempt, cx) {
            true => Poll::Ready(Some(Err(STALLED.into()))),
            false => attempt,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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
