//! What travels on the wire, and what the catalog holds.
//!
//! Both ways and without loss, unset and empty kept apart. Names of databases lose their suffix on the way in
//! and get back the one that was asked for; URIs become locations and are spelled out for the ref that is
//! served. What the server sets by itself (owner, times, statistics) is none of this.

mod constraint;
mod database;
mod function;
mod partition;
mod privileges;
mod registry;
mod statistics;
mod storage;
mod table;

use catalog::location::{Locator, Place};

pub(crate) use constraint::{Named, WireConstraint, by_table, constraint_to, constraints_from};
pub(crate) use database::{database_from, database_to};
pub(crate) use function::{function_from, function_to};
pub(crate) use partition::{partition_from, partition_to};
pub(crate) use registry::{schema_from, schema_to, type_from, type_to, version_from, version_to};
pub(crate) use statistics::{statistic_from, statistic_to};
pub(crate) use storage::{columns_to, serde_from, serde_to};
pub(crate) use table::{creation_from, table_from, table_to};

/// How things of one database are called and spelled for one client.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// The Hive catalog as the client named it.
    pub(crate) catalog: String,
    /// The database as the client named it, in lower case, with its suffix.
    pub(crate) database: String,
    /// Spells the locations of the ref that is served.
    pub(crate) locator: Locator,
}

impl Names {
    /// Returns the URI of a location that belongs below `parent`, under `name`.
    pub(crate) fn uri(&self, location: &catalog::model::Location, parent: &Place, name: &str) -> String {
        self.locator.uri(&location.resolve(parent, name))
    }
}

#[cfg(test)]
mod tests;
