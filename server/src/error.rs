//! How a command fails: what is told, and the exit code.

use std::fmt;
use std::process::ExitCode;

use api::ProblemBody;
use versioning::Kind;

use crate::output::{Format, printable};

/// Exit codes, told apart for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Failed = 1,
    /// As clap's: the command line or the settings are wrong.
    WrongUse = 2,
    /// A merge has conflicts, or the present state is not what the command needs.
    Conflict = 3,
    /// A check or a protection refused.
    Refused = 4,
}

/// A failed command.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the failure of a request that was answered by a problem.
    pub(crate) fn of_problem(problem: ProblemBody) -> Failure {
        let exit = match (problem.kind.as_str(), problem.status) {
            ("conflict" | "already_exists", _) => Exit::Conflict,
            ("denied", _) => Exit::Refused,
            ("invalid", _) => Exit::WrongUse,
            _ => Exit::Failed,
        };
        Failure {
            exit,
            message: problem.detail,
            hint: problem.hint,
        }
    }

    /// Tells the failure on standard error, to programs as one line of JSON, and returns the exit code.
    #[expect(clippy::print_stderr, reason = "this is what a command tells its user")]
    pub(crate) fn report(self, format: Format) -> ExitCode {
        match format {
            Format::Text => eprintln!("skep: {}", printable(&self.to_string())),
            Format::Json => {
                let kind = match self.exit {
                    Exit::Failed => "failed",
                    Exit::WrongUse => "invalid",
                    Exit::Conflict => "conflict",
                    Exit::Refused => "refused",
                };
                let (code, detail, hint) = (self.exit as u8, &self.message, &self.hint);
                eprintln!(
                    "{}",
                    serde_json::json!({"type": kind, "exit": code, "detail": detail, "hint": hint})
                );
            }
        }
        ExitCode::from(self.exit as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<versioning::Error> for Failure {
    fn from(error: versioning::Error) -> Failure {
        let hint = match &error {
            versioning::Error::InUse { pid, .. } => Some(format!(
                "talk to that server (skep --url …), stop it (kill {pid}), or give another folder (--data)"
            )),
            versioning::Error::NoSpace { .. } => Some("free some space: nothing was lost".into()),
            versioning::Error::Corrupt { .. } => Some("restore the folder from a copy".into()),
            _ => None,
        };
        let exit = match error.kind() {
            Kind::Invalid => Exit::WrongUse,
            Kind::Conflict | Kind::AlreadyExists => Exit::Conflict,
            Kind::Denied => Exit::Refused,
            Kind::NotFound | Kind::Unavailable | Kind::Corrupt | Kind::Internal => Exit::Failed,
        };
        Failure {
            exit,
            message: error.to_string(),
            hint,
        }
    }
}

impl From<catalog::Error> for Failure {
    fn from(error: catalog::Error) -> Failure {
        match error {
            catalog::Error::Store(error) => error.into(),
            other => Failure::new(Exit::Failed, other.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::new(Exit::Failed, error.to_string())
    }
}
