//! What can go wrong at this edge, and which S3 code a client gets for it.
//!
//! The codes are chosen by what clients do about them: S3A and the SDKs repeat requests on 500 and 503, and
//! give up at once on 4xx and 507. The matches that choose a code have no
//! wildcard arm, so a new error does not compile until it has one.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use s3s::{S3Error, S3ErrorCode};

/// An error of the gateway.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] versioning::Error),
    #[error("repository {0:?} not found")]
    NoRepository(String),
    #[error("ref {reference:?} not found in repository {repository}")]
    NoRef { repository: String, reference: String },
    #[error("ref {reference:?} not found in repository {repository}: create the branch before writing to it")]
    NoBranch { repository: String, reference: String },
    #[error("key {0:?} not found")]
    NoKey(String),
    #[error(
        "version {0:?} not found: a version is read at its ref or commit, {{repository}}/{{commit}}/{{path}}"
    )]
    NoVersion(String),
    #[error("upload {0:?} not found: it was completed, aborted or never begun")]
    NoUpload(String),
    #[error("{reference} is read-only: only branches can be written")]
    ReadOnly { reference: String },
    #[error("{0}")]
    Denied(&'static str),
    #[error("{0}: the condition does not hold")]
    Precondition(&'static str),
    #[error("_shared/{0} is there with other content: what is shared by all refs is written once")]
    WriteOnce(String),
    #[error("not modified")]
    NotModified { etag: String },
    #[error("the range is not satisfiable: the object has {size} bytes")]
    Range { size: u64 },
    #[error("{0}")]
    Argument(String),
    #[error("{0}")]
    Request(String),
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    #[error("the {0} that was sent does not match what was received")]
    Digest(&'static str),
    #[error("the {0} that was sent is not valid")]
    DigestForm(&'static str),
    #[error("the body has {found} bytes instead of {expected}")]
    Incomplete { expected: u64, found: u64 },
    #[error("the body ended early")]
    Interrupted,
    #[error("the body stood still for too long")]
    Stalled,
    #[error("the signature of the body does not match")]
    BodySignature,
    #[error("the body does not match x-amz-content-sha256")]
    BodySha256,
    #[error("the body could not be read: {0}")]
    Body(String),
    #[error("part {number} was not uploaded, or its etag differs")]
    Part { number: i32 },
    #[error("parts have to be listed in ascending order")]
    PartOrder,
    #[error("part {number} has {size} bytes: all but the last need {least}")]
    PartSize { number: i32, size: u64, least: u64 },
    #[error("the metadata has {size} bytes: the limit is {limit}")]
    Metadata { size: usize, limit: usize },
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge { what: &'static str, limit: u64 },
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Returns the S3 code.
    pub(crate) fn code(&self) -> S3ErrorCode {
        match self {
            Error::Store(error) => store_code(error),
            Error::NoRepository(_) => S3ErrorCode::NoSuchBucket,
            // A read of an unknown ref is a read of a key that is not there. A write gets NoSuchBucket: S3A
            // turns NoSuchKey into FileNotFoundException, which committers swallow as "already gone", and
            // NoSuchBucket into UnknownStoreException, which fails the job at once and shows our message.
            Error::NoRef { .. } | Error::NoKey(_) => S3ErrorCode::NoSuchKey,
            Error::NoBranch { .. } => S3ErrorCode::NoSuchBucket,
            Error::NoVersion(_) => S3ErrorCode::NoSuchVersion,
            Error::NoUpload(_) => S3ErrorCode::NoSuchUpload,
            Error::ReadOnly { .. } | Error::Denied(_) => S3ErrorCode::AccessDenied,
            // as if every write there came with `If-None-Match: *`: clients do not repeat it, and take it for what it is
            Error::Precondition(_) | Error::WriteOnce(_) => S3ErrorCode::PreconditionFailed,
            Error::NotModified { .. } => S3ErrorCode::NotModified,
            Error::Range { .. } => S3ErrorCode::InvalidRange,
            Error::Argument(_) => S3ErrorCode::InvalidArgument,
            Error::Request(_) => S3ErrorCode::InvalidRequest,
            Error::Unsupported(_) => S3ErrorCode::NotImplemented,
            Error::Digest(_) => S3ErrorCode::BadDigest,
            Error::DigestForm(_) => S3ErrorCode::InvalidDigest,
            Error::Incomplete { .. } | Error::Interrupted => S3ErrorCode::IncompleteBody,
            Error::Stalled => S3ErrorCode::RequestTimeout,
            Error::BodySignature => S3ErrorCode::SignatureDoesNotMatch,
            Error::BodySha256 => custom("XAmzContentSHA256Mismatch"),
            Error::Body(_) => S3ErrorCode::IncompleteBody,
            Error::Part { .. } => S3ErrorCode::InvalidPart,
            Error::PartOrder => S3ErrorCode::InvalidPartOrder,
            Error::PartSize { .. } => S3ErrorCode::EntityTooSmall,
            Error::Metadata { .. } => S3ErrorCode::MetadataTooLarge,
            Error::TooLarge { .. } => S3ErrorCode::EntityTooLarge,
        }
    }

    /// Returns the status, for the codes of which the framework knows none.
    fn status(&self) -> Option<StatusCode> {
        match self {
            Error::Store(versioning::Error::NoSpace { .. }) => Some(StatusCode::INSUFFICIENT_STORAGE),
            Error::BodySha256 => Some(StatusCode::BAD_REQUEST),
            _ => None,
        }
    }

    /// Returns the headers that go with the error.
    fn headers(&self) -> Option<HeaderMap> {
        let (name, value) = match self {
            Error::Range { size } => (http::header::CONTENT_RANGE, format!("bytes */{size}")),
            Error::NotModified { etag } => (http::header::ETAG, format!("\"{etag}\"")),
            _ => return None,
        };
        one_header(name, &value)
    }
}

/// Returns the code for an error of the store.
fn store_code(error: &versioning::Error) -> S3ErrorCode {
    use versioning::Error as Store;
    match error {
        Store::Name { .. } | Store::Ambiguous { .. } => S3ErrorCode::InvalidArgument,
        Store::NotFound { .. } | Store::BranchDeleted { .. } => S3ErrorCode::NoSuchKey,
        Store::ReadOnly { .. }
        | Store::RepositoryReadOnly { .. }
        | Store::Protected { .. }
        | Store::Refused { .. } => S3ErrorCode::AccessDenied,
        // 409: somebody else was faster, and a repetition decides on the new state.
        Store::AlreadyExists { .. }
        | Store::NothingToCommit { .. }
        | Store::NothingToPick { .. }
        | Store::HeadMoved { .. }
        | Store::Dirty { .. }
        | Store::MergeState { .. } => S3ErrorCode::OperationAborted,
        Store::TooLarge { .. } | Store::WriteTooLarge { .. } => S3ErrorCode::EntityTooLarge,
        // 500: clients repeat a few times, which a short outage of the storage below needs, then they fail.
        Store::Storage { .. } | Store::Internal(_) => S3ErrorCode::InternalError,
        // 500 as well: there is no code for damage, and what other copies hold cannot be told from here.
        Store::Corrupt { .. } => S3ErrorCode::InternalError,
        // 507: SlowDown would make S3A back off and repeat for minutes, against a disk that stays full, and
        // then report throttling. No client repeats on 507, so jobs fail at once with this message.
        Store::NoSpace { .. } => custom("InsufficientStorage"),
        Store::InUse { .. } => S3ErrorCode::ServiceUnavailable,
    }
}

fn custom(code: &'static str) -> S3ErrorCode {
    S3ErrorCode::Custom(code.into())
}

fn one_header(name: HeaderName, value: &str) -> Option<HeaderMap> {
    let value = HeaderValue::from_str(value).ok()?;
    Some(HeaderMap::from_iter([(name, value)]))
}

impl From<Error> for S3Error {
    fn from(error: Error) -> S3Error {
        let mut out = S3Error::with_message(error.code(), error.to_string());
        if let Some(status) = error.status() {
            out.set_status_code(status);
        }
        if let Some(headers) = error.headers() {
            out.set_headers(headers);
        }
        if out.status_code().is_none_or(|status| status.is_server_error()) {
            tracing::error!(%error, "request failed");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_tell_clients_whether_to_repeat() {
        let no_space = versioning::Error::NoSpace { operation: "upload" };
        let corrupt = versioning::Error::Corrupt {
            what: "node",
            key: "k".into(),
            message: "m".into(),
        };
        let storage = versioning::Error::Storage {
            operation: "put",
            message: "m".into(),
        };
        let cases = [
            (Error::Store(no_space), 507, "InsufficientStorage"),
            (Error::Store(corrupt), 500, "InternalError"),
            (Error::Store(storage), 500, "InternalError"),
            (Error::BodySha256, 400, "XAmzContentSHA256Mismatch"),
            (
                Error::ReadOnly {
                    reference: "v1".into(),
                },
                403,
                "AccessDenied",
            ),
            (
                Error::NoBranch {
                    repository: "lake".into(),
                    reference: "x".into(),
                },
                404,
                "NoSuchBucket",
            ),
            (Error::Range { size: 7 }, 416, "InvalidRange"),
            (Error::NotModified { etag: "e".into() }, 304, "NotModified"),
            (Error::Stalled, 400, "RequestTimeout"),
        ];
        for (error, status, code) in cases {
            let out = S3Error::from(error);
            assert_eq!(
                (out.status_code().unwrap().as_u16(), out.code().as_str()),
                (status, code)
            );
        }
    }

    #[test]
    fn an_unsatisfiable_range_tells_the_size() {
        let out = S3Error::from(Error::Range { size: 7 });
        assert_eq!(out.headers().unwrap()["content-range"], "bytes */7");
    }
}
