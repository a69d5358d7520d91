//! Errors, and the codes of gRPC by which clients are told of them.

use arrow_flight::error::FlightError;
use arrow_schema::ArrowError;
use tonic::{Code, Status};
use versioning::Kind;

/// An error on its way to a client.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// One of the kinds that all rooms know.
    #[error("{message}")]
    Of { kind: Kind, message: String },
    /// A statement needs more memory than it may have.
    #[error("{message}")]
    OutOfMemory { message: String },
    /// A statement takes longer than it may.
    #[error("{message}")]
    TooLong { message: String },
    /// Between the plan and the run, a table of the statement got other columns.
    #[error("the columns of the statement have changed since it was planned: run it again")]
    Changed,
    /// What Flight SQL has and this server has not.
    #[error("{what} not served here")]
    NotServed { what: &'static str },
}

impl Fault {
    /// Returns an error that the client has to mend.
    pub(crate) fn invalid(message: impl Into<String>) -> Fault {
        Fault::Of {
            kind: Kind::Invalid,
            message: message.into(),
        }
    }

    pub(crate) fn code(&self) -> Code {
        match self {
            Fault::Of { kind, .. } => code(*kind),
            Fault::OutOfMemory { .. } => Code::ResourceExhausted,
            Fault::TooLong { .. } => Code::DeadlineExceeded,
            Fault::Changed => Code::Aborted,
            Fault::NotServed { .. } => Code::Unimplemented,
        }
    }
}

fn code(kind: Kind) -> Code {
    match kind {
        Kind::Invalid => Code::InvalidArgument,
        Kind::NotFound => Code::NotFound,
        Kind::AlreadyExists => Code::AlreadyExists,
        Kind::Conflict => Code::FailedPrecondition,
        Kind::Denied => Code::PermissionDenied,
        Kind::Unavailable => Code::Unavailable,
        Kind::Corrupt => Code::DataLoss,
        Kind::Internal => Code::Internal,
    }
}

impl From<versioning::Error> for Fault {
    fn from(error: versioning::Error) -> Fault {
        Fault::Of {
            kind: error.kind(),
            message: error.to_string(),
        }
    }
}

/// Of rows that cannot be sent, and lists that cannot be made.
impl From<ArrowError> for Fault {
    fn from(error: ArrowError) -> Fault {
        Fault::Of {
            kind: Kind::Internal,
            message: format!("rows cannot be sent: {error}"),
        }
    }
}

impl From<FlightError> for Fault {
    fn from(error: FlightError) -> Fault {
        Fault::Of {
            kind: Kind::Internal,
            message: format!("rows cannot be sent: {error}"),
        }
    }
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Status {
        Status::new(fault.code(), fault.to_string())
    }
}
