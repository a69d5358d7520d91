//! Names: Hive's rules of case and validity, partition names, and patterns.

use std::borrow::Cow;
use std::fmt::Write;

use crate::{Error, Result};

/// What stands in a partition's name where its value is null or empty.
pub const DEFAULT_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";
const PARTITION_NAME: &str = "it has to be key=value/key=value";

/// Returns a name as it is stored and compared.
pub fn normalize(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Returns the normalized name of a database, table or function, if it is one: letters, digits and `_` of ASCII.
///
/// # Errors
/// [`Error::InvalidName`], with the name as it was given.
pub fn object_name(what: &'static str, name: &str) -> Result<String> {
    let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if valid {
        Ok(name.to_lowercase())
    } else {
        Err(Error::InvalidName {
            what,
            name: name.to_owned(),
        })
    }
}

/// Returns `text` as it stands in a partition's name and path.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_escaped(c) {
            let _ = write!(out, "%{:02X}", c as u32);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn is_escaped(c: char) -> bool {
    matches!(
        c,
        '\u{1}'..='\u{1f}' | '\u{7f}' | '"' | '#' | '%' | '\'' | '*' | '/' | ':' | '=' | '?' | '\\'
    ) || matches!(c, '{' | '[' | ']' | '^')
}

/// Undoes [`escape`]. A `%` without two hexadecimal digits stands for itself.
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        match after
            .get(..2)
            .filter(|code| code.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            Some(code) => {
                out.extend(u8::from_str_radix(code, 16).map(char::from));
                rest = &after[2..];
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Returns the name of the partition with these values: `key=value/…`.
///
/// # Errors
/// [`Error::PartitionArity`]; [`Error::InvalidPartitionValue`] for a value with a zero byte.
pub fn partition_name<K: AsRef<str>>(keys: &[K], values: &[String]) -> Result<String> {
    if keys.len() != values.len() {
        let keys = keys.iter().map(|key| key.as_ref().to_owned()).collect();
        return Err(Error::PartitionArity {
            keys,
            values: values.to_vec(),
        });
    }
    let mut name = String::new();
    for (key, value) in keys.iter().zip(values) {
        if value.contains('\0') {
            let rule = "a zero byte cannot be part of a name";
            return Err(Error::InvalidPartitionValue {
                value: value.clone(),
                rule,
            });
        }
        if !name.is_empty() {
            name.push('/');
        }
        push_part(&mut name, key.as_ref(), value);
    }
    Ok(name)
}

/// Returns how the names of all partitions with these first values begin.
pub fn partition_prefix<K: AsRef<str>>(keys: &[K], values: &[String]) -> String {
    let mut prefix = String::new();
    for (key, value) in keys.iter().zip(values) {
        push_part(&mut prefix, key.as_ref(), value);
        if values.len() < keys.len() || prefix.matches('/').count() + 1 < keys.len() {
            prefix.push('/');
        }
    }
    prefix
}

fn push_part(name: &mut String, key: &str, value: &str) {
    name.push_str(&escape(&key.to_lowercase()));
    name.push('=');
    name.push_str(if value.is_empty() { DEFAULT_PARTITION } else { "" });
    name.push_str(&escape(value));
}

/// Returns the keys and values that a partition name spells, unescaped; keys as they are written.
///
/// # Errors
/// [`Error::InvalidPartitionName`] if a part is not `key=value`.
pub fn parse_partition_name(name: &str) -> Result<Vec<(String, String)>> {
    let part = |part: &str| {
        let (key, value) = part.split_once('=').filter(|(key, _)| !key.is_empty())?;
        Some((unescape(key).into_owned(), unescape(value).into_owned()))
    };
    let parts: Option<Vec<_>> = name.split('/').map(part).collect();
    parts.ok_or_else(|| Error::InvalidPartitionName {
        name: name.to_owned(),
        rule: PARTITION_NAME,
    })
}

/// Returns a partition name with its keys in lower case, without parts that are not `key=value`, as the original looks for
/// statistics.
///
/// # Errors
/// [`Error::InvalidPartitionName`] for no name.
pub fn lower_keys(name: &str) -> Result<String> {
    check_not_empty(name)?;
    let parts = name.split('/').filter_map(|part| part.split_once('='));
    let parts: Vec<_> = parts
        .map(|(key, value)| format!("{}={value}", key.to_lowercase()))
        .collect();
    Ok(parts.join("/"))
}

/// Returns the values that a partition name has for `keys`, in any order, as the original reads it: what is no `key=value` or
/// another key's is passed over.
///
/// # Errors
/// [`Error::InvalidPartitionName`] for no name, [`Error::PartitionArity`] for no keys, [`Error::IncompletePartitionName`] if
/// one is missing.
pub fn partition_values<K: AsRef<str>>(keys: &[K], name: &str) -> Result<Vec<String>> {
    check_not_empty(name)?;
    if keys.is_empty() {
        return Err(Error::PartitionArity {
            keys: Vec::new(),
            values: Vec::new(),
        });
    }
    let parts = name.split('/').filter_map(|part| part.split_once('='));
    let parts: Vec<_> = parts.map(|(key, value)| (unescape(key), value)).collect();
    let value_of = |key: &str| {
        let found = parts.iter().find(|(name, _)| name.as_ref() == key);
        found
            .map(|(_, value)| unescape(value).into_owned())
            .ok_or_else(|| Error::IncompletePartitionName {
                name: name.to_owned(),
                missing: key.to_owned(),
            })
    };
    keys.iter().map(|key| value_of(key.as_ref())).collect()
}

fn check_not_empty(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::InvalidPartitionName {
            name: String::new(),
            rule: PARTITION_NAME,
        });
    }
    Ok(())
}

/// Returns the values that a stored partition name spells, in order.
pub fn values_of_name(name: &str) -> Option<Vec<String>> {
    let value = |part: &str| Some(unescape(part.split_once('=')?.1).into_owned());
    name.split('/').map(value).collect()
}

/// A pattern of names: `*` is any text, `|` separates alternatives, case does not matter.
///
/// `.*` is any text as well, because some clients write patterns so; any other `.` is itself. An empty
/// alternative matches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The pieces between wildcards.
    alternatives: Vec<Vec<String>>,
}

impl Pattern {
    /// Returns the pattern that `text` spells.
    pub fn parse(text: &str) -> Pattern {
        let pieces = |text: &str| -> Vec<String> {
            text.trim()
                .to_lowercase()
                .replace(".*", "*")
                .split('*')
                .map(str::to_owned)
                .collect()
        };
        let alternatives = text
            .split('|')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(pieces);
        Pattern {
            alternatives: alternatives.collect(),
        }
    }

    /// Returns the pattern that matches all names.
    pub fn all() -> Pattern {
        Pattern::parse("*")
    }

    /// Returns whether `name`, which has to be in lower case, matches.
    pub fn matches(&self, name: &str) -> bool {
        self.alternatives
            .iter()
            .any(|pieces| matches_pieces(pieces, name))
    }

    /// Returns the beginning that all matching names have in common.
    pub fn prefix(&self) -> &str {
        match self.alternatives.as_slice() {
            [pieces] => &pieces[0],
            _ => "",
        }
    }
}

fn matches_pieces(pieces: &[String], name: &str) -> bool {
    let [first, middle @ .., last] = pieces else {
        return pieces.first().is_some_and(|only| only == name);
    };
    let Some(mut rest) = name.strip_prefix(first.as_str()) else {
        return false;
    };
    for piece in middle {
        match rest.find(piece.as_str()) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn partition_names_are_those_of_hive() {
        for (given, name) in [
            (["2020-01-01", "a b/c", "1"], "d=2020-01-01/s=a b%2Fc/n=1"),
            (["x", "%x=y", "10"], "d=x/s=%25x%3Dy/n=10"),
            (["x", "q'u\"o", "-5"], "d=x/s=q%27u%22o/n=-5"),
            (["x", "", "1"], "d=x/s=__HIVE_DEFAULT_PARTITION__/n=1"),
            (["x", "}{[]^é\u{7f}\u{1}", "1"], "d=x/s=}%7B%5B%5D%5Eé%7F%01/n=1"),
        ] {
            assert_eq!(partition_name(&["D", "s", "n"], &values(&given)).unwrap(), name);
        }
        assert!(matches!(
            partition_name(&["d"], &values(&["1", "2"])),
            Err(Error::PartitionArity { .. })
        ));
        assert!(matches!(
            partition_name(&["d"], &values(&["\0"])),
            Err(Error::InvalidPartitionValue { .. })
        ));
    }

    #[test]
    fn partition_names_are_read_by_key() {
        let keys = ["d", "s"];
        assert_eq!(partition_values(&keys, "d=1/s=n%2Fn").unwrap(), ["1", "n/n"]);
        assert_eq!(partition_values(&keys, "s=2/d=1").unwrap(), ["1", "2"]);
        match partition_values(&keys, "D=1/s=2") {
            Err(Error::IncompletePartitionName { missing, .. }) => assert_eq!(missing, "d"),
            other => panic!("{other:?}"),
        }
        assert_eq!(partition_values(&keys, "x/s=2/d=1/h=3").unwrap(), ["1", "2"]);
        assert!(matches!(
            partition_values(&keys, ""),
            Err(Error::InvalidPartitionName { .. })
        ));
        assert!(matches!(
            partition_values::<&str>(&[], "d=1"),
            Err(Error::PartitionArity { .. })
        ));
        assert!(parse_partition_name("d").is_err());
        assert!(lower_keys("").is_err());
        assert_eq!(lower_keys("D=X%2F/x/S=").unwrap(), "d=X%2F/s=");
        assert_eq!(lower_keys("d").unwrap(), "");
        assert_eq!(
            parse_partition_name("D=1/s=a b").unwrap()[0],
            ("D".into(), "1".into())
        );
        for (text, plain) in [
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("%41%", "A%"),
            ("é%2F", "é/"),
        ] {
            assert_eq!(unescape(text), plain);
        }
    }

    #[test]
    fn prefixes_end_at_a_key() {
        assert_eq!(partition_prefix(&["d", "s"], &values(&["1"])), "d=1/");
        assert_eq!(partition_prefix(&["d", "s"], &values(&["1", "2"])), "d=1/s=2");
        assert_eq!(
            partition_prefix(&["d", "s", "n"], &values(&["1", "2"])),
            "d=1/s=2/"
        );
        assert_eq!(partition_prefix(&["d"], &[]), "");
    }

    #[test]
    fn names_are_checked_and_lowered() {
        assert_eq!(object_name("table", "T_1").unwrap(), "t_1");
        for bad in ["", "a-b", "a b", "a.b", "Ünï", "a@b"] {
            assert!(object_name("table", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn patterns_are_those_of_hive() {
        for (pattern, name, expected) in [
            ("*", "g1", true),
            ("", "g1", false),
            (".*", "g1", true),
            ("G*", "g1", true),
            ("g", "g1", false),
            ("g1|x", "g1", true),
            ("x| G1 ", "g1", true),
            ("x|", "", false),
            ("*1", "g1", true),
            ("g.*1", "gab1", true),
            ("g*b*1", "gab1", true),
            ("g*b*1", "ga1", false),
            ("a*a", "a", false),
            ("g.1", "gx1", false),
        ] {
            assert_eq!(
                Pattern::parse(pattern).matches(name),
                expected,
                "{pattern} {name}"
            );
        }
        assert_eq!(Pattern::parse("ab*c").prefix(), "ab");
        assert_eq!(Pattern::parse("ab|ac").prefix(), "");
    }

    proptest! {
        #[test]
        fn escaping_round_trips(text: String) {
            let escaped = escape(&text);
            prop_assert_eq!(unescape(&escaped), text.as_str());
        }

        #[test]
        fn names_tell_values(given in prop::collection::vec("[^\0]{1,6}", 1..4)) {
            let keys: Vec<String> = (0..given.len()).map(|i| format!("k{i}")).collect();
            let name = partition_name(&keys, &given).unwrap();
            prop_assert_eq!(values_of_name(&name), Some(given.clone()));
            prop_assert_eq!(partition_values(&keys, &name).unwrap(), given);
        }
    }
}
