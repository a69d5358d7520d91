//! Places in buckets: a bucket and a key, as a URI of Hadoop's S3A names them.

use catalog::location::hadoop_uri;

/// The schemes that Hadoop and engines know S3 by. They mean the same file system.
const SCHEMES: [&str; 3] = ["s3a", "s3", "s3n"];

/// Returns whether a URI is of S3.
pub fn is_s3(uri: &str) -> bool {
    strip_scheme(uri).is_some()
}

fn strip_scheme(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    let is_known = SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    is_known.then_some(rest)
}

/// A folder, or a file: its bucket, and its key without slashes around it. The key of a bucket's root is empty.
///
/// Keys are not decoded: `%2F` is a name, as for Hadoop. No segment is `.` or `..`, which URLs cannot name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

impl Place {
    /// Reads a URI; `None` if it is of no bucket, or of one with a user, a password or a port.
    pub(crate) fn parse(uri: &str) -> Option<Place> {
        let spelled = hadoop_uri(uri);
        let (bucket, key) = Place::split(&spelled)?;
        is_nameable(key).then(|| Place {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Returns the bucket and the key in a URI as Hadoop spells it, whatever the key.
    pub(crate) fn split(spelled: &str) -> Option<(&str, &str)> {
        let rest = strip_scheme(spelled)?.strip_prefix("//")?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        is_bucket(bucket).then_some((bucket, key))
    }

    pub(crate) fn uri(&self, scheme: &str) -> String {
        let Place { bucket, key } = self;
        match key.as_str() {
            "" => format!("{scheme}://{bucket}"),
            key => format!("{scheme}://{bucket}/{key}"),
        }
    }

    pub(crate) fn is_root(&self) -> bool {
        self.key.is_empty()
    }

    /// Returns what the keys begin with of all that is in this folder; its own marker has this key.
    pub(crate) fn prefix(&self) -> String {
        match self.key.as_str() {
            "" => String::new(),
            key => format!("{key}/"),
        }
    }

    /// Returns the folder that this lies in; `None` for the root of a bucket.
    pub(crate) fn parent(&self) -> Option<Place> {
        let key = match self.key.rsplit_once('/') {
            Some((parent, _)) => parent,
            None if self.is_root() => return None,
            None => "",
        };
        Some(self.with_key(key.to_owned()))
    }

    pub(crate) fn with_key(&self, key: String) -> Place {
        Place {
            bucket: self.bucket.clone(),
            key,
        }
    }

    pub(crate) fn child(&self, path: &str) -> Place {
        self.with_key(format!("{}{path}", self.prefix()))
    }

    /// Returns whether this is `folder` or lies in it.
    pub(crate) fn is_within(&self, folder: &Place) -> bool {
        self.bucket == folder.bucket && (self.key == folder.key || self.key.starts_with(&folder.prefix()))
    }
}

/// Names of buckets are letters, digits, `.`, `-` and, of old ones, `_`.
fn is_bucket(name: &str) -> bool {
    let is_sound = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !name.is_empty() && name.bytes().all(is_sound) && !matches!(name, "." | "..")
}

/// Returns whether a URL can name an object: clients take `.` and `..` out of paths.
pub(crate) fn is_nameable(key: &str) -> bool {
    !key.split('/').any(|part| matches!(part, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_read_as_hadoop_does() {
        for (uri, expected) in [
            ("s3a://b/w/t", Some(("b", "w/t"))),
            ("S3N://b//w///t/", Some(("b", "w/t"))),
            ("s3://b", Some(("b", ""))),
            ("s3a://b/", Some(("b", ""))),
            ("s3a://b/a b%2Fc'é", Some(("b", "a b%2Fc'é"))),
            ("s3a:/w", None),
            ("s3a:///w", None),
            ("s3a://key:secret@b/w", None),
            ("s3a://b/w/../x", None),
            ("s3a://b/./x", None),
            ("s3a://../x", None),
            ("file:/w", None),
            ("/w", None),
        ] {
            let found = Place::parse(uri);
            let found = found
                .as_ref()
                .map(|place| (place.bucket.as_str(), place.key.as_str()));
            assert_eq!(found, expected, "{uri}");
        }
    }

    #[test]
    fn folders_contain_by_whole_segments() {
        let place = |uri| Place::parse(uri).unwrap();
        for (inner, outer, expected) in [
            ("s3a://b/w/t", "s3://b/w", true),
            ("s3a://b/w", "s3a://b/w", true),
            ("s3a://b/w", "s3a://b", true),
            ("s3a://b/ww", "s3a://b/w", false),
            ("s3a://c/w/t", "s3a://b/w", false),
        ] {
            assert_eq!(place(inner).is_within(&place(outer)), expected, "{inner} {outer}");
        }
        assert_eq!(place("s3a://b/w/t").parent(), Some(place("s3a://b/w")));
        assert_eq!(place("s3a://b/w").parent(), Some(place("s3a://b")));
        assert_eq!(place("s3a://b").parent(), None);
    }
}
