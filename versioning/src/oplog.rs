//! The bytes of one record of a branch's op log: batches in the order in which they took effect.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::codec::{DecodeError, Reader, put_bytes, put_varint};
use crate::zip::compress;
use crate::{Batch, BlobRef, Error, Hash, Mutation, Result, Space, Value};

const VERSION: u8 = 1;
/// The most bytes of a number.
const VARINT_MAX: usize = 10;
/// The longest payload before compression. Nothing longer is written ([`crate::repository::Limits`] stay far
/// below), so nothing longer is ever read.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 30;

const PUT: u8 = 0;
const DELETE: u8 = 1;
const DELETE_PREFIX: u8 = 2;

/// Returns at most how many bytes a batch adds to a payload before compression, and to events.
pub(crate) fn size(batch: &Batch) -> usize {
    let blobs: usize = batch.blobs.iter().map(|blob| VARINT_MAX + blob.len()).sum();
    let mutations = batch.mutations.iter().map(|mutation| match mutation {
        Mutation::Put { key, value, .. } => {
            let blobs = value.blobs.len() * (32 + VARINT_MAX);
            2 + 4 * VARINT_MAX + key.len() + value.payload.len() + blobs
        }
        Mutation::Delete { key, .. } | Mutation::DeletePrefix { prefix: key, .. } => {
            2 + VARINT_MAX + key.len()
        }
    });
    let events: usize = batch.events.iter().map(|run| run.payload.len()).sum();
    2 * VARINT_MAX + blobs + mutations.sum::<usize>() + events
}

/// Returns `batches` as the payload of a record.
///
/// # Errors
/// [`Error::TooLarge`].
pub(crate) fn encode<'a>(batches: impl ExactSizeIterator<Item = &'a Batch>) -> Result<Bytes> {
    let mut raw = Vec::new();
    put_varint(&mut raw, batches.len() as u64);
    for batch in batches {
        put_batch(&mut raw, batch);
    }
    if raw.len() > PAYLOAD_BYTES_MAX {
        return Err(Error::TooLarge {
            what: "a change",
            limit: PAYLOAD_BYTES_MAX as u64,
        });
    }
    let compressed = compress(&raw).map_err(|e| Error::Internal(e.to_string()))?;
    let mut out = Vec::with_capacity(compressed.len() + 6);
    out.push(VERSION);
    out.extend_from_slice(&xxh3_64(&raw).to_le_bytes());
    put_varint(&mut out, raw.len() as u64);
    out.extend_from_slice(&compressed);
    Ok(Bytes::from(out))
}

/// Reads the payload of a record.
///
/// # Errors
/// [`Error::Corrupt`].
pub(crate) fn decode(seq: u64, payload: &[u8]) -> Result<Vec<Batch>> {
    let corrupt = |message: String| Error::Corrupt {
        what: "op log record",
        key: seq.to_string(),
        message,
    };
    let raw = Bytes::from(decompress(payload).map_err(corrupt)?);
    read_batches(&raw).map_err(|error| corrupt(error.to_string()))
}

/// Returns the bytes that were compressed, if they are still the same. Databases do not check their pages.
fn decompress(payload: &[u8]) -> Result<Vec<u8>, String> {
    let text = |error: DecodeError| error.to_string();
    let mut reader = Reader::new(payload);
    if reader.byte().map_err(text)? != VERSION {
        return Err("has an unknown version".into());
    }
    let checksum = u64::from_le_bytes(reader.array().map_err(text)?);
    let len = reader.length().map_err(text)?;
    if len > PAYLOAD_BYTES_MAX {
        return Err("claims to be too long".into());
    }
    let raw = zstd::bulk::decompress(reader.rest(), len).map_err(|error| error.to_string())?;
    if xxh3_64(&raw) != checksum {
        return Err("does not match its checksum".into());
    }
    Ok(raw)
}

fn put_batch(out: &mut Vec<u8>, batch: &Batch) {
    put_varint(out, batch.blobs.len() as u64);
    for blob in &batch.blobs {
        put_bytes(out, blob);
    }
    put_varint(out, batch.mutations.len() as u64);
    for mutation in &batch.mutations {
        let (tag, space, key) = match mutation {
            Mutation::Put { space, key, .. } => (PUT, space, key),
            Mutation::Delete { space, key } => (DELETE, space, key),
            Mutation::DeletePrefix { space, prefix } => (DELETE_PREFIX, space, prefix),
        };
        out.push(tag);
        out.push(*space as u8);
        put_bytes(out, key);
        if let Mutation::Put { value, .. } = mutation {
            put_value(out, value);
        }
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    put_bytes(out, &value.payload);
    put_varint(out, value.weight);
    put_varint(out, value.blobs.len() as u64);
    for blob in &value.blobs {
        out.extend_from_slice(&blob.hash.0);
        put_varint(out, u64::from(blob.epoch));
    }
}

fn read_batches(raw: &Bytes) -> Result<Vec<Batch>, DecodeError> {
    let mut reader = Reader::new(raw);
    let mut batches = Vec::new();
    for _ in 0..reader.length()? {
        let mut batch = Batch::default();
        for _ in 0..reader.length()? {
            batch.blobs.push(raw.slice_ref(reader.bytes()?));
        }
        for _ in 0..reader.length()? {
            batch.mutations.push(read_mutation(raw, &mut reader)?);
        }
        batches.push(batch);
    }
    reader.finish()?;
    Ok(batches)
}

fn read_mutation(raw: &Bytes, reader: &mut Reader<'_>) -> Result<Mutation, DecodeError> {
    let tag = reader.byte()?;
    let space = reader.byte()?;
    let space = *Space::ALL
        .get(usize::from(space))
        .ok_or(DecodeError::Tag(u64::from(space)))?;
    let key = raw.slice_ref(reader.bytes()?);
    match tag {
        PUT => Ok(Mutation::Put {
            space,
            key,
            value: read_value(raw, reader)?,
        }),
        DELETE => Ok(Mutation::Delete { space, key }),
        DELETE_PREFIX => Ok(Mutation::DeletePrefix { space, prefix: key }),
        other => Err(DecodeError::Tag(u64::from(other))),
    }
}

fn read_value(raw: &Bytes, reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let payload = raw.slice_ref(reader.bytes()?);
    let weight = reader.varint()?;
    let mut blobs = Vec::new();
    for _ in 0..reader.length()? {
        let hash = Hash(reader.array()?);
        let epoch = u32::try_from(reader.varint()?).map_err(|_| DecodeError::Varint)?;
        blobs.push(BlobRef { hash, epoch });
    }
    Ok(Value {
        payload,
        blobs,
        weight,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Batch {
        let mut batch = Batch::default();
        let blobs = vec![BlobRef {
            hash: Hash([3; 32]),
            epoch: 7,
        }];
        batch.put(
            Space::Parts,
            &b"k"[..],
            Value {
                payload: Bytes::from_static(b"v"),
                blobs,
                weight: 300,
            },
        );
        batch.delete(Space::Objects, &b""[..]);
        batch.delete_prefix(Space::Meta, &b"p/"[..]);
        batch.blobs.push(Bytes::from_static(b"blob"));
        batch
    }

    #[test]
    fn a_batch_is_no_longer_than_its_size_says() {
        for batch in [example(), Batch::default()] {
            let mut raw = Vec::new();
            put_batch(&mut raw, &batch);
            assert!(raw.len() <= size(&batch), "{} > {}", raw.len(), size(&batch));
            assert!(
                size(&batch) < raw.len() + 200,
                "{} is far from {}",
                size(&batch),
                raw.len()
            );
        }
    }

    #[test]
    fn records_round_trip() {
        let batches = [example(), Batch::default(), example()];
        let payload = encode(batches.iter()).unwrap();
        let read = decode(1, &payload).unwrap();
        assert_eq!(read.len(), 3);
        for (read, written) in read.iter().zip(&batches) {
            assert_eq!(read.mutations, written.mutations);
            assert_eq!(read.blobs, written.blobs);
        }
        assert_eq!(read[0].mutations, batches[0].mutations);
        for at in 0..payload.len() {
            assert!(decode(1, &payload[..at]).is_err(), "cut at {at}");
            let mut damaged = payload.to_vec();
            damaged[at] ^= 0x20;
            // a bit that the compressor's frame does not need may flip: never the content
            if let Ok(read) = decode(1, &damaged) {
                assert_eq!(read[2].mutations, batches[2].mutations, "damaged at {at}");
            }
        }
    }
}
