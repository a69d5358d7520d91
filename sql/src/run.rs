//! Queries run on threads of their own, so that a long one keeps nobody else of this process waiting.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::answer::{AnswerColumn, Page, columns};
use crate::error::{Error, Result};

/// What is nested as deeply as statements may be ([`crate::depth`]) is walked and dropped by recursion. Only
/// what is used of this takes memory.
pub(crate) const STACK_BYTES: usize = 1 << 30;

/// The threads of an engine, which start with its first query.
#[derive(Debug, Default)]
pub(crate) struct Workers(OnceLock<Option<Runtime>>);

impl Workers {
    /// Runs a query on one of `threads` threads; for at most `limit_ms`.
    pub(crate) async fn run<F>(
        self: &Arc<Workers>,
        threads: usize,
        limit_ms: u64,
        memory_bytes: usize,
        start: F,
    ) -> Result<Rows>
    where
        F: Future<Output = Result<SendableRecordBatchStream>> + Send + 'static,
    {
        let runtime = self.0.get_or_init(|| runtime(threads)).as_ref();
        let runtime = runtime.ok_or_else(|| Error::Internal("no threads can be started".to_owned()))?;
        let (send, receive) = mpsc::channel(1);
        let deadline = Instant::now() + Duration::from_millis(limit_ms);
        let driven = drive(start, send, memory_bytes);
        // it ends in time by itself, too: a client that is there and takes no rows must not hold their memory
        let within = async move {
            let late = |_| Error::TooLong { limit_ms };
            timeout_at(deadline, driven).await.map_err(late)?
        };
        let task = Some(runtime.spawn(within));
        let mut run = Run {
            receive,
            task,
            deadline,
            limit_ms,
            workers: Arc::clone(self),
        };
        match run.next().await? {
            Some(Piece::Columns(schema)) => Ok(Rows {
                columns: columns(&schema),
                schema,
                run,
            }),
            _ => Err(Error::Internal("a query began without columns".to_owned())),
        }
    }
}

impl Drop for Workers {
    /// Waiting for threads is not allowed where the last engine may be dropped, among tasks.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take().flatten() {
            runtime.shutdown_background();
        }
    }
}

fn runtime(threads: usize) -> Option<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads.max(1))
        .thread_name("sql")
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()
        .ok()
}

/// What a running query sends.
enum Piece {
    /// First, and once.
    Columns(SchemaRef),
    Rows(RecordBatch),
}

async fn drive<F>(start: F, send: mpsc::Sender<Piece>, memory_bytes: usize) -> Result<()>
where
    F: Future<Output = Result<SendableRecordBatchStream>>,
{
    let mut stream = start.await?;
    let mut piece = Piece::Columns(stream.schema());
    // nobody listens any more when sending fails
    while send.send(piece).await.is_ok() {
        match stream
            .try_next()
            .await
            .map_err(|error| Error::of(&error, memory_bytes))?
        {
            Some(batch) => piece = Piece::Rows(batch),
            None => break,
        }
    }
    Ok(())
}

/// A running query, which stops when this is dropped.
#[derive(Debug)]
struct Run {
    receive: mpsc::Receiver<Piece>,
    /// `None` once it has ended.
    task: Option<JoinHandle<Result<()>>>,
    deadline: Instant,
    limit_ms: u64,
    /// The threads live as long as the query.
    #[expect(dead_code, reason = "held, not used")]
    workers: Arc<Workers>,
}

impl Run {
    async fn next(&mut self) -> Result<Option<Piece>> {
        let next = async {
            match self.receive.recv().await {
                Some(piece) => Ok(Some(piece)),
                None => ended(&mut self.task).await.map(|()| None),
            }
        };
        timeout_at(self.deadline, next)
            .await
            .map_err(|_| Error::TooLong {
                limit_ms: self.limit_ms,
            })?
    }
}

/// Returns how the task ended, the first time.
async fn ended(task: &mut Option<JoinHandle<Result<()>>>) -> Result<()> {
    let Some(running) = task else { return Ok(()) };
    let outcome = running.await.map_err(|error| Error::Internal(error.to_string()));
    *task = None;
    outcome?
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// The rows of a query as they come. Dropping it stops the query.
#[derive(Debug)]
pub struct Rows {
    columns: Vec<AnswerColumn>,
    schema: SchemaRef,
    run: Run,
}

impl Rows {
    /// Returns the columns.
    pub fn columns(&self) -> &[AnswerColumn] {
        &self.columns
    }

    /// Returns the next rows; `None` at the end.
    ///
    /// # Errors
    /// As [`crate::Engine::query`].
    pub async fn next(&mut self) -> Result<Option<Page>> {
        let batch = self.next_batch().await?;
        Ok(batch.map(|batch| Page::new(vec![batch])))
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        match self.run.next().await? {
            Some(Piece::Rows(batch)) => Ok(Some(batch)),
            Some(Piece::Columns(_)) => Err(Error::Internal("a query changed its columns".to_owned())),
            None => Ok(None),
        }
    }

    /// A page without rows, which still knows its columns.
    pub(crate) fn no_rows(&self) -> Page {
        Page::new(vec![RecordBatch::new_empty(Arc::clone(&self.schema))])
    }
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Piece::Columns(schema) => write!(f, "Columns({})", schema.fields().len()),
            Piece::Rows(batch) => write!(f, "Rows({})", batch.num_rows()),
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Schema;
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use futures::stream;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_query_whose_rows_nobody_takes_ends_in_time() {
        let (held, ended) = oneshot::channel::<()>();
        let schema = SchemaRef::new(Schema::empty());
        let batch = RecordBatch::new_empty(Arc::clone(&schema));
        let start = async move {
            let batches = stream::repeat_with(move || {
                let _held = &held;
                Ok(batch.clone())
            });
            Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)) as SendableRecordBatchStream)
        };
        let workers = Arc::new(Workers::default());
        let mut rows = workers.run(1, 2_000, 0, start).await.unwrap();
        assert!(ended.await.is_err());
        let last = loop {
            if let Err(error) = rows.next().await {
                break error;
            }
        };
        assert!(matches!(last, Error::TooLong { limit_ms: 2_000 }), "{last}");
    }
}
