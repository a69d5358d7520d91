//! The methods of the service, generated from the IDL.
//!
//! For each method, say `get_table`, there are [`GetTable`], which is the method as a type,
//! [`GetTableArgs`] and [`GetTableReply`]. [`METHODS`] has all of them as a table.

use std::collections::BTreeMap;

use crate::types;
use crate::{
    Decoder, Encoder, Fault, FieldInfo, FieldType, Fields, Method, Outcome, Rpc, Struct, StructInfo,
};

include!(concat!(env!("OUT_DIR"), "/methods.rs"));
