//! Turns the `.thrift` file into Rust.
//!
//! Not part of the library: `build.rs` includes it to generate, the tests to look at the parsed IDL. It
//! knows the subset of the Thrift language that our file uses and refuses everything else.

pub(crate) mod emit;
pub(crate) mod lexer;
pub(crate) mod model;
pub(crate) mod names;
pub(crate) mod parser;
