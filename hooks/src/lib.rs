//! The gate in front of a branch: what has to be true before a merge may land there.
//!
//! Checks stand in the repository, as `.skep/checks/*.yaml`, and are read from the committed head of the
//! *destination*: a branch cannot edit the gate that guards `main`. They run on every merge, revert and
//! cherry-pick into a branch that holds them, on the exact commit that would become its head. Protecting the
//! branch adds two things: direct writes are refused (by the store), and named checks have to exist.
//!
//! *Architecture invariant:* knows no SQL engine, no Thrift and no HTTP. Whoever can run a check is handed in
//! as a [`catalog::check::CheckRunner`].

mod check_file;
mod decide;
mod gate;
mod source;

pub use check_file::{Broken, Check, CheckSet, FOLDER};
pub use gate::{CheckGate, Limits};
pub use source::{FileLimits, checks_at};
