//! Databases, tables and functions: which rule each falls under, and who has which name in the end.

use std::collections::{BTreeMap, BTreeSet};

use versioning::{Space, Value};

use super::columns::{Renumbered, text_of};
use super::conflict::{ConflictKind, Report, Scope, Subject, Texts};
use super::files::Files;
use super::generic::Three;
use super::objects::Class;
use super::params::{Data, Writers};
use super::walk::{Changed, PartitionKey, Raw, Walk};
use super::{database, functions, objects, partition, table};
use crate::Result;
use crate::keys::{self, MetaKey};
use crate::model::{Database, DatabaseId, Function, Partition, Table, TableEntry, TableId};
use crate::records::Changes;
use crate::snapshot::OpenTable;

/// How much a side changed beneath a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    partitions: u64,
    statistics: u64,
    files: u64,
    constraints: u64,
}

impl Extent {
    fn is_none(self) -> bool {
        self == Extent::default()
    }

    /// Returns what a conflict says that the side did: `changed (2 partitions, 3 files)`.
    fn text(self, table_changed: bool) -> String {
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

/// What the merged catalog has of databases and tables.
#[derive(Debug, Default)]
pub(crate) struct Entities {
    /// All databases, by id.
    pub(crate) databases: BTreeMap<DatabaseId, Database>,
    /// Those tables that a side changed, and those whose data both wrote; `None` for dropped ones.
    pub(crate) tables: BTreeMap<TableId, Option<Table>>,
    /// The ids that columns of theirs got, by table.
    pub(crate) renumbered: BTreeMap<TableId, Renumbered>,
    /// Tables that one side dropped.
    pub(crate) dropped: BTreeSet<TableId>,
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

    fn of(&self, id: TableId) -> Three<Extent> {
        self.0.get(&id).copied().unwrap_or_default()
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
    let (base, kept): (Partition, Partition) = (
        walk.records().load(&key, base).await?,
        walk.records().load(&key, kept).await?,
    );
    Ok(partition::meant(&base) != partition::meant(&kept))
}

impl Entities {
    /// Merges databases. What is dropped with something beneath is seen when tables are merged.
    pub(crate) fn merge_databases(&mut self, walk: &Walk, changes: &mut Changes<'_>, report: &mut Report) {
        self.databases = walk.versions.ours.databases.clone();
        for (name, changed) in &walk.databases {
            let scope = Scope::database(name);
            let merged = merge_database(changed, walk, &scope, report);
            if let Some(ours) = &changed.versions.ours
                && merged.as_ref().is_none_or(|merged| merged.id != ours.id)
            {
                self.databases.remove(&ours.id);
            }
            if let Some(merged) = &merged {
                self.databases.insert(merged.id, merged.clone());
            }
            let key = MetaKey::Database(name).encode();
            if merged == changed.versions.ours {
                continue;
            }
            match &merged {
                None => changes.delete::<Database>(key),
                Some(merged) => put(changes, key, merged, changed),
            }
        }
    }

    pub(crate) fn database(&self, id: DatabaseId) -> Database {
        let lost = || Database {
            id,
            ..Database::default()
        };
        self.databases.get(&id).cloned().unwrap_or_else(lost)
    }

    /// Merges a table that is among the changes, or whose data both sides wrote.
    pub(crate) fn merge_table(
        &mut self,
        id: TableId,
        versions: &Three<Option<OpenTable>>,
        (common, beneath): (Option<&Table>, (&Extents, Data)),
        report: &mut Report,
    ) {
        let (extents, data) = beneath;
        let scope = scope_of(versions);
        let Three { base, ours, theirs } = versions.as_ref();
        let merged = match (base, ours, theirs) {
            (Some(base), Some(ours), Some(theirs)) => {
                Some(self.merge_versions(Three::new(base, ours, theirs), (extents, data), &scope, report))
            }
            (None, Some(ours), Some(theirs)) => {
                let base = common.map(|table| OpenTable {
                    database: ours.database.clone(),
                    table: table.clone(),
                });
                match base {
                    Some(base) => Some(self.merge_versions(
                        Three::new(&base, ours, theirs),
                        (extents, data),
                        &scope,
                        report,
                    )),
                    None => {
                        if ours.table != theirs.table {
                            report_add_add(&scope, ours, theirs, report);
                        }
                        Some(ours.table.clone())
                    }
                }
            }
            (None, ours, theirs) => ours.as_ref().or(theirs.as_ref()).map(|open| open.table.clone()),
            (Some(_), None, None) => None,
            (Some(base), Some(kept), None) => {
                self.dropped.insert(id);
                let extent = extents.of(id).ours;
                report_drop(&scope, false, (base, kept), extent, report);
                None
            }
            (Some(base), None, Some(kept)) => {
                self.dropped.insert(id);
                let extent = extents.of(id).theirs;
                report_drop(&scope, true, (base, kept), extent, report);
                None
            }
        };
        self.tables.insert(id, merged);
    }

    fn merge_versions(
        &mut self,
        versions: Three<&OpenTable>,
        (extents, data): (&Extents, Data),
        scope: &Scope,
        report: &mut Report,
    ) -> Table {
        let id = versions.ours.id;
        let input = table::Input {
            versions,
            data: &data,
            beneath: extents.writers(id),
            databases: &self.databases,
        };
        let outcome = table::merge(input, scope, report);
        if !outcome.renumbered.is_empty() {
            self.renumbered.insert(id, outcome.renumbered);
        }
        outcome.table
    }

    /// Writes merged tables and their entries in the lists of their databases.
    pub(crate) fn write_tables(&self, walk: &Walk, files: &Files, changes: &mut Changes<'_>) {
        let ours = |id: TableId| files.tables.get(&id).and_then(|versions| versions.ours.as_ref());
        let named = |table: &Table| MetaKey::Entry(table.database, &table.name).encode();
        for (id, merged) in &self.tables {
            if let Some(ours) = ours(*id)
                && merged.as_ref().is_none_or(|merged| named(merged) != named(ours))
            {
                changes.delete::<TableEntry>(named(ours));
            }
        }
        for (id, merged) in &self.tables {
            let (before, key) = (ours(*id), MetaKey::Table(*id).encode());
            let Some(merged) = merged else {
                if before.is_some() {
                    changes.delete::<Table>(key);
                }
                continue;
            };
            if before.is_some_and(|before| before.table == *merged) {
                continue;
            }
            match walk.tables.get(id) {
                Some(changed) => put(changes, key, merged, changed),
                None => changes.put(key, merged),
            }
            let (name, entry) = (named(merged), merged.entry());
            let same = before.is_some_and(|before| named(before) == name && before.entry() == entry);
            match walk.entries.get(&name) {
                Some(value) if is_theirs(walk.tables.get(id), merged) => {
                    changes.batch().put(Space::Meta, name, value.clone());
                }
                _ if same => {}
                _ => changes.put(name, &entry),
            }
        }
    }

    /// Reports tables that would have one name, and tables whose database is gone.
    pub(crate) fn check_names(&self, files: &Files, report: &mut Report) {
        let mut claims: BTreeMap<(DatabaseId, &str), TableId> = BTreeMap::new();
        for (id, merged) in &self.tables {
            let (Some(merged), Some(versions)) = (merged, files.tables.get(id)) else {
                continue;
            };
            if let Some(other) = claims.insert((merged.database, &merged.name), *id) {
                let others = files.tables.get(&other);
                let scope = Scope::table(&self.database(merged.database).name, &merged.name);
                report_collision(&scope, others, versions, report);
            }
        }
    }

    /// Reports databases that one side dropped, and in which the other made or kept something.
    pub(crate) fn check_databases(&self, walk: &Walk, files: &Files, report: &mut Report) {
        for (name, changed) in &walk.databases {
            let Three { base, ours, theirs } = changed.versions.as_ref();
            let Some(base) = base else { continue };
            let lost = |side: &Option<Database>| side.as_ref().is_none_or(|side| side.id != base.id);
            let (by_ours, by_theirs) = (lost(ours), lost(theirs));
            if by_ours == by_theirs || self.databases.contains_key(&base.id) {
                continue;
            }
            let stranded = self.tables.iter().find(|(id, table)| {
                let kept = || {
                    files.tables.get(id).is_some_and(|versions| {
                        let keeper = if by_ours { &versions.theirs } else { &versions.ours };
                        keeper.is_some()
                    })
                };
                table.as_ref().is_some_and(|table| table.database == base.id) && kept()
            });
            let function = walk.functions.iter().find(|((id, _), function)| {
                let keeper = if by_ours {
                    &function.versions.theirs
                } else {
                    &function.versions.ours
                };
                *id == base.id && keeper.is_some() && function.versions.base.is_none()
            });
            let folder = base.place().object_prefix().unwrap_or_default();
            let file = files.others.iter().map(|index| &walk.files[*index]).find(|file| {
                let wrote = if by_ours {
                    file.theirs_changed()
                } else {
                    file.ours_changed()
                };
                let kept = if by_ours {
                    &file.versions.theirs
                } else {
                    &file.versions.ours
                };
                wrote && kept.is_some() && file.path.starts_with(&folder) && !objects::is_marker(&file.path)
            });
            let what = match (stranded, function, file) {
                (Some((_, Some(table))), ..) => format!("given table {}", table.name),
                (_, Some(((_, function), _)), _) => format!("given function {function}"),
                (.., Some(file)) => format!("given file {}", file.path),
                _ => continue,
            };
            database::report_drop(&Scope::database(name), by_ours, &what, report);
        }
    }

    /// Merges functions.
    pub(crate) fn merge_functions(&self, walk: &Walk, changes: &mut Changes<'_>, report: &mut Report) {
        for ((database, name), changed) in &walk.functions {
            let name_of = |version: &super::owner::Version| {
                version
                    .databases
                    .get(database)
                    .map(|database| database.name.clone())
            };
            let versions = &walk.versions;
            let named = [&versions.ours, &versions.theirs, &versions.base]
                .into_iter()
                .find_map(name_of);
            let scope = Scope::database(&named.unwrap_or_else(|| database.to_string()));
            let functions = changed.versions.as_ref().map(Option::as_ref);
            let merged = functions::merge(functions, &scope, report);
            if merged == changed.versions.ours {
                continue;
            }
            let key = MetaKey::Function(*database, name).encode();
            match &merged {
                None => changes.delete::<Function>(key),
                Some(merged) => put(changes, key, merged, changed),
            }
        }
    }
}

/// Returns where conflicts of a table are said to be: under the name that it has in ours.
pub(crate) fn scope_of(versions: &Three<Option<OpenTable>>) -> Scope {
    let named = versions
        .ours
        .as_ref()
        .or(versions.theirs.as_ref())
        .or(versions.base.as_ref());
    named.map_or_else(Scope::default, |open| {
        Scope::table(&open.database.name, &open.name)
    })
}

fn merge_database(
    changed: &Changed<Database>,
    walk: &Walk,
    scope: &Scope,
    report: &mut Report,
) -> Option<Database> {
    let Three { base, ours, theirs } = changed.versions.as_ref();
    if let Some(settled) = changed.versions.as_ref().settled() {
        return settled.clone();
    }
    match (base, ours, theirs) {
        (_, Some(ours), Some(theirs)) if walk.unified_databases.get(&theirs.id) == Some(&ours.id) => {
            let base = database::common(ours, theirs)?;
            let mut theirs = theirs.clone();
            theirs.id = ours.id;
            Some(database::merge(Three::new(&base, ours, &theirs), scope, report))
        }
        (Some(base), Some(ours), Some(theirs)) if base.id == ours.id && base.id == theirs.id => {
            Some(database::merge(Three::new(base, ours, theirs), scope, report))
        }
        (Some(base), kept, None) => merge_dropped_database(base, kept.as_ref(), false, scope, report),
        (Some(base), None, kept) => merge_dropped_database(base, kept.as_ref(), true, scope, report),
        (Some(base), Some(ours), Some(theirs)) if ours.id == base.id || theirs.id == base.id => {
            // dropped and made anew by one side, changed by the other
            let by_ours = ours.id != base.id;
            database::report_drop(scope, by_ours, "changed", report);
            Some(ours.clone())
        }
        (_, Some(ours), Some(_)) => {
            let texts = Texts::new(None, "created", "created otherwise");
            report.add(scope, ConflictKind::AddAdd, Subject::Whole, texts);
            Some(ours.clone())
        }
        _ => ours.clone(),
    }
}

fn merge_dropped_database(
    base: &Database,
    kept: Option<&Database>,
    by_ours: bool,
    scope: &Scope,
    report: &mut Report,
) -> Option<Database> {
    let kept = kept?;
    if database::meant(kept) != database::meant(base) {
        database::report_drop(scope, by_ours, "changed", report);
    }
    None
}

/// Reports a drop of what the other side changed, in itself or beneath.
fn report_drop(
    scope: &Scope,
    by_ours: bool,
    (base, kept): (&OpenTable, &OpenTable),
    extent: Extent,
    report: &mut Report,
) {
    let is_changed = table::is_changed(&base.table, &kept.table);
    if !is_changed && extent.is_none() {
        return;
    }
    let did = extent.text(is_changed);
    let texts = if by_ours {
        Texts::new(None, Class::Drop.word(), did)
    } else {
        Texts::new(None, did, Class::Drop.word())
    };
    report.add(scope, ConflictKind::DropModify, Subject::Whole, texts);
}

fn report_add_add(scope: &Scope, ours: &OpenTable, theirs: &OpenTable, report: &mut Report) {
    let text = |open: &OpenTable| {
        let keys = if open.is_partitioned() {
            format!(" by {}", text_of(open.keys()))
        } else {
            String::new()
        };
        format!("created as {}{keys}", text_of(open.columns()))
    };
    let (a, mut b) = (text(ours), text(theirs));
    if a == b {
        b = "created with another kind, format or place".to_owned();
    }
    report.add(
        scope,
        ConflictKind::AddAdd,
        Subject::Whole,
        Texts::new(None, a, b),
    );
}

/// Reports two tables that would have one name: one from each side.
fn report_collision(
    scope: &Scope,
    first: Option<&Three<Option<OpenTable>>>,
    second: &Three<Option<OpenTable>>,
    report: &mut Report,
) {
    let Some(first) = first else { return };
    let here = |open: &OpenTable| {
        Some(&open.name) == scope.table.as_ref() && Some(&open.database.name) == scope.database.as_ref()
    };
    let is_in = |side: &Option<OpenTable>| side.as_ref().is_some_and(here);
    let (ours, theirs) = if is_in(&first.ours) {
        (first, second)
    } else {
        (second, first)
    };
    if let (None, Some(ours), None, Some(theirs)) = (&ours.base, &ours.ours, &theirs.base, &theirs.theirs) {
        report_add_add(scope, ours, theirs, report);
        return;
    }
    let came = |versions: &Three<Option<OpenTable>>| match &versions.base {
        None => "created".to_owned(),
        Some(base) if here(base) => "kept".to_owned(),
        Some(base) => format!("renamed from {}.{}", base.database.name, base.name),
    };
    let texts = Texts::new(None, came(ours), came(theirs));
    report.add(scope, ConflictKind::NameCollision, Subject::Whole, texts);
}

/// Returns whether a merged record is what theirs wrote, byte for byte.
fn is_theirs<T: PartialEq>(changed: Option<&Changed<T>>, merged: &T) -> bool {
    changed.is_some_and(|changed| changed.versions.theirs.as_ref() == Some(merged))
}

/// Writes a merged record: as theirs wrote it, where it is that.
pub(super) fn put<T: crate::records::Record + PartialEq>(
    changes: &mut Changes<'_>,
    key: bytes::Bytes,
    merged: &T,
    changed: &Changed<T>,
) {
    let value: Option<&Value> = changed
        .theirs_value
        .as_ref()
        .filter(|_| is_theirs(Some(changed), merged));
    match value {
        Some(value) => changes.batch().put(T::SPACE, key, value.clone()),
        None => changes.put(key, merged),
    }
}
