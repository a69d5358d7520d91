//! What each method does, family by family.
//!
//! A handler resolves what its names mean, calls the catalog once, and converts. What may fail is left to
//! [`crate::exception`], unless a method words a failure in its own way.

mod absent;
mod catalogs;
mod constraints;
mod databases;
mod document;
mod exchanges;
mod expressions;
mod functions;
mod locks;
mod marks;
mod materializations;
mod notifications;
mod partition_adds;
mod partition_alters;
mod partition_auth;
mod partition_drops;
mod partition_projections;
mod partition_specs;
mod partitions;
mod privileges;
mod registry;
mod secrets;
mod session;
mod statistics;
mod statistics_changes;
mod table_changes;
mod table_filters;
mod table_metadata;
mod tables;
mod transactions;

use crate::registry::Routes;

pub use document::methods_document;

/// Returns the routes of all methods that are served.
pub(crate) fn routes() -> Routes {
    session::routes()
        .and(catalogs::routes())
        .and(databases::routes())
        .and(tables::routes())
        .and(table_changes::routes())
        .and(partitions::routes())
        .and(partition_adds::routes())
        .and(partition_auth::routes())
        .and(partition_alters::routes())
        .and(partition_drops::routes())
        .and(partition_specs::routes())
        .and(expressions::routes())
        .and(partition_projections::routes())
        .and(exchanges::routes())
        .and(table_filters::routes())
        .and(table_metadata::routes())
        .and(functions::routes())
        .and(statistics::routes())
        .and(statistics_changes::routes())
        .and(constraints::routes())
        .and(registry::routes())
        .and(privileges::routes())
        .and(notifications::routes())
        .and(secrets::routes())
        .and(locks::routes())
        .and(transactions::routes())
        .and(marks::routes())
        .and(materializations::routes())
        .and(absent::routes())
}
