//! The ref store: the only mutable state. Branch records are the points of linearization.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{CommitId, RefName, RepositoryName, Result, Roots};

/// Identifies a repository for ever, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryId(pub [u8; 16]);

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryRecord {
    pub id: RepositoryId,
    pub name: RepositoryName,
    pub default_branch: RefName,
    pub created_us: u64,
    /// Free settings of upper rooms, by key.
    pub settings: Vec<(String, String)>,
}

/// When the writes of a branch become commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitMode {
    /// When somebody commits.
    Staged,
    /// In the background, after a pause.
    Coalesce,
    /// Each call at once.
    Sync,
}

/// A branch: a head, the staged trees on top of it, and how far the op log is folded into them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchRecord {
    pub name: RefName,
    /// Fresh for each creation, so that a deleted and re-created branch is never mistaken for the old one.
    pub incarnation: [u8; 16],
    /// Counts the moves of the head.
    pub generation: u64,
    /// Counts the head moves that changed the visible state: merge, reset, revert, cherry-pick, import; not
    /// commits and folds.
    pub base_generation: u64,
    pub head: CommitId,
    /// The folded staged state; `None` when all folded operations are committed.
    pub staged: Option<Roots>,
    /// Operations up to here are in `staged` or `head`.
    pub folded_seq: u64,
    /// The last operation that was acknowledged.
    pub seq: u64,
    pub mode: CommitMode,
    /// Why direct writes are refused, if they are.
    pub protection: Option<Protection>,
    pub created_us: u64,
}

/// The rules of a protected branch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Protection {
    /// Names of the checks that a merge has to pass, beside all that the branch itself holds.
    pub required_checks: Vec<String>,
}

/// What an append, fold or head move expects of the branch. Anything else there makes it fail with `Lost`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub incarnation: [u8; 16],
    pub base_generation: u64,
    pub head: CommitId,
    pub folded_seq: u64,
    pub seq: u64,
}

/// A batch of operations as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// The sequence number of its last operation.
    pub seq: u64,
    pub ops: u32,
    pub time_us: u64,
    pub epoch: u32,
    /// Canonical bytes of the batch, compressed.
    pub payload: Bytes,
}

/// The outcome of a compare-and-set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cas {
    Done,
    /// Somebody else moved the branch; this is what is there now (`None`: it is gone).
    Lost(Option<BranchRecord>),
}

/// How a head moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadMove {
    pub head: CommitId,
    pub staged: Option<Roots>,
    pub folded_seq: u64,
    /// Whether the visible state changes otherwise than by the operations of this branch.
    pub rebased: bool,
    /// Entries of the commit index for the commits that become reachable, written in the same transaction.
    pub index: Vec<CommitEntry>,
    /// For the log of ref mutations.
    pub reason: String,
    pub time_us: u64,
}

/// What is known of a commit without loading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitEntry {
    pub id: CommitId,
    /// The epoch in whose folder the commit is stored.
    pub epoch: u32,
    pub generation: u64,
    pub parents: Vec<CommitId>,
}

/// One recorded move of a ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefLogEntry {
    pub branch: RefName,
    pub time_us: u64,
    pub from: Option<CommitId>,
    pub to: Option<CommitId>,
    pub reason: String,
}

/// Where refs live. Every method is one transaction, durable when it returns.
#[async_trait]
pub trait RefStore: Debug + Send + Sync {
    /// Returns whether other processes may write too; if not, a branch's state in memory is always current.
    fn shared(&self) -> bool;

    /// Returns the current epoch (versioning.md 6).
    ///
    /// # Errors
    /// [`crate::Error::Storage`], as every method here.
    async fn epoch(&self) -> Result<u32>;

    /// Creates a repository together with its first branch.
    ///
    /// # Errors
    /// [`crate::Error::AlreadyExists`] if the name is taken.
    async fn create_repository(&self, repository: &RepositoryRecord, first: &BranchRecord, root: &CommitEntry) -> Result<()>;
    /// Returns the repository of that name.
    async fn repository(&self, name: &RepositoryName) -> Result<Option<RepositoryRecord>>;
    /// Returns all repositories, by name.
    async fn repositories(&self) -> Result<Vec<RepositoryRecord>>;
    /// Replaces the settings of a repository.
    async fn set_repository_settings(&self, id: RepositoryId, settings: &[(String, String)]) -> Result<()>;

    /// Creates a branch.
    ///
    /// # Errors
    /// [`crate::Error::AlreadyExists`] if a branch or a tag has the name; [`crate::Error::NotFound`] if the
    /// commit it starts from is not in the index.
    async fn create_branch(&self, id: RepositoryId, branch: &BranchRecord) -> Result<()>;
    /// Removes a branch and its log.
    async fn delete_branch(&self, id: RepositoryId, name: &RefName, incarnation: [u8; 16], time_us: u64) -> Result<Cas>;
    /// Returns the branch of that name.
    async fn branch(&self, id: RepositoryId, name: &RefName) -> Result<Option<BranchRecord>>;
    /// Returns all branches, by name.
    async fn branches(&self, id: RepositoryId) -> Result<Vec<BranchRecord>>;
    /// Replaces mode and protection.
    async fn set_branch_rules(&self, id: RepositoryId, name: &RefName, mode: CommitMode, protection: Option<&Protection>) -> Result<()>;

    /// Creates a tag.
    ///
    /// # Errors
    /// As [`RefStore::create_branch`].
    async fn create_tag(&self, id: RepositoryId, name: &RefName, commit: CommitId, time_us: u64) -> Result<()>;
    /// Removes a tag; returns whether it was there.
    async fn delete_tag(&self, id: RepositoryId, name: &RefName, time_us: u64) -> Result<bool>;
    /// Returns the commit of a tag.
    async fn tag(&self, id: RepositoryId, name: &RefName) -> Result<Option<CommitId>>;
    /// Returns all tags, by name.
    async fn tags(&self, id: RepositoryId) -> Result<Vec<(RefName, CommitId)>>;

    /// Appends a batch: the branch's `seq` becomes `record.seq`. Compares incarnation, base generation and seq.
    async fn append(&self, id: RepositoryId, name: &RefName, expected: &Expected, record: &LogRecord) -> Result<Cas>;
    /// Returns the batches behind `after`, in order.
    async fn log_after(&self, id: RepositoryId, incarnation: [u8; 16], after: u64) -> Result<Vec<LogRecord>>;
    /// Records that operations up to `folded_seq` are in `staged`, and removes them from the log. Compares
    /// incarnation, head and folded seq.
    async fn fold(&self, id: RepositoryId, name: &RefName, expected: &Expected, staged: &Roots, folded_seq: u64) -> Result<Cas>;
    /// Moves the head. Compares incarnation, head and folded seq; and seq as well when the move is a rebase.
    async fn move_head(&self, id: RepositoryId, name: &RefName, expected: &Expected, to: &HeadMove) -> Result<Cas>;

    /// Adds commits to the index without a ref that holds them, such as merge candidates.
    async fn index_commits(&self, id: RepositoryId, entries: &[CommitEntry]) -> Result<()>;
    /// Returns what is known of the given commits; what is unknown is left out.
    async fn commit_entries(&self, id: RepositoryId, ids: &[CommitId]) -> Result<Vec<CommitEntry>>;
    /// Returns up to `limit` commits whose ids begin with the hexadecimal digits `prefix`.
    async fn commits_by_prefix(&self, id: RepositoryId, prefix: &str, limit: usize) -> Result<Vec<CommitId>>;
    /// Returns the latest recorded moves of refs, newest first.
    async fn ref_log(&self, id: RepositoryId, limit: usize) -> Result<Vec<RefLogEntry>>;

    /// Returns a small record of an upper room (multipart uploads, locks, hook runs), by namespace and key.
    async fn kv_get(&self, id: RepositoryId, namespace: &str, key: &str) -> Result<Option<Bytes>>;
    /// Writes small records of one namespace together: a value replaces, `None` removes.
    async fn kv_write(&self, id: RepositoryId, namespace: &str, changes: &[(String, Option<Bytes>)]) -> Result<()>;
    /// Returns up to `limit` records whose keys begin with `prefix` and come after `after`, in order.
    async fn kv_list(&self, id: RepositoryId, namespace: &str, prefix: &str, after: &str, limit: usize) -> Result<Vec<(String, Bytes)>>;
}
