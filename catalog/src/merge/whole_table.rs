//! Tables as wholes: made, dropped, kept, or as was decided; what all versions have is merged field by field.

use super::clashes::{report_add_add, report_drop};
use super::conflict::{Report, Scope};
use super::entities::{Entities, scope_of};
use super::extents::Extents;
use super::generic::Three;
use super::iceberg::History;
use super::params::Data;
use super::{drops, iceberg, table, table_place};
use crate::model::{Table, TableId};
use crate::snapshot::OpenTable;

/// What is known of what a table has beneath.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beneath<'a> {
    pub(crate) extents: &'a Extents,
    pub(crate) data: Data,
    pub(crate) history: Option<&'a History>,
}

impl Entities {
    /// Merges a table that is among the changes, or whose data both sides wrote.
    pub(crate) fn merge_table(
        &mut self,
        id: TableId,
        versions: &Three<Option<OpenTable>>,
        (common, beneath): (Option<&Table>, Beneath<'_>),
        report: &mut Report,
    ) {
        let scope = scope_of(versions);
        let settled = report.settled().table(id);
        let mut merged = match settled {
            Some(whose) => self.taken(versions.as_ref().take(whose)),
            None => self.merge_open(versions, (common, beneath), &scope, report),
        };
        let named = report.settled().name(id);
        if let Some(named) = named.and_then(|whose| versions.as_ref().take(whose).as_ref())
            && let Some(merged) = &mut merged
        {
            table_place::rename(merged, named, &self.databases);
        }
        iceberg::check_bound(id, versions.as_ref(), &scope, report);
        let merged = merged.map(|table| self.placed(table, versions, &scope, report));
        self.tables.insert(id, merged);
    }

    fn placed(
        &mut self,
        table: Table,
        versions: &Three<Option<OpenTable>>,
        scope: &Scope,
        report: &mut Report,
    ) -> Table {
        let database = self.database(table.database);
        let mut open = OpenTable { database, table };
        if let Some(location) = table_place::check(&open, versions.as_ref(), scope, report)
            && let Some(storage) = &mut open.table.storage
        {
            storage.location = Some(location);
        }
        let theirs = versions.theirs.as_ref();
        if theirs.is_some_and(|theirs| theirs.partition_base() != open.partition_base()) {
            self.moved.insert(open.id);
        }
        open.table
    }

    fn taken(&self, version: &Option<OpenTable>) -> Option<Table> {
        let open = version.as_ref()?;
        Some(table_place::taken(open, &self.databases))
    }

    fn merge_open(
        &mut self,
        versions: &Three<Option<OpenTable>>,
        (common, beneath): (Option<&Table>, Beneath<'_>),
        scope: &Scope,
        report: &mut Report,
    ) -> Option<Table> {
        let Three { base, ours, theirs } = versions.as_ref();
        match (base, ours, theirs) {
            (Some(base), Some(ours), Some(theirs)) => {
                Some(self.merge_versions(Three::new(base, ours, theirs), beneath, scope, report))
            }
            (None, Some(ours), Some(theirs)) => {
                let base = common.map(|table| OpenTable {
                    database: ours.database.clone(),
                    table: table.clone(),
                });
                if let Some(base) = base {
                    let sides = Three::new(&base, ours, theirs);
                    return Some(self.merge_versions(sides, beneath, scope, report));
                }
                if ours.table != theirs.table {
                    report_add_add(scope, ours, theirs, report);
                }
                self.taken(&versions.ours)
            }
            (None, Some(_), None) => self.taken(&versions.ours),
            (None, None, _) => self.taken(&versions.theirs),
            (Some(_), None, None) => None,
            (Some(base), Some(kept), None) => {
                self.dropped.insert(base.id);
                let extent = beneath.extents.of(base.id).ours;
                report_drop(scope, false, (base, kept), extent, report);
                None
            }
            (Some(base), None, Some(kept)) => {
                self.dropped.insert(base.id);
                let extent = beneath.extents.of(base.id).theirs;
                report_drop(scope, true, (base, kept), extent, report);
                None
            }
        }
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
        drops::check(input, &outcome.table, scope, report);
        if !outcome.renumbered.is_empty() {
            self.renumbered.insert(id, outcome.renumbered);
        }
        outcome.table
    }
}
