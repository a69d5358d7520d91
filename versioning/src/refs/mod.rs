//! The ref store: the only mutable state. Branch records are the points of linearization.
//!
//! [`RefStore`] is the contract, `conformance.rs` its proof for every backend. A repository's commits are known
//! here by their [`CommitEntry`] alone; what they hold lies in the object store and is written before any ref
//! points at it.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

use crate::merge::{Policy, Strictness};
use crate::{CommitId, RefName, RepositoryName, Result, Roots};

#[cfg(test)]
mod conformance;
mod lock;
mod memory;
mod patterns;
mod record;
mod roots;
mod rules;
mod sql;
mod sqlite;

pub use lock::FolderLock;
pub use memory::MemoryRefs;
pub use patterns::{Expiry, PATTERNS_MAX, Pattern, RepositoryRules, Rule};
pub use roots::{decode_roots, encode_roots};
pub use sqlite::SqliteRefs;

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
    /// Free settings of upper rooms, in the order of their keys; of a key given twice the last counts.
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

/// Identifies one append, fold or move of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WriteId(pub [u8; 16]);

/// How many of the writes that took effect a branch remembers.
///
/// Who got no answer to a write reads the branch at once, so it is too few only if other processes write this
/// often in between.
pub const RECENT_WRITES_MAX: usize = 16;

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
    /// Operations up to here are in `staged` or `head`; always the end of a batch.
    pub folded_seq: u64,
    /// Operations up to here were committed or dropped: where the head moved last, `folded_seq` was this.
    pub sealed_seq: u64,
    /// The last operation that was acknowledged. The log holds exactly those in `folded_seq + 1 ..= seq`.
    pub seq: u64,
    pub mode: CommitMode,
    /// Why direct writes are refused, if the branch itself says so. The repository's rules may say more
    /// ([`RepositoryRules::binding`]).
    pub protection: Option<Protection>,
    pub expiry: Expiry,
    /// Counts the changes of `mode`, `protection`, `expiry`, and of the repository's rules.
    pub rules_generation: u64,
    pub created_us: u64,
    /// When it was written to last, or its head moved; when it was made, if never.
    pub touched_us: u64,
    /// The last writes that took effect ([`Expected::write`]), at most [`RECENT_WRITES_MAX`], newest last.
    pub recent_writes: Vec<WriteId>,
}

impl BranchRecord {
    /// Notes that a write took effect.
    pub(crate) fn remember(&mut self, write: WriteId) {
        if self.recent_writes.len() == RECENT_WRITES_MAX {
            self.recent_writes.remove(0);
        }
        self.recent_writes.push(write);
    }
}

/// The rules of a protected branch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Protection {
    /// Names of the checks that a merge has to pass, beside all that the branch itself holds.
    pub required_checks: Vec<String>,
    /// What becomes of a merge that passed its checks when the head moved meanwhile, at the least.
    pub policy: Policy,
    /// How much a merge leaves to people, at the least.
    pub strictness: Option<Strictness>,
}

impl Protection {
    /// Adds the rules of another: in each respect the stricter one counts.
    pub fn add(&mut self, other: &Protection) {
        let known = &mut self.required_checks;
        for check in &other.required_checks {
            if !known.contains(check) {
                known.push(check.clone());
            }
        }
        self.policy = self.policy.max(other.policy);
        self.strictness = self.strictness.max(other.strictness);
    }
}

/// What is said of a branch, whatever happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchRules {
    pub mode: CommitMode,
    pub protection: Option<Protection>,
    pub expiry: Expiry,
}

impl BranchRules {
    /// Returns what is said of a branch now.
    pub fn of(branch: &BranchRecord) -> BranchRules {
        BranchRules {
            mode: branch.mode,
            protection: branch.protection.clone(),
            expiry: branch.expiry,
        }
    }
}

/// What the removal of a branch expects of it. Anything else there makes it fail with `Lost`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    pub incarnation: [u8; 16],
    /// The rules generation under which it was allowed.
    pub rules: u64,
    /// The branch's generation and seq, if it goes only while nobody writes to it.
    pub untouched: Option<(u64, u64)>,
    /// For the log of ref mutations.
    pub reason: String,
    pub time_us: u64,
}

/// What an append, fold or head move expects of the branch. Anything else there makes it fail with `Lost`.
///
/// Each method says which fields it compares. Incarnation and base generation always are: a reset to the same
/// head at the same folded seq discards staged state, and nothing computed before may bring it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub incarnation: [u8; 16],
    pub base_generation: u64,
    pub head: CommitId,
    pub folded_seq: u64,
    pub seq: u64,
    /// The rules generation under which it is allowed.
    pub rules: u64,
    /// The epoch that was current when the work began, before anything was uploaded for it. Not a part of the
    /// branch: if the current epoch is more than 1 later, the collector may have removed what was uploaded,
    /// and the call fails with [`crate::Error::Storage`] (versioning.md 6, R2).
    pub epoch: u32,
    /// A fresh id of this write. Not compared either: it is remembered with what it changed, so that whoever
    /// lost the answer can find out what it was.
    pub write: WriteId,
}

/// A batch of operations as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// The sequence number of its last operation.
    pub seq: u64,
    /// The number of its operations, at least 1. The first has the number `seq - ops + 1`.
    pub ops: u32,
    pub time_us: u64,
    /// The epoch in whose folder the blobs lie that were written for it.
    pub epoch: u32,
    /// Canonical bytes of the batch, compressed.
    pub payload: Bytes,
    /// What is told of it, numbered on from the branch's last event in the same transaction. The log does not
    /// give it back: [`RefStore::events_after`] does.
    pub events: Vec<EventRun>,
}

/// One event that is told of a branch, or several in a row that share their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRun {
    /// At least 1.
    pub count: u32,
    /// Bytes of an upper room.
    pub payload: Bytes,
}

impl EventRun {
    /// Returns a single event.
    pub fn one(payload: Bytes) -> EventRun {
        EventRun { count: 1, payload }
    }

    /// Returns how many events there are in `runs`.
    pub fn count_all(runs: &[EventRun]) -> u64 {
        runs.iter().map(|run| u64::from(run.count)).sum()
    }
}

/// A run of events that was told of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// The number of its last event. The first event of a branch has the number 1, and each next one the next.
    pub number: u64,
    pub time_us: u64,
    pub payload: Bytes,
}

/// The outcome of a compare-and-set.
#[expect(
    clippy::large_enum_variant,
    reason = "looked at once, where it is returned, and never kept"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cas {
    Done,
    /// Somebody else moved the branch; this is what is there now (`None`: it is gone).
    Lost(Option<BranchRecord>),
}

/// How a head moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadMove {
    /// Has to be in the commit index, or in `index`.
    pub head: CommitId,
    pub staged: Option<Roots>,
    /// Operations up to here are in `head` or `staged`, or dropped; they leave the log.
    pub folded_seq: u64,
    /// Whether the visible state changes otherwise than by the operations of this branch.
    pub rebased: bool,
    /// The rules generation under which the move was judged, which is compared; `None` for one that the rules
    /// do not concern.
    pub rules: Option<u64>,
    /// Entries of the commit index for the commits that become reachable, written in the same transaction.
    pub index: Vec<CommitEntry>,
    /// For the log of ref mutations.
    pub reason: String,
    pub time_us: u64,
    /// As [`LogRecord::events`].
    pub events: Vec<EventRun>,
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

/// One recorded move of a ref: of a branch whose head moved, or of a branch or tag that was made or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefLogEntry {
    /// The branch or tag.
    pub branch: RefName,
    pub time_us: u64,
    pub from: Option<CommitId>,
    pub to: Option<CommitId>,
    pub reason: String,
}

/// Where refs live. Every method is one transaction, durable when it returns.
///
/// A call that breaks the contract (an append with a gap, a fold into the middle of a batch, a number beyond
/// 63 bits) fails with [`crate::Error::Internal`] and changes nothing. What is read of a repository that is not
/// there is empty; writing to it fails with [`crate::Error::NotFound`]. Of a write that failed with
/// [`crate::Error::Storage`], or that the caller stopped waiting for, nobody knows whether it happened or is
/// about to: the next write to the branch that is answered settles it. Of an append, fold or head move,
/// [`BranchRecord::recent_writes`] tells whether it has happened.
///
/// # Errors
/// Beside those that a method names, each may fail with [`crate::Error::Storage`], [`crate::Error::Corrupt`],
/// and, where it writes, [`crate::Error::NoSpace`].
#[async_trait]
pub trait RefStore: Debug + Send + Sync {
    /// Returns whether other processes may write too; if not, a branch's state in memory is always current.
    fn shared(&self) -> bool;

    /// Returns the current epoch (versioning.md 6), which is 1 in a new store.
    async fn epoch(&self) -> Result<u32>;
    /// Begins the epoch behind `current`, unless another call did; returns the epoch that is current now.
    ///
    /// # Errors
    /// [`crate::Error::Internal`] if `current` was not reached yet.
    async fn begin_epoch_after(&self, current: u32) -> Result<u32>;

    /// Creates a repository together with its default branch, which stands at `root`.
    ///
    /// # Errors
    /// [`crate::Error::AlreadyExists`] if the name is taken.
    async fn create_repository(
        &self,
        repository: &RepositoryRecord,
        first: &BranchRecord,
        root: &CommitEntry,
    ) -> Result<()>;
    /// Returns the repository of that name.
    async fn repository(&self, name: &RepositoryName) -> Result<Option<RepositoryRecord>>;
    /// Returns all repositories, by name.
    async fn repositories(&self) -> Result<Vec<RepositoryRecord>>;
    /// Replaces all settings of a repository.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    async fn set_repository_settings(&self, id: RepositoryId, settings: &[(String, String)]) -> Result<()>;

    /// Returns the rules of a repository, and how often they changed.
    async fn repository_rules(&self, id: RepositoryId) -> Result<(u64, RepositoryRules)>;
    /// Replaces the rules of a repository if they changed `generation` times so far; returns whether they had. The
    /// rules generation of each of its branches grows by 1 with that.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    async fn set_repository_rules(
        &self,
        id: RepositoryId,
        generation: u64,
        rules: &RepositoryRules,
    ) -> Result<bool>;

    /// Creates a branch. Its log is empty, so `seq` and `folded_seq` are equal. Recorded in the ref log at
    /// `created_us`.
    ///
    /// # Errors
    /// [`crate::Error::AlreadyExists`] if a branch or a tag has the name; [`crate::Error::NotFound`] if the
    /// repository is not there or the commit it starts from is not in the index;
    /// [`crate::Error::RepositoryReadOnly`].
    async fn create_branch(&self, id: RepositoryId, branch: &BranchRecord) -> Result<()>;
    /// Removes a branch and its log. Compares all that `removal` names.
    ///
    /// # Errors
    /// [`crate::Error::RepositoryReadOnly`].
    async fn delete_branch(&self, id: RepositoryId, name: &RefName, removal: &Removal) -> Result<Cas>;
    /// Returns the branch of that name.
    async fn branch(&self, id: RepositoryId, name: &RefName) -> Result<Option<BranchRecord>>;
    /// Returns all branches, by name.
    async fn branches(&self, id: RepositoryId) -> Result<Vec<BranchRecord>>;
    /// Replaces what is said of a branch, whatever else happens to it; the rules generation grows by 1.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    async fn set_branch_rules(&self, id: RepositoryId, name: &RefName, rules: &BranchRules) -> Result<()>;

    /// Creates a tag.
    ///
    /// # Errors
    /// As [`RefStore::create_branch`].
    async fn create_tag(
        &self,
        id: RepositoryId,
        name: &RefName,
        commit: CommitId,
        time_us: u64,
    ) -> Result<()>;
    /// Removes a tag; returns whether it was there.
    ///
    /// # Errors
    /// [`crate::Error::RepositoryReadOnly`].
    async fn delete_tag(&self, id: RepositoryId, name: &RefName, time_us: u64) -> Result<bool>;
    /// Returns the commit of a tag.
    async fn tag(&self, id: RepositoryId, name: &RefName) -> Result<Option<CommitId>>;
    /// Returns all tags, by name.
    async fn tags(&self, id: RepositoryId) -> Result<Vec<(RefName, CommitId)>>;

    /// Appends a batch that begins right behind `expected.seq`: the branch's `seq` becomes `record.seq`.
    /// Compares incarnation, base generation, seq and the rules generation; neither head nor folded seq, so a commit
    /// or a fold by another never makes a writer try again.
    async fn append(
        &self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        record: &LogRecord,
    ) -> Result<Cas>;
    /// Returns the batches that end behind `after`, in order.
    async fn log_after(&self, id: RepositoryId, incarnation: [u8; 16], after: u64) -> Result<Vec<LogRecord>>;
    /// Records that operations up to `folded_seq`, the end of a batch, are in `staged`, and removes them from
    /// the log. Compares incarnation, base generation, head and folded seq.
    async fn fold(
        &self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        staged: &Roots,
        folded_seq: u64,
    ) -> Result<Cas>;
    /// Moves the head, removes operations up to `to.folded_seq` from the log, and adds `to.index` to the commit
    /// index. `sealed_seq` becomes `to.folded_seq`. Compares incarnation, base generation, head and folded seq;
    /// seq as well when the move is a rebase, and the rules generation when the move names one. The generation grows
    /// by 1, and so does the base generation when the move is a rebase.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] if the new head is neither in the index nor in `to.index`.
    async fn move_head(
        &self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        to: &HeadMove,
    ) -> Result<Cas>;

    /// Adds commits to the index without a ref that holds them, such as merge candidates. Of a commit that is
    /// there already, the later epoch is kept: an older copy may be about to be collected. Parents come before their
    /// children, here and in [`HeadMove::index`].
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] if the repository is not there; [`crate::Error::Internal`] if the parents of a commit
    /// are neither in the index nor before it in `entries`.
    async fn index_commits(&self, id: RepositoryId, entries: &[CommitEntry]) -> Result<()>;
    /// Returns what is known of the given commits, in their order; what is unknown is left out.
    async fn commit_entries(&self, id: RepositoryId, ids: &[CommitId]) -> Result<Vec<CommitEntry>>;
    /// Returns what is known of up to `limit` commits of generations up to `generation`, the greatest first.
    async fn commits_up_to(
        &self,
        id: RepositoryId,
        generation: u64,
        limit: usize,
    ) -> Result<Vec<CommitEntry>>;
    /// Returns up to `limit` of the commits that have one of `parents` as a parent, each once, the smallest generation
    /// first.
    async fn children(
        &self,
        id: RepositoryId,
        parents: &[CommitId],
        limit: usize,
    ) -> Result<Vec<CommitEntry>>;
    /// Returns the commit of the smallest generation that is not below `generation`, of `head`, its first parent, the
    /// first parent of that, and so on; `None` if `head` itself is below it, or unknown. Costs follow the logarithm of
    /// the length of that line.
    async fn first_parent_from(
        &self,
        id: RepositoryId,
        head: CommitId,
        generation: u64,
    ) -> Result<Option<CommitId>>;
    /// Returns up to `limit` commits, in order, whose ids begin with the lower-case hexadecimal digits `prefix`;
    /// none if it is anything else.
    async fn commits_by_prefix(&self, id: RepositoryId, prefix: &str, limit: usize) -> Result<Vec<CommitId>>;
    /// Returns the latest recorded moves of refs, newest first.
    async fn ref_log(&self, id: RepositoryId, limit: usize) -> Result<Vec<RefLogEntry>>;

    /// Returns a small record of an upper room (multipart uploads, locks, hook runs), by namespace and key.
    async fn kv_get(&self, id: RepositoryId, namespace: &str, key: &str) -> Result<Option<Bytes>>;
    /// Writes small records of one namespace together, in order: a value replaces, `None` removes.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] if the repository is not there; [`crate::Error::Name`] for an empty key.
    async fn kv_write(
        &self,
        id: RepositoryId,
        namespace: &str,
        changes: &[(String, Option<Bytes>)],
    ) -> Result<()>;
    /// Returns up to `limit` records whose keys begin with `prefix` and come after `after`, in byte order.
    async fn kv_list(
        &self,
        id: RepositoryId,
        namespace: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, Bytes)>>;

    /// Returns how often a namespace was swapped, which is 0 at first. Records that are listed after this are
    /// at least as new.
    async fn kv_version(&self, id: RepositoryId, namespace: &str) -> Result<u64>;
    /// Writes as [`RefStore::kv_write`] does and adds 1 to the namespace's version, if that is `version`;
    /// returns whether it was. A namespace is written by this or by `kv_write`, never by both.
    ///
    /// # Errors
    /// As [`RefStore::kv_write`].
    async fn kv_swap(
        &self,
        id: RepositoryId,
        namespace: &str,
        version: u64,
        changes: &[(String, Option<Bytes>)],
    ) -> Result<bool>;

    /// Tells of a branch what changes nothing of it, such as that somebody wrote to it by other ways. Compares
    /// the incarnation alone.
    async fn add_events(
        &self,
        id: RepositoryId,
        name: &RefName,
        incarnation: [u8; 16],
        time_us: u64,
        events: &[EventRun],
    ) -> Result<Cas>;
    /// Returns the number of a branch's last event, forgotten or not; 0 if there was none.
    async fn last_event(&self, id: RepositoryId, incarnation: [u8; 16]) -> Result<u64>;
    /// Returns up to `limit` runs of events of which the last has a number behind `after`, in order.
    async fn events_after(
        &self,
        id: RepositoryId,
        incarnation: [u8; 16],
        after: u64,
        limit: usize,
    ) -> Result<Vec<EventRecord>>;
    /// Removes the runs of events of a branch that end at a number or before.
    async fn forget_events(&self, id: RepositoryId, incarnation: [u8; 16], up_to: u64) -> Result<()>;
}
