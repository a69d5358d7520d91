//! What flows after a SASL negotiation: bytes in frames, each behind its length in four bytes.
//!
//! The frames cut a stream where a side flushed; a message need not end where its frame does, and clients read
//! on. So a long answer goes out piece by piece here too. Nothing is buffered on either way.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream inside of the frames of another.
#[derive(Debug)]
pub(super) struct SaslStream<S> {
    stream: S,
    reading: Frame,
    writing: Frame,
}

/// How far a frame has come.
#[derive(Debug, Default)]
struct Frame {
    length: [u8; 4],
    /// How many bytes of the length have been read or written; 0 between two frames.
    length_bytes: usize,
    /// How many bytes of the frame are still to come.
    left: usize,
}

impl Frame {
    fn length_is_known(&self) -> bool {
        self.length_bytes == self.length.len()
    }

    /// Notes that so many bytes of the contents came or went.
    fn advance(&mut self, bytes: usize) {
        self.left -= bytes;
        if self.left == 0 {
            self.length_bytes = 0;
        }
    }
}

impl<S> SaslStream<S> {
    pub(super) fn new(stream: S) -> SaslStream<S> {
        SaslStream {
            stream,
            reading: Frame::default(),
            writing: Frame::default(),
        }
    }
}

impl<S: AsyncRead + Unpin> SaslStream<S> {
    /// Reads until some contents of a frame are due; returns whether there are any.
    fn poll_contents(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let frame = &mut self.reading;
        while !frame.length_is_known() {
            let mut rest = ReadBuf::new(&mut frame.length[frame.length_bytes..]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut rest))?;
            match (rest.filled().len(), frame.length_bytes) {
                (0, 0) => return Poll::Ready(Ok(false)),
                (0, _) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                (read, _) => frame.length_bytes += read,
            }
            if frame.length_is_known() {
                frame.left = usize::try_from(u32::from_be_bytes(frame.length)).unwrap_or(usize::MAX);
                frame.advance(0);
            }
        }
        Poll::Ready(Ok(true))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for SaslStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !ready!(this.poll_contents(cx))? {
            return Poll::Ready(Ok(()));
        }
        let room = buffer.remaining().min(this.reading.left);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        if read == 0 && room > 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        buffer.advance(read);
        this.reading.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SaslStream<S> {
    /// Each slice that is given between two frames becomes one; the caller then has to write it to its end.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let frame = &mut this.writing;
        if frame.length_bytes == 0 {
            if bytes.is_empty() {
                return Poll::Ready(Ok(0));
            }
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            frame.length = length.to_be_bytes();
            frame.left = bytes.len().min(u32::MAX as usize);
        }
        while !frame.length_is_known() {
            let rest = &frame.length[frame.length_bytes..];
            match ready!(Pin::new(&mut this.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => frame.length_bytes += written,
            }
        }
        let part = &bytes[..bytes.len().min(frame.left)];
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, part))?;
        frame.advance(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn frames_come_in_pieces_and_leave_no_trace() {
        for room in [1, 3, 7, 64] {
            let (mut client, server) = tokio::io::duplex(room);
            let mut server = SaslStream::new(server);
            let sent = async {
                let frames = b"\0\0\0\x03abc\0\0\0\0\0\0\0\x02de";
                client.write_all(frames).await.unwrap();
                client.shutdown().await.unwrap();
            };
            let mut received = String::new();
            let (_, read) = tokio::join!(sent, server.read_to_string(&mut received));
            assert_eq!((read.unwrap(), received.as_str()), (5, "abcde"), "{room}");
        }
    }

    #[tokio::test]
    async fn slices_become_frames() {
        for room in [1, 3, 7, 64] {
            let (mut client, server) = tokio::io::duplex(room);
            let mut server = SaslStream::new(server);
            let send = async {
                server.write_all(b"hello").await.unwrap();
                server.write_all(b"").await.unwrap();
                server.write_all(b"you").await.unwrap();
                server.shutdown().await.unwrap();
            };
            let mut received = Vec::new();
            let (_, read) = tokio::join!(send, client.read_to_end(&mut received));
            read.unwrap();
            assert_eq!(received, b"\0\0\0\x05hello\0\0\0\x03you", "{room}");
        }
    }

    #[tokio::test]
    async fn a_frame_that_ends_early_is_an_error() {
        for cut in [&b"\0\0"[..], b"\0\0\0\x03ab"] {
            let mut stream = SaslStream::new(cut);
            let mut received = Vec::new();
            let error = stream.read_to_end(&mut received).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
