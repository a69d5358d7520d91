//! Three-way merges: the walk over what two sides changed, and the protocol by which a result lands.
//!
//! A merge is prepared without any lock: sides are compared, the resolver decides, and the result is stored
//! as a *candidate* commit that every client can read by its id. The gate judges it, for as long as it
//! takes. Then it lands, if head and rules are what they were; else the candidate is merged with the new head,
//! which costs what the head moved by, and is judged again. What was staged meanwhile is carried over.

mod carry;
mod gate;
mod land;
mod rehearsal;
mod run;
mod sides;

use std::collections::BTreeMap;
use std::fmt::Debug;

use async_trait::async_trait;

pub use self::gate::{Gate, OpenGate, Proposal, Refusal, Verdict};
pub(crate) use self::run::{Incoming, Merge};
pub use self::sides::{Change3, Changes, Sides};
use crate::{Batch, CommitId, RefName, Result};

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
    /// Why a merge needs a person's decision.
    type Conflict: Debug + Send + 'static;

    /// Merges the sides. Has to depend on nothing but them: no clock, no chance.
    ///
    /// # Errors
    /// Those of reading the sides.
    async fn resolve(&self, sides: &Sides) -> Result<Resolution<Self::Conflict>>;

    /// Merges a candidate, as theirs, with a head that moved since the candidate was made, as ours. What was decided
    /// of single conflicts is in the candidate; what it meets now nobody has seen.
    ///
    /// # Errors
    /// As [`Resolver::resolve`].
    async fn resolve_again(&self, sides: &Sides) -> Result<Resolution<Self::Conflict>> {
        self.resolve(sides).await
    }

    /// Merges what is staged on the destination, as theirs, with what lands there, as ours. Nothing that was decided of
    /// the sides of the merge holds of these.
    ///
    /// # Errors
    /// As [`Resolver::resolve`].
    async fn resolve_staged(&self, sides: &Sides) -> Result<Resolution<Self::Conflict>> {
        self.resolve(sides).await
    }
}

/// On which branch a merge, revert or cherry-pick lands, and in whose words.
#[derive(Debug, Clone)]
pub struct Landing {
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
    Refused {
        candidate: CommitId,
        refusals: Vec<Refusal>,
    },
}
