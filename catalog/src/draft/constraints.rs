//! Adding and dropping constraints, and what becomes of them when tables and columns go.

use versioning::Hash;
use versioning::id::Domain;

use crate::draft::Draft;
use crate::keys::MetaKey;
use crate::model::{ColumnId, Constraint, ConstraintKind, Reference, Table, TableId};
use crate::names;
use crate::snapshot::OpenTable;
use crate::{Error, Result};

/// A constraint that is to be added; what it speaks of is said by names.
#[derive(Debug, Clone, Default)]
pub struct NewConstraint {
    /// `None` if the catalog is to find one.
    pub name: Option<String>,
    pub kind: ConstraintKind,
    /// In the order of the key.
    pub columns: Vec<String>,
    /// What a foreign key points at.
    pub reference: Option<NewReference>,
    /// The value of a default, the expression of a check.
    pub text: Option<String>,
    pub is_enabled: bool,
    pub is_validated: bool,
    pub is_relied_on: bool,
}

/// What a new foreign key points at.
#[derive(Debug, Clone, Default)]
pub struct NewReference {
    pub database: String,
    pub table: String,
    /// One for each column of the constraint.
    pub columns: Vec<String>,
    /// The name of the key there.
    pub constraint: Option<String>,
    pub update_rule: Option<i32>,
    pub delete_rule: Option<i32>,
}

impl Draft {
    /// Adds constraints to a table, all or none, and returns them. Keys are added before what may point at them.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`]; [`Error::ConstraintExists`], also for a second primary key;
    /// [`Error::InvalidConstraint`] for columns and keys that are not there.
    pub async fn add_constraints(
        &mut self,
        database: &str,
        table: &str,
        constraints: Vec<NewConstraint>,
    ) -> Result<Vec<Constraint>> {
        let open = self.table(database, table).await?;
        let mut all = self.constraints(open.id).await?;
        let mut added: Vec<Constraint> = Vec::with_capacity(constraints.len());
        let (references, keys): (Vec<_>, Vec<_>) = constraints
            .into_iter()
            .partition(|new| new.kind == ConstraintKind::ForeignKey);
        for new in keys.into_iter().chain(references) {
            let constraint = self.settle_constraint(&open, &all, new).await?;
            all.push(constraint.clone());
            added.push(constraint);
        }
        self.change(|changes| {
            for constraint in &added {
                changes.put(constraint.key(open.id), constraint);
            }
        });
        Ok(added)
    }

    /// Drops the constraint of that name: of the table, or a foreign key of another one that points at it. With
    /// a key go the foreign keys that point at it.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], [`Error::NoSuchConstraint`].
    pub async fn drop_constraint(&mut self, database: &str, table: &str, name: &str) -> Result<()> {
        let open = self.table(database, table).await?;
        let name = names::normalize(name);
        let own = self.constraints(open.id).await?;
        let mut dropped: Vec<(TableId, Constraint)> = Vec::new();
        match own.into_iter().find(|constraint| constraint.name == name) {
            Some(constraint) => {
                if constraint.is_key() {
                    let pointing = self.constraints_pointing_at(open.id).await?;
                    let same = |key: &Reference| key.columns == constraint.columns;
                    dropped.extend(
                        pointing
                            .into_iter()
                            .filter(|(_, found)| found.reference.as_ref().is_some_and(same)),
                    );
                }
                dropped.push((open.id, constraint));
            }
            None => {
                let pointing = self.constraints_pointing_at(open.id).await?;
                dropped.extend(pointing.into_iter().filter(|(_, found)| found.name == name));
            }
        }
        if dropped.is_empty() {
            let (database, table) = (open.database.name, open.table.name);
            return Err(Error::NoSuchConstraint {
                database,
                table,
                constraint: name,
            });
        }
        self.delete_constraints(&dropped);
        Ok(())
    }

    async fn settle_constraint(
        &self,
        open: &OpenTable,
        all: &[Constraint],
        new: NewConstraint,
    ) -> Result<Constraint> {
        let columns = ids_of(open, &new.columns, &new)?;
        let reference = match &new.reference {
            Some(reference) => Some(self.settle_reference(open, all, reference, &new).await?),
            None => None,
        };
        let name = match new.name.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
            Some(name) => names::normalize(name),
            None => free_name(open.id, &columns, new.kind, all),
        };
        let is_second =
            new.kind == ConstraintKind::PrimaryKey && all.iter().any(|other| other.kind == new.kind);
        if is_second || all.iter().any(|other| other.name == name) {
            return Err(Error::ConstraintExists {
                database: open.database.name.clone(),
                table: open.name.clone(),
                constraint: name,
                is_second_key: is_second,
            });
        }
        Ok(Constraint {
            name,
            kind: new.kind,
            columns,
            reference,
            text: new.text,
            is_enabled: new.is_enabled,
            is_validated: new.is_validated,
            is_relied_on: new.is_relied_on,
            ..Constraint::default()
        })
    }

    async fn settle_reference(
        &self,
        open: &OpenTable,
        own: &[Constraint],
        reference: &NewReference,
        new: &NewConstraint,
    ) -> Result<Reference> {
        let Some(parent) = self.find_table(&reference.database, &reference.table).await? else {
            return Err(Error::InvalidConstraint {
                what: "parent table not found",
                name: reference.table.clone(),
            });
        };
        let columns = ids_of(&parent, &reference.columns, new)?;
        let keys = if parent.id == open.id {
            own.to_vec()
        } else {
            self.constraints(parent.id).await?
        };
        let is_key = |key: &&Constraint| {
            key.is_key() && key.columns.len() == columns.len() && columns.iter().all(|id| key.uses(*id))
        };
        if !keys.iter().any(|key| is_key(&key)) {
            return Err(Error::NoSuchKey {
                columns: reference.columns.clone(),
                table: format!("{}.{}", parent.database.name, parent.name),
            });
        }
        Ok(Reference {
            table: parent.id,
            columns,
            constraint: reference.constraint.as_deref().map(names::normalize),
            update_rule: reference.update_rule,
            delete_rule: reference.delete_rule,
        })
    }

    /// Drops the constraints of a table that is dropped, and those that point at it.
    pub(super) async fn forget_constraints(&mut self, table: TableId) -> Result<()> {
        self.drop_constraints_where(table, |_| true, |_| true).await
    }

    /// Drops the constraints that speak of columns which a table has no longer.
    pub(super) async fn follow_constraints(&mut self, old: &Table, new: &Table) -> Result<()> {
        let kept = column_ids(new);
        let gone: Vec<ColumnId> = column_ids(old)
            .into_iter()
            .filter(|id| !kept.contains(id))
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        let lost = |columns: &[ColumnId]| columns.iter().any(|id| gone.contains(id));
        self.drop_constraints_where(
            new.id,
            |constraint| lost(&constraint.columns),
            |reference| lost(&reference.columns),
        )
        .await
    }

    /// Foreign keys are looked for only where there is a key that they can point at.
    async fn drop_constraints_where(
        &mut self,
        table: TableId,
        own: impl Fn(&Constraint) -> bool,
        pointing: impl Fn(&Reference) -> bool,
    ) -> Result<()> {
        let all = self.constraints(table).await?;
        let mut dropped = Vec::new();
        if all.iter().any(Constraint::is_key) {
            let found = self.constraints_pointing_at(table).await?;
            let is_lost = |(of, found): &(TableId, Constraint)| {
                *of != table && found.reference.as_ref().is_some_and(&pointing)
            };
            dropped.extend(found.into_iter().filter(is_lost));
        }
        dropped.extend(
            all.into_iter()
                .filter(|it| {
                    own(it)
                        || it
                            .reference
                            .as_ref()
                            .is_some_and(|to| to.table == table && pointing(to))
                })
                .map(|it| (table, it)),
        );
        self.delete_constraints(&dropped);
        Ok(())
    }

    fn delete_constraints(&mut self, dropped: &[(TableId, Constraint)]) {
        if dropped.is_empty() {
            return;
        }
        self.change(|changes| {
            for (table, constraint) in dropped {
                changes.delete::<Constraint>(constraint.key(*table));
            }
        });
    }
}

impl Constraint {
    /// Returns the key of this constraint of a table.
    pub(crate) fn key(&self, table: TableId) -> bytes::Bytes {
        MetaKey::Constraint(table, self.kind, &self.name).encode()
    }
}

fn column_ids(table: &Table) -> Vec<ColumnId> {
    let all = table.columns().iter().chain(table.keys());
    all.map(|column| column.id).collect()
}

fn ids_of(open: &OpenTable, columns: &[String], new: &NewConstraint) -> Result<Vec<ColumnId>> {
    let what = match (new.kind, &new.reference) {
        (ConstraintKind::ForeignKey, Some(reference)) if reference.columns != columns => {
            "child column not found"
        }
        _ => "parent column not found",
    };
    let id_of = |name: &String| {
        let name = names::normalize(name);
        let mut all = open.columns().iter().chain(open.keys());
        let found = all.find(|column| column.name == name);
        found
            .map(|column| column.id)
            .ok_or(Error::InvalidConstraint { what, name })
    };
    columns.iter().map(id_of).collect()
}

/// Returns a name that no constraint of the table has. Branches that add the same find the same.
fn free_name(table: TableId, columns: &[ColumnId], kind: ConstraintKind, all: &[Constraint]) -> String {
    let mut text = format!("{table}");
    columns.iter().for_each(|id| text.push_str(&format!(" {}", id.0)));
    let hash = Hash::of(Domain::Blob, text.as_bytes()).0;
    let number = u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]);
    let name = |count: usize| format!("{}_{number}_{count}", kind.name_prefix());
    // one more than there are constraints cannot all be taken
    (0..=all.len())
        .map(name)
        .find(|name| all.iter().all(|other| other.name != *name))
        .unwrap_or_else(|| name(all.len() + 1))
}
