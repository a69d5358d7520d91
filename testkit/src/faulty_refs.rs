//! A ref store that fails on purpose: before a call has its effect, or after it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use versioning::refs::{
    BranchRecord, BranchRules, Cas, CommitEntry, EventRecord, EventRun, Expected, HeadMove, LogRecord,
    RefLogEntry, RefStore, Removal, RepositoryId, RepositoryRecord, RepositoryRules,
};
use versioning::{CommitId, RefName, RepositoryName, Result, Roots};

use crate::Fault;
use crate::faulty::lost;

/// A ref store whose methods fail when they are told to.
#[derive(Debug, Clone)]
pub struct FaultyRefs {
    inner: Arc<dyn RefStore>,
    faults: Arc<Mutex<Vec<(&'static str, Fault)>>>,
    delays: Arc<Mutex<Vec<(&'static str, Duration)>>>,
    calls: Arc<AtomicUsize>,
    /// Where a call lets others go first; 0 is never.
    pace: Arc<AtomicU64>,
}

impl FaultyRefs {
    /// Returns `inner`, for now without faults.
    pub fn new(inner: Arc<dyn RefStore>) -> FaultyRefs {
        FaultyRefs {
            inner,
            faults: Arc::default(),
            delays: Arc::default(),
            calls: Arc::default(),
            pace: Arc::default(),
        }
    }

    /// Has each call let other tasks of a runtime with one thread go first, or not, as `seed` says: so calls of
    /// several callers are interleaved in many ways, each of which can be had again.
    #[must_use]
    pub fn interleaved(self, seed: u64) -> FaultyRefs {
        self.pace.store(seed | 1, Relaxed);
        self
    }

    async fn let_others_go_first(&self) {
        let pace = self.pace.load(Relaxed);
        if pace == 0 {
            return;
        }
        // xorshift: all that is asked of it is to look without order
        let mut next = pace;
        next ^= next << 13;
        next ^= next >> 7;
        next ^= next << 17;
        self.pace.store(next, Relaxed);
        for _ in 0..next % 4 {
            tokio::task::yield_now().await;
        }
    }

    /// Returns how many calls were made so far.
    pub fn calls(&self) -> usize {
        self.calls.load(Relaxed)
    }

    /// Makes the next call of `method` fail; [`Fault::Stop`] all calls of it, until [`FaultyRefs::heal`].
    pub fn fail(&self, method: &'static str, fault: Fault) {
        self.faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((method, fault));
    }

    /// Makes the next call of `method` take so long.
    pub fn delay(&self, method: &'static str, time: Duration) {
        self.delays
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((method, time));
    }

    async fn wait(&self, method: &str) {
        let due = {
            let mut delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
            let at = delays.iter().position(|(of, _)| *of == method);
            at.map(|at| delays.remove(at).1)
        };
        if let Some(time) = due {
            tokio::time::sleep(time).await;
        }
    }

    /// Ends all faults; returns how many were still to come.
    pub fn heal(&self) -> usize {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults
            .drain(..)
            .filter(|(_, fault)| *fault != Fault::Stop)
            .count()
    }

    fn fault(&self, method: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let at = faults.iter().position(|(of, _)| *of == method)?;
        match faults[at].1 {
            Fault::Stop => Some(Fault::Stop),
            Fault::Before | Fault::After => Some(faults.remove(at).1),
        }
    }

    async fn run<T>(&self, method: &str, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.calls.fetch_add(1, Relaxed);
        self.let_others_go_first().await;
        self.wait(method).await;
        match self.fault(method) {
            None => {
                let answer = call.await;
                self.let_others_go_first().await;
                answer
            }
            Some(Fault::Before | Fault::Stop) => Err(lost()),
            Some(Fault::After) => {
                call.await?;
                Err(lost())
            }
        }
    }
}

#[async_trait]
impl RefStore for FaultyRefs {
    fn shared(&self) -> bool {
        self.inner.shared()
    }

    async fn epoch(&self) -> Result<u32> {
        self.run("epoch", self.inner.epoch()).await
    }

    async fn begin_epoch_after(&self, current: u32) -> Result<u32> {
        self.run("begin_epoch_after", self.inner.begin_epoch_after(current))
            .await
    }

    async fn create_repository(
        &self,
        repository: &RepositoryRecord,
        first: &BranchRecord,
        root: &CommitEntry,
    ) -> Result<()> {
        self.run(
            "create_repository",
            self.inner.create_repository(repository, first, root),
        )
        .await
    }

    async fn repository(&self, name: &RepositoryName) -> Result<Option<RepositoryRecord>> {
        self.run("repository", self.inner.repository(name)).await
    }

    async fn repositories(&self) -> Result<Vec<RepositoryRecord>> {
        self.run("repositories", self.inner.repositories()).await
    }

    async fn set_repository_settings(&self, id: RepositoryId, settings: &[(String, String)]) -> Result<()> {
        self.run(
            "set_repository_settings",
            self.inner.set_repository_settings(id, settings),
        )
        .await
    }

    async fn repository_rules(&self, id: RepositoryId) -> Result<(u64, RepositoryRules)> {
        self.run("repository_rules", self.inner.repository_rules(id))
            .await
    }

    async fn set_repository_rules(
        &self,
        id: RepositoryId,
        generation: u64,
        rules: &RepositoryRules,
    ) -> Result<bool> {
        self.run(
            "set_repository_rules",
            self.inner.set_repository_rules(id, generation, rules),
        )
        .await
    }

    async fn create_branch(&self, id: RepositoryId, branch: &BranchRecord) -> Result<()> {
        self.run("create_branch", self.inner.create_branch(id, branch))
            .await
    }

    async fn delete_branch(&self, id: RepositoryId, name: &RefName, removal: &Removal) -> Result<Cas> {
        self.run("delete_branch", self.inner.delete_branch(id, name, removal))
            .await
    }

    async fn branch(&self, id: RepositoryId, name: &RefName) -> Result<Option<BranchRecord>> {
        self.run("branch", self.inner.branch(id, name)).await
    }

    async fn branches(&self, id: RepositoryId) -> Result<Vec<BranchRecord>> {
        self.run("branches", self.inner.branches(id)).await
    }

    async fn set_branch_rules(&self, id: RepositoryId, name: &RefName, rules: &BranchRules) -> Result<()> {
        self.run("set_branch_rules", self.inner.set_branch_rules(id, name, rules))
            .await
    }

    async fn create_tag(
        &self,
        id: RepositoryId,
        name: &RefName,
        commit: CommitId,
        time_us: u64,
    ) -> Result<()> {
        self.run("create_tag", self.inner.create_tag(id, name, commit, time_us))
            .await
    }

    async fn delete_tag(&self, id: RepositoryId, name: &RefName, time_us: u64) -> Result<bool> {
        self.run("delete_tag", self.inner.delete_tag(id, name, time_us))
            .await
    }

    async fn tag(&self, id: RepositoryId, name: &RefName) -> Result<Option<CommitId>> {
        self.run("tag", self.inner.tag(id, name)).await
    }

    async fn tags(&self, id: RepositoryId) -> Result<Vec<(RefName, CommitId)>> {
        self.run("tags", self.inner.tags(id)).await
    }

    async fn append(
        &self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        record: &LogRecord,
    ) -> Result<Cas> {
        self.run("append", self.inner.append(id, name, expected, record))
            .await
    }

    async fn log_after(&self, id: RepositoryId, incarnation: [u8; 16], after: u64) -> Result<Vec<LogRecord>> {
        self.run("log_after", self.inner.log_after(id, incarnation, after))
            .await
    }

    async fn fold(
        &self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        staged: &Roots,
        folded_seq: u64,
    ) -> Result<Cas> {
        self.run("fold", self.inner.fold(id, name, expected, staged, folded_seq))
            .await
    }

    async fn move_head(
        &self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        to: &HeadMove,
    ) -> Result<Cas> {
        self.run("move_head", self.inner.move_head(id, name, expected, to))
            .await
    }

    async fn index_commits(&self, id: RepositoryId, entries: &[CommitEntry]) -> Result<()> {
        self.run("index_commits", self.inner.index_commits(id, entries))
            .await
    }

    async fn commit_entries(&self, id: RepositoryId, ids: &[CommitId]) -> Result<Vec<CommitEntry>> {
        self.run("commit_entries", self.inner.commit_entries(id, ids))
            .await
    }

    async fn commits_up_to(
        &self,
        id: RepositoryId,
        generation: u64,
        limit: usize,
    ) -> Result<Vec<CommitEntry>> {
        self.run("commits_up_to", self.inner.commits_up_to(id, generation, limit))
            .await
    }

    async fn children(
        &self,
        id: RepositoryId,
        parents: &[CommitId],
        limit: usize,
    ) -> Result<Vec<CommitEntry>> {
        self.run("children", self.inner.children(id, parents, limit))
            .await
    }

    async fn first_parent_from(
        &self,
        id: RepositoryId,
        head: CommitId,
        generation: u64,
    ) -> Result<Option<CommitId>> {
        self.run(
            "first_parent_from",
            self.inner.first_parent_from(id, head, generation),
        )
        .await
    }

    async fn commits_by_prefix(&self, id: RepositoryId, prefix: &str, limit: usize) -> Result<Vec<CommitId>> {
        self.run(
            "commits_by_prefix",
            self.inner.commits_by_prefix(id, prefix, limit),
        )
        .await
    }

    async fn ref_log(&self, id: RepositoryId, limit: usize) -> Result<Vec<RefLogEntry>> {
        self.run("ref_log", self.inner.ref_log(id, limit)).await
    }

    async fn kv_get(&self, id: RepositoryId, namespace: &str, key: &str) -> Result<Option<Bytes>> {
        self.run("kv_get", self.inner.kv_get(id, namespace, key)).await
    }

    async fn kv_write(
        &self,
        id: RepositoryId,
        namespace: &str,
        changes: &[(String, Option<Bytes>)],
    ) -> Result<()> {
        self.run("kv_write", self.inner.kv_write(id, namespace, changes))
            .await
    }

    async fn kv_list(
        &self,
        id: RepositoryId,
        namespace: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, Bytes)>> {
        self.run("kv_list", self.inner.kv_list(id, namespace, prefix, after, limit))
            .await
    }

    async fn kv_version(&self, id: RepositoryId, namespace: &str) -> Result<u64> {
        self.run("kv_version", self.inner.kv_version(id, namespace)).await
    }

    async fn kv_swap(
        &self,
        id: RepositoryId,
        namespace: &str,
        version: u64,
        changes: &[(String, Option<Bytes>)],
    ) -> Result<bool> {
        let swap = self.inner.kv_swap(id, namespace, version, changes);
        self.run("kv_swap", swap).await
    }

    async fn add_events(
        &self,
        id: RepositoryId,
        name: &RefName,
        incarnation: [u8; 16],
        time_us: u64,
        events: &[EventRun],
    ) -> Result<Cas> {
        let add = self.inner.add_events(id, name, incarnation, time_us, events);
        self.run("add_events", add).await
    }

    async fn last_event(&self, id: RepositoryId, incarnation: [u8; 16]) -> Result<u64> {
        self.run("last_event", self.inner.last_event(id, incarnation))
            .await
    }

    async fn events_after(
        &self,
        id: RepositoryId,
        incarnation: [u8; 16],
        after: u64,
        limit: usize,
    ) -> Result<Vec<EventRecord>> {
        let events = self.inner.events_after(id, incarnation, after, limit);
        self.run("events_after", events).await
    }

    async fn forget_events(&self, id: RepositoryId, incarnation: [u8; 16], up_to: u64) -> Result<()> {
        let forget = self.inner.forget_events(id, incarnation, up_to);
        self.run("forget_events", forget).await
    }
}
