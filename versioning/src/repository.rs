//! The façade: repositories, their refs and their histories.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;

use crate::commit::Commit;
use crate::diff::Diff;
use crate::merge::{Gate, MergeOutcome, MergeRequest, Resolver};
use crate::object::{Object, Segment};
use crate::refs::{BranchRecord, CommitMode, Protection, RefLogEntry, RefStore, RepositoryRecord};
use crate::store::Files;
use crate::view::View;
use crate::{Batch, Clock, CommitId, Error, Ids, KeyRange, RefExpr, RefName, RepositoryName, Result, Space};

/// What the store is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    pub refs: Arc<dyn RefStore>,
    pub files: Arc<dyn Files>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

/// All repositories of a store. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Repositories {
    _parts: Parts,
}

impl Repositories {
    /// Opens the store.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::Corrupt`].
    pub async fn open(_parts: Parts, _limits: Limits) -> Result<Repositories> {
        todo!()
    }

    /// Creates a repository, its default branch, and an empty first commit.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`].
    pub async fn create(&self, _name: &RepositoryName, _default_branch: &RefName) -> Result<Repository> {
        todo!()
    }

    /// Returns the repository of that name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, _name: &RepositoryName) -> Result<Repository> {
        todo!()
    }

    /// Returns all repositories, by name.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list(&self) -> Result<Vec<RepositoryRecord>> {
        todo!()
    }

    /// Ends background work: what is staged stays staged, durable as it is.
    pub async fn close(&self) {
        todo!()
    }
}

/// When staged operations are folded into trees, and how much is kept in memory.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Fold when this many operations are in memory.
    pub fold_ops: usize,
    /// Fold when their payloads reach this many bytes.
    pub fold_bytes: usize,
    /// Fold when this many prefix deletions are in memory.
    pub fold_prefixes: usize,
    /// The node and blob cache.
    pub cache_bytes: u64,
    /// `coalesce`: commit after this pause without writes…
    pub coalesce_idle_ms: u64,
    /// …or when the oldest uncommitted write is this old…
    pub coalesce_age_ms: u64,
    /// …or when there are this many.
    pub coalesce_ops: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            fold_ops: 10_000,
            fold_bytes: 4 << 20,
            fold_prefixes: 64,
            cache_bytes: 512 << 20,
            coalesce_idle_ms: 2_000,
            coalesce_age_ms: 30_000,
            coalesce_ops: 10_000,
        }
    }
}

/// One repository. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Repository {
    _record: Arc<RepositoryRecord>,
}

/// What a ref expression names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefKind {
    /// Can be written.
    Branch,
    Tag,
    Commit,
}

/// A resolved ref expression.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub kind: RefKind,
    pub commit: CommitId,
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
        todo!()
    }

    /// Resolves a ref expression: a branch, else a tag, else a commit id or its beginning.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`].
    pub async fn resolve(&self, _at: &RefExpr) -> Result<Resolved> {
        todo!()
    }

    /// Returns the present state of a ref; a branch's includes what is staged, unless the expression says `@`.
    ///
    /// # Errors
    /// As [`Repository::resolve`].
    pub async fn view(&self, _at: &RefExpr) -> Result<View> {
        todo!()
    }

    /// Plans a change on the present state of a branch and makes it durable.
    ///
    /// `plan` gets the state including all earlier changes and returns what to change and what to answer. It
    /// may be called again when another writer was faster, and must have no effect of its own. When this
    /// returns `Ok`, the change survives a power cut and every later reader sees it; on an error nothing was
    /// changed. An empty batch writes nothing.
    ///
    /// # Errors
    /// Those of `plan`; [`Error::NotFound`] without such a branch; [`Error::Protected`]; [`Error::NoSpace`].
    pub async fn write<T, E, F, P>(&self, _branch: &RefName, _plan: P) -> Result<T, E>
    where
        P: FnMut(View) -> F + Send + 'static,
        F: Future<Output = Result<(Batch, T), E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        todo!()
    }

    /// Makes a commit of all that was written to the branch before this call.
    ///
    /// # Errors
    /// [`Error::NothingToCommit`]; [`Error::NotFound`].
    pub async fn commit(&self, _branch: &RefName, _words: CommitMessage) -> Result<CommitId> {
        todo!()
    }

    /// Drops what is staged on a branch; returns the number of operations dropped.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn reset(&self, _branch: &RefName) -> Result<u64> {
        todo!()
    }

    /// Returns a commit.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`].
    pub async fn commit_object(&self, _id: CommitId) -> Result<Arc<Commit>> {
        todo!()
    }

    /// Returns up to `limit` commits, from `from` backwards along first parents.
    ///
    /// # Errors
    /// As [`Repository::commit_object`].
    pub async fn log(&self, _from: CommitId, _limit: usize) -> Result<Vec<(CommitId, Arc<Commit>)>> {
        todo!()
    }

    /// Returns the best common ancestor.
    ///
    /// # Errors
    /// As [`Repository::commit_object`].
    pub async fn merge_base(&self, _a: CommitId, _b: CommitId) -> Result<Option<CommitId>> {
        todo!()
    }

    /// Returns the state of a ref as trees alone, so that it can be compared: folds a branch's operations.
    ///
    /// # Errors
    /// As [`Repository::view`].
    pub async fn settled(&self, _at: &RefExpr) -> Result<View> {
        todo!()
    }

    /// Returns what differs between two settled views in one space.
    pub fn diff(&self, _before: &View, _after: &View, _space: Space, _range: KeyRange) -> Diff {
        todo!()
    }

    /// Merges `request.source` into a branch: both changes land, or none.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Dirty`]; [`Error::HeadMoved`] when the branch keeps moving.
    pub async fn merge<R: Resolver>(
        &self,
        _request: &MergeRequest,
        _resolver: &R,
        _gate: &dyn Gate,
    ) -> Result<MergeOutcome<R::Conflict>> {
        todo!()
    }

    /// Undoes a commit on a branch (`parent` counts from 1; needed for merge commits).
    ///
    /// # Errors
    /// As [`Repository::merge`].
    pub async fn revert<R: Resolver>(
        &self,
        _commit: CommitId,
        _parent: Option<usize>,
        _request: &MergeRequest,
        _resolver: &R,
        _gate: &dyn Gate,
    ) -> Result<MergeOutcome<R::Conflict>> {
        todo!()
    }

    /// Repeats the change of a commit on a branch.
    ///
    /// # Errors
    /// As [`Repository::merge`].
    pub async fn cherry_pick<R: Resolver>(
        &self,
        _commit: CommitId,
        _parent: Option<usize>,
        _request: &MergeRequest,
        _resolver: &R,
        _gate: &dyn Gate,
    ) -> Result<MergeOutcome<R::Conflict>> {
        todo!()
    }

    /// Returns all branches, by name.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn branches(&self) -> Result<Vec<BranchRecord>> {
        todo!()
    }

    /// Returns a branch.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn branch(&self, _name: &RefName) -> Result<BranchRecord> {
        todo!()
    }

    /// Creates a branch at a commit. It costs one row, whatever the size of the repository.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], [`Error::NotFound`].
    pub async fn create_branch(&self, _name: &RefName, _from: &RefExpr, _mode: CommitMode) -> Result<BranchRecord> {
        todo!()
    }

    /// Removes a branch with all that is staged on it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] for the default branch, and for a protected one.
    pub async fn delete_branch(&self, _name: &RefName) -> Result<()> {
        todo!()
    }

    /// Sets when writes become commits, and whether the branch is protected.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn set_branch_rules(&self, _name: &RefName, _mode: CommitMode, _protection: Option<Protection>) -> Result<()> {
        todo!()
    }

    /// Returns all tags, by name.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn tags(&self) -> Result<Vec<(RefName, CommitId)>> {
        todo!()
    }

    /// Creates a tag.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], [`Error::NotFound`].
    pub async fn create_tag(&self, _name: &RefName, _at: &RefExpr) -> Result<CommitId> {
        todo!()
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_tag(&self, _name: &RefName) -> Result<()> {
        todo!()
    }

    /// Returns the latest recorded moves of refs, newest first.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn ref_log(&self, _limit: usize) -> Result<Vec<RefLogEntry>> {
        todo!()
    }

    /// Starts storing data. It belongs to no path until an [`Object`] with its segment is written.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Storage`].
    pub async fn upload(&self) -> Result<Upload> {
        todo!()
    }

    /// Streams the bytes of `range` of an object; the range has to lie within it.
    pub fn read(&self, _object: &Object, _range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        todo!()
    }

    /// Returns the small records of an upper room ([`RefStore::kv_get`] and its kin).
    pub fn records(&self) -> (&Arc<dyn RefStore>, crate::refs::RepositoryId) {
        todo!()
    }

    /// Returns the clock of the store.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        todo!()
    }

    /// Returns the source of ids of the store.
    pub fn ids(&self) -> &Arc<dyn Ids> {
        todo!()
    }
}

/// Data that is being stored.
#[derive(Debug)]
pub struct Upload {
    _inner: (),
}

/// Data that is stored, durably.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    pub segment: Segment,
    pub md5: [u8; 16],
}

impl Upload {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Storage`].
    pub async fn write(&mut self, _bytes: Bytes) -> Result<()> {
        todo!()
    }

    /// Makes the data durable.
    ///
    /// # Errors
    /// As [`Upload::write`].
    pub async fn finish(self) -> Result<Stored> {
        todo!()
    }
}
