//! Iceberg tables: a unit, of which each side has a state that its pointer names.
//!
//! Where both sides moved the pointer, one state may go on from the other, as when theirs was merged from ours and
//! then written to: then it is taken. That is told by metadata files: each names those before it, and the snapshots
//! before its present one (versioning.md 5.6).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;

use futures::TryStreamExt;
use serde::Deserialize;
use versioning::{Repository, View};

use super::conflict::{ConflictKind, Report, Scope, Subject, Texts};
use super::generic::Three;
use super::storage::text_of;
use super::table::is_changed;
use super::walk::{Changed, Walk};
use crate::Result;
use crate::layout::{METADATA_LOCATION, is_bound_to_ref, metadata_location};
use crate::location::{Location, Place, SHARED_SEGMENT};
use crate::model::{Table, TableId};
use crate::snapshot::OpenTable;

/// The most bytes of a metadata file that are read, as stored and unpacked. One of 10,000 snapshots has about 5 MB.
const METADATA_BYTES_MAX: u64 = 64 << 20;

/// Which of two states of a table goes on from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Lead {
    Ours,
    Theirs,
    /// Neither does, or nobody can tell.
    #[default]
    Neither,
}

/// Returns whether both sides moved the pointer of a table, and not to one place.
pub(super) fn is_contested(tables: Three<&Table>) -> bool {
    let pointers = tables.map(pointer);
    pointers.as_ref().settled().is_none()
}

/// Merges a table whose pointer both sides moved.
pub(super) fn merge(tables: Three<&Table>, lead: Lead, scope: &Scope, report: &mut Report) -> Table {
    if lead == Lead::Theirs {
        return tables.theirs.clone();
    }
    if lead == Lead::Neither {
        let pointers = tables.map(pointer);
        let moved = |to: Option<String>| to.map_or_else(|| "left".to_owned(), |to| format!("moved to {to}"));
        let texts = Texts::new(
            pointers.base.as_deref(),
            moved(pointers.ours),
            moved(pointers.theirs),
        );
        let subject = Subject::Field("the Iceberg table");
        report.add(scope, ConflictKind::IcebergDiverged, subject, texts);
    }
    tables.ours.clone()
}

/// Reports a table that theirs changed, and whose files lie at paths of a ref: on another ref its metadata would
/// speak of files that are not its own.
pub(super) fn check_bound(versions: Three<&Option<OpenTable>>, scope: &Scope, report: &mut Report) {
    let Some(theirs) = versions.theirs.as_ref().filter(|theirs| is_bound_to_ref(theirs)) else {
        return;
    };
    let differs = |other: &Option<OpenTable>| other.as_ref().is_none_or(|other| is_changed(other, theirs));
    if differs(versions.base) && differs(versions.ours) {
        let ours = match versions.ours {
            Some(_) => "another",
            None => "not there",
        };
        let texts = Texts::new(None, ours, "written at paths of its ref");
        let subject = Subject::Field("the Iceberg table");
        report.add(scope, ConflictKind::IcebergBoundToRef, subject, texts);
    }
}

/// Returns the pointer of a table as people see it.
fn pointer(table: &Table) -> Option<String> {
    let place = metadata_location(table).map(|location| text_of(&location.resolve(&Place::root(), "")));
    place.or_else(|| table.parameter(METADATA_LOCATION).map(str::to_owned))
}

/// Returns which side goes on from the other, of those tables whose pointers both moved.
pub(super) async fn leads(walk: &Walk, repository: &Repository) -> Result<BTreeMap<TableId, Lead>> {
    let mut leads = BTreeMap::new();
    for (id, changed) in &walk.tables {
        if let Some(pointers) = contested(changed) {
            leads.insert(*id, lead(repository, pointers).await?);
        }
    }
    Ok(leads)
}

/// Returns where the metadata is in the shared namespace, if both sides moved the pointer there.
fn contested(changed: &Changed<Table>) -> Option<Three<&str>> {
    let Three { base, ours, theirs } = changed.versions.as_ref();
    let tables = Three::new(base.as_ref()?, ours.as_ref()?, theirs.as_ref()?);
    if !is_contested(tables) {
        return None;
    }
    let shared = |table| match metadata_location(table) {
        Some(Location::Shared(path)) => Some(path.as_str()),
        _ => None,
    };
    let Three { base, ours, theirs } = tables.map(shared);
    Some(Three::new(base?, ours?, theirs?))
}

async fn lead(repository: &Repository, at: Three<&str>) -> Result<Lead> {
    let shared = repository.shared_view().await?;
    let read = async |path| read(repository, &shared, path).await;
    let (base, ours, theirs) = (read(at.base).await?, read(at.ours).await?, read(at.theirs).await?);
    let (Some(base), Some(ours), Some(theirs)) = (base, ours, theirs) else {
        return Ok(Lead::Neither);
    };
    // a revert has a base that goes on from theirs: what came since is not to be taken for the answer
    if !ours.goes_on_from(&base, at.base) || !theirs.goes_on_from(&base, at.base) {
        return Ok(Lead::Neither);
    }
    let leads = (
        ours.goes_on_from(&theirs, at.theirs),
        theirs.goes_on_from(&ours, at.ours),
    );
    Ok(match leads {
        (true, false) => Lead::Ours,
        (false, true) => Lead::Theirs,
        _ => Lead::Neither,
    })
}

/// Reads a metadata file; `None` for one that is missing, too large or not to be understood.
async fn read(repository: &Repository, shared: &View, path: &str) -> Result<Option<Metadata>> {
    let Some(object) = shared.object(path).await? else {
        return Ok(None);
    };
    if object.size() > METADATA_BYTES_MAX {
        tracing::warn!(
            path,
            bytes = object.size(),
            "metadata of an Iceberg table is too large to be read"
        );
        return Ok(None);
    }
    let pieces: Vec<_> = repository.read(&object, 0..object.size()).try_collect().await?;
    let parsed = Metadata::parse(&pieces.concat());
    if let Err(error) = &parsed {
        tracing::warn!(path, %error, "metadata of an Iceberg table cannot be read");
    }
    Ok(parsed.ok())
}

/// What a metadata file says of what was before it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Metadata {
    table_uuid: Option<String>,
    last_updated_ms: i64,
    current_snapshot_id: Option<i64>,
    snapshots: Vec<TableSnapshot>,
    metadata_log: Vec<LogEntry>,
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
    /// Reads the text of a metadata file, packed by gzip or not.
    fn parse(bytes: &[u8]) -> std::io::Result<Metadata> {
        let mut unpacked = Vec::new();
        let is_packed = bytes.starts_with(&[0x1f, 0x8b]);
        let text = if is_packed {
            let packed = flate2::read::MultiGzDecoder::new(bytes);
            packed.take(METADATA_BYTES_MAX).read_to_end(&mut unpacked)?;
            unpacked.as_slice()
        } else {
            bytes
        };
        Ok(serde_json::from_slice(text)?)
    }

    /// Returns whether this state came of `other`, which is at the path `other_at` of the shared namespace.
    ///
    /// The log of metadata files says so, or, if it was cut off, the snapshots: but those tell nothing of what other
    /// did beside them, so its last change has to be the snapshot itself.
    fn goes_on_from(&self, other: &Metadata, other_at: &str) -> bool {
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
        Metadata::parse(text.as_bytes()).unwrap()
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
        let text = b"{\"table-uuid\": \"u\", \"current-snapshot-id\": null}";
        let pack = |bytes: &[u8]| {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        };
        assert_eq!(
            Metadata::parse(&pack(text)).unwrap().table_uuid.as_deref(),
            Some("u")
        );
        assert!(Metadata::parse(&pack(&vec![b' '; METADATA_BYTES_MAX as usize + 1])).is_err());
        assert!(Metadata::parse(b"{").is_err());
    }

    #[test]
    fn circles_of_snapshots_end() {
        let text = br#"{"current-snapshot-id": 1, "snapshots": [
            {"snapshot-id": 1, "parent-snapshot-id": 2, "timestamp-ms": 1},
            {"snapshot-id": 2, "parent-snapshot-id": 1, "timestamp-ms": 1}]}"#;
        assert!(!Metadata::parse(text).unwrap().has_ancestor(3));
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
