//! What ref expressions name.

use super::Repository;
use crate::refs::CommitMode;
use crate::{CommitId, Error, RefExpr, RefName, Result, Roots};

/// The fewest digits by which a commit can be named.
pub const SHORT_ID_MIN: usize = 8;

/// What a ref expression names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefKind {
    /// Can be written.
    Branch,
    Tag,
    Commit,
}

/// A resolved ref expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    pub kind: RefKind,
    /// The commit: of a branch its head.
    pub commit: CommitId,
}

impl Repository {
    /// Resolves a ref expression: a branch, else a tag, else a commit id or at least eight of its digits.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`].
    pub async fn resolve(&self, at: &RefExpr) -> Result<Resolved> {
        let found = match at.commit {
            Some(commit) => Resolved {
                kind: RefKind::Commit,
                commit: self.core().entry(commit).await?.id,
            },
            None => self.resolve_name(&at.name).await?,
        };
        match at.back {
            0 => Ok(found),
            back => {
                let commit = self.core().ancestor(found.commit, back).await?;
                Ok(Resolved {
                    kind: RefKind::Commit,
                    commit,
                })
            }
        }
    }

    async fn resolve_name(&self, name: &RefName) -> Result<Resolved> {
        let core = self.core();
        match self.open_branch(name).await {
            Ok(branch) => {
                return Ok(Resolved {
                    kind: RefKind::Branch,
                    commit: branch.state().record.head,
                });
            }
            Err(Error::NotFound { what: "branch", .. }) => {}
            Err(error) => return Err(error),
        }
        if let Some(commit) = core.refs.tag(core.id, name).await? {
            return Ok(Resolved {
                kind: RefKind::Tag,
                commit,
            });
        }
        let digits = name.as_str();
        if digits.len() >= SHORT_ID_MIN && crate::id::is_lower_hex(digits) {
            match core.refs.commits_by_prefix(core.id, digits, 2).await?.as_slice() {
                [] => {}
                [commit] => {
                    return Ok(Resolved {
                        kind: RefKind::Commit,
                        commit: *commit,
                    });
                }
                _ => {
                    return Err(Error::Ambiguous {
                        name: name.to_string(),
                    });
                }
            }
        }
        Err(Error::NotFound {
            what: "ref",
            name: name.to_string(),
        })
    }

    /// Returns the commit that a ref expression stands for where something begins there. Of a branch the
    /// committed state counts; where the server commits on its own, it does so first, for nobody there has
    /// asked to keep anything back.
    pub(super) async fn beginning(&self, at: &RefExpr) -> Result<CommitId> {
        let resolved = self.resolve(at).await?;
        if resolved.kind == RefKind::Branch && !at.committed {
            let branch = self.open_branch(&at.name).await?;
            let state = branch.state();
            if state.record.mode != CommitMode::Staged && state.has_staged() {
                self.core().commit_on_own(&branch, "skep").await?;
                return Ok(branch.state().record.head);
            }
        }
        Ok(resolved.commit)
    }

    /// Returns as [`Repository::beginning`] does what something would begin at, and changes nothing: what the
    /// server would commit first comes as trees.
    pub(super) async fn would_begin(&self, at: &RefExpr) -> Result<(CommitId, Option<Roots>)> {
        let resolved = self.resolve(at).await?;
        if resolved.kind == RefKind::Branch && !at.committed {
            let state = self.open_branch(&at.name).await?.state();
            if state.record.mode != CommitMode::Staged {
                let trees = self.core().would_commit(&state).await?;
                let is_ahead = trees != state.head_roots;
                return Ok((state.record.head, is_ahead.then_some(trees)));
            }
        }
        Ok((resolved.commit, None))
    }
}
