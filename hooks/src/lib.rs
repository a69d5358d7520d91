//! Hooks and checks: what is done before and after refs move, and what has to be true before a merge may land.
//!
//! Checks stand in the repository as `.skep/checks/*.yaml`, hooks as `.skep/hooks/*.yaml`. Both are read from the
//! committed head of the *destination*, and for branches and tags that come and go from the default branch: a branch
//! cannot edit the gate that guards `main`. Before a merge, revert or cherry-pick they run on the exact commit that
//! would become the head. Protecting a branch adds two things: direct writes are refused (by the store), and named
//! checks have to exist.
//!
//! *Architecture invariant:* knows no SQL engine and no Thrift. Whoever can run a check is handed in as a
//! [`catalog::check::CheckRunner`], what reaches other metastores as a [`Registrar`]; what a hook may do to the machine or with secrets, as [`Settings`] and
//! [`Secrets`].

pub mod action;
mod check_file;
mod concern;
mod decide;
mod document;
mod event;
mod gate;
mod guard;
mod hook_file;
mod log;
mod pattern;
mod payload;
mod ready;
mod registrar;
mod service;
mod settings;
mod source;
mod template;
mod yaml_error;

pub use check_file::{Broken, Check, CheckSet, FOLDER, Query, parse as parse_check};
pub use event::{Event, Phase};
pub use gate::{CheckGate, Limits};
pub use hook_file::{HOOKS_FOLDER, Hook, HookFile, HookSet, parse_hooks};
pub use log::{Run, RunState};
pub use pattern::Pattern;
pub use payload::{PAYLOAD_VERSION, Payload};
pub use registrar::{Registrar, Registration};
pub use service::Hooks;
pub use settings::{Kubernetes, SecretSource, Settings};
pub use source::{FileLimits, checks_at, hooks_at};
pub use template::{NoSecrets, Secrets, Template};
