//! `like`, which one line of originals reads as a Java regular expression and the other as SQL.

use regex::Regex;

use super::ast::Reading;

/// A pattern in both readings.
///
/// Spark and the 3.1 line send and expect a regular expression that matches the whole value (`b.*`), the
/// 4.0 line SQL's wildcards (`b%`). A value matches if it does in either reading: clients filter again what
/// they get, so too much does no harm and too little would.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: String,
    /// `None` when the pattern is no regular expression, or is not to be read as one.
    regular: Option<Regex>,
}

/// The largest compiled regular expression, in bytes.
const COMPILED_BYTES_MAX: usize = 1 << 20;

impl Pattern {
    pub(super) fn new(text: &str, reading: Reading) -> Pattern {
        let regular = match reading {
            Reading::Either => regular(text),
            Reading::Sql => None,
        };
        Pattern {
            text: text.to_owned(),
            regular,
        }
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        self.regular.as_ref().is_some_and(|regex| regex.is_match(value)) || sql_like(&self.text, value)
    }

    /// Returns what every matching value begins with, in both readings.
    pub(super) fn prefix(&self) -> &str {
        if self.text.contains('|') {
            return "";
        }
        let plain = |c: char| c.is_alphanumeric() || c == '-' || c == ' ';
        match self.text.char_indices().find(|(_, c)| !plain(*c)) {
            None => &self.text,
            // the character before may be optional: `ab?`, `ab*`, `ab{0}`
            Some((at, _)) => {
                let cut = self.text[..at].char_indices().next_back().map_or(0, |(i, _)| i);
                &self.text[..cut]
            }
        }
    }
}

fn regular(text: &str) -> Option<Regex> {
    regex::RegexBuilder::new(&format!("^(?:{text})$"))
        .size_limit(COMPILED_BYTES_MAX)
        .dot_matches_new_line(false)
        .build()
        .ok()
}

/// Returns whether `value` matches SQL's `pattern`: `%` any, `_` one, `\` takes the next as it is.
pub(crate) fn sql_like(pattern: &str, value: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let value: Vec<char> = value.chars().collect();
    let (mut p, mut v) = (0, 0);
    // where to go on when the rest does not match: the last `%`, and how much it has taken
    let mut back: Option<(usize, usize)> = None;
    while v < value.len() {
        match step(&pattern, p, value[v]) {
            Some(0) => {
                back = Some((p, v));
                p += 1;
            }
            Some(len) => {
                p += len;
                v += 1;
            }
            None => {
                let Some((any, taken)) = back else { return false };
                back = Some((any, taken + 1));
                (p, v) = (any + 1, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

/// Returns how many characters of the pattern at `p` match `c`: 0 for a `%`, `None` if it does not match.
fn step(pattern: &[char], p: usize, c: char) -> Option<usize> {
    match *pattern.get(p)? {
        '%' => Some(0),
        '_' => Some(1),
        '\\' if p + 1 < pattern.len() => (pattern[p + 1] == c).then_some(2),
        other => (other == c).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_readings_match() {
        for (pattern, value, expected) in [
            ("b", "b", true),
            ("b", "ab", false),
            ("b.*", "bcd", true),
            ("b%", "bcd", true),
            ("b%d", "bcdd", true),
            ("%c%", "bcd", true),
            ("%x%", "bcd", false),
            ("b_d", "bcd", true),
            ("b_d", "bd", false),
            (r"50\%", "50%", true),
            ("b%(", "bx(", true),
            ("a|b", "b", true),
            ("", "", true),
            ("", "x", false),
            ("%", "", true),
        ] {
            assert_eq!(
                Pattern::new(pattern, Reading::Either).matches(value),
                expected,
                "{pattern:?} {value:?}"
            );
        }
    }

    #[test]
    fn sql_alone_knows_no_regular_expressions() {
        let sql = |pattern| Pattern::new(pattern, Reading::Sql);
        assert!(sql("b%").matches("bcd") && sql("b.*").matches("b.*"));
        assert!(!sql("b.*").matches("bcd") && !sql("a|b").matches("b"));
    }

    #[test]
    fn prefixes_hold_in_both_readings() {
        for (pattern, prefix) in [
            ("2026-01.*", "2026-0"),
            ("2026", "2026"),
            ("b%", ""),
            ("ab?", "a"),
            ("ab|cd", ""),
            (".*", ""),
            ("é.*", ""),
            ("", ""),
        ] {
            assert_eq!(
                Pattern::new(pattern, Reading::Either).prefix(),
                prefix,
                "{pattern:?}"
            );
        }
    }

    #[test]
    fn a_crafted_pattern_takes_no_time() {
        let value = "a".repeat(5_000);
        assert!(!Pattern::new(&format!("{}b", "%a".repeat(200)), Reading::Either).matches(&value));
        assert!(!Pattern::new("(a+)+b", Reading::Either).matches(&value));
    }
}
