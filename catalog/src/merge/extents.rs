//! How much each side changed beneath each table.

use std::collections::BTreeMap;

use super::files::Files;
use super::generic::Three;
use super::params::Writers;
use super::partition;
use super::walk::{PartitionKey, Raw, Walk};
use crate::Result;
use crate::keys;
use crate::model::{Partition, TableId};
use crate::snapshot::OpenTable;

/// How much a side changed beneath a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    partitions: u64,
    statistics: u64,
    files: u64,
    /// Those of the files that are there.
    written: u64,
    constraints: u64,
}

impl Extent {
    pub(crate) fn is_none(self) -> bool {
        self == Extent::default()
    }

    /// Returns what a conflict says that the side did: `changed (2 partitions, 3 files)`.
    pub(crate) fn text(self, table_changed: bool) -> String {
        let counts = [
            (u64::from(table_changed), "table"),
            (self.partitions, "partition"),
            (self.statistics, "set of statistics"),
            (self.files, "file"),
            (self.constraints, "constraint"),
        ];
        let some = counts.iter().filter(|(count, _)| *count > 0);
        let texts: Vec<String> = some
            .map(|(count, what)| match (*count, *what) {
                (_, "table") => "itself".to_owned(),
                (1, what) => format!("1 {what}"),
                (count, "set of statistics") => format!("{count} sets of statistics"),
                (count, what) => format!("{count} {what}s"),
            })
            .collect();
        format!("changed ({})", texts.join(", "))
    }
}

/// Counts what each side changed beneath each table.
#[derive(Debug, Default)]
pub(crate) struct Extents(BTreeMap<TableId, Three<Extent>>);

impl Extents {
    pub(crate) async fn count(walk: &Walk, files: &Files) -> Result<Extents> {
        let mut extents = Extents::default();
        for (key, versions) in &walk.partitions {
            let is_dropped = files.tables.get(&key.0).is_some_and(|tables| {
                tables.base.is_some() && (tables.ours.is_none() || tables.theirs.is_none())
            });
            if is_dropped && !is_meant(walk, key, versions).await? {
                continue;
            }
            let changed = (versions.ours_changed(), versions.theirs_changed());
            extents.add(key.0, changed, |extent| extent.partitions += 1);
        }
        for ((id, ..), versions) in &walk.statistics {
            let changed = (versions.ours_changed(), versions.theirs_changed());
            extents.add(*id, changed, |extent| extent.statistics += 1);
        }
        for ((id, ..), changed) in &walk.constraints {
            let Three { base, ours, theirs } = changed.versions.as_ref();
            // one that went may have gone with what it pointed at
            let said = (ours.is_some() && ours != base, theirs.is_some() && theirs != base);
            extents.add(*id, said, |extent| extent.constraints += 1);
        }
        for (unit, work) in &files.units {
            for index in &work.data {
                let file = &walk.files[*index];
                let changed = (file.ours_changed(), file.theirs_changed());
                extents.add(unit.table, changed, |extent| extent.files += 1);
                let written = (
                    changed.0 && file.versions.ours.is_some(),
                    changed.1 && file.versions.theirs.is_some(),
                );
                extents.add(unit.table, written, |extent| extent.written += 1);
            }
        }
        Ok(extents)
    }

    fn add(&mut self, id: TableId, changed: (bool, bool), add: impl Fn(&mut Extent)) {
        let extent = self.0.entry(id).or_default();
        if changed.0 {
            add(&mut extent.ours);
        }
        if changed.1 {
            add(&mut extent.theirs);
        }
    }

    pub(crate) fn of(&self, id: TableId) -> Three<Extent> {
        self.0.get(&id).copied().unwrap_or_default()
    }

    /// Returns who may have written files of a table: whoever wrote a file or changed a partition of it, and both if its
    /// data lies elsewhere.
    pub(crate) fn files_writers(&self, versions: Three<&OpenTable>) -> Writers {
        let is_ours = |open: &OpenTable| {
            open.data_place()
                .is_none_or(|place| place.object_prefix().is_some())
        };
        let Three { base, ours, theirs } = versions.map(is_ours);
        let extent = self.of(versions.ours.id);
        let wrote = |side: Extent| side.written + side.partitions > 0;
        match base && ours && theirs {
            true => Writers::of(wrote(extent.ours), wrote(extent.theirs)),
            false => Writers::Both,
        }
    }

    /// Returns who changed something beneath a table.
    pub(crate) fn writers(&self, id: TableId) -> Writers {
        let extent = self.of(id);
        // constraints say something of data, and are none
        let wrote = |side: Extent| {
            !Extent {
                constraints: 0,
                ..side
            }
            .is_none()
        };
        Writers::of(wrote(extent.ours), wrote(extent.theirs))
    }
}

/// Returns whether a partition of a table that one side dropped was changed by the other, traces aside.
async fn is_meant(walk: &Walk, (table, name): &PartitionKey, versions: &Raw) -> Result<bool> {
    let (Some(base), Some(kept)) = (
        &versions.base,
        versions.ours.as_ref().or(versions.theirs.as_ref()),
    ) else {
        return Ok(true);
    };
    let key = keys::partition(*table, name);
    let records = walk.records();
    let keeper = if versions.ours.is_some() {
        records.ours
    } else {
        records.theirs
    };
    let (base, kept): (Partition, Partition) = (
        records.base.load(&key, base).await?,
        keeper.load(&key, kept).await?,
    );
    Ok(partition::meant(&base) != partition::meant(&kept))
}
