//! What a client is told when something fails: the exception that the method may throw.
//!
//! A method can only say what its IDL declares. So each error has exceptions in the order of how well they
//! fit, and the first that the method declares is thrown. There is no wildcard here: a new error does not
//! compile until it has its answer.
//!
//! Texts are those of the original where a client or a person may know them (`hive.md`, section 8).

use catalog::Error;
use thrift_idl::types::{
    AlreadyExistsException, ConfigValSecurityException, Exception, InvalidInputException,
    InvalidObjectException, InvalidOperationException, MetaException, NoSuchLockException,
    NoSuchObjectException, NoSuchTxnException, TxnAbortedException, TxnOpenException, UnknownDBException,
    UnknownTableException,
};
use thrift_idl::{ApplicationError, ApplicationErrorKind, Outcome};

use crate::filter::FilterError;
use crate::ledger::LedgerError;
use crate::nulls;
use crate::registry::{Answer, Servable};

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Catalog(#[from] Error),
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An argument is not there that has to be; the text names it.
    #[error("{0} cannot be null.")]
    Null(&'static str),
    /// A handler knows better than the error does which exception clients await.
    #[error("{1}")]
    As(&'static [Class], String),
}

impl From<versioning::Error> for Failure {
    fn from(error: versioning::Error) -> Failure {
        Failure::Catalog(error.into())
    }
}

impl Failure {
    /// Returns the failure of a compare-and-set of a parameter, as Iceberg reads it.
    pub(crate) fn mismatch(key: &str, actual: Option<&str>, expected: &str) -> Failure {
        // the doubled "was" is the original's, and clients look for the beginning
        Failure::meta(format!(
            "The table has been modified. The parameter value for key '{key}' is '{}'. The expected was value \
             was '{expected}'",
            actual.unwrap_or("null")
        ))
    }

    /// Returns whether there is no repository or ref of the name that was given.
    pub(crate) fn is_no_such_place(&self) -> bool {
        use versioning::Error::{Name, NotFound};
        matches!(
            self,
            Failure::Catalog(Error::Store(NotFound { .. } | Name { .. }))
        )
    }

    /// Returns the failure of a request that is wrong, whatever the method.
    pub(crate) fn meta(message: impl Into<String>) -> Failure {
        Failure::As(&[Class::Meta], message.into())
    }
}

/// The exceptions that failures end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    AlreadyExists,
    ConfigValSecurity,
    InvalidInput,
    InvalidObject,
    InvalidOperation,
    Meta,
    NoSuchLock,
    NoSuchObject,
    NoSuchTransaction,
    TransactionAborted,
    TransactionOpen,
    UnknownDatabase,
    UnknownTable,
}

impl Class {
    fn with(self, message: String) -> Exception {
        let message = Some(message);
        match self {
            Class::AlreadyExists => AlreadyExistsException { message }.into(),
            Class::ConfigValSecurity => ConfigValSecurityException { message }.into(),
            Class::InvalidInput => InvalidInputException { message }.into(),
            Class::InvalidObject => InvalidObjectException { message }.into(),
            Class::InvalidOperation => InvalidOperationException { message }.into(),
            Class::Meta => MetaException { message }.into(),
            Class::NoSuchLock => NoSuchLockException { message }.into(),
            Class::NoSuchObject => NoSuchObjectException { message }.into(),
            Class::NoSuchTransaction => NoSuchTxnException { message }.into(),
            Class::TransactionAborted => TxnAbortedException { message }.into(),
            Class::TransactionOpen => TxnOpenException { message }.into(),
            Class::UnknownDatabase => UnknownDBException { message }.into(),
            Class::UnknownTable => UnknownTableException { message }.into(),
        }
    }
}

/// Nothing of that name.
const MISSING: &[Class] = &[
    Class::NoSuchObject,
    Class::UnknownTable,
    Class::UnknownDatabase,
    Class::InvalidOperation,
    Class::InvalidObject,
    Class::Meta,
];
/// No database of that name, or no repository or ref in which it could be.
const MISSING_DATABASE: &[Class] = &[
    Class::NoSuchObject,
    Class::UnknownDatabase,
    Class::InvalidOperation,
    Class::InvalidObject,
    Class::Meta,
];
/// Something of that name is there.
const EXISTS: &[Class] = &[Class::AlreadyExists, Class::InvalidOperation, Class::Meta];
/// The thing that is handed in is wrong.
const INVALID: &[Class] = &[
    Class::InvalidObject,
    Class::InvalidOperation,
    Class::InvalidInput,
    Class::Meta,
];
/// The thing is right, but not here or now.
const REFUSED: &[Class] = &[Class::InvalidOperation, Class::Meta, Class::InvalidObject];
const META: &[Class] = &[Class::Meta];
/// The original throws it where its methods do not declare it, and then clients see an internal error.
const UNDECLARED: &[Class] = &[Class::InvalidObject];

/// Answers a call of `R` that failed.
pub(crate) fn raise<R: Servable>(failure: Failure) -> Answer {
    let (classes, message) = match failure {
        Failure::Catalog(error) => describe(&error),
        Failure::Filter(error) => (META, error.to_string()),
        Failure::Ledger(error) => describe_ledger(&error),
        Failure::Null(what) if nulls::end_connection(R::METHOD.name, what) => {
            return Answer::HangUp(failure.to_string());
        }
        Failure::Null(_) => (META, failure.to_string()),
        Failure::As(classes, message) => (classes, message),
    };
    for class in classes {
        let exception = class.with(message.clone());
        let name = exception.name();
        if let Ok(reply) = R::Reply::raise(exception) {
            return Answer::Reply {
                body: Box::new(reply),
                exception: Some(name),
            };
        }
    }
    Answer::Unanswerable(ApplicationError::new(
        ApplicationErrorKind::InternalError,
        message,
    ))
}

/// Returns which exceptions say `error`, and the text.
fn describe(error: &Error) -> (&'static [Class], String) {
    match error {
        Error::Store(error) => describe_store(error),
        error => (classes(error), text(error)),
    }
}

fn classes(error: &Error) -> &'static [Class] {
    match error {
        Error::NoSuchDatabase { .. } => MISSING_DATABASE,
        Error::NoSuchTable { .. }
        | Error::NoSuchPartition { .. }
        | Error::MissingPartitions { .. }
        | Error::NoSuchFunction { .. }
        | Error::NoSuchStatistics { .. }
        | Error::NoSuchConstraint { .. }
        | Error::NotRegistered { .. }
        | Error::IncompletePartitionName { .. } => MISSING,
        Error::DatabaseExists { .. }
        | Error::TableExists { .. }
        | Error::PartitionExists { .. }
        | Error::Registered { .. }
        | Error::FunctionExists { .. } => EXISTS,
        Error::InvalidName { .. }
        | Error::InvalidType { .. }
        | Error::InvalidColumn { .. }
        | Error::InvalidLocation { .. } => INVALID,
        Error::IncompatibleTypes { .. }
        | Error::PartitionKeysChanged { .. }
        | Error::DatabaseNotEmpty { .. }
        | Error::ForeignLocation { .. }
        | Error::NotAllowed { .. } => REFUSED,
        Error::ConstraintExists {
            is_second_key: false, ..
        }
        | Error::InvalidConstraint { .. } => UNDECLARED,
        Error::DuplicatePartition { .. }
        | Error::ConstraintExists { .. }
        | Error::NoSuchKey { .. }
        | Error::NoSuchColumn { .. }
        | Error::PartitionArity { .. }
        | Error::DefaultDatabase
        | Error::ParameterMismatch { .. }
        | Error::InvalidPartitionName { .. }
        | Error::InvalidPartitionValue { .. }
        | Error::NotPartitioned { .. }
        | Error::Folder { .. }
        | Error::Corrupt { .. } => META,
        Error::Store(error) => describe_store(error).0,
    }
}

fn text(error: &Error) -> String {
    match error {
        Error::NoSuchDatabase { name } => name.clone(),
        Error::NoSuchTable { database, table } => format!("hive.{database}.{table} table not found"),
        Error::NoSuchPartition { values, .. } => format!("partition values={}", java_list(values)),
        Error::MissingPartitions { .. } => "Some partitions to drop are missing".into(),
        Error::NoSuchFunction { database, function } => {
            format!("Function {database}.{function} does not exist")
        }
        Error::NoSuchStatistics {
            database,
            table,
            partition,
            column,
        } => format!(
            "Column stats doesn't exist for table=hive.{database}.{table} partition={partition} col={column}"
        ),
        Error::DatabaseExists { name } => format!("Database {name} already exists"),
        Error::TableExists { database, table } => format!("Table hive.{database}.{table} already exists"),
        Error::PartitionExists {
            database,
            table,
            values,
        } => format!(
            "Partition already exists: Partition(values:{}, dbName:{database}, tableName:{table})",
            java_list(values)
        ),
        Error::DuplicatePartition { values } => {
            format!("Duplicate partitions in the list: {}", java_list(values))
        }
        Error::FunctionExists { function, .. } => format!("Function {function} already exists"),
        Error::NoSuchConstraint { .. } | Error::NotRegistered { .. } | Error::Registered { .. } => {
            error.to_string()
        }
        Error::ConstraintExists {
            database,
            table,
            is_second_key: true,
            ..
        } => format!(" Primary key already exists for: hive.{database}.{table}"),
        Error::ConstraintExists { constraint, .. } => format!("Constraint name already exists: {constraint}"),
        Error::InvalidConstraint { what, name } => format!("{}: {name}", capitalized(what)),
        Error::NoSuchKey { columns, table } => format!(
            "Foreign key references {} of {table}, but no corresponding primary key or unique key exists",
            columns.join(", ")
        ),
        Error::InvalidName { what, name } => invalid_name(what, name),
        Error::InvalidType { text } => format!("Invalid column type: {text}"),
        Error::NoSuchColumn {
            database,
            table,
            column,
        } => format!("Column {column} doesn't exist in table {table} in database {database}"),
        Error::IncompatibleTypes { columns } => format!(
            "The following columns have types incompatible with the existing columns in their respective \
             positions : {}",
            columns.join(",")
        ),
        Error::PartitionKeysChanged { .. } => "partition keys can not be changed.".into(),
        Error::PartitionArity { keys, values } => format!(
            "Invalid partition key & values; keys {}, values {}",
            counted_list(keys),
            counted_list(values)
        ),
        Error::IncompletePartitionName { missing, .. } => {
            format!("incomplete partition name - missing {missing}")
        }
        Error::DatabaseNotEmpty { name, what } => {
            format!("Database {name} is not empty. {} exist.", capitalized(what))
        }
        Error::DefaultDatabase => "Can not drop default database in catalog hive".into(),
        Error::ForeignLocation { .. } => {
            format!("{error}: write to it through its own ref, or give a location of the ref in use")
        }
        Error::Folder { operation, uri, .. } if *operation == "making" => {
            format!("{uri} is not a directory or unable to create one")
        }
        Error::Corrupt { .. } => format!("{error} (run `skep fsck`)"),
        // whoever compares knows how the client spells places, and words this itself
        Error::ParameterMismatch { .. }
        | Error::InvalidColumn { .. }
        | Error::InvalidPartitionName { .. }
        | Error::InvalidPartitionValue { .. }
        | Error::NotPartitioned { .. }
        | Error::InvalidLocation { .. }
        | Error::Folder { .. }
        | Error::NotAllowed { .. }
        | Error::Store(_) => error.to_string(),
    }
}

fn describe_ledger(error: &LedgerError) -> (&'static [Class], String) {
    let classes: &'static [Class] = match error {
        LedgerError::NoLockToCheck(_) | LedgerError::NoLockToBeat(_) => &[Class::NoSuchLock],
        LedgerError::OfTransaction { .. } => &[Class::TransactionOpen],
        LedgerError::NoTransaction(_) | LedgerError::Committed(_) => &[Class::NoSuchTransaction, Class::Meta],
        LedgerError::Aborted(_) | LedgerError::WriteConflict { .. } => {
            &[Class::TransactionAborted, Class::NoSuchTransaction, Class::Meta]
        }
        LedgerError::LateSeed { .. }
        | LedgerError::LateWriteSeed { .. }
        | LedgerError::NoTransactionList(_) => META,
        LedgerError::Store(error) => return describe_store(error),
    };
    (classes, error.to_string())
}

fn describe_store(error: &versioning::Error) -> (&'static [Class], String) {
    use versioning::Error;
    match error {
        Error::NotFound { .. }
        | Error::BranchDeleted { .. }
        | Error::Ambiguous { .. }
        | Error::Name { .. } => (MISSING_DATABASE, error.to_string()),
        Error::AlreadyExists { .. } => (EXISTS, error.to_string()),
        Error::ReadOnly { reference } => (
            REFUSED,
            format!("{reference} is read-only: it is a tag or a commit; write to a branch instead"),
        ),
        Error::Protected { branch, rule } => (
            REFUSED,
            format!("branch {branch} is protected ({rule}): write to another branch and merge it"),
        ),
        Error::RepositoryReadOnly { .. } => (META, error.to_string()),
        Error::NothingToCommit { .. }
        | Error::NothingToPick { .. }
        | Error::HeadMoved { .. }
        | Error::Dirty { .. }
        | Error::MergeState { .. }
        | Error::Refused { .. } => (REFUSED, error.to_string()),
        Error::TooLarge { .. } | Error::WriteTooLarge { .. } => (INVALID, error.to_string()),
        Error::Storage { .. }
        | Error::NoSpace { .. }
        | Error::InUse { .. }
        | Error::Corrupt { .. }
        | Error::Internal(_) => (META, error.to_string()),
    }
}

fn invalid_name(what: &str, name: &str) -> String {
    let what = if what == "database" { what } else { "object" };
    format!("{name} is not a valid {what} name")
        .trim_start()
        .to_owned()
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

/// Spells a list as Java does.
pub(crate) fn java_list(values: &[String]) -> String {
    format!("[{}]", values.join(", "))
}

/// Spells a list as the original does where it complains of its length.
fn counted_list(values: &[String]) -> String {
    format!(
        "[{}]",
        values
            .iter()
            .map(|value| format!("{value}, "))
            .collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use thrift_idl::methods::{AddPartition, AlterTable, FlushCache, GetDatabase, GetFields, GetTable};
    use thrift_idl::types::Exception;

    use super::*;

    fn name<R: Servable>(failure: impl Into<Failure>) -> Option<&'static str> {
        match raise::<R>(failure.into()) {
            Answer::Reply { exception, .. } => exception,
            Answer::Unanswerable(_) | Answer::HangUp(_) => None,
            Answer::Stream(_) => panic!("a failure is no stream"),
        }
    }

    #[test]
    fn each_method_throws_what_it_declares() {
        let missing = || Error::NoSuchTable {
            database: "g1".into(),
            table: "nope".into(),
        };
        assert_eq!(name::<GetTable>(missing()), Some("NoSuchObjectException"));
        assert_eq!(name::<GetFields>(missing()), Some("UnknownTableException"));
        assert_eq!(name::<AlterTable>(missing()), Some("InvalidOperationException"));
        assert_eq!(name::<AddPartition>(missing()), Some("InvalidObjectException"));
        assert_eq!(name::<FlushCache>(missing()), None);
        let read_only = versioning::Error::ReadOnly {
            reference: "v1".into(),
        };
        assert_eq!(
            name::<AlterTable>(read_only.clone()),
            Some("InvalidOperationException")
        );
        assert_eq!(name::<AddPartition>(read_only), Some("MetaException"));
        let no_ref = versioning::Error::NotFound {
            what: "ref",
            name: "x".into(),
        };
        assert_eq!(name::<GetDatabase>(no_ref), Some("NoSuchObjectException"));
    }

    #[test]
    fn texts_are_those_that_clients_look_for() {
        let text = |error: Error| describe(&error).1;
        let Failure::As(_, mismatch) = Failure::mismatch("metadata_location", Some("b"), "a") else {
            panic!("it has its own words")
        };
        assert_eq!(
            mismatch,
            "The table has been modified. The parameter value for key 'metadata_location' is 'b'. The expected \
             was value was 'a'"
        );
        let arity = Error::PartitionArity {
            keys: vec!["d".into(), "s".into()],
            values: vec!["x".into()],
        };
        assert_eq!(
            text(arity),
            "Invalid partition key & values; keys [d, s, ], values [x, ]"
        );
        assert_eq!(
            text(Error::InvalidName {
                what: "database",
                name: String::new()
            }),
            "is not a valid database name"
        );
        let values = vec!["2099-01-01".into(), "x".into()];
        let partition = Error::NoSuchPartition {
            database: "g".into(),
            table: "p".into(),
            values,
        };
        assert_eq!(text(partition), "partition values=[2099-01-01, x]");
        assert!(matches!(
            Class::Meta.with(String::new()),
            Exception::MetaException(_)
        ));
    }
}
