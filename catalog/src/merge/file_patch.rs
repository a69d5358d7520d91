//! What of theirs comes to ours of the files that changed, unit by unit.

use std::collections::BTreeSet;

use versioning::{Batch, Space, Value};

use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::files::{Files, Work, is_opaque};
use super::generic::Whose;
use super::objects::{self, FileChange, Verdict};
use super::owner::Unit;
use super::table;
use super::walk::Walk;
use crate::Result;
use crate::model::TableId;
use crate::snapshot::OpenTable;

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
            Verdict::Apply if let Some(format) = work.forked_log(walk) => {
                table::report_diverged(unit.table, format, &scope(unit), report);
            }
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
