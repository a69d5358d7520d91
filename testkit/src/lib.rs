//! What tests of several rooms share: stores in memory, a clock and ids that repeat.
//!
//! *Architecture invariant:* no room depends on this outside of its tests.

mod determined;
mod stores;

pub use determined::{SeededIds, SteppingClock};
pub use stores::{memory_parts, repository};
