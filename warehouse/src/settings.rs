//! With what and how S3 is spoken.

use std::fmt;
use std::time::Duration;

/// Where S3 is, and who asks. It is never shown whole: see its [`fmt::Debug`].
#[derive(Clone)]
pub struct Connection {
    /// The address of the service, such as `http://minio:9000`; that of AWS in the region if not given.
    pub endpoint: Option<String>,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
    pub session_token: Option<String>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connection { endpoint, region, .. } = self;
        f.debug_struct("Connection")
            .field("endpoint", endpoint)
            .field("region", region)
            .finish_non_exhaustive()
    }
}

/// A connection that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    #[error("the endpoint {endpoint:?} is no URL: {message}")]
    Endpoint { endpoint: String, message: String },
    #[error(
        "the endpoint {endpoint:?} is not of the kind http://host:port or https://host, without user, password or query"
    )]
    EndpointKind { endpoint: String },
    #[error(
        "there are no certificates to trust on this machine ({message}): install ca-certificates, or set SSL_CERT_FILE"
    )]
    Certificates { message: String },
}

/// How long and how often things are tried, and how much is done at once.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How often a request is sent at most, where it fails in a way that may pass.
    pub attempts: u32,
    /// How long to wait before the second attempt; each wait after that is twice as long.
    pub pause: Duration,
    /// How long a connection may take to come about.
    pub connect: Duration,
    /// How long a request may take.
    pub answer: Duration,
    /// How long the copy of one object, or of a part of it, may take: the service does it before it answers.
    pub copy: Duration,
    /// The largest object that one request copies. S3 permits 5 GiB.
    pub copy_bytes_max: u64,
    /// How much of a larger one a request copies. There are 10,000 such requests at most.
    pub part_bytes: u64,
    /// How many objects are copied at once.
    pub copies: usize,
    /// How many keys are asked for, and deleted, with one request. S3 permits 1,000.
    pub page_keys: usize,
    /// How many objects a folder may hold that is moved.
    pub moved_objects_max: usize,
    /// How long an answer may be.
    pub answer_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            attempts: 5,
            pause: Duration::from_millis(200),
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            copy: Duration::from_secs(10 * 60),
            copy_bytes_max: 5 << 30,
            part_bytes: 1 << 30,
            copies: 10,
            page_keys: 1_000,
            moved_objects_max: 1_000_000,
            answer_bytes_max: 16 << 20,
        }
    }
}
