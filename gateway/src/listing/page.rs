//! What belongs on one page of a listing: a pure step for every key that is met, in order.

/// What a listing asks for, relative to where it looks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) prefix: String,
    pub(crate) delimiter: Option<String>,
    /// Only what comes after this key; if it is a common prefix, only what comes after all keys below it.
    pub(crate) after: Option<String>,
    pub(crate) max: usize,
}

/// What to do about a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It stands on the page by itself.
    Take,
    /// It is the first below this common prefix, which stands on the page; the rest below it is to be skipped.
    Group(String),
    /// The common prefix was on the page before; all below it is to be skipped.
    Skip(String),
    /// The page is full, and this key belongs on the next.
    Full,
}

/// The page that is being filled.
#[derive(Debug)]
pub(crate) struct Page {
    query: Query,
    taken: usize,
    last: Option<String>,
}

impl Page {
    pub(crate) fn new(query: Query) -> Page {
        Page {
            query,
            taken: 0,
            last: None,
        }
    }

    /// Decides about the next key; it begins with the prefix and comes after the keys before it.
    pub(crate) fn offer(&mut self, key: &str) -> Step {
        match self.group_of(key) {
            Some(group) if self.query.after.as_deref() == Some(group) => Step::Skip(group.to_owned()),
            _ if self.taken == self.query.max => Step::Full,
            Some(group) => {
                let group = group.to_owned();
                self.note(&group);
                Step::Group(group)
            }
            None => {
                self.note(key);
                Step::Take
            }
        }
    }

    /// Returns the last key or common prefix of the page.
    pub(crate) fn last(self) -> Option<String> {
        self.last
    }

    fn note(&mut self, last: &str) {
        self.taken += 1;
        self.last = Some(last.to_owned());
    }

    /// Returns the part of `key` up to the first delimiter behind the prefix.
    fn group_of<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self
            .query
            .delimiter
            .as_deref()
            .filter(|delimiter| !delimiter.is_empty())?;
        let rest = key.strip_prefix(self.query.prefix.as_str())?;
        let at = rest.find(delimiter)?;
        Some(&key[..self.query.prefix.len() + at + delimiter.len()])
    }
}

/// Returns the least key behind all that begin with `group`. UTF-8 has no byte 255, so the last one can grow.
pub(crate) fn behind(group: &str) -> Vec<u8> {
    let mut key = group.as_bytes().to_vec();
    if let Some(last) = key.last_mut() {
        *last = last.saturating_add(1);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 9] = ["a", "a-b", "a/", "a/1", "a/2/x", "a/2/y", "b//c", "b/d", "é/1"];

    /// Walks over `KEYS` as a scan would, and returns the page, whether it was full, and the keys visited.
    fn page(prefix: &str, delimiter: &str, after: &str, max: usize) -> (Vec<String>, bool, usize) {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let query = Query {
            prefix: prefix.into(),
            delimiter: some(delimiter),
            after: some(after),
            max,
        };
        let mut page = Page::new(query);
        let (mut out, mut from, mut visited) = (Vec::new(), Vec::new(), 0);
        for key in KEYS.iter().filter(|key| key.starts_with(prefix) && **key > after) {
            if key.as_bytes() < from.as_slice() {
                continue;
            }
            visited += 1;
            match page.offer(key) {
                Step::Take => out.push((*key).to_owned()),
                Step::Group(group) => {
                    from = behind(&group);
                    out.push(group);
                }
                Step::Skip(group) => from = behind(&group),
                Step::Full => return (out, true, visited),
            }
        }
        (out, false, visited)
    }

    #[test]
    fn pages() {
        type Case = (
            &'static str,
            &'static str,
            &'static str,
            usize,
            &'static [&'static str],
            bool,
        );
        let cases: [Case; 12] = [
            ("", "", "", 100, &KEYS, false),
            ("", "/", "", 100, &["a", "a-b", "a/", "b/", "é/"], false),
            ("a/", "/", "", 100, &["a/", "a/1", "a/2/"], false),
            ("a/2", "/", "", 100, &["a/2/"], false),
            ("b/", "/", "", 100, &["b//", "b/d"], false),
            ("", "/", "", 2, &["a", "a-b"], true),
            ("", "/", "a-b", 2, &["a/", "b/"], true),
            ("", "/", "b/", 2, &["é/"], false),
            ("", "/", "a/1", 100, &["a/", "b/", "é/"], false),
            ("a/", "/", "a/", 100, &["a/1", "a/2/"], false),
            ("", "", "a/1", 2, &["a/2/x", "a/2/y"], true),
            ("x", "/", "", 10, &[], false),
        ];
        for (prefix, delimiter, after, max, expected, full) in cases {
            let (found, was_full, _) = page(prefix, delimiter, after, max);
            assert_eq!(found, expected, "{prefix:?} {delimiter:?} {after:?} {max}");
            assert_eq!(was_full, full, "{prefix:?} {delimiter:?} {after:?} {max}");
        }
    }

    #[test]
    fn common_prefixes_are_skipped_and_not_walked() {
        let (_, _, visited) = page("", "/", "", 100);
        assert_eq!(visited, 5);
    }

    #[test]
    fn pages_of_every_size_give_the_same_whole() {
        for delimiter in ["", "/", "//", "b"] {
            let (whole, _, _) = page("", delimiter, "", 100);
            for max in 1..6 {
                let (mut all, mut after) = (Vec::new(), String::new());
                loop {
                    let (found, full, _) = page("", delimiter, &after, max);
                    after = found.last().cloned().unwrap_or(after);
                    all.extend(found);
                    if !full {
                        break;
                    }
                }
                assert_eq!(all, whole, "{delimiter:?} by {max}");
            }
        }
    }
}
