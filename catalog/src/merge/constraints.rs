//! Constraints: one thing each. What they speak of has to be there in the end.

use std::collections::BTreeMap;

use super::columns::Renumbered;
use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::entities::{Entities, put};
use super::generic::Three;
use super::owner::Version;
use super::walk::{Changed, ConstraintKey, Walk};
use crate::Result;
use crate::model::{ColumnId, Constraint, ConstraintKind, Reference, Table, TableId};
use crate::records::Changes;

/// Merges a constraint.
pub(super) fn merge(
    versions: Three<Option<&Constraint>>,
    scope: &Scope,
    report: &mut Report,
) -> Option<Constraint> {
    if let Some(settled) = versions.settled() {
        return settled.cloned();
    }
    let Three { base, ours, theirs } = versions;
    let kind = match (base, ours, theirs) {
        (_, None, _) | (_, _, None) => ConflictKind::DropModify,
        (None, ..) => ConflictKind::AddAdd,
        _ => ConflictKind::ConstraintBoth,
    };
    let did = |side: Option<&Constraint>| match (base, side) {
        (_, None) => "dropped",
        (None, Some(_)) => "added",
        (Some(_), Some(_)) => "changed",
    };
    let (ours_did, mut theirs_did) = (did(ours), did(theirs));
    if ours_did == theirs_did {
        theirs_did = "and not the same";
    }
    let name = [ours, theirs, base].into_iter().flatten().next()?.name.clone();
    let texts = Texts::new(None, ours_did, theirs_did);
    let at = (scope, kind, Subject::Constraint(name));
    match report.decide(at, texts, Choices::ANY).whose() {
        Some(whose) => versions.take(whose).cloned(),
        None => ours.or(theirs).cloned(),
    }
}

/// Gives the columns of theirs the ids that they have in the merged tables.
fn renew_ids(constraint: &mut Constraint, table: TableId, renumbered: &BTreeMap<TableId, Renumbered>) {
    let renew = |columns: &mut Vec<ColumnId>, table: TableId| {
        for id in columns {
            if let Some(new) = renumbered.get(&table).and_then(|renumbered| renumbered.get(id)) {
                *id = *new;
            }
        }
    };
    renew(&mut constraint.columns, table);
    if let Some(Reference { table, columns, .. }) = &mut constraint.reference {
        renew(columns, *table);
    }
}

/// Returns the first column that a table has not; the table itself may be gone.
fn lost_column(table: Option<&Table>, columns: &[ColumnId]) -> Option<ColumnId> {
    let has = |id: &&ColumnId| {
        table.is_some_and(|table| {
            table
                .columns()
                .iter()
                .chain(table.keys())
                .any(|column| column.id == **id)
        })
    };
    columns.iter().find(|id| !has(id)).copied()
}

/// A constraint that a side changed, and what becomes of it.
struct Outcome {
    table: Table,
    scope: Scope,
    changed: Changed<Constraint>,
    merged: Option<Constraint>,
}

type Outcomes = BTreeMap<ConstraintKey, Outcome>;

impl Entities {
    /// Merges constraints, and reports those that speak of what is gone, and second primary keys.
    pub(super) async fn merge_constraints(
        &self,
        walk: &Walk,
        changes: &mut Changes<'_>,
        report: &mut Report,
    ) -> Result<()> {
        let mut outcomes = Outcomes::new();
        for (key, changed) in &walk.constraints {
            let Some(table) = self.merged_table(walk, key.0).await? else {
                // what a side did here is reported with the table
                if let Some(ours) = &changed.versions.ours {
                    changes.delete::<Constraint>(ours.key(key.0));
                }
                continue;
            };
            let outcome = self.merge_constraint(table, changed.clone(), report);
            write(&outcome, changes);
            outcomes.insert(key.clone(), outcome);
        }
        for outcome in outcomes.values() {
            if let Some(merged) = &outcome.merged
                && self.has_columns(walk, outcome, merged, report).await?
            {
                self.check_keys(walk, outcome, merged, &outcomes, report).await?;
            }
        }
        Ok(())
    }

    fn merge_constraint(
        &self,
        table: Table,
        mut changed: Changed<Constraint>,
        report: &mut Report,
    ) -> Outcome {
        let scope = Scope::table(&self.database(table.database).name, &table.name);
        if let Some(theirs) = &mut changed.versions.theirs {
            renew_ids(theirs, table.id, &self.renumbered);
        }
        let versions = changed.versions.as_ref().map(Option::as_ref);
        let merged = merge(versions, &scope, report);
        Outcome {
            table,
            scope,
            changed,
            merged,
        }
    }

    /// Returns whether all columns are there that a constraint speaks of; reports it if one is gone.
    async fn has_columns(
        &self,
        walk: &Walk,
        outcome: &Outcome,
        merged: &Constraint,
        report: &mut Report,
    ) -> Result<bool> {
        let mut lost = lost_column(Some(&outcome.table), &merged.columns).map(|id| (outcome.table.id, id));
        if let Some(reference) = &merged.reference {
            let parent = self.merged_table(walk, reference.table).await?;
            let in_parent = lost_column(parent.as_ref(), &reference.columns);
            lost = lost.or(in_parent.map(|id| (reference.table, id)));
        }
        let Some((table, id)) = lost else { return Ok(true) };
        let versions = &outcome.changed.versions;
        let ours = did(&walk.versions.ours, versions.ours.is_some(), table, id).await?;
        let theirs = did(&walk.versions.theirs, versions.theirs.is_some(), table, id).await?;
        outcome.report_dangling(merged, Texts::new(None, ours, theirs), report);
        Ok(false)
    }

    /// Reports a second primary key, and a foreign key that points at what is no key in the end.
    async fn check_keys(
        &self,
        walk: &Walk,
        outcome: &Outcome,
        merged: &Constraint,
        outcomes: &Outcomes,
        report: &mut Report,
    ) -> Result<()> {
        if merged.kind == ConstraintKind::PrimaryKey {
            let all = keys_of(walk, outcome.table.id, outcomes).await?;
            let mut others = all
                .iter()
                .filter(|other| other.kind == merged.kind && other.name > merged.name);
            if let Some(other) = others.next() {
                let texts = Texts::new(None, "added", format!("added as {}", other.name));
                let subject = Subject::Constraint(merged.name.clone());
                report.add(&outcome.scope, ConflictKind::AddAdd, subject, texts);
            }
        }
        let Some(reference) = &merged.reference else {
            return Ok(());
        };
        let has_table = self.merged_table(walk, reference.table).await?.is_some();
        let all = keys_of(walk, reference.table, outcomes).await?;
        let is_same = |key: &Constraint| {
            key.columns.len() == reference.columns.len() && reference.columns.iter().all(|id| key.uses(*id))
        };
        if has_table && !all.iter().any(is_same) {
            let did = |has: bool| {
                if has {
                    "pointed at a key"
                } else {
                    "left without its key"
                }
            };
            let versions = &outcome.changed.versions;
            let texts = Texts::new(None, did(versions.ours.is_some()), did(versions.theirs.is_some()));
            outcome.report_dangling(merged, texts, report);
        }
        Ok(())
    }

    /// Returns a table as it is in the end, if it is there.
    async fn merged_table(&self, walk: &Walk, id: TableId) -> Result<Option<Table>> {
        match self.tables.get(&id) {
            Some(merged) => Ok(merged.clone()),
            None => walk.versions.ours.snapshot.find_table_by_id(id).await,
        }
    }
}

impl Outcome {
    fn report_dangling(&self, merged: &Constraint, texts: Texts, report: &mut Report) {
        let subject = Subject::Constraint(merged.name.clone());
        report.add(&self.scope, ConflictKind::ConstraintDangling, subject, texts);
    }
}

fn write(outcome: &Outcome, changes: &mut Changes<'_>) {
    let (table, ours) = (outcome.table.id, &outcome.changed.versions.ours);
    if outcome.merged == *ours {
        return;
    }
    match (&outcome.merged, ours) {
        (Some(merged), _) => put(changes, merged.key(table), merged, &outcome.changed),
        (None, Some(ours)) => changes.delete::<Constraint>(ours.key(table)),
        (None, None) => {}
    }
}

/// Returns the keys that a table has in the end.
async fn keys_of(walk: &Walk, table: TableId, outcomes: &Outcomes) -> Result<Vec<Constraint>> {
    let mut keys = walk.versions.ours.snapshot.constraints(table).await?;
    keys.retain(|key| !outcomes.contains_key(&(table, key.kind, key.name.clone())));
    let merged = outcomes
        .iter()
        .filter(|((of, ..), _)| *of == table)
        .filter_map(|(_, outcome)| outcome.merged.clone());
    keys.extend(merged);
    keys.retain(Constraint::is_key);
    Ok(keys)
}

/// Returns what a side did to a constraint, or to the column that it speaks of.
async fn did(version: &Version, has: bool, table: TableId, id: ColumnId) -> Result<String> {
    let found = version.snapshot.find_table_by_id(table).await?;
    let name = found.and_then(|table| {
        let mut all = table.columns().iter().chain(table.keys());
        all.find(|column| column.id == id)
            .map(|column| column.name.clone())
    });
    Ok(match (name, has) {
        (Some(name), true) => format!("said of column {name}"),
        (Some(name), false) => format!("not there, and column {name} was kept"),
        (None, _) => "left without its column".to_owned(),
    })
}
