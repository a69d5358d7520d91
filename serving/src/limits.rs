//! How much of everything one client may take.

use std::time::Duration;

/// The limits of connections. Every one can be set.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections that are open at a time; more wait in the backlog of the socket.
    pub connections_max: usize,
    /// How long the head of a request may take, from its first byte to its last.
    pub head: Duration,
    /// How long a connection may be silent before a request. Above the 60 s for which pools of clients, as those of the
    /// AWS SDKs, keep idle connections, so that it is the client who closes.
    pub idle: Duration,
    /// How long a client may let a piece of an answer wait until it reads.
    pub stall: Duration,
    /// How long open requests may take after a shutdown has begun.
    pub drain: Duration,
    /// The bytes that a connection buffers in each direction, and so those of the head of a request.
    pub buffer_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 4_096,
            head: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            stall: Duration::from_secs(60),
            drain: Duration::from_secs(20),
            buffer_bytes_max: 64 << 10,
        }
    }
}
