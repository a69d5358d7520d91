//! What the catalog holds: databases, tables, columns, partitions, constraints, statistics and functions.
//!
//! The types keep everything that a Hive Metastore client can say of these, and the difference between what
//! is unset and what is empty. They hold no reference to a branch: every place is a [`Location`], and names of
//! databases carry no ref.

mod column;
mod constraint;
mod database;
mod format;
mod function;
mod partition;
mod privilege;
mod registry;
mod statistics;
mod storage;
mod table;

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

pub use column::{Column, Columns};
pub use constraint::{Constraint, ConstraintKind, Reference};
pub use database::Database;
pub use format::TableFormat;
pub use function::{Function, Resource};
pub use partition::Partition;
pub use privilege::{Grant, Grants, Privileges};
pub use registry::{RegisteredSchema, RegisteredSerde, RegisteredType, SchemaVersion};
pub use statistics::{
    BinaryStatistics, BooleanStatistics, ColumnStatistics, DecimalValue, RangeStatistics, StatisticsData,
    TableStatistics, TextStatistics,
};
pub use storage::{Serde, Skew, SortColumn, Storage, Template};
pub use table::{Creation, SourceTable, Table, TableEntry, TableKind, TableRest};

pub use crate::location::Location;

/// Free properties, by key. Unknown ones are kept byte for byte.
pub type Parameters = BTreeMap<String, String>;

macro_rules! id {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $type(pub [u8; 16]);

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    };
}

id! {
    /// Identifies a database for ever, whatever its name.
    DatabaseId
}

id! {
    /// Identifies a table for ever, whatever its name and database. Later tables sort after earlier ones.
    TableId
}

/// Identifies a column or partition key within its table, whatever its name, type and position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ColumnId(pub u32);

impl ColumnId {
    /// A column that has no identity: not assigned yet, or of a partition and unknown to its table.
    pub const NONE: ColumnId = ColumnId(0);
}

/// A floating point number that is kept bit for bit, and compared so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Real(pub u64);

impl From<f64> for Real {
    fn from(value: f64) -> Real {
        Real(value.to_bits())
    }
}

impl From<Real> for f64 {
    fn from(value: Real) -> f64 {
        f64::from_bits(value.0)
    }
}

impl fmt::Debug for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", f64::from_bits(self.0))
    }
}

macro_rules! code {
    ($(#[$doc:meta])* $type:ident { $($variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($variant,)+
            /// A code of a newer client.
            Other(OtherCode),
        }

        impl $type {
            /// Returns the meaning of a code.
            pub fn from_code(code: i32) -> $type {
                match code {
                    $($code => $type::$variant,)+
                    other => $type::Other(OtherCode(other)),
                }
            }

            /// Returns the code.
            pub fn code(self) -> i32 {
                match self {
                    $($type::$variant => $code,)+
                    $type::Other(OtherCode(code)) => code,
                }
            }
        }
    };
}

/// A code without a name of its own; only `from_code` makes it, so that each code has one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherCode(i32);

code! {
    /// Who owns something or is granted something.
    PrincipalKind { User = 1, Role = 2, Group = 3 }
}

code! {
    /// Whether a database lies here or behind a connector.
    DatabaseKind { Native = 1, Remote = 2 }
}

code! {
    /// The language of a function.
    FunctionKind { Java = 1 }
}

code! {
    /// What a function needs.
    ResourceKind { Jar = 1, File = 2, Archive = 3 }
}

code! {
    /// Where the columns of a serde come from.
    SerdeKind { Hive = 1, SchemaRegistry = 2 }
}

/// Metadata that a client keeps about the files of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileMetadata {
    pub kind: Option<i8>,
    pub version: Option<i8>,
    pub data: Option<Vec<Bytes>>,
}

/// Fields of a record that a newer version wrote and this one does not know. They are kept as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extra(pub(crate) Vec<(u64, Bytes)>);
