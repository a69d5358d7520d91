//! What the store in memory holds, and the rules by which it changes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::refs::rules::{self, demand};
use crate::refs::{
    BranchRecord, CommitEntry, EventRecord, EventRun, Expected, LogRecord, RefLogEntry, Removal,
    RepositoryId, RepositoryRecord, RepositoryRules,
};
use crate::{CommitId, Hash, RefName, Result, Roots};

#[derive(Debug)]
pub(super) struct State {
    pub(super) epoch: u32,
    pub(super) repositories: BTreeMap<RepositoryId, Repository>,
}

#[derive(Debug)]
pub(super) struct Repository {
    pub(super) record: RepositoryRecord,
    /// How often its rules changed, and what they are.
    pub(super) rules: (u64, RepositoryRules),
    pub(super) branches: BTreeMap<RefName, Branch>,
    pub(super) tags: BTreeMap<RefName, CommitId>,
    pub(super) incarnations: BTreeSet<[u8; 16]>,
    /// Persistent, so that adding entries on trial costs no copy.
    pub(super) commits: imbl::OrdMap<CommitId, CommitEntry>,
    /// Each commit of the index, behind each of its parents.
    children: imbl::OrdSet<(CommitId, CommitId)>,
    pub(super) ref_log: Vec<RefLogEntry>,
    /// By namespace, then key.
    pub(super) small: BTreeMap<String, BTreeMap<String, Bytes>>,
    /// How often each namespace was swapped.
    pub(super) versions: BTreeMap<String, u64>,
}

#[derive(Debug)]
pub(super) struct Branch {
    pub(super) record: BranchRecord,
    pub(super) log: BTreeMap<u64, LogRecord>,
    pub(super) events: Vec<EventRecord>,
    pub(super) last_event: u64,
}

/// Which fields of [`Expected`] a call compares, beside incarnation and base generation.
#[derive(Clone, Copy, Default)]
pub(super) struct Compared {
    pub(super) head: bool,
    pub(super) folded_seq: bool,
    pub(super) seq: bool,
    pub(super) rules: Option<u64>,
}

impl Compared {
    pub(super) fn holds(self, expected: &Expected, found: &BranchRecord) -> bool {
        found.incarnation == expected.incarnation
            && found.base_generation == expected.base_generation
            && (!self.head || found.head == expected.head)
            && (!self.folded_seq || found.folded_seq == expected.folded_seq)
            && (!self.seq || found.seq == expected.seq)
            && self.rules.is_none_or(|rules| found.rules_generation == rules)
    }
}

/// Returns whether a branch is what its removal expects.
pub(super) fn is_as_removed(found: &BranchRecord, removal: &Removal) -> bool {
    found.incarnation == removal.incarnation
        && found.rules_generation == removal.rules
        && removal
            .untouched
            .is_none_or(|untouched| untouched == (found.generation, found.seq))
}

impl State {
    pub(super) fn repository(&mut self, id: RepositoryId) -> Result<&mut Repository> {
        self.repositories
            .get_mut(&id)
            .ok_or_else(|| rules::no_repository(id))
    }
}

impl Repository {
    pub(super) fn new(record: RepositoryRecord) -> Repository {
        Repository {
            record,
            rules: Default::default(),
            branches: BTreeMap::new(),
            tags: BTreeMap::new(),
            incarnations: BTreeSet::new(),
            commits: imbl::OrdMap::new(),
            children: imbl::OrdSet::new(),
            ref_log: Vec::new(),
            small: BTreeMap::new(),
            versions: BTreeMap::new(),
        }
    }

    pub(super) fn check_open(&self) -> Result<()> {
        rules::check_open(self.record.name.as_str(), &self.rules.1)
    }

    pub(super) fn check_free(&self, name: &RefName) -> Result<()> {
        match (self.branches.contains_key(name), self.tags.contains_key(name)) {
            (true, _) => Err(rules::taken("branch", name)),
            (_, true) => Err(rules::taken("tag", name)),
            _ => Ok(()),
        }
    }

    pub(super) fn check_known(&self, commit: CommitId) -> Result<()> {
        match self.commits.contains_key(&commit) {
            true => Ok(()),
            false => Err(rules::missing("commit", &commit)),
        }
    }

    pub(super) fn add_branch(&mut self, record: &BranchRecord) -> Result<()> {
        self.check_free(&record.name)?;
        self.check_known(record.head)?;
        demand(
            self.incarnations.insert(record.incarnation),
            "an incarnation was used twice",
        )?;
        self.branches.insert(
            record.name.clone(),
            Branch {
                record: record.clone(),
                log: BTreeMap::new(),
                events: Vec::new(),
                last_event: 0,
            },
        );
        self.record_move(
            &record.name,
            record.created_us,
            None,
            Some(record.head),
            "create branch",
        );
        Ok(())
    }

    pub(super) fn record_move(
        &mut self,
        name: &RefName,
        time_us: u64,
        from: Option<CommitId>,
        to: Option<CommitId>,
        why: &str,
    ) {
        let entry = RefLogEntry {
            branch: name.clone(),
            time_us,
            from,
            to,
            reason: why.to_owned(),
        };
        self.ref_log.push(entry);
    }

    pub(super) fn incarnation(&self, incarnation: [u8; 16]) -> Option<&Branch> {
        self.branches
            .values()
            .find(|branch| branch.record.incarnation == incarnation)
    }

    pub(super) fn write_small(&mut self, namespace: &str, changes: &[(String, Option<Bytes>)]) {
        let small = self.small.entry(namespace.to_owned()).or_default();
        for (key, value) in changes {
            match value {
                Some(value) => small.insert(key.clone(), value.clone()),
                None => small.remove(key),
            };
        }
    }

    /// Adds all entries or, if one is wrong, none.
    pub(super) fn index(&mut self, entries: &[CommitEntry]) -> Result<()> {
        let (mut commits, mut children) = (self.commits.clone(), self.children.clone());
        for entry in entries {
            for parent in &entry.parents {
                let before = commits.get(parent).map(|parent| parent.generation);
                demand(before.is_some(), rules::PARENTS_FIRST)?;
                demand(
                    before < Some(entry.generation),
                    "a commit's generation is not above its parents'",
                )?;
                children.insert((*parent, entry.id));
            }
            let kept = commits.entry(entry.id).or_insert_with(|| entry.clone());
            demand(
                kept.parents == entry.parents && kept.generation == entry.generation,
                "a commit was indexed twice and differs",
            )?;
            kept.epoch = kept.epoch.max(entry.epoch);
        }
        (self.commits, self.children) = (commits, children);
        Ok(())
    }

    pub(super) fn children(&self, parents: &[CommitId], limit: usize) -> Vec<CommitEntry> {
        let (least, greatest) = (CommitId(Hash([0; 32])), CommitId(Hash([0xff; 32])));
        let of = |parent: &CommitId| self.children.range((*parent, least)..=(*parent, greatest));
        let ids: BTreeSet<CommitId> = parents.iter().flat_map(of).map(|(_, child)| *child).collect();
        let mut found: Vec<_> = ids
            .iter()
            .filter_map(|id| self.commits.get(id))
            .cloned()
            .collect();
        found.sort_by_key(|entry| (entry.generation, entry.id));
        found.truncate(limit);
        found
    }
}

impl Branch {
    pub(super) fn check_boundary(&self, folded_seq: u64) -> Result<()> {
        let boundary = folded_seq == self.record.folded_seq || self.log.contains_key(&folded_seq);
        demand(boundary, "a fold does not end with a batch")
    }

    pub(super) fn tell(&mut self, time_us: u64, events: &[EventRun]) {
        for run in events {
            self.last_event += u64::from(run.count);
            self.events.push(EventRecord {
                number: self.last_event,
                time_us,
                payload: run.payload.clone(),
            });
        }
    }

    pub(super) fn fold_to(&mut self, staged: Option<Roots>, folded_seq: u64) {
        self.record.staged = staged;
        self.record.folded_seq = folded_seq;
        self.log = self.log.split_off(&(folded_seq + 1));
    }
}
