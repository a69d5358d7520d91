//! The S3 protocol over refs: `/{repository}/{ref}/{path}`.
//!
//! A bucket is a repository, the first segment of a key is a ref expression, and the rest is the path of an
//! object there. The protocol itself (signatures, XML, routing) is the framework's, `s3s`; here stands what the
//! operations mean over a versioned store.
//!
//! *Architecture invariant:* knows no tables, no catalog and no Thrift. A path is a text to it, and which paths
//! a commit leaves out is decided below.

mod address;
mod body;
mod buckets;
mod conditions;
mod credentials;
mod error;
mod gateway;
mod guard;
mod limits;
mod listing;
mod multipart;
mod objects;
mod segments;
mod server;
mod service;
mod wire;

pub use credentials::Credentials;
pub use error::Error;
pub use limits::Limits;
pub use server::{serve, serve_with};
