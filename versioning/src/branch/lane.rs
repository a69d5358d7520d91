//! The way into the task of a branch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::Actor;
use super::job::Job;
use crate::{Error, RefName, Result};

pub(super) type Work = Box<dyn for<'a> FnOnce(&'a mut Actor) -> BoxFuture<'a, ()> + Send>;

pub(super) enum Command {
    Write(Box<dyn Job>),
    Run(Work),
    /// Keeps writers waiting while the other end of the lane that is sent back lives.
    Hold(oneshot::Sender<mpsc::Sender<Command>>),
}

/// Whether a branch was removed: its task says so before it ends, to those who wait for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Gone(Arc<AtomicBool>);

impl Gone {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A way to have work done in the task of a branch: the common one, between writes, or that of a hold.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    pub(super) name: RefName,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) gone: Gone,
}

impl Lane {
    /// Runs `work` in the branch's task.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl for<'a> FnOnce(&'a mut Actor) -> BoxFuture<'a, Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |actor| {
            async move {
                // whoever asked may have gone away
                drop(reply.send(work(actor).await));
            }
            .boxed()
        });
        self.commands
            .send(Command::Run(work))
            .await
            .map_err(|_| self.stopped())?;
        answer.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    /// Returns whether the task has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.commands.is_closed()
    }

    /// Returns why nothing was done: the branch was removed, or the store is being closed.
    pub(super) fn stopped(&self) -> Error {
        match self.gone.is_set() {
            true => Error::BranchDeleted {
                branch: self.name.clone(),
            },
            false => Error::Storage {
                operation: "a call to a branch",
                message: format!("the task of branch {} ended before it", self.name),
            },
        }
    }
}
