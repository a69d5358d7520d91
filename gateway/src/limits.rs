//! How much of everything one client may take.

use std::time::Duration;

/// The limits of the server. Every one can be set; the defaults suit engines that list, copy and upload much.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections that are open at a time; more wait in the backlog of the socket.
    pub connections_max: usize,
    /// How long a connection may take for the header of a request, and stay idle between requests. Above the
    /// 60 s for which the AWS SDKs keep idle connections, so that it is the client who closes.
    pub idle: Duration,
    /// How long a body may stand still, in either direction.
    pub stall: Duration,
    /// How long open requests may take after a shutdown has begun.
    pub drain: Duration,
    /// The bytes of one upload or part; 5 GiB as in S3.
    pub upload_bytes_max: u64,
    /// The least bytes of a part that is not the last; 5 MiB as in S3.
    pub part_bytes_min: u64,
    /// The bytes of an XML request: 10,000 parts with their checksums stay below 4 MiB.
    pub xml_bytes_max: usize,
    /// The keys of one page of a listing; 1,000 as in S3.
    pub page_max: usize,
    /// The keys of one DeleteObjects; 1,000 as in S3.
    pub delete_keys_max: usize,
    /// How long a completed upload is remembered, so that a repeated Complete gets the same answer.
    pub completed: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 4096,
            idle: Duration::from_secs(75),
            stall: Duration::from_secs(60),
            drain: Duration::from_secs(20),
            upload_bytes_max: 5 << 30,
            part_bytes_min: 5 << 20,
            xml_bytes_max: 8 << 20,
            page_max: 1000,
            delete_keys_max: 1000,
            completed: Duration::from_secs(24 * 3600),
        }
    }
}
