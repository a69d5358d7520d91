//! Statistics beneath a table that was merged.

use std::collections::BTreeSet;

use versioning::{KeyRange, Space};

use super::super::columns::{self, Renumbered};
use super::super::generic::Three;
use super::super::params::Writers;
use super::super::statistics;
use super::super::walk::{Raw, StatisticsKey};
use super::{Context, Take, take};
use crate::Result;
use crate::keys::{self, StatsKey};
use crate::model::{Column, Table, TableId, TableStatistics};
use crate::records::Changes;
use crate::snapshot::OpenTable;

impl Context<'_> {
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
        let settled = match name {
            Some(name) => self.settled.partition(*table, name),
            None => self.settled.table(*table),
        };
        let taken = settled.map_or_else(|| take(versions, writers), Take::from);
        let side = match taken {
            Take::Ours if is_fixed => return Ok(()),
            Take::Theirs => Some(&versions.theirs),
            Take::Base => Some(&versions.base),
            Take::Ours | Take::Neither => None,
        };
        match side {
            Some(None) => {
                changes.delete::<TableStatistics>(place);
                return Ok(());
            }
            Some(Some(value)) if is_fixed => {
                changes.batch().put(Space::Stats, place, value.clone());
                return Ok(());
            }
            _ => {}
        }
        let loaded: Three<Option<TableStatistics>> = self.load(&place, versions).await?;
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
        columns::renew_ids(&mut known_to_theirs, renumbered);
        let fitted = Three::new(
            fit(loaded.base, columns.base),
            fit(loaded.ours, columns.ours),
            fit(loaded.theirs, &known_to_theirs),
        );
        match taken {
            Take::Ours => fitted.ours,
            Take::Theirs => fitted.theirs,
            Take::Base => fitted.base,
            Take::Neither => statistics::merge(fitted.as_ref().map(Option::as_ref), writers),
        }
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
