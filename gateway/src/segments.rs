//! Cutting and joining the stretches of stored files of which objects consist: no bytes move.

use std::ops::Range;

use versioning::object::Segment;

/// Returns the segments of `range` of an object; the range lies within it.
pub(crate) fn slice(segments: &[Segment], range: Range<u64>) -> Vec<Segment> {
    let mut start = 0;
    let mut out = Vec::new();
    for segment in segments {
        let end = start + segment.len;
        let (from, to) = (range.start.max(start), range.end.min(end));
        if from < to {
            out.push(Segment {
                file: segment.file,
                offset: segment.offset + (from - start),
                len: to - from,
            });
        }
        start = end;
    }
    out
}

/// Appends segments, leaving out empty ones, and joining those that continue each other.
pub(crate) fn append(out: &mut Vec<Segment>, segments: &[Segment]) {
    for segment in segments.iter().filter(|segment| segment.len > 0) {
        match out.last_mut() {
            Some(last) if last.file == segment.file && last.offset + last.len == segment.offset => {
                last.len += segment.len;
            }
            _ => out.push(*segment),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use versioning::object::DataFile;

    fn segment(file: u8, offset: u64, len: u64) -> Segment {
        Segment {
            file: DataFile {
                epoch: 1,
                id: [file; 16],
            },
            offset,
            len,
        }
    }

    #[test]
    fn slices_cover_exactly_their_range() {
        let all = [segment(1, 10, 5), segment(2, 0, 3), segment(3, 7, 4)];
        let cases = [
            (0..12, all.to_vec()),
            (0..5, vec![segment(1, 10, 5)]),
            (4..6, vec![segment(1, 14, 1), segment(2, 0, 1)]),
            (8..12, vec![segment(3, 7, 4)]),
            (9..11, vec![segment(3, 8, 2)]),
            (3..3, vec![]),
        ];
        for (range, expected) in cases {
            assert_eq!(slice(&all, range.clone()), expected, "{range:?}");
        }
    }

    #[test]
    fn neighbours_are_joined_again() {
        let whole = segment(1, 10, 50);
        let mut out = Vec::new();
        append(&mut out, &slice(&[whole], 0..20));
        append(&mut out, &slice(&[whole], 20..20));
        append(&mut out, &[segment(9, 0, 0)]);
        append(&mut out, &slice(&[whole], 20..50));
        assert_eq!(out, [whole]);
        append(&mut out, &slice(&[whole], 0..1));
        assert_eq!(out, [whole, segment(1, 10, 1)]);
    }
}
