//! Partitions beneath a table that was merged.

use std::collections::BTreeMap;

use versioning::Space;

use super::super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::super::entities::scope_of;
use super::super::files::Work;
use super::super::generic::{Three, Whose};
use super::super::objects::{Class, Verdict};
use super::super::owner::Unit;
use super::super::params::{Data, Writers};
use super::super::walk::{PartitionKey, Raw};
use super::super::{partition, storage};
use super::cascade::Followed;
use super::schemas::{Kept, Schemas};
use super::{Context, Take, take};
use crate::Result;
use crate::keys;
use crate::location::Place;
use crate::model::{Partition, Table, TableId};
use crate::records::Changes;
use crate::snapshot::OpenTable;

impl Context<'_> {
    /// Merges all partitions that a side changed, and those whose data both wrote.
    pub(crate) async fn merge_partitions(
        &self,
        changes: &mut Changes<'_>,
        report: &mut Report,
    ) -> Result<()> {
        let written = self.unchanged_but_written().await?;
        let all: BTreeMap<&PartitionKey, &Raw> = self.walk.partitions.iter().chain(&written).collect();
        let cascades = self.cascades().await?;
        let (mut followed, mut schemas) = (Followed::new(), Schemas::default());
        for (key, versions) in all {
            if self.is_removed(Space::Parts, key.0) {
                continue;
            }
            if self.follow_cascade(key, versions, &cascades, changes).await? {
                followed
                    .entry((key.0, versions.ours.is_some()))
                    .or_default()
                    .push(&key.1);
            } else if let Some(kept) = self.merge_partition(key, versions, changes, report).await? {
                self.look_at_schema(&mut schemas, key, versions, kept).await?;
            }
        }
        self.tell_followed(&followed, report);
        self.tell_schemas(&schemas, report);
        Ok(())
    }

    /// Returns the partitions that no side changed, and whose data both wrote.
    async fn unchanged_but_written(&self) -> Result<BTreeMap<PartitionKey, Raw>> {
        let mut written = BTreeMap::new();
        for (unit, work) in &self.files.units {
            let (Some(name), Writers::Both) = (&unit.partition, work.writers) else {
                continue;
            };
            let place = (unit.table, name.clone());
            if !self.walk.partitions.contains_key(&place) {
                let ours = &self.walk.versions.ours.snapshot;
                let key = keys::partition(unit.table, name);
                let same = ours.view().get(Space::Parts, &key).await?;
                written.insert(place, Three::new(same.clone(), same.clone(), same));
            }
        }
        Ok(written)
    }

    /// Returns what it came to, if it is there.
    async fn merge_partition(
        &self,
        (table, name): &PartitionKey,
        versions: &Raw,
        changes: &mut Changes<'_>,
        report: &mut Report,
    ) -> Result<Option<Kept>> {
        let place = keys::partition(*table, name);
        if let Some(whose) = self.settled.partition(*table, name) {
            self.take_partition((*table, name), versions, whose, changes)
                .await?;
            return Ok(Some(Kept::Version(whose)));
        }
        if self.entities.dropped.contains(table) {
            // what is beneath a table that ours has and theirs dropped goes with it
            if versions.ours.is_some() && versions.theirs.is_none() {
                changes.delete::<Partition>(place);
            }
            return Ok(None);
        }
        let none = Work::default();
        let work = self.files.work(*table, Some(name)).unwrap_or(&none);
        self.check_drop((*table, name), versions, work, report);
        match take(versions, work.writers) {
            Take::Ours => return Ok(Some(Kept::Version(Whose::Ours))),
            Take::Theirs => {
                let key = (*table, name.as_str());
                self.take_partition(key, versions, Whose::Theirs, changes).await?;
                return Ok(Some(Kept::Version(Whose::Theirs)));
            }
            Take::Base | Take::Neither => {}
        }
        let mut loaded: Three<Option<Partition>> = self.load(&place, versions).await?;
        if let (Some(theirs), Some(renumbered)) = (&mut loaded.theirs, self.entities.renumbered.get(table)) {
            partition::renew_ids(theirs, renumbered);
        }
        let merged = self.merge_loaded(*table, name, &loaded, work, report);
        if merged != loaded.ours {
            match &merged {
                Some(merged) => changes.put(place, merged),
                None => changes.delete::<Partition>(place),
            }
        }
        Ok(merged.map(|merged| Kept::Merged(Box::new(merged))))
    }

    /// Writes a partition as one version has it: byte for byte, if it means the same in the merged table.
    async fn take_partition(
        &self,
        (table, name): (TableId, &str),
        versions: &Raw,
        whose: Whose,
        changes: &mut Changes<'_>,
    ) -> Result<()> {
        let place = keys::partition(table, name);
        if whose == Whose::Ours || versions.as_ref().take(whose) == &versions.ours {
            return Ok(());
        }
        let Some(value) = versions.as_ref().take(whose) else {
            changes.delete::<Partition>(place);
            return Ok(());
        };
        let renumbered = self.entities.renumbered.get(&table);
        let is_settled = self.settled.table(table).is_some();
        if whose == Whose::Base || is_settled || renumbered.is_none() && !self.entities.moved.contains(&table)
        {
            changes.batch().put(Space::Parts, place, value.clone());
            return Ok(());
        }
        let mut partition: Partition = self.walk.records().take(whose).load(&place, value).await?;
        if let Some(renumbered) = renumbered {
            partition::renew_ids(&mut partition, renumbered);
        }
        self.restate(table, &mut partition);
        changes.put(place, &partition);
        Ok(())
    }

    /// Says where a partition of theirs lies as seen from where those of the merged table lie by default, if that is
    /// elsewhere than in theirs.
    pub(super) fn restate(&self, table: TableId, partition: &mut Partition) {
        if self.entities.moved.contains(&table)
            && let Some(tables) = self.files.tables.get(&table)
            && let Some(base) = self.partition_base(table, tables)
            && let Some(at) = place_of(tables.theirs.as_ref(), Some(partition))
            && let Some(storage) = &mut partition.storage
        {
            storage.location = Some(at.relative_to(&base, &partition.name));
        }
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
            (Some(base), Some(kept), None) | (Some(base), None, Some(kept)) => {
                if partition::meant(base) != partition::meant(kept) {
                    report_drop((table, name), loaded.ours.is_none(), work, (&scope, report));
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
                    partition::report_add_add(table, a, b, (&scope, report));
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
                    layout: storage::layout(ours.storage.as_ref(), self.provider(table), self.wrote(tables)),
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

    /// Returns who may have written files of a table. Its partitions' columns stand as its own do.
    fn wrote(&self, tables: &Three<Option<OpenTable>>) -> Writers {
        match tables.as_ref().map(Option::as_ref) {
            Three {
                base: Some(base),
                ours: Some(ours),
                theirs: Some(theirs),
            } => self.extents.files_writers(Three::new(base, ours, theirs)),
            _ => Writers::Both,
        }
    }

    pub(super) fn provider(&self, table: TableId) -> Option<&str> {
        let ours = self.files.tables.get(&table)?.ours.as_ref()?;
        ours.table.parameter("spark.sql.sources.provider")
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
            let scope = scope_of(tables).partition(name);
            report_drop((table, name), dropped.0, work, (&scope, report));
        }
    }
}

/// Reports a partition that one side dropped and the other changed. What was done to its files is reported with
/// them.
fn report_drop(
    (table, name): (TableId, &str),
    by_ours: bool,
    work: &Work,
    (scope, report): (&Scope, &mut Report),
) {
    let (dropped, changed) = (Class::Drop.word(), "changed");
    let (ours, theirs) = if by_ours {
        (dropped, changed)
    } else {
        (changed, dropped)
    };
    if work.verdict() == Verdict::Apply {
        let at = (scope, ConflictKind::DropModify, Subject::Whole);
        report.decide_whole(
            at,
            Texts::new(None, ours, theirs),
            Choices::ANY,
            |settled, whose| {
                settled.settle_partition(table, name, whose);
            },
        );
    }
}

fn place_of(table: Option<&OpenTable>, partition: Option<&Partition>) -> Option<Place> {
    let partition = partition?;
    let location = partition.storage.as_ref()?.location.as_ref()?;
    Some(table?.partition_place(&partition.name, location))
}
