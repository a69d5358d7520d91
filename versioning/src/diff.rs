//! What differs between two commits, key by key.

use bytes::Bytes;

use crate::{Result, Value};

/// One key that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub key: Bytes,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// The differences of one space, in the order of their keys. Its cost follows their number.
#[derive(Debug)]
pub struct Diff {
    _inner: (),
}

impl Diff {
    /// Returns the next difference.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`], [`crate::Error::Storage`].
    pub async fn next(&mut self) -> Result<Option<Change>> {
        todo!()
    }
}
