//! Merge bases: which commit it is, and how often the ref store is asked for it.

use std::collections::HashSet;

use proptest::prelude::*;
use versioning::id::Domain;
use versioning::refs::{CommitEntry, CommitMode};
use versioning::repository::{CommitMessage, Limits};
use versioning::{CommitId, Hash, Repositories, Repository};

use super::lake::{Lake, name};

/// More than a search looks at in both histories before it goes from the shorter one.
const FAR: usize = 300;
/// What looking at so many takes: 16, 32, … 256 commits of a line are read.
const NEAR_READS: usize = 5;

/// Opens the same store with nothing in memory.
async fn cold(lake: &Lake) -> Repository {
    let repositories = Repositories::open(lake.parts.clone(), Limits::default())
        .await
        .unwrap();
    repositories.get(&lake.repository.record().name).await.unwrap()
}

/// Commits that stand in the index alone.
struct History {
    commits: Vec<CommitEntry>,
}

impl History {
    async fn new(lake: &Lake) -> History {
        let root = CommitEntry {
            id: lake.head("main").await,
            epoch: 1,
            generation: 0,
            parents: vec![],
        };
        History { commits: vec![root] }
    }

    fn add(&mut self, parents: &[usize]) -> usize {
        let above = parents.iter().map(|at| self.commits[*at].generation).max();
        let number = self.commits.len();
        let mut ids: Vec<CommitId> = parents.iter().map(|at| self.commits[*at].id).collect();
        ids.dedup();
        self.commits.push(CommitEntry {
            id: CommitId(Hash::of(Domain::Commit, &number.to_be_bytes())),
            epoch: 1,
            generation: above.unwrap() + 1,
            parents: ids,
        });
        number
    }

    fn add_line(&mut self, from: usize, length: usize) -> usize {
        (0..length).fold(from, |at, _| self.add(&[at]))
    }

    fn id(&self, at: usize) -> CommitId {
        self.commits[at].id
    }

    async fn index(&self, lake: &Lake) {
        let id = lake.repository.record().id;
        lake.parts
            .refs
            .index_commits(id, &self.commits[1..])
            .await
            .unwrap();
    }

    fn ancestors(&self, at: CommitId) -> HashSet<CommitId> {
        let mut found = HashSet::from([at]);
        // parents come before their children
        for entry in self.commits.iter().rev() {
            if found.contains(&entry.id) {
                found.extend(&entry.parents);
            }
        }
        found
    }

    fn best_common(&self, one: CommitId, other: CommitId) -> Option<CommitId> {
        let (one, other) = (self.ancestors(one), self.ancestors(other));
        let common = self
            .commits
            .iter()
            .filter(|entry| one.contains(&entry.id) && other.contains(&entry.id));
        common
            .max_by_key(|entry| (entry.generation, entry.id))
            .map(|entry| entry.id)
    }
}

/// Any small number, to be taken modulo what is there.
fn picks(count: usize) -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((any::<usize>(), any::<usize>()), count)
}

/// A tangle, a long line on top of some of it that takes other parts in now and then, and another tangle.
fn tangled(
    mut history: History,
    early: &[(usize, usize)],
    merged: &[(usize, usize)],
    late: &[(usize, usize)],
) -> (History, Vec<usize>) {
    let mut ends = vec![0];
    for (one, other) in early {
        let count = history.commits.len();
        ends.push(history.add(&[one % count, other % count]));
    }
    let mut head = ends[merged[0].0 % ends.len()];
    for step in 0..FAR {
        let taken = merged.iter().find(|(at, _)| at % FAR == step);
        let parents = match taken {
            Some((_, side)) => vec![head, ends[side % ends.len()]],
            None => vec![head],
        };
        head = history.add(&parents);
    }
    ends.push(head);
    for (one, other) in late {
        let count = ends.len();
        ends.push(history.add(&[ends[one % count], ends[other % count]]));
    }
    (history, ends)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Near or far, from the shorter side or from both: it is what the definition says.
    #[test]
    fn a_merge_base_is_the_best_common_ancestor(
        early in picks(24),
        merged in picks(4),
        late in picks(6),
        asked in picks(30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let lake = Lake::new(CommitMode::Staged).await;
            let (history, ends) = tangled(History::new(&lake).await, &early, &merged, &late);
            history.index(&lake).await;
            let repository = cold(&lake).await;
            for (one, other) in asked {
                let [one, other] = [one, other].map(|at| history.id(ends[at % ends.len()]));
                let found = repository.merge_base(one, other).await.unwrap();
                assert_eq!(found, history.best_common(one, other), "{one} and {other}");
            }
        });
    }
}

#[tokio::test]
async fn a_history_is_read_in_a_few_queries() {
    let lake = Lake::new(CommitMode::Staged).await;
    let first = lake.head("main").await;
    let words = CommitMessage {
        allow_empty: true,
        ..CommitMessage::default()
    };
    for _ in 0..1_000 {
        lake.repository
            .commit(&name("main"), words.clone())
            .await
            .unwrap();
    }
    let head = lake.head("main").await;
    let repository = cold(&lake).await;
    let before = lake.refs.calls();
    assert_eq!(repository.merge_base(head, first).await.unwrap(), Some(first));
    // the two ends, what is near, and whether the first is on the line
    assert_eq!(lake.refs.calls() - before, 2 + NEAR_READS + 1);
}

/// However much was merged into one branch since another began.
#[tokio::test]
async fn a_merge_base_costs_what_the_shorter_history_does() {
    for length in [4_000, 40_000] {
        let lake = Lake::new(CommitMode::Staged).await;
        let mut history = History::new(&lake).await;
        let etl = history.add_line(0, 3);
        let main = history.add_line(0, length);
        history.index(&lake).await;
        let repository = cold(&lake).await;
        let before = lake.refs.calls();
        let base = repository
            .merge_base(history.id(main), history.id(etl))
            .await
            .unwrap();
        assert_eq!(base, Some(history.id(0)));
        // the two ends, what is near, the shorter history; of its commits and the base the line, and the commits' children
        assert_eq!(lake.refs.calls() - before, 2 + NEAR_READS + 1 + 4 + 3, "{length}");
    }
}

/// Where both histories are long, and longer than what is kept of entries in memory, they are read once.
#[tokio::test]
async fn a_history_longer_than_memory_is_read_once() {
    const LENGTH: usize = 150_000;
    let lake = Lake::new(CommitMode::Staged).await;
    let mut history = History::new(&lake).await;
    let (ours, theirs) = (history.add_line(0, LENGTH), history.add_line(0, LENGTH));
    history.index(&lake).await;
    let repository = cold(&lake).await;
    let before = lake.refs.calls();
    let base = repository
        .merge_base(history.id(ours), history.id(theirs))
        .await
        .unwrap();
    assert_eq!(base, Some(history.id(0)));
    // the two ends; 16, 32, … 8,192 entries, and all others 16,384 at once; in between, 512 questions of the
    // shorter side, and one reading of it
    assert_eq!(lake.refs.calls() - before, 2 + 10 + 18 + 512 + 1);
}
