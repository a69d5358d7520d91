//! Random histories of a repository against a model of plain maps.
//!
//! `CASES` sets how many histories are run, `SEED` where they begin; what fails names its seed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use versioning::attempts::ConflictRecord;
use versioning::id::Domain;
use versioning::merge::{
    Change3, Extent, Landing, MergeOutcome, OpenGate, Resolution, Resolver, Sides, Warnings,
};
use versioning::object::Object;
use versioning::refs::CommitMode;
use versioning::repository::{CommitMessage, Limits, Parts};
use versioning::{
    Batch, CommitId, Error, Hash, KeyRange, Mutation, RefExpr, RefName, Repositories, Repository,
    RepositoryName, Result, Space, Value, View,
};

type State = BTreeMap<(Space, Bytes), Value>;

/// Merges key by key; a key that both sides changed differently is a conflict.
#[derive(Debug)]
pub(super) struct KeyByKey;

#[async_trait]
impl Resolver for KeyByKey {
    type Conflict = (Space, Bytes);

    async fn resolve(&self, sides: &Sides) -> Result<Resolution<Self::Conflict>> {
        let mut resolution = Resolution {
            patch: Batch::default(),
            conflicts: Vec::new(),
            warnings: Warnings::default(),
        };
        for space in Space::ALL {
            let mut changes = sides.changes(space, &KeyRange::all());
            while let Some(change) = changes.next().await? {
                decide(space, change, &mut resolution);
            }
        }
        Ok(resolution)
    }

    fn record((space, key): &(Space, Bytes)) -> ConflictRecord {
        ConflictRecord {
            id: format!("{space:?} {}", key.escape_ascii()),
            content: key.clone(),
            about: Hash::of(Domain::Blob, key),
        }
    }

    fn plain(&self) -> KeyByKey {
        KeyByKey
    }

    /// Each key is a unit.
    async fn touches(&self, before: &View, after: &View) -> Result<Extent> {
        let mut units = BTreeSet::new();
        for space in Space::ALL {
            let mut diff = before.diff(after, space, &KeyRange::all());
            while let Some(change) = diff.next().await? {
                units.insert(change.key);
            }
        }
        Ok(Extent::Units(units))
    }
}

fn decide(space: Space, change: Change3, resolution: &mut Resolution<(Space, Bytes)>) {
    if change.ours == change.theirs || !change.theirs_changed() {
        return;
    }
    if change.ours_changed() {
        resolution.conflicts.push((space, change.key));
        return;
    }
    match change.theirs {
        Some(value) => resolution.patch.put(space, change.key, value),
        None => resolution.patch.delete(space, change.key),
    }
}

/// What a repository should be: every commit's whole state, and every branch's.
#[derive(Debug, Default)]
struct Model {
    commits: HashMap<CommitId, (State, Vec<CommitId>)>,
    branches: BTreeMap<RefName, (CommitId, State)>,
}

impl Model {
    fn ancestors(&self, of: CommitId) -> BTreeSet<CommitId> {
        let (mut seen, mut queue) = (BTreeSet::new(), vec![of]);
        while let Some(id) = queue.pop() {
            if seen.insert(id) {
                queue.extend(&self.commits[&id].1);
            }
        }
        seen
    }

    /// The naive merge: plain maps, no trees, no walk. `None` when the sides contradict each other.
    fn merged(&self, base: CommitId, ours: CommitId, theirs: CommitId) -> Option<State> {
        let [base, ours, theirs] = [base, ours, theirs].map(|id| &self.commits[&id].0);
        Model::merged_states(base, ours, theirs)
    }

    fn merged_states(base: &State, ours: &State, theirs: &State) -> Option<State> {
        let mut merged = State::new();
        for key in base
            .keys()
            .chain(ours.keys())
            .chain(theirs.keys())
            .collect::<BTreeSet<_>>()
        {
            let (b, o, t) = (base.get(key), ours.get(key), theirs.get(key));
            let value = match (o == b, t == b) {
                (_, true) => o,
                (true, false) => t,
                (false, false) if o == t => o,
                (false, false) => return None,
            };
            merged.extend(value.map(|value| (key.clone(), value.clone())));
        }
        Some(merged)
    }
}

struct History {
    rng: StdRng,
    parts: Parts,
    repositories: Repositories,
    repository: Repository,
    model: Model,
}

fn limits() -> Limits {
    // small, so that short histories fold often
    Limits {
        fold_ops: 40,
        fold_prefixes: 3,
        ..Limits::default()
    }
}

fn name(text: &str) -> RefName {
    RefName::parse(text).unwrap()
}

impl History {
    async fn begin(seed: u64) -> History {
        let parts = testkit::memory_parts(seed);
        let repositories = Repositories::open(parts.clone(), limits()).await.unwrap();
        let lake = RepositoryName::parse("lake").unwrap();
        let repository = repositories.create(&lake, &name("main")).await.unwrap();
        repository
            .set_branch_rules(&name("main"), CommitMode::Staged, None)
            .await
            .unwrap();
        let head = repository.resolve(&name("main").into()).await.unwrap().commit;
        let mut model = Model::default();
        model.commits.insert(head, (State::new(), Vec::new()));
        model.branches.insert(name("main"), (head, State::new()));
        History {
            rng: StdRng::seed_from_u64(seed),
            parts,
            repositories,
            repository,
            model,
        }
    }

    fn branch(&mut self) -> RefName {
        let names: Vec<RefName> = self.model.branches.keys().cloned().collect();
        names.choose(&mut self.rng).unwrap().clone()
    }

    fn key(&mut self) -> (Space, Bytes) {
        let space = *Space::ALL.choose(&mut self.rng).unwrap();
        let key = format!(
            "{}/{:03}",
            self.rng.random_range(0..4),
            self.rng.random_range(0..200)
        );
        (space, Bytes::from(key))
    }

    fn value(&mut self, space: Space) -> Value {
        if space == Space::Objects {
            let object = Object {
                modified_us: self.rng.random_range(0..1_000),
                ..Object::default()
            };
            return Value {
                weight: object.modified_us,
                ..object.encode()
            };
        }
        let payload = Bytes::from(vec![self.rng.random::<u8>(); self.rng.random_range(0..40)]);
        Value {
            payload,
            ..Value::default()
        }
    }

    fn batch(&mut self) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..self.rng.random_range(1..30) {
            let (space, key) = self.key();
            match self.rng.random_range(0..20) {
                0 => batch.delete_prefix(space, key.slice(..self.rng.random_range(1..5))),
                1..=4 => batch.delete(space, key),
                _ => {
                    let value = self.value(space);
                    batch.put(space, key, value);
                }
            }
        }
        batch
    }

    async fn step(&mut self) {
        match self.rng.random_range(0..100) {
            0..=49 => self.write().await,
            50..=69 => self.commit().await,
            70..=76 => self.branch_off().await,
            77..=89 => self.merge().await,
            90..=92 => self.reset().await,
            93..=96 => self.reopen().await,
            _ => self.check().await,
        }
    }

    async fn write(&mut self) {
        let (branch, batch) = (self.branch(), self.batch());
        let state = &mut self.model.branches.get_mut(&branch).unwrap().1;
        apply(state, &batch);
        let planned = batch.clone();
        let written = self.repository.write(&branch, move |_| {
            let batch = planned.clone();
            async move { Ok::<_, Error>((batch, ())) }
        });
        written.await.unwrap();
    }

    async fn commit(&mut self) {
        let branch = self.branch();
        let (head, state) = self.model.branches[&branch].clone();
        let outcome = self.repository.commit(&branch, CommitMessage::default()).await;
        if state == self.model.commits[&head].0 {
            assert!(
                matches!(outcome, Err(Error::NothingToCommit { .. })),
                "{outcome:?}"
            );
            return;
        }
        self.moved(&branch, outcome.unwrap(), state, vec![head]).await;
    }

    /// Notes the new head of a branch, and checks that its trees are those of its content.
    async fn moved(&mut self, branch: &RefName, head: CommitId, state: State, parents: Vec<CommitId>) {
        let view = self.repository.view(&head.into()).await.unwrap();
        assert_eq!(
            view.roots(),
            from_scratch(&self.parts, &state).await,
            "the roots of {branch} are not canonical"
        );
        self.model.commits.insert(head, (state.clone(), parents));
        self.model.branches.insert(branch.clone(), (head, state));
    }

    async fn branch_off(&mut self) {
        let (from, new) = (self.branch(), name(&format!("b{}", self.model.branches.len())));
        let head = self.model.branches[&from].0;
        self.repository
            .create_branch(&new, &from.into(), CommitMode::Staged)
            .await
            .unwrap();
        self.model
            .branches
            .insert(new, (head, self.model.commits[&head].0.clone()));
    }

    async fn merge(&mut self) {
        let (from, into) = (self.branch(), self.branch());
        let (theirs, _) = self.model.branches[&from];
        let (ours, staged) = self.model.branches[&into].clone();
        let landing = Landing {
            dry_run: self.rng.random_range(0..5) == 0,
            squash: self.rng.random_range(0..5) == 0,
            ..Landing::onto(into.clone(), "model")
        };
        let outcome = self
            .repository
            .merge(&from.into(), &landing, &KeyByKey, &OpenGate)
            .await
            .map(|report| report.outcome);
        if self.model.ancestors(ours).contains(&theirs) {
            assert!(
                matches!(outcome, Ok(MergeOutcome::UpToDate(at)) if at == ours),
                "{outcome:?}"
            );
            return;
        }
        let base = self.repository.merge_base(ours, theirs).await.unwrap().unwrap();
        let common = &self.model.ancestors(ours) & &self.model.ancestors(theirs);
        assert!(common.contains(&base));
        assert!(
            common
                .iter()
                .all(|id| *id == base || !self.model.ancestors(*id).contains(&base)),
            "a better base"
        );
        let Some(merged) = self.model.merged(base, ours, theirs) else {
            assert!(
                matches!(outcome, Ok(MergeOutcome::Conflicts(ref all)) if !all.is_empty()),
                "expected conflicts, got {outcome:?}"
            );
            return;
        };
        if landing.squash && merged == self.model.commits[&ours].0 {
            assert!(
                matches!(outcome, Ok(MergeOutcome::UpToDate(at)) if at == ours) || landing.dry_run,
                "{outcome:?}"
            );
            return;
        }
        // what is staged is carried over, as if it were merged in its turn
        let carried = Model::merged_states(&self.model.commits[&ours].0, &merged, &staged);
        match (carried, outcome) {
            (Some(carried), Ok(MergeOutcome::Landed(head))) => {
                assert!(!landing.dry_run);
                let parents = if landing.squash {
                    vec![ours]
                } else {
                    vec![ours, theirs]
                };
                self.moved(&into, head, merged, parents).await;
                self.model.branches.insert(into, (head, carried));
            }
            (Some(_), Ok(MergeOutcome::Clean)) => assert!(landing.dry_run),
            (None, Err(Error::Dirty { .. })) => {}
            (carried, outcome) => panic!(
                "{} staged keys, got {outcome:?}",
                carried.map_or(0, |all| all.len())
            ),
        }
    }

    async fn reset(&mut self) {
        let branch = self.branch();
        self.repository.reset(&branch).await.unwrap();
        let head = self.model.branches[&branch].0;
        self.model
            .branches
            .insert(branch, (head, self.model.commits[&head].0.clone()));
    }

    /// Forgets everything that is in memory, as a crash does.
    async fn reopen(&mut self) {
        self.repositories.close().await;
        self.repositories = Repositories::open(self.parts.clone(), limits()).await.unwrap();
        self.repository = self
            .repositories
            .get(&RepositoryName::parse("lake").unwrap())
            .await
            .unwrap();
    }

    async fn check(&mut self) {
        let branch = self.branch();
        let view = self.repository.view(&branch.clone().into()).await.unwrap();
        same(&view, &self.model.branches[&branch].1, &mut self.rng).await;
        let commits: Vec<CommitId> = self.model.commits.keys().copied().collect();
        let commit = *commits
            .iter()
            .min_by_key(|id| (id.0.0[0] ^ self.rng.random::<u8>(), **id))
            .unwrap();
        let view = self.repository.view(&RefExpr::from(commit)).await.unwrap();
        same(&view, &self.model.commits[&commit].0, &mut self.rng).await;
    }
}

fn apply(state: &mut State, batch: &Batch) {
    for mutation in batch.mutations.clone() {
        match mutation {
            Mutation::Put { space, key, value } => drop(state.insert((space, key), value)),
            Mutation::Delete { space, key } => drop(state.remove(&(space, key))),
            Mutation::DeletePrefix { space, prefix } => {
                state.retain(|(s, key), _| *s != space || !key.starts_with(&prefix));
            }
        }
    }
}

/// Returns the roots of trees that are built from nothing, with one edit each.
async fn from_scratch(parts: &Parts, state: &State) -> versioning::Roots {
    let blocks = versioning::store::Blocks::new(
        parts.files.clone(),
        "scratch/",
        versioning::store::Cache::new(1 << 20),
    );
    let blocks = std::sync::Arc::new(blocks);
    let mut roots = versioning::Roots::default();
    for space in Space::ALL {
        let entries = state.iter().filter(|((s, _), _)| *s == space);
        let edits = entries
            .map(|((_, key), value)| (key.clone(), Some(value.clone())))
            .collect();
        let tree = versioning::tree::Tree::open(blocks.clone(), space, None);
        roots.set(space, tree.edit(1, edits, Vec::new()).await.unwrap());
    }
    roots
}

/// Compares a view with what it should be: by scans, ranges, seeks, look-ups and sums.
async fn same(view: &View, state: &State, rng: &mut StdRng) {
    for space in Space::ALL {
        let prefix = Bytes::from(rng.random_range(0..4).to_string());
        for range in [KeyRange::all(), KeyRange::prefix(prefix)] {
            let expected: Vec<(&Bytes, &Value)> = state
                .iter()
                .filter(|((s, key), _)| *s == space && range.contains(key))
                .map(|((_, key), value)| (key, value))
                .collect();
            let mut scan = view.scan(space, range.clone());
            let mut at = 0;
            while let Some(entry) = scan.next().await.unwrap() {
                assert_eq!(
                    (entry.key, &entry.value()),
                    (expected[at].0.as_ref(), expected[at].1)
                );
                at += 1;
                if rng.random_range(0..20) == 0 {
                    let key = Bytes::from(format!(
                        "{}/{:03}",
                        rng.random_range(0..4),
                        rng.random_range(0..200)
                    ));
                    scan.seek(&key).await.unwrap();
                    at = at.max(expected.partition_point(|(k, _)| **k < key));
                }
            }
            assert_eq!(at, expected.len(), "{space:?} {range:?}");
            let totals = view.totals(space, range).await.unwrap();
            assert_eq!(totals.count, expected.len() as u64);
            assert_eq!(
                totals.weight,
                expected.iter().map(|(_, value)| value.weight).sum::<u64>()
            );
        }
        let key = Bytes::from(format!(
            "{}/{:03}",
            rng.random_range(0..4),
            rng.random_range(0..200)
        ));
        assert_eq!(
            view.get(space, &key).await.unwrap().as_ref(),
            state.get(&(space, key))
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "how long to test is said from outside")]
pub(super) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} has to be a number"))
    })
}

#[test]
fn histories_match_a_plain_model() {
    let (seed, cases) = (setting("SEED", 1), setting("CASES", 40));
    println!("model: {cases} histories from SEED={seed}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for seed in seed..seed + cases {
        let outcome = std::panic::catch_unwind(|| {
            runtime.block_on(async {
                let mut history = History::begin(seed).await;
                for _ in 0..60 {
                    history.step().await;
                }
                history.check().await;
                let report = versioning::fsck::fsck(&history.repository).await.unwrap();
                assert_eq!(report.problems, Vec::<String>::new());
            });
        });
        assert!(
            outcome.is_ok(),
            "the history of SEED={seed} CASES=1 went wrong, see above"
        );
    }
}
