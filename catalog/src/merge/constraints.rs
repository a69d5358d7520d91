//! Constraints: one thing each. What they speak of has to be there in the end.

use std::collections::BTreeMap;

use super::columns::Renumbered;
use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::entities::{Entities, put};
use super::generic::Three;
use super::owner::Version;
use super::report::Pick;
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

/// Gives the columns of theirs the ids that they have in the merged tables. Returns whether any has another one.
fn renew_ids(
    constraint: &mut Constraint,
    table: TableId,
    renumbered: &BTreeMap<TableId, Renumbered>,
) -> bool {
    let mut is_renewed = false;
    let mut renew = |columns: &mut Vec<ColumnId>, table: TableId| {
        for id in columns {
            if let Some(new) = renumbered.get(&table).and_then(|renumbered| renumbered.get(id)) {
                *id = *new;
                is_renewed = true;
            }
        }
    };
    renew(&mut constraint.columns, table);
    if let Some(Reference { table, columns, .. }) = &mut constraint.reference {
        renew(columns, *table);
    }
    is_renewed
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
            outcomes.insert(key.clone(), outcome);
        }
        let keys: Vec<ConstraintKey> = outcomes.keys().cloned().collect();
        for key in keys {
            let Some(outcome) = outcomes.get(&key) else {
                continue;
            };
            let Some(merged) = &outcome.merged else { continue };
            let pick = self
                .check_constraint(walk, outcome, merged, &outcomes, report)
                .await?;
            if let Some(left) = pick
                && let Some(outcome) = outcomes.get_mut(&left)
            {
                outcome.merged = None;
            }
        }
        for outcome in outcomes.values() {
            write(outcome, changes);
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
        if let Some(theirs) = &mut changed.versions.theirs
            && renew_ids(theirs, table.id, &self.renumbered)
        {
            changed.theirs_value = None;
        }
        let versions = changed.versions.as_ref().map(Option::as_ref);
        let merged = match report.settled().table(table.id) {
            Some(whose) => versions.take(whose).cloned(),
            None => merge(versions, &scope, report),
        };
        Outcome {
            table,
            scope,
            changed,
            merged,
        }
    }

    /// Reports a constraint that does not fit what is there in the end. Returns the one that goes, if that was decided.
    async fn check_constraint(
        &self,
        walk: &Walk,
        outcome: &Outcome,
        merged: &Constraint,
        outcomes: &Outcomes,
        report: &mut Report,
    ) -> Result<Option<ConstraintKey>> {
        let key = |of: &Constraint| Some((outcome.table.id, of.kind, of.name.clone()));
        match self.check_columns(walk, outcome, merged, report).await? {
            Fit::Fits => {}
            Fit::Goes => return Ok(key(merged)),
            Fit::Open => return Ok(None),
        }
        if let Some(loser) = second_key(walk, outcome, merged, outcomes, report).await? {
            return Ok(key(&loser));
        }
        let fit = self
            .check_reference(walk, outcome, merged, outcomes, report)
            .await?;
        Ok(key(merged).filter(|_| fit == Fit::Goes))
    }

    /// Returns whether all columns are there that a constraint speaks of; reports it if one is gone.
    async fn check_columns(
        &self,
        walk: &Walk,
        outcome: &Outcome,
        merged: &Constraint,
        report: &mut Report,
    ) -> Result<Fit> {
        let mut lost = lost_column(Some(&outcome.table), &merged.columns).map(|id| (outcome.table.id, id));
        if let Some(reference) = &merged.reference {
            let parent = self.merged_table(walk, reference.table).await?;
            let in_parent = lost_column(parent.as_ref(), &reference.columns);
            lost = lost.or(in_parent.map(|id| (reference.table, id)));
        }
        let Some((table, id)) = lost else {
            return Ok(Fit::Fits);
        };
        let versions = &outcome.changed.versions;
        let ours = did(&walk.versions.ours, versions.ours.is_some(), table, id).await?;
        let theirs = did(&walk.versions.theirs, versions.theirs.is_some(), table, id).await?;
        Ok(outcome.report_dangling(merged, Texts::new(None, ours, theirs), report))
    }

    /// Reports a foreign key that points at what is no key in the end.
    async fn check_reference(
        &self,
        walk: &Walk,
        outcome: &Outcome,
        merged: &Constraint,
        outcomes: &Outcomes,
        report: &mut Report,
    ) -> Result<Fit> {
        let Some(reference) = &merged.reference else {
            return Ok(Fit::Fits);
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
            return Ok(outcome.report_dangling(merged, texts, report));
        }
        Ok(Fit::Fits)
    }

    /// Returns a table as it is in the end, if it is there.
    async fn merged_table(&self, walk: &Walk, id: TableId) -> Result<Option<Table>> {
        match self.tables.get(&id) {
            Some(merged) => Ok(merged.clone()),
            None => walk.versions.ours.snapshot.find_table_by_id(id).await,
        }
    }
}

/// Whether a constraint can stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Fits,
    /// It cannot, and that it goes was decided.
    Goes,
    /// It cannot, which is reported.
    Open,
}

impl Outcome {
    /// Reports a constraint that speaks of what is gone. Only a version in which it is gone, too, can be taken.
    fn report_dangling(&self, merged: &Constraint, texts: Texts, report: &mut Report) -> Fit {
        let versions = &self.changed.versions;
        let choices = Choices {
            ours: versions.ours.is_none(),
            theirs: versions.theirs.is_none(),
            base: versions.base.is_none(),
            value: None,
        };
        let subject = Subject::Constraint(merged.name.clone());
        let at = (&self.scope, ConflictKind::ConstraintDangling, subject);
        match report.decide(at, texts, choices) {
            Pick::Open | Pick::Value(_) => Fit::Open,
            Pick::Side(_) => Fit::Goes,
        }
    }
}

/// Reports a second primary key. Returns the one that goes, if that was decided.
async fn second_key(
    walk: &Walk,
    outcome: &Outcome,
    merged: &Constraint,
    outcomes: &Outcomes,
    report: &mut Report,
) -> Result<Option<Constraint>> {
    if merged.kind != ConstraintKind::PrimaryKey {
        return Ok(None);
    }
    let all = keys_of(walk, outcome.table.id, outcomes).await?;
    let mut others = all
        .into_iter()
        .filter(|other| other.kind == merged.kind && other.name > merged.name);
    let Some(other) = others.next() else {
        return Ok(None);
    };
    let texts = Texts::new(None, "added", format!("added as {}", other.name));
    let subject = Subject::Constraint(merged.name.clone());
    let at = (&outcome.scope, ConflictKind::AddAdd, subject);
    let pick = report.decide(at, texts, Choices::SIDES);
    Ok(pick.whose().map(|whose| {
        let has = outcome.changed.versions.as_ref().take(whose).is_some();
        if has { other } else { merged.clone() }
    }))
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
