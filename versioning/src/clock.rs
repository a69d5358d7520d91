//! Time and fresh ids as parameters, so that histories can be replayed.

use std::fmt::Debug;

/// Where the time comes from. Time is recorded, and decides nothing but how long the lease of a server on a merge
/// lasts: a clock that is wrong has a merge given up, and never a wrong one land.
pub trait Clock: Debug + Send + Sync {
    /// Returns microseconds since the Unix epoch.
    fn now_us(&self) -> u64;
}

/// Where fresh ids come from.
pub trait Ids: Debug + Send + Sync {
    /// Returns 128 bits that no other call returns, in any process. The first 48 are the time in
    /// milliseconds, big-endian, so that later ids sort after earlier ones.
    fn fresh(&self) -> [u8; 16];
}
