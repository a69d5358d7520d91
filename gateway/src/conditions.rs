//! Conditional headers: what holds, by the rules of RFC 9110 section 13.2.2 and of S3.

use s3s::dto::{ETagCondition, Timestamp};
use versioning::object::Object;

use crate::error::{Error, Result};
use crate::wire::second_of;

/// The conditions of a read.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadConditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

impl ReadConditions {
    /// Fails with 412 or 304 if the object is not to be sent.
    ///
    /// An etag outweighs the date beside it; dates compare by the second, as they are sent.
    pub(crate) fn check(&self, object: &Object) -> Result<()> {
        let modified = second_of(object.modified_us);
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(etag), _) if !matches(etag, object) => return Err(Error::Precondition("If-Match")),
            (None, Some(since)) if modified > *since => {
                return Err(Error::Precondition("If-Unmodified-Since"));
            }
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(etag), _) if matches(etag, object) => Err(not_modified(object)),
            (None, Some(since)) if modified <= *since => Err(not_modified(object)),
            _ => Ok(()),
        }
    }

    /// As [`ReadConditions::check`] for the source of a copy, where S3 knows no 304.
    pub(crate) fn check_source(&self, object: &Object) -> Result<()> {
        match self.check(object) {
            Err(Error::NotModified { .. }) => Err(Error::Precondition("x-amz-copy-source-if-none-match")),
            other => other,
        }
    }
}

fn not_modified(object: &Object) -> Error {
    Error::NotModified {
        etag: object.etag.clone(),
    }
}

/// The conditions of a write, judged against what stands at the key in the same step.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriteConditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
}

impl WriteConditions {
    /// Returns whether there is nothing to judge.
    pub(crate) fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Fails if the write is not to happen.
    pub(crate) fn check(&self, key: &str, present: Option<&Object>) -> Result<()> {
        match (&self.if_match, present) {
            // as S3: what is to be replaced has to be there
            (Some(_), None) => return Err(Error::NoKey(key.to_owned())),
            (Some(etag), Some(object)) if !matches(etag, object) => {
                return Err(Error::Precondition("If-Match"));
            }
            _ => {}
        }
        match (&self.if_none_match, present) {
            (Some(etag), Some(object)) if matches(etag, object) => Err(Error::Precondition("If-None-Match")),
            _ => Ok(()),
        }
    }
}

fn matches(condition: &ETagCondition, object: &Object) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == object.etag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Object {
        Object {
            etag: "aa".into(),
            modified_us: 100_900_000,
            ..Object::default()
        }
    }

    fn etag(text: &str) -> Option<ETagCondition> {
        (!text.is_empty()).then(|| ETagCondition::parse_http_header(text.as_bytes()).unwrap())
    }

    fn date(seconds: u64) -> Option<Timestamp> {
        (seconds > 0).then(|| second_of(seconds * 1_000_000))
    }

    #[test]
    fn reads() {
        // if-match, if-unmodified-since, if-none-match, if-modified-since
        let cases = [
            ("", 0, "", 0, "ok"),
            ("\"aa\"", 0, "", 0, "ok"),
            ("*", 0, "", 0, "ok"),
            ("\"bb\"", 0, "", 0, "412"),
            ("", 100, "", 0, "ok"),
            ("", 99, "", 0, "412"),
            ("\"aa\"", 99, "", 0, "ok"),
            ("", 0, "\"aa\"", 0, "304"),
            ("", 0, "*", 0, "304"),
            ("", 0, "\"bb\"", 0, "ok"),
            ("", 0, "", 100, "304"),
            ("", 0, "", 99, "ok"),
            ("", 0, "\"bb\"", 200, "ok"),
            ("\"bb\"", 0, "\"aa\"", 0, "412"),
        ];
        for case in cases {
            let (if_match, unmodified, if_none_match, modified, expected) = case;
            let conditions = ReadConditions {
                if_match: etag(if_match),
                if_unmodified_since: date(unmodified),
                if_none_match: etag(if_none_match),
                if_modified_since: date(modified),
            };
            let found = match conditions.check(&object()) {
                Ok(()) => "ok",
                Err(Error::Precondition(_)) => "412",
                Err(Error::NotModified { .. }) => "304",
                Err(other) => panic!("{other}"),
            };
            assert_eq!(found, expected, "{case:?}");
            let source = conditions.check_source(&object());
            assert_eq!(source.is_ok(), expected == "ok");
            assert!(!matches!(source, Err(Error::NotModified { .. })));
        }
    }

    #[test]
    fn writes() {
        let cases = [
            ("", "", true, "ok"),
            ("", "*", true, "PreconditionFailed"),
            ("", "*", false, "ok"),
            ("", "\"aa\"", true, "PreconditionFailed"),
            ("", "\"bb\"", true, "ok"),
            ("\"aa\"", "", true, "ok"),
            ("aa", "", true, "ok"),
            ("\"bb\"", "", true, "PreconditionFailed"),
            ("\"aa\"", "", false, "NoSuchKey"),
            ("*", "", true, "ok"),
        ];
        for case in cases {
            let (if_match, if_none_match, there, expected) = case;
            let conditions = WriteConditions {
                if_match: etag(if_match),
                if_none_match: etag(if_none_match),
            };
            let object = object();
            let found = match conditions.check("k", there.then_some(&object)) {
                Ok(()) => "ok".to_owned(),
                Err(error) => error.code().as_str().to_owned(),
            };
            assert_eq!(found, expected, "{case:?}");
        }
    }
}
