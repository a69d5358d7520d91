//! Databases, tables and functions: which rule each falls under, and who has which name in the end.

use std::collections::{BTreeMap, BTreeSet};

use versioning::{Space, Value};

use super::clashes::{report_add_add, report_drop};
use super::columns::Renumbered;
use super::conflict::{ConflictKind, Report, Scope, Subject, Texts};
use super::extents::Extents;
use super::files::Files;
use super::generic::Three;
use super::iceberg::History;
use super::params::Data;
use super::walk::{Changed, Walk};
use super::{database, functions, iceberg, table, table_place};
use crate::keys::MetaKey;
use crate::model::{Database, DatabaseId, Function, Table, TableEntry, TableId};
use crate::records::Changes;
use crate::snapshot::OpenTable;

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

/// What is known of what a table has beneath.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beneath<'a> {
    pub(crate) extents: &'a Extents,
    pub(crate) data: Data,
    pub(crate) history: Option<&'a History>,
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
        (common, beneath): (Option<&Table>, Beneath<'_>),
        report: &mut Report,
    ) {
        let scope = scope_of(versions);
        let Three { base, ours, theirs } = versions.as_ref();
        let merged = match (base, ours, theirs) {
            (Some(base), Some(ours), Some(theirs)) => {
                Some(self.merge_versions(Three::new(base, ours, theirs), beneath, &scope, report))
            }
            (None, Some(ours), Some(theirs)) => {
                let base = common.map(|table| OpenTable {
                    database: ours.database.clone(),
                    table: table.clone(),
                });
                match base {
                    Some(base) => {
                        Some(self.merge_versions(Three::new(&base, ours, theirs), beneath, &scope, report))
                    }
                    None => {
                        if ours.table != theirs.table {
                            report_add_add(&scope, ours, theirs, report);
                        }
                        Some(table_place::taken(ours, &self.databases))
                    }
                }
            }
            (None, ours, theirs) => {
                let one = ours.as_ref().or(theirs.as_ref());
                one.map(|open| table_place::taken(open, &self.databases))
            }
            (Some(_), None, None) => None,
            (Some(base), Some(kept), None) => {
                self.dropped.insert(id);
                let extent = beneath.extents.of(id).ours;
                report_drop(&scope, false, (base, kept), extent, report);
                None
            }
            (Some(base), None, Some(kept)) => {
                self.dropped.insert(id);
                let extent = beneath.extents.of(id).theirs;
                report_drop(&scope, true, (base, kept), extent, report);
                None
            }
        };
        iceberg::check_bound(versions.as_ref(), &scope, report);
        if let Some(table) = &merged {
            let (database, table) = (self.database(table.database), table.clone());
            table_place::check(&OpenTable { database, table }, versions.as_ref(), &scope, report);
        }
        self.tables.insert(id, merged);
    }

    fn merge_versions(
        &mut self,
        versions: Three<&OpenTable>,
        beneath: Beneath<'_>,
        scope: &Scope,
        report: &mut Report,
    ) -> Table {
        let id = versions.ours.id;
        let input = table::Input {
            versions,
            data: &beneath.data,
            wrote: beneath.extents.files_writers(versions),
            beneath: beneath.extents.writers(id),
            history: beneath.history,
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
