//! The files that changed, by what they belong to.

use std::collections::{BTreeMap, BTreeSet};

use versioning::Value;

use super::generic::{Three, Whose};
use super::objects::{self, Class, FileChange, Verdict};
use super::owner::{Owners, Unit, Version};
use super::params::Writers;
use super::settled::Settled;
use super::walk::Walk;
use crate::Result;
use crate::model::{TableFormat, TableId};
use crate::snapshot::OpenTable;

/// What the sides did to the data of a unit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Work {
    /// The path of its folder, with a slash at its end; empty if none of its files changed.
    pub(crate) folder: String,
    /// Data files that changed, as indices of [`Walk::files`].
    pub(crate) data: Vec<usize>,
    /// Hidden files and markers that changed.
    pub(crate) rest: Vec<usize>,
    pub(crate) ours: Class,
    pub(crate) theirs: Class,
    pub(crate) writers: Writers,
    /// Whether both did the very same to all data files.
    pub(crate) is_agreed: bool,
    /// Whether it is known that what theirs did comes to whatever ours has.
    is_apart: bool,
    /// The version of which all files are, if that was decided.
    pub(crate) whose: Option<Whose>,
}

impl Work {
    pub(crate) fn verdict(&self) -> Verdict {
        objects::judge(self.ours, self.theirs, self.is_agreed || self.is_apart)
    }

    /// Returns the format whose log lies in the folder, though the table does not say so, if both sides went on with
    /// it, and neither where the other left off. The files of such sides do not clash, and still only one may count.
    pub(super) fn forked_log(&self, walk: &Walk) -> Option<TableFormat> {
        let forked = |folder: &str| {
            let all = self
                .data
                .iter()
                .chain(&self.rest)
                .map(|index| &walk.files[*index]);
            let log = all.filter(|file| {
                let rest = file.path.get(self.folder.len()..);
                rest.is_some_and(|rest| rest.starts_with(folder))
            });
            objects::writers(log) == Writers::Both
        };
        [
            ("_delta_log/", TableFormat::Delta),
            (".hoodie/", TableFormat::Hudi),
        ]
        .into_iter()
        .find_map(|(folder, format)| forked(folder).then_some(format))
    }

    /// Returns whether both sides added files, and not the same.
    pub(super) fn is_append_by_both(&self) -> bool {
        (self.ours, self.theirs) == (Class::Append, Class::Append) && !self.is_agreed
    }

    /// Takes over that all files are of one version.
    fn settle(&mut self, whose: Whose) {
        self.whose = Some(whose);
        if whose != Whose::Ours {
            self.ours = Class::Nothing;
        }
        if whose != Whose::Theirs {
            self.theirs = Class::Nothing;
        }
        self.writers = match (whose, self.writers) {
            (Whose::Ours, Writers::Ours | Writers::Both) => Writers::Ours,
            (Whose::Theirs, Writers::Theirs | Writers::Both) => Writers::Theirs,
            // what either side knows is of data that is not there any more
            (Whose::Base, writers) if writers != Writers::Nobody => Writers::Both,
            _ => Writers::Nobody,
        };
    }
}

/// All files that changed, by what they belong to, and the tables that are concerned.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) units: BTreeMap<Unit, Work>,
    /// Files that belong to no table.
    pub(crate) others: Vec<usize>,
    /// Units in the folder of a table that one side dropped while the other wrote there, with that table and whether
    /// ours dropped it. Another table took its place.
    pub(super) remade: BTreeMap<Unit, (TableId, bool)>,
    /// The versions of all tables in which anything changed.
    pub(crate) tables: BTreeMap<TableId, Three<Option<OpenTable>>>,
}

impl Files {
    /// Groups the files that changed.
    pub(crate) async fn group(walk: &Walk, is_pick: bool, settled: &Settled) -> Result<Files> {
        let mut files = Files::default();
        let mut owners = Owners::default();
        let concerned: BTreeSet<TableId> = (walk.tables.keys().copied())
            .chain(walk.partitions.keys().map(|(id, _)| *id))
            .chain(walk.statistics.keys().map(|(id, ..)| *id))
            .collect();
        for id in &concerned {
            files.open(walk, *id).await?;
        }
        // where one table took the place of another, the one that is there last has it
        let (gone, kept): (Vec<_>, Vec<_>) = concerned.into_iter().partition(|id| files.is_dropped(*id));
        for id in gone.into_iter().chain(kept) {
            files.learn(walk, id, &mut owners).await?;
        }
        let strays = files.divide(walk, &mut owners).await?;
        if may_be_contested(walk, &strays) {
            owners.learn_all(&walk.versions.ours).await?;
        }
        for index in strays {
            match owners.find(&walk.files[index].path) {
                Some((unit, rest)) => files.add(walk, index, unit, rest, &mut owners).await?,
                None => files.others.push(index),
            }
        }
        files.settle(walk, is_pick);
        files.find_remade(&owners);
        files.forget_dropped(&owners);
        for (unit, work) in &mut files.units {
            if let Some(whose) = settled.data(unit) {
                work.settle(whose);
            }
        }
        Ok(files)
    }

    /// Reads the versions of a table.
    async fn open(&mut self, walk: &Walk, id: TableId) -> Result<()> {
        let tables = match walk.tables.get(&id) {
            Some(changed) => changed.versions.clone(),
            None => {
                let same = walk.versions.ours.snapshot.find_table_by_id(id).await?;
                Three::new(same.clone(), same.clone(), same)
            }
        };
        let open =
            |version: &Version, table: Option<crate::model::Table>| table.map(|table| version.open(table));
        let versions = &walk.versions;
        let opened = Three::new(
            open(&versions.base, tables.base),
            open(&versions.ours, tables.ours),
            open(&versions.theirs, tables.theirs),
        );
        self.tables.insert(id, opened);
        Ok(())
    }

    /// Learns where the versions of a table lie. Ours is what a place belongs to that two have.
    async fn learn(&self, walk: &Walk, id: TableId, owners: &mut Owners) -> Result<()> {
        let Some(opened) = self.tables.get(&id) else {
            return Ok(());
        };
        let versions = &walk.versions;
        // the last to claim a place has it
        for (version, open) in [
            (&versions.base, &opened.base),
            (&versions.theirs, &opened.theirs),
            (&versions.ours, &opened.ours),
        ] {
            if let Some(open) = open {
                owners.learn(&version.snapshot, open).await?;
            }
        }
        Ok(())
    }

    /// Returns whether a side dropped a table.
    fn is_dropped(&self, id: TableId) -> bool {
        self.tables
            .get(&id)
            .is_some_and(|tables| tables.base.is_some() && (tables.ours.is_none() || tables.theirs.is_none()))
    }

    /// Gives files to units, and returns those of which it is not known yet whether they belong to a table.
    async fn divide(&mut self, walk: &Walk, owners: &mut Owners) -> Result<Vec<usize>> {
        let mut strays = Vec::new();
        for (index, file) in walk.files.iter().enumerate() {
            match owners.find_or_guess(&walk.versions.ours, &file.path).await? {
                Some((unit, rest)) => self.add(walk, index, unit, rest, owners).await?,
                None => strays.push(index),
            }
        }
        Ok(strays)
    }

    async fn add(
        &mut self,
        walk: &Walk,
        index: usize,
        unit: Unit,
        rest: &str,
        owners: &mut Owners,
    ) -> Result<()> {
        if !self.tables.contains_key(&unit.table) {
            self.open(walk, unit.table).await?;
            self.learn(walk, unit.table, owners).await?;
        }
        let opaque = self.tables.get(&unit.table).is_some_and(is_opaque);
        let path = &walk.files[index].path;
        let is_data = crate::is_data(rest.as_bytes()) || opaque && !objects::is_marker(path);
        let work = self.units.entry(unit).or_default();
        path[..path.len() - rest.len()].clone_into(&mut work.folder);
        if is_data {
            work.data.push(index);
        } else {
            work.rest.push(index);
        }
        Ok(())
    }

    /// Finds out what the sides did to each unit.
    fn settle(&mut self, walk: &Walk, is_pick: bool) {
        for ((table, name), versions) in &walk.partitions {
            let dropped = |side: &Option<Value>| versions.base.is_some() && side.is_none();
            let unit = Unit {
                table: *table,
                partition: Some(name.clone()),
            };
            let (ours, theirs) = (dropped(&versions.ours), dropped(&versions.theirs));
            if ours || theirs {
                let work = self.units.entry(unit).or_default();
                work.ours = if ours { Class::Drop } else { work.ours };
                work.theirs = if theirs { Class::Drop } else { work.theirs };
            }
        }
        for (unit, work) in &mut self.units {
            let changes = || work.data.iter().map(|index| &walk.files[*index]);
            let tables = self.tables.get(&unit.table);
            let is_dropped = |side: fn(&Three<Option<OpenTable>>) -> &Option<OpenTable>| {
                tables.is_some_and(|tables| tables.base.is_some() && side(tables).is_none())
            };
            let ours = objects::classify(changes(), FileChange::ours_changed);
            let theirs = objects::classify(changes(), FileChange::theirs_changed);
            (work.writers, work.is_agreed) =
                (objects::writers(changes()), changes().all(FileChange::is_agreed));
            work.is_apart = is_pick && objects::is_apart(changes());
            let drop = |is_dropped| if is_dropped { Class::Drop } else { Class::Nothing };
            work.ours = ours.max(work.ours).max(drop(is_dropped(|tables| &tables.ours)));
            work.theirs = theirs
                .max(work.theirs)
                .max(drop(is_dropped(|tables| &tables.theirs)));
        }
    }

    /// Finds files that one side wrote for a table which the other side dropped and put another in place of.
    fn find_remade(&mut self, owners: &Owners) {
        for (unit, work) in &self.units {
            for old in owners.displaced_by(unit.table) {
                let by_ours = match self.tables.get(&old).map(|old| old.as_ref().map(Option::is_some)) {
                    Some(Three {
                        base: true,
                        ours: false,
                        theirs: true,
                    }) if work.theirs != Class::Nothing => true,
                    Some(Three {
                        base: true,
                        ours: true,
                        theirs: false,
                    }) if work.ours != Class::Nothing => false,
                    _ => continue,
                };
                self.remade.insert(unit.clone(), (old, by_ours));
            }
        }
    }

    /// A table that one side made in the place of one that both dropped has the files of that side: what the other
    /// removed there was no file of it.
    fn forget_dropped(&mut self, owners: &Owners) {
        for (unit, work) in &mut self.units {
            let made = self
                .tables
                .get(&unit.table)
                .map(|made| made.as_ref().map(Option::is_some));
            let whose = match made.map(|made| (made.base, made.ours, made.theirs)) {
                Some((false, true, false)) => Whose::Ours,
                Some((false, false, true)) => Whose::Theirs,
                _ => continue,
            };
            let mut before = owners.displaced_by(unit.table).peekable();
            let is_gone = |id: TableId| {
                let before = self.tables.get(&id);
                before.is_some_and(|before| before.ours.is_none() && before.theirs.is_none())
            };
            if before.peek().is_some() && before.all(is_gone) {
                work.settle(whose);
            }
        }
    }

    /// Returns what the sides did to a unit.
    pub(crate) fn work(&self, table: TableId, partition: Option<&str>) -> Option<&Work> {
        self.units.get(&Unit {
            table,
            partition: partition.map(str::to_owned),
        })
    }

    /// Returns who wrote data of a table, of all its partitions taken together.
    pub(crate) fn table_writers(&self, table: TableId) -> Writers {
        let first = Unit {
            table,
            partition: None,
        };
        let units = self
            .units
            .range(first..)
            .take_while(|(unit, _)| unit.table == table);
        units
            .map(|(_, work)| work.writers)
            .fold(Writers::Nobody, Writers::and)
    }
}

/// Returns whether a table's format keeps its own log, so that the table is one thing.
pub(crate) fn is_opaque(tables: &Three<Option<OpenTable>>) -> bool {
    let opaque = |open: &OpenTable| TableFormat::of(open) != TableFormat::Hive;
    [&tables.base, &tables.ours, &tables.theirs]
        .into_iter()
        .flatten()
        .any(opaque)
}

/// Returns whether both sides changed files that may belong to one table nobody knows of yet.
fn may_be_contested(walk: &Walk, strays: &[usize]) -> bool {
    let tops = |changed: fn(&FileChange) -> bool| -> BTreeSet<&str> {
        let files = strays
            .iter()
            .map(|index| &walk.files[*index])
            .filter(|file| changed(file));
        files
            .filter_map(|file| file.path.split_once('/'))
            .map(|(top, _)| top)
            .collect()
    };
    let (ours, theirs) = (tops(FileChange::ours_changed), tops(FileChange::theirs_changed));
    !ours.is_disjoint(&theirs)
}
