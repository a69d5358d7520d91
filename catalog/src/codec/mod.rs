//! The canonical bytes of everything that the catalog stores. They are hashed, so each value has one form.
//!
//! A record is a version byte and fields; a field is a tag, a length and its content, by ascending tag. What is
//! unset has no field. Numbers are varints in their shortest form, signed ones zigzag first; lists are a count
//! and their items; maps are lists of pairs by ascending key. Tags are never used again for anything else;
//! fields behind those that are known are kept as they are. `tests/golden` holds examples of every version.

mod changes;
mod fields;
mod primitive;
mod records;
mod statistics;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use versioning::codec::{DecodeError, Reader};

use crate::model::{
    Columns, Constraint, Database, Function, Partition, RegisteredSchema, RegisteredSerde, RegisteredType,
    SchemaVersion, Table, TableEntry, TableStatistics, Template,
};

pub use changes::{decode_change, encode_change};
pub(crate) use fields::Fields;
pub(crate) use primitive::Canonical;
pub(crate) use records::{partition_tag, read_location};

/// The version of the encoding that is written.
pub const FORMAT: u8 = 1;

/// Set in the version byte when the record itself stands in the last blob of its value.
pub const SPILLED: u8 = 0x80;

/// The shared parts that a record refers to.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    pub template: Option<Arc<Template>>,
    pub columns: Option<Arc<Columns>>,
}

/// The shared parts of a record while it is read.
pub(crate) type Input<'a, 'b> = (&'b mut Reader<'a>, &'b Shared);

macro_rules! plain {
    ($($what:literal $encode:ident $decode:ident $type:ident),+ $(,)?) => {
        $(
            #[doc = concat!("Returns the bytes of ", $what, ".")]
            pub fn $encode(value: &$type) -> Vec<u8> {
                let mut out = vec![FORMAT];
                value.put(&mut out);
                out
            }

            #[doc = concat!("Reads ", $what, ".")]
            ///
            /// # Errors
            /// [`DecodeError`] for bytes that are not what the encoder writes.
            pub fn $decode(bytes: &[u8]) -> Result<$type, DecodeError> {
                read_record(bytes, &Shared::default())
            }
        )+
    };
}

plain! {
    "a database" encode_database decode_database Database,
    "an entry of the list of tables" encode_entry decode_entry TableEntry,
    "a function" encode_function decode_function Function,
    "a constraint" encode_constraint decode_constraint Constraint,
    "a registered schema" encode_schema decode_schema RegisteredSchema,
    "a version of a schema" encode_schema_version decode_schema_version SchemaVersion,
    "a registered serde" encode_serde decode_serde RegisteredSerde,
    "a registered type" encode_type decode_type RegisteredType,
    "column statistics" encode_statistics decode_statistics TableStatistics,
    "a column list" encode_columns decode_columns Columns,
    "a template" encode_template decode_template Template,
}

/// Returns the bytes of a table, without what it shares.
pub fn encode_table(table: &Table) -> Vec<u8> {
    let mut out = vec![FORMAT];
    table.put(&mut out);
    out
}

/// Reads a table.
///
/// # Errors
/// [`DecodeError`] for bytes that are not what the encoder writes, and when a shared part is missing.
pub fn decode_table(bytes: &[u8], shared: &Shared) -> Result<Table, DecodeError> {
    read_record(bytes, shared)
}

/// Returns the bytes of a partition, without what it shares and without its name, which is its key.
pub fn encode_partition(partition: &Partition) -> Vec<u8> {
    let mut out = vec![FORMAT];
    records::put_partition(partition, &mut out);
    out
}

/// Reads the partition called `name`.
///
/// # Errors
/// As [`decode_table`].
pub fn decode_partition(name: &str, bytes: &[u8], shared: &Shared) -> Result<Partition, DecodeError> {
    let mut reader = Reader::new(bytes);
    expect_format(&mut reader)?;
    let partition = records::read_partition(name, &mut (&mut reader, shared))?;
    reader.finish()?;
    Ok(partition)
}

fn read_record<T: Canonical>(bytes: &[u8], shared: &Shared) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    expect_format(&mut reader)?;
    let value = T::read(&mut (&mut reader, shared))?;
    reader.finish()?;
    Ok(value)
}

pub(crate) fn expect_format(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    match reader.byte()? {
        FORMAT => Ok(()),
        other => Err(DecodeError::Tag(u64::from(other))),
    }
}

/// Returns whether a payload says that its record stands in the last blob.
pub fn is_spilled(payload: &[u8]) -> bool {
    payload == [FORMAT | SPILLED]
}

/// Returns the payload of a record that stands in a blob.
pub fn spilled() -> Bytes {
    Bytes::from_static(&[FORMAT | SPILLED])
}
