//! Where a request points: a repository, a ref expression and a path.

use s3s::dto::CopySource;
use versioning::RefExpr;

use crate::error::{Error, Result};

/// The first segment of keys that are the same for every ref (Iceberg tables).
const SHARED: &str = "_shared";

/// The longest path in bytes. The framework counts the ref and its slash in as well.
const PATH_BYTES_MAX: usize = 1024;

/// A bucket and a key, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) repository: String,
    pub(crate) reference: RefExpr,
    /// What stands behind `{ref}/`; empty for the ref itself, which looks like a folder.
    pub(crate) path: String,
}

impl Address {
    /// Takes a bucket and a key apart.
    pub(crate) fn parse(bucket: &str, key: &str) -> Result<Address> {
        let (reference, path) = key.split_once('/').ok_or_else(|| Error::NoKey(key.to_owned()))?;
        if path.len() > PATH_BYTES_MAX {
            return Err(Error::Argument(format!(
                "the path has more than {PATH_BYTES_MAX} bytes"
            )));
        }
        if path.contains('\0') {
            return Err(Error::Argument("the path contains a NUL".to_owned()));
        }
        let reference = parse_ref(bucket, reference)?;
        Ok(Address {
            repository: bucket.to_owned(),
            reference,
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

    /// Returns the key: `{ref}/{path}`.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.reference, self.path)
    }

    /// Returns whether this is the ref itself, `{ref}/`.
    pub(crate) fn is_root(&self) -> bool {
        self.path.is_empty()
    }
}

/// Reads the segment of a key that names a ref.
///
/// A text that cannot be a ref names none: the answer is that it was not found.
pub(crate) fn parse_ref(repository: &str, text: &str) -> Result<RefExpr> {
    if text == SHARED {
        return Err(Error::Unsupported(
            "the shared namespace _shared/ of a repository",
        ));
    }
    RefExpr::parse(text).map_err(|_| Error::NoRef {
        repository: repository.to_owned(),
        reference: text.to_owned(),
    })
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
        ];
        for (key, reference, path) in cases {
            let address = Address::parse("lake", key).unwrap();
            assert_eq!(
                (address.reference.to_string().as_str(), address.path.as_str()),
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
            ("_shared/t/x", "NotImplemented"),
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
