//! A deadline for what stands still.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// A deadline that is set while something is awaited, and lifted by any progress.
#[derive(Debug)]
pub struct Patience {
    limit: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Patience {
    /// Returns patience for so long.
    pub fn new(limit: Duration) -> Patience {
        Patience {
            limit,
            deadline: None,
            waiting: false,
        }
    }

    /// Notes what came of a poll; returns whether patience has run out.
    pub fn is_over<T>(&mut self, polled: &Poll<T>, cx: &mut Context<'_>) -> bool {
        if polled.is_ready() {
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
