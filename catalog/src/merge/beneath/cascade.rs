//! Columns that one side gave to a table with all its partitions reach those that the other side added (versioning.md 5.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::conflict::Report;
use super::super::entities::scope_of;
use super::super::generic::Three;
use super::super::params::Writers;
use super::super::partition;
use super::super::walk::{PartitionKey, Raw};
use super::super::warning::WarningKind;
use super::{Context, others};
use crate::Result;
use crate::keys;
use crate::model::{Column, Partition, TableId};
use crate::records::Changes;
use crate::snapshot::OpenTable;

/// Who gave new columns to a table and to its partitions, too.
pub(super) type Cascades = BTreeMap<TableId, Writers>;

/// The partitions that got the columns of a cascade, by table and whether ours added them.
pub(super) type Followed<'a> = BTreeMap<(TableId, bool), Vec<&'a String>>;

impl Context<'_> {
    /// Finds the tables whose partitions followed their new columns. Nothing stored tells of a cascade but that one of
    /// them did; a table that had none in the base gives no sign.
    pub(super) async fn cascades(&self) -> Result<Cascades> {
        let mut cascades = Cascades::new();
        for (id, tables) in &self.files.tables {
            if let Three {
                base: Some(base),
                ours: Some(ours),
                theirs: Some(theirs),
            } = tables.as_ref().map(Option::as_ref)
            {
                let who = self.who_cascaded(*id, Three::new(base, ours, theirs)).await?;
                if who != Writers::Nobody {
                    cascades.insert(*id, who);
                }
            }
        }
        Ok(cascades)
    }

    async fn who_cascaded(&self, id: TableId, tables: Three<&OpenTable>) -> Result<Writers> {
        let shapes = tables.map(|open| partition::shape_of(open.columns()));
        let may = (shapes.ours != shapes.base, shapes.theirs != shapes.base);
        let mut who = Writers::Nobody;
        for (key, versions) in self.partitions_of(id) {
            let sides = Writers::of(
                may.0 && versions.ours.is_some() && versions.ours_changed(),
                may.1 && versions.theirs.is_some() && versions.theirs_changed(),
            );
            if versions.base.is_none() || sides.and(who) == who {
                continue;
            }
            let place = keys::partition(key.0, &key.1);
            let loaded: Three<Option<Partition>> = self.load(&place, versions).await?;
            let partitions = loaded.as_ref().map(|side| side.as_ref().and_then(shape));
            let followed = |side: &Option<_>, table: &Vec<_>| {
                *side != partitions.base && side.as_ref().is_some_and(|side| side == table)
            };
            let ours = may.0 && followed(&partitions.ours, &shapes.ours);
            let theirs = may.1 && followed(&partitions.theirs, &shapes.theirs);
            who = who.and(Writers::of(ours, theirs));
        }
        Ok(who)
    }

    fn partitions_of(&self, id: TableId) -> impl Iterator<Item = (&PartitionKey, &Raw)> {
        let all = self.walk.partitions.range((id, String::new())..);
        all.take_while(move |(key, _)| key.0 == id)
    }

    /// Gives the merged columns to a partition that one side added with the columns that its table had there, if the
    /// other side gave its table's new ones to all. Returns whether it did.
    pub(super) async fn follow_cascade(
        &self,
        (table, name): &PartitionKey,
        versions: &Raw,
        cascades: &Cascades,
        changes: &mut Changes<'_>,
    ) -> Result<bool> {
        if self.settled.partition(*table, name).is_some() {
            return Ok(false);
        }
        let by = cascades.get(table).copied().unwrap_or_default();
        let (Some(tables), None) = (self.files.tables.get(table), &versions.base) else {
            return Ok(false);
        };
        let open = match (&versions.ours, &versions.theirs, by) {
            (Some(_), None, Writers::Theirs | Writers::Both) => &tables.ours,
            (None, Some(_), Writers::Ours | Writers::Both) => &tables.theirs,
            _ => return Ok(false),
        };
        let place = keys::partition(*table, name);
        let loaded: Three<Option<Partition>> = self.load(&place, versions).await?;
        let (Some(mut added), Some(open)) = (loaded.ours.or(loaded.theirs), open) else {
            return Ok(false);
        };
        let merged = self
            .merged_table(*table, tables)
            .and_then(|merged| merged.storage.as_ref());
        let columns = merged.and_then(|storage| storage.columns.as_ref());
        let (Some(columns), Some(before)) = (columns, shape(&added)) else {
            return Ok(false);
        };
        if before != partition::shape_of(open.columns()) {
            return Ok(false);
        }
        if let Some(storage) = &mut added.storage {
            storage.columns = Some(Arc::clone(columns));
        }
        if versions.ours.is_none() {
            self.restate(*table, &mut added);
        }
        changes.put(place, &added);
        Ok(true)
    }

    /// Tells which partitions got columns that nobody gave to them.
    pub(super) fn tell_followed(&self, followed: &Followed<'_>, report: &mut Report) {
        for ((table, by_ours), partitions) in followed {
            let (Some(tables), Some(first)) = (self.files.tables.get(table), partitions.first()) else {
                continue;
            };
            let (adder, giver) = if *by_ours {
                ("ours", "theirs")
            } else {
                ("theirs", "ours")
            };
            let text = format!(
                "{}, which {adder} added, got the columns that {giver} gave to the table and all its partitions \
                 (CASCADE): see that files there can be read by them, or give the old ones back",
                others(first, partitions.len() as u64)
            );
            let scope = scope_of(tables).partition(first);
            report.warn(&scope, WarningKind::Cascaded, None, &text);
        }
    }
}

fn shape(partition: &Partition) -> Option<Vec<Column>> {
    let columns = partition.storage.as_ref()?.columns.as_ref()?;
    Some(partition::shape_of(&columns.0))
}
