//! Two servers on one store: writers, readers and judged merges into one branch, while calls of the ref store fail.
//!
//! Each history is run by one thread, in an order that its seed decides, and in no time: the clock goes on where all wait. `CASES` sets how many are run, `SEED` where they
//! begin, and `SECONDS` for how long at most.

mod turns;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use testkit::{Fault, FaultyRefs, SeededIds};
use versioning::attempts::AttemptState;
use versioning::merge::{Extent, Gate, Landing, MergeOutcome, Policy, Proposal, Verdict};
use versioning::refs::{CommitMode, MemoryRefs};
use versioning::repository::{CommitMessage, Limits, Parts};
use versioning::{
    Batch, Clock, CommitId, Error, Kind, RefExpr, Repositories, Repository, RepositoryName, Result, Space,
    Value, View,
};

use super::lake::name;
use super::model::{KeyByKey, setting};

const COUNTER: &[u8] = b"counter";
const WRITES: u64 = 12;
const MERGES: u64 = 3;

/// A clock that each look sets forward, as does the time that tasks wait, and that can be turned.
#[derive(Debug)]
struct Turned {
    by_us: AtomicU64,
    begun: tokio::time::Instant,
}

impl Turned {
    fn begin() -> Arc<Turned> {
        Arc::new(Turned {
            by_us: AtomicU64::new(0),
            begun: tokio::time::Instant::now(),
        })
    }
}

impl Clock for Turned {
    fn now_us(&self) -> u64 {
        self.by_us.fetch_add(1, SeqCst) + self.begun.elapsed().as_micros() as u64
    }
}

/// What was acknowledged, and what a history has to hold by.
#[derive(Debug, Default)]
struct Seen {
    /// Keys of writes and merges that were acknowledged.
    keys: Mutex<Vec<String>>,
    /// Values of the counter that were acknowledged, and how many increments nobody knows the fate of.
    counted: Mutex<Vec<u64>>,
    in_doubt: AtomicU64,
    /// The greatest value of the counter that was acknowledged so far.
    highest: AtomicU64,
    /// The candidates that a gate has let pass.
    passed: Mutex<BTreeMap<CommitId, CommitId>>,
}

/// Lets pass what it is shown, after a while, and remembers it.
struct Remembering<'a> {
    seen: &'a Seen,
    reads: Extent,
}

impl fmt::Debug for Remembering<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembering")
    }
}

#[async_trait]
impl Gate for Remembering<'_> {
    async fn judge(&self, proposal: &Proposal) -> Result<Verdict> {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let mut passed = self.seen.passed.lock().unwrap();
        passed.insert(proposal.candidate, proposal.head);
        Ok(Verdict::Pass {
            checks: vec!["rows".into()],
            reads: self.reads.clone(),
        })
    }
}

/// One server.
#[derive(Clone)]
struct Server {
    refs: FaultyRefs,
    repository: Repository,
    seen: Arc<Seen>,
}

fn number(bytes: Option<Value>) -> u64 {
    bytes.map_or(0, |value| {
        std::str::from_utf8(&value.payload).unwrap().parse().unwrap()
    })
}

fn put(batch: &mut Batch, key: &[u8], text: &str) {
    let value = Value {
        payload: Bytes::copy_from_slice(text.as_bytes()),
        ..Value::default()
    };
    batch.put(Space::Meta, Bytes::copy_from_slice(key), value);
}

impl Server {
    async fn open(parts: &Parts, inner: &Arc<MemoryRefs>, (seed, n): (u64, u64), seen: &Arc<Seen>) -> Server {
        let refs = FaultyRefs::new(inner.clone()).interleaved(seed * 2 + n + 1);
        let parts = Parts {
            refs: Arc::new(refs.clone()),
            ids: Arc::new(SeededIds::new(seed * 2 + n)),
            ..parts.clone()
        };
        let limits = Limits {
            fold_ops: 5,
            coalesce_idle_ms: 1 << 40,
            coalesce_age_ms: 1 << 40,
            ..Limits::default()
        };
        let repositories = Repositories::open(parts, limits).await.unwrap();
        let lake = RepositoryName::parse("lake").unwrap();
        let repository = match repositories.create(&lake, &name("main")).await {
            Err(Error::AlreadyExists { .. }) => repositories.get(&lake).await.unwrap(),
            created => created.unwrap(),
        };
        Server {
            refs,
            repository,
            seen: seen.clone(),
        }
    }

    /// Counts by one and leaves a key of its own, in one write; nothing is lost of what was acknowledged, and nobody reads
    /// less than was acknowledged before, on whatever server.
    async fn write(&self, other: &Server, key: String) {
        let before = self.seen.highest.load(SeqCst);
        let planned = key.clone();
        let plan = move |view: View| {
            let key = planned.clone();
            async move {
                let next = number(view.get(Space::Meta, COUNTER).await?) + 1;
                let mut batch = Batch::default();
                put(&mut batch, COUNTER, &next.to_string());
                put(&mut batch, key.as_bytes(), "written");
                Ok::<_, Error>((batch, next))
            }
        };
        match self.repository.write(&name("main"), plan).await {
            Ok(count) => {
                assert!(
                    count > before,
                    "{count} was counted after {before} was acknowledged"
                );
                self.seen.counted.lock().unwrap().push(count);
                self.seen.keys.lock().unwrap().push(key);
                self.seen.highest.fetch_max(count, SeqCst);
                if let Ok(read) = other.counter().await {
                    assert!(
                        read >= count,
                        "the other server reads {read}, {count} was acknowledged"
                    );
                }
            }
            Err(error) => {
                assert_eq!(error.kind(), Kind::Unavailable, "{error}");
                self.seen.in_doubt.fetch_add(1, SeqCst);
            }
        }
    }

    async fn counter(&self) -> Result<u64> {
        let view = self.repository.view(&name("main").into()).await?;
        Ok(number(view.get(Space::Meta, COUNTER).await?))
    }

    async fn commit(&self, branch: &str) -> Result<()> {
        match self
            .repository
            .commit(&name(branch), CommitMessage::default())
            .await
        {
            Ok(_) | Err(Error::NothingToCommit { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Merges a branch with a key of its own; what was not acknowledged may be there or not.
    async fn merge(&self, n: &str, rng: &mut StdRng) -> Result<()> {
        let (branch, key) = (name(n), format!("merged/{n}"));
        self.repository
            .create_branch(&branch, &name("main").into(), CommitMode::Staged)
            .await?;
        let planned = key.clone();
        let plan = move |_| {
            let mut batch = Batch::default();
            put(&mut batch, planned.as_bytes(), "merged");
            async move { Ok::<_, Error>((batch, ())) }
        };
        self.repository.write(&branch, plan).await?;
        self.commit(n).await?;
        let policy = Policy::ALL[rng.random_range(0..3)];
        let reads = match rng.random_range(0..2) {
            0 => Extent::All,
            _ => Extent::none(),
        };
        let gate = Remembering {
            seen: &self.seen,
            reads,
        };
        let landing = Landing {
            policy: Some(policy),
            message: Some(policy.name().into()),
            ..Landing::onto(name("main"), "race")
        };
        let outcome = self
            .repository
            .merge(&RefExpr::from(branch), &landing, &KeyByKey, &gate)
            .await?
            .outcome;
        assert!(matches!(outcome, MergeOutcome::Landed(_)), "{outcome:?}");
        self.seen.keys.lock().unwrap().push(key);
        Ok(())
    }
}

/// Runs a history: two servers, each with a writer, a committer and one who merges, and somebody who breaks things.
async fn history(seed: u64) -> Told {
    let inner = Arc::new(MemoryRefs::new_shared());
    let (clock, seen) = (Turned::begin(), Arc::new(Seen::default()));
    let parts = Parts {
        clock: clock.clone(),
        ..testkit::memory_parts(seed)
    };
    let one = Server::open(&parts, &inner, (seed, 0), &seen).await;
    let main = name("main");
    one.repository
        .set_branch_rules(&main, CommitMode::Staged, None)
        .await
        .unwrap();
    let two = Server::open(&parts, &inner, (seed, 1), &seen).await;
    let mut works = Vec::new();
    for (n, (server, other)) in [(&one, &two), (&two, &one)].into_iter().enumerate() {
        let (server, other) = (server.clone(), other.clone());
        works.push(tokio::spawn(work(server, other, (seed, n as u64))));
    }
    for work in works {
        work.await.unwrap();
    }
    for server in [&one, &two] {
        server.refs.heal();
    }
    clock.by_us.fetch_add(120_000_000, SeqCst);
    let told = check(&Server::open(&parts, &inner, (seed, 2), &seen).await).await;
    // those who were there all the time see the same
    let counts = [one.counter().await.unwrap(), two.counter().await.unwrap()];
    assert_eq!(counts[0], counts[1]);
    told
}

/// How many merges landed, how many of these on another head than they were judged on, and how often one stood in line.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    landed: u64,
    moved: u64,
    stood: u64,
}

async fn work(server: Server, other: Server, (seed, n): (u64, u64)) {
    let mut rng = StdRng::seed_from_u64(seed * 2 + n);
    let writes = async {
        for i in 0..WRITES {
            server.write(&other, format!("written/{n}/{i}")).await;
        }
    };
    let commits = async {
        for _ in 0..WRITES / 3 {
            // the other may always be faster
            let _ = server.commit("main").await;
        }
    };
    let mut merging = StdRng::seed_from_u64(rng.random());
    let merges = async {
        for i in 0..MERGES {
            if let Err(error) = server.merge(&format!("m{n}-{i}"), &mut merging).await {
                let kind = error.kind();
                assert!(matches!(kind, Kind::Unavailable | Kind::Conflict), "{error}");
            }
        }
    };
    let faults = async {
        for _ in 0..rng.random_range(0..6) {
            for _ in 0..rng.random_range(0..60) {
                tokio::task::yield_now().await;
            }
            let methods = [
                "append",
                "move_head",
                "fold",
                "kv_swap",
                "branch",
                "index_commits",
            ];
            let fault = [Fault::Before, Fault::After][rng.random_range(0..2)];
            server
                .refs
                .fail(methods[rng.random_range(0..methods.len())], fault);
        }
    };
    tokio::join!(writes, commits, merges, faults);
}

/// Looks at what is there once all is over, by a server that has nothing in memory.
async fn check(server: &Server) -> Told {
    let mut told = Told::default();
    let (repository, seen) = (&server.repository, &server.seen);
    let view = repository.view(&name("main").into()).await.unwrap();
    let keys = seen.keys.lock().unwrap().clone();
    for key in keys {
        let found = view.get(Space::Meta, key.as_bytes()).await.unwrap();
        assert!(found.is_some(), "{key} was acknowledged and is lost");
    }
    let mut counted = seen.counted.lock().unwrap().clone();
    counted.sort_unstable();
    let all = counted.len();
    counted.dedup();
    assert_eq!(counted.len(), all, "two writers counted the same");
    let (count, in_doubt) = (server.counter().await.unwrap(), seen.in_doubt.load(SeqCst));
    assert!(
        (all as u64..=all as u64 + in_doubt).contains(&count),
        "{count} of {all} acknowledged and {in_doubt} in doubt"
    );
    let head = repository.resolve(&name("main").into()).await.unwrap().commit;
    let passed = seen.passed.lock().unwrap().clone();
    for (id, commit) in repository.log(head, 10_000).await.unwrap() {
        if commit.parents.len() < 2 {
            continue;
        }
        let (_, judged) = &commit.attested[0];
        let judged_on = passed
            .get(judged)
            .unwrap_or_else(|| panic!("{id} was not judged"));
        let on_its_head = *judged_on == commit.parents[0];
        told.landed += 1;
        told.moved += u64::from(!on_its_head);
        assert!(
            on_its_head || commit.message == "disjoint",
            "{id} by {}",
            commit.message
        );
    }
    for attempt in repository.attempts().await.unwrap() {
        assert_ne!(attempt.state, AttemptState::Judging, "{attempt:?}");
        let is_there = match attempt.candidate {
            Some(commit) => repository.merge_base(head, commit).await.unwrap() == Some(commit),
            None => false,
        };
        assert_eq!(attempt.state == AttemptState::Landed, is_there, "{attempt:?}");
    }
    let (refs, id) = repository.records();
    told.stood = refs.kv_version(id, "turns").await.unwrap();
    let report = versioning::fsck::fsck(repository).await.unwrap();
    assert!(report.problems.is_empty(), "{report:?}");
    told
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long to test is said from outside")]
fn two_servers_lose_nothing() {
    let (seed, cases) = (setting("SEED", 1), setting("CASES", 40));
    let limit = Duration::from_secs(setting("SECONDS", 3_600));
    println!("race: {cases} histories from SEED={seed}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let (begun, mut all) = (std::time::Instant::now(), Told::default());
    for seed in seed..seed + cases {
        if begun.elapsed() > limit {
            println!("race: the time is over before SEED={seed}");
            return;
        }
        let outcome = std::panic::catch_unwind(|| {
            let ends = async { tokio::time::timeout(Duration::from_secs(3_600), history(seed)).await };
            runtime.block_on(ends).expect("a history hangs")
        });
        match outcome {
            Ok(told) => {
                all.landed += told.landed;
                all.moved += told.moved;
                all.stood += told.stood;
            }
            Err(panic) => {
                println!("race: SEED={seed} CASES=1 runs it again");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("race: {all:?}");
    assert!(
        cases < 40 || (all.moved > 0 && all.stood > 0),
        "{all:?}: what is tried has to happen"
    );
}
