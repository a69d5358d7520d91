//! What a table is: databases, tables, columns, partitions, statistics and functions over the versioned store.
//!
//! A [`Snapshot`] reads the catalog at one version; a [`Draft`] prepares changes of a branch. Both give
//! meaning to the keys and values of [`versioning`].
//!
//! *Architecture invariant:* knows no wire types and no exceptions of the Hive Metastore, no SQL engine, no HTTP.
//! Everything that is decided is decided in synchronous functions; what fetches and writes holds no rules.

pub mod aggregate;
#[cfg(any(test, feature = "arbitrary"))]
pub mod arbitrary;
mod catalog;
pub mod changes;
pub mod check;
pub mod codec;
pub mod columns;
mod data_files;
pub mod diff;
pub mod draft;
mod ephemeral;
mod error;
pub mod keys;
pub mod layout;
pub mod location;
pub mod merge;
pub mod model;
pub mod names;
mod partitions;
mod records;
mod registry;
mod snapshot;
pub mod types;
pub mod warehouse;

pub use catalog::Catalog;
pub use check::{CheckOutcome, CheckRunner, CheckSpec};
pub use data_files::is_data;
pub use draft::Draft;
pub use ephemeral::is_ephemeral;
pub use error::{Error, Result};
pub use layout::Layout;
pub use location::{Locator, ParameterValue, Place};
pub use partitions::{PartitionRef, PartitionScan};
pub use records::{SharedCache, SharedRefs};
pub use registry::VersionPlace;
pub use snapshot::{DEFAULT_DATABASE, DEFAULT_DATABASE_ID, OpenTable, Snapshot};
pub use warehouse::{OpenWarehouse, PlainWarehouse, Warehouse, WarehouseSettings};
