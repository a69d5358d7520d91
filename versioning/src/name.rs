//! Names of repositories and refs, and the expressions by which clients point at a version.

use std::fmt;

use crate::id::is_lower_hex;
use crate::{CommitId, Error, Hash, Result};

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// Returns `text` as a name.
            ///
            /// # Errors
            /// [`Error::Name`] if it breaks the rule above.
            pub fn parse(text: &str) -> Result<$type> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok($type(text.to_owned()))
                } else {
                    Err(Error::Name { what: $what, name: text.to_owned(), rule: $rule })
                }
            }

            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a repository, which is an S3 bucket and a Hive catalog as well.
    ///
    /// Always 3 to 63 bytes of `[a-z0-9-]`, starting and ending with a letter or digit: what every S3
    /// client accepts as a bucket.
    RepositoryName, "repository", "3 to 63 of a-z, 0-9 and -, with a letter or digit at both ends", |text| {
        (3..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
    }
}

name! {
    /// The name of a branch or a tag.
    ///
    /// Always 1 to 128 bytes of `[A-Za-z0-9._-]`, starting with a letter or digit, and not 64 hexadecimal
    /// digits: so it is a URL segment, an S3 path segment and a Hive database suffix without escaping, and
    /// never mistaken for a commit id. `_shared` and its kin cannot be refs.
    RefName, "ref", "1 to 128 of A-Z, a-z, 0-9, '.', '_' and '-', starting with a letter or digit, and not a commit id",
    |text| {
        (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
            && text.as_bytes()[0].is_ascii_alphanumeric()
            && !(text.len() == 64 && is_lower_hex(text))
    }
}

/// The name under which the shared namespace is kept among the branches (ADR 0040). No client can name a ref so.
const SHARED: &str = "_shared";

impl RefName {
    /// Returns the name of the shared namespace, which `parse` gives to no ref.
    pub(crate) fn shared() -> RefName {
        RefName(SHARED.to_owned())
    }

    /// Returns whether it is the name of the shared namespace.
    pub(crate) fn is_shared(&self) -> bool {
        self.0 == SHARED
    }

    /// Returns a name as it was stored.
    ///
    /// # Errors
    /// [`Error::Name`] for what is neither a ref's nor the shared namespace's.
    pub(crate) fn stored(text: &str) -> Result<RefName> {
        match text {
            SHARED => Ok(RefName::shared()),
            text => RefName::parse(text),
        }
    }
}

/// An expression for a version: `main`, `v1`, `3f9c2a1b`, `main~2`, `etl@`.
///
/// Which of branch, tag and commit a name means is decided where it is resolved, in that order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RefExpr {
    /// A branch, a tag, or at least 8 digits of a commit id.
    pub name: RefName,
    /// Set when the text was a whole commit id, which is no [`RefName`].
    pub commit: Option<CommitId>,
    /// `name@`: a branch without its uncommitted state.
    pub committed: bool,
    /// `~n`: the n-th first parent.
    pub back: u32,
}

impl RefExpr {
    /// Parses `name`, `name@`, `name~n` or a commit id.
    ///
    /// # Errors
    /// [`Error::Name`] for anything else.
    pub fn parse(text: &str) -> Result<RefExpr> {
        let invalid = || Error::Name {
            what: "ref",
            name: text.to_owned(),
            rule: "a branch, tag or commit id, with ~n or @ behind it",
        };
        let (rest, back) = match text.split_once('~') {
            Some((rest, n)) => (rest, n.parse::<u32>().map_err(|_| invalid())?),
            None => (text, 0),
        };
        let (rest, committed) = match rest.strip_suffix('@') {
            Some(rest) => (rest, true),
            None => (rest, back > 0),
        };
        if let Ok(hash) = Hash::parse(rest) {
            let name = RefName(rest[..12].to_owned());
            return Ok(RefExpr {
                name,
                commit: Some(CommitId(hash)),
                committed: true,
                back,
            });
        }
        let name = RefName::parse(rest).map_err(|_| invalid())?;
        Ok(RefExpr {
            name,
            commit: None,
            committed,
            back,
        })
    }
}

impl From<RefName> for RefExpr {
    fn from(name: RefName) -> RefExpr {
        RefExpr {
            name,
            commit: None,
            committed: false,
            back: 0,
        }
    }
}

impl From<CommitId> for RefExpr {
    fn from(commit: CommitId) -> RefExpr {
        RefExpr {
            name: RefName(commit.short()),
            commit: Some(commit),
            committed: true,
            back: 0,
        }
    }
}

impl fmt::Display for RefExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.commit {
            Some(commit) => write!(f, "{commit}")?,
            None => write!(f, "{}", self.name)?,
        }
        match (self.back, self.committed && self.commit.is_none()) {
            (0, true) => write!(f, "@"),
            (0, false) => Ok(()),
            (n, _) => write!(f, "~{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_are_told_apart_from_commits() {
        let id = "ab".repeat(32);
        assert!(RefName::parse(&id).is_err());
        assert!(RefExpr::parse(&id).unwrap().commit.is_some());
        for text in ["main", "etl@", "v1.2_x-y", "main~3"] {
            assert_eq!(RefExpr::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "a/b", "_shared", "main~x", "~1", "a b", "é"] {
            assert!(RefExpr::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_shared_namespace_is_stored_as_a_ref_and_named_as_none() {
        assert!(RefName::parse(SHARED).is_err() && RefExpr::parse("_shared@").is_err());
        assert!(RefName::stored(SHARED).unwrap().is_shared());
        assert!(!RefName::stored("main").unwrap().is_shared());
        assert!(RefName::stored("_other").is_err());
    }

    #[test]
    fn repositories_are_buckets() {
        assert!(RepositoryName::parse("lake-2").is_ok());
        for text in ["ab", "Lake", "-lake", "lake-", "la.ke", "la_ke"] {
            assert!(RepositoryName::parse(text).is_err(), "{text}");
        }
    }
}
