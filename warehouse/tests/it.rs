//! Warehouses in buckets of a service in this process, which speaks S3 by another library.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "it/connection.rs"]
mod connection;
#[path = "it/faults.rs"]
mod faults;
#[path = "it/folders.rs"]
mod folders;
#[path = "it/service.rs"]
mod service;
