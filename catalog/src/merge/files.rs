//! The files that changed, by what they belong to, and what of theirs comes to ours.

use std::collections::{BTreeMap, BTreeSet};

use versioning::{Batch, Space, Value};

use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
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
    /// The version of which all files are, if that was decided.
    pub(crate) whose: Option<Whose>,
}

impl Work {
    pub(crate) fn verdict(&self) -> Verdict {
        objects::judge(self.ours, self.theirs, self.is_agreed)
    }

    /// Returns whether both sides added files, and not the same.
    fn is_append_by_both(&self) -> bool {
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
    remade: BTreeMap<Unit, (TableId, bool)>,
    /// The versions of all tables in which anything changed.
    pub(crate) tables: BTreeMap<TableId, Three<Option<OpenTable>>>,
}

impl Files {
    /// Groups the files that changed.
    pub(crate) async fn group(walk: &Walk, settled: &Settled) -> Result<Files> {
        let mut files = Files::default();
        let mut owners = Owners::default();
        let concerned: BTreeSet<TableId> = (walk.tables.keys().copied())
            .chain(walk.partitions.keys().map(|(id, _)| *id))
            .chain(walk.statistics.keys().map(|(id, ..)| *id))
            .collect();
        for id in concerned {
            files.open(walk, id, &mut owners).await?;
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
        files.settle(walk);
        files.find_remade(&owners);
        for (unit, work) in &mut files.units {
            if let Some(whose) = settled.data(unit) {
                work.settle(whose);
            }
        }
        Ok(files)
    }

    /// Reads the versions of a table, and learns where they lie. Ours is what a place belongs to that two have.
    async fn open(&mut self, walk: &Walk, id: TableId, owners: &mut Owners) -> Result<()> {
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
        self.tables.insert(id, opened);
        Ok(())
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
            self.open(walk, unit.table, owners).await?;
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
    fn settle(&mut self, walk: &Walk) {
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

/// Decides about all files: what of theirs comes to ours.
///
/// Conflicts of units whose table is in `settled` are reported with the table.
pub(crate) async fn merge(
    walk: &Walk,
    files: &Files,
    is_settled: &(dyn Fn(TableId) -> bool + Sync),
    scope: &(dyn Fn(&Unit) -> Scope + Sync),
    report: &mut Report,
) -> Result<Batch> {
    let mut patch = Batch::default();
    for (space, prefix) in &walk.removed {
        patch.delete_prefix(*space, prefix.clone());
    }
    for index in &files.others {
        merge_other(&walk.files[*index], &mut patch, report);
    }
    for (unit, work) in &files.units {
        let opaque = files.tables.get(&unit.table).is_some_and(is_opaque);
        if let Some(whose) = work.whose {
            for index in work.data.iter().chain(&work.rest) {
                take_version(&walk.files[*index], whose, &mut patch);
            }
            continue;
        }
        let is_union = report.options().append_union;
        let verdict = match work.verdict() {
            Verdict::Apply if !is_union && work.is_append_by_both() => {
                Verdict::Conflict(ConflictKind::AddAdd)
            }
            verdict => verdict,
        };
        match verdict {
            _ if files.remade.contains_key(unit) => report_remade(files, (unit, work), &scope(unit), report),
            // what the table as a whole has to say comes with the table
            _ if opaque => apply(walk, work, &mut patch),
            Verdict::Conflict(kind) => {
                if !is_settled(unit.table) {
                    let texts = Texts::new(None, work.ours.word(), work.theirs.word());
                    let at = (&scope(unit), kind, Subject::Whole);
                    report.decide_whole(at, texts, Choices::ANY, |settled, whose| match &unit.partition {
                        // where it was dropped, its record follows
                        Some(name) if kind == ConflictKind::DropModify => {
                            settled.settle_partition(unit.table, name, whose);
                        }
                        _ => settled.settle_data(unit, whose),
                    });
                }
            }
            Verdict::Apply => {
                apply(walk, work, &mut patch);
                let is_sorted = is_strictly_bucketed(files, unit.table);
                link_copies(walk, work, is_sorted, &mut patch, (&scope(unit), report)).await?;
            }
        }
    }
    Ok(patch)
}

/// Reports files that one side wrote for a table which is another one now: the rows are of the old one.
fn report_remade(files: &Files, (unit, work): (&Unit, &Work), scope: &Scope, report: &mut Report) {
    let Some((old, by_ours)) = files.remade.get(unit) else {
        return;
    };
    let again = "dropped and made again";
    let texts = if *by_ours {
        Texts::new(None, again, work.theirs.word())
    } else {
        Texts::new(None, work.ours.word(), again)
    };
    let at = (scope, ConflictKind::DropModify, Subject::Whole);
    // each side knows one of the two tables
    report.decide_whole(at, texts, Choices::ANY, |settled, whose| {
        settled.settle_table(*old, whose);
        settled.settle_table(unit.table, whose);
    });
}

/// A file that belongs to no table.
fn merge_other(file: &FileChange, patch: &mut Batch, report: &mut Report) {
    if let Some(whose) = report.settled().folder(&file.path) {
        return take_version(file, whose, patch);
    }
    if file.is_theirs() {
        return take_version(file, Whose::Theirs, patch);
    }
    let is_contested = file.ours_changed() && file.theirs_changed() && !file.is_agreed();
    if is_contested && !objects::is_marker(&file.path) {
        let did = |side: &Option<Value>| match (&file.versions.base, side) {
            (_, None) => "deleted",
            (None, Some(_)) => "added",
            (Some(_), Some(_)) => "changed",
        };
        let texts = Texts::new(None, did(&file.versions.ours), did(&file.versions.theirs));
        let subject = Subject::Path(file.path.clone());
        let at = (&Scope::default(), ConflictKind::FileBoth, subject);
        if let Some(whose) = report.decide(at, texts, Choices::ANY).whose() {
            take_version(file, whose, patch);
        }
    }
}

/// Makes a file what it is in one version.
fn take_version(file: &FileChange, whose: Whose, patch: &mut Batch) {
    let versions = file.versions.as_ref();
    if versions.take(whose) == versions.ours {
        return;
    }
    let key = file.path.clone().into_bytes();
    match versions.take(whose) {
        Some(value) => patch.put(Space::Objects, key, value.clone()),
        None => patch.delete(Space::Objects, key),
    }
}

/// Takes what theirs alone changed, data and the rest.
fn apply(walk: &Walk, work: &Work, patch: &mut Batch) {
    for index in work.data.iter().chain(&work.rest) {
        let file = &walk.files[*index];
        if file.is_theirs() {
            take_version(file, Whose::Theirs, patch);
        }
    }
}

fn is_strictly_bucketed(files: &Files, table: TableId) -> bool {
    let tables = files.tables.get(&table);
    let bucketed = |open: &OpenTable| {
        open.storage
            .as_ref()
            .is_some_and(|storage| storage.template.buckets.is_some_and(|count| count > 0))
    };
    tables.is_some_and(|tables| [&tables.ours, &tables.theirs].into_iter().flatten().any(bucketed))
}

/// Gives another name to files of theirs for which ours has another file of that name, as Hive does. The name of
/// a file in a bucketed table says which bucket it is: there it is a conflict.
async fn link_copies(
    walk: &Walk,
    work: &Work,
    is_bucketed: bool,
    patch: &mut Batch,
    (scope, report): (&Scope, &mut Report),
) -> Result<()> {
    let mut taken = BTreeSet::new();
    for index in &work.data {
        let file = &walk.files[*index];
        let is_contested = file.ours_changed() && file.theirs_changed() && !file.is_agreed();
        let Some(value) = file.versions.theirs.as_ref().filter(|_| is_contested) else {
            continue;
        };
        if is_bucketed {
            let at = (scope, ConflictKind::FileBoth, Subject::Path(file.path.clone()));
            let texts = Texts::new(None, "added", "added");
            if let Some(whose) = report.decide(at, texts, Choices::SIDES).whose() {
                take_version(file, whose, patch);
            }
            continue;
        }
        let path = free_path(walk, &file.path, &taken).await?;
        patch.put(Space::Objects, path.clone().into_bytes(), value.clone());
        taken.insert(path);
    }
    Ok(())
}

async fn free_path(walk: &Walk, path: &str, taken: &BTreeSet<String>) -> Result<String> {
    let mut n = 1;
    loop {
        let copy = objects::copy_path(path, n);
        let ours = walk
            .versions
            .ours
            .snapshot
            .view()
            .get(Space::Objects, copy.as_bytes())
            .await?;
        let theirs = walk
            .versions
            .theirs
            .snapshot
            .view()
            .get(Space::Objects, copy.as_bytes())
            .await?;
        if ours.is_none() && theirs.is_none() && !taken.contains(&copy) {
            return Ok(copy);
        }
        n += 1;
    }
}
