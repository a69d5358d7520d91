//! Constraints of tables: kept and told, for planners and people. Nothing here holds data to them.

use super::{ColumnId, Extra, TableId};

/// What a constraint says. The codes are Hive's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ConstraintKind {
    #[default]
    PrimaryKey = 0,
    ForeignKey = 1,
    Unique = 2,
    NotNull = 3,
    Default = 4,
    Check = 5,
}

impl ConstraintKind {
    /// All kinds, by their codes.
    pub const ALL: [ConstraintKind; 6] = [
        ConstraintKind::PrimaryKey,
        ConstraintKind::ForeignKey,
        ConstraintKind::Unique,
        ConstraintKind::NotNull,
        ConstraintKind::Default,
        ConstraintKind::Check,
    ];

    /// Returns what people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            ConstraintKind::PrimaryKey => "primary key",
            ConstraintKind::ForeignKey => "foreign key",
            ConstraintKind::Unique => "unique constraint",
            ConstraintKind::NotNull => "not-null constraint",
            ConstraintKind::Default => "default",
            ConstraintKind::Check => "check",
        }
    }

    /// Returns what a name begins with that nobody chose.
    pub fn name_prefix(self) -> &'static str {
        match self {
            ConstraintKind::PrimaryKey => "pk",
            ConstraintKind::ForeignKey => "fk",
            ConstraintKind::Unique => "uk",
            ConstraintKind::NotNull => "nn",
            ConstraintKind::Default => "dv",
            ConstraintKind::Check => "cc",
        }
    }
}

/// A constraint of a table. Columns and tables are said by their ids, so it follows when they are renamed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Constraint {
    /// In lower case; unique within the table.
    pub name: String,
    pub kind: ConstraintKind,
    /// In the order of the key; none for a check of the table as a whole.
    pub columns: Vec<ColumnId>,
    /// What a foreign key points at.
    pub reference: Option<Reference>,
    /// The value of a default, the expression of a check.
    pub text: Option<String>,
    pub is_enabled: bool,
    pub is_validated: bool,
    pub is_relied_on: bool,
    pub extra: Extra,
}

/// What a foreign key points at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reference {
    pub table: TableId,
    /// One for each column of the constraint.
    pub columns: Vec<ColumnId>,
    /// The name of the key there, as the client said it.
    pub constraint: Option<String>,
    pub update_rule: Option<i32>,
    pub delete_rule: Option<i32>,
}

impl Constraint {
    /// Returns whether a column of its own table is part of it.
    pub fn uses(&self, column: ColumnId) -> bool {
        self.columns.contains(&column)
    }

    /// Returns whether foreign keys can point at it.
    pub fn is_key(&self) -> bool {
        matches!(self.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique)
    }
}
