//! HTTP connections: accepted up to a number, held to deadlines, and ended in order. All doors that speak HTTP/1
//! have theirs from here.
//!
//! *Architecture invariant:* knows no request. What is asked and answered is a function that it is handed; so are
//! TLS and whatever else lies below the stream.

mod connection;
mod limits;
mod patience;
mod phase;
mod server;

pub use connection::connection;
pub use limits::Limits;
pub use patience::Patience;
pub use server::serve;

/// An error of whoever answers, or of a body.
pub type StdError = Box<dyn std::error::Error + Send + Sync>;
