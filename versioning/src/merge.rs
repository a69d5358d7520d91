//! Three-way merges: the walk over what two sides changed, and the protocol by which a result lands.
//!
//! A merge is prepared without any lock: sides are compared, the resolver decides, and the result is stored
//! as a *candidate* commit that every client can read by its id. The gate judges it, for as long as it
//! takes. Then it lands, if head and rules are what they were; else the candidate is merged with the new head,
//! which costs what the head moved by, and a [`Policy`] says whether it is judged again. What was staged meanwhile
//! is carried over.

mod carry;
mod gate;
mod journal;
mod judge;
mod land;
mod policy;
mod rehearsal;
mod run;
mod sides;
mod warnings;

use std::collections::BTreeMap;
use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

pub use self::gate::{Gate, OpenGate, Proposal, Refusal, Verdict};
pub(crate) use self::journal::Journal;
pub use self::policy::{Extent, Policy, Strictness};
pub(crate) use self::run::{Incoming, Merge};
pub use self::sides::{Change3, Changes, Sides};
pub use self::warnings::Warnings;
use crate::attempts::{AttemptId, ConflictRecord};
use crate::view::View;
use crate::{Batch, CommitId, RefName, Result};

/// What a resolver decided.
#[derive(Debug, Clone)]
pub struct Resolution<C> {
    /// What has to be changed in *ours* so that it becomes the merged state. Of no effect when there are
    /// conflicts.
    pub patch: Batch,
    /// All conflicts, not just the first.
    pub conflicts: Vec<C>,
    /// What was merged and is to be looked at.
    pub warnings: Warnings,
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

    /// Returns a conflict as it is stored.
    fn record(conflict: &Self::Conflict) -> ConflictRecord;

    /// Returns the same resolver without what somebody wished for one merge: it serves to merge what a branch has
    /// besides, about which nobody said anything.
    #[must_use]
    fn plain(&self) -> Self
    where
        Self: Sized;

    /// Returns the same resolver at a greater strictness, where a branch asks for that and nobody said how strict it is
    /// to be; `None` if it is strict enough as it is. One that knows no levels is.
    ///
    /// # Errors
    /// [`crate::Error::Refused`] if somebody asked for less.
    fn at_least(&self, _least: Strictness) -> Result<Option<Self>>
    where
        Self: Sized,
    {
        Ok(None)
    }

    /// Returns what the change from one settled state to another touches. As much as anything if not told better.
    ///
    /// # Errors
    /// Those of reading the states.
    async fn touches(&self, _before: &View, _after: &View) -> Result<Extent> {
        Ok(Extent::All)
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
    /// What becomes of a judgement when the head moved meanwhile; `None` is what the branch's rules say. Not less
    /// strict than these.
    pub policy: Option<Policy>,
    /// Of a merge: make a commit that does not remember the source as a parent.
    pub squash: bool,
    /// Of a cherry-pick: repeat the change though the branch has the commit in its history.
    pub again: bool,
    /// What is wished of the resolver: kept with the attempt for those who make the same resolver again.
    pub options: Bytes,
    /// Report what would happen, and change nothing. Checks are not run.
    pub dry_run: bool,
}

impl Landing {
    /// Returns a landing on a branch with nothing else said.
    pub fn onto(into: RefName, author: impl Into<String>) -> Landing {
        Landing {
            into,
            author: author.into(),
            message: None,
            metadata: BTreeMap::new(),
            policy: None,
            squash: false,
            again: false,
            options: Bytes::new(),
            dry_run: false,
        }
    }
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

/// How a merge, revert or cherry-pick ended, and what of it is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeReport<C> {
    pub outcome: MergeOutcome<C>,
    /// Under which id it is recorded: not if it was a dry run, or had nothing to do from the first.
    pub attempt: Option<AttemptId>,
    /// Those of what landed, would land or was refused; beside conflicts, those of the rest.
    pub warnings: Warnings,
}
