//! The stored form of a block: a few bytes of header, then its content, compressed where that helps.
//!
//! `"SKB1"`, codec (0 as it is, 1 zstd), the lengths of the hashed and the physical part as varints, then
//! both parts in one piece. Compression is outside of what is hashed, so that it can change.

use bytes::Bytes;

use super::BLOCK_BYTES_MAX;
use crate::codec::{DecodeError, Reader, put_varint};
use crate::zip::compress;

const MAGIC: &[u8; 4] = b"SKB1";
const RAW: u8 = 0;
const ZSTD: u8 = 1;
/// The most that zstd makes of a byte: a block of 128 KiB takes at least 4.
const ZSTD_GAIN_MAX: usize = 32 << 10;

/// The content of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What the hash covers: canonical bytes.
    pub hashed: Bytes,
    /// What it does not: the places of other blocks.
    pub physical: Bytes,
}

/// Returns the stored form of a block.
pub(super) fn encode(hashed: &[u8], physical: &[u8]) -> Vec<u8> {
    let mut whole;
    let raw = if physical.is_empty() {
        hashed
    } else {
        whole = Vec::with_capacity(hashed.len() + physical.len());
        whole.extend_from_slice(hashed);
        whole.extend_from_slice(physical);
        &whole
    };
    let compressed = compress(raw)
        .ok()
        .filter(|compressed| compressed.len() < raw.len());
    let (codec, payload) = match &compressed {
        Some(compressed) => (ZSTD, compressed.as_slice()),
        None => (RAW, raw),
    };
    let mut out = Vec::with_capacity(payload.len() + 15);
    out.extend_from_slice(MAGIC);
    out.push(codec);
    put_varint(&mut out, hashed.len() as u64);
    put_varint(&mut out, physical.len() as u64);
    out.extend_from_slice(payload);
    out
}

/// Reads the stored form of a block.
pub(super) fn decode(stored: &Bytes) -> Result<Block, DecodeError> {
    let mut reader = Reader::new(stored);
    if reader.take(4)? != MAGIC {
        return Err(DecodeError::Canonical("its first bytes are not those of a block"));
    }
    let codec = reader.byte()?;
    let (hashed, physical) = (reader.length()?, reader.length()?);
    let len = hashed
        .checked_add(physical)
        .filter(|len| *len as u64 <= BLOCK_BYTES_MAX);
    let len = len.ok_or(DecodeError::Canonical("it claims to be larger than any block"))?;
    let raw = match codec {
        RAW => stored.slice_ref(reader.rest()),
        ZSTD => decompress(reader.rest(), len)?,
        other => return Err(DecodeError::Tag(u64::from(other))),
    };
    if raw.len() != len {
        return Err(DecodeError::Canonical("it is not as long as it claims"));
    }
    Ok(Block {
        hashed: raw.slice(..hashed),
        physical: raw.slice(hashed..),
    })
}

fn decompress(payload: &[u8], len: usize) -> Result<Bytes, DecodeError> {
    if len / ZSTD_GAIN_MAX > payload.len() {
        return Err(DecodeError::Canonical("it claims to be larger than it can be"));
    }
    let raw = zstd::bulk::decompress(payload, len);
    raw.map(Bytes::from)
        .map_err(|_| DecodeError::Canonical("it cannot be decompressed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(hashed: &[u8], physical: &[u8]) -> Vec<u8> {
        let stored = encode(hashed, physical);
        let block = decode(&Bytes::from(stored.clone())).unwrap();
        assert_eq!((&block.hashed[..], &block.physical[..]), (hashed, physical));
        stored
    }

    #[test]
    fn frames_round_trip() {
        assert_eq!(round_trip(b"", b"")[4], RAW);
        assert_eq!(
            round_trip(b"short", b"er")[4],
            RAW,
            "compression that does not help is left out"
        );
        let long = vec![7; 1 << 20];
        let stored = round_trip(&long, b"place");
        assert_eq!(stored[4], ZSTD);
        assert!(stored.len() < 200, "{}", stored.len());
    }

    #[test]
    fn damaged_frames_are_refused() {
        let stored = encode(&vec![7; 100_000], b"place");
        for cut in 0..stored.len() {
            assert!(decode(&Bytes::copy_from_slice(&stored[..cut])).is_err(), "{cut}");
        }
        let claims = |hashed: u64, payload: &[u8]| {
            let mut out = [MAGIC.as_slice(), &[ZSTD]].concat();
            put_varint(&mut out, hashed);
            put_varint(&mut out, 0);
            out.extend_from_slice(payload);
            decode(&Bytes::from(out))
        };
        assert!(claims(u64::MAX, b"x").is_err());
        assert!(claims(BLOCK_BYTES_MAX + 1, b"x").is_err());
        assert!(claims(BLOCK_BYTES_MAX, b"x").is_err());
        let small = zstd::bulk::compress(&[1; 50], 1).unwrap();
        assert!(claims(49, &small).is_err());
        assert!(claims(51, &small).is_err());
        assert!(claims(50, &small).is_ok());
    }
}
