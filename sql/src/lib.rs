//! SQL over the tables of any ref: queries, and checks that are queries.
//!
//! Tables are read as the catalog describes them at a commit, from the data of that very commit, so that a
//! query of a commit gives the same rows for ever. Names take a ref as suffix: `"sales@etl".orders`.
//!
//! *Architecture invariant:* knows no Thrift and no HTTP, and changes nothing by itself: statements about branches
//! are handed to [`Branches`], and an engine without one can only read. No type of DataFusion or `object_store` leaves
//! this room, and of Arrow only batches and their schemas, by [`Rows::into_batches`] and [`Engine::describe`].

mod adapter;
mod answer;
mod batches;
mod bounded;
mod branches;
mod checks;
mod data_diff;
mod depth;
mod either;
mod engine;
mod error;
mod files;
pub mod footers;
mod formats;
mod growth;
mod held;
mod iceberg;
mod ipc;
mod layout;
mod levels;
mod macros;
mod named;
mod names;
mod prune;
mod reader;
mod run;
mod spark;
mod statement;
mod store;
mod system;
mod table;
mod types;
mod version;
mod views;
mod yields;

pub use answer::{Answer, AnswerColumn, Page};
pub use batches::Described;
pub use branches::{Branches, Change, Changed};
pub use checks::SqlChecks;
pub use data_diff::{
    ColumnProfile, PartitionProfile, Profile, ProfileWish, RowChange, RowChangeKind, RowDiff, RowWish,
    TableProfile, Values,
};
pub use engine::{Engine, Limits};
pub use error::{Error, Result};
pub use ipc::ARROW_STREAM;
pub use run::Rows;
pub use statement::validate;
