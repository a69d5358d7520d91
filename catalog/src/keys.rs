//! The keys of the trees (versioning.md 2.3).
//!
//! | space | key | value |
//! |---|---|---|
//! | `Meta` | `D` name | [`crate::model::Database`] |
//! | `Meta` | `N` database id, name | [`crate::model::TableEntry`] |
//! | `Meta` | `T` table id | [`crate::model::Table`] |
//! | `Meta` | `F` database id, name | [`crate::model::Function`] |
//! | `Meta` | `C` table id, kind, name | [`crate::model::Constraint`] |
//! | `Meta` | `I` `S` database id, name | [`crate::model::RegisteredSchema`] |
//! | `Meta` | `I` `V` database id, name, 0, version | [`crate::model::SchemaVersion`] |
//! | `Meta` | `I` `D` name | [`crate::model::RegisteredSerde`] |
//! | `Meta` | `I` `T` name | [`crate::model::RegisteredType`] |
//! | `Parts` | table id, partition name | [`crate::model::Partition`] |
//! | `Stats` | table id, 0, engine | [`crate::model::TableStatistics`] of the table |
//! | `Stats` | table id, 1, partition name, 0, engine | those of a partition |
//! | `Objects` | path | [`versioning::object::Object`] |
//!
//! Names are in lower case. No partition name has a zero byte, so one never continues another's key.

use bytes::Bytes;

use crate::model::{ConstraintKind, DatabaseId, TableId};

const DATABASE: u8 = b'D';
const ENTRY: u8 = b'N';
const TABLE: u8 = b'T';
const FUNCTION: u8 = b'F';
const CONSTRAINT: u8 = b'C';
const REGISTRY: u8 = b'I';
const SCHEMA: u8 = b'S';
const VERSION: u8 = b'V';
const SERDE: u8 = b'D';
const TYPE: u8 = b'T';
const ID_LEN: usize = 16;

/// What a key of [`versioning::Space::Meta`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MetaKey<'a> {
    Database(&'a str),
    /// The entry of a table in the list of its database.
    Entry(DatabaseId, &'a str),
    Table(TableId),
    Function(DatabaseId, &'a str),
    Constraint(TableId, ConstraintKind, &'a str),
    Registry(RegistryKey<'a>),
}

/// What a key of the schema registry names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegistryKey<'a> {
    Schema(DatabaseId, &'a str),
    /// A version of a schema, by its number.
    Version(DatabaseId, &'a str, i32),
    Serde(&'a str),
    Type(&'a str),
}

/// What a key of [`versioning::Space::Stats`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatsKey<'a> {
    pub table: TableId,
    /// `None` for the table as a whole.
    pub partition: Option<&'a str>,
    pub engine: &'a str,
}

impl<'a> MetaKey<'a> {
    /// Returns the bytes of the key.
    pub fn encode(&self) -> Bytes {
        match self {
            MetaKey::Database(name) => concat(&[&[DATABASE], name.as_bytes()]),
            MetaKey::Entry(id, name) => concat(&[&[ENTRY], &id.0, name.as_bytes()]),
            MetaKey::Table(id) => concat(&[&[TABLE], &id.0]),
            MetaKey::Function(id, name) => concat(&[&[FUNCTION], &id.0, name.as_bytes()]),
            MetaKey::Registry(key) => key.encode(),
            MetaKey::Constraint(id, kind, name) => {
                concat(&[&[CONSTRAINT], &id.0, &[*kind as u8], name.as_bytes()])
            }
        }
    }

    /// Returns what the bytes name; `None` if they are no key of this room.
    pub fn decode(key: &'a [u8]) -> Option<MetaKey<'a>> {
        let (kind, rest) = key.split_first()?;
        Some(match *kind {
            DATABASE => MetaKey::Database(text(rest)?),
            ENTRY => {
                let (id, name) = rest.split_first_chunk::<ID_LEN>()?;
                MetaKey::Entry(DatabaseId(*id), text(name)?)
            }
            TABLE => MetaKey::Table(TableId(rest.try_into().ok()?)),
            FUNCTION => {
                let (id, name) = rest.split_first_chunk::<ID_LEN>()?;
                MetaKey::Function(DatabaseId(*id), text(name)?)
            }
            CONSTRAINT => {
                let (id, rest) = rest.split_first_chunk::<ID_LEN>()?;
                let (kind, name) = rest.split_first()?;
                let kind = *ConstraintKind::ALL.get(usize::from(*kind))?;
                MetaKey::Constraint(TableId(*id), kind, text(name)?)
            }
            REGISTRY => MetaKey::Registry(RegistryKey::decode(rest)?),
            _ => return None,
        })
    }
}

impl<'a> RegistryKey<'a> {
    fn encode(&self) -> Bytes {
        match self {
            RegistryKey::Schema(id, name) => concat(&[&[REGISTRY, SCHEMA], &id.0, name.as_bytes()]),
            RegistryKey::Version(id, name, version) => {
                // the sign is turned around, so that numbers stand in their order
                let number = (version.cast_unsigned() ^ 1 << 31).to_be_bytes();
                concat(&[&[REGISTRY, VERSION], &id.0, name.as_bytes(), &[0], &number])
            }
            RegistryKey::Serde(name) => concat(&[&[REGISTRY, SERDE], name.as_bytes()]),
            RegistryKey::Type(name) => concat(&[&[REGISTRY, TYPE], name.as_bytes()]),
        }
    }

    fn decode(key: &'a [u8]) -> Option<RegistryKey<'a>> {
        let (kind, rest) = key.split_first()?;
        match *kind {
            SCHEMA => {
                let (id, name) = rest.split_first_chunk::<ID_LEN>()?;
                Some(RegistryKey::Schema(DatabaseId(*id), text(name)?))
            }
            VERSION => {
                let (id, rest) = rest.split_first_chunk::<ID_LEN>()?;
                let (rest, number) = rest.split_last_chunk::<4>()?;
                let version = (u32::from_be_bytes(*number) ^ 1 << 31).cast_signed();
                let name = text(rest.strip_suffix(&[0])?)?;
                Some(RegistryKey::Version(DatabaseId(*id), name, version))
            }
            SERDE => Some(RegistryKey::Serde(text(rest)?)),
            TYPE => Some(RegistryKey::Type(text(rest)?)),
            _ => None,
        }
    }
}

impl<'a> StatsKey<'a> {
    /// Returns the bytes of the key.
    pub fn encode(&self) -> Bytes {
        match self.partition {
            None => concat(&[&self.table.0, &[0], self.engine.as_bytes()]),
            Some(name) => concat(&[&self.table.0, &[1], name.as_bytes(), &[0], self.engine.as_bytes()]),
        }
    }

    /// Returns what the bytes name; `None` if they are no key of this room.
    pub fn decode(key: &'a [u8]) -> Option<StatsKey<'a>> {
        let (id, rest) = key.split_first_chunk::<ID_LEN>()?;
        let table = TableId(*id);
        let (level, rest) = rest.split_first()?;
        match *level {
            0 => Some(StatsKey {
                table,
                partition: None,
                engine: text(rest)?,
            }),
            1 => {
                let end = rest.iter().position(|byte| *byte == 0)?;
                let (name, engine) = (text(&rest[..end])?, text(&rest[end + 1..])?);
                Some(StatsKey {
                    table,
                    partition: Some(name),
                    engine,
                })
            }
            _ => None,
        }
    }
}

/// Returns the prefix of all databases.
pub fn databases() -> Bytes {
    concat(&[&[DATABASE]])
}

/// Returns the prefix of all tables.
pub fn tables() -> Bytes {
    concat(&[&[TABLE]])
}

/// Returns the prefix of the entries of the tables of all databases.
pub fn all_entries() -> Bytes {
    concat(&[&[ENTRY]])
}

/// Returns the prefix of the entries of the tables of a database.
pub fn entries(database: DatabaseId) -> Bytes {
    concat(&[&[ENTRY], &database.0])
}

/// Returns the prefix of the functions of a database.
pub fn functions(database: DatabaseId) -> Bytes {
    concat(&[&[FUNCTION], &database.0])
}

/// Returns the prefix of the constraints of all tables.
pub fn all_constraints() -> Bytes {
    concat(&[&[CONSTRAINT]])
}

/// Returns the prefix of the constraints of a table.
pub fn constraints(table: TableId) -> Bytes {
    concat(&[&[CONSTRAINT], &table.0])
}

/// Returns the prefix of the schemas that are registered in a database.
pub fn schemas(database: DatabaseId) -> Bytes {
    concat(&[&[REGISTRY, SCHEMA], &database.0])
}

/// Returns the prefix of the versions of the schemas of a database.
pub fn versions_of_schemas(database: DatabaseId) -> Bytes {
    concat(&[&[REGISTRY, VERSION], &database.0])
}

/// Returns the prefix of the versions of a schema.
pub fn schema_versions(database: DatabaseId, name: &str) -> Bytes {
    concat(&[&[REGISTRY, VERSION], &database.0, name.as_bytes(), &[0]])
}

/// Returns the prefix of the versions of all schemas.
pub fn all_schema_versions() -> Bytes {
    concat(&[&[REGISTRY, VERSION]])
}

/// Returns the key of a partition, or the prefix of those whose names begin with `name`.
pub fn partition(table: TableId, name: &str) -> Bytes {
    concat(&[&table.0, name.as_bytes()])
}

/// Returns the prefix of the partitions of a table.
pub fn partitions(table: TableId) -> Bytes {
    concat(&[&table.0])
}

/// Returns the table and the partition name of a key of [`versioning::Space::Parts`].
pub fn decode_partition(key: &[u8]) -> Option<(TableId, &str)> {
    let (id, name) = key.split_first_chunk::<ID_LEN>()?;
    Some((TableId(*id), text(name)?))
}

/// Returns the prefix of all statistics of a table and its partitions.
pub fn statistics(table: TableId) -> Bytes {
    concat(&[&table.0])
}

/// Returns the table, and the partition if it is of one, that a key or a prefix of [`versioning::Space::Stats`] names.
pub fn statistics_owner(prefix: &[u8]) -> Option<(TableId, Option<&str>)> {
    let (id, _) = prefix.split_first_chunk::<ID_LEN>()?;
    let partition = StatsKey::decode(prefix).and_then(|key| key.partition);
    Some((TableId(*id), partition))
}

/// Returns the prefix of the statistics of a table as a whole, by any engine.
pub fn table_statistics(table: TableId) -> Bytes {
    concat(&[&table.0, &[0]])
}

/// Returns the prefix of the statistics of a partition, by any engine.
pub fn partition_statistics(table: TableId, name: &str) -> Bytes {
    concat(&[&table.0, &[1], name.as_bytes(), &[0]])
}

fn concat(pieces: &[&[u8]]) -> Bytes {
    Bytes::from(pieces.concat())
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip() {
        let (d, t) = (DatabaseId([1; 16]), TableId([2; 16]));
        for key in [
            MetaKey::Database("sales"),
            MetaKey::Entry(d, "orders"),
            MetaKey::Table(t),
            MetaKey::Function(d, "f"),
            MetaKey::Constraint(t, ConstraintKind::Check, "c"),
            MetaKey::Registry(RegistryKey::Schema(d, "s")),
            MetaKey::Registry(RegistryKey::Version(d, "s", -7)),
            MetaKey::Registry(RegistryKey::Version(d, "s", 300)),
            MetaKey::Registry(RegistryKey::Serde("x")),
            MetaKey::Registry(RegistryKey::Type("x")),
        ] {
            assert_eq!(MetaKey::decode(&key.encode()), Some(key));
        }
        for partition in [None, Some("dt=1/h=2"), Some("")] {
            let key = StatsKey {
                table: t,
                partition,
                engine: "hive",
            };
            assert_eq!(StatsKey::decode(&key.encode()), Some(key));
        }
        assert_eq!(decode_partition(&partition(t, "dt=1")), Some((t, "dt=1")));
        for (prefix, partition) in [
            (statistics(t), None),
            (table_statistics(t), None),
            (partition_statistics(t, "dt=1"), Some("dt=1")),
        ] {
            assert_eq!(statistics_owner(&prefix), Some((t, partition)));
        }
    }

    #[test]
    fn other_bytes_are_no_keys() {
        for bytes in [
            &b""[..],
            b"X",
            b"N123",
            b"T1",
            b"D\xff",
            b"C1234567890123456\x06x",
        ] {
            assert_eq!(MetaKey::decode(bytes), None, "{bytes:?}");
        }
        for bytes in [&[0; 16][..], &[2; 17], &[1; 20]] {
            assert_eq!(StatsKey::decode(bytes), None, "{bytes:?}");
        }
        assert_eq!(decode_partition(b"short"), None);
    }
}
