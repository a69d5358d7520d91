//! Those who watch what is done to refs: asked before, told after.
//!
//! Merges, reverts and cherry-picks are judged by the [`Gate`](crate::merge::Gate) that is given with them, on their
//! exact result and as often as that changes. A guard is told of these, too; all else it judges alone.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::{CommitId, RefName, Repository, Result};

/// What is done to a ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    Commit,
    Merge,
    Revert,
    CherryPick,
    Reset,
    CreateBranch,
    DeleteBranch,
    CreateTag,
    DeleteTag,
}

impl Act {
    /// All acts, in order.
    pub const ALL: [Act; 9] = [
        Act::Commit,
        Act::Merge,
        Act::Revert,
        Act::CherryPick,
        Act::Reset,
        Act::CreateBranch,
        Act::DeleteBranch,
        Act::CreateTag,
        Act::DeleteTag,
    ];

    /// Returns the name by which people know the act: `create-branch`.
    pub fn name(self) -> &'static str {
        match self {
            Act::Commit => "commit",
            Act::Merge => "merge",
            Act::Revert => "revert",
            Act::CherryPick => "cherry-pick",
            Act::Reset => "reset",
            Act::CreateBranch => "create-branch",
            Act::DeleteBranch => "delete-branch",
            Act::CreateTag => "create-tag",
            Act::DeleteTag => "delete-tag",
        }
    }
}

/// Something that is done to a ref, by whom and in which words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefEvent {
    pub act: Act,
    /// The branch or tag.
    pub name: RefName,
    /// The head before, of what has one.
    pub head: Option<CommitId>,
    /// The commit that becomes the head, or has. Every client can read it by its id.
    pub commit: Option<CommitId>,
    /// What is merged, reverted or picked, or where a ref begins, as the caller named it.
    pub source: Option<String>,
    pub author: Option<String>,
    pub message: Option<String>,
    /// Whether a [`Gate`](crate::merge::Gate) judges it, so that the guard does not.
    pub has_gate: bool,
}

impl RefEvent {
    /// Returns an event with nothing said but what is done to which ref.
    pub fn new(act: Act, name: RefName) -> RefEvent {
        RefEvent {
            act,
            name,
            head: None,
            commit: None,
            source: None,
            author: None,
            message: None,
            has_gate: false,
        }
    }
}

/// What a guard noted down before something was done, to find it again after.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ticket(pub Vec<String>);

/// Somebody who is asked before something is done to a ref, and told after.
#[async_trait]
pub trait Guard: Debug + Send + Sync {
    /// Returns whether anybody wants to judge such an event or be told of it. If not, the rest is not asked for.
    ///
    /// # Errors
    /// When that cannot be found out: then nothing is done.
    async fn watches(&self, repository: &Repository, event: &RefEvent) -> Result<bool>;

    /// Judges what is about to be done, and notes down durably who is to be told if it is.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused) keeps it from being done, as does every other.
    async fn before(&self, repository: &Repository, event: &RefEvent) -> Result<Ticket>;

    /// Is told that it was done. Does not hold up the caller, and cannot fail: what is left to do is noted down.
    async fn after(&self, repository: &Repository, event: &RefEvent, ticket: Ticket);

    /// Is told that it was not done after all.
    async fn undone(&self, repository: &Repository, ticket: Ticket);
}
