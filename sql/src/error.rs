//! What can go wrong with a query, and what the caller should do about it.

use datafusion::error::DataFusionError;
use datafusion::object_store;
use datafusion::parquet::errors::ParquetError;
use datafusion::sql::sqlparser::parser::ParserError;
use versioning::Kind;

/// The result of a query.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a query.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The statement would change something, or is of a kind that is not served.
    #[error(
        "{statement} is refused: only what reads is run here: SELECT, EXPLAIN, DESCRIBE, SHOW DATABASES, TABLES, BRANCHES, TAGS, LOG and DIFF; partitions, files and columns are rows of skep.partitions, skep.files and information_schema.columns"
    )]
    Refused { statement: String },
    /// The statement cannot be understood, or speaks of what is not there.
    #[error("{message}")]
    Statement { message: String },
    /// The statement was understood, and its evaluation failed, as by a division by zero.
    #[error("the query failed: {message}")]
    Failed { message: String },
    /// A change of a ref did not happen, as for conflicts or checks.
    #[error("{message}")]
    NotChanged { kind: Kind, message: String },
    #[error("table {table} cannot be read: {reason}")]
    Unreadable { table: String, reason: String },
    #[error("file {path} is damaged: {message}")]
    Damaged { path: String, message: String },
    #[error("the query needs more memory than the limit of {limit_bytes} bytes: {message}")]
    OutOfMemory { limit_bytes: usize, message: String },
    #[error("the query took longer than the limit of {limit_ms} ms")]
    TooLong { limit_ms: u64 },
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    #[error(transparent)]
    Store(#[from] versioning::Error),
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// Returns what the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Refused { .. } => Kind::Denied,
            Error::Statement { .. } | Error::Failed { .. } | Error::Unreadable { .. } => Kind::Invalid,
            Error::NotChanged { kind, .. } => *kind,
            Error::Damaged { .. } => Kind::Corrupt,
            Error::OutOfMemory { .. } | Error::TooLong { .. } => Kind::Unavailable,
            Error::Catalog(error) => error.kind(),
            Error::Store(error) => error.kind(),
            Error::Internal(_) => Kind::Internal,
        }
    }

    /// Returns what DataFusion's error means. `limit_bytes` is the memory that it was given.
    pub(crate) fn of(error: &DataFusionError, limit_bytes: usize) -> Error {
        if let Some(own) = Error::own(error) {
            return own;
        }
        let message = last_line(error);
        match error.find_root() {
            DataFusionError::ResourcesExhausted(message) => Error::OutOfMemory {
                limit_bytes,
                message: message.clone(),
            },
            DataFusionError::SQL(error, _) => Error::Statement { message: told(error) },
            DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::NotImplemented(_)
            | DataFusionError::Configuration(_) => Error::Statement { message },
            DataFusionError::Internal(_) => Error::Internal(message),
            _ => Error::Failed { message },
        }
    }

    /// Returns the error of ours that has come back through DataFusion, if there is one.
    pub(crate) fn own(error: &DataFusionError) -> Option<Error> {
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<Error>() {
                return Some(error.clone());
            }
            if let Some(error) = error.downcast_ref::<versioning::Error>() {
                return Some(Error::Store(error.clone()));
            }
            next = inner(error);
        }
        None
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> DataFusionError {
        DataFusionError::External(Box::new(error))
    }
}

/// The next error of the chain. Some wrappers hide theirs from `source()`, or are shared.
fn inner<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a (dyn std::error::Error + 'static)> {
    match error.downcast_ref::<DataFusionError>() {
        Some(DataFusionError::Shared(error)) => return Some(error.as_ref()),
        Some(DataFusionError::Context(_, error) | DataFusionError::Diagnostic(_, error)) => {
            return Some(error.as_ref());
        }
        Some(DataFusionError::External(error)) => return Some(error.as_ref()),
        Some(DataFusionError::ParquetError(error)) => return Some(error.as_ref()),
        Some(DataFusionError::ObjectStore(error)) => return Some(error.as_ref()),
        Some(DataFusionError::ArrowError(error, _)) => return Some(error.as_ref()),
        Some(DataFusionError::Collection(errors)) => return errors.first().map(|error| error as _),
        _ => {}
    }
    if let Some(ParquetError::External(error)) = error.downcast_ref::<ParquetError>() {
        return Some(error.as_ref());
    }
    if let Some(object_store::Error::Generic { source, .. }) = error.downcast_ref::<object_store::Error>() {
        return Some(source.as_ref());
    }
    error.source()
}

/// Returns what the parser did not understand.
fn told(error: &ParserError) -> String {
    match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
            format!("it cannot be parsed: {text}")
        }
        ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
    }
}

/// Returns the message without the backtrace that DataFusion may add.
fn last_line(error: &DataFusionError) -> String {
    error.find_root().strip_backtrace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_errors_come_back_through_datafusion() {
        let missing = || versioning::Error::NotFound {
            what: "file",
            name: "f".into(),
        };
        let stored = object_store::Error::Generic {
            store: "s",
            source: Box::new(missing()),
        };
        let through = [
            DataFusionError::from(Error::Store(missing())),
            DataFusionError::from(Error::Store(missing())).context("while planning"),
            DataFusionError::ObjectStore(Box::new(stored)),
            DataFusionError::ParquetError(Box::new(ParquetError::External(Box::new(missing())))),
        ];
        for error in through {
            assert!(
                matches!(
                    Error::of(&error, 0),
                    Error::Store(versioning::Error::NotFound { .. })
                ),
                "{error:?}"
            );
        }
    }

    #[test]
    fn datafusion_errors_are_told_apart() {
        for (error, kind) in [
            (DataFusionError::Plan("x".into()), Kind::Invalid),
            (
                DataFusionError::ResourcesExhausted("x".into()).context("y"),
                Kind::Unavailable,
            ),
            (DataFusionError::Internal("x".into()), Kind::Internal),
            (DataFusionError::Execution("x".into()), Kind::Invalid),
        ] {
            assert_eq!(Error::of(&error, 7).kind(), kind, "{error}");
        }
    }
}
