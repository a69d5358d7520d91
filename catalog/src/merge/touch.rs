//! What a change touches and what a check reads, in units that can be compared: tables, and what belongs to none.

use std::collections::BTreeSet;

use bytes::Bytes;
use versioning::merge::Extent;
use versioning::{KeyRange, Space, View};

use super::owner::{Owners, Version};
use crate::Result;
use crate::keys::{self, MetaKey, StatsKey};
use crate::model::{TableId, TableKind};
use crate::records::SharedCache;
use crate::snapshot::Snapshot;

/// A change of more units counts as one of everything.
const UNITS_MAX: usize = 10_000;
/// The files by which a repository is run: whoever reads one of them looks at all.
const OWN_FILES: &str = ".skep/";

/// Returns the unit of a table, with its partitions, statistics, constraints and files.
fn table(id: TableId) -> Bytes {
    MetaKey::Table(id).encode()
}

/// Returns the unit of the record of a database.
fn database(name: &str) -> Bytes {
    MetaKey::Database(name).encode()
}

/// Returns the unit of a file that belongs to no table.
fn file(path: &str) -> Bytes {
    let path = if path.starts_with(OWN_FILES) {
        OWN_FILES
    } else {
        path
    };
    Bytes::from(format!("/{path}"))
}

/// Returns what a check reads that says which tables it does, with what checks themselves are read from.
///
/// Of a view, and of a table that is not there, nobody knows what it would be.
///
/// # Errors
/// Those of reading the catalog.
pub async fn read_by_checks(
    view: &View,
    cache: &SharedCache,
    tables: impl Iterator<Item = (&str, &str)>,
) -> Result<Extent> {
    let snapshot = Snapshot::new(view.clone(), cache.clone());
    let mut units = BTreeSet::from([file(OWN_FILES)]);
    for (of, name) in tables {
        match snapshot.find_table(of, name).await? {
            Some(open) if matches!(open.kind, TableKind::Managed | TableKind::External) => {
                units.insert(table(open.id));
                units.insert(database(&open.database.name));
            }
            _ => return Ok(Extent::All),
        }
    }
    Ok(Extent::Units(units))
}

/// Returns what the change from one state to another touches.
pub(super) async fn touched(before: &View, after: &View, cache: &SharedCache) -> Result<Extent> {
    let mut units = BTreeSet::new();
    for space in [Space::Meta, Space::Parts, Space::Stats] {
        let mut diff = before.diff(after, space, &KeyRange::all());
        while let Some(change) = diff.next().await? {
            match unit_of(space, &change.key) {
                Some(unit) => drop(units.insert(unit)),
                None => return Ok(Extent::All),
            }
            if units.len() > UNITS_MAX {
                return Ok(Extent::All);
            }
        }
    }
    let mut sides = Vec::new();
    for view in [before, after] {
        let version = Version::read(Snapshot::new(view.clone(), cache.clone())).await?;
        sides.push((version, Owners::default()));
    }
    let mut diff = before.diff(after, Space::Objects, &KeyRange::all());
    while let Some(change) = diff.next().await? {
        let Ok(path) = std::str::from_utf8(&change.key) else {
            return Ok(Extent::All);
        };
        units.extend(owners_of(path, &mut sides).await?);
        if units.len() > UNITS_MAX {
            return Ok(Extent::All);
        }
    }
    Ok(Extent::Units(units))
}

/// Returns the unit of a key; `None` if it means nothing to this version.
fn unit_of(space: Space, key: &Bytes) -> Option<Bytes> {
    match space {
        Space::Meta => Some(match MetaKey::decode(key)? {
            MetaKey::Table(id) | MetaKey::Constraint(id, ..) => table(id),
            MetaKey::Database(_) | MetaKey::Entry(..) | MetaKey::Function(..) | MetaKey::Registry(_) => {
                key.clone()
            }
        }),
        Space::Parts => keys::decode_partition(key).map(|(id, _)| table(id)),
        Space::Stats => StatsKey::decode(key).map(|key| table(key.table)),
        Space::Objects => None,
    }
}

/// Returns the tables in whose folders a file lies, before or after; else the file itself.
async fn owners_of(path: &str, sides: &mut [(Version, Owners)]) -> Result<BTreeSet<Bytes>> {
    if path.starts_with(OWN_FILES) {
        return Ok(BTreeSet::from([file(path)]));
    }
    let mut units = BTreeSet::new();
    for (version, owners) in sides {
        if owners.find_or_guess(version, path).await?.is_none() {
            // it may belong to a table that does not lie under its own name
            owners.learn_all(version).await?;
        }
        units.extend(owners.around(path).map(table));
    }
    if units.is_empty() {
        units.insert(file(path));
    }
    Ok(units)
}
