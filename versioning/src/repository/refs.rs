//! The refs of a repository: branches, their rules, tags, and the log of their moves.

use futures::FutureExt;

use super::{Repository, SHORT_ID_MIN};
use crate::branch::{Branch, Meanwhile, State};
use crate::core::Core;
use crate::guard::{Act, RefEvent};
use crate::refs::{BranchRecord, BranchRules, CommitMode, Expiry, Protection, RefLogEntry};
use crate::{CommitId, Error, RefExpr, RefName, Result};

impl Repository {
    /// Returns all branches, by name.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn branches(&self) -> Result<Vec<BranchRecord>> {
        let mut branches = self.core().refs.branches(self.core().id).await?;
        branches.retain(|branch| !branch.name.is_shared());
        Ok(branches)
    }

    /// Returns a branch.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn branch(&self, name: &RefName) -> Result<BranchRecord> {
        Ok(self.open_branch(name).await?.state().record.clone())
    }

    /// Creates a branch at a commit. It costs one row, whatever the size of the repository. Of a branch as
    /// `from` the committed state counts; one that the server commits on its own is committed first.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], [`Error::NotFound`], [`Error::RepositoryReadOnly`].
    pub async fn create_branch(
        &self,
        name: &RefName,
        from: &RefExpr,
        mode: CommitMode,
    ) -> Result<BranchRecord> {
        let expiry = Expiry::default();
        self.create_branch_until(name, from, mode, expiry).await
    }

    /// As [`Repository::create_branch`], a branch that lives for so long, or less where the rules for its name say so.
    ///
    /// # Errors
    /// As [`Repository::create_branch`].
    pub async fn create_branch_until(
        &self,
        name: &RefName,
        from: &RefExpr,
        mode: CommitMode,
        expiry: Expiry,
    ) -> Result<BranchRecord> {
        let rules = self.rules().await?;
        rules.check_open(&self.inner.record.name)?;
        self.check_hides_no_commit(name).await?;
        let head = self.beginning(from).await?;
        let record = BranchRecord {
            expiry: rules.expiry_of(name.as_str(), expiry),
            ..new_branch(self.core(), name, head, mode)
        };
        let event = RefEvent {
            commit: Some(head),
            source: Some(from.to_string()),
            ..RefEvent::new(Act::CreateBranch, name.clone())
        };
        let create = async {
            let created = self.core().refs.create_branch(self.core().id, &record).await;
            self.inner.names.forget();
            created
        };
        self.guarded(event, create, |()| None).await?;
        Ok(record)
    }

    /// Fails if a commit goes by the name, since who means that would get the branch or tag.
    async fn check_hides_no_commit(&self, name: &RefName) -> Result<()> {
        let digits = name.as_str();
        if digits.len() < SHORT_ID_MIN {
            return Ok(());
        }
        let core = self.core();
        let commits = core.refs.commits_by_prefix(core.id, digits, 1).await?;
        match commits.is_empty() {
            true => Ok(()),
            false => Err(Error::AlreadyExists {
                what: "commit",
                name: digits.to_owned(),
            }),
        }
    }

    /// Removes a branch with all that is staged on it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] for the default branch, and for a protected one.
    pub async fn delete_branch(&self, name: &RefName) -> Result<()> {
        let branch = self.open_branch(name).await?;
        branch.state().check_open(&self.inner.record.name)?;
        if *name == self.inner.record.default_branch {
            return Err(Error::Refused {
                operation: "deleting a branch",
                reason: "it is the default branch of its repository".into(),
            });
        }
        let event = RefEvent::new(Act::DeleteBranch, name.clone());
        self.remove_branch(&branch, event, as_asked).await
    }

    /// Removes a branch if that is allowed of it as it is.
    pub(super) async fn remove_branch(
        &self,
        branch: &Branch,
        event: RefEvent,
        allowed: impl Fn(&State) -> Result<(String, Meanwhile)> + Send + 'static,
    ) -> Result<()> {
        let event = RefEvent {
            head: Some(branch.state().record.head),
            ..event
        };
        let delete = async {
            let deleted = branch.lane.run(move |actor| actor.delete(allowed).boxed()).await;
            self.inner.names.forget();
            deleted
        };
        self.guarded(event, delete, |()| None).await
    }

    /// Sets when writes become commits, and whether the branch is protected.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn set_branch_rules(
        &self,
        name: &RefName,
        mode: CommitMode,
        protection: Option<Protection>,
    ) -> Result<()> {
        let change = move |now: &BranchRecord| BranchRules {
            mode,
            protection,
            expiry: now.expiry,
        };
        self.change_branch_rules(name, change).await
    }

    /// Replaces the rules of a branch by what `change` makes of those that it has; no other change comes between.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn change_branch_rules(
        &self,
        name: &RefName,
        change: impl FnOnce(&BranchRecord) -> BranchRules + Send + 'static,
    ) -> Result<()> {
        let branch = self.open_branch(name).await?;
        branch
            .lane
            .run(move |actor| actor.change_rules(change).boxed())
            .await
    }

    /// Returns all tags, by name.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn tags(&self) -> Result<Vec<(RefName, CommitId)>> {
        self.core().refs.tags(self.core().id).await
    }

    /// Creates a tag; what it names is found as for [`Repository::create_branch`].
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], [`Error::NotFound`], [`Error::RepositoryReadOnly`].
    pub async fn create_tag(&self, name: &RefName, at: &RefExpr) -> Result<CommitId> {
        self.check_open().await?;
        self.check_hides_no_commit(name).await?;
        let commit = self.beginning(at).await?;
        let core = self.core();
        let event = RefEvent {
            commit: Some(commit),
            source: Some(at.to_string()),
            ..RefEvent::new(Act::CreateTag, name.clone())
        };
        let create = async {
            let now_us = core.clock.now_us();
            let created = core.refs.create_tag(core.id, name, commit, now_us).await;
            self.inner.names.forget();
            created
        };
        self.guarded(event, create, |()| None).await?;
        Ok(commit)
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RepositoryReadOnly`].
    pub async fn delete_tag(&self, name: &RefName) -> Result<()> {
        self.check_open().await?;
        let core = self.core();
        let delete = async {
            let deleted = core.refs.delete_tag(core.id, name, core.clock.now_us()).await;
            self.inner.names.forget();
            if deleted? {
                return Ok(());
            }
            Err(Error::NotFound {
                what: "tag",
                name: name.to_string(),
            })
        };
        let known = self.resolve(&RefExpr::from(name.clone())).await.ok();
        let event = RefEvent {
            head: known.map(|known| known.commit),
            ..RefEvent::new(Act::DeleteTag, name.clone())
        };
        self.guarded(event, delete, |()| None).await
    }

    /// Returns the latest recorded moves of refs, newest first.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn ref_log(&self, limit: usize) -> Result<Vec<RefLogEntry>> {
        // the shared namespace begins once and never moves
        let limit_with_it = limit.saturating_add(1);
        let mut entries = self.core().refs.ref_log(self.core().id, limit_with_it).await?;
        entries.retain(|entry| !entry.branch.is_shared());
        entries.truncate(limit);
        Ok(entries)
    }
}

/// Lets somebody's wish to remove a branch pass, unless it is protected.
fn as_asked(state: &State) -> Result<(String, Meanwhile)> {
    match state.protection() {
        None => Ok(("delete branch".into(), Meanwhile::Anything)),
        Some(_) => Err(Error::Refused {
            operation: "deleting a branch",
            reason: "it is protected".into(),
        }),
    }
}

/// Returns the record of a branch that begins at `head`.
pub(super) fn new_branch(core: &Core, name: &RefName, head: CommitId, mode: CommitMode) -> BranchRecord {
    let now_us = core.clock.now_us();
    BranchRecord {
        name: name.clone(),
        incarnation: core.ids.fresh(),
        generation: 0,
        base_generation: 0,
        head,
        staged: None,
        folded_seq: 0,
        sealed_seq: 0,
        seq: 0,
        mode,
        protection: None,
        expiry: Expiry::default(),
        rules_generation: 0,
        created_us: now_us,
        touched_us: now_us,
        recent_writes: Vec::new(),
    }
}
