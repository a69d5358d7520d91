//! Where a request points: a repository, a ref expression and a path.

use std::fmt;

use s3s::dto::CopySource;
use versioning::RefExpr;

use crate::error::{Error, Result};

/// The first segment of keys that are the same for every ref (Iceberg tables).
const SHARED: &str = "_shared";

/// The longest path in bytes. The framework counts the ref and its slash in as well.
const PATH_BYTES_MAX: usize = 1024;

/// Where the paths of a repository begin: what the first segment of a key names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Root {
    Ref(RefExpr),
    /// The write-once namespace, which is the same for every ref.
    Shared,
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Root::Ref(reference) => reference.fmt(f),
            Root::Shared => f.write_str(SHARED),
        }
    }
}

/// A bucket and a key, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) repository: String,
    pub(crate) root: Root,
    /// What stands behind `{root}/`; empty for the root itself, which looks like a folder.
    pub(crate) path: String,
}

impl Address {
    /// Takes a bucket and a key apart.
    pub(crate) fn parse(bucket: &str, key: &str) -> Result<Address> {
        let (root, path) = key.split_once('/').ok_or_else(|| Error::NoKey(key.to_owned()))?;
        if path.len() > PATH_BYTES_MAX {
            return Err(Error::Argument(format!(
                "the path has more than {PATH_BYTES_MAX} bytes"
            )));
        }
        if path.contains('\0') {
            return Err(Error::Argument("the path contains a NUL".to_owned()));
        }
        let root = parse_root(bucket, root)?;
        Ok(Address {
            repository: bucket.to_owned(),
            root,
            path: path.to_owned(),
        })
    }

    /// Takes the source of a copy apart.
    pub(crate) fn parse_source(source: &CopySource) -> Result<Address> {
        match source {
            CopySource::Bucket {
                bucket,
                key,
                version_id,
            } => {
                check_version(version_id.as_deref())?;
                Address::parse(bucket, key)
            }
            CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
                Err(Error::Unsupported("a copy from an access point"))
            }
        }
    }

    /// Returns the key: `{root}/{path}`.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.root, self.path)
    }

    /// Returns whether this is the root itself, `{root}/`.
    pub(crate) fn is_root(&self) -> bool {
        self.path.is_empty()
    }
}

/// Reads the first segment of a key, which names a ref or the shared namespace.
///
/// A text that cannot be a ref names none: the answer is that it was not found.
pub(crate) fn parse_root(repository: &str, text: &str) -> Result<Root> {
    if text == SHARED {
        return Ok(Root::Shared);
    }
    let parsed = RefExpr::parse(text).map_err(|_| Error::NoRef {
        repository: repository.to_owned(),
        reference: text.to_owned(),
    });
    parsed.map(Root::Ref)
}

/// Fails for any version but the null version: refs and commits take the place of object versions.
pub(crate) fn check_version(version: Option<&str>) -> Result<()> {
    match version {
        None | Some("" | "null") => Ok(()),
        Some(other) => Err(Error::NoVersion(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_begin_with_a_ref() {
        let cases = [
            ("main/a/b", "main", "a/b"),
            ("main/", "main", ""),
            ("etl@/x", "etl@", "x"),
            ("main~2//a", "main~2", "/a"),
            ("v1/dir/", "v1", "dir/"),
            ("_shared/t/x", "_shared", "t/x"),
        ];
        for (key, reference, path) in cases {
            let address = Address::parse("lake", key).unwrap();
            assert_eq!(
                (address.root.to_string().as_str(), address.path.as_str()),
                (reference, path)
            );
            assert_eq!(address.key(), key);
        }
    }

    #[test]
    fn what_is_no_key_gets_a_reason() {
        let long = format!("main/{}", "x".repeat(PATH_BYTES_MAX + 1));
        let cases = [
            ("main", "NoSuchKey"),
            ("/x", "NoSuchKey"),
            ("a b/x", "NoSuchKey"),
            ("_shared@/x", "NoSuchKey"),
            ("main/a\0b", "InvalidArgument"),
            (long.as_str(), "InvalidArgument"),
        ];
        for (key, code) in cases {
            assert_eq!(
                Address::parse("lake", key).unwrap_err().code().as_str(),
                code,
                "{key:?}"
            );
        }
    }

    #[test]
    fn only_the_null_version_exists() {
        assert!(check_version(None).is_ok() && check_version(Some("null")).is_ok());
        assert!(check_version(Some("abc")).is_err());
    }
}
