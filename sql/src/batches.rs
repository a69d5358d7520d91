//! Rows as batches of Arrow, for the room that hands them on as such.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use crate::error::Result;
use crate::run::Rows;

/// What a statement would answer with.
#[derive(Debug, Clone)]
pub struct Described {
    pub schema: SchemaRef,
    /// Whether it changes refs, and so means the ref at which it is run and no state of it.
    pub is_change: bool,
}

impl Rows {
    /// Returns the columns as Arrow has them.
    pub fn schema_ref(&self) -> SchemaRef {
        Arc::clone(self.schema())
    }

    /// Returns the rows, batch by batch, as they come. The query stops when the stream is dropped.
    pub fn into_batches(self) -> BoxStream<'static, Result<RecordBatch>> {
        stream::try_unfold(self, step).boxed()
    }
}

async fn step(mut rows: Rows) -> Result<Option<(RecordBatch, Rows)>> {
    let batch = rows.next_batch().await?;
    Ok(batch.map(|batch| (batch, rows)))
}
