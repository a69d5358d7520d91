//! The pause before a head moves, in which checks may refuse.

use std::fmt::Debug;

use async_trait::async_trait;

use super::Extent;
use crate::{CommitId, RefName, RepositoryName, Result};

/// A head move that awaits its judgement.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub repository: RepositoryName,
    pub branch: RefName,
    /// The head before the move.
    pub head: CommitId,
    /// The commit that would become the head. It is stored and every client can read it by its id.
    pub candidate: CommitId,
    /// What is merged, reverted or picked, as the caller named it.
    pub source: String,
    pub author: String,
    pub message: String,
}

/// What a gate says to a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Pass {
        /// The names of the checks that passed.
        checks: Vec<String>,
        /// What the judgement rests on: while nothing of it changes, it would be the same again.
        reads: Extent,
    },
    /// Why the proposal is refused, check by check.
    Refuse(Vec<Refusal>),
}

/// A check that did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub check: String,
    /// What the check found, for people: several lines are allowed.
    pub reason: String,
}

/// The pause before a head moves, in which checks may refuse. Runs outside of any lock that a
/// writer needs.
#[async_trait]
pub trait Gate: Debug + Send + Sync {
    /// Judges a proposal.
    ///
    /// # Errors
    /// When no judgement could be reached; the head does not move then.
    async fn judge(&self, proposal: &Proposal) -> Result<Verdict>;
}

/// A gate without checks.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenGate;

#[async_trait]
impl Gate for OpenGate {
    async fn judge(&self, _: &Proposal) -> Result<Verdict> {
        Ok(Verdict::Pass {
            checks: Vec::new(),
            reads: Extent::none(),
        })
    }
}
