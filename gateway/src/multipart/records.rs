//! The records of uploads.
//!
//! All stand in one namespace, so that the end of an upload is one write:
//! - `u/{key}\u{1}{id}` is an open upload. The separator is below every other character of a key, so that
//!   uploads are listed in the order of their keys.
//! - `p/{id}/{number}` is a part that was received.
//! - `d/{id}` is an upload that was completed, kept for a while, for whoever repeats the completion because
//!   the answer was lost. Ids are by time, so the oldest come first.
//!
//! Every record is an [`Object`] in its canonical form: of an upload, what the object will get; of a part, its
//! segments and its etag; of a completed upload, the etag and the key.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use versioning::Repository;
use versioning::object::Object;
use versioning::refs::{RefStore, RepositoryId};

use crate::error::{Error, Result};
use crate::wire::{hex, unhex};

const NAMESPACE: &str = "mpu";
const SEPARATOR: char = '\u{1}';
/// Under this name a record of a completed upload holds its key.
const KEY: &str = ":key";
/// How many records are read at a time.
const PAGE: usize = 1000;
/// How many completed uploads are forgotten with each new one: more than arrive, so that they do not pile up.
const FORGOTTEN_AT_ONCE: usize = 4;
/// The highest number of a part.
pub(crate) const PART_MAX: i32 = 10_000;

/// The id of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UploadId(String);

impl UploadId {
    pub(crate) fn fresh(repository: &Repository) -> UploadId {
        UploadId(hex(&repository.ids().fresh()))
    }

    /// Reads an id; what cannot be one names no upload.
    pub(crate) fn parse(text: &str) -> Result<UploadId> {
        match unhex(text) {
            Some(bytes) if bytes.len() == 16 => Ok(UploadId(text.to_ascii_lowercase())),
            _ => Err(Error::NoUpload(text.to_owned())),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the time in milliseconds at which the id was made.
    fn made_ms(&self) -> u64 {
        u64::from_str_radix(&self.0[..12], 16).unwrap_or(0)
    }
}

/// An open upload.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) key: String,
    pub(crate) id: UploadId,
    /// What the object will get: type, metadata; and when the upload was begun.
    pub(crate) template: Object,
}

/// The records of one repository.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    store: Arc<dyn RefStore>,
    repository: RepositoryId,
}

type Change = (String, Option<Bytes>);

impl Records {
    pub(crate) fn of(repository: &Repository) -> Records {
        let (store, id) = repository.records();
        Records {
            store: store.clone(),
            repository: id,
        }
    }

    /// Begins an upload, and forgets some that were completed before `forget_ms`.
    pub(crate) async fn open(&self, upload: &Open, forget_ms: u64) -> Result<()> {
        let mut changes = vec![(
            upload_key(&upload.key, &upload.id),
            Some(upload.template.encode().payload),
        )];
        changes.extend(self.forgettable(forget_ms).await?);
        self.write(&changes).await
    }

    /// Returns an open upload.
    pub(crate) async fn find(&self, key: &str, id: &UploadId) -> Result<Object> {
        let found = self.get(&upload_key(key, id)).await?;
        found.ok_or_else(|| Error::NoUpload(id.0.clone()))
    }

    /// Notes a part of an open upload; it takes the place of one with the same number.
    ///
    /// If the upload has ended meanwhile, the part is taken back. Since an ending looks for parts once more
    /// after it has removed the upload, one of the two sees the other, and no part is left behind.
    pub(crate) async fn put_part(&self, key: &str, id: &UploadId, number: i32, part: &Object) -> Result<()> {
        self.write(&[(part_key(id, number), Some(part.encode().payload))])
            .await?;
        let upload = self.find(key, id).await;
        if matches!(upload, Err(Error::NoUpload(_))) {
            self.write(&[(part_key(id, number), None)]).await?;
        }
        upload.map(|_| ())
    }

    /// Returns up to `limit` parts behind a number.
    pub(crate) async fn parts(&self, id: &UploadId, after: i32, limit: usize) -> Result<Vec<(i32, Object)>> {
        let prefix = parts_prefix(id);
        let mut out = Vec::new();
        for (key, value) in self.list(&prefix, &part_key(id, after), limit).await? {
            let number = key.strip_prefix(&prefix).and_then(|number| number.parse().ok());
            out.push((
                number.ok_or_else(|| damaged(&key))?,
                Object::decode(key.as_bytes(), &value)?,
            ));
        }
        Ok(out)
    }

    /// Returns all parts.
    pub(crate) async fn all_parts(&self, id: &UploadId) -> Result<Vec<(i32, Object)>> {
        let mut all = Vec::new();
        loop {
            let after = all.last().map_or(0, |(number, _)| *number);
            let page = self.parts(id, after, PAGE).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// Ends an upload that was completed, and remembers its etag.
    pub(crate) async fn complete(&self, key: &str, id: &UploadId, parts: &[i32], etag: &str) -> Result<()> {
        let metadata = [(KEY.to_owned(), key.to_owned())].into();
        let done = Object {
            etag: etag.to_owned(),
            metadata,
            ..Object::default()
        };
        let mut changes = removal(key, id, parts);
        changes.push((done_key(id), Some(done.encode().payload)));
        self.write(&changes).await?;
        self.sweep(id).await
    }

    /// Returns the etag of an upload that was completed not long ago.
    pub(crate) async fn completed(&self, key: &str, id: &UploadId) -> Result<Option<String>> {
        let done = self.get(&done_key(id)).await?;
        Ok(done
            .filter(|done| done.metadata.get(KEY).is_some_and(|done| done == key))
            .map(|done| done.etag))
    }

    /// Ends an upload of which nothing remains.
    pub(crate) async fn abort(&self, key: &str, id: &UploadId, parts: &[i32]) -> Result<()> {
        self.write(&removal(key, id, parts)).await?;
        self.sweep(id).await
    }

    /// Removes parts that came while the upload ended.
    async fn sweep(&self, id: &UploadId) -> Result<()> {
        let late = self.all_parts(id).await?;
        if late.is_empty() {
            return Ok(());
        }
        let changes: Vec<Change> = late
            .iter()
            .map(|(number, _)| (part_key(id, *number), None))
            .collect();
        self.write(&changes).await
    }

    /// Returns up to `limit` open uploads whose keys begin with `prefix`, behind a key and an id.
    pub(crate) async fn uploads(&self, prefix: &str, after: &After, limit: usize) -> Result<Vec<Open>> {
        let found = self.list(&format!("u/{prefix}"), &after.record(), limit).await?;
        found
            .into_iter()
            .map(|(record, value)| read_upload(&record, &value))
            .collect()
    }

    async fn forgettable(&self, before_ms: u64) -> Result<Vec<Change>> {
        let oldest = self.list("d/", "", FORGOTTEN_AT_ONCE).await?;
        let is_old = |key: &str| {
            key.strip_prefix("d/")
                .and_then(|id| UploadId::parse(id).ok())
                .is_none_or(|id| id.made_ms() < before_ms)
        };
        Ok(oldest
            .into_iter()
            .filter(|(key, _)| is_old(key))
            .map(|(key, _)| (key, None))
            .collect())
    }

    async fn get(&self, key: &str) -> Result<Option<Object>> {
        let value = self.store.kv_get(self.repository, NAMESPACE, key).await?;
        Ok(value
            .map(|value| Object::decode(key.as_bytes(), &value))
            .transpose()?)
    }

    async fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<(String, Bytes)>> {
        Ok(self
            .store
            .kv_list(self.repository, NAMESPACE, prefix, after, limit)
            .await?)
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        Ok(self.store.kv_write(self.repository, NAMESPACE, changes).await?)
    }
}

/// Where a listing of uploads goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct After {
    pub(crate) key: String,
    /// Without an id, behind all uploads of the key.
    pub(crate) id: Option<String>,
}

impl After {
    fn record(&self) -> String {
        match &self.id {
            _ if self.key.is_empty() => String::new(),
            Some(id) => format!("u/{}{SEPARATOR}{id}", self.key),
            // ids are of hexadecimal digits, all below the tilde
            None => format!("u/{}{SEPARATOR}~", self.key),
        }
    }
}

/// Returns the time before which completed uploads are forgotten.
pub(crate) fn forget_before_ms(now_us: u64, kept: Duration) -> u64 {
    (now_us / 1000).saturating_sub(u64::try_from(kept.as_millis()).unwrap_or(u64::MAX))
}

fn removal(key: &str, id: &UploadId, parts: &[i32]) -> Vec<Change> {
    let parts = parts.iter().map(|number| (part_key(id, *number), None));
    parts.chain([(upload_key(key, id), None)]).collect()
}

fn upload_key(key: &str, id: &UploadId) -> String {
    format!("u/{key}{SEPARATOR}{}", id.0)
}

fn parts_prefix(id: &UploadId) -> String {
    format!("p/{}/", id.0)
}

fn part_key(id: &UploadId, number: i32) -> String {
    format!("p/{}/{number:05}", id.0)
}

fn done_key(id: &UploadId) -> String {
    format!("d/{}", id.0)
}

fn read_upload(record: &str, value: &[u8]) -> Result<Open> {
    let parsed = record
        .strip_prefix("u/")
        .and_then(|rest| rest.rsplit_once(SEPARATOR));
    let (key, id) = parsed.ok_or_else(|| damaged(record))?;
    let id = UploadId::parse(id).map_err(|_| damaged(record))?;
    Ok(Open {
        key: key.to_owned(),
        id,
        template: Object::decode(record.as_bytes(), value)?,
    })
}

fn damaged(record: &str) -> Error {
    Error::Store(versioning::Error::Corrupt {
        what: "record of an upload",
        key: record.to_owned(),
        message: "its key cannot be read".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> UploadId {
        UploadId::parse(&digit.to_string().repeat(32)).unwrap()
    }

    #[test]
    fn uploads_are_in_the_order_of_their_keys() {
        let keys = ["main/a", "main/a-b", "main/a/b", "main/aé"];
        let records: Vec<String> = keys.iter().map(|key| upload_key(key, &id('f'))).collect();
        assert!(records.is_sorted());
        for (record, key) in records.iter().zip(keys) {
            let open = read_upload(record, &Object::default().encode().payload).unwrap();
            assert_eq!((open.key.as_str(), open.id), (key, id('f')));
        }
    }

    #[test]
    fn listings_go_on_behind_an_upload_or_a_key() {
        let record = upload_key("main/a", &id('5'));
        let after = |id: Option<&UploadId>| After {
            key: "main/a".into(),
            id: id.map(|id| id.0.clone()),
        };
        assert!(after(Some(&id('5'))).record() >= record && after(Some(&id('4'))).record() < record);
        assert!(after(None).record() > upload_key("main/a", &id('f')));
        assert!(after(None).record() < upload_key("main/a-b", &id('0')));
    }

    #[test]
    fn ids_are_checked_and_tell_their_time() {
        assert!(UploadId::parse("x").is_err() && UploadId::parse(&"0".repeat(30)).is_err());
        let made = UploadId::parse(&format!("{:012x}{}", 1_700_000_000_000_u64, "0".repeat(20))).unwrap();
        assert_eq!(made.made_ms(), 1_700_000_000_000);
        assert_eq!(forget_before_ms(5_000_000, Duration::from_secs(2)), 3_000);
    }
}
