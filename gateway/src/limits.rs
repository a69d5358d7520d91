//! How much of everything one client may take.

use std::time::Duration;

/// What a connection buffers: files come and go in large pieces.
const BUFFER_BYTES_MAX: usize = 400 << 10;

/// The limits of the server. Every one can be set; the defaults suit engines that list, copy and upload much.
#[derive(Debug, Clone)]
pub struct Limits {
    /// What one connection may take; a body may stand still for [`serving::Limits::stall`] in either direction.
    pub connections: serving::Limits,
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
            connections: serving::Limits {
                buffer_bytes_max: BUFFER_BYTES_MAX,
                ..serving::Limits::default()
            },
            upload_bytes_max: 5 << 30,
            part_bytes_min: 5 << 20,
            xml_bytes_max: 8 << 20,
            page_max: 1000,
            delete_keys_max: 1000,
            completed: Duration::from_secs(24 * 3600),
        }
    }
}
