//! Records as values of the trees: what stands inline, what in blobs, and which of those are shared.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use moka::sync::Cache;
use versioning::codec::DecodeError;
use versioning::{Batch, BlobRef, Hash, Space, Value, View};

use crate::codec::{self, Shared};
use crate::model::{
    Columns, Constraint, Database, Function, Location, Partition, RegisteredSchema, RegisteredSerde,
    RegisteredType, SchemaVersion, Storage, Table, TableEntry, TableStatistics, Template,
};
use crate::{Error, Result, keys};

/// Decoded column lists and templates, by the hash of their bytes; shared by all snapshots of a repository.
#[derive(Debug, Clone)]
pub struct SharedCache {
    templates: Cache<Hash, Arc<Template>>,
    columns: Cache<Hash, Arc<Columns>>,
}

impl SharedCache {
    /// Returns a cache for the decoded forms of about `stored_bytes` of stored bytes.
    pub fn new(stored_bytes: u64) -> SharedCache {
        let half = stored_bytes / 2;
        SharedCache {
            templates: Cache::new(half / 512),
            columns: Cache::new(half / 2_048),
        }
    }
}

impl Default for SharedCache {
    fn default() -> SharedCache {
        SharedCache::new(16 << 20)
    }
}

/// A kind of value.
pub(crate) trait Record: Sized {
    /// What errors call it.
    const WHAT: &'static str;
    /// Where it stands.
    const SPACE: Space;
    /// Longer ones stand in a blob of their own, so that leaves stay small (versioning.md 2.3). Part of the
    /// format: a record has one form.
    const INLINE_BYTES_MAX: usize;

    fn encode(&self) -> Vec<u8>;
    fn decode(key: &[u8], bytes: &[u8], shared: &Shared) -> Result<Self, DecodeError>;

    fn storage(&self) -> Option<&Storage> {
        None
    }

    /// Returns what the sums over ranges of keys count ([`versioning::tree::Totals`]): what is displaced, so that
    /// it has to be looked for only where there is any.
    fn weight(&self) -> u64 {
        0
    }
}

macro_rules! records {
    ($($type:ident $what:literal $space:ident $max:literal $encode:ident $decode:ident $weight:expr,)+) => { $(
        impl Record for $type {
            const WHAT: &'static str = $what;
            const SPACE: Space = Space::$space;
            const INLINE_BYTES_MAX: usize = $max;

            fn encode(&self) -> Vec<u8> {
                codec::$encode(self)
            }

            fn decode(_: &[u8], bytes: &[u8], _: &Shared) -> Result<Self, DecodeError> {
                codec::$decode(bytes)
            }

            fn weight(&self) -> u64 {
                let weight: fn(&$type) -> u64 = $weight;
                weight(self)
            }
        }
    )+ };
}

records! {
    Database "database" Meta 8192 encode_database decode_database |_| 0,
    TableEntry "table entry" Meta 8192 encode_entry decode_entry |entry| u64::from(entry.is_displaced),
    Function "function" Meta 8192 encode_function decode_function |_| 0,
    Constraint "constraint" Meta 8192 encode_constraint decode_constraint |_| 0,
    RegisteredSchema "schema" Meta 8192 encode_schema decode_schema |_| 0,
    SchemaVersion "schema version" Meta 8192 encode_schema_version decode_schema_version |_| 0,
    RegisteredSerde "serde" Meta 8192 encode_serde decode_serde |_| 0,
    RegisteredType "type" Meta 8192 encode_type decode_type |_| 0,
    TableStatistics "statistics" Stats 2048 encode_statistics decode_statistics |_| 0,
}

impl Record for Table {
    const WHAT: &'static str = "table";
    const SPACE: Space = Space::Meta;
    const INLINE_BYTES_MAX: usize = 8192;

    fn encode(&self) -> Vec<u8> {
        codec::encode_table(self)
    }

    fn decode(_: &[u8], bytes: &[u8], shared: &Shared) -> Result<Table, DecodeError> {
        codec::decode_table(bytes, shared)
    }

    fn storage(&self) -> Option<&Storage> {
        self.storage.as_ref()
    }
}

impl Record for Partition {
    const WHAT: &'static str = "partition";
    const SPACE: Space = Space::Parts;
    const INLINE_BYTES_MAX: usize = 2048;

    fn encode(&self) -> Vec<u8> {
        codec::encode_partition(self)
    }

    fn decode(key: &[u8], bytes: &[u8], shared: &Shared) -> Result<Partition, DecodeError> {
        let (_, name) = keys::decode_partition(key).ok_or(DecodeError::Utf8)?;
        codec::decode_partition(name, bytes, shared)
    }

    fn storage(&self) -> Option<&Storage> {
        self.storage.as_ref()
    }

    /// A partition that lies elsewhere in the repository than by default counts.
    fn weight(&self) -> u64 {
        let location = self
            .storage
            .as_ref()
            .and_then(|storage| storage.location.as_ref());
        u64::from(matches!(location, Some(Location::Rel(_))))
    }
}

/// Which blobs a record shares with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SharedRefs {
    pub template: Option<BlobRef>,
    pub columns: Option<BlobRef>,
}

/// Returns whether the record of a value stands in a blob, and which blobs it shares.
pub(crate) fn refs(
    payload: &[u8],
    blob: impl Fn(usize) -> Option<BlobRef>,
    count: usize,
) -> (bool, SharedRefs) {
    let spilled = codec::is_spilled(payload);
    let shared = count - usize::from(spilled && count > 0);
    let get = |index: usize| if index < shared { blob(index) } else { None };
    (
        spilled,
        SharedRefs {
            template: get(0),
            columns: get(1),
        },
    )
}

/// The records of one view.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    view: View,
    cache: SharedCache,
    /// Shared blobs that the view refers to already, so that they need not be written again.
    known: Arc<Mutex<HashMap<Hash, BlobRef>>>,
}

impl Records {
    pub(crate) fn new(view: View, cache: SharedCache) -> Records {
        Records {
            view,
            cache,
            known: Arc::default(),
        }
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// Returns the records with the changes of `batch` on top.
    pub(crate) fn with(&self, batch: &Batch) -> Records {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let view = self.view.with(batch);
        let mut records = Records {
            view,
            cache: self.cache.clone(),
            known: Arc::default(),
        };
        records.known = Arc::new(Mutex::new(known));
        for blob in &batch.blobs {
            records.know(records.view.blob_ref(blob));
        }
        records
    }

    /// Returns the record at `key`.
    pub(crate) async fn get<T: Record>(&self, key: &[u8]) -> Result<Option<T>> {
        match self.view.get(T::SPACE, key).await? {
            Some(value) => Ok(Some(self.load(key, &value).await?)),
            None => Ok(None),
        }
    }

    /// Reads the record of a value.
    pub(crate) async fn load<T: Record>(&self, key: &[u8], value: &Value) -> Result<T> {
        let (payload, refs) = self.open(value).await?;
        let shared = self.shared(&refs).await?;
        T::decode(key, &payload, &shared).map_err(|error| corrupt(T::WHAT, key, &error))
    }

    /// Returns the bytes of the record of a value, and what it shares.
    pub(crate) async fn open(&self, value: &Value) -> Result<(Bytes, SharedRefs)> {
        let blob = |index: usize| value.blobs.get(index).copied();
        let (spilled, refs) = refs(&value.payload, blob, value.blobs.len());
        let payload = match value.blobs.last() {
            Some(last) if spilled => self.view.blob(last).await?,
            _ => value.payload.clone(),
        };
        Ok((payload, refs))
    }

    /// Reads what records share.
    pub(crate) async fn shared(&self, refs: &SharedRefs) -> Result<Shared> {
        let mut shared = Shared::default();
        if let Some(blob) = &refs.template {
            shared.template = Some(
                self.shared_part(blob, &self.cache.templates, codec::decode_template)
                    .await?,
            );
        }
        if let Some(blob) = &refs.columns {
            shared.columns = Some(
                self.shared_part(blob, &self.cache.columns, codec::decode_columns)
                    .await?,
            );
        }
        Ok(shared)
    }

    async fn shared_part<T: Send + Sync + 'static>(
        &self,
        blob: &BlobRef,
        cache: &Cache<Hash, Arc<T>>,
        decode: fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<Arc<T>> {
        self.know(*blob);
        if let Some(found) = cache.get(&blob.hash) {
            return Ok(found);
        }
        let bytes = self.view.blob(blob).await?;
        let hash = blob.hash;
        let part = decode(&bytes).map_err(|error| corrupt("blob", hash.to_string().as_bytes(), &error))?;
        let part = Arc::new(part);
        cache.insert(hash, Arc::clone(&part));
        Ok(part)
    }

    fn know(&self, blob: BlobRef) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(blob.hash).or_insert(blob);
    }

    fn known(&self, hash: &Hash) -> Option<BlobRef> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(hash)
            .copied()
    }
}

/// Collects changes to the records of a view.
#[derive(Debug)]
pub(crate) struct Changes<'a> {
    records: &'a Records,
    batch: Batch,
    new: HashMap<Hash, BlobRef>,
    /// What was written last, since one list of partitions shares most of what it says.
    last: Option<(Arc<Template>, BlobRef)>,
    last_columns: Option<(Arc<Columns>, BlobRef)>,
}

impl<'a> Changes<'a> {
    pub(crate) fn new(records: &'a Records) -> Changes<'a> {
        Changes {
            records,
            batch: Batch::default(),
            new: HashMap::new(),
            last: None,
            last_columns: None,
        }
    }

    pub(crate) fn put<T: Record>(&mut self, key: Bytes, record: &T) {
        let value = self.value(record);
        self.batch.put(T::SPACE, key, value);
    }

    pub(crate) fn delete<T: Record>(&mut self, key: Bytes) {
        self.batch.delete(T::SPACE, key);
    }

    /// Gives the batch to write to directly.
    pub(crate) fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    pub(crate) fn into_batch(self) -> Batch {
        self.batch
    }

    /// Returns a record as the value of its key.
    pub(crate) fn value<T: Record>(&mut self, record: &T) -> Value {
        let mut blobs = Vec::new();
        if let Some(storage) = record.storage() {
            blobs.push(self.template(&storage.template));
            blobs.extend(storage.columns.as_ref().map(|columns| self.columns(columns)));
        }
        let bytes = record.encode();
        let payload = if bytes.len() > T::INLINE_BYTES_MAX {
            blobs.push(self.blob(bytes));
            codec::spilled()
        } else {
            bytes.into()
        };
        Value {
            payload,
            blobs,
            weight: record.weight(),
        }
    }

    fn template(&mut self, template: &Arc<Template>) -> BlobRef {
        match &self.last {
            Some((last, blob)) if last == template => *blob,
            _ => {
                let blob = self.blob(codec::encode_template(template));
                self.last = Some((Arc::clone(template), blob));
                blob
            }
        }
    }

    fn columns(&mut self, columns: &Arc<Columns>) -> BlobRef {
        match &self.last_columns {
            Some((last, blob)) if last == columns => *blob,
            _ => {
                let blob = self.blob(codec::encode_columns(columns));
                self.last_columns = Some((Arc::clone(columns), blob));
                blob
            }
        }
    }

    fn blob(&mut self, content: Vec<u8>) -> BlobRef {
        let blob = self.records.view.blob_ref(&content);
        if let Some(known) = self
            .records
            .known(&blob.hash)
            .or_else(|| self.new.get(&blob.hash).copied())
        {
            return known;
        }
        self.new.insert(blob.hash, blob);
        self.batch.blobs.push(content.into());
        blob
    }
}

pub(crate) fn corrupt(what: &'static str, key: &[u8], error: &DecodeError) -> Error {
    Error::Corrupt {
        what,
        key: key.escape_ascii().to_string(),
        message: error.to_string(),
    }
}
