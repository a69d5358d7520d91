//! The Hive Metastore protocol: types, methods, and the bytes they travel as.
//!
//! One file, `idl/hive_metastore.thrift`, says what clients of Hive 2.3, 3.1 and 4 send. `build.rs`
//! turns it into [`types`] and [`methods`]; the rest of the room is a Thrift codec of our own, for the
//! binary and the compact protocol, framed or not. It finds the end of a message before it decodes
//! anything, so that a malformed or unknown call leaves the connection in step; it checks the wire type
//! of each field and skips what does not fit, because client generations disagree; it keeps *unset*
//! and *empty* apart; and it never allocates by a claimed size.
//!
//! *Architecture invariant:* no logic. The room does not know what a call means, reads no socket, has
//! no `async` and no clock. Bytes come in as slices and go out into a `Vec<u8>`.
//!
//! # A call and its answer
//! ```
//! use thrift_idl::methods::{GetTable, GetTableArgs, GetTableReply};
//! use thrift_idl::types::{NoSuchObjectException, Table};
//! use thrift_idl::{Limits, MessageKind, Outcome, Rpc, Scanner, Wire, decode};
//!
//! // a client's side: the bytes of a call
//! let wire = Wire::default();
//! let mut bytes = Vec::new();
//! let call = GetTableArgs { dbname: Some("sales".into()), tbl_name: Some("orders".into()) };
//! wire.write_message(&mut bytes, GetTable::METHOD.name, MessageKind::Call, 7, &call)?;
//!
//! // a server's side: how does the client speak, where does its message end, what does it say
//! let wire = Wire::detect(&bytes)?.expect("eight bytes tell");
//! let mut scanner = Scanner::new(wire, Limits::default());
//! let message = scanner.scan(&bytes)?.expect("the message is complete");
//! assert_eq!((message.name.as_str(), message.seq), ("get_table", 7));
//! let args: GetTableArgs = decode(wire.protocol, &bytes[message.body.clone()])?;
//! assert_eq!(args, call);
//!
//! // the answer: a value, or an exception that the method declares
//! let found = Table { table_name: args.tbl_name, ..Table::default() };
//! let reply = GetTableReply::success(found);
//! let mut answer = Vec::new();
//! wire.write_message(&mut answer, &message.name, MessageKind::Reply, message.seq, &reply)?;
//! let missing = NoSuchObjectException { message: Some("sales.orders table not found".into()) };
//! assert!(GetTableReply::raise(missing.into()).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cursor;
mod decode;
mod encode;
mod error;
pub mod json;
mod limits;
mod message;
pub mod methods;
mod protocol;
pub mod reply;
pub mod scanner;
mod schema;
#[macro_use]
mod shapes;
pub mod splice;
pub mod types;
mod value;
mod walker;

pub use decode::{Decoder, decode, decode_into, decode_with};
pub use encode::Encoder;
pub use error::{DecodeError, DetectError, Fault, FrameTooLarge};
pub use limits::Limits;
pub use message::{ApplicationError, ApplicationErrorKind, MessageKind};
pub use methods::METHODS;
pub use protocol::{Framing, Protocol, Wire, WireType};
pub use scanner::{Message, Scanner};
pub use schema::{FieldInfo, FieldType, Fields, Method, Outcome, Rpc, Struct, StructInfo, method};
pub use value::Value;
