//! Lines of text, cut as Hadoop does: at `\n`, `\r\n` and `\r`.

/// The most bytes of a line.
pub(super) const LINE_BYTES_MAX: usize = 32 << 20;

/// Lines found in a buffer.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Where each begins and ends.
    pub(super) ranges: Vec<(usize, usize)>,
    /// Where the rest begins, which is no whole line yet.
    pub(super) rest: usize,
}

/// Returns the whole lines of `bytes`, at most `max`. The last need not be closed if there is `no_more` text.
pub(super) fn cut(bytes: &[u8], max: usize, no_more: bool) -> Lines {
    let mut lines = Lines::default();
    while lines.ranges.len() < max {
        let from = lines.rest;
        match bytes[from..]
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'))
        {
            Some(found) => {
                let end = from + found;
                let next = match (bytes[end], bytes.get(end + 1)) {
                    (b'\r', Some(b'\n')) => end + 2,
                    // it may be half of an end
                    (b'\r', None) if !no_more => break,
                    _ => end + 1,
                };
                lines.ranges.push((from, end));
                lines.rest = next;
            }
            None => {
                if no_more && from < bytes.len() {
                    lines.ranges.push((from, bytes.len()));
                    lines.rest = bytes.len();
                }
                break;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, max: usize, no_more: bool) -> (Vec<&str>, &str) {
        let lines = cut(text.as_bytes(), max, no_more);
        let line = |(from, to): &(usize, usize)| &text[*from..*to];
        (lines.ranges.iter().map(line).collect(), &text[lines.rest..])
    }

    #[test]
    fn lines_end_as_in_hadoop() {
        for (text, no_more, lines, rest) in [
            ("a\nb", false, &["a"][..], "b"),
            ("a\nb", true, &["a", "b"], ""),
            ("a\r\nb\rc\n\n", false, &["a", "b", "c", ""], ""),
            ("a\r", false, &[], "a\r"),
            ("a\r", true, &["a"], ""),
            ("", true, &[], ""),
        ] {
            assert_eq!(shown(text, 9, no_more), (lines.to_vec(), rest), "{text:?}");
        }
        assert_eq!(shown("a\nb\nc\n", 2, true), (vec!["a", "b"], "c\n"));
    }
}
