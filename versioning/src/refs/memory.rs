//! Refs in memory, for tests: stricter than any other backend, and nothing survives the value.

mod state;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use self::state::{Compared, Repository, State};
use super::rules::{self, demand};
use super::{
    BranchRecord, BranchRules, Cas, CommitEntry, EventRecord, EventRun, Expected, HeadMove, LogRecord,
    RefLogEntry, RefStore, Removal, RepositoryId, RepositoryRecord, RepositoryRules,
};
use crate::{CommitId, RefName, RepositoryName, Result, Roots};

/// A ref store in memory.
///
/// Beside what every store demands, it refuses an incarnation that was ever used before, a commit that is
/// indexed twice with different parents, and a commit whose generation is not above that of its parents.
#[derive(Debug)]
pub struct MemoryRefs {
    shared: bool,
    state: Mutex<State>,
}

impl MemoryRefs {
    /// Returns an empty store that belongs to one process.
    pub fn new() -> MemoryRefs {
        let state = State {
            epoch: 1,
            repositories: BTreeMap::new(),
        };
        MemoryRefs {
            shared: false,
            state: Mutex::new(state),
        }
    }

    /// Returns an empty store that says of itself that others write to it too, so that several writers over
    /// one value can stand for several processes.
    pub fn new_shared() -> MemoryRefs {
        MemoryRefs {
            shared: true,
            ..MemoryRefs::new()
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads from a repository; of one that is not there, the default.
    fn read<T: Default>(&self, id: RepositoryId, read: impl FnOnce(&Repository) -> T) -> T {
        self.state().repositories.get(&id).map(read).unwrap_or_default()
    }

    /// Changes a branch if it is as expected. `change` checks everything before it changes anything.
    fn compare_and_set(
        &self,
        id: RepositoryId,
        name: &RefName,
        (operation, expected, compared): (&'static str, &Expected, Compared),
        change: impl FnOnce(&mut Repository) -> Result<()>,
    ) -> Result<Cas> {
        let mut state = self.state();
        rules::check_epoch(operation, expected.epoch, state.epoch)?;
        let Some(repository) = state.repositories.get_mut(&id) else {
            return Ok(Cas::Lost(None));
        };
        let Some(branch) = repository.branches.get(name) else {
            return Ok(Cas::Lost(None));
        };
        if !compared.holds(expected, &branch.record) {
            return Ok(Cas::Lost(Some(branch.record.clone())));
        }
        change(repository)?;
        if let Some(branch) = repository.branches.get_mut(name) {
            branch.record.remember(expected.write);
        }
        Ok(Cas::Done)
    }
}

impl Default for MemoryRefs {
    fn default() -> MemoryRefs {
        MemoryRefs::new()
    }
}

#[async_trait]
impl RefStore for MemoryRefs {
    fn shared(&self) -> bool {
        self.shared
    }

    async fn epoch(&self) -> Result<u32> {
        Ok(self.state().epoch)
    }

    async fn begin_epoch_after(&self, current: u32) -> Result<u32> {
        let mut state = self.state();
        demand(current <= state.epoch, "an epoch was skipped")?;
        state.epoch = state.epoch.max(current + 1);
        Ok(state.epoch)
    }

    async fn create_repository(
        &self,
        repository: &RepositoryRecord,
        first: &BranchRecord,
        root: &CommitEntry,
    ) -> Result<()> {
        rules::check_repository(repository, first, root)?;
        let mut state = self.state();
        if state
            .repositories
            .values()
            .any(|other| other.record.name == repository.name)
        {
            return Err(rules::taken("repository", &repository.name));
        }
        demand(
            !state.repositories.contains_key(&repository.id),
            "a repository id was used twice",
        )?;
        let mut made = Repository::new(rules::with_settings_in_order(repository));
        made.index(std::slice::from_ref(root))?;
        made.add_branch(first)?;
        state.repositories.insert(repository.id, made);
        Ok(())
    }

    async fn repository(&self, name: &RepositoryName) -> Result<Option<RepositoryRecord>> {
        let state = self.state();
        let found = state
            .repositories
            .values()
            .find(|repository| repository.record.name == *name);
        Ok(found.map(|repository| repository.record.clone()))
    }

    async fn repositories(&self) -> Result<Vec<RepositoryRecord>> {
        let state = self.state();
        let mut records: Vec<_> = state.repositories.values().map(|r| r.record.clone()).collect();
        records.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(records)
    }

    async fn set_repository_settings(&self, id: RepositoryId, settings: &[(String, String)]) -> Result<()> {
        self.state().repository(id)?.record.settings = rules::in_order(settings);
        Ok(())
    }

    async fn repository_rules(&self, id: RepositoryId) -> Result<(u64, RepositoryRules)> {
        Ok(self.read(id, |repository| repository.rules.clone()))
    }

    async fn set_repository_rules(
        &self,
        id: RepositoryId,
        generation: u64,
        rules: &RepositoryRules,
    ) -> Result<bool> {
        rules::check_numbers(&[generation])?;
        let mut state = self.state();
        let repository = state.repository(id)?;
        if repository.rules.0 != generation {
            return Ok(false);
        }
        repository.rules = (generation + 1, rules.clone());
        for branch in repository.branches.values_mut() {
            branch.record.rules_generation += 1;
        }
        Ok(true)
    }

    async fn create_branch(&self, id: RepositoryId, branch: &BranchRecord) -> Result<()> {
        rules::check_branch(branch)?;
        let mut state = self.state();
        let repository = state.repository(id)?;
        repository.check_open()?;
        repository.add_branch(branch)
    }

    async fn delete_branch(&self, id: RepositoryId, name: &RefName, removal: &Removal) -> Result<Cas> {
        rules::check_removal(removal)?;
        let mut state = self.state();
        let Some(repository) = state.repositories.get_mut(&id) else {
            return Ok(Cas::Lost(None));
        };
        let Some(branch) = repository.branches.get(name) else {
            return Ok(Cas::Lost(None));
        };
        repository.check_open()?;
        if !state::is_as_removed(&branch.record, removal) {
            return Ok(Cas::Lost(Some(branch.record.clone())));
        }
        let head = branch.record.head;
        repository.branches.remove(name);
        repository.record_move(name, removal.time_us, Some(head), None, &removal.reason);
        Ok(Cas::Done)
    }

    async fn branch(&self, id: RepositoryId, name: &RefName) -> Result<Option<BranchRecord>> {
        Ok(self.read(id, |repository| {
            Some(repository.branches.get(name)?.record.clone())
        }))
    }

    async fn branches(&self, id: RepositoryId) -> Result<Vec<BranchRecord>> {
        Ok(self.read(id, |repository| {
            repository.branches.values().map(|b| b.record.clone()).collect()
        }))
    }

    async fn set_branch_rules(&self, id: RepositoryId, name: &RefName, rules: &BranchRules) -> Result<()> {
        let mut state = self.state();
        let branch = state.repository(id)?.branches.get_mut(name);
        let branch = branch.ok_or_else(|| rules::missing("branch", name))?;
        branch.record.mode = rules.mode;
        branch.record.protection = rules.protection.clone();
        branch.record.expiry = rules.expiry;
        branch.record.rules_generation += 1;
        Ok(())
    }

    async fn create_tag(
        &self,
        id: RepositoryId,
        name: &RefName,
        commit: CommitId,
        time_us: u64,
    ) -> Result<()> {
        rules::check_numbers(&[time_us])?;
        let mut state = self.state();
        let repository = state.repository(id)?;
        repository.check_open()?;
        repository.check_free(name)?;
        repository.check_known(commit)?;
        repository.tags.insert(name.clone(), commit);
        repository.record_move(name, time_us, None, Some(commit), "create tag");
        Ok(())
    }

    async fn delete_tag(&self, id: RepositoryId, name: &RefName, time_us: u64) -> Result<bool> {
        rules::check_numbers(&[time_us])?;
        let mut state = self.state();
        let Some(repository) = state.repositories.get_mut(&id) else {
            return Ok(false);
        };
        let Some(commit) = repository.tags.get(name).copied() else {
            return Ok(false);
        };
        repository.check_open()?;
        repository.tags.remove(name);
        repository.record_move(name, time_us, Some(commit), None, "delete tag");
        Ok(true)
    }

    async fn tag(&self, id: RepositoryId, name: &RefName) -> Result<Option<CommitId>> {
        Ok(self.read(id, |repository| repository.tags.get(name).copied()))
    }

    async fn tags(&self, id: RepositoryId) -> Result<Vec<(RefName, CommitId)>> {
        Ok(self.read(id, |repository| {
            repository.tags.iter().map(|(n, c)| (n.clone(), *c)).collect()
        }))
    }

    async fn append(
        &self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        record: &LogRecord,
    ) -> Result<Cas> {
        rules::check_append(expected, record)?;
        let compared = Compared {
            seq: true,
            rules: Some(expected.rules),
            ..Compared::default()
        };
        self.compare_and_set(id, name, ("append", expected, compared), |repository| {
            if let Some(branch) = repository.branches.get_mut(name) {
                branch.record.seq = record.seq;
                branch.record.touched_us = record.time_us;
                branch.tell(record.time_us, &record.events);
                let events = Vec::new();
                branch.log.insert(
                    record.seq,
                    LogRecord {
                        events,
                        ..record.clone()
                    },
                );
            }
            Ok(())
        })
    }

    async fn log_after(&self, id: RepositoryId, incarnation: [u8; 16], after: u64) -> Result<Vec<LogRecord>> {
        Ok(self.read(id, |repository| {
            let branch = repository
                .branches
                .values()
                .find(|b| b.record.incarnation == incarnation);
            let behind = |record: &&LogRecord| record.seq > after;
            branch
                .map(|b| b.log.values().filter(behind).cloned().collect())
                .unwrap_or_default()
        }))
    }

    async fn fold(
        &self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        staged: &Roots,
        folded_seq: u64,
    ) -> Result<Cas> {
        rules::check_fold(expected, folded_seq)?;
        let compared = Compared {
            head: true,
            folded_seq: true,
            ..Compared::default()
        };
        self.compare_and_set(id, name, ("fold", expected, compared), |repository| {
            if let Some(branch) = repository.branches.get_mut(name) {
                branch.check_boundary(folded_seq)?;
                branch.fold_to(Some(*staged), folded_seq);
            }
            Ok(())
        })
    }

    async fn move_head(
        &self,
        id: RepositoryId,
        name: &RefName,
        expected: &Expected,
        to: &HeadMove,
    ) -> Result<Cas> {
        rules::check_move(expected, to)?;
        let compared = Compared {
            head: true,
            folded_seq: true,
            seq: to.rebased,
            rules: to.rules,
        };
        self.compare_and_set(id, name, ("moving the head", expected, compared), |repository| {
            if let Some(branch) = repository.branches.get(name) {
                branch.check_boundary(to.folded_seq)?;
            }
            if !to.index.iter().any(|entry| entry.id == to.head) {
                repository.check_known(to.head)?;
            }
            repository.index(&to.index)?;
            if let Some(branch) = repository.branches.get_mut(name) {
                branch.record.head = to.head;
                branch.record.touched_us = to.time_us;
                branch.record.generation += 1;
                branch.record.base_generation += u64::from(to.rebased);
                branch.record.sealed_seq = to.folded_seq;
                branch.fold_to(to.staged, to.folded_seq);
                branch.tell(to.time_us, &to.events);
            }
            repository.record_move(name, to.time_us, Some(expected.head), Some(to.head), &to.reason);
            Ok(())
        })
    }

    async fn index_commits(&self, id: RepositoryId, entries: &[CommitEntry]) -> Result<()> {
        rules::check_entries(entries)?;
        self.state().repository(id)?.index(entries)
    }

    async fn commit_entries(&self, id: RepositoryId, ids: &[CommitId]) -> Result<Vec<CommitEntry>> {
        Ok(self.read(id, |repository| {
            ids.iter()
                .filter_map(|id| repository.commits.get(id))
                .cloned()
                .collect()
        }))
    }

    async fn commits_up_to(
        &self,
        id: RepositoryId,
        generation: u64,
        limit: usize,
    ) -> Result<Vec<CommitEntry>> {
        Ok(self.read(id, |repository| {
            let up_to = |entry: &&CommitEntry| entry.generation <= generation;
            let mut found: Vec<_> = repository.commits.values().filter(up_to).cloned().collect();
            found.sort_by_key(|entry| std::cmp::Reverse((entry.generation, entry.id)));
            found.truncate(limit);
            found
        }))
    }

    async fn children(
        &self,
        id: RepositoryId,
        parents: &[CommitId],
        limit: usize,
    ) -> Result<Vec<CommitEntry>> {
        Ok(self.read(id, |repository| repository.children(parents, limit)))
    }

    async fn first_parent_from(
        &self,
        id: RepositoryId,
        head: CommitId,
        generation: u64,
    ) -> Result<Option<CommitId>> {
        Ok(self.read(id, |repository| {
            let first = |entry: &&CommitEntry| repository.commits.get(entry.parents.first()?);
            let line = std::iter::successors(repository.commits.get(&head), first);
            line.take_while(|entry| entry.generation >= generation)
                .last()
                .map(|entry| entry.id)
        }))
    }

    async fn commits_by_prefix(&self, id: RepositoryId, prefix: &str, limit: usize) -> Result<Vec<CommitId>> {
        let Some((first, last)) = rules::ids_by_prefix(prefix) else {
            return Ok(Vec::new());
        };
        Ok(self.read(id, |repository| {
            repository
                .commits
                .range(first..=last)
                .take(limit)
                .map(|(id, _)| *id)
                .collect()
        }))
    }

    async fn ref_log(&self, id: RepositoryId, limit: usize) -> Result<Vec<RefLogEntry>> {
        Ok(self.read(id, |repository| {
            repository.ref_log.iter().rev().take(limit).cloned().collect()
        }))
    }

    async fn kv_get(&self, id: RepositoryId, namespace: &str, key: &str) -> Result<Option<Bytes>> {
        Ok(self.read(id, |repository| {
            repository.small.get(namespace)?.get(key).cloned()
        }))
    }

    async fn kv_write(
        &self,
        id: RepositoryId,
        namespace: &str,
        changes: &[(String, Option<Bytes>)],
    ) -> Result<()> {
        rules::check_keys(changes.iter().map(|(key, _)| key))?;
        self.state().repository(id)?.write_small(namespace, changes);
        Ok(())
    }

    async fn kv_list(
        &self,
        id: RepositoryId,
        namespace: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, Bytes)>> {
        Ok(self.read(id, |repository| {
            let all = repository.small.get(namespace).into_iter().flatten();
            let listed = all.filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
            listed
                .take(limit)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        }))
    }

    async fn kv_version(&self, id: RepositoryId, namespace: &str) -> Result<u64> {
        Ok(self.read(id, |repository| {
            repository.versions.get(namespace).copied().unwrap_or_default()
        }))
    }

    async fn kv_swap(
        &self,
        id: RepositoryId,
        namespace: &str,
        version: u64,
        changes: &[(String, Option<Bytes>)],
    ) -> Result<bool> {
        rules::check_keys(changes.iter().map(|(key, _)| key))?;
        rules::check_numbers(&[version])?;
        let mut state = self.state();
        let repository = state.repository(id)?;
        let found = repository.versions.entry(namespace.to_owned()).or_default();
        if *found != version {
            return Ok(false);
        }
        *found += 1;
        repository.write_small(namespace, changes);
        Ok(true)
    }

    async fn add_events(
        &self,
        id: RepositoryId,
        name: &RefName,
        incarnation: [u8; 16],
        time_us: u64,
        events: &[EventRun],
    ) -> Result<Cas> {
        rules::check_numbers(&[time_us])?;
        let mut state = self.state();
        let repository = state.repositories.get_mut(&id);
        let Some(branch) = repository.and_then(|repository| repository.branches.get_mut(name)) else {
            return Ok(Cas::Lost(None));
        };
        if branch.record.incarnation != incarnation {
            return Ok(Cas::Lost(Some(branch.record.clone())));
        }
        branch.tell(time_us, events);
        Ok(Cas::Done)
    }

    async fn last_event(&self, id: RepositoryId, incarnation: [u8; 16]) -> Result<u64> {
        Ok(self.read(id, |repository| {
            repository
                .incarnation(incarnation)
                .map_or(0, |branch| branch.last_event)
        }))
    }

    async fn events_after(
        &self,
        id: RepositoryId,
        incarnation: [u8; 16],
        after: u64,
        limit: usize,
    ) -> Result<Vec<EventRecord>> {
        Ok(self.read(id, |repository| {
            let branch = repository.incarnation(incarnation);
            let events = branch.into_iter().flat_map(|branch| &branch.events);
            events
                .filter(|event| event.number > after)
                .take(limit)
                .cloned()
                .collect()
        }))
    }

    async fn forget_events(&self, id: RepositoryId, incarnation: [u8; 16], up_to: u64) -> Result<()> {
        let mut state = self.state();
        let repository = state.repositories.get_mut(&id);
        let branches = repository.into_iter().flat_map(|r| r.branches.values_mut());
        for branch in branches.filter(|branch| branch.record.incarnation == incarnation) {
            branch.events.retain(|event| event.number > up_to);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::refs::conformance::{conformance, survives_reopening};

    #[tokio::test(flavor = "multi_thread")]
    async fn conforms() {
        conformance(async || Arc::new(MemoryRefs::new()) as Arc<dyn RefStore>).await;
    }

    #[tokio::test]
    async fn keeps_what_it_was_given() {
        let refs: Arc<dyn RefStore> = Arc::new(MemoryRefs::new_shared());
        assert!(refs.shared());
        survives_reopening(async || refs.clone()).await;
    }
}
