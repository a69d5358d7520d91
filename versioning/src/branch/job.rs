//! What waits for a branch's task to be planned and answered.

use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use futures::FutureExt;
use tokio::sync::oneshot;

use crate::store::BLOCK_BYTES_MAX;
use crate::tree::check_entry;
use crate::view::View;
use crate::{Batch, Error, Mutation, Result, oplog};

/// A request to change a branch: planned, perhaps several times, then settled once.
#[async_trait]
pub(super) trait Job: Send {
    /// Returns what to change, which has at most `bytes_max`, or nothing when the answer is known without.
    async fn plan(&mut self, view: View, bytes_max: usize) -> Option<Batch>;
    /// Answers: with what was planned, or with why the store could not do it.
    fn settle(self: Box<Self>, outcome: Result<()>);
}

pub(super) struct PlannedJob<T, E, P> {
    pub(super) plan: P,
    pub(super) answer: Option<Result<T, E>>,
    pub(super) reply: oneshot::Sender<Result<T, E>>,
}

#[async_trait]
impl<T, E, F, P> Job for PlannedJob<T, E, P>
where
    P: FnMut(View) -> F + Send,
    F: Future<Output = Result<(Batch, T), E>> + Send,
    T: Send,
    E: From<Error> + Send,
{
    async fn plan(&mut self, view: View, bytes_max: usize) -> Option<Batch> {
        let planned = AssertUnwindSafe(async { (self.plan)(view).await })
            .catch_unwind()
            .await;
        let (answer, batch) = match planned {
            Ok(Ok((batch, answer))) => match check(&batch, bytes_max) {
                Ok(()) => (Ok(answer), Some(batch)),
                Err(error) => (Err(E::from(error)), None),
            },
            Ok(Err(error)) => (Err(error), None),
            Err(_) => (
                Err(E::from(Error::Internal("planning a change panicked".into()))),
                None,
            ),
        };
        self.answer = Some(answer);
        batch
    }

    fn settle(self: Box<Self>, outcome: Result<()>) {
        let answer = match (outcome, self.answer) {
            (Ok(()), Some(answer)) => answer,
            (Ok(()), None) => Err(E::from(Error::Internal(
                "a change was settled before it was planned".into(),
            ))),
            (Err(error), _) => Err(E::from(error)),
        };
        // whoever asked may have gone away
        drop(self.reply.send(answer));
    }
}

/// Fails if a change could not be stored, which has to be known before it is acknowledged.
fn check(batch: &Batch, bytes_max: usize) -> Result<()> {
    let size = oplog::size(batch);
    if size > bytes_max {
        return Err(Error::WriteTooLarge {
            size: size as u64,
            limit: bytes_max as u64,
        });
    }
    if batch.blobs.iter().any(|blob| blob.len() as u64 > BLOCK_BYTES_MAX) {
        return Err(Error::TooLarge {
            what: "a record",
            limit: BLOCK_BYTES_MAX,
        });
    }
    batch.mutations.iter().try_for_each(|mutation| match mutation {
        Mutation::Put { key, value, .. } => check_entry(key, Some(value)),
        Mutation::Delete { key, .. } | Mutation::DeletePrefix { prefix: key, .. } => check_entry(key, None),
    })
}
