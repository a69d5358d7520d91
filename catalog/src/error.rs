//! What can go wrong in a catalog, with everything that a wire error needs to say about it.

use versioning::Kind;

use crate::location::ParameterValue;

/// The result of an operation on a catalog.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a catalog.
///
/// Names are as they are stored, in lower case, unless the name itself is what is wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("database {name:?} not found")]
    NoSuchDatabase { name: String },
    #[error("table {database}.{table} not found")]
    NoSuchTable { database: String, table: String },
    #[error("table {database}.{table} has no partition with the values {values:?}")]
    NoSuchPartition {
        database: String,
        table: String,
        values: Vec<String>,
    },
    /// A list of partitions names some that are not there.
    #[error(
        "{count} of the partitions of {database}.{table} that are named were not found, such as {example:?}"
    )]
    MissingPartitions {
        database: String,
        table: String,
        count: usize,
        example: String,
    },
    #[error("function {database}.{function} not found")]
    NoSuchFunction { database: String, function: String },
    #[error("no column statistics for {column} of {database}.{table} {partition}")]
    NoSuchStatistics {
        database: String,
        table: String,
        partition: String,
        column: String,
    },
    #[error("database {name} already exists")]
    DatabaseExists { name: String },
    #[error("table {database}.{table} already exists")]
    TableExists { database: String, table: String },
    #[error("table {database}.{table} already has a partition with the values {values:?}")]
    PartitionExists {
        database: String,
        table: String,
        values: Vec<String>,
    },
    #[error("a list of partitions has the values {values:?} twice")]
    DuplicatePartition { values: Vec<String> },
    #[error("function {function} already exists")]
    FunctionExists { database: String, function: String },
    #[error("table {database}.{table} has no constraint {constraint}")]
    NoSuchConstraint {
        database: String,
        table: String,
        constraint: String,
    },
    #[error("table {database}.{table} already has {}", if *is_second_key { "a primary key" } else { constraint })]
    ConstraintExists {
        database: String,
        table: String,
        constraint: String,
        /// Whether it would be the second primary key, whatever it is called.
        is_second_key: bool,
    },
    #[error("{what} {name} is not registered")]
    NotRegistered { what: &'static str, name: String },
    #[error("{what} {name} is registered already")]
    Registered { what: &'static str, name: String },
    /// A constraint speaks of something that is not there.
    #[error("{what}: {name}")]
    InvalidConstraint { what: &'static str, name: String },
    /// A foreign key points at columns that are no key.
    #[error("{columns:?} is no primary key or unique key of {table}")]
    NoSuchKey { columns: Vec<String>, table: String },
    #[error("{name:?} is not a valid {what} name")]
    InvalidName { what: &'static str, name: String },
    #[error("invalid column type: {text}")]
    InvalidType { text: String },
    #[error("invalid column {column:?}: {rule}")]
    InvalidColumn { column: String, rule: &'static str },
    #[error("column {column} doesn't exist in table {database}.{table}")]
    NoSuchColumn {
        database: String,
        table: String,
        column: String,
    },
    #[error("the types of these columns are incompatible with those that stand there: {}", columns.join(", "))]
    IncompatibleTypes { columns: Vec<String> },
    #[error("the partition keys of {database}.{table} cannot be changed")]
    PartitionKeysChanged { database: String, table: String },
    /// The number of values is not that of the keys.
    #[error("{} partition values {values:?} for the {} keys {keys:?}", values.len(), keys.len())]
    PartitionArity { keys: Vec<String>, values: Vec<String> },
    #[error("incomplete partition name {name:?}: {missing} is missing")]
    IncompletePartitionName { name: String, missing: String },
    #[error("{name:?} is not a partition name: {rule}")]
    InvalidPartitionName { name: String, rule: &'static str },
    #[error("partition value {value:?} is not valid: {rule}")]
    InvalidPartitionValue { value: String, rule: &'static str },
    #[error("table {database}.{table} is not partitioned")]
    NotPartitioned { database: String, table: String },
    #[error("database {name} is not empty: it has {what}")]
    DatabaseNotEmpty { name: String, what: &'static str },
    #[error("the database default cannot be dropped")]
    DefaultDatabase,
    #[error("location {location} belongs to {owner}, and {reference} is being written")]
    ForeignLocation {
        location: String,
        owner: String,
        reference: String,
    },
    #[error("location {location:?} is not valid: {rule}")]
    InvalidLocation { location: String, rule: &'static str },
    /// A compare-and-set of a parameter found another value.
    #[error("parameter {key} is {actual:?}, not {expected:?}")]
    ParameterMismatch {
        key: String,
        expected: ParameterValue,
        actual: Option<ParameterValue>,
    },
    /// The file system of a plain warehouse would not.
    #[error("{operation} the folder {uri} failed: {message}")]
    Folder {
        operation: &'static str,
        uri: String,
        message: String,
    },
    #[error("{operation} is not possible: {reason}")]
    NotAllowed { operation: &'static str, reason: String },
    #[error("{what} {key} cannot be read: {message}")]
    Corrupt {
        what: &'static str,
        key: String,
        message: String,
    },
    #[error(transparent)]
    Store(#[from] versioning::Error),
}

impl Error {
    /// Returns what the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Error::NoSuchDatabase { .. }
            | Error::NoSuchTable { .. }
            | Error::NoSuchPartition { .. }
            | Error::MissingPartitions { .. }
            | Error::NoSuchFunction { .. }
            | Error::NoSuchStatistics { .. }
            | Error::NoSuchColumn { .. }
            | Error::NoSuchConstraint { .. }
            | Error::NotRegistered { .. } => Kind::NotFound,
            Error::DatabaseExists { .. }
            | Error::TableExists { .. }
            | Error::PartitionExists { .. }
            | Error::FunctionExists { .. }
            | Error::ConstraintExists { .. }
            | Error::Registered { .. } => Kind::AlreadyExists,
            Error::DuplicatePartition { .. }
            | Error::InvalidName { .. }
            | Error::InvalidType { .. }
            | Error::InvalidColumn { .. }
            | Error::PartitionArity { .. }
            | Error::IncompletePartitionName { .. }
            | Error::InvalidPartitionName { .. }
            | Error::InvalidPartitionValue { .. }
            | Error::NotPartitioned { .. }
            | Error::ForeignLocation { .. }
            | Error::InvalidLocation { .. }
            | Error::InvalidConstraint { .. }
            | Error::NoSuchKey { .. } => Kind::Invalid,
            Error::IncompatibleTypes { .. }
            | Error::PartitionKeysChanged { .. }
            | Error::DatabaseNotEmpty { .. }
            | Error::DefaultDatabase
            | Error::NotAllowed { .. } => Kind::Denied,
            Error::Folder { .. } => Kind::Unavailable,
            Error::ParameterMismatch { .. } => Kind::Conflict,
            Error::Corrupt { .. } => Kind::Corrupt,
            Error::Store(error) => error.kind(),
        }
    }
}
