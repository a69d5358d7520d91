//! Warnings as data: what a merge did by its rules, and what somebody should look at all the same.

use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::conflict::Scope;

/// What there is to be wary of (versioning.md 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WarningKind {
    /// A column is gone from before others in a format that finds columns by position.
    PositionalDrop,
    /// A partition keeps columns of its own that do not go with those of the merged table.
    PartitionSchemaMismatch,
    /// Partitions that one side added got the columns that the other gave to the table and all its partitions.
    Cascaded,
    /// Two tables look at one folder.
    SharedLocation,
}

impl WarningKind {
    /// Returns the name by which programs know the kind.
    pub fn name(self) -> &'static str {
        match self {
            WarningKind::PositionalDrop => "PositionalDrop",
            WarningKind::PartitionSchemaMismatch => "PartitionSchemaMismatch",
            WarningKind::Cascaded => "Cascaded",
            WarningKind::SharedLocation => "SharedLocation",
        }
    }
}

impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A warning. Warnings sort by where they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Warning {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// By the name that the table has in ours, else in theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The partition, or the first of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    pub kind: WarningKind,
    /// What is so, and what to do about it: one line, for people.
    pub message: String,
}

impl Warning {
    /// Returns a warning about something at a place, of which `text` says what is so and what to do.
    pub(super) fn new(scope: &Scope, kind: WarningKind, column: Option<&str>, text: &str) -> Warning {
        let place = [&scope.database, &scope.table].map(|name| name.as_deref().unwrap_or_default());
        Warning {
            database: scope.database.clone(),
            table: scope.table.clone(),
            partition: scope.partition.clone(),
            column: column.map(str::to_owned),
            kind,
            message: format!("{}: {text}", place.join(".")).replace(char::is_control, " "),
        }
    }

    /// Returns the warning that a merge keeps in these bytes; `None` if they hold none of this room.
    pub fn read(bytes: &Bytes) -> Option<Warning> {
        serde_json::from_slice(bytes).ok()
    }

    /// Returns the bytes that a merge keeps.
    pub(super) fn record(&self) -> Bytes {
        serde_json::json!(self).to_string().into()
    }

    /// Returns whether a conflict leaves open what the warning is about: one of its table, or one that is of its database
    /// and no table. `contested` has the databases and tables of the conflicts.
    pub(super) fn is_open(&self, contested: &BTreeSet<(Option<String>, Option<String>)>) -> bool {
        let database = self.database.clone();
        contested.contains(&(database.clone(), self.table.clone())) || contested.contains(&(database, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_kept_as_they_are() {
        let scope = Scope::table("sales", "orders").partition("dt=1");
        let warning = Warning::new(
            &scope,
            WarningKind::PartitionSchemaMismatch,
            Some("amt"),
            "look\nhere",
        );
        assert_eq!(warning.message, "sales.orders: look here");
        assert_eq!(Warning::read(&warning.record()), Some(warning));
        assert_eq!(Warning::read(&Bytes::from_static(b"{}")), None);
    }

    #[test]
    fn names_are_those_of_the_kinds() {
        for kind in [
            WarningKind::PositionalDrop,
            WarningKind::PartitionSchemaMismatch,
            WarningKind::Cascaded,
            WarningKind::SharedLocation,
        ] {
            assert_eq!(serde_json::json!(kind), kind.name());
        }
    }
}
