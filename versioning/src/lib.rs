//! The versioned store: trees, commits, branches, op logs, merges and data objects, with one root per commit.
//!
//! A repository is a history of *commits*. A commit names four sorted maps of keys to values, one per
//! [`Space`]; a *branch* is a movable head plus the operations that were written since (its *staged* state).
//!
//! *Architecture invariant:* knows no tables, no Hive, no Thrift, no HTTP and no S3. What a key or a value
//! means, and how two values merge, is handed in by the caller ([`merge::Resolver`]).

pub mod attempts;
mod branch;
pub mod clock;
pub mod codec;
pub mod commit;
mod core;
mod error;
pub mod events;
pub mod fsck;
pub mod guard;
mod history;
pub mod id;
pub mod merge;
pub mod name;
pub mod object;
mod oplog;
mod overlay;
pub mod refs;
pub mod repository;
pub mod space;
pub mod state;
pub mod store;
pub mod tree;
mod turns;
pub mod view;
mod zip;

pub use clock::{Clock, Ids};
pub use error::{Error, Kind, Result};
pub use id::{CommitId, Hash};
pub use name::{RefExpr, RefName, RepositoryName};
pub use repository::{Repositories, Repository};
pub use space::{Batch, BlobRef, Edit, KeyRange, Mutation, Roots, Space, Value};
pub use view::View;
