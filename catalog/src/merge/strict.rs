//! What strict profiles leave to a person: tables or partitions that both sides touched, however.

use std::collections::{BTreeMap, BTreeSet};

use super::conflict::{Choices, ConflictKind, Report, Subject, Texts};
use super::entities::scope_of;
use super::extents::{Extent, Extents};
use super::files::Files;
use super::generic::Three;
use super::options::Profile;
use super::walk::{PartitionKey, Walk};
use crate::model::TableId;

/// What each side did to a thing.
#[derive(Debug, Clone, Copy, Default)]
struct Touch {
    by_ours: bool,
    by_theirs: bool,
    /// Whether they did not do the same.
    is_disputed: bool,
}

impl Touch {
    fn add(&mut self, by_ours: bool, by_theirs: bool, is_same: bool) {
        self.by_ours |= by_ours;
        self.by_theirs |= by_theirs;
        self.is_disputed |= (by_ours || by_theirs) && !is_same;
    }

    fn is_contested(self) -> bool {
        self.by_ours && self.by_theirs && self.is_disputed
    }
}

/// Reports tables that both sides touched, in themselves or beneath, and adds those that have to be merged for that.
pub(super) fn check_tables(
    (walk, files): (&Walk, &Files),
    extents: &Extents,
    ids: &mut BTreeSet<TableId>,
    report: &mut Report,
) {
    if report.options().profile() != Profile::StrictTable {
        return;
    }
    let touches = touches_of_tables(walk, files);
    let contested = files
        .tables
        .iter()
        .filter(|(id, _)| touches.get(id).is_some_and(|touch| touch.is_contested()));
    for (id, versions) in contested {
        if report.settled().table(*id).is_some() {
            continue;
        }
        let is_changed = |whole: bool, extent: Extent| {
            if whole || !extent.is_none() {
                extent.text(whole)
            } else {
                "unchanged".to_owned()
            }
        };
        let changed = walk.tables.get(id).map(|changed| &changed.versions);
        let (ours, theirs) = changed.map_or((false, false), |it| (it.ours_changed(), it.theirs_changed()));
        let extent = extents.of(*id);
        let texts = Texts::new(
            None,
            is_changed(ours, extent.ours),
            is_changed(theirs, extent.theirs),
        );
        let at = (&scope_of(versions), ConflictKind::TableBoth, Subject::Whole);
        report.decide_whole(at, texts, Choices::ANY, |settled, whose| {
            settled.settle_table(*id, whose);
        });
        ids.insert(*id);
    }
}

/// Returns what the sides did to tables, in themselves and beneath.
fn touches_of_tables(walk: &Walk, files: &Files) -> BTreeMap<TableId, Touch> {
    let mut tables = BTreeMap::<_, Touch>::new();
    for (id, changed) in &walk.tables {
        add_versions(tables.entry(*id).or_default(), &changed.versions);
    }
    for ((id, ..), changed) in &walk.constraints {
        add_versions(tables.entry(*id).or_default(), &changed.versions);
    }
    for ((id, _), one) in touches(walk, files) {
        let touch = tables.entry(id).or_default();
        touch.add(one.by_ours, one.by_theirs, !one.is_disputed);
    }
    tables
}

fn add_versions<T: PartialEq>(touch: &mut Touch, versions: &Three<Option<T>>) {
    let is_same = versions.ours == versions.theirs;
    touch.add(versions.ours_changed(), versions.theirs_changed(), is_same);
}

/// Reports partitions that both sides touched: what is said of them, their files, or their statistics.
pub(super) fn check_partitions(walk: &Walk, files: &Files, report: &mut Report) {
    if report.options().profile() != Profile::StrictPartition {
        return;
    }
    for ((table, name), touch) in touches(walk, files) {
        let Some((name, versions)) = name.zip(files.tables.get(&table)) else {
            continue;
        };
        let is_settled = report.settled().partition(table, &name).is_some();
        // what goes with its table is reported with it
        let is_kept = versions.ours.is_some() && versions.theirs.is_some();
        if is_settled || !is_kept || !touch.is_contested() {
            continue;
        }
        let texts = Texts::new(None, "changed", "changed otherwise");
        let scope = scope_of(versions).partition(&name);
        let at = (&scope, ConflictKind::PartitionBoth, Subject::Whole);
        report.decide_whole(at, texts, Choices::ANY, |settled, whose| {
            settled.settle_partition(table, &name, whose);
        });
    }
}

/// Returns what the sides did beneath tables, by partition; without one for what belongs to the table itself.
fn touches(walk: &Walk, files: &Files) -> BTreeMap<(TableId, Option<String>), Touch> {
    let mut touches = BTreeMap::<_, Touch>::new();
    let records = walk.partitions.iter().map(|(key, versions)| {
        let (table, name): &PartitionKey = key;
        ((*table, Some(name.clone())), versions)
    });
    let statistics = walk
        .statistics
        .iter()
        .map(|((table, name, _), versions)| ((*table, name.clone()), versions));
    for (key, versions) in records.chain(statistics) {
        add_versions(touches.entry(key).or_default(), versions);
    }
    for (unit, work) in &files.units {
        let touch = touches.entry((unit.table, unit.partition.clone())).or_default();
        for file in work.data.iter().map(|index| &walk.files[*index]) {
            touch.add(file.ours_changed(), file.theirs_changed(), file.is_agreed());
        }
    }
    touches
}
