//! What differs in the data of tables between two versions: profiles of partitions that changed, and rows by key.
//!
//! What changed is told by `catalog::diff`; only that is read, so the cost follows the change.

mod columns;
mod keyed;
mod profile;
mod rows;
mod sides;

pub use profile::{ColumnProfile, PartitionProfile, Profile, ProfileWish, TableProfile, Values};
pub use rows::{RowChange, RowChangeKind, RowDiff, RowWish};
