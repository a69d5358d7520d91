//! What runs statements.

use std::fmt::{self, Debug};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::stream::BoxStream;
use versioning::{RefExpr, Repository};

use crate::Fault;

/// What a statement would answer with.
#[derive(Debug, Clone)]
pub struct Described {
    pub schema: SchemaRef,
    /// Whether it changes refs, and so means the ref at which it is run and no state of it.
    pub is_change: bool,
}

/// The rows of a statement that runs. It ends when the stream is dropped.
pub struct Rows {
    pub schema: SchemaRef,
    pub batches: BoxStream<'static, Result<RecordBatch, Fault>>,
}

impl Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({})", self.schema)
    }
}

/// Runs statements: handed in, since this room knows no SQL engine.
///
/// Besides the statements of users it is given those of [`crate::lists`], which read an `information_schema`.
#[async_trait]
pub trait Statements: Debug + Send + Sync {
    /// Returns what a statement would answer with, without running it.
    ///
    /// # Errors
    /// A fault that says what is wrong with the statement, or with what it reads.
    async fn describe(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<Described, Fault>;

    /// Runs one statement on a ref.
    ///
    /// # Errors
    /// As [`Statements::describe`]; one that comes later ends the stream.
    async fn rows(&self, repository: &Repository, at: &RefExpr, sql: &str) -> Result<Rows, Fault>;
}
