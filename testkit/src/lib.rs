//! What tests of several rooms share: stores in memory, a clock and ids that repeat.
//!
//! *Architecture invariant:* no room depends on this outside of its tests.

mod determined;
mod faulty;
mod faulty_refs;
mod stores;
mod strict;

pub use determined::{SeededIds, SteppingClock};
pub use faulty::{Fault, FaultyFiles};
pub use faulty_refs::FaultyRefs;
pub use stores::{memory_parts, repository};
pub use strict::StrictFiles;
