//! What the two sides cannot both have: one name for two things, and something in a database that is gone.

use std::collections::BTreeMap;

use super::columns::text_of;
use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::entities::{Entities, report_dropped_database};
use super::extents::Extent;
use super::files::Files;
use super::generic::Three;
use super::objects::Class;
use super::walk::Walk;
use super::{objects, table};
use crate::model::{Database, DatabaseId, TableId};
use crate::snapshot::OpenTable;

impl Entities {
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
            report_dropped_database(walk, &changed.versions, &what, &Scope::database(name), report);
        }
    }
}

/// Reports a drop of what the other side changed, in itself or beneath.
pub(super) fn report_drop(
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
    let at = (scope, ConflictKind::DropModify, Subject::Whole);
    report.decide_whole(at, texts, Choices::ANY, |settled, whose| {
        settled.settle_table(base.id, whose);
    });
}

/// Reports two tables of one name, each made by a side of its own.
pub(super) fn report_add_add(scope: &Scope, ours: &OpenTable, theirs: &OpenTable, report: &mut Report) {
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
    let at = (scope, ConflictKind::AddAdd, Subject::Whole);
    // what was there before is no table of that name
    report.decide_whole(at, Texts::new(None, a, b), Choices::SIDES, |settled, whose| {
        settled.settle_table(ours.id, whose);
        settled.settle_table(theirs.id, whose);
    });
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
    let at = (scope, ConflictKind::NameCollision, Subject::Whole);
    report.decide_whole(at, texts, Choices::SIDES, |settled, whose| {
        // what lies in one folder is told apart by the sides alone
        let place = |side: &Option<OpenTable>| side.as_ref().and_then(OpenTable::place);
        let share = place(&ours.ours) == place(&theirs.theirs);
        for versions in [ours, theirs] {
            let known = [&versions.base, &versions.ours, &versions.theirs];
            let Some(id) = known.into_iter().flatten().next().map(|open| open.id) else {
                continue;
            };
            match versions.as_ref().take(whose) {
                Some(_) if !share => settled.settle_name(id, whose),
                _ => settled.settle_table(id, whose),
            }
        }
    });
}
