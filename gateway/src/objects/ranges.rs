//! Byte ranges of objects.

use std::ops::Range;

use s3s::dto::Range as Wanted;

use crate::error::{Error, Result};

/// The part of an object that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) range: Range<u64>,
    /// The header that tells which part it is; `None` for the whole.
    pub(crate) content_range: Option<String>,
}

impl Extent {
    /// Returns what a range asks for of an object of `size` bytes.
    pub(crate) fn of(wanted: Option<&Wanted>, size: u64) -> Result<Extent> {
        let Some(wanted) = wanted else {
            return Ok(Extent {
                range: 0..size,
                content_range: None,
            });
        };
        // of nothing there is no part, whatever the framework thinks of suffixes
        let range = wanted.check(size).ok().filter(|range| !range.is_empty());
        let range = range.ok_or(Error::Range { size })?;
        let content_range = Some(format!("bytes {}-{}/{size}", range.start, range.end - 1));
        Ok(Extent { range, content_range })
    }

    /// Returns the number of bytes that are sent.
    pub(crate) fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// Reads `x-amz-copy-source-range`, which has to lie within the source: `bytes=first-last`.
pub(crate) fn source_range(text: &str, size: u64) -> Result<Range<u64>> {
    match Wanted::parse(text) {
        Ok(Wanted::Int {
            first,
            last: Some(last),
        }) if last < size => Ok(first..last + 1),
        Ok(Wanted::Int { last: Some(_), .. }) => Err(Error::Range { size }),
        _ => Err(Error::Argument(format!(
            "the source range {text:?} is not bytes=first-last"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        // the range asked for, the size, the bytes sent and the header
        let cases = [
            ("bytes=0-3", 10, Some((0..4, "bytes 0-3/10"))),
            ("bytes=4-", 10, Some((4..10, "bytes 4-9/10"))),
            ("bytes=8-99", 10, Some((8..10, "bytes 8-9/10"))),
            ("bytes=-3", 10, Some((7..10, "bytes 7-9/10"))),
            ("bytes=-99", 10, Some((0..10, "bytes 0-9/10"))),
            ("bytes=10-", 10, None),
            ("bytes=10-12", 10, None),
            ("bytes=-0", 10, None),
            ("bytes=0-", 0, None),
            ("bytes=-1", 0, None),
        ];
        for (text, size, expected) in cases {
            let found = Extent::of(Some(&Wanted::parse(text).unwrap()), size);
            match expected {
                Some((range, header)) => {
                    let expected = Extent {
                        range,
                        content_range: Some(header.to_owned()),
                    };
                    assert_eq!(found.unwrap(), expected, "{text}");
                }
                None => assert_eq!(found.unwrap_err().code().as_str(), "InvalidRange", "{text}"),
            }
        }
        assert_eq!(Extent::of(None, 0).unwrap().len(), 0);
    }

    #[test]
    fn sources_of_parts_are_exact() {
        assert_eq!(source_range("bytes=2-4", 5).unwrap(), 2..5);
        for (text, code) in [
            ("bytes=2-5", "InvalidRange"),
            ("bytes=2-", "InvalidArgument"),
            ("2-4", "InvalidArgument"),
        ] {
            assert_eq!(source_range(text, 5).unwrap_err().code().as_str(), code, "{text}");
        }
    }
}
