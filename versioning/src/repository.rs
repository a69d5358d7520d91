//! The façade: repositories, their refs and their histories.

mod all;
mod attempts;
mod data;
mod expiring;
mod guarded;
mod landing;
mod names;
mod refs;
mod resetting;
mod resolving;
mod rules;
mod settings;
mod shared;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::all::Repositories;
pub use self::data::{Stored, Upload};
pub use self::expiring::Expired;
use self::expiring::Kept;
use self::names::Names;
pub use self::resetting::Reset;
pub use self::resolving::{RefKind, Resolved, SHORT_ID_MIN};
pub use self::settings::{Ephemeral, Limits, Parts};
use crate::attempts::Keeper;
use crate::branch::Branch;
use crate::commit::{Commit, CommitKind, check_words};
use crate::core::Core;
use crate::guard::{Act, RefEvent};
use crate::refs::{CommitMode, RefStore, RepositoryId, RepositoryRecord};
use crate::store::{DataFiles, Stats};
use crate::tree::Diff;
use crate::view::View;
use crate::{Batch, Clock, CommitId, Error, Ids, KeyRange, RefExpr, RefName, Result, Space};

/// How often a commit is prepared anew because another process moved the branch.
const TRIES_MAX: u32 = 8;

/// One repository. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Repository {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    core: Arc<Core>,
    record: RepositoryRecord,
    data: DataFiles,
    names: Names,
    attempts: Keeper,
    kept: Kept,
}

/// The words of a commit.
#[derive(Debug, Clone, Default)]
pub struct CommitMessage {
    pub author: String,
    pub message: String,
    pub metadata: BTreeMap<String, String>,
    /// Whether a commit that changes nothing is wanted.
    pub allow_empty: bool,
}

impl Repository {
    /// Returns the record: name, id, default branch.
    pub fn record(&self) -> &RepositoryRecord {
        &self.inner.record
    }

    fn core(&self) -> &Core {
        &self.inner.core
    }

    /// Returns the present state of a ref; a branch's includes what is staged, unless the expression says `@`.
    ///
    /// # Errors
    /// As [`Repository::resolve`].
    pub async fn view(&self, at: &RefExpr) -> Result<View> {
        let resolved = self.resolve(at).await?;
        if resolved.kind == RefKind::Branch && !at.committed {
            let branch = self.open_branch(&at.name).await?;
            return Ok(self.core().view_of(&branch.state(), self.core().epoch().await?));
        }
        self.core().view_at(resolved.commit).await
    }

    /// Plans a change on the present state of a branch and makes it durable.
    ///
    /// `plan` gets the state including all earlier changes and returns what to change and what to answer. It
    /// may be called again when another writer was faster, and must have no effect of its own. When this
    /// returns `Ok`, the change survives a power cut and every later reader sees it; on an error nothing was
    /// changed. An empty batch writes nothing.
    ///
    /// # Errors
    /// Those of `plan`; [`Error::NotFound`] without such a branch; [`Error::Protected`];
    /// [`Error::RepositoryReadOnly`]; [`Error::NoSpace`].
    pub async fn write<T, E, F, P>(&self, branch: &RefName, plan: P) -> Result<T, E>
    where
        P: FnMut(View) -> F + Send + 'static,
        F: Future<Output = Result<(Batch, T), E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let branch = self.open_branch(branch).await.map_err(E::from)?;
        let answer = branch.write(plan).await?;
        if branch.state().record.mode == CommitMode::Sync && !branch.is_reserved(self.core()).await {
            // the write is durable and visible by now: what hinders the commit hinders only that
            if let Err(error) = self.core().commit_on_own(&branch, "skep").await {
                tracing::warn!(branch = %branch.name, %error, "could not commit a write at once, trying again later");
            }
        }
        Ok(answer)
    }

    /// Makes a commit of all that was written to the branch before this call.
    ///
    /// Where the server commits on its own, it may have done so already: then the commit changes nothing, and
    /// is made all the same, since it carries the caller's words.
    ///
    /// # Errors
    /// [`Error::NothingToCommit`] in the mode `staged`; [`Error::Protected`]; [`Error::RepositoryReadOnly`];
    /// [`Error::NotFound`]; [`Error::TooLarge`] of words.
    pub async fn commit(&self, branch: &RefName, mut words: CommitMessage) -> Result<CommitId> {
        check_words(&words.author, &words.message, &words.metadata)?;
        let branch = self.open_branch(branch).await?;
        words.allow_empty |= branch.state().record.mode != CommitMode::Staged;
        let event = RefEvent {
            author: Some(words.author.clone()),
            message: Some(words.message.clone()),
            ..RefEvent::new(Act::Commit, branch.name.clone())
        };
        if self.is_watched(&event).await? {
            return self.commit_guarded(&branch, words, event).await;
        }
        branch.give_way(self.core()).await;
        let _heads = branch.heads.lock().await;
        for _ in 1..TRIES_MAX {
            self.check_committable(&branch)?;
            let made = self
                .core()
                .commit_held(&branch, &branch.lane, CommitKind::Normal, words.clone())
                .await;
            if !matches!(made, Err(Error::HeadMoved { .. })) {
                return made;
            }
        }
        self.check_committable(&branch)?;
        self.core()
            .commit_held(&branch, &branch.lane, CommitKind::Normal, words)
            .await
    }

    fn check_committable(&self, branch: &Branch) -> Result<()> {
        let rule = "commits are refused; commit to another branch and merge it";
        branch.state().check_direct(&self.inner.record.name, rule)
    }

    /// Drops what is staged on a branch; returns the number of operations dropped.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RepositoryReadOnly`].
    pub async fn reset(&self, branch: &RefName) -> Result<u64> {
        let branch = self.open_branch(branch).await?;
        branch.state().check_open(&self.inner.record.name)?;
        let head = Some(branch.state().record.head);
        let event = RefEvent {
            head,
            commit: head,
            ..RefEvent::new(Act::Reset, branch.name.clone())
        };
        let reset = async {
            let _heads = branch.heads.lock().await;
            self.core().reset_held(&branch).await
        };
        self.guarded(event, reset, |_| Some(branch.state().record.head))
            .await
    }

    /// Returns a commit.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`].
    pub async fn commit_object(&self, id: CommitId) -> Result<Arc<Commit>> {
        self.core().commit(id).await
    }

    /// Returns up to `limit` commits, from `from` backwards along first parents.
    ///
    /// # Errors
    /// As [`Repository::commit_object`].
    pub async fn log(&self, from: CommitId, limit: usize) -> Result<Vec<(CommitId, Arc<Commit>)>> {
        self.core().log(from, limit).await
    }

    /// Returns the best common ancestor.
    ///
    /// # Errors
    /// As [`Repository::commit_object`].
    pub async fn merge_base(&self, a: CommitId, b: CommitId) -> Result<Option<CommitId>> {
        self.core().merge_base(a, b).await
    }

    /// Returns the state of a ref as trees alone, so that it can be compared: a branch's operations become trees
    /// in memory, and nothing is stored.
    ///
    /// # Errors
    /// As [`Repository::view`].
    pub async fn settled(&self, at: &RefExpr) -> Result<View> {
        let view = self.view(at).await?;
        if view.is_settled() {
            return Ok(view);
        }
        let core = self.core().scratch();
        let roots = core.fold(&view.roots(), view.overlay(), view.epoch()).await?;
        Ok(view.settled_in(core.blocks, roots))
    }

    /// Returns what differs between two settled views in one space.
    pub fn diff(&self, before: &View, after: &View, space: Space, range: &KeyRange) -> Diff {
        before.diff(after, space, range)
    }

    /// Returns where upper rooms keep small records ([`RefStore::kv_get`] and its kin), and under which id.
    pub fn records(&self) -> (&Arc<dyn RefStore>, RepositoryId) {
        (&self.core().refs, self.core().id)
    }

    /// Returns the clock of the store.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.core().clock
    }

    /// Returns the source of ids of the store.
    pub fn ids(&self) -> &Arc<dyn Ids> {
        &self.core().ids
    }

    /// Returns how many blocks were read and written so far.
    pub fn stats(&self) -> Stats {
        self.core().blocks.stats()
    }

    pub(crate) fn inner_core(&self) -> &Arc<Core> {
        &self.inner.core
    }

    pub(crate) fn data(&self) -> &DataFiles {
        &self.inner.data
    }

    async fn open_branch(&self, name: &RefName) -> Result<Arc<Branch>> {
        let branch = self.inner.names.branch(&self.inner.core, name).await?;
        branch.refresh(self.core()).await?;
        Ok(branch)
    }
}
