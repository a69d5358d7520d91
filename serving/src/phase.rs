//! How far a connection is, as its stream and its requests see it together.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};

const WAITING: u8 = 0;
const HEAD: u8 = 1;
const REQUEST: u8 = 2;

/// Whether a connection waits for a request, is in the middle of its head, or is at work on it. All looks at it are
/// those of one task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Phase(Arc<AtomicU8>);

impl Phase {
    /// Notes that bytes came: the first ones behind an answer begin a head.
    pub(crate) fn came(&self) {
        let _ = self.0.compare_exchange(WAITING, HEAD, Relaxed, Relaxed);
    }

    /// Notes that a head is complete.
    pub(crate) fn asked(&self) {
        self.0.store(REQUEST, Relaxed);
    }

    fn answered(&self) {
        self.0.store(WAITING, Relaxed);
    }

    pub(crate) fn is_in_head(&self) -> bool {
        self.0.load(Relaxed) == HEAD
    }
}

/// The body of an answer, which tells when it is gone.
pub(crate) struct Answer<B> {
    body: Pin<Box<B>>,
    phase: Phase,
}

impl<B> Answer<B> {
    pub(crate) fn new(body: B, phase: Phase) -> Answer<B> {
        let body = Box::pin(body);
        Answer { body, phase }
    }
}

impl<B> Drop for Answer<B> {
    fn drop(&mut self) {
        self.phase.answered();
    }
}

impl<B: Body> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.body.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
