//! Partitions as they are stored, read where somebody asks: of ten thousand that a merge changed, most go from the
//! trees into events as they are.

use std::sync::Arc;

use bytes::Bytes;
use versioning::codec::DecodeError;
use versioning::{Space, Value};

use crate::codec::{self, Shared};
use crate::model::{Columns, Partition, Template};
use crate::records::corrupt;
use crate::snapshot::Snapshot;
use crate::{Result, keys};

/// A partition as it is stored.
#[derive(Debug, Clone)]
pub struct StoredPartition {
    name: String,
    /// As the trees hold them, without what is shared.
    bytes: Bytes,
    shared: Shared,
}

impl StoredPartition {
    /// Returns the stored form of a partition.
    pub fn of(partition: &Partition) -> StoredPartition {
        let storage = partition.storage.as_ref();
        let shared = Shared {
            template: storage.map(|storage| Arc::clone(&storage.template)),
            columns: storage.and_then(|storage| storage.columns.clone()),
        };
        let bytes = codec::encode_partition(partition);
        StoredPartition::new(&partition.name, bytes.into(), shared)
    }

    /// Returns what was written as these bytes.
    pub(crate) fn new(name: &str, bytes: Bytes, shared: Shared) -> StoredPartition {
        let name = name.to_owned();
        StoredPartition { name, bytes, shared }
    }

    /// Returns the partition at a key.
    pub(super) async fn find(snapshot: &Snapshot, key: &[u8]) -> Result<Option<StoredPartition>> {
        let value = snapshot.view().get(Space::Parts, key).await?;
        StoredPartition::load(snapshot, key, value).await
    }

    /// Takes a partition out of the value at its key, if there is one.
    pub(super) async fn load(
        snapshot: &Snapshot,
        key: &[u8],
        value: Option<Value>,
    ) -> Result<Option<StoredPartition>> {
        let Some(value) = value else { return Ok(None) };
        let name = keys::decode_partition(key).map(|(_, name)| name);
        let name = name.ok_or_else(|| corrupt("partition", key, &DecodeError::Utf8))?;
        let (bytes, refs) = snapshot.records().open(&value).await?;
        let shared = snapshot.records().shared(&refs).await?;
        Ok(Some(StoredPartition::new(name, bytes, shared)))
    }

    /// `key=value/…`, escaped.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its stored bytes ([`codec::encode_partition`]).
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns its column list, if it has one.
    pub fn columns(&self) -> Option<&Arc<Columns>> {
        self.shared.columns.as_ref()
    }

    /// Returns what its storage shares with others, if it has a storage.
    pub fn template(&self) -> Option<&Arc<Template>> {
        self.shared.template.as_ref()
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] if the bytes are not what the encoder writes.
    pub fn read(&self) -> Result<Partition> {
        codec::decode_partition(&self.name, &self.bytes, &self.shared)
            .map_err(|error| corrupt("partition", self.name.as_bytes(), &error))
    }
}

/// Each partition has one form.
impl PartialEq for StoredPartition {
    fn eq(&self, other: &StoredPartition) -> bool {
        self.bytes == other.bytes
            && self.name == other.name
            && is_same(self.columns(), other.columns())
            && is_same(self.template(), other.template())
    }
}

impl Eq for StoredPartition {}

/// Alike parts are mostly one in memory.
fn is_same<T: PartialEq>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
        (one, other) => one.is_none() == other.is_none(),
    }
}
