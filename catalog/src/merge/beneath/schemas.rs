//! Partitions that keep columns of their own, which do not go with those of the merged table though they went with
//! those of each side (versioning.md 5.3).

use std::collections::BTreeMap;

use super::super::columns::Layout;
use super::super::conflict::Report;
use super::super::entities::scope_of;
use super::super::files;
use super::super::generic::{Three, Whose};
use super::super::params::Writers;
use super::super::schema::{Mismatch, mismatch};
use super::super::walk::{PartitionKey, Raw};
use super::super::warning::WarningKind;
use super::super::{partition, storage};
use super::{Context, others};
use crate::Result;
use crate::keys;
use crate::model::{Partition, Table, TableId};
use crate::snapshot::OpenTable;

/// What became of a partition.
#[derive(Debug)]
pub(super) enum Kept {
    Version(Whose),
    Merged(Box<Partition>),
}

/// The partitions that were found, by table and by what is so, with the first and how many there are.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    /// Whether the merged columns of a table are others than those of ours, and of theirs.
    differing: BTreeMap<TableId, (bool, bool)>,
    found: BTreeMap<(TableId, Mismatch), (String, u64)>,
}

impl Context<'_> {
    /// Looks at a merged partition, if its table has other columns than where the partition comes from.
    pub(super) async fn look_at_schema(
        &self,
        schemas: &mut Schemas,
        (table, name): &PartitionKey,
        versions: &Raw,
        kept: Kept,
    ) -> Result<()> {
        let Some(tables) = self.files.tables.get(table) else {
            return Ok(());
        };
        let differing = schemas.differing.entry(*table);
        let differing = *differing.or_insert_with(|| self.differing(*table, tables));
        let is_looked_at = match &kept {
            Kept::Version(Whose::Ours) => differing.0,
            Kept::Version(Whose::Theirs) => differing.1,
            Kept::Version(Whose::Base) | Kept::Merged(_) => differing.0 || differing.1,
        };
        if !is_looked_at {
            return Ok(());
        }
        let loaded: Three<Option<Partition>> = self.load(&keys::partition(*table, name), versions).await?;
        if let Some(found) = self.mismatch(*table, tables, &loaded, kept) {
            let (_, count) = schemas
                .found
                .entry((*table, found))
                .or_insert_with(|| (name.clone(), 0));
            *count += 1;
        }
        Ok(())
    }

    fn differing(&self, table: TableId, tables: &Three<Option<OpenTable>>) -> (bool, bool) {
        let merged = self.merged_table(table, tables);
        let (Some(merged), Some(ours), Some(theirs)) = (merged, &tables.ours, &tables.theirs) else {
            return (false, false);
        };
        if files::is_opaque(tables) {
            return (false, false);
        }
        let shape = partition::shape_of(merged.columns());
        let differs = |side: &OpenTable| partition::shape_of(side.columns()) != shape;
        (differs(ours), differs(theirs))
    }

    /// Returns where a partition does not go with the merged table. Where it does not go with the table of a side either,
    /// that is no news.
    fn mismatch(
        &self,
        id: TableId,
        tables: &Three<Option<OpenTable>>,
        loaded: &Three<Option<Partition>>,
        kept: Kept,
    ) -> Option<Mismatch> {
        let of = |partition: &Partition, table: &Table| {
            let storage = partition.storage.as_ref()?;
            let layout = storage::layout(Some(storage), self.provider(id), Writers::Nobody);
            let columns = storage.columns.as_ref()?;
            mismatch(&columns.0, table.columns(), layout == Layout::ByName)
        };
        let is_known = |side: &Option<Partition>, table: &Option<OpenTable>| {
            let pair = side.as_ref().zip(table.as_ref());
            pair.is_some_and(|(side, open)| of(side, &open.table).is_some())
        };
        if is_known(&loaded.ours, &tables.ours) || is_known(&loaded.theirs, &tables.theirs) {
            return None;
        }
        let merged = match kept {
            Kept::Merged(merged) => *merged,
            Kept::Version(whose) => {
                let mut partition = loaded.as_ref().take(whose).clone()?;
                if let (Whose::Theirs, Some(renumbered)) = (whose, self.entities.renumbered.get(&id)) {
                    partition::renew_ids(&mut partition, renumbered);
                }
                partition
            }
        };
        of(&merged, self.merged_table(id, tables)?)
    }

    /// Tells what was found.
    pub(super) fn tell_schemas(&self, schemas: &Schemas, report: &mut Report) {
        for ((table, Mismatch { column, text }), (first, count)) in &schemas.found {
            let Some(tables) = self.files.tables.get(table) else {
                continue;
            };
            let text = format!(
                "{text} in {}: who reads by the table's columns may fail there or find other values; rewrite these \
                 partitions, or change the columns of one of the two",
                others(first, *count)
            );
            let scope = scope_of(tables).partition(first);
            report.warn(&scope, WarningKind::PartitionSchemaMismatch, Some(column), &text);
        }
    }
}
