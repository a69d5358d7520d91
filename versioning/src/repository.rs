//! The façade: repositories, their refs and their histories.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::sync::Mutex;

use crate::branch::Branch;
use crate::commit::{Commit, CommitKind};
use crate::core::{Core, Words};
use crate::merge::{Gate, Incoming, Landing, Merge, MergeOutcome, Resolver};
use crate::object::{Object, Segment};
use crate::refs::{
    BranchRecord, Cas, CommitMode, Protection, RefLogEntry, RefStore, RepositoryId, RepositoryRecord,
};
use crate::store::{Blocks, Cache, DataFiles, DataWriter, Files, Stats};
use crate::tree::Diff;
use crate::view::View;
use crate::{
    Batch, Clock, CommitId, Error, Ids, KeyRange, RefExpr, RefName, RepositoryName, Result, Roots, Space,
};

/// Tells which paths of [`Space::Objects`] are staged but never committed: the working files of jobs.
pub type Ephemeral = fn(&[u8]) -> bool;

/// How often a commit is prepared anew because another process moved the branch.
const ATTEMPTS_MAX: u32 = 8;

/// The fewest digits by which a commit can be named.
pub const SHORT_ID_MIN: usize = 8;

/// What the store is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    pub refs: Arc<dyn RefStore>,
    pub files: Arc<dyn Files>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub ephemeral: Ephemeral,
}

/// When staged operations are folded into trees, and how much is kept in memory.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Fold when this many changed keys are in memory.
    pub fold_ops: usize,
    /// Fold when this many prefix deletions are in memory.
    pub fold_prefixes: usize,
    /// The cache of nodes and blobs, shared by all repositories.
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
            fold_prefixes: 64,
            cache_bytes: 512 << 20,
            coalesce_idle_ms: 2_000,
            coalesce_age_ms: 30_000,
            coalesce_ops: 10_000,
        }
    }
}

/// All repositories of a store. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Repositories {
    parts: Parts,
    limits: Limits,
    cache: Cache,
    open: Arc<Mutex<HashMap<RepositoryName, Repository>>>,
}

impl Repositories {
    /// Opens the store.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::Corrupt`].
    pub async fn open(parts: Parts, limits: Limits) -> Result<Repositories> {
        parts.refs.epoch().await?;
        let cache = Cache::new(limits.cache_bytes);
        Ok(Repositories {
            parts,
            limits,
            cache,
            open: Arc::default(),
        })
    }

    /// Takes up the background commits that the last process left undone. A branch that cannot be read is told
    /// of in the log and left alone.
    ///
    /// # Errors
    /// Those of the ref store.
    pub async fn resume(&self) -> Result<()> {
        for record in self.list().await? {
            let repository = self.get(&record.name).await?;
            for branch in repository.branches().await? {
                let has_staged = branch.staged.is_some() || branch.seq > branch.folded_seq;
                if branch.mode == CommitMode::Staged || !has_staged {
                    continue;
                }
                if let Err(error) = repository.open_branch(&branch.name).await {
                    tracing::error!(repository = %record.name, branch = %branch.name, %error, "a branch cannot be read");
                }
            }
        }
        Ok(())
    }

    /// Creates a repository, its default branch (in the mode `coalesce`), and an empty first commit.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`].
    pub async fn create(&self, name: &RepositoryName, default_branch: &RefName) -> Result<Repository> {
        self.create_with(name, default_branch, &[]).await
    }

    /// As [`Repositories::create`], with settings of upper rooms.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`].
    pub async fn create_with(
        &self,
        name: &RepositoryName,
        default_branch: &RefName,
        settings: &[(String, String)],
    ) -> Result<Repository> {
        let record = RepositoryRecord {
            id: RepositoryId(self.parts.ids.fresh()),
            name: name.clone(),
            default_branch: default_branch.clone(),
            created_us: self.parts.clock.now_us(),
            settings: settings.to_vec(),
        };
        let repository = self.handle(record);
        let core = &repository.inner.core;
        let words = Words::new(CommitKind::Auto, "skep", "repository created");
        let root = core
            .store_commit(&[], Roots::default(), words, core.epoch().await?)
            .await?;
        let first = new_branch(core, default_branch, root.id, CommitMode::Coalesce);
        self.parts
            .refs
            .create_repository(repository.record(), &first, &root)
            .await?;
        self.get(name).await
    }

    /// Returns the repository of that name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, name: &RepositoryName) -> Result<Repository> {
        let mut open = self.open.lock().await;
        if let Some(repository) = open.get(name) {
            return Ok(repository.clone());
        }
        let not_found = || Error::NotFound {
            what: "repository",
            name: name.to_string(),
        };
        let record = self.parts.refs.repository(name).await?.ok_or_else(not_found)?;
        let repository = self.handle(record);
        open.insert(name.clone(), repository.clone());
        Ok(repository)
    }

    fn handle(&self, record: RepositoryRecord) -> Repository {
        let prefix: String = record
            .id
            .0
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .chain(["/".into()])
            .collect();
        let parts = &self.parts;
        let core = Core::new(
            record.id,
            parts,
            Arc::new(Blocks::new(
                parts.files.clone(),
                prefix.clone(),
                self.cache.clone(),
            )),
            self.limits.clone(),
        );
        let data = DataFiles::new(parts.files.clone(), prefix, parts.ids.clone());
        Repository {
            inner: Arc::new(Inner {
                core: Arc::new(core),
                record,
                data,
                branches: Mutex::default(),
            }),
        }
    }

    /// Returns all repositories, by name.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list(&self) -> Result<Vec<RepositoryRecord>> {
        self.parts.refs.repositories().await
    }

    /// Returns the clock of the store.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// Ends background work and waits for it: what is staged stays staged, durable as it is.
    pub async fn close(&self) {
        let open: Vec<Repository> = self
            .open
            .lock()
            .await
            .drain()
            .map(|(_, repository)| repository)
            .collect();
        for repository in open {
            repository.inner.branches.lock().await.clear();
            let tasks = &repository.inner.core.tasks;
            tasks.close();
            tasks.wait().await;
        }
    }
}

fn new_branch(core: &Core, name: &RefName, head: CommitId, mode: CommitMode) -> BranchRecord {
    BranchRecord {
        name: name.clone(),
        incarnation: core.ids.fresh(),
        generation: 0,
        base_generation: 0,
        head,
        staged: None,
        folded_seq: 0,
        seq: 0,
        mode,
        protection: None,
        created_us: core.clock.now_us(),
    }
}

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
    branches: Mutex<HashMap<RefName, Arc<Branch>>>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    pub kind: RefKind,
    /// The commit: of a branch its head.
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
        &self.inner.record
    }

    fn core(&self) -> &Core {
        &self.inner.core
    }

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
    /// Those of `plan`; [`Error::NotFound`] without such a branch; [`Error::Protected`]; [`Error::NoSpace`].
    pub async fn write<T, E, F, P>(&self, branch: &RefName, plan: P) -> Result<T, E>
    where
        P: FnMut(View) -> F + Send + 'static,
        F: Future<Output = Result<(Batch, T), E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let branch = self.open_branch(branch).await.map_err(E::from)?;
        let answer = branch.write(plan).await?;
        if branch.state().record.mode == CommitMode::Sync {
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
    /// [`Error::NothingToCommit`] in the mode `staged`; [`Error::NotFound`].
    pub async fn commit(&self, branch: &RefName, mut words: CommitMessage) -> Result<CommitId> {
        let branch = self.open_branch(branch).await?;
        let _heads = branch.heads.lock().await;
        words.allow_empty |= branch.state().record.mode != CommitMode::Staged;
        for _ in 1..ATTEMPTS_MAX {
            let made = self
                .core()
                .commit_held(&branch, &branch.lane, CommitKind::Normal, words.clone())
                .await;
            if !matches!(made, Err(Error::HeadMoved { .. })) {
                return made;
            }
        }
        self.core()
            .commit_held(&branch, &branch.lane, CommitKind::Normal, words)
            .await
    }

    /// Drops what is staged on a branch; returns the number of operations dropped.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn reset(&self, branch: &RefName) -> Result<u64> {
        let branch = self.open_branch(branch).await?;
        let _heads = branch.heads.lock().await;
        self.core().reset_held(&branch).await
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

    /// Returns the state of a ref as trees alone, so that it can be compared: folds a branch's operations.
    ///
    /// # Errors
    /// As [`Repository::view`].
    pub async fn settled(&self, at: &RefExpr) -> Result<View> {
        let view = self.view(at).await?;
        if view.is_settled() {
            return Ok(view);
        }
        let roots = self
            .core()
            .fold(&view.roots(), view.overlay(), view.epoch())
            .await?;
        Ok(view.settled(roots))
    }

    /// Returns what differs between two settled views in one space.
    pub fn diff(&self, before: &View, after: &View, space: Space, range: &KeyRange) -> Diff {
        before.tree(space).diff(&after.tree(space), range)
    }

    /// Merges `source` into a branch: all of its changes land, or none. Only committed state is merged.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Dirty`]; [`Error::HeadMoved`] when the branch keeps moving.
    pub async fn merge<R: Resolver>(
        &self,
        source: &RefExpr,
        landing: &Landing,
        resolver: &R,
        gate: &dyn Gate,
    ) -> Result<MergeOutcome<R::Conflict>> {
        let branch = self.open_branch(&landing.into).await?;
        let theirs = self.beginning(source).await?;
        let incoming = Incoming {
            kind: CommitKind::Merge,
            base: None,
            theirs,
            second_parent: Some(theirs),
            source: source.to_string(),
            message: landing
                .message
                .clone()
                .unwrap_or_else(|| format!("merge {source} into {}", landing.into)),
        };
        self.bring(&branch, landing, incoming, resolver, gate).await
    }

    /// Undoes a commit on a branch. `parent` counts from 1 and is needed for merge commits.
    ///
    /// # Errors
    /// As [`Repository::merge`]; [`Error::Refused`] without a parent to go back to.
    pub async fn revert<R: Resolver>(
        &self,
        commit: CommitId,
        parent: Option<usize>,
        landing: &Landing,
        resolver: &R,
        gate: &dyn Gate,
    ) -> Result<MergeOutcome<R::Conflict>> {
        let before = self.parent(commit, parent, "a revert").await?;
        let ends = Ends {
            kind: CommitKind::Revert,
            verb: "revert",
            base: commit,
            theirs: before,
        };
        self.bring_commit(commit, ends, landing, resolver, gate).await
    }

    /// Repeats the change of a commit on a branch. `parent` counts from 1 and is needed for merge commits.
    ///
    /// # Errors
    /// As [`Repository::revert`].
    pub async fn cherry_pick<R: Resolver>(
        &self,
        commit: CommitId,
        parent: Option<usize>,
        landing: &Landing,
        resolver: &R,
        gate: &dyn Gate,
    ) -> Result<MergeOutcome<R::Conflict>> {
        let before = self.parent(commit, parent, "a cherry-pick").await?;
        let ends = Ends {
            kind: CommitKind::CherryPick,
            verb: "cherry-pick",
            base: before,
            theirs: commit,
        };
        self.bring_commit(commit, ends, landing, resolver, gate).await
    }

    /// Returns the commit that a ref expression stands for where something begins there. Of a branch the
    /// committed state counts; where the server commits on its own, it does so first, for nobody there has
    /// asked to keep anything back.
    async fn beginning(&self, at: &RefExpr) -> Result<CommitId> {
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

    async fn parent(&self, id: CommitId, parent: Option<usize>, operation: &'static str) -> Result<CommitId> {
        let refused = |reason: &str| Error::Refused {
            operation,
            reason: format!("commit {} {reason}", id.short()),
        };
        let commit = self.commit_object(id).await?;
        match (commit.parents.as_slice(), parent) {
            ([], _) => Err(refused("is the first of its history")),
            ([only], None) => Ok(*only),
            (_, None) => Err(refused("is a merge: name the parent to compare with, 1 or 2")),
            (parents, Some(n)) => {
                let parent = n.checked_sub(1).and_then(|i| parents.get(i));
                parent.copied().ok_or_else(|| refused("has no such parent"))
            }
        }
    }

    async fn bring_commit<R: Resolver>(
        &self,
        commit: CommitId,
        ends: Ends,
        landing: &Landing,
        resolver: &R,
        gate: &dyn Gate,
    ) -> Result<MergeOutcome<R::Conflict>> {
        let branch = self.open_branch(&landing.into).await?;
        let named = || format!("{} {}", ends.verb, commit.short());
        let incoming = Incoming {
            kind: ends.kind,
            base: Some(ends.base),
            theirs: ends.theirs,
            second_parent: None,
            source: commit.to_string(),
            message: landing.message.clone().unwrap_or_else(named),
        };
        self.bring(&branch, landing, incoming, resolver, gate).await
    }

    async fn bring<R: Resolver>(
        &self,
        branch: &Branch,
        landing: &Landing,
        incoming: Incoming,
        resolver: &R,
        gate: &dyn Gate,
    ) -> Result<MergeOutcome<R::Conflict>> {
        let (core, repository) = (&self.inner.core, &self.inner.record.name);
        Merge {
            core,
            repository,
            branch,
            landing,
            incoming,
            resolver,
            gate,
        }
        .run()
        .await
    }

    /// Returns all branches, by name.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn branches(&self) -> Result<Vec<BranchRecord>> {
        self.core().refs.branches(self.core().id).await
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
    /// [`Error::AlreadyExists`], [`Error::NotFound`].
    pub async fn create_branch(
        &self,
        name: &RefName,
        from: &RefExpr,
        mode: CommitMode,
    ) -> Result<BranchRecord> {
        let head = self.beginning(from).await?;
        let record = new_branch(self.core(), name, head, mode);
        self.core().refs.create_branch(self.core().id, &record).await?;
        Ok(record)
    }

    /// Removes a branch with all that is staged on it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] for the default branch, and for a protected one.
    pub async fn delete_branch(&self, name: &RefName) -> Result<()> {
        let refused = |reason: &str| Error::Refused {
            operation: "deleting a branch",
            reason: reason.into(),
        };
        let branch = self.open_branch(name).await?;
        let record = branch.state().record.clone();
        if *name == self.inner.record.default_branch {
            return Err(refused("it is the default branch of its repository"));
        }
        if record.protection.is_some() {
            return Err(refused("it is protected"));
        }
        let core = self.inner.core.clone();
        let work = move |actor: &mut crate::branch::Actor| {
            let gone = actor.end();
            async move {
                let now = core.clock.now_us();
                match core
                    .refs
                    .delete_branch(core.id, &gone.name, gone.incarnation, now)
                    .await?
                {
                    Cas::Done | Cas::Lost(None) => Ok(()),
                    Cas::Lost(Some(found)) => Err(Error::HeadMoved {
                        branch: gone.name,
                        expected: gone.head,
                        found: found.head,
                    }),
                }
            }
            .boxed()
        };
        let outcome = branch.lane.run(|actor| work(actor)).await;
        self.inner
            .branches
            .lock()
            .await
            .retain(|_, branch| !branch.lane.is_closed());
        outcome
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
        self.change_branch_rules(name, move |_| (mode, protection)).await
    }

    /// Replaces the rules of a branch by what `change` makes of those that it has; no other change comes between.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn change_branch_rules(
        &self,
        name: &RefName,
        change: impl FnOnce(&BranchRecord) -> (CommitMode, Option<Protection>) + Send + 'static,
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
    /// [`Error::AlreadyExists`], [`Error::NotFound`].
    pub async fn create_tag(&self, name: &RefName, at: &RefExpr) -> Result<CommitId> {
        let commit = self.beginning(at).await?;
        let core = self.core();
        core.refs
            .create_tag(core.id, name, commit, core.clock.now_us())
            .await?;
        Ok(commit)
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_tag(&self, name: &RefName) -> Result<()> {
        let core = self.core();
        if core.refs.delete_tag(core.id, name, core.clock.now_us()).await? {
            return Ok(());
        }
        Err(Error::NotFound {
            what: "tag",
            name: name.to_string(),
        })
    }

    /// Returns the latest recorded moves of refs, newest first.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn ref_log(&self, limit: usize) -> Result<Vec<RefLogEntry>> {
        self.core().refs.ref_log(self.core().id, limit).await
    }

    /// Starts storing data. It belongs to no path until an [`Object`] with its segment is written.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Storage`].
    pub async fn upload(&self) -> Result<Upload> {
        let epoch = self.core().epoch().await?;
        Ok(Upload {
            writer: self.inner.data.create(epoch).await?,
        })
    }

    /// Streams the bytes of `range` of an object; the range has to lie within it.
    pub fn read(&self, object: &Object, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        let data = self.inner.data.clone();
        let parts = stretches(object, range);
        stream::iter(parts)
            .then(move |(segment, part)| {
                let data = data.clone();
                async move { data.read(segment.file, part).await }
            })
            .try_flatten()
            .boxed()
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
        let mut branches = self.inner.branches.lock().await;
        self.open_branch_in(&mut branches, name).await
    }

    async fn open_branch_in(
        &self,
        branches: &mut HashMap<RefName, Arc<Branch>>,
        name: &RefName,
    ) -> Result<Arc<Branch>> {
        if let Some(branch) = branches.get(name).filter(|branch| !branch.lane.is_closed()) {
            return Ok(branch.clone());
        }
        let branch = Branch::open(self.inner.core.clone(), name.clone()).await?;
        branches.insert(name.clone(), branch.clone());
        Ok(branch)
    }
}

/// Between which commits the change lies that a revert or cherry-pick brings.
struct Ends {
    kind: CommitKind,
    verb: &'static str,
    base: CommitId,
    theirs: CommitId,
}

/// Returns which parts of which segments make up `range`.
fn stretches(object: &Object, range: Range<u64>) -> Vec<(Segment, Range<u64>)> {
    let mut parts = Vec::new();
    let mut begin = 0;
    for segment in &object.segments {
        let end = begin + segment.len;
        let (from, to) = (range.start.max(begin), range.end.min(end));
        if from < to {
            parts.push((
                *segment,
                segment.offset + from - begin..segment.offset + to - begin,
            ));
        }
        begin = end;
    }
    parts
}

/// Data that is being stored.
#[derive(Debug)]
pub struct Upload {
    writer: DataWriter,
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
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.writer.write(bytes).await
    }

    /// Makes the data durable.
    ///
    /// # Errors
    /// As [`Upload::write`].
    pub async fn finish(self) -> Result<Stored> {
        let stored = self.writer.finish().await?;
        let segment = Segment {
            file: stored.file,
            offset: 0,
            len: stored.size,
        };
        Ok(Stored {
            segment,
            md5: stored.md5,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::DataFile;

    #[test]
    fn ranges_are_cut_from_segments() {
        let segment = |id, offset, len| Segment {
            file: DataFile {
                epoch: 1,
                id: [id; 16],
            },
            offset,
            len,
        };
        let object = Object {
            segments: vec![segment(1, 5, 10), segment(2, 0, 0), segment(3, 0, 4)],
            ..Object::default()
        };
        let ranges = |range| {
            stretches(&object, range)
                .into_iter()
                .map(|(s, r)| (s.file.id[0], r))
                .collect::<Vec<_>>()
        };
        assert_eq!(ranges(0..14), [(1, 5..15), (3, 0..4)]);
        assert_eq!(ranges(9..11), [(1, 14..15), (3, 0..1)]);
        assert_eq!(ranges(3..3), []);
    }
}
