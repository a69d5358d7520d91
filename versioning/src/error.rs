//! What can go wrong in the store, and what the caller should do about it.

use crate::{CommitId, RefName};

/// The result of an operation on the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller should do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Mend the request.
    Invalid,
    /// Nothing of that name is there.
    NotFound,
    /// Something of that name is there already.
    AlreadyExists,
    /// Look at the present state, then decide.
    Conflict,
    /// Not allowed on this ref, or to this caller.
    Denied,
    /// Try again later.
    Unavailable,
    /// Stored bytes are not what was written: run `skep fsck`, restore from a copy.
    Corrupt,
    /// A defect of skep.
    Internal,
}

/// An error of the store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("{what} {name:?} is not valid: it has to be {rule}")]
    Name {
        what: &'static str,
        name: String,
        rule: &'static str,
    },
    #[error("{what} {name:?} not found")]
    NotFound { what: &'static str, name: String },
    #[error("branch {branch} was deleted meanwhile")]
    BranchDeleted { branch: RefName },
    #[error("{what} {name:?} already exists")]
    AlreadyExists { what: &'static str, name: String },
    #[error("{name:?} is ambiguous: it begins the ids of several commits")]
    Ambiguous { name: String },
    #[error("{reference} is read-only: only branches can be written")]
    ReadOnly { reference: String },
    #[error(
        "repository {repository} is read-only: skep repository set {repository} --read-only false opens it for writes"
    )]
    RepositoryReadOnly { repository: String },
    #[error("branch {branch} is protected: {rule}")]
    Protected { branch: RefName, rule: String },
    #[error("nothing to commit on branch {branch}")]
    NothingToCommit { branch: RefName },
    #[error(
        "branch {branch} has commit {} already, and what it changed there was changed again: a cherry-pick would bring \
         that back", .commit.short()
    )]
    NothingToPick { branch: RefName, commit: CommitId },
    #[error("branch {branch} moved: expected {expected:?}, found {found:?}")]
    HeadMoved {
        branch: RefName,
        expected: CommitId,
        found: CommitId,
    },
    #[error(
        "branch {branch} has uncommitted changes that {operation} would touch: commit or reset them first"
    )]
    Dirty {
        branch: RefName,
        operation: &'static str,
    },
    #[error("merge {merge} is in the state {state}")]
    MergeState { merge: String, state: &'static str },
    #[error("{operation} is refused: {reason}")]
    Refused { operation: &'static str, reason: String },
    #[error("{what} is larger than {limit} bytes")]
    TooLarge { what: &'static str, limit: u64 },
    #[error("a write of {size} bytes is too large, {limit} is the limit: split it into several writes")]
    WriteTooLarge { size: u64, limit: u64 },
    #[error("{operation} failed: {message}")]
    Storage {
        operation: &'static str,
        message: String,
    },
    #[error("no space left: {operation} was not done")]
    NoSpace { operation: &'static str },
    #[error("the folder {folder} is in use by process {pid}")]
    InUse { folder: String, pid: u32 },
    #[error("{what} {key} is damaged: {message}")]
    Corrupt {
        what: &'static str,
        key: String,
        message: String,
    },
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// Returns what the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Name { .. }
            | Error::Ambiguous { .. }
            | Error::TooLarge { .. }
            | Error::WriteTooLarge { .. } => Kind::Invalid,
            Error::NotFound { .. } | Error::BranchDeleted { .. } => Kind::NotFound,
            Error::AlreadyExists { .. } => Kind::AlreadyExists,
            Error::ReadOnly { .. }
            | Error::RepositoryReadOnly { .. }
            | Error::Protected { .. }
            | Error::Refused { .. } => Kind::Denied,
            Error::NothingToCommit { .. }
            | Error::NothingToPick { .. }
            | Error::HeadMoved { .. }
            | Error::Dirty { .. }
            | Error::MergeState { .. } => Kind::Conflict,
            Error::Storage { .. } | Error::NoSpace { .. } | Error::InUse { .. } => Kind::Unavailable,
            Error::Corrupt { .. } => Kind::Corrupt,
            Error::Internal(_) => Kind::Internal,
        }
    }
}
