//! Who may come in: access keys, and the refusal of everybody else.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use percent_encoding::percent_decode_str;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

/// The access keys that are let in, with their secrets. They are data: where they come from is the caller's.
#[derive(Clone, Default)]
pub struct Credentials {
    keys: BTreeMap<String, SecretKey>,
}

impl Credentials {
    /// Returns credentials of pairs of access key and secret key.
    pub fn new<A: Into<String>, S: Into<String>>(pairs: impl IntoIterator<Item = (A, S)>) -> Credentials {
        let keys = pairs
            .into_iter()
            .map(|(access, secret)| (access.into(), SecretKey::from(secret.into())));
        Credentials { keys: keys.collect() }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_keys", &self.keys.keys())
            .finish()
    }
}

#[async_trait]
impl S3Auth for Credentials {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match self.keys.get(access_key) {
            Some(secret) => Ok(secret.clone()),
            None => Err(s3_error!(InvalidAccessKeyId, "the access key is not known")),
        }
    }
}

/// Set on a request when the framework knows which operation it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct OperationName(Arc<OnceLock<String>>);

impl OperationName {
    /// Returns the name, or `none` of a request that did not get so far.
    pub(crate) fn get(&self) -> String {
        self.0.get().cloned().unwrap_or_else(|| "none".to_owned())
    }
}

/// Lets in who has signed the request by version 4.
#[derive(Debug)]
pub(crate) struct SignedOnly {
    /// The bytes of an XML request. The framework has the same limit, but answers 500 when it is exceeded, on
    /// which clients would send it again.
    pub(crate) xml_bytes_max: usize,
}

#[async_trait]
impl S3Access for SignedOnly {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let name = context.s3_op().name().to_owned();
        let takes_bytes = matches!(name.as_str(), "PutObject" | "UploadPart");
        if let Some(cell) = context.extensions_mut().get::<OperationName>() {
            // an operation is named once
            let _ = cell.0.set(name);
        }
        if context.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "the request is not signed"));
        }
        if is_version_2(context) {
            return Err(s3_error!(
                InvalidRequest,
                "sign by AWS4-HMAC-SHA256: version 2 is not supported"
            ));
        }
        if is_valid_too_long(context.uri().query().unwrap_or_default()) {
            return Err(s3_error!(
                AuthorizationQueryParametersError,
                "X-Amz-Expires has to be at most {PRESIGNED_S_MAX} seconds, which is a week"
            ));
        }
        if !takes_bytes && length(context) > self.xml_bytes_max as u64 {
            let limit = self.xml_bytes_max;
            return Err(s3_error!(
                MaxMessageLengthExceeded,
                "the request exceeds the limit of {limit} bytes"
            ));
        }
        Ok(())
    }
}

/// For how many seconds a signed URL is valid at most: S3's week. The framework knows no limit.
const PRESIGNED_S_MAX: u64 = 604_800;

/// Returns whether a query says that its signature is valid for longer than it may be.
fn is_valid_too_long(query: &str) -> bool {
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy();
    query.split('&').any(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        decoded(name) == "X-Amz-Expires"
            && decoded(value)
                .parse()
                .is_ok_and(|seconds: u64| seconds > PRESIGNED_S_MAX)
    })
}

/// Returns the length of the body, if it was told.
fn length(context: &S3AccessContext<'_>) -> u64 {
    let header = context.headers().get(http::header::CONTENT_LENGTH);
    header
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

/// The framework accepts signatures of version 2 as well, which leave the body and most headers unsigned.
fn is_version_2(context: &S3AccessContext<'_>) -> bool {
    let header = context.headers().get(http::header::AUTHORIZATION);
    let in_header = header.is_some_and(|value| value.as_bytes().starts_with(b"AWS "));
    let query = context.uri().query().unwrap_or_default();
    in_header || query.split('&').any(|pair| pair.starts_with("Signature="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_url_is_valid_for_a_week() {
        for (query, too_long) in [
            ("", false),
            ("X-Amz-Expires=300&x-id=GetObject", false),
            ("X-Amz-Expires=604800", false),
            ("X-Amz-Expires=604801", true),
            ("x-id=GetObject&X%2DAmz-Expires=%36048010", true),
            ("prefix=X-Amz-Expires", false),
        ] {
            assert_eq!(is_valid_too_long(query), too_long, "{query}");
        }
    }

    #[test]
    fn secrets_are_never_printed() {
        let text = format!("{:?}", Credentials::new([("AKID", "hunter2")]));
        assert!(text.contains("AKID") && !text.contains("hunter2"));
    }
}
