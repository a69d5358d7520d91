//! What is told of constraints. The events of defaults and checks are those of Hive 4; 3.1 tells nothing of them.

use catalog::OpenTable;
use catalog::changes::ChangedConstraints;
use catalog::model::ConstraintKind;
use thrift_idl::Fields;
use thrift_idl::types::{
    SQLCheckConstraint, SQLDefaultConstraint, SQLForeignKey, SQLNotNullConstraint, SQLPrimaryKey,
    SQLUniqueConstraint,
};

use super::json::{Object, thrift_text};
use super::messages::{Message, over};
use super::{Headline, Narrator};
use crate::convert::{Named, WireConstraint, constraint_to};
use crate::exception::Failure;

/// Returns what stands over a change of constraints. A foreign key is told of as the original does: as one of the
/// table that it points at.
pub(super) fn headline(changed: &ChangedConstraints) -> Option<Headline> {
    let Some(first) = changed.added.first() else {
        return (!changed.dropped.is_empty()).then(|| over("DROP_CONSTRAINT", &changed.table));
    };
    let kind = match first.constraint.kind {
        ConstraintKind::PrimaryKey => "ADD_PRIMARYKEY",
        ConstraintKind::ForeignKey => "ADD_FOREIGNKEY",
        ConstraintKind::Unique => "ADD_UNIQUECONSTRAINT",
        ConstraintKind::NotNull => "ADD_NOTNULLCONSTRAINT",
        ConstraintKind::Default => "ADD_DEFAULTCONSTRAINT",
        ConstraintKind::Check => "ADD_CHECKCONSTRAINT",
    };
    Some(over(kind, first.parent.as_ref().unwrap_or(&changed.table)))
}

impl Narrator {
    pub(super) fn constraints(&self, changed: &ChangedConstraints) -> Message {
        let Some(first) = changed.added.first() else {
            let name = changed.dropped.first().map_or("", String::as_str);
            return Ok(Object::message()
                .text("dbName", &changed.table.database.name)
                .text("tableName", &changed.table.name)
                .text("constraintName", name)
                .number("timestamp", self.now_s));
        };
        let (member, entries) = match first.constraint.kind {
            ConstraintKind::PrimaryKey => ("primaryKeyListJson", self.entries::<SQLPrimaryKey>(changed)?),
            ConstraintKind::ForeignKey => ("foreignKeyListJson", self.entries::<SQLForeignKey>(changed)?),
            ConstraintKind::Unique => (
                "uniqueConstraintListJson",
                self.entries::<SQLUniqueConstraint>(changed)?,
            ),
            ConstraintKind::NotNull => (
                "notNullConstraintListJson",
                self.entries::<SQLNotNullConstraint>(changed)?,
            ),
            ConstraintKind::Default => (
                "defaultConstraintListJson",
                self.entries::<SQLDefaultConstraint>(changed)?,
            ),
            ConstraintKind::Check => (
                "checkConstraintListJson",
                self.entries::<SQLCheckConstraint>(changed)?,
            ),
        };
        Ok(Object::message()
            .number("timestamp", self.now_s)
            .texts(member, entries))
    }

    /// Returns the entries of all that was added, one for each column.
    fn entries<T: WireConstraint + Fields>(
        &self,
        changed: &ChangedConstraints,
    ) -> Result<Vec<String>, Failure> {
        let names = self.names(&changed.table.database.name);
        let mut texts = Vec::new();
        for added in &changed.added {
            let parent = added.parent.as_ref().map(named);
            for entry in constraint_to::<T>(&added.constraint, &names, named(&changed.table), parent) {
                texts.push(thrift_text(&entry)?);
            }
        }
        Ok(texts)
    }
}

fn named(open: &OpenTable) -> Named<'_> {
    Named {
        database: &open.database.name,
        table: &open.table,
    }
}
