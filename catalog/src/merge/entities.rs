//! Databases, tables and functions: which rule each falls under, and who has which name in the end.

use std::collections::{BTreeMap, BTreeSet};

use versioning::{Space, Value};

use super::columns::Renumbered;
use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::files::Files;
use super::generic::Three;
use super::walk::{Changed, Walk};
use super::{database, functions};
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
    /// Tables whose partitions lie by default elsewhere than in theirs.
    pub(crate) moved: BTreeSet<TableId>,
}

impl Entities {
    /// Merges databases. What is dropped with something beneath is seen when tables are merged.
    pub(crate) fn merge_databases(&mut self, walk: &Walk, changes: &mut Changes<'_>, report: &mut Report) {
        self.databases = walk.versions.ours.databases.clone();
        for (name, changed) in &walk.databases {
            let scope = Scope::database(name);
            let versions = changed.versions.as_ref();
            let known = [versions.base, versions.ours, versions.theirs];
            let mut known = known.into_iter().flatten();
            let merged = match known.find_map(|database| report.settled().database(database.id)) {
                Some(whose) => versions.take(whose).clone(),
                None => merge_database(changed, walk, &scope, report),
            };
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
            let named = walk.versions.database(*database);
            let named = named.map_or_else(|| database.to_string(), |database| database.name.clone());
            let scope = Scope::database(&named);
            let functions = changed.versions.as_ref().map(Option::as_ref);
            let merged = match report.settled().database(*database) {
                Some(whose) => functions.take(whose).cloned(),
                None => functions::merge(functions, &scope, report),
            };
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
        (Some(base), Some(kept), None) | (Some(base), None, Some(kept)) => {
            if database::meant(kept) != database::meant(base) {
                report_dropped_database(walk, &changed.versions, "changed", scope, report);
            }
            None
        }
        (Some(_), None, None) => None,
        (Some(base), Some(ours), Some(theirs)) if ours.id == base.id || theirs.id == base.id => {
            // dropped and made anew by one side, changed by the other
            report_dropped_database(walk, &changed.versions, "changed", scope, report);
            Some(ours.clone())
        }
        (_, Some(ours), Some(_)) => {
            let texts = Texts::new(None, "created", "created otherwise");
            let at = (scope, ConflictKind::AddAdd, Subject::Whole);
            report.decide_whole(at, texts, Choices::ANY, |settled, whose| {
                settled.settle_database(walk, &changed.versions, whose);
            });
            Some(ours.clone())
        }
        _ => ours.clone(),
    }
}

/// Reports a database that one side dropped, and in which the other changed something.
pub(super) fn report_dropped_database(
    walk: &Walk,
    versions: &Three<Option<Database>>,
    did: &str,
    scope: &Scope,
    report: &mut Report,
) {
    let base = versions.base.as_ref().map(|base| base.id);
    let is_kept = |side: &Option<Database>| side.as_ref().map(|side| side.id) == base;
    let texts = if is_kept(&versions.ours) {
        Texts::new(None, did, "dropped")
    } else {
        Texts::new(None, "dropped", did)
    };
    let at = (scope, ConflictKind::DropModify, Subject::Whole);
    report.decide_whole(at, texts, Choices::ANY, |settled, whose| {
        settled.settle_database(walk, versions, whose);
    });
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
