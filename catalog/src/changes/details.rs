//! What changed of the constraints and the statistics of tables that are there.

use std::collections::BTreeMap;

use super::walk::Walk;
use super::{AddedConstraint, Change, ChangedConstraints, ChangedStatistics, StatisticsOf, StoredPartition};
use crate::Result;
use crate::keys::{self, MetaKey, StatsKey};
use crate::model::{ColumnStatistics, Constraint, ConstraintKind, Table, TableId, TableStatistics};
use crate::snapshot::OpenTable;

/// Constraints of one kind of a table. Foreign keys stand behind all others.
type Group = (bool, TableId, ConstraintKind);

impl Walk<'_> {
    /// Returns the constraints that are dropped and those that are added; one that is another now is both. Foreign
    /// keys go before the keys that they point at, and come after them.
    pub(super) async fn constraints(&mut self) -> Result<(Vec<Change>, Vec<Change>)> {
        let mut lost: BTreeMap<Group, Vec<String>> = BTreeMap::new();
        let mut added: BTreeMap<Group, Vec<Constraint>> = BTreeMap::new();
        for (table, kind, name) in std::mem::take(&mut self.keys.constraints) {
            let key = MetaKey::Constraint(table, kind, &name).encode();
            let Some((before, after)) = self.pair::<Constraint>(&key).await? else {
                continue;
            };
            let group = (kind == ConstraintKind::ForeignKey, table, kind);
            if before.is_some() {
                lost.entry(group).or_default().push(name);
            }
            if let Some(after) = after {
                added.entry(group).or_default().push(after);
            }
        }
        Ok((self.lost(lost).await?, self.added(added).await?))
    }

    /// Those of a table that goes are not told one by one.
    async fn lost(&mut self, lost: BTreeMap<Group, Vec<String>>) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for ((_, id, _), dropped) in lost.into_iter().rev() {
            let stays = self.after.find_table_by_id(id).await?.is_some();
            if let Some(table) = self.table(false, id).await?.filter(|_| stays) {
                changes.push(Change::Constraints(ChangedConstraints {
                    table,
                    added: Vec::new(),
                    dropped,
                }));
            }
        }
        Ok(changes)
    }

    async fn added(&mut self, groups: BTreeMap<Group, Vec<Constraint>>) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for ((_, id, _), constraints) in groups {
            let Some(table) = self.table(true, id).await? else {
                continue;
            };
            let mut added = Vec::with_capacity(constraints.len());
            for constraint in constraints {
                let parent = match &constraint.reference {
                    Some(reference) => self.table(true, reference.table).await?,
                    None => None,
                };
                added.push(AddedConstraint { constraint, parent });
            }
            changes.push(Change::Constraints(ChangedConstraints {
                table,
                added,
                dropped: Vec::new(),
            }));
        }
        Ok(changes)
    }

    /// Returns what is known now of columns that are there, or is known no longer.
    pub(super) async fn statistics(&mut self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for (id, known) in std::mem::take(&mut self.keys.statistics) {
            let Some(table) = self.table(true, id).await? else {
                continue;
            };
            let mut of = Vec::with_capacity(known.len());
            for (partition, engine) in known {
                of.extend(self.statistics_of(&table, partition, engine).await?);
            }
            if !of.is_empty() {
                changes.push(Change::Statistics(ChangedStatistics { table, of }));
            }
        }
        Ok(changes)
    }

    async fn statistics_of(
        &self,
        table: &OpenTable,
        partition: Option<String>,
        engine: String,
    ) -> Result<Option<StatisticsOf>> {
        let key = StatsKey {
            table: table.id,
            partition: partition.as_deref(),
            engine: &engine,
        };
        let Some((before, after)) = self.pair::<TableStatistics>(&key.encode()).await? else {
            return Ok(None);
        };
        let partition = match partition {
            Some(name) => {
                let key = keys::partition(table.id, &name);
                match StoredPartition::find(self.after, &key).await? {
                    Some(partition) => Some(partition),
                    None => return Ok(None),
                }
            }
            None => None,
        };
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        let (set, removed) = difference(table, &before.columns, after.columns);
        let changed = !(set.is_empty() && removed.is_empty());
        Ok(changed.then_some(StatisticsOf {
            partition,
            engine,
            set,
            removed,
        }))
    }
}

/// Returns what is new of what is known, and the names of columns of which nothing is known any more. Those of columns
/// that the table has no longer went along with them. Both lists are in the order of columns' ids.
fn difference(
    table: &Table,
    before: &[ColumnStatistics],
    after: Vec<ColumnStatistics>,
) -> (Vec<ColumnStatistics>, Vec<String>) {
    let find = |of: &[ColumnStatistics], one: &ColumnStatistics| {
        of.binary_search_by_key(&one.column, |it| it.column).ok()
    };
    let name = |one: &ColumnStatistics| {
        let column = table.columns().iter().find(|column| column.id == one.column)?;
        Some(column.name.clone())
    };
    let gone = before.iter().filter(|one| find(&after, one).is_none());
    let removed = gone.filter_map(name).collect();
    let is_new = |one: &ColumnStatistics| find(before, one).is_none_or(|at| before[at] != *one);
    (after.into_iter().filter(is_new).collect(), removed)
}
