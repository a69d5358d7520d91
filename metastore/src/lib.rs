//! The Hive Metastore service: what Spark, Hive, Trino and the rest of the Thrift clients talk to.
//!
//! A call comes in on a connection ([`serve`]), is decoded by `thrift-idl`, finds its handler by name
//! ([`registry`]), and its handler does four things: it resolves which repository and ref the call means
//! ([`route`]), asks `catalog`, converts what it got ([`convert`]), and leaves errors to [`exception`], which
//! knows what each method may throw. A long answer is streamed in small pieces ([`stream`]).
//!
//! *Architecture invariant:* knows no merge rules, no object store and no database. What is allowed, and what
//! a change means for the rest of a catalog, is decided in `catalog`; a handler longer than a few lines hides
//! a rule that belongs there.

mod catalogs;
mod complete;
mod context;
mod convert;
pub mod elsewhere;
mod exception;
mod facts;
pub mod filter;
mod handlers;
mod ledger;
mod notify;
mod nulls;
mod registry;
mod route;
mod server;
mod states;
mod stream;
mod target;
mod walk;

pub use context::{Context, Listener, Settings};
pub use handlers::methods_document;
pub use notify::HeadMoves;
pub use server::{CredentialsError, Door, Limits, Tls, TlsError, TlsFiles, Tokens, Transport, Users, serve};
