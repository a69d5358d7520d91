//! What each method does, family by family.
//!
//! A handler resolves what its names mean, calls the catalog once, and converts. What may fail is left to
//! [`crate::exception`], unless a method words a failure in its own way.

mod catalogs;
mod constraints;
mod databases;
mod document;
mod functions;
mod partition_adds;
mod partition_alters;
mod partition_drops;
mod partition_values;
mod partitions;
mod privileges;
mod session;
mod statistics;
mod table_changes;
mod table_filters;
mod tables;
mod types;

use crate::registry::Routes;

pub use document::methods_document;

/// Returns the routes of all methods that are served.
pub(crate) fn routes() -> Routes {
    session::routes()
        .and(catalogs::routes())
        .and(databases::routes())
        .and(tables::routes())
        .and(table_changes::routes())
        .and(table_filters::routes())
        .and(types::routes())
        .and(partitions::routes())
        .and(partition_values::routes())
        .and(partition_adds::routes())
        .and(partition_alters::routes())
        .and(partition_drops::routes())
        .and(functions::routes())
        .and(statistics::routes())
        .and(constraints::routes())
        .and(privileges::routes())
}
