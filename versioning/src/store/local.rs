//! Files in a folder of this machine, synced to its disk.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use tokio::sync::OnceCell;

use super::adapter::{Adapter, is_full};
use super::{FileWriter, Files};
use crate::{Error, Result};

/// Files in a folder. What is written survives a power cut: content, name, and the folders above.
#[derive(Debug, Clone)]
pub struct LocalFiles {
    inner: Adapter,
    root: PathBuf,
    /// The folders that are on disk for good, entry in their parent included. Two writers may need the same
    /// new folder; the second must not go on before the first has synced it.
    folders: Arc<Mutex<HashMap<PathBuf, Arc<OnceCell<()>>>>>,
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
            root.ancestors().try_for_each(sync_entry)?;
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

    /// Sees to it that the folders above the file at `path` are there for good.
    async fn prepare(&self, path: &str) -> Result<()> {
        let file = self.root.join(path);
        let folders: Vec<&Path> = file
            .ancestors()
            .skip(1)
            .take_while(|above| *above != self.root)
            .collect();
        for folder in folders.into_iter().rev() {
            let make = async || {
                let folder = folder.to_owned();
                blocking("making a folder", move || make_folder(&folder)).await
            };
            self.folder(folder).get_or_try_init(make).await?;
        }
        Ok(())
    }

    fn folder(&self, folder: &Path) -> Arc<OnceCell<()>> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        match folders.get(folder) {
            Some(known) => known.clone(),
            None => folders.entry(folder.to_owned()).or_default().clone(),
        }
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

/// Makes a folder and syncs its entry. Also if it was there already: whoever made it may have died before.
fn make_folder(folder: &Path) -> io::Result<()> {
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_entry(folder),
    }
}

fn sync_entry(folder: &Path) -> io::Result<()> {
    let Some(parent) = folder.parent() else {
        return Ok(());
    };
    match File::open(parent).and_then(|parent| parent.sync_all()) {
        // a folder far above that may be entered but not read, which nobody here has changed
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
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
    async fn many_write_into_new_folders_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let files = LocalFiles::open(folder.path()).await.unwrap();
        let put = async |i: u8| {
            files
                .put(&format!("n/{}/{i}", i % 3), Bytes::copy_from_slice(&[i]))
                .await
        };
        futures::future::try_join_all((0..60).map(put)).await.unwrap();
        for i in 0..60u8 {
            assert_eq!(
                files.get(&format!("n/{}/{i}", i % 3)).await.unwrap(),
                [i].as_slice()
            );
        }
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
