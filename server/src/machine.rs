//! The clock and the randomness of the machine: the only place where they are read.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;
use versioning::{Clock, Ids};

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MachineClock;

impl Clock for MachineClock {
    #[expect(clippy::disallowed_methods, reason = "everybody else is given this clock")]
    fn now_us(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }
}

/// Ids of version 7: the time in milliseconds, then randomness.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MachineIds;

impl Ids for MachineIds {
    fn fresh(&self) -> [u8; 16] {
        Uuid::now_v7().into_bytes()
    }
}

/// Returns the value of an environment variable, if it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "everybody else is given settings")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Lets the process have as many files open as the system permits at all: a connection is one.
pub(crate) fn raise_open_files() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => tracing::debug!(limit, "files that may be open"),
        Err(error) => tracing::warn!(%error, "cannot raise the number of files that may be open"),
    }
}
