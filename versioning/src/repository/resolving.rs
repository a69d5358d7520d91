//! What ref expressions name.

use super::{Repository, TRIES_MAX};
use crate::branch::Branch;
use crate::core::Core;
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

    /// Resolves a ref expression as [`Repository::resolve`] does; a name that nothing has stands for the one that
    /// differs from it in case alone, if there is just one. Returns the expression under its true name as well.
    ///
    /// # Errors
    /// As [`Repository::resolve`].
    pub async fn find(&self, asked: &RefExpr) -> Result<(RefExpr, Resolved)> {
        let renamed = |name| RefExpr {
            name,
            ..asked.clone()
        };
        if let Some(at) = self.inner.names.alike(&asked.name).map(renamed) {
            let resolved = self.resolve(&at).await?;
            return Ok((at, resolved));
        }
        let age = self.inner.names.known(&asked.name).1;
        let missing = match self.resolve(asked).await {
            Err(error @ Error::NotFound { what: "ref", .. }) => error,
            resolved => return resolved.map(|resolved| (asked.clone(), resolved)),
        };
        let name = self.only_alike(&asked.name).await?.ok_or(missing)?;
        if !self.core().refs.shared() {
            self.inner.names.remember_alike(age, &asked.name, &name);
        }
        let at = renamed(name);
        let resolved = self.resolve(&at).await?;
        Ok((at, resolved))
    }

    /// Returns the one branch or tag whose name differs from `asked` in case alone.
    async fn only_alike(&self, asked: &RefName) -> Result<Option<RefName>> {
        let branches = self.branches().await?.into_iter().map(|branch| branch.name);
        let tags = self.tags().await?.into_iter().map(|(name, _)| name);
        let mut alike = branches
            .chain(tags)
            .filter(|name| name.as_str().eq_ignore_ascii_case(asked.as_str()));
        Ok(match (alike.next(), alike.next()) {
            (Some(name), None) => Some(name),
            _ => None,
        })
    }

    async fn resolve_name(&self, name: &RefName) -> Result<Resolved> {
        let names = &self.inner.names;
        let branch = |head| Resolved {
            kind: RefKind::Branch,
            commit: head,
        };
        if let Some(open) = names.open_branch(name) {
            match open.refresh(self.core()).await {
                Ok(()) => return Ok(branch(open.state().record.head)),
                // another process removed it
                Err(Error::NotFound { what: "branch", .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let (known, age) = names.known(name);
        if let Some(known) = known {
            return Ok(known);
        }
        match self.open_branch(name).await {
            Ok(open) => return Ok(branch(open.state().record.head)),
            Err(Error::NotFound { what: "branch", .. }) => {}
            Err(error) => return Err(error),
        }
        let found = self.look_up(name).await?;
        // what other processes do to refs is not told here
        if !self.core().refs.shared() {
            names.remember(age, name, found);
        }
        Ok(found)
    }

    /// Asks the ref store what a name stands for that is no branch.
    async fn look_up(&self, name: &RefName) -> Result<Resolved> {
        let core = self.core();
        let found = |kind, commit| Ok(Resolved { kind, commit });
        if let Some(commit) = core.refs.tag(core.id, name).await? {
            return found(RefKind::Tag, commit);
        }
        let digits = name.as_str();
        let mut commits = Vec::new();
        if digits.len() >= SHORT_ID_MIN && crate::id::is_lower_hex(digits) {
            commits = core.refs.commits_by_prefix(core.id, digits, 2).await?;
        }
        match commits.as_slice() {
            [commit] => found(RefKind::Commit, *commit),
            [] => Err(Error::NotFound {
                what: "ref",
                name: name.to_string(),
            }),
            _ => Err(Error::Ambiguous {
                name: name.to_string(),
            }),
        }
    }

    /// Returns the commit that a ref expression stands for where something begins there. Of a branch the
    /// committed state counts; where the server commits on its own, it does so first, for nobody there has
    /// asked to keep anything back. As a commit that somebody asks for, it waits a while for a merge that has its turn.
    pub(super) async fn beginning(&self, at: &RefExpr) -> Result<CommitId> {
        let resolved = self.resolve(at).await?;
        if resolved.kind == RefKind::Branch && !at.committed {
            let branch = self.open_branch(&at.name).await?;
            let state = branch.state();
            if state.record.mode != CommitMode::Staged && state.has_staged() {
                return self.commit_first(&branch).await;
            }
        }
        Ok(resolved.commit)
    }

    /// Commits what is staged where the server commits on its own, and returns the head.
    async fn commit_first(&self, branch: &Branch) -> Result<CommitId> {
        branch.give_way(self.core()).await;
        for nth in 1..=TRIES_MAX {
            match self.core().commit_on_own(branch, "skep").await {
                // another server was faster, and its head is known by now
                Err(Error::HeadMoved { .. }) if nth < TRIES_MAX => {}
                done => {
                    done?;
                    break;
                }
            }
        }
        Ok(branch.state().record.head)
    }

    /// Returns as [`Repository::beginning`] does what something would begin at, and changes nothing: what the
    /// server would commit first comes as trees
    /// in `scratch`.
    pub(super) async fn would_begin(
        &self,
        scratch: &Core,
        at: &RefExpr,
    ) -> Result<(CommitId, Option<Roots>)> {
        let resolved = self.resolve(at).await?;
        if resolved.kind == RefKind::Branch && !at.committed {
            let state = self.open_branch(&at.name).await?.state();
            if state.record.mode != CommitMode::Staged {
                let trees = scratch.would_commit(&state).await?;
                let is_ahead = trees != state.head_roots;
                return Ok((state.record.head, is_ahead.then_some(trees)));
            }
        }
        Ok((resolved.commit, None))
    }
}
