//! Arrow Flight SQL: statements and lists of tables for clients of ADBC and JDBC.
//!
//! A call means a repository and a ref of it by its headers ([`REPOSITORY`], [`REF`]). What a statement is goes into its ticket as
//! a whole, with the commit that it is to be run at, so that no server has to remember it between two calls.
//!
//! *Architecture invariant:* knows no SQL engine and no tables: statements are handed to [`Statements`], and lists are statements
//! as well. No type of gRPC leaves this room.

mod fault;
mod info;
mod keys;
mod lists;
mod place;
mod plain;
mod serve;
mod service;
mod statements;
mod ticket;

pub use fault::Fault;
pub use place::{REF, REPOSITORY};
pub use serve::serve;
pub use service::Flight;
pub use statements::{Described, Rows, Statements};
