//! The enums, structs, exceptions and unions of the IDL, generated from it.
//!
//! Types keep their IDL names (`fb_status` alone becomes [`FbStatus`]), fields are in snake case. Every
//! field is an [`Option`], required or not, because unset and empty differ and clients of different
//! generations leave different fields out. An enum is a number with named constants, a union a struct
//! of which one field is set.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::{Decoder, Encoder, Fault, FieldInfo, FieldType, Fields, Struct, StructInfo};

include!(concat!(env!("OUT_DIR"), "/types.rs"));
