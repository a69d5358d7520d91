//! One connection: requests are answered one after the other, and who stands still is let go.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

use crate::phase::{Answer, Phase};
use crate::{Limits, Patience, StdError};

/// Serves a connection until one side ends it. Once `stop` is cancelled, the request that is at work is answered,
/// and no other.
///
/// Bodies of requests are not watched here: what a client may take for one is for whoever reads it to say.
///
/// # Errors
/// Those of the stream, and of clients that speak no HTTP/1 or take too long.
pub async fn connection<S, A, F, B, E>(
    stream: S,
    limits: &Limits,
    answer: A,
    stop: &CancellationToken,
) -> Result<(), hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Result<Response<B>, E>>,
    B: Body + 'static,
    B::Error: Into<StdError>,
    E: Into<StdError>,
{
    let phase = Phase::default();
    let stream = GuardedStream::new(stream, limits, phase.clone());
    let service = service_fn(|request| {
        phase.asked();
        let (answered, phase) = (answer(request), phase.clone());
        async move {
            let response = answered.await?;
            Ok::<_, E>(response.map(|body| Answer::new(body, phase)))
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_buf_size(limits.buffer_bytes_max)
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// A stream whose writes fail if the other side reads nothing for a while, and whose reads fail if the head of a
/// request does not come to its end.
///
/// Other reads are not watched here: while a request is worked on, silence of the client is right.
#[derive(Debug)]
struct GuardedStream<S> {
    stream: S,
    writing: Patience,
    phase: Phase,
    head: Duration,
    /// When the head that has begun has to be there.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> GuardedStream<S> {
    fn new(stream: S, limits: &Limits, phase: Phase) -> GuardedStream<S> {
        GuardedStream {
            stream,
            writing: Patience::new(limits.stall),
            phase,
            head: limits.head,
            deadline: None,
        }
    }

    fn guard<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match self.writing.is_over(&polled, cx) {
            true => Poll::Ready(Err(too_slow("the client does not read"))),
            false => polled,
        }
    }

    fn is_head_late(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.phase.is_in_head() {
            self.deadline = None;
            return false;
        }
        let head = self.head;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(head)));
        deadline.as_mut().poll(cx).is_ready()
    }
}

fn too_slow(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.phase.came();
        }
        match self.is_head_late(cx) {
            true => Poll::Ready(Err(too_slow("the head of a request did not come to its end"))),
            false => polled,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for GuardedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.guard(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.guard(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.guard(polled, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
