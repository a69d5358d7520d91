//! Multipart uploads: parts are stored as they come, and an object is made of them without moving bytes.
//!
//! The state stands in the small records of the repository, one for the upload and one for each part, so that
//! an acknowledged part survives a crash. See [`records`].

mod complete;
mod list;
mod parts;
mod records;
mod start;
