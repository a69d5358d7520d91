//! The way into the task of a branch.

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

/// A way to have work done in the task of a branch: the common one, between writes, or that of a hold.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    pub(super) name: RefName,
    pub(super) commands: mpsc::Sender<Command>,
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

    pub(super) fn stopped(&self) -> Error {
        Error::NotFound {
            what: "branch",
            name: self.name.to_string(),
        }
    }
}
