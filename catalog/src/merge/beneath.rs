//! Partitions and statistics: which rule each falls under, by what became of its table and its data.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use versioning::{KeyRange, Space, Value};

use super::columns::Renumbered;
use super::conflict::{ConflictKind, Report, Scope, Subject, Texts};
use super::entities::{Entities, scope_of};
use super::files::{Files, Work};
use super::generic::Three;
use super::objects::{Class, Verdict};
use super::owner::Unit;
use super::params::{Data, Folder, Writers};
use super::walk::{PartitionKey, Raw, StatisticsKey, Walk};
use super::{partition, statistics, storage};
use crate::Result;
use crate::keys::{self, StatsKey};
use crate::location::Place;
use crate::model::{Column, Partition, Table, TableId, TableStatistics};
use crate::records::Changes;
use crate::snapshot::OpenTable;

/// What the rules of partitions and statistics look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) walk: &'a Walk,
    pub(crate) files: &'a Files,
    pub(crate) entities: &'a Entities,
    /// How many files those units have that both sides wrote.
    pub(crate) folders: &'a BTreeMap<Unit, Folder>,
}

impl Context<'_> {
    /// Merges all partitions that a side changed, and those whose data both wrote.
    pub(crate) async fn merge_partitions(
        &self,
        changes: &mut Changes<'_>,
        report: &mut Report,
    ) -> Result<()> {
        let mut all = self.walk.partitions.clone();
        for (unit, work) in &self.files.units {
            let (Some(name), Writers::Both) = (&unit.partition, work.writers) else {
                continue;
            };
            if let Entry::Vacant(place) = all.entry((unit.table, name.clone())) {
                let key = keys::partition(unit.table, name);
                let same = self
                    .walk
                    .versions
                    .ours
                    .snapshot
                    .view()
                    .get(Space::Parts, &key)
                    .await?;
                place.insert(Three::new(same.clone(), same.clone(), same));
            }
        }
        for (key, versions) in &all {
            if !self.is_removed(Space::Parts, key.0) {
                self.merge_partition(key, versions, changes, report).await?;
            }
        }
        Ok(())
    }

    fn is_removed(&self, space: Space, table: TableId) -> bool {
        self.walk
            .removed
            .iter()
            .any(|(of, prefix)| *of == space && prefix[..] == table.0)
    }

    async fn merge_partition(
        &self,
        (table, name): &PartitionKey,
        versions: &Raw,
        changes: &mut Changes<'_>,
        report: &mut Report,
    ) -> Result<()> {
        let place = keys::partition(*table, name);
        if self.entities.dropped.contains(table) {
            // what is beneath a table that ours has and theirs dropped goes with it
            if versions.ours.is_some() && versions.theirs.is_none() {
                changes.delete::<Partition>(place);
            }
            return Ok(());
        }
        let none = Work::default();
        let work = self.files.work(*table, Some(name)).unwrap_or(&none);
        let renumbered = self.entities.renumbered.get(table);
        self.check_drop((*table, name), versions, work, report);
        match take(versions, work.writers) {
            Take::Ours => return Ok(()),
            Take::Theirs if renumbered.is_none() || versions.theirs.is_none() => {
                match &versions.theirs {
                    Some(value) => changes.batch().put(Space::Parts, place, value.clone()),
                    None => changes.delete::<Partition>(place),
                }
                return Ok(());
            }
            _ => {}
        }
        let records = self.walk.records();
        let mut loaded: Three<Option<Partition>> = Three::default();
        for (into, value) in [
            (&mut loaded.base, &versions.base),
            (&mut loaded.ours, &versions.ours),
            (&mut loaded.theirs, &versions.theirs),
        ] {
            if let Some(value) = value {
                *into = Some(records.load(&place, value).await?);
            }
        }
        if let (Some(theirs), Some(renumbered)) = (&mut loaded.theirs, renumbered) {
            partition::renew_ids(theirs, renumbered);
        }
        let merged = self.merge_loaded(*table, name, &loaded, work, report);
        if merged != loaded.ours {
            match &merged {
                Some(merged) => changes.put(place, merged),
                None => changes.delete::<Partition>(place),
            }
        }
        Ok(())
    }

    fn merge_loaded(
        &self,
        table: TableId,
        name: &str,
        loaded: &Three<Option<Partition>>,
        work: &Work,
        report: &mut Report,
    ) -> Option<Partition> {
        let tables = self.files.tables.get(&table)?;
        let scope = scope_of(tables).partition(name);
        match (&loaded.base, &loaded.ours, &loaded.theirs) {
            (None, ours, None) => ours.clone(),
            (None, None, theirs) => theirs.clone(),
            (Some(_), None, None) => None,
            (Some(base), Some(kept), None) => {
                if partition::meant(base) != partition::meant(kept) {
                    report_drop(false, work, (&scope, report));
                }
                None
            }
            (Some(base), None, Some(kept)) => {
                if partition::meant(base) != partition::meant(kept) {
                    report_drop(true, work, (&scope, report));
                }
                None
            }
            (base, Some(ours), Some(theirs)) => {
                let places = Three::new(
                    place_of(tables.base.as_ref().or(tables.ours.as_ref()), base.as_ref()),
                    place_of(tables.ours.as_ref(), Some(ours)),
                    place_of(tables.theirs.as_ref(), Some(theirs)),
                );
                let common = match base {
                    Some(base) => Some(base.clone()),
                    None => partition::common(ours, theirs, (&places.ours, &places.theirs)),
                };
                let Some(common) = common else {
                    let (a, b) = ((ours, &places.ours), (theirs, &places.theirs));
                    partition::report_add_add(a, b, &scope, report);
                    return Some(ours.clone());
                };
                let places = match base {
                    Some(_) => places.as_ref(),
                    None => Three::new(&places.ours, &places.ours, &places.theirs),
                };
                let unit = Unit {
                    table,
                    partition: Some(name.to_owned()),
                };
                let input = partition::Input {
                    versions: Three::new(&common, ours, theirs),
                    places,
                    base: &self.partition_base(table, tables)?,
                    layout: storage::layout(ours.storage.as_ref(), self.provider(table)),
                    table: self
                        .merged_table(table, tables)
                        .map(Table::columns)
                        .unwrap_or_default(),
                    data: &Data {
                        writers: work.writers,
                        folder: self.folders.get(&unit).copied(),
                    },
                };
                Some(partition::merge(input, &scope, report))
            }
        }
    }

    fn provider(&self, table: TableId) -> Option<&str> {
        let ours = self.files.tables.get(&table)?.ours.as_ref()?;
        ours.table.parameter("spark.sql.sources.provider")
    }

    /// Returns the merged table; ours if nobody changed it.
    fn merged_table<'b>(&'b self, table: TableId, tables: &'b Three<Option<OpenTable>>) -> Option<&'b Table> {
        match self.entities.tables.get(&table) {
            Some(merged) => merged.as_ref(),
            None => tables.ours.as_ref().map(|open| &open.table),
        }
    }

    fn partition_base(&self, table: TableId, tables: &Three<Option<OpenTable>>) -> Option<Place> {
        let merged = self.merged_table(table, tables)?;
        let open = OpenTable {
            database: self.entities.database(merged.database),
            table: merged.clone(),
        };
        Some(open.partition_base())
    }

    /// Reports a partition that one side dropped while the other learned something of its columns.
    fn check_drop(&self, (table, name): (TableId, &str), versions: &Raw, work: &Work, report: &mut Report) {
        let dropped = (versions.ours.is_none(), versions.theirs.is_none());
        if versions.base.is_none() || dropped.0 == dropped.1 {
            return;
        }
        let first = (table, Some(name.to_owned()), String::new());
        let mut statistics = self
            .walk
            .statistics
            .range(first..)
            .take_while(|((of, partition, _), _)| *of == table && partition.as_deref() == Some(name));
        let analyzed = statistics.any(|(_, raw)| {
            if dropped.0 {
                raw.theirs_changed()
            } else {
                raw.ours_changed()
            }
        });
        if analyzed && let Some(tables) = self.files.tables.get(&table) {
            report_drop(dropped.0, work, (&scope_of(tables).partition(name), report));
        }
    }

    /// Merges all statistics that a side changed, and drops those of data that both wrote.
    pub(crate) async fn merge_statistics(&self, changes: &mut Changes<'_>) -> Result<()> {
        let mut all = self.walk.statistics.clone();
        for (table, name) in self.written_by_both() {
            let prefix = match &name {
                Some(name) => keys::partition_statistics(table, name),
                None => keys::table_statistics(table),
            };
            let mut scan = self
                .walk
                .versions
                .ours
                .snapshot
                .view()
                .scan(Space::Stats, KeyRange::prefix(prefix));
            while let Some(entry) = scan.next().await? {
                if let Some(key) = StatsKey::decode(entry.key) {
                    let same = Some(entry.value());
                    let key = (key.table, name.clone(), key.engine.to_owned());
                    all.entry(key)
                        .or_insert_with(|| Three::new(same.clone(), same.clone(), same));
                }
            }
        }
        for (key, versions) in &all {
            if !self.is_removed(Space::Stats, key.0) {
                self.merge_statistics_of(key, versions, changes).await?;
            }
        }
        Ok(())
    }

    /// Returns the tables and partitions whose data both sides wrote.
    fn written_by_both(&self) -> BTreeSet<(TableId, Option<String>)> {
        let both = self
            .files
            .units
            .iter()
            .filter(|(_, work)| work.writers == Writers::Both);
        let mut found: BTreeSet<_> = both
            .map(|(unit, _)| (unit.table, unit.partition.clone()))
            .collect();
        let tables: BTreeSet<TableId> = self.files.units.keys().map(|unit| unit.table).collect();
        let both = tables
            .into_iter()
            .filter(|id| self.files.table_writers(*id) == Writers::Both);
        found.extend(both.map(|id| (id, None)));
        found
    }

    async fn merge_statistics_of(
        &self,
        (table, name, engine): &StatisticsKey,
        versions: &Raw,
        changes: &mut Changes<'_>,
    ) -> Result<()> {
        let place = StatsKey {
            table: *table,
            partition: name.as_deref(),
            engine,
        }
        .encode();
        let writers = match name {
            Some(_) => self
                .files
                .work(*table, name.as_deref())
                .map(|work| work.writers)
                .unwrap_or_default(),
            None => self.files.table_writers(*table),
        };
        let tables = self.files.tables.get(table);
        let columns = tables.map(|tables| columns_of(self.merged_table(*table, tables), tables));
        let is_fixed = columns.as_ref().is_none_or(|columns| columns.is_settled)
            && !self.entities.renumbered.contains_key(table);
        let taken = take(versions, writers);
        match taken {
            Take::Ours if is_fixed => return Ok(()),
            Take::Theirs if is_fixed || versions.theirs.is_none() => {
                match &versions.theirs {
                    Some(value) => changes.batch().put(Space::Stats, place, value.clone()),
                    None => changes.delete::<TableStatistics>(place),
                }
                return Ok(());
            }
            _ => {}
        }
        let records = self.walk.records();
        let mut loaded: Three<Option<TableStatistics>> = Three::default();
        for (into, value) in [
            (&mut loaded.base, &versions.base),
            (&mut loaded.ours, &versions.ours),
            (&mut loaded.theirs, &versions.theirs),
        ] {
            if let Some(value) = value {
                *into = Some(records.load::<TableStatistics>(&place, value).await?);
            }
        }
        let before = loaded.ours.clone();
        let merged = self.fitted(*table, loaded, (taken, writers), columns.as_ref());
        if merged != before {
            match &merged {
                Some(merged) => changes.put(place, merged),
                None => changes.delete::<TableStatistics>(place),
            }
        }
        Ok(())
    }

    fn fitted(
        &self,
        table: TableId,
        mut loaded: Three<Option<TableStatistics>>,
        (taken, writers): (Take, Writers),
        columns: Option<&ColumnsOf<'_>>,
    ) -> Option<TableStatistics> {
        let none = Renumbered::new();
        let renumbered = self.entities.renumbered.get(&table).unwrap_or(&none);
        let Some(columns) = columns else {
            return statistics::merge(loaded.as_ref().map(Option::as_ref), writers);
        };
        if let Some(theirs) = &mut loaded.theirs {
            statistics::renew_ids(theirs, renumbered);
        }
        let fit = |side: Option<TableStatistics>, known: &[Column]| {
            side.and_then(|side| statistics::fit(side, known, columns.merged))
        };
        let mut known_to_theirs = columns.theirs.to_vec();
        super::columns::renew_ids(&mut known_to_theirs, renumbered);
        let fitted = Three::new(
            fit(loaded.base, columns.base),
            fit(loaded.ours, columns.ours),
            fit(loaded.theirs, &known_to_theirs),
        );
        match taken {
            Take::Ours => fitted.ours,
            Take::Theirs => fitted.theirs,
            Take::Neither => statistics::merge(fitted.as_ref().map(Option::as_ref), writers),
        }
    }
}

/// Reports a partition that one side dropped and the other changed. What was done to its files is reported with
/// them.
fn report_drop(by_ours: bool, work: &Work, (scope, report): (&Scope, &mut Report)) {
    let (dropped, changed) = (Class::Drop.word(), "changed");
    let (ours, theirs) = if by_ours {
        (dropped, changed)
    } else {
        (changed, dropped)
    };
    if work.verdict() == Verdict::Apply {
        report.add(
            scope,
            ConflictKind::DropModify,
            Subject::Whole,
            Texts::new(None, ours, theirs),
        );
    }
}

/// The columns of a table, merged and as the sides have them.
struct ColumnsOf<'a> {
    merged: &'a [Column],
    base: &'a [Column],
    ours: &'a [Column],
    theirs: &'a [Column],
    /// Whether the merged ones are those of both sides.
    is_settled: bool,
}

fn columns_of<'a>(merged: Option<&'a Table>, tables: &'a Three<Option<OpenTable>>) -> ColumnsOf<'a> {
    let columns = |table: Option<&'a Table>| table.map(Table::columns).unwrap_or_default();
    let (merged, ours, theirs) = (
        columns(merged),
        columns(tables.ours.as_ref().map(|open| &open.table)),
        columns(tables.theirs.as_ref().map(|open| &open.table)),
    );
    ColumnsOf {
        merged,
        base: columns(tables.base.as_ref().map(|open| &open.table)),
        ours,
        theirs,
        is_settled: merged == ours && merged == theirs,
    }
}

fn place_of(table: Option<&OpenTable>, partition: Option<&Partition>) -> Option<Place> {
    let partition = partition?;
    let location = partition.storage.as_ref()?.location.as_ref()?;
    Some(table?.partition_place(&partition.name, location))
}

/// Whose value is taken as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Take {
    Ours,
    Theirs,
    /// Neither: it takes a rule.
    Neither,
}

/// Decides by who changed a record and who wrote the data that it speaks of.
fn take(versions: &Raw, writers: Writers) -> Take {
    let changed: (bool, bool) = (versions.ours_changed(), versions.theirs_changed());
    let same = |a: &Option<Value>, b: &Option<Value>| a == b;
    match (changed, writers) {
        (_, Writers::Both) => Take::Neither,
        _ if same(&versions.ours, &versions.theirs) => Take::Ours,
        ((true, false), Writers::Nobody | Writers::Ours) => Take::Ours,
        ((false, true), Writers::Nobody | Writers::Theirs) => Take::Theirs,
        ((false, false), _) => Take::Ours,
        _ => Take::Neither,
    }
}
