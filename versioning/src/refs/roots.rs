//! The stored form of the four roots of a branch's staged state, physical places included.

use crate::codec::{DecodeError, Reader, put_varint};
use crate::tree::{Link, Root};
use crate::{Hash, Roots};

const FORMAT: u8 = 1;

/// Returns the canonical bytes of `roots`: a format byte, one bit per space that is not empty, then per such
/// space hash, place ([`Link::put_place`]), height, count and weight.
///
/// Unlike the equality of [`Roots`], which is by content, equal bytes mean equal places too.
pub fn encode_roots(roots: &Roots) -> Vec<u8> {
    let mut present = 0;
    for (bit, root) in roots.0.iter().enumerate() {
        present |= u8::from(root.is_some()) << bit;
    }
    let mut out = vec![FORMAT, present];
    for root in roots.0.iter().flatten() {
        out.extend_from_slice(&root.link.hash.0);
        root.link.put_place(&mut out);
        out.push(root.height);
        put_varint(&mut out, root.count);
        put_varint(&mut out, root.weight);
    }
    out
}

/// Returns the roots that `bytes` encode.
///
/// # Errors
/// [`DecodeError`] for anything that [`encode_roots`] does not write.
pub fn decode_roots(bytes: &[u8]) -> Result<Roots, DecodeError> {
    let mut reader = Reader::new(bytes);
    let format = reader.byte()?;
    if format != FORMAT {
        return Err(DecodeError::Tag(format.into()));
    }
    let present = reader.byte()?;
    if present >> 4 != 0 {
        return Err(DecodeError::Canonical("roots of unknown spaces"));
    }
    let mut roots = Roots::default();
    for (bit, root) in roots.0.iter_mut().enumerate() {
        if present >> bit & 1 == 1 {
            *root = Some(decode_root(&mut reader)?);
        }
    }
    reader.finish()?;
    Ok(roots)
}

fn decode_root(reader: &mut Reader<'_>) -> Result<Root, DecodeError> {
    let mut link = Link::unplaced(Hash(reader.array()?));
    link.read_place(reader)?;
    Ok(Root {
        link,
        height: reader.byte()?,
        count: reader.varint()?,
        weight: reader.varint()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Space;

    fn root(byte: u8, epoch: u32) -> Root {
        let link = Link {
            hash: Hash([byte; 32]),
            epoch,
            variant: 0x0403_0201,
            stored_len: 300,
        };
        Root {
            link,
            height: 2,
            count: 1 << 40,
            weight: u64::MAX,
        }
    }

    #[test]
    fn the_format_stays() {
        let mut roots = Roots::default();
        assert_eq!(encode_roots(&roots), [1, 0]);
        roots.set(Space::Parts, Some(root(0xab, 7)));
        let mut golden = vec![1, 0b0010];
        golden.extend([0xab; 32]);
        golden.extend([7, 1, 2, 3, 4, 0xac, 0x02, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]);
        golden.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        assert_eq!(encode_roots(&roots), golden);
    }

    #[test]
    fn what_is_written_is_read() {
        for present in 0..16u8 {
            let mut roots = Roots::default();
            for space in Space::ALL {
                let root = root(space as u8, u32::MAX - space as u32);
                roots.set(space, (present >> space as u8 & 1 == 1).then_some(root));
            }
            let bytes = encode_roots(&roots);
            let read = decode_roots(&bytes).unwrap();
            assert_eq!(encode_roots(&read), bytes);
            assert_eq!(read, roots);
            for end in 0..bytes.len() {
                assert_eq!(decode_roots(&bytes[..end]), Err(DecodeError::Truncated));
            }
        }
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(decode_roots(&[2, 0]), Err(DecodeError::Tag(2)));
        assert_eq!(
            decode_roots(&[1, 0x10]),
            Err(DecodeError::Canonical("roots of unknown spaces"))
        );
        assert_eq!(decode_roots(&[1, 0, 0]), Err(DecodeError::Trailing));
        let mut huge = vec![1, 1];
        huge.extend([0; 32]);
        huge.extend([0x80, 0x80, 0x80, 0x80, 0x10]);
        assert_eq!(
            decode_roots(&huge),
            Err(DecodeError::Varint),
            "an epoch of 33 bits"
        );
    }
}
