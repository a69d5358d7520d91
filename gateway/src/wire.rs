//! Small conversions between the store's values and S3's.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{ETag, Metadata, Timestamp};
use versioning::object::Object;

use crate::error::{Error, Result};

/// What `encoding-type=url` leaves as it is. The space becomes `%20` and `+` becomes `%2B`, so that decoders
/// that take `+` for a space and those that do not both read it right.
const LEFT_PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// Returns the text as `encoding-type=url` wants it.
pub(crate) fn url_encode(text: &str) -> String {
    utf8_percent_encode(text, LEFT_PLAIN).to_string()
}

/// Returns the time of an object.
pub(crate) fn timestamp(us: u64) -> Timestamp {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(us));
    time.unwrap_or(SystemTime::UNIX_EPOCH).into()
}

/// Returns the second in which `us` lies.
pub(crate) fn second_of(us: u64) -> Timestamp {
    timestamp(us / 1_000_000 * 1_000_000)
}

/// Returns the etag of an object.
pub(crate) fn etag(object: &Object) -> ETag {
    ETag::Strong(object.etag.clone())
}

/// Returns `bytes` in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| Some(c.to_digit(16)? as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// The standard headers that S3 keeps with an object, beside its type.
///
/// They stand in [`Object::metadata`] under a name that begins with a colon, which no user metadata can have,
/// since a header name holds none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers {
    pub(crate) content_type: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) user: Option<Metadata>,
}

/// Takes what is to be kept out of the input of an operation: three have the same fields, and no type in common.
macro_rules! headers_of {
    ($input:expr) => {
        $crate::wire::Headers {
            content_type: $input.content_type.take(),
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            user: $input.metadata.take(),
        }
    };
}
pub(crate) use headers_of;

/// The bytes of all that is kept with an object beside its data: 2 KiB of user metadata, as in S3, and as much
/// for the standard headers.
pub(crate) const METADATA_BYTES_MAX: usize = 4 << 10;

const CACHE_CONTROL: &str = ":cache-control";
const CONTENT_DISPOSITION: &str = ":content-disposition";
const CONTENT_ENCODING: &str = ":content-encoding";
const CONTENT_LANGUAGE: &str = ":content-language";

impl Headers {
    /// Reads what an object keeps.
    pub(crate) fn of(object: &Object) -> Headers {
        let kept = |name: &str| object.metadata.get(name).cloned();
        let user: Metadata = object
            .metadata
            .iter()
            .filter(|(name, _)| !name.starts_with(':'))
            .map(owned)
            .collect();
        Headers {
            content_type: object.content_type.clone(),
            cache_control: kept(CACHE_CONTROL),
            content_disposition: kept(CONTENT_DISPOSITION),
            content_encoding: kept(CONTENT_ENCODING),
            content_language: kept(CONTENT_LANGUAGE),
            user: (!user.is_empty()).then_some(user),
        }
    }

    /// Returns the type and the metadata for an object.
    pub(crate) fn kept(self) -> Result<(Option<String>, BTreeMap<String, String>)> {
        let mut metadata: BTreeMap<String, String> = self.user.unwrap_or_default().into_iter().collect();
        let standard = [
            (CACHE_CONTROL, self.cache_control),
            (CONTENT_DISPOSITION, self.content_disposition),
            (
                CONTENT_ENCODING,
                self.content_encoding.and_then(|text| without_transfer(&text)),
            ),
            (CONTENT_LANGUAGE, self.content_language),
        ];
        metadata.extend(
            standard
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
        let size: usize = metadata
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        let size = size + self.content_type.as_ref().map_or(0, String::len);
        match size > METADATA_BYTES_MAX {
            true => Err(Error::Metadata {
                size,
                limit: METADATA_BYTES_MAX,
            }),
            false => Ok((self.content_type, metadata)),
        }
    }
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

/// Drops `aws-chunked`, which tells how the body was sent and not what it is.
fn without_transfer(encoding: &str) -> Option<String> {
    let kept: Vec<&str> = encoding
        .split(',')
        .map(str::trim)
        .filter(|one| !one.is_empty() && *one != "aws-chunked")
        .collect();
    (!kept.is_empty()).then(|| kept.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_round_trips() {
        assert_eq!(hex(&[0, 0xab, 0xff]), "00abff");
        assert_eq!(unhex("00abff").unwrap(), [0, 0xab, 0xff]);
        assert!(unhex("0").is_none() && unhex("zz").is_none());
    }

    #[test]
    fn keys_survive_both_kinds_of_url_decoders() {
        assert_eq!(
            url_encode("dt=2026-01-01/a b+c%é.parquet"),
            "dt%3D2026-01-01/a%20b%2Bc%25%C3%A9.parquet"
        );
    }

    #[test]
    fn standard_headers_are_kept_apart_from_user_metadata() {
        let headers = Headers {
            content_type: Some("text/csv".into()),
            content_encoding: Some("aws-chunked, gzip".into()),
            user: Some(Metadata::from([("owner".to_owned(), "me".to_owned())])),
            ..Headers::default()
        };
        let (content_type, metadata) = headers.kept().unwrap();
        let object = Object {
            content_type,
            metadata,
            ..Object::default()
        };
        let back = Headers::of(&object);
        assert_eq!(back.content_encoding.as_deref(), Some("gzip"));
        assert_eq!(back.content_type.as_deref(), Some("text/csv"));
        assert_eq!(back.user.unwrap().len(), 1);
        assert_eq!(without_transfer("aws-chunked"), None);
    }

    #[test]
    fn metadata_has_a_limit() {
        let of = |len: usize| Headers {
            content_type: Some("x".repeat(len)),
            ..Headers::default()
        };
        assert!(of(METADATA_BYTES_MAX).kept().is_ok());
        let error = of(METADATA_BYTES_MAX + 1).kept().unwrap_err();
        assert_eq!(error.code().as_str(), "MetadataTooLarge");
    }
}
