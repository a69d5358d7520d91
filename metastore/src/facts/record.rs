//! The stored form of facts: a version byte, and a struct of the protocol.

use bytes::Bytes;
use thrift_idl::{Encoder, Protocol, Struct, decode};
use versioning::codec::DecodeError;

const FORMAT: u8 = 1;
/// Parts the names in a key. Names of things that clients make do not hold it.
pub(super) const SEPARATOR: &str = "\u{1}";

/// Returns a struct as it is stored.
pub(super) fn encode(value: &impl Struct) -> Bytes {
    let mut out = vec![FORMAT];
    Encoder::new(Protocol::Binary, &mut out).structure(value);
    Bytes::from(out)
}

/// Reads a stored struct.
pub(super) fn read<T: Struct>(bytes: &[u8]) -> Result<T, DecodeError> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => {
            decode(Protocol::Binary, rest).map_err(|_| DecodeError::Canonical("no struct of the protocol"))
        }
        _ => Err(DecodeError::Canonical("an unknown version")),
    }
}
