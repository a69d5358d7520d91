//! What a client may send at most.

use crate::Fault;

/// Upper bounds on what is read from a client. They hold while a message is scanned and again while
/// it is decoded, and are checked against claimed sizes before anything is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message, header included, frame length not. Default 100 MiB, which is where
    /// libthrift from 0.14 on stops by itself.
    pub message_bytes_max: usize,
    /// Bytes of one string or binary. Default 32 MiB: view texts and schemas in table parameters run
    /// to a few.
    pub string_bytes_max: usize,
    /// Elements of one list, set or map. Default 4 million: lists of partition names are the longest.
    pub container_elements_max: usize,
    /// Structs and containers inside each other, the outermost struct included. Default 64; a
    /// table or request without views of views needs 13 at most.
    pub nesting_max: usize,
    /// Bytes of a method's name. Default 256; the longest in the IDL has 49.
    pub method_name_bytes_max: usize,
    /// Bytes that the elements of all containers of one message may take in memory once decoded.
    /// Default 512 MiB. Without it 100 MiB of empty structs would become many times as much.
    pub decoded_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 100 << 20,
            string_bytes_max: 32 << 20,
            container_elements_max: 4_000_000,
            nesting_max: 64,
            method_name_bytes_max: 256,
            decoded_bytes_max: 512 << 20,
        }
    }
}

impl Limits {
    pub(crate) fn check(what: &'static str, size: usize, limit: usize) -> Result<(), Fault> {
        if size <= limit {
            return Ok(());
        }
        Err(Fault::Limit {
            what,
            size: size as u64,
            limit: limit as u64,
        })
    }
}
