//! Data files: the bytes of objects, stored once under a fresh id and never changed.
//!
//! A file lies at `d/<epoch>/<id>` below the prefix of its repository. It cannot be named by its content,
//! since stores cannot rename and an upload is named before it is complete.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use md5::{Digest, Md5};

use super::{FileWriter, Files};
use crate::object::DataFile;
use crate::{Error, Ids, Result};

/// The data files of one repository.
#[derive(Debug, Clone)]
pub struct DataFiles {
    files: Arc<dyn Files>,
    prefix: String,
    ids: Arc<dyn Ids>,
}

/// A data file that is being written.
pub struct DataWriter {
    writer: Box<dyn FileWriter>,
    file: DataFile,
    size: u64,
    md5: Md5,
}

impl std::fmt::Debug for DataWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataWriter({:?}, {} bytes)", self.file, self.size)
    }
}

/// A data file that is stored, durably.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredData {
    pub file: DataFile,
    pub size: u64,
    pub md5: [u8; 16],
}

impl DataFiles {
    /// Returns the data files below `prefix`, which is empty or ends with a slash.
    pub fn new(files: Arc<dyn Files>, prefix: impl Into<String>, ids: Arc<dyn Ids>) -> DataFiles {
        DataFiles {
            files,
            prefix: prefix.into(),
            ids,
        }
    }

    /// Opens a fresh data file in the folder of `epoch`.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::NoSpace`].
    pub async fn create(&self, epoch: u32) -> Result<DataWriter> {
        let file = DataFile {
            epoch,
            id: self.ids.fresh(),
        };
        let writer = self.files.create(&self.path(file)).await?;
        Ok(DataWriter {
            writer,
            file,
            size: 0,
            md5: Md5::new(),
        })
    }

    /// Streams the bytes of `range`, which has to lie within the file.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the file is missing, [`Error::Storage`].
    pub async fn read(&self, file: DataFile, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        let path = self.path(file);
        match self.files.read(&path, range).await {
            Err(Error::NotFound { .. }) => Err(Error::Corrupt {
                what: "data file",
                key: path,
                message: "it is missing".into(),
            }),
            read => read,
        }
    }

    /// Removes a data file; removing what is not there is no error.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn delete(&self, file: DataFile) -> Result<()> {
        self.files.delete(&self.path(file)).await
    }

    /// Streams all data files with their sizes, in no particular order. What does not look like one is
    /// left out.
    pub fn list(&self) -> BoxStream<'static, Result<(DataFile, u64)>> {
        let folder = format!("{}d", self.prefix);
        let below = format!("{folder}/");
        let named = move |(path, size): (String, u64)| Some((parse(path.strip_prefix(&below)?)?, size));
        self.files
            .list(&folder)
            .try_filter_map(move |found| future::ready(Ok(named(found))))
            .boxed()
    }

    /// Returns where `file` lies in the store.
    pub fn path(&self, file: DataFile) -> String {
        format!(
            "{}d/{:08x}/{:032x}",
            self.prefix,
            file.epoch,
            u128::from_be_bytes(file.id)
        )
    }
}

fn parse(name: &str) -> Option<DataFile> {
    let (epoch, id) = name
        .split_once('/')
        .filter(|(epoch, id)| epoch.len() == 8 && id.len() == 32)?;
    let epoch = u32::from_str_radix(epoch, 16).ok()?;
    Some(DataFile {
        epoch,
        id: u128::from_str_radix(id, 16).ok()?.to_be_bytes(),
    })
}

impl DataWriter {
    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::NoSpace`].
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.md5.update(&bytes);
        self.size += bytes.len() as u64;
        self.writer.write(bytes).await
    }

    /// Returns how many bytes were written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Makes the file durable. Without this call it never appears.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::NoSpace`].
    pub async fn finish(self) -> Result<StoredData> {
        self.writer.finish().await?;
        Ok(StoredData {
            file: self.file,
            size: self.size,
            md5: self.md5.finalize().into(),
        })
    }
}
