//! Files in a folder of this machine, synced to its disk.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use tokio::sync::Mutex;

use super::adapter::{Adapter, is_full};
use super::{FileWriter, Files};
use crate::{Error, Result};

/// Files in a folder. What is written survives a power cut: content, name, and the folders above.
#[derive(Debug, Clone)]
pub struct LocalFiles {
    inner: Adapter,
    root: PathBuf,
    /// Folders that are known to be on disk, entry in their parent included. Two writers may need the same
    /// new folder; the second must not return before the first has synced it.
    folders: Arc<Mutex<HashSet<PathBuf>>>,
}

impl LocalFiles {
    /// Opens the folder `root`, making it if it is not there.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::NoSpace`].
    pub async fn open(root: impl Into<PathBuf>) -> Result<LocalFiles> {
        let root = root.into();
        let root = blocking("opening a folder", move || {
            std::fs::create_dir_all(&root)?;
            let root = root.canonicalize()?;
            make_folders(&root.ancestors().map(Path::to_owned).collect::<Vec<_>>())?;
            Ok(root)
        });
        let root = root.await?;
        let store = LocalFileSystem::new_with_prefix(&root).map_err(|error| Error::Storage {
            operation: "opening a folder",
            message: error.to_string(),
        })?;
        let inner = Adapter::new(store.with_fsync(true), 1 << 20);
        Ok(LocalFiles {
            inner,
            root,
            folders: Arc::default(),
        })
    }

    /// Sees to it that the folder of the file at `path` is there for good.
    async fn prepare(&self, path: &str) -> Result<()> {
        let folder = self
            .root
            .join(path)
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default();
        let mut known = self.folders.lock().await;
        let unknown = |folder: &&Path| !known.contains(*folder) && *folder != self.root;
        let missing: Vec<PathBuf> = folder
            .ancestors()
            .take_while(unknown)
            .map(Path::to_owned)
            .collect();
        if !missing.is_empty() {
            let made = missing.clone();
            blocking("making a folder", move || make_folders(&made)).await?;
            known.extend(missing);
        }
        Ok(())
    }
}

#[async_trait]
impl Files for LocalFiles {
    async fn put(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.prepare(path).await?;
        self.inner.put(path, bytes).await
    }

    async fn create(&self, path: &str) -> Result<Box<dyn FileWriter>> {
        self.prepare(path).await?;
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

/// Makes the first of `folders`, whose ancestors the others are, and syncs the parent of each.
///
/// Also of those that were there already: whoever made them may have died before syncing.
fn make_folders(folders: &[PathBuf]) -> io::Result<()> {
    let Some(deepest) = folders.first() else {
        return Ok(());
    };
    std::fs::create_dir_all(deepest)?;
    for parent in folders.iter().filter_map(|folder| folder.parent()) {
        match File::open(parent).and_then(|parent| parent.sync_all()) {
            // a folder far above that may be entered but not read, which nobody here has changed
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) if is_full(&error) => Err(Error::NoSpace { operation }),
        Ok(Err(error)) => Err(Error::Storage {
            operation,
            message: error.to_string(),
        }),
        Err(error) => Err(Error::Internal(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::conformance;

    #[tokio::test]
    async fn conforms() {
        let folder = tempfile::tempdir().unwrap();
        conformance(&LocalFiles::open(folder.path().join("a/b")).await.unwrap()).await;
    }

    #[tokio::test]
    async fn files_are_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let files = LocalFiles::open(folder.path()).await.unwrap();
        files.put("n/00/x", Bytes::from_static(b"kept")).await.unwrap();
        drop(files);
        let files = LocalFiles::open(folder.path()).await.unwrap();
        assert_eq!(files.get("n/00/x").await.unwrap(), "kept");
    }
}
