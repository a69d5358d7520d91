//! What a ref looks like at one moment: four trees, and over them the operations that are not folded yet.

use std::sync::Arc;

use bytes::Bytes;

use crate::object::Object;
use crate::tree::Totals;
use crate::{Batch, BlobRef, CommitId, KeyRange, Result, Roots, Space, Value};

/// An immutable, consistent picture of a repository at a ref. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct View {
    _inner: Arc<()>,
}

/// One entry of a [`Scan`], valid until the scan moves on.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub key: &'a [u8],
    pub payload: &'a [u8],
    pub blobs: &'a [BlobRef],
    pub weight: u64,
}

impl View {
    /// Returns the commit below the staged state (or the commit itself).
    pub fn head(&self) -> CommitId {
        todo!()
    }

    /// Returns the trees below the overlay.
    pub fn roots(&self) -> Roots {
        todo!()
    }

    /// Returns the value at `key`.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`], [`crate::Error::Storage`], as every method here.
    pub async fn get(&self, _space: Space, _key: &[u8]) -> Result<Option<Value>> {
        todo!()
    }

    /// Returns the entries of `range` in the order of their keys.
    pub fn scan(&self, _space: Space, _range: KeyRange) -> Scan {
        todo!()
    }

    /// Returns the number of entries in `range` and the sum of their weights, without visiting them.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn totals(&self, _space: Space, _range: KeyRange) -> Result<Totals> {
        todo!()
    }

    /// Returns the content of a blob.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn blob(&self, _blob: &BlobRef) -> Result<Bytes> {
        todo!()
    }

    /// Returns the object at `path`.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn object(&self, path: &str) -> Result<Option<Object>> {
        match self.get(Space::Objects, path.as_bytes()).await? {
            Some(value) => Ok(Some(Object::decode(path.as_bytes(), &value.payload)?)),
            None => Ok(None),
        }
    }

    /// Returns this view with the changes of `batch` on top: for planning, nothing is written.
    pub fn with(&self, _batch: &Batch) -> View {
        todo!()
    }

    /// Returns a reference to a blob with this content: an existing one of the view's overlay, or a new one
    /// in the current epoch, whose content the caller adds to [`Batch::blobs`].
    pub fn blob_ref(&self, _content: &[u8]) -> BlobRef {
        todo!()
    }
}

/// A forward walk over the entries of a range.
#[derive(Debug)]
pub struct Scan {
    _inner: (),
}

impl Scan {
    /// Moves to the next entry and returns it.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn next(&mut self) -> Result<Option<Entry<'_>>> {
        todo!()
    }

    /// Skips to the first entry at or after `key`, which the next call of [`Scan::next`] returns. Keys before
    /// the present position are ignored.
    pub fn seek(&mut self, _key: &[u8]) {
        todo!()
    }
}
