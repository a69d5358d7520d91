//! A repository to try things on, and short ways to make records.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;

use crate::refs::{
    BranchRecord, Cas, CommitEntry, CommitMode, Expected, Expiry, HeadMove, LogRecord, RefStore, Removal,
    RepositoryId, RepositoryRecord, WriteId, encode_roots,
};
use crate::tree::{Link, Root};
use crate::{CommitId, Hash, RefName, RepositoryName, Roots, Space};

pub(super) const REPOSITORY: RepositoryId = RepositoryId([1; 16]);
/// A repository that is nowhere.
pub(super) const NOWHERE: RepositoryId = RepositoryId([0xee; 16]);

/// A store with the repository `lake`, whose branch `main` stands at commit 0.
pub(in crate::refs) struct Fixture {
    pub(in crate::refs) refs: Arc<dyn RefStore>,
    pub(in crate::refs) id: RepositoryId,
}

impl Fixture {
    pub(in crate::refs) async fn new(refs: Arc<dyn RefStore>) -> Fixture {
        let (repository, main, root) = (repository("lake", REPOSITORY), branch("main", 1), commit(0));
        refs.create_repository(&repository, &main, &root).await.unwrap();
        Fixture { refs, id: REPOSITORY }
    }

    pub(in crate::refs) async fn branch(&self, text: &str) -> BranchRecord {
        self.refs.branch(self.id, &name(text)).await.unwrap().unwrap()
    }

    pub(in crate::refs) async fn main(&self) -> BranchRecord {
        self.branch("main").await
    }

    /// Appends a batch of `ops` to a branch as it is; returns the new seq.
    pub(in crate::refs) async fn append(&self, at: &BranchRecord, ops: u32) -> u64 {
        let record = batch(at.seq, ops);
        let done = self
            .refs
            .append(self.id, &at.name, &expected(at), &record)
            .await
            .unwrap();
        assert_eq!(done, Cas::Done);
        record.seq
    }

    /// Returns all that can be read, places of roots included.
    pub(in crate::refs) async fn dump(&self) -> String {
        let refs = &self.refs;
        let mut out = format!("epoch {}\n", refs.epoch().await.unwrap());
        for repository in refs.repositories().await.unwrap() {
            let rules = refs.repository_rules(repository.id).await.unwrap();
            writeln!(out, "{repository:?} {rules:?}").unwrap();
            for branch in refs.branches(repository.id).await.unwrap() {
                let log = refs
                    .log_after(repository.id, branch.incarnation, 0)
                    .await
                    .unwrap();
                let places = branch.staged.as_ref().map(encode_roots);
                writeln!(out, "{branch:?} {places:?}\n{log:?}").unwrap();
                let last = refs.last_event(repository.id, branch.incarnation).await.unwrap();
                let events = refs.events_after(repository.id, branch.incarnation, 0, 999);
                writeln!(out, "{last} {:?}", events.await.unwrap()).unwrap();
            }
            writeln!(out, "{:?}", refs.tags(repository.id).await.unwrap()).unwrap();
            let commits = refs
                .commits_by_prefix(repository.id, "", usize::MAX)
                .await
                .unwrap();
            writeln!(
                out,
                "{:?}",
                refs.commit_entries(repository.id, &commits).await.unwrap()
            )
            .unwrap();
            writeln!(
                out,
                "{:?}",
                refs.ref_log(repository.id, usize::MAX).await.unwrap()
            )
            .unwrap();
            for namespace in ["locks", "uploads"] {
                let small = refs
                    .kv_list(repository.id, namespace, "", "", usize::MAX)
                    .await
                    .unwrap();
                let version = refs.kv_version(repository.id, namespace).await.unwrap();
                writeln!(out, "{namespace} {version} {small:?}").unwrap();
            }
        }
        out
    }
}

pub(super) fn name(text: &str) -> RefName {
    RefName::parse(text).unwrap()
}

pub(super) fn repository(text: &str, id: RepositoryId) -> RepositoryRecord {
    RepositoryRecord {
        id,
        name: RepositoryName::parse(text).unwrap(),
        default_branch: name("main"),
        created_us: 1_000,
        settings: vec![
            ("layout".into(), "shared".into()),
            ("warehouse".into(), String::new()),
        ],
    }
}

/// Returns a new branch at commit 0.
pub(in crate::refs) fn branch(text: &str, incarnation: u8) -> BranchRecord {
    BranchRecord {
        name: name(text),
        incarnation: [incarnation; 16],
        generation: 0,
        base_generation: 0,
        head: commit(0).id,
        staged: None,
        folded_seq: 0,
        sealed_seq: 0,
        seq: 0,
        mode: CommitMode::Staged,
        protection: None,
        expiry: Expiry::default(),
        rules_generation: 0,
        created_us: 2_000,
        touched_us: 2_000,
        recent_writes: vec![],
    }
}

/// Returns the `n`-th of a line of commits; the id begins with `n` in hexadecimal.
pub(super) fn commit(n: u8) -> CommitEntry {
    let parents = n.checked_sub(1).map(commit_id).into_iter().collect();
    CommitEntry {
        id: commit_id(n),
        epoch: 1,
        generation: n.into(),
        parents,
    }
}

pub(super) fn commit_id(n: u8) -> CommitId {
    let mut bytes = [0x5a; 32];
    bytes[0] = n;
    CommitId(Hash(bytes))
}

/// Returns roots of which two are not empty.
pub(super) fn roots(n: u8) -> Roots {
    let number = u32::from(n);
    let link = Link {
        hash: Hash([n; 32]),
        epoch: number,
        variant: number,
        stored_len: 100 + number,
    };
    let mut roots = Roots::default();
    roots.set(
        Space::Meta,
        Some(Root {
            link,
            height: 1,
            count: 10,
            weight: 0,
        }),
    );
    roots.set(
        Space::Objects,
        Some(Root {
            link,
            height: 3,
            count: u64::MAX,
            weight: u64::MAX,
        }),
    );
    roots
}

/// Returns a batch of `ops` behind `after`.
pub(super) fn batch(after: u64, ops: u32) -> LogRecord {
    let payload = Bytes::from(format!("{ops} behind {after}"));
    LogRecord {
        seq: after + u64::from(ops),
        ops,
        time_us: 3_000 + after,
        epoch: 1,
        payload,
        events: vec![],
    }
}

pub(super) fn expected(at: &BranchRecord) -> Expected {
    Expected {
        incarnation: at.incarnation,
        base_generation: at.base_generation,
        head: at.head,
        folded_seq: at.folded_seq,
        seq: at.seq,
        rules: at.rules_generation,
        epoch: 1,
        write: write_after(at),
    }
}

/// Returns the removal of a branch as it is.
pub(super) fn removal(at: &BranchRecord, time_us: u64) -> Removal {
    Removal {
        incarnation: at.incarnation,
        rules: at.rules_generation,
        untouched: None,
        reason: "delete branch".into(),
        time_us,
    }
}

/// Returns the write that [`expected`] makes of a branch: another each time it was changed.
pub(super) fn write_after(at: &BranchRecord) -> WriteId {
    let last = at.recent_writes.last().map_or(0, |write| write.0[0]);
    WriteId([last.wrapping_add(1); 16])
}

/// Returns what a branch remembers when one more write was made.
pub(super) fn one_more_write(at: &BranchRecord) -> Vec<WriteId> {
    let mut writes = at.recent_writes.clone();
    writes.push(write_after(at));
    writes
}

/// Returns a commit of everything up to `folded_seq`.
pub(super) fn commit_move(n: u8, folded_seq: u64) -> HeadMove {
    HeadMove {
        head: commit_id(n),
        staged: None,
        folded_seq,
        rebased: false,
        rules: None,
        index: (0..=n).map(commit).collect(),
        reason: format!("commit {n}"),
        time_us: 4_000 + u64::from(n),
        events: vec![],
    }
}
