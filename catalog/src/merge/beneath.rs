//! Partitions and statistics: which rule each falls under, by what became of its table and its data.

mod cascade;
mod partitions;
mod schemas;
mod statistics;

use std::collections::BTreeMap;

use versioning::{Space, Value};

use super::entities::Entities;
use super::extents::Extents;
use super::files::Files;
use super::generic::{Three, Whose};
use super::owner::Unit;
use super::params::{Folder, Writers};
use super::settled::Settled;
use super::walk::{Raw, Walk, load_all};
use crate::Result;
use crate::model::{Table, TableId};
use crate::records::Record;
use crate::snapshot::OpenTable;

/// What the rules of partitions and statistics look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) walk: &'a Walk,
    pub(crate) files: &'a Files,
    pub(crate) entities: &'a Entities,
    pub(crate) extents: &'a Extents,
    /// How many files those units have that both sides wrote.
    pub(crate) folders: &'a BTreeMap<Unit, Folder>,
    pub(crate) settled: &'a Settled,
}

impl Context<'_> {
    /// Reads all versions of a record.
    async fn load<T: Record>(&self, key: &[u8], versions: &Raw) -> Result<Three<Option<T>>> {
        load_all(self.walk.records(), key, versions).await
    }

    fn is_removed(&self, space: Space, table: TableId) -> bool {
        self.walk
            .removed
            .iter()
            .any(|(of, prefix)| *of == space && prefix[..] == table.0)
    }

    /// Returns the merged table; ours if nobody changed it.
    fn merged_table<'b>(&'b self, table: TableId, tables: &'b Three<Option<OpenTable>>) -> Option<&'b Table> {
        match self.entities.tables.get(&table) {
            Some(merged) => merged.as_ref(),
            None => tables.ours.as_ref().map(|open| &open.table),
        }
    }
}

/// Whose value is taken as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Take {
    Ours,
    Theirs,
    Base,
    /// Neither: it takes a rule.
    Neither,
}

impl From<Whose> for Take {
    fn from(whose: Whose) -> Take {
        match whose {
            Whose::Ours => Take::Ours,
            Whose::Theirs => Take::Theirs,
            Whose::Base => Take::Base,
        }
    }
}

/// Returns a partition and how many others there are, as warnings name them.
fn others(first: &str, count: u64) -> String {
    match count {
        0 | 1 => format!("partition {first}"),
        2 => format!("partition {first} and another one"),
        more => format!("partition {first} and {} others", more - 1),
    }
}

/// Decides by who changed a record and who wrote the data that it speaks of.
fn take(versions: &Raw, writers: Writers) -> Take {
    let changed: (bool, bool) = (versions.ours_changed(), versions.theirs_changed());
    let same = |a: &Option<Value>, b: &Option<Value>| a == b;
    match (changed, writers) {
        (_, Writers::Both) => Take::Neither,
        _ if same(&versions.ours, &versions.theirs) => Take::Ours,
        ((true, false), Writers::Nobody | Writers::Ours) => Take::Ours,
        ((false, true), Writers::Nobody | Writers::Theirs) => Take::Theirs,
        ((false, false), _) => Take::Ours,
        _ => Take::Neither,
    }
}
