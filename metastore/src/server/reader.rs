//! Messages from a socket, within deadlines.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use thrift_idl::{DetectError, Fault, Message, Scanner, Wire};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

use super::Limits;
use super::answer::BrokenOff;

/// Room for the first bytes of a call: most calls fit.
const FIRST_BYTES: usize = 2 << 10;
/// Room for each further read of a long one.
const MORE_BYTES: usize = 64 << 10;

/// Why no further message can be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("the client closed the connection")]
    Closed,
    #[error("the connection ended within a message")]
    Cut,
    #[error("no call came in for {0:?}")]
    Idle(Duration),
    #[error("a call did not come in within {0:?}")]
    Slow(Duration),
    #[error(transparent)]
    Foreign(#[from] DetectError),
    /// The head of the message was readable, so its sender can be told.
    #[error("a message cannot be read: {fault}")]
    Garbage {
        fault: Fault,
        pending: Option<(String, i32)>,
    },
    #[error(transparent)]
    Broken(#[from] BrokenOff),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads messages one after the other.
pub(super) struct Reader<S> {
    stream: S,
    limits: Limits,
    buffer: BytesMut,
    speaking: Option<(Wire, Scanner)>,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    pub(super) fn new(stream: S, limits: Limits) -> Reader<S> {
        Reader {
            stream,
            limits,
            buffer: BytesMut::new(),
            speaking: None,
        }
    }

    /// Returns how the client speaks and the next message, which lies at the beginning of [`Reader::buffer`].
    pub(super) async fn next(&mut self) -> Result<(Wire, Message), End> {
        if self.buffer.is_empty() {
            self.rest().await?;
        }
        let deadline = Instant::now() + self.limits.message_deadline;
        loop {
            if let Some((wire, scanner)) = &mut self.speaking {
                match scanner.scan(&self.buffer) {
                    Ok(Some(message)) => return Ok((*wire, message)),
                    Ok(None) => {}
                    Err(fault) => {
                        let pending = scanner.pending().map(|(name, seq)| (name.to_owned(), seq));
                        return Err(End::Garbage { fault, pending });
                    }
                }
            } else if let Some(wire) = Wire::detect(&self.buffer)? {
                self.speaking = Some((wire, Scanner::new(wire, self.limits.message)));
                continue;
            }
            self.buffer
                .reserve(MORE_BYTES.min(self.buffer.len().max(FIRST_BYTES)));
            match timeout_at(deadline, self.stream.read_buf(&mut self.buffer)).await {
                Err(_) => return Err(End::Slow(self.limits.message_deadline)),
                Ok(Ok(0)) => return Err(End::Cut),
                Ok(read) => read.map(drop)?,
            }
        }
    }

    /// Waits for the first bytes of a call.
    async fn rest(&mut self) -> Result<(), End> {
        let idle = self.limits.idle;
        match timeout(idle, poll_fn(|cx| self.poll_first(cx))).await {
            Err(_) => Err(End::Idle(idle)),
            Ok(Ok(0)) => Err(End::Closed),
            Ok(read) => Ok(read.map(drop)?),
        }
    }

    /// Reads by way of the stack, so that no buffer waits along with an idle connection.
    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut room = [MaybeUninit::uninit(); FIRST_BYTES];
        let mut first = ReadBuf::uninit(&mut room);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut first))?;
        self.buffer.extend_from_slice(first.filled());
        Poll::Ready(Ok(first.filled().len()))
    }

    /// Returns the stream, to answer on it.
    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Returns how the client speaks, once that is known.
    pub(super) fn wire(&self) -> Option<Wire> {
        self.speaking.as_ref().map(|(wire, _)| *wire)
    }

    /// Returns the bytes that have come in.
    pub(super) fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Drops a message that ends at `end` and has been dealt with.
    pub(super) fn consume(&mut self, end: usize) {
        self.buffer.advance(end);
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use thrift_idl::MessageKind;
    use thrift_idl::methods::GetAllDatabasesArgs;
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn nothing_is_kept_between_two_calls() {
        let (mut client, server) = tokio::io::duplex(1 << 10);
        let mut reader = Reader::new(server, Limits::default());
        let mut call = Vec::new();
        Wire::default()
            .write_message(&mut call, "m", MessageKind::Call, 1, &GetAllDatabasesArgs {})
            .unwrap();
        for _ in 0..2 {
            client.write_all(&call).await.unwrap();
            let (_, message) = reader.next().await.unwrap();
            reader.consume(message.end);
            assert!(futures::poll!(pin!(reader.next())).is_pending());
            assert!(!reader.buffer.try_reclaim(1));
        }
    }
}
