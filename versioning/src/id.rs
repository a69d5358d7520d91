//! Identities: content hashes and the ids derived from them.

use std::fmt;

use crate::{Error, Result};

/// What is hashed. Each kind has its own blake3 derive-key context, so that no node is ever a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Domain {
    Node,
    Blob,
    Commit,
}

impl Domain {
    fn context(self) -> &'static str {
        match self {
            Domain::Node => "skep/node/v1",
            Domain::Blob => "skep/blob/v1",
            Domain::Commit => "skep/commit/v1",
        }
    }
}

/// A blake3-256 hash of canonical, uncompressed bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Returns the hash of `bytes` within `domain`.
    pub fn of(domain: Domain, bytes: &[u8]) -> Hash {
        let mut hasher = blake3::Hasher::new_derive_key(domain.context());
        hasher.update(bytes);
        Hash(*hasher.finalize().as_bytes())
    }

    /// Parses 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::Name`] for any other text.
    pub fn parse(text: &str) -> Result<Hash> {
        let invalid = || Error::Name {
            what: "hash",
            name: text.into(),
            rule: "64 hexadecimal digits",
        };
        if text.len() != 64 || !is_lower_hex(text) {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| invalid())?;
        }
        Ok(Hash(bytes))
    }
}

/// Returns bytes as digits, two for each.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn is_lower_hex(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The id of a commit: the hash of its canonical bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub Hash);

impl CommitId {
    /// Returns the first 12 digits, for people.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(12);
        text
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
