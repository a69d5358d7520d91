//! Turns between two servers: a merge that keeps losing lands, others wait for it, and one that died holds up nobody.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Notify;
use tokio::task::yield_now;
use versioning::merge::{Extent, Gate, Landing, MergeOutcome, OpenGate, Policy, Proposal, Verdict};
use versioning::refs::{CommitMode, MemoryRefs};
use versioning::repository::Parts;
use versioning::{CommitId, Result, Space};

use super::super::lake::name;
use super::super::model::KeyByKey;
use super::{Seen, Server, Turned, put};

/// After how many losses a merge takes its turn.
const LOSSES: u32 = 2;

/// Does something each time it judges, which is told how often it has judged before, and lets everything pass.
struct Busy<F> {
    judged: AtomicU32,
    meanwhile: F,
}

impl<F> Busy<F> {
    fn with(meanwhile: F) -> Busy<F> {
        Busy {
            judged: AtomicU32::new(0),
            meanwhile,
        }
    }
}

impl<F> fmt::Debug for Busy<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Busy({:?})", self.judged)
    }
}

#[async_trait]
impl<F: Fn(u32) -> BoxFuture<'static, ()> + Send + Sync> Gate for Busy<F> {
    async fn judge(&self, _: &Proposal) -> Result<Verdict> {
        (self.meanwhile)(self.judged.fetch_add(1, SeqCst)).await;
        Ok(Verdict::Pass {
            checks: vec!["rows".into()],
            reads: Extent::All,
        })
    }
}

/// Returns two servers on one store, whose `main` is of this mode.
async fn servers(mode: CommitMode) -> [Server; 2] {
    let inner = Arc::new(MemoryRefs::new_shared());
    let seen = Arc::new(Seen::default());
    let parts = Parts {
        clock: Turned::begin(),
        ..testkit::memory_parts(7)
    };
    let one = Server::open(&parts, &inner, (7, 0), &seen).await;
    let main = name("main");
    let ruled = one.repository.set_branch_rules(&main, mode, None);
    ruled.await.unwrap();
    let two = Server::open(&parts, &inner, (7, 1), &seen).await;
    for (server, branch) in [(&one, "of-one"), (&two, "of-two")] {
        let (new, from) = (name(branch), main.clone().into());
        let made = server.repository.create_branch(&new, &from, CommitMode::Staged);
        made.await.unwrap();
        server.set(branch, branch.into()).await;
        server.commit(branch).await.unwrap();
    }
    [one, two]
}

impl Server {
    /// Sets a key of a branch.
    async fn set(&self, branch: &str, key: String) {
        let plan = move |_| {
            let mut batch = versioning::Batch::default();
            put(&mut batch, key.as_bytes(), "set");
            async move { Ok::<_, versioning::Error>((batch, ())) }
        };
        self.repository.write(&name(branch), plan).await.unwrap();
    }

    async fn head(&self) -> CommitId {
        let main = self.repository.resolve(&name("main").into()).await;
        main.unwrap().commit
    }

    async fn bring(&self, branch: &str, gate: &dyn Gate) -> Result<MergeOutcome<(Space, Bytes)>> {
        let landing = Landing {
            policy: Some(Policy::Rerun),
            message: Some(branch.into()),
            ..Landing::onto(name("main"), "turns")
        };
        let source = name(branch).into();
        let report = self.repository.merge(&source, &landing, &KeyByKey, gate).await?;
        Ok(report.outcome)
    }
}

fn landed<C: fmt::Debug>(outcome: &Result<MergeOutcome<C>>) -> bool {
    matches!(outcome, Ok(MergeOutcome::Landed(_)))
}

/// Lets others do all that they can without waiting.
async fn let_others() {
    for _ in 0..2_000 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_merge_lands_though_the_other_server_commits_each_write() {
    let [one, two] = servers(CommitMode::Sync).await;
    let other = two.clone();
    let gate = Busy::with(move |before| {
        let other = other.clone();
        async move { other.set("main", format!("meanwhile/{before}")).await }.boxed()
    });
    let outcome = one.bring("of-one", &gate).await;
    assert!(landed(&outcome), "{outcome:?}");
    assert_eq!(gate.judged.load(SeqCst), LOSSES + 1);
    let head = two.head().await;
    two.set("main", "afterwards".into()).await;
    assert_ne!(two.head().await, head, "the turn is over");
}

#[tokio::test(start_paused = true)]
async fn a_merge_lands_though_somebody_commits_all_the_time() {
    let [one, two] = servers(CommitMode::Staged).await;
    let (commits, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, stop) = (commits.clone(), is_over.clone());
    let committing = tokio::spawn(async move {
        for n in 0.. {
            two.set("main", format!("meanwhile/{n}")).await;
            two.commit("main").await.unwrap();
            counted.fetch_add(1, SeqCst);
            if stop.load(SeqCst) {
                return;
            }
        }
    });
    let counted = commits.clone();
    let gate = Busy::with(move |before| {
        let commits = counted.clone();
        async move {
            let known = commits.load(SeqCst);
            while before < LOSSES && commits.load(SeqCst) == known {
                yield_now().await;
            }
            let_others().await;
        }
        .boxed()
    });
    let outcome = one.bring("of-one", &gate).await;
    assert!(landed(&outcome), "{outcome:?}");
    let judged = gate.judged.load(SeqCst);
    assert!(
        judged <= LOSSES + 2,
        "{judged}: one commit may be on its way when the turn is taken"
    );
    let before = commits.load(SeqCst);
    is_over.store(true, SeqCst);
    committing.await.unwrap();
    assert!(commits.load(SeqCst) > before, "who waited goes on");
}

#[tokio::test(start_paused = true)]
async fn a_merge_of_the_other_server_waits_for_the_turn() {
    let [one, two] = servers(CommitMode::Sync).await;
    let waiting = Arc::new(Mutex::new(None));
    let (other, slot) = (two.clone(), waiting.clone());
    let gate = Busy::with(move |before| {
        let (other, slot) = (other.clone(), slot.clone());
        async move {
            if before < LOSSES {
                return other.set("main", format!("meanwhile/{before}")).await;
            }
            let head = other.head().await;
            let server = other.clone();
            let merging = tokio::spawn(async move { server.bring("of-two", &OpenGate).await });
            let_others().await;
            assert!(!merging.is_finished());
            assert_eq!(other.head().await, head);
            *slot.lock().unwrap() = Some(merging);
        }
        .boxed()
    });
    let outcome = one.bring("of-one", &gate).await;
    assert!(landed(&outcome), "{outcome:?}");
    let merging = waiting.lock().unwrap().take().unwrap();
    let outcome = merging.await.unwrap();
    assert!(landed(&outcome), "{outcome:?}");
    let log = two.repository.log(two.head().await, 2).await.unwrap();
    let messages: Vec<&str> = log.iter().map(|(_, commit)| &*commit.message).collect();
    assert_eq!(messages, ["of-two", "of-one"]);
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_is_made_of_what_is_staged_waits_for_the_turn() {
    let [one, two] = servers(CommitMode::Sync).await;
    let waiting = Arc::new(Mutex::new(None));
    let (other, slot) = (two.clone(), waiting.clone());
    let gate = Busy::with(move |before| {
        let (other, slot) = (other.clone(), slot.clone());
        async move {
            other.set("main", format!("meanwhile/{before}")).await;
            if before == LOSSES {
                let repository = other.repository.clone();
                *slot.lock().unwrap() = Some(tokio::spawn(async move {
                    let (new, from) = (name("later"), name("main").into());
                    repository.create_branch(&new, &from, CommitMode::Staged).await
                }));
                let_others().await;
            }
        }
        .boxed()
    });
    let outcome = one.bring("of-one", &gate).await;
    assert!(landed(&outcome), "{outcome:?}");
    assert_eq!(gate.judged.load(SeqCst), LOSSES + 1);
    let making = waiting.lock().unwrap().take().unwrap();
    let made = making.await.unwrap().unwrap();
    let view = two.repository.view(&made.name.into()).await.unwrap();
    let last = view.get(Space::Meta, b"meanwhile/2").await.unwrap();
    assert!(last.is_some(), "it has what was staged");
}

#[tokio::test(start_paused = true)]
async fn a_merge_that_died_in_its_turn_holds_up_others_no_longer_than_its_lease() {
    let [one, two] = servers(CommitMode::Sync).await;
    let (other, has_turn) = (two.clone(), Arc::new(Notify::new()));
    let told = has_turn.clone();
    let gate = Busy::with(move |before| {
        let (other, told) = (other.clone(), told.clone());
        async move {
            if before < LOSSES {
                return other.set("main", format!("meanwhile/{before}")).await;
            }
            told.notify_one();
            std::future::pending::<()>().await;
        }
        .boxed()
    });
    tokio::select! {
        outcome = one.bring("of-one", &gate) => panic!("{outcome:?}"),
        () = has_turn.notified() => {}
    }
    let head = two.head().await;
    let server = two.clone();
    let merging = tokio::spawn(async move { server.bring("of-two", &OpenGate).await });
    let_others().await;
    assert_eq!(two.head().await, head, "the lease is not over");
    // the clock goes on while all wait
    let outcome = merging.await.unwrap();
    assert!(landed(&outcome), "{outcome:?}");
    let (head, refs) = (two.head().await, two.repository.records());
    two.set("main", "afterwards".into()).await;
    assert_ne!(two.head().await, head, "nobody has the turn");
    assert!(refs.0.kv_version(refs.1, "turns").await.unwrap() > 0);
}

#[tokio::test(start_paused = true)]
async fn a_merge_that_is_heard_of_in_its_turn_goes_on() {
    let [one, two] = servers(CommitMode::Sync).await;
    let (other, refs) = (two.clone(), one.refs.clone());
    let gate = Busy::with(move |before| {
        let (other, refs) = (other.clone(), refs.clone());
        async move {
            if before < LOSSES {
                return other.set("main", format!("meanwhile/{before}")).await;
            }
            // it is heard of every 10 s, and this time while it asks whose turn it is
            tokio::time::sleep(Duration::from_millis(9_500)).await;
            refs.delay("kv_version", Duration::from_secs(1));
        }
        .boxed()
    });
    let hour = Duration::from_secs(3_600);
    let outcome = tokio::time::timeout(hour, one.bring("of-one", &gate)).await;
    assert!(landed(&outcome.unwrap()));
}
