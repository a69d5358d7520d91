//! What conflicts are about: digests of what the three versions have there. A decision counts as long as that stays.
//!
//! Where a conflict's texts are the values themselves they are enough. Others say "rewritten" or "changed", and are about
//! the records and files beneath.

use std::collections::HashMap;
use std::fmt::Debug;

use versioning::Hash;

use super::conflict::{Conflict, Subject};
use super::entities::scope_of;
use super::files::{Files, Work};
use super::generic::Three;
use super::objects::FileChange;
use super::owner::Unit;
use super::registry;
use super::walk::{Raw, Walk};
use crate::model::{Table, TableId};
use crate::snapshot::OpenTable;

/// A digest on its way.
#[derive(Debug)]
pub(crate) struct Digest(blake3::Hasher);

/// The context of digests of what conflicts are about.
const ABOUT: &str = "skep/conflict-about/v1";

impl Digest {
    /// Returns an empty digest of a context, which no other one shares.
    pub(super) fn new(context: &str) -> Digest {
        Digest(blake3::Hasher::new_derive_key(context))
    }

    /// Returns the digest of texts, missing ones told from empty ones.
    pub(crate) fn of_texts(texts: [Option<&str>; 3]) -> Hash {
        let mut digest = Digest::new(ABOUT);
        for text in texts {
            digest.put(text.map(str::as_bytes));
        }
        digest.finish()
    }

    /// Adds a part: what is missing is told from what is empty, and no two run together.
    pub(super) fn put(&mut self, bytes: Option<&[u8]>) {
        let length = bytes.map_or(u64::MAX, |bytes| bytes.len() as u64);
        self.0.update(&length.to_be_bytes());
        self.0.update(bytes.unwrap_or_default());
    }

    fn raw(&mut self, versions: &Raw) {
        let Three { base, ours, theirs } = versions;
        for value in [base, ours, theirs] {
            self.put(value.as_ref().map(|value| &*value.payload));
            for blob in value.iter().flat_map(|value| &value.blobs) {
                self.put(Some(&blob.hash.0));
            }
        }
    }

    fn record(&mut self, record: &impl Debug) {
        self.put(Some(format!("{record:?}").as_bytes()));
    }

    pub(super) fn finish(self) -> Hash {
        Hash(*self.0.finalize().as_bytes())
    }
}

/// Says of all conflicts what they are about.
pub(super) fn tell(walk: &Walk, files: &Files, conflicts: &mut [Conflict]) {
    if conflicts.is_empty() {
        return;
    }
    let known = Known::of(walk, files);
    for conflict in conflicts {
        let mut digest = Digest::new(ABOUT);
        digest.put(Some(&conflict.about.0));
        known.tell(conflict, &mut digest);
        conflict.about = digest.finish();
    }
}

/// What changed, by the names that conflicts have.
struct Known<'a> {
    walk: &'a Walk,
    files: &'a Files,
    tables: HashMap<(String, String), Vec<TableId>>,
    paths: HashMap<&'a str, &'a FileChange>,
}

impl<'a> Known<'a> {
    fn of(walk: &'a Walk, files: &'a Files) -> Known<'a> {
        let mut tables: HashMap<_, Vec<TableId>> = HashMap::new();
        for (id, versions) in &files.tables {
            let scope = scope_of(versions);
            let named = (
                scope.database.unwrap_or_default(),
                scope.table.unwrap_or_default(),
            );
            tables.entry(named).or_default().push(*id);
        }
        let paths = walk.files.iter().map(|file| (file.path.as_str(), file));
        Known {
            walk,
            files,
            tables,
            paths: paths.collect(),
        }
    }

    fn tell(&self, conflict: &Conflict, digest: &mut Digest) {
        let database = conflict.database.clone().unwrap_or_default();
        let named = (database, conflict.table.clone().unwrap_or_default());
        let ids = self.tables.get(&named).map_or(&[][..], Vec::as_slice);
        match &conflict.subject {
            // the texts are the values
            Subject::Parameter(_) => {}
            Subject::Field(_) | Subject::Columns | Subject::Column(_) => self.shapes(ids, digest),
            Subject::Constraint(name) => {
                self.shapes(ids, digest);
                self.constraints(name, digest);
            }
            Subject::Whole => match (&conflict.table, &conflict.partition) {
                (Some(_), Some(partition)) => {
                    ids.iter().for_each(|id| self.partition(*id, partition, digest));
                }
                (Some(_), None) => ids.iter().for_each(|id| self.table(*id, digest)),
                (None, _) => self.database(&named.0, digest),
            },
            Subject::Path(path) => {
                let file = self.paths.get(path.as_str());
                file.into_iter().for_each(|file| digest.raw(&file.versions));
            }
            Subject::Folder(_) => ids.iter().for_each(|id| self.table(*id, digest)),
            Subject::Function(name) => {
                let all = self.walk.functions.iter();
                all.filter(|((_, other), _)| other == name)
                    .for_each(|(_, changed)| digest.record(&changed.versions));
            }
            Subject::Key(key) => self.keys(key, digest),
        }
    }

    fn versions(&self, id: TableId) -> Option<&Three<Option<OpenTable>>> {
        self.files.tables.get(&id)
    }

    /// What a table is, without the parameters, some of which each write changes.
    fn shapes(&self, ids: &[TableId], digest: &mut Digest) {
        for versions in ids.iter().filter_map(|id| self.versions(*id)) {
            let shape = |open: &Option<OpenTable>| {
                let table = &open.as_ref()?.table;
                Some(Table {
                    parameters: None,
                    accessed_s: None,
                    ..table.clone()
                })
            };
            digest.record(&versions.as_ref().map(shape));
        }
    }

    /// Of all tables: one of which nothing else changed is not among those that are known by their names.
    fn constraints(&self, name: &str, digest: &mut Digest) {
        for ((_, _, other), changed) in &self.walk.constraints {
            if other == name {
                digest.record(&changed.versions);
            }
        }
    }

    fn partition(&self, id: TableId, name: &str, digest: &mut Digest) {
        if let Some(versions) = self.walk.partitions.get(&(id, name.to_owned())) {
            digest.raw(versions);
        }
        let unit = Unit {
            table: id,
            partition: Some(name.to_owned()),
        };
        if let Some(work) = self.files.units.get(&unit) {
            self.work(work, digest);
        }
    }

    fn work(&self, work: &Work, digest: &mut Digest) {
        for index in work.data.iter().chain(&work.rest) {
            let file = &self.walk.files[*index];
            digest.put(Some(file.path.as_bytes()));
            digest.raw(&file.versions);
        }
    }

    /// A table with all that changed beneath it.
    fn table(&self, id: TableId, digest: &mut Digest) {
        if let Some(versions) = self.versions(id) {
            digest.record(
                &versions
                    .as_ref()
                    .map(|open| open.as_ref().map(|open| &open.table)),
            );
        }
        let changed = self.walk.partitions.range((id, String::new())..);
        for ((_, name), versions) in changed.take_while(|((of, _), _)| *of == id) {
            digest.put(Some(name.as_bytes()));
            digest.raw(versions);
        }
        let first = Unit {
            table: id,
            partition: None,
        };
        let units = self.files.units.range(first..);
        for (_, work) in units.take_while(|(unit, _)| unit.table == id) {
            self.work(work, digest);
        }
    }

    /// A database with all that changed in it.
    fn database(&self, name: &str, digest: &mut Digest) {
        if let Some(changed) = self.walk.databases.get(name) {
            digest.record(&changed.versions);
        }
        let mut tables: Vec<_> = self.tables.iter().filter(|((of, _), _)| of == name).collect();
        tables.sort();
        for id in tables.into_iter().flat_map(|(_, ids)| ids) {
            self.table(*id, digest);
        }
        for ((_, function), changed) in &self.walk.functions {
            digest.put(Some(function.as_bytes()));
            digest.record(&changed.versions);
        }
        for index in &self.files.others {
            digest.raw(&self.walk.files[*index].versions);
        }
    }

    /// Records that have no name but their key.
    fn keys(&self, name: &str, digest: &mut Digest) {
        let unknown = self.walk.unknown.iter().map(|(_, change)| change);
        let unknown = unknown.filter(|change| change.key.escape_ascii().to_string() == name);
        let registered = self.walk.registry.iter();
        let registered = registered.filter(|change| registry::subject(change).key().1 == name);
        for change in unknown.chain(registered) {
            let versions = Three::new(change.base.clone(), change.ours.clone(), change.theirs.clone());
            digest.raw(&versions);
        }
    }
}
