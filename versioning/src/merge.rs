//! Three-way merges: the walk over what two sides changed, and the protocol by which a result lands.

use std::collections::BTreeMap;
use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

use crate::view::View;
use crate::{Batch, CommitId, KeyRange, RefExpr, RefName, RepositoryName, Result, Space, Value};

/// The three versions of a merge. None has uncommitted operations.
#[derive(Debug, Clone)]
pub struct Sides {
    pub base: View,
    pub ours: View,
    pub theirs: View,
}

/// A key that at least one side changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change3 {
    pub key: Bytes,
    pub base: Option<Value>,
    pub ours: Option<Value>,
    pub theirs: Option<Value>,
}

impl Change3 {
    /// Returns whether our side differs from the base.
    pub fn ours_changed(&self) -> bool {
        self.ours != self.base
    }

    /// Returns whether their side differs from the base.
    pub fn theirs_changed(&self) -> bool {
        self.theirs != self.base
    }
}

impl Sides {
    /// Returns the keys of `range` that ours or theirs changed, in order; its cost follows their number.
    pub fn changes(&self, _space: Space, _range: KeyRange) -> Changes {
        todo!()
    }
}

/// A walk over the changes of two sides.
#[derive(Debug)]
pub struct Changes {
    _inner: (),
}

impl Changes {
    /// Returns the next key that a side changed.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`], [`crate::Error::Storage`].
    pub async fn next(&mut self) -> Result<Option<Change3>> {
        todo!()
    }
}

/// What a resolver decided.
#[derive(Debug, Clone)]
pub struct Resolution<C> {
    /// What has to be changed in *ours* so that it becomes the merged state. Of no effect when there are
    /// conflicts.
    pub patch: Batch,
    /// All conflicts, not just the first.
    pub conflicts: Vec<C>,
}

/// Decides what a merge of three versions is. Knows what keys and values mean; the store does not.
#[async_trait]
pub trait Resolver: Debug + Send + Sync {
    type Conflict: Debug + Send + 'static;

    /// Merges the sides. Has to depend on nothing but them: no clock, no chance.
    ///
    /// # Errors
    /// Those of reading the sides.
    async fn resolve(&self, sides: &Sides) -> Result<Resolution<Self::Conflict>>;
}

/// A head move that awaits its judgement.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub repository: RepositoryName,
    pub branch: RefName,
    /// The head before the move.
    pub head: CommitId,
    /// The commit that would become the head. It is stored and every client can read it by its id.
    pub candidate: CommitId,
    pub source: String,
    pub author: String,
    pub message: String,
}

/// What a gate says to a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The names of the checks that passed.
    Pass(Vec<String>),
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

/// The pause before a head moves, in which checks may refuse. Runs outside of any lock.
#[async_trait]
pub trait Gate: Debug + Send + Sync {
    /// Judges a proposal.
    ///
    /// # Errors
    /// When no judgement could be reached; the head does not move then.
    async fn judge(&self, proposal: &Proposal) -> Result<Verdict>;
}

/// What is to be merged.
#[derive(Debug, Clone)]
pub struct MergeRequest {
    pub source: RefExpr,
    pub into: RefName,
    pub author: String,
    /// `None` makes one of the names.
    pub message: Option<String>,
    pub metadata: BTreeMap<String, String>,
    /// Report what would happen, and change nothing. Checks are not run.
    pub dry_run: bool,
}

/// How a merge, revert or cherry-pick ended. Only `Landed` has changed anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergeOutcome<C> {
    Landed(CommitId),
    /// The destination has everything already.
    UpToDate(CommitId),
    /// A dry run found no conflict.
    Clean,
    Conflicts(Vec<C>),
    Refused { candidate: CommitId, refusals: Vec<Refusal> },
}
