//! Files in memory: for tests, and for servers that need not remember.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::memory::InMemory;

use super::adapter::Adapter;
use super::{FileWriter, Files};
use crate::Result;

/// Files that last as long as the value.
#[derive(Debug, Clone)]
pub struct MemoryFiles {
    inner: Adapter,
}

impl MemoryFiles {
    /// Returns an empty store.
    pub fn new() -> MemoryFiles {
        MemoryFiles {
            inner: Adapter::new(InMemory::new(), 1 << 20),
        }
    }
}

impl Default for MemoryFiles {
    fn default() -> MemoryFiles {
        MemoryFiles::new()
    }
}

#[async_trait]
impl Files for MemoryFiles {
    async fn put(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.inner.put(path, bytes).await
    }

    async fn create(&self, path: &str) -> Result<Box<dyn FileWriter>> {
        self.inner.create(path).await
    }

    async fn get(&self, path: &str) -> Result<Bytes> {
        self.inner.get(path).await
    }

    async fn read(&self, path: &str, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        self.inner.read(path, range).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<(String, u64)>> {
        self.inner.list(prefix)
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.inner.delete(path).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::conformance;

    #[tokio::test]
    async fn conforms() {
        conformance(&MemoryFiles::new()).await;
    }
}
