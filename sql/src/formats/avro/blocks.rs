//! The blocks of an Avro file: whether they are whole, and what they come to unpacked.

use std::io::{self, Read};

use datafusion::arrow::error::ArrowError;

/// The mark between blocks, which the header tells.
const SYNC_BYTES: usize = 16;
/// The name of the codec in the header.
const CODEC: &[u8] = b"avro.codec";
/// Deflate makes no more of a byte.
const DEFLATE_RATIO_MAX: usize = 1_032;
/// What may be less is not unpacked to be counted.
const UNCOUNTED_BYTES: usize = 16 << 20;

/// How the blocks of a file are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    /// As they are, or in a way that the reader does not know.
    Other,
    Deflate,
    Snappy,
    Zstd,
    Bzip2,
}

/// Returns the most bytes that a block of a file may come to unpacked: the reader unpacks one at a time, whole.
///
/// # Errors
/// Where a file ends in the midst of a block: the reader takes that for its end, and would tell fewer rows. Where a
/// block comes to more than `limit`, or cannot be unpacked.
pub(super) fn check(file: &[u8], limit: usize) -> Result<usize, ArrowError> {
    let damaged = || failed("it ends in the midst of a block");
    let mut rest = Rest(file);
    rest.skip(4).ok_or_else(damaged)?;
    let codec = rest.codec().ok_or_else(damaged)?;
    let sync = rest.skip(SYNC_BYTES).ok_or_else(damaged)?;
    let mut most = 0;
    while !rest.0.is_empty() {
        rest.long().ok_or_else(damaged)?;
        let bytes = rest.length().ok_or_else(damaged)?;
        let block = rest.skip(bytes).ok_or_else(damaged)?;
        if rest.skip(SYNC_BYTES).ok_or_else(damaged)? != sync {
            return Err(failed("a block does not end where it says"));
        }
        let unpacked = unpacked(codec, block, limit).map_err(|error| failed(&error.to_string()))?;
        if unpacked > limit {
            let message =
                format!("a block of {bytes} bytes unpacks to more than {limit}, which is the limit");
            return Err(ArrowError::AvroError(message));
        }
        most = most.max(unpacked);
    }
    Ok(most)
}

fn failed(how: &str) -> ArrowError {
    ArrowError::AvroError(format!("the file is damaged: {how}"))
}

/// Returns how many bytes a block comes to: at most so many where it is little, and some number above `limit` where
/// it is more.
fn unpacked(codec: Codec, block: &[u8], limit: usize) -> io::Result<usize> {
    let at_most = block.len().saturating_mul(DEFLATE_RATIO_MAX);
    match codec {
        Codec::Other => Ok(block.len()),
        Codec::Deflate if at_most <= UNCOUNTED_BYTES.min(limit) => Ok(at_most),
        Codec::Deflate => count(flate2::read::DeflateDecoder::new(block), limit),
        Codec::Snappy => snappy_length(block).ok_or_else(|| io::ErrorKind::InvalidData.into()),
        Codec::Zstd => count(zstd::stream::read::Decoder::new(block)?, limit),
        Codec::Bzip2 => count(bzip2::read::BzDecoder::new(block), limit),
    }
}

/// Unpacks up to `limit` and one more byte, and keeps nothing of it.
fn count(unpacking: impl Read, limit: usize) -> io::Result<usize> {
    let counted = io::copy(&mut unpacking.take(limit as u64 + 1), &mut io::sink())?;
    Ok(usize::try_from(counted).unwrap_or(usize::MAX))
}

/// Returns the length that stands before what snappy packed. Its reader makes room for no more, and takes for granted
/// that there is a checksum of four bytes behind.
fn snappy_length(block: &[u8]) -> Option<usize> {
    let (packed, _checksum) = block.split_at_checked(block.len().checked_sub(4)?)?;
    let length = Rest(packed).varint()?;
    usize::try_from(length).ok()
}

/// What is left of a file.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn skip(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(head)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.skip(1)?[0];
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A number of variable length, zigzag.
    fn long(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.long()?).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let bytes = self.length()?;
        self.skip(bytes)
    }

    /// Takes the map of the header, blocks of pairs, the last of which has none, and returns the codec that it names. A
    /// negative count comes with a size.
    fn codec(&mut self) -> Option<Codec> {
        let mut codec = Codec::Other;
        loop {
            let count = self.long()?;
            if count < 0 {
                self.long()?;
            }
            if count == 0 {
                return Some(codec);
            }
            for _ in 0..count.unsigned_abs() {
                let (key, value) = (self.bytes()?, self.bytes()?);
                if key == CODEC {
                    codec = named(value);
                }
            }
        }
    }
}

fn named(codec: &[u8]) -> Codec {
    match codec {
        b"deflate" => Codec::Deflate,
        b"snappy" => Codec::Snappy,
        b"zstandard" => Codec::Zstd,
        b"bzip2" => Codec::Bzip2,
        _ => Codec::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const SYNC: [u8; SYNC_BYTES] = [7; SYNC_BYTES];

    fn long(out: &mut Vec<u8>, value: usize) {
        let mut rest = (value as u64) << 1;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn file(codec: &str, blocks: &[&[u8]]) -> Vec<u8> {
        let mut out = b"Obj\x01".to_vec();
        long(&mut out, 1);
        for text in [CODEC, codec.as_bytes()] {
            long(&mut out, text.len());
            out.extend(text);
        }
        out.push(0);
        out.extend(SYNC);
        for block in blocks {
            long(&mut out, 1);
            long(&mut out, block.len());
            out.extend(*block);
            out.extend(SYNC);
        }
        out
    }

    fn packed(codec: &str, content: &[u8]) -> Vec<u8> {
        match codec {
            "deflate" => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap()
            }
            "zstandard" => zstd::encode_all(content, 3).unwrap(),
            "bzip2" => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap()
            }
            "snappy" => {
                // a literal of up to 60 bytes, with the length of all before it
                let mut out = vec![content.len() as u8, (content.len() as u8 - 1) << 2];
                out.extend(content);
                out.extend([0; 4]);
                out
            }
            _ => content.to_vec(),
        }
    }

    #[test]
    fn a_block_unpacks_to_the_limit_and_no_further() {
        for codec in ["null", "deflate", "snappy", "zstandard", "bzip2"] {
            let size = if codec == "snappy" { 50 } else { 100_000 };
            let block = packed(codec, &vec![0; size]);
            let bytes = file(codec, &[&block, &block]);
            assert_eq!(check(&bytes, size).unwrap(), size, "{codec}");
            let refused = check(&bytes, size - 1).unwrap_err().to_string();
            assert!(refused.contains("unpacks to more than"), "{codec}: {refused}");
        }
    }

    #[test]
    fn little_is_not_unpacked_to_be_counted() {
        let block = packed("deflate", &[0; 100_000]);
        let at_most = block.len() * DEFLATE_RATIO_MAX;
        assert_eq!(check(&file("deflate", &[&block]), 1 << 30).unwrap(), at_most);
        // so what is wrong in it is left to the reader
        assert!(check(&file("deflate", &[&[0xff; 9]]), 1 << 30).is_ok());
    }

    #[test]
    fn a_length_that_lies_is_refused_before_room_is_made_for_it() {
        let four_gigabytes = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0, 0];
        assert!(check(&file("snappy", &[&four_gigabytes]), 1 << 28).is_err());
        for short in [&[][..], &[1, 2, 3], &[0, 0, 0, 0]] {
            assert!(check(&file("snappy", &[short]), 1 << 28).is_err(), "{short:?}");
        }
        assert!(check(&file("zstandard", &[b"no frame"]), 1 << 28).is_err());
    }

    #[test]
    fn a_file_is_whole() {
        let bytes = file("null", &[b"one", b"two"]);
        assert_eq!(check(&bytes, 3).unwrap(), 3);
        for end in bytes.len() - 15..bytes.len() {
            assert!(check(&bytes[..end], 3).is_err(), "{end}");
        }
    }
}
