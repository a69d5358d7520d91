//! What can go wrong with S3, told so that a person knows what to do. No text has a URL of a request in it: those
//! are signed.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

/// A request that failed, or one that is not sent at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("it is no folder of S3")]
    Foreign,
    #[error("a file is in the way at {uri}")]
    FileInTheWay { uri: String },
    #[error("something is at its new place")]
    Occupied,
    #[error("its new place lies in it")]
    IntoItself,
    #[error("it is not there")]
    NotThere,
    #[error("the warehouse lies in it")]
    HoldsWarehouse,
    #[error("it is a whole bucket")]
    WholeBucket,
    #[error("the trash is full of that name")]
    TrashFull,
    #[error(
        "it holds more than {objects_max} objects, which is too many to move: move the data yourself, then tell tables their new location"
    )]
    TooMany { objects_max: usize },
    #[error("it holds an object that no request can name: {key:?}")]
    Unnameable { key: String },
    #[error("the bucket {bucket} is not there: create it, or name another; skep creates none")]
    NoBucket { bucket: String },
    #[error(
        "the service does not accept the credentials ({code}): check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and \
         AWS_SESSION_TOKEN, or the file of warehouse_credentials, and the clock of this machine"
    )]
    Credentials { code: String },
    #[error(
        "the credentials do not permit it ({code}): they have to permit to list, read, write and delete in bucket {bucket}"
    )]
    Denied { code: String, bucket: String },
    #[error(
        "the bucket {bucket} is served elsewhere ({code}): check warehouse_endpoint and warehouse_region"
    )]
    Elsewhere { code: String, bucket: String },
    #[error("{endpoint} cannot be reached: {message}; check warehouse_endpoint")]
    Unreachable { endpoint: String, message: String },
    #[error("{endpoint} did not answer within {} s", after.as_secs())]
    Late { endpoint: String, after: Duration },
    #[error("the service answered {status} {code}: {message}")]
    Answer {
        status: StatusCode,
        code: String,
        message: String,
    },
    #[error("the service did not delete {key:?}: {code}")]
    Stays { key: String, code: String },
    #[error("the answer of the service cannot be read: {message}")]
    Unreadable { message: String },
    #[error("it was broken off: {message}")]
    BrokenOff { message: String },
}

/// The codes of what may work a moment later.
const PASSING: [&str; 6] = [
    "InternalError",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "OperationAborted",
];

/// How much of a message of the service is told.
const MESSAGE_CHARS_MAX: usize = 200;

#[derive(Debug, Deserialize)]
struct ErrorBody {
    #[serde(rename = "Code")]
    code: String,
    #[serde(rename = "Message", default)]
    message: String,
}

impl Fault {
    /// Returns whether the same request may succeed when it is sent again.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Fault::Unreachable { .. } | Fault::Late { .. } => true,
            Fault::Answer { status, code, .. } => {
                PASSING.contains(&code.as_str())
                    || status.is_server_error() && *status != StatusCode::NOT_IMPLEMENTED
                    || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Fault::Stays { code, .. } => PASSING.contains(&code.as_str()),
            _ => false,
        }
    }

    /// Returns what an answer of failure means. Those to HEAD have no body.
    pub(crate) fn of_answer(status: StatusCode, body: &[u8], bucket: &str) -> Fault {
        let told = read_error(body);
        let code = told.as_ref().map_or_else(String::new, |told| told.code.clone());
        let bucket = bucket.to_owned();
        match code.as_str() {
            "NoSuchBucket" => Fault::NoBucket { bucket },
            "InvalidAccessKeyId"
            | "NotSignedUp"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "ExpiredToken"
            | "RequestTimeTooSkewed"
            | "AuthorizationQueryParametersError" => Fault::Credentials { code },
            "PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed" => {
                Fault::Elsewhere { code, bucket }
            }
            _ if status.is_redirection() => Fault::Elsewhere {
                code: status.to_string(),
                bucket,
            },
            "" if status == StatusCode::FORBIDDEN => Fault::Denied {
                code: status.to_string(),
                bucket,
            },
            "AccessDenied" | "AllAccessDisabled" => Fault::Denied { code, bucket },
            _ => Fault::Answer {
                status,
                code,
                message: told.map_or_else(String::new, |told| shorten(&told.message)),
            },
        }
    }

    /// Returns what is wrong in an answer of success: a copy may fail after its status was sent.
    pub(crate) fn hidden_in(body: &[u8], bucket: &str) -> Option<Fault> {
        read_error(body).map(|_| Fault::of_answer(StatusCode::OK, body, bucket))
    }
}

/// Reads an error document: anything with a code.
fn read_error(body: &[u8]) -> Option<ErrorBody> {
    quick_xml::de::from_str(std::str::from_utf8(body).ok()?).ok()
}

fn shorten(message: &str) -> String {
    message.chars().take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, code: &str) -> Fault {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>");
        Fault::of_answer(StatusCode::from_u16(status).unwrap(), body.as_bytes(), "b")
    }

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(of(404, "NoSuchBucket"), Fault::NoBucket { bucket: "b".into() });
        assert!(matches!(of(403, "InvalidAccessKeyId"), Fault::Credentials { .. }));
        assert!(matches!(of(403, "AccessDenied"), Fault::Denied { .. }));
        assert!(matches!(of(301, "PermanentRedirect"), Fault::Elsewhere { .. }));
        let forbidden = Fault::of_answer(StatusCode::FORBIDDEN, b"", "b");
        assert!(matches!(forbidden, Fault::Denied { .. }));
    }

    #[test]
    fn what_may_pass_is_known() {
        for (fault, expected) in [
            (of(503, "SlowDown"), true),
            (of(500, "InternalError"), true),
            (Fault::of_answer(StatusCode::BAD_GATEWAY, b"<html>", "b"), true),
            (Fault::of_answer(StatusCode::TOO_MANY_REQUESTS, b"", "b"), true),
            (of(200, "InternalError"), true),
            (of(403, "AccessDenied"), false),
            (of(404, "NoSuchKey"), false),
            (of(501, "NotImplemented"), false),
        ] {
            assert_eq!(fault.may_pass(), expected, "{fault}");
        }
    }

    #[test]
    fn errors_hide_in_answers_of_success() {
        let copied = b"<CopyObjectResult><ETag>\"x\"</ETag></CopyObjectResult>";
        assert_eq!(Fault::hidden_in(copied, "b"), None);
        let failed = b"<Error><Code>InternalError</Code></Error>";
        assert!(Fault::hidden_in(failed, "b").is_some_and(|fault| fault.may_pass()));
    }
}
