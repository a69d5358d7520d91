//! The object store below everything: immutable files by path, blocks by hash, data by id.

use std::fmt::Debug;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::Result;

mod adapter;
mod blocks;
mod cache;
pub mod conformance;
mod data;
mod frame;
mod local;
mod memory;
#[cfg(test)]
mod tests;

pub use blocks::{BLOCK_BYTES_MAX, Blocks, Counts, Frame, Stats};
pub use cache::{CACHE_BYTES_DEFAULT, Cache};
pub use data::{DataFiles, DataWriter, StoredData};
pub use frame::Block;
pub use local::LocalFiles;
pub use memory::MemoryFiles;

/// Immutable files in an object store. A path is written at most once with one content; putting the same
/// bytes again is allowed, since a retry must be.
#[async_trait]
pub trait Files: Debug + Send + Sync {
    /// Stores `bytes` at `path`, durably: when it returns, a power cut does not lose them, and no reader
    /// ever sees a part.
    ///
    /// # Errors
    /// [`crate::Error::NoSpace`], [`crate::Error::Storage`].
    async fn put(&self, path: &str, bytes: Bytes) -> Result<()>;

    /// Opens a file for streaming; it exists from [`FileWriter::finish`] on.
    ///
    /// # Errors
    /// As [`Files::put`].
    async fn create(&self, path: &str) -> Result<Box<dyn FileWriter>>;

    /// Returns the whole file.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Storage`].
    async fn get(&self, path: &str) -> Result<Bytes>;

    /// Streams the bytes of `range`, which has to lie within the file.
    ///
    /// # Errors
    /// As [`Files::get`].
    async fn read(&self, path: &str, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>>;

    /// Streams the paths and sizes below `prefix`, in no particular order.
    fn list(&self, prefix: &str) -> BoxStream<'static, Result<(String, u64)>>;

    /// Removes a file; removing what is not there is no error.
    ///
    /// # Errors
    /// [`crate::Error::Storage`].
    async fn delete(&self, path: &str) -> Result<()>;
}

/// A file that is being written.
#[async_trait]
pub trait FileWriter: Debug + Send {
    /// Appends `bytes`.
    ///
    /// # Errors
    /// As [`Files::put`].
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Makes the file durable and visible.
    ///
    /// # Errors
    /// As [`Files::put`]. On an error nothing is visible.
    async fn finish(self: Box<Self>) -> Result<()>;
}
