//! From [`Files`] to the `object_store` crate: one adapter for every kind of store.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetResultPayload, ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};

use super::{FileWriter, Files};
use crate::{Error, Result};

/// How many parts of a streamed file are under way at once.
const PARTS_MAX: usize = 4;
/// How much of a local file is read at a time.
const READ_BYTES: u64 = 256 << 10;

/// Files in anything that `object_store` speaks to.
#[derive(Debug, Clone)]
pub(super) struct Adapter {
    store: Arc<dyn ObjectStore>,
    part_bytes: usize,
}

impl Adapter {
    /// Returns files in `store`, whose streamed files go out in parts of `part_bytes`.
    pub(super) fn new(store: impl ObjectStore, part_bytes: usize) -> Adapter {
        Adapter {
            store: Arc::new(store),
            part_bytes,
        }
    }
}

#[async_trait]
impl Files for Adapter {
    async fn put(&self, path: &str, bytes: Bytes) -> Result<()> {
        let stored = self.store.put(&parse(path)?, PutPayload::from(bytes)).await;
        stored
            .map(drop)
            .map_err(|error| failed("write of a file", path, &error))
    }

    async fn create(&self, path: &str) -> Result<Box<dyn FileWriter>> {
        let upload = self.store.put_multipart(&parse(path)?).await;
        let upload = upload.map_err(|error| failed("write of a file", path, &error))?;
        let upload = WriteMultipart::new_with_chunk_size(upload, self.part_bytes);
        Ok(Box::new(Upload {
            path: path.to_owned(),
            upload,
        }))
    }

    async fn get(&self, path: &str) -> Result<Bytes> {
        let error = |error: object_store::Error| failed("read of a file", path, &error);
        self.store
            .get(&parse(path)?)
            .await
            .map_err(error)?
            .bytes()
            .await
            .map_err(error)
    }

    async fn read(&self, path: &str, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        let location = parse(path)?;
        if range.is_empty() {
            self.store
                .head(&location)
                .await
                .map_err(|error| failed("read of a file", path, &error))?;
            return Ok(stream::empty().boxed());
        }
        let options = GetOptions {
            range: Some(range.clone().into()),
            ..GetOptions::default()
        };
        let found = self.store.get_opts(&location, options).await;
        let found = found.map_err(|error| failed("read of a file", path, &error))?;
        if found.range != range {
            let message = format!(
                "{path} ends at {}, not at {} or later",
                found.range.end, range.end
            );
            return Err(Error::Storage {
                operation: "read of a file",
                message,
            });
        }
        let path = path.to_owned();
        Ok(match found.payload {
            GetResultPayload::File(file, _) => chunks(file, range, path),
            GetResultPayload::Stream(stream) => stream
                .map_err(move |error| failed("read of a file", &path, &error))
                .boxed(),
        })
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<(String, u64)>> {
        let location = match parse(prefix) {
            Ok(location) => location,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let prefix = prefix.to_owned();
        self.store
            .list(Some(&location))
            .map_ok(|meta| (meta.location.to_string(), meta.size))
            .map_err(move |error| failed("listing of files", &prefix, &error))
            .boxed()
    }

    async fn delete(&self, path: &str) -> Result<()> {
        match self.store.delete(&parse(path)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("removal of a file", path, &error)),
        }
    }
}

#[derive(Debug)]
struct Upload {
    path: String,
    upload: WriteMultipart,
}

#[async_trait]
impl FileWriter for Upload {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let room = self.upload.wait_for_capacity(PARTS_MAX).await;
        room.map_err(|error| failed("write of a file", &self.path, &error))?;
        self.upload.put(bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<()> {
        let Upload { path, upload } = *self;
        upload
            .finish()
            .await
            .map(drop)
            .map_err(|error| failed("write of a file", &path, &error))
    }
}

/// Streams a stretch of a local file in larger pieces than `object_store` would, and notices its end.
fn chunks(file: File, range: Range<u64>, path: String) -> BoxStream<'static, Result<Bytes>> {
    let left = range.end - range.start;
    stream::try_unfold((file, range.start, left), move |(mut file, at, left)| {
        let path = path.clone();
        async move {
            if left == 0 {
                return Ok(None);
            }
            let len = left.min(READ_BYTES);
            let read = tokio::task::spawn_blocking(move || {
                let bytes = read_at(&mut file, at, len)?;
                Ok::<_, io::Error>((bytes, file))
            });
            let storage = |message| Error::Storage {
                operation: "read of a file",
                message,
            };
            let read = read.await.map_err(|error| storage(format!("{path}: {error}")))?;
            let (bytes, file) = read.map_err(|error| storage(format!("{path}: {error}")))?;
            Ok(Some((bytes, (file, at + len, left - len))))
        }
    })
    .boxed()
}

fn read_at(file: &mut File, at: u64, len: u64) -> io::Result<Bytes> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(len).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == len {
        Ok(bytes.into())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn parse(path: &str) -> Result<Path> {
    Path::parse(path).map_err(|error| Error::Internal(format!("{path:?} is no path of a file: {error}")))
}

fn failed(operation: &'static str, path: &str, error: &object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::NotFound {
            what: "file",
            name: path.to_owned(),
        },
        error if is_full(error) => Error::NoSpace { operation },
        error => Error::Storage {
            operation,
            message: format!("{path}: {error}"),
        },
    }
}

/// Returns whether an error is, or comes from, a full disk.
pub(super) fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
    let mut next = Some(error);
    while let Some(error) = next {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| full.contains(&error.kind()))
        {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        let generic = |kind: io::ErrorKind| object_store::Error::Generic {
            store: "test",
            source: Box::new(io::Error::from(kind)),
        };
        let error = failed("write of a file", "p", &generic(io::ErrorKind::StorageFull));
        assert!(matches!(error, Error::NoSpace { .. }), "{error}");
        let error = failed("write of a file", "p", &generic(io::ErrorKind::PermissionDenied));
        assert!(matches!(error, Error::Storage { .. }), "{error}");
    }
}
