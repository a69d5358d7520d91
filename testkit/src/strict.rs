//! Files that are stricter than any store: what a room gets away with elsewhere fails here.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use versioning::store::{FileWriter, Files};
use versioning::{Error, Result};

/// Files in memory that refuse to replace a file with another content, and list backwards.
///
/// A path may be written again with the same bytes, and after its removal.
#[derive(Debug, Clone, Default)]
pub struct StrictFiles {
    files: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

impl StrictFiles {
    /// Returns an empty store.
    pub fn new() -> StrictFiles {
        StrictFiles::default()
    }

    fn store(&self, path: &str, bytes: Bytes) -> Result<()> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match files.get(path) {
            Some(there) if *there != bytes => {
                Err(Error::Internal(format!("{path} was written with two contents")))
            }
            Some(_) => Ok(()),
            None => {
                files.insert(path.to_owned(), bytes);
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Files for StrictFiles {
    async fn put(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.store(path, bytes)
    }

    async fn create(&self, path: &str) -> Result<Box<dyn FileWriter>> {
        Ok(Box::new(StrictWriter {
            files: self.clone(),
            path: path.to_owned(),
            bytes: Vec::new(),
        }))
    }

    async fn get(&self, path: &str) -> Result<Bytes> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.get(path).cloned().ok_or_else(|| Error::NotFound {
            what: "file",
            name: path.to_owned(),
        })
    }

    async fn read(&self, path: &str, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        let file = self.get(path).await?;
        if range.end > file.len() as u64 {
            return Err(Error::Storage {
                operation: "read of a file",
                message: format!("{path} is shorter"),
            });
        }
        let part = file.slice(range.start as usize..range.end as usize);
        Ok(stream::once(async { Ok(part) }).boxed())
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<(String, u64)>> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = format!("{prefix}/");
        let found: Vec<_> = files
            .iter()
            .rev()
            .filter(|(path, _)| path.starts_with(&folder))
            .map(|(path, bytes)| Ok((path.clone(), bytes.len() as u64)))
            .collect();
        stream::iter(found).boxed()
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(path);
        Ok(())
    }
}

#[derive(Debug)]
struct StrictWriter {
    files: StrictFiles,
    path: String,
    bytes: Vec<u8>,
}

#[async_trait]
impl FileWriter for StrictWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<()> {
        self.files.store(&self.path, self.bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use versioning::store::conformance::conformance;

    #[tokio::test]
    async fn conforms() {
        conformance(&StrictFiles::new()).await;
    }

    #[tokio::test]
    async fn refuses_a_second_content() {
        let files = StrictFiles::new();
        files.put("a", Bytes::from_static(b"1")).await.unwrap();
        assert!(files.put("a", Bytes::from_static(b"2")).await.is_err());
        assert_eq!(files.get("a").await.unwrap(), "1");
    }
}
