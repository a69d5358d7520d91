//! Time and ids that are the same in every run.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use versioning::{Clock, Ids};

/// A clock that starts in 2026 and moves on by a millisecond whenever it is read.
#[derive(Debug)]
pub struct SteppingClock(AtomicU64);

impl Default for SteppingClock {
    fn default() -> SteppingClock {
        SteppingClock(AtomicU64::new(1_767_225_600_000_000))
    }
}

impl SteppingClock {
    /// Sets the clock forward.
    pub fn advance(&self, by_us: u64) {
        self.0.fetch_add(by_us, Relaxed);
    }
}

impl Clock for SteppingClock {
    fn now_us(&self) -> u64 {
        self.0.fetch_add(1_000, Relaxed)
    }
}

/// Ids that count upwards from a seed.
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    next: AtomicU64,
}

impl SeededIds {
    /// Returns a source whose ids differ from those of every other seed.
    pub fn new(seed: u64) -> SeededIds {
        SeededIds {
            seed,
            next: AtomicU64::new(1),
        }
    }
}

impl Ids for SeededIds {
    fn fresh(&self) -> [u8; 16] {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.next.fetch_add(1, Relaxed).to_be_bytes());
        id[8..].copy_from_slice(&self.seed.to_be_bytes());
        id
    }
}
