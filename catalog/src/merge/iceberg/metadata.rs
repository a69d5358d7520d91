//! Metadata files of Iceberg tables: what they say of the states that were before.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{BufReader, Read};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::location::SHARED_SEGMENT;

/// What a metadata file says of what was before it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Metadata {
    table_uuid: Option<String>,
    last_updated_ms: i64,
    current_snapshot_id: Option<i64>,
    snapshots: Vec<TableSnapshot>,
    metadata_log: Vec<LogEntry>,
    properties: BTreeMap<String, IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TableSnapshot {
    snapshot_id: i64,
    #[serde(default)]
    parent_snapshot_id: Option<i64>,
    timestamp_ms: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct LogEntry {
    metadata_file: String,
}

impl Metadata {
    /// Reads the text of a metadata file, packed by gzip or not, of which at most `bytes_max` are unpacked.
    pub(super) fn parse(bytes: &[u8], bytes_max: u64) -> std::io::Result<Metadata> {
        if !bytes.starts_with(&[0x1f, 0x8b]) {
            return Ok(serde_json::from_slice(bytes)?);
        }
        let unpacked = flate2::read::MultiGzDecoder::new(bytes).take(bytes_max);
        Ok(serde_json::from_reader(BufReader::new(unpacked))?)
    }

    /// Returns the keys of the table's properties, which clients of Iceberg repeat in the metastore.
    pub(super) fn property_keys(&self) -> impl Iterator<Item = &String> {
        self.properties.keys()
    }

    /// Returns whether this state came of `other`, which is at the path `other_at` of the shared namespace.
    ///
    /// The log of metadata files says so, or, if it was cut off, the snapshots: but those tell nothing of what other
    /// did beside them, so its last change has to be the snapshot itself.
    pub(super) fn goes_on_from(&self, other: &Metadata, other_at: &str) -> bool {
        if self.table_uuid.is_none() || self.table_uuid != other.table_uuid {
            return false;
        }
        let mut log = self.metadata_log.iter();
        log.any(|entry| shared_path(&entry.metadata_file) == Some(other_at))
            || other.last_snapshot().is_some_and(|last| self.has_ancestor(last))
    }

    /// Returns the present snapshot, if nothing was changed since it was made.
    fn last_snapshot(&self) -> Option<i64> {
        let present = self.current_snapshot_id?;
        let snapshot = self.snapshots.iter().find(|one| one.snapshot_id == present)?;
        (snapshot.timestamp_ms == self.last_updated_ms).then_some(present)
    }

    /// Returns whether a snapshot is one of those that came before the present one.
    fn has_ancestor(&self, wanted: i64) -> bool {
        let parents: HashMap<i64, Option<i64>> = self
            .snapshots
            .iter()
            .map(|one| (one.snapshot_id, one.parent_snapshot_id))
            .collect();
        let mut seen = HashSet::new();
        let mut at = self.current_snapshot_id;
        while let Some(id) = at.filter(|id| seen.insert(*id)) {
            at = parents.get(&id).copied().flatten();
            if at == Some(wanted) {
                return true;
            }
        }
        false
    }
}

/// Returns the path in the shared namespace that a URI names.
fn shared_path(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let (_, key) = rest.split_once('/')?;
    key.strip_prefix(SHARED_SEGMENT)?.strip_prefix('/')
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const BYTES_MAX: u64 = 1 << 20;

    /// Returns metadata of which the last snapshot has the number `current`, each one's parent being that before it.
    fn metadata(uuid: &str, log: &[&str], current: i64, updated_ms: i64) -> Metadata {
        let snapshot = |id: i64| {
            let parent = if id > 1 {
                format!("\"parent-snapshot-id\": {},", id - 1)
            } else {
                String::new()
            };
            format!(
                "{{\"snapshot-id\": {id}, {parent} \"timestamp-ms\": {}, \"manifest-list\": \"x\"}}",
                id * 10
            )
        };
        let snapshots: Vec<String> = (1..=current).map(snapshot).collect();
        let log = log
            .iter()
            .map(|path| format!("{{\"timestamp-ms\": 1, \"metadata-file\": \"s3a://lake/_shared/{path}\"}}"));
        let log: Vec<String> = log.collect();
        let text = format!(
            "{{\"format-version\": 2, \"table-uuid\": \"{uuid}\", \"last-updated-ms\": {updated_ms}, \
             \"current-snapshot-id\": {current}, \"snapshots\": [{}], \"metadata-log\": [{}]}}",
            snapshots.join(","),
            log.join(",")
        );
        Metadata::parse(text.as_bytes(), BYTES_MAX).unwrap()
    }

    #[test]
    fn a_state_goes_on_from_those_that_it_names() {
        let behind = metadata("u", &[], 2, 20);
        let cases = [
            (
                "by the log",
                metadata("u", &["t/1.json", "t/2.json"], 9, 90),
                true,
            ),
            ("by its snapshots", metadata("u", &["t/7.json"], 3, 30), true),
            ("as it was", metadata("u", &[], 2, 20), false),
            ("before it", metadata("u", &["t/1.json"], 1, 10), false),
            ("another table", metadata("v", &["t/2.json"], 3, 30), false),
        ];
        for (case, ahead, expected) in cases {
            assert_eq!(ahead.goes_on_from(&behind, "t/2.json"), expected, "{case}");
        }
        let altered = metadata("u", &[], 2, 25);
        let ahead = metadata("u", &["t/1.json"], 3, 30);
        assert!(
            !ahead.goes_on_from(&altered, "t/2.json"),
            "what was altered after the snapshot would be lost"
        );
    }

    #[test]
    fn metadata_is_read_packed_and_bounded() {
        let text = b"  {\"table-uuid\": \"u\", \"current-snapshot-id\": null}";
        let pack = |bytes: &[u8]| {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        };
        let read = |bytes: &[u8], bytes_max: usize| Metadata::parse(bytes, bytes_max as u64);
        for bytes in [text.to_vec(), pack(text)] {
            let found = read(&bytes, text.len()).unwrap();
            assert_eq!(found.table_uuid.as_deref(), Some("u"));
        }
        assert!(
            read(&pack(text), text.len() - 1).is_err(),
            "one byte more than may be unpacked"
        );
        assert!(read(b"{", 9).is_err());
    }

    #[test]
    fn circles_of_snapshots_end() {
        let text = br#"{"current-snapshot-id": 1, "snapshots": [
            {"snapshot-id": 1, "parent-snapshot-id": 2, "timestamp-ms": 1},
            {"snapshot-id": 2, "parent-snapshot-id": 1, "timestamp-ms": 1}]}"#;
        assert!(!Metadata::parse(text, BYTES_MAX).unwrap().has_ancestor(3));
    }

    #[test]
    fn only_paths_of_the_shared_namespace_are_compared() {
        for (uri, path) in [
            ("s3a://lake/_shared/a/b", Some("a/b")),
            ("s3://lake/_shared/a", Some("a")),
            ("s3a://lake/main/a", None),
            ("/_shared/a", None),
            ("s3a://lake/_sharedx/a", None),
        ] {
            assert_eq!(shared_path(uri), path, "{uri}");
        }
    }
}
