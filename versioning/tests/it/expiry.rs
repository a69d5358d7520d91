//! Branches whose time is over are removed, and no others.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use testkit::{Fault, FaultyRefs, SteppingClock};
use versioning::guard::{Act, Guard, RefEvent, Ticket};
use versioning::merge::{Landing, MergeOutcome, OpenGate};
use versioning::refs::{BranchRecord, BranchRules, CommitMode, Expiry, Pattern, Protection, Rule};
use versioning::repository::{CommitMessage, Limits, Parts};
use versioning::{Batch, Error, RefExpr, Repositories, Repository, RepositoryName, Result, Space, Value};

use super::lake::name;
use super::model::KeyByKey;

const DAY_US: u64 = 86_400_000_000;

/// Remembers what was done to refs, and refuses what it is told to.
#[derive(Debug, Clone, Default)]
struct Watch {
    events: Arc<Mutex<Vec<RefEvent>>>,
    refuses: Arc<Mutex<Option<Act>>>,
}

#[async_trait]
impl Guard for Watch {
    async fn watches(&self, _: &Repository, event: &RefEvent) -> Result<bool> {
        Ok(event.act == Act::DeleteBranch)
    }

    async fn before(&self, _: &Repository, event: &RefEvent) -> Result<Ticket> {
        if *self.refuses.lock().unwrap() == Some(event.act) {
            return Err(Error::Refused {
                operation: "a deletion",
                reason: "a hook says so".into(),
            });
        }
        Ok(Ticket::default())
    }

    async fn after(&self, _: &Repository, event: &RefEvent, _: Ticket) {
        self.events.lock().unwrap().push(event.clone());
    }

    async fn undone(&self, _: &Repository, _: Ticket) {}
}

/// A repository over a clock that can be set forward.
struct Pond {
    clock: Arc<SteppingClock>,
    refs: FaultyRefs,
    watch: Watch,
    repositories: Repositories,
    repository: Repository,
}

impl Pond {
    async fn new() -> Pond {
        let clock = Arc::new(SteppingClock::default());
        let parts = testkit::memory_parts(1);
        let refs = FaultyRefs::new(parts.refs.clone());
        let parts = Parts {
            clock: clock.clone(),
            refs: Arc::new(refs.clone()),
            ..parts
        };
        let watch = Watch::default();
        let repositories = Repositories::open(parts, Limits::default()).await.unwrap();
        let repositories = repositories.guarded_by(Arc::new(watch.clone()));
        let lake = RepositoryName::parse("lake").unwrap();
        let repository = repositories.create(&lake, &name("main")).await.unwrap();
        Pond {
            clock,
            refs,
            watch,
            repositories,
            repository,
        }
    }

    /// Creates a branch that lives so many days, and so many without a write.
    async fn branch(&self, text: &str, ttl: Option<u64>, idle: Option<u64>) -> BranchRecord {
        let main = name("main").into();
        self.repository
            .create_branch_until(&name(text), &main, CommitMode::Staged, days(ttl, idle))
            .await
            .unwrap()
    }

    /// Writes what was not there before.
    async fn write(&self, branch: &str) -> Result<()> {
        let now_us = self.repository.clock().now_us();
        let planned = move |_| async move {
            let mut batch = Batch::default();
            batch.put(Space::Meta, now_us.to_string(), Value::default());
            Ok::<_, Error>((batch, ()))
        };
        self.repository.write(&name(branch), planned).await
    }

    /// Returns the names of the branches that are removed when so many days more are over.
    async fn expired_after(&self, days: u64) -> Vec<String> {
        self.clock.advance(days * DAY_US);
        let expired = self.repositories.expire().await.unwrap();
        expired.into_iter().map(|one| one.branch.to_string()).collect()
    }
}

fn days(ttl: Option<u64>, idle: Option<u64>) -> Expiry {
    let us = |days| days * DAY_US;
    Expiry {
        ttl_us: ttl.map(us),
        idle_us: idle.map(us),
    }
}

#[tokio::test]
async fn a_branch_goes_when_its_time_is_over_and_can_be_made_again() {
    let pond = Pond::new().await;
    pond.branch("short", Some(1), None).await;
    pond.branch("long", Some(3), None).await;
    pond.branch("for-ever", None, None).await;
    pond.write("short").await.unwrap();
    let message = CommitMessage::default();
    let head = pond.repository.commit(&name("short"), message).await.unwrap();
    // what is staged goes with it, what is committed does not
    pond.write("short").await.unwrap();
    assert_eq!(pond.expired_after(0).await, [""; 0]);
    assert_eq!(pond.expired_after(1).await, ["short"]);
    assert_eq!(pond.expired_after(1).await, [""; 0]);
    let log = pond.repository.ref_log(1).await.unwrap();
    assert_eq!(
        (log[0].branch.as_str(), log[0].from, log[0].to),
        ("short", Some(head), None)
    );
    assert_eq!(
        log[0].reason,
        "delete branch: it expired, 86400 s after it was made"
    );
    let seen = pond.watch.events.lock().unwrap().clone();
    let of = |event: &RefEvent| (event.act, event.name.clone(), event.head);
    let told: Vec<_> = seen.iter().map(of).collect();
    assert_eq!(told, [(Act::DeleteBranch, name("short"), Some(head))]);
    pond.repository
        .create_branch(&name("short"), &RefExpr::from(head), CommitMode::Staged)
        .await
        .unwrap();
    assert_eq!(pond.expired_after(1).await, ["long"]);
    assert_eq!(pond.repository.branches().await.unwrap().len(), 3);
}

#[tokio::test]
async fn writes_commits_and_merges_keep_a_branch_from_being_idle() {
    let pond = Pond::new().await;
    pond.branch("idle", None, Some(2)).await;
    pond.branch("busy", None, Some(2)).await;
    for _ in 0..3 {
        assert!(!pond.expired_after(1).await.contains(&"busy".to_owned()));
        pond.write("busy").await.unwrap();
        pond.repository
            .commit(&name("busy"), CommitMessage::default())
            .await
            .unwrap();
    }
    assert!(pond.repository.branch(&name("idle")).await.is_err());
    assert_eq!(pond.expired_after(2).await, ["busy"]);
}

#[tokio::test]
async fn rules_say_how_long_new_branches_live() {
    let pond = Pond::new().await;
    pond.branch("tmp-before", None, None).await;
    let rule = Rule {
        expiry: days(Some(2), None),
        ..Rule::default()
    };
    let pattern = Pattern::parse("tmp-*").unwrap();
    pond.repository.set_rule(&pattern, &rule).await.unwrap();
    assert_eq!(pond.branch("tmp-1", None, None).await.expiry, days(Some(2), None));
    let sooner = pond.branch("tmp-2", Some(1), Some(9)).await.expiry;
    assert_eq!(sooner, days(Some(1), Some(9)));
    assert_eq!(pond.branch("etl", None, None).await.expiry, days(None, None));
    pond.repository.remove_rule(&pattern).await.unwrap();
    assert_eq!(pond.expired_after(1).await, ["tmp-2"]);
    assert_eq!(
        pond.expired_after(9).await,
        ["tmp-1"],
        "the one made before lives for ever"
    );
}

#[tokio::test]
async fn some_branches_do_not_expire() {
    let pond = Pond::new().await;
    for branch in ["by-itself", "by-rule", "refused"] {
        pond.branch(branch, Some(1), None).await;
    }
    let one_day = |now: &BranchRecord| BranchRules {
        expiry: days(Some(1), None),
        ..BranchRules::of(now)
    };
    pond.repository
        .change_branch_rules(&name("main"), one_day)
        .await
        .unwrap();
    let protection = Some(Protection::default());
    pond.repository
        .set_branch_rules(&name("by-itself"), CommitMode::Staged, protection.clone())
        .await
        .unwrap();
    let rule = Rule {
        protection,
        ..Rule::default()
    };
    let pattern = Pattern::parse("by-r*").unwrap();
    pond.repository.set_rule(&pattern, &rule).await.unwrap();
    *pond.watch.refuses.lock().unwrap() = Some(Act::DeleteBranch);
    assert_eq!(pond.expired_after(1).await, [""; 0]);
    pond.repository.set_read_only(true).await.unwrap();
    *pond.watch.refuses.lock().unwrap() = None;
    assert_eq!(pond.expired_after(1).await, [""; 0]);
    pond.repository.set_read_only(false).await.unwrap();
    pond.repository.remove_rule(&pattern).await.unwrap();
    assert_eq!(pond.expired_after(0).await, ["by-rule", "refused"]);
}

#[tokio::test]
async fn a_merge_that_waits_for_a_person_keeps_its_branches() {
    let pond = Pond::new().await;
    pond.branch("into", Some(1), None).await;
    pond.branch("from", Some(1), None).await;
    pond.branch("other", Some(1), None).await;
    for (branch, payload) in [("into", "ours"), ("from", "theirs")] {
        let planned = move |_| async move {
            let mut batch = Batch::default();
            let payload = bytes::Bytes::from_static(payload.as_bytes());
            let value = Value {
                payload,
                ..Value::default()
            };
            batch.put(Space::Meta, "k", value);
            Ok::<_, Error>((batch, ()))
        };
        pond.repository.write(&name(branch), planned).await.unwrap();
        pond.repository
            .commit(&name(branch), CommitMessage::default())
            .await
            .unwrap();
    }
    let (source, landing) = (name("from").into(), Landing::onto(name("into"), "test"));
    let merged = pond.repository.merge(&source, &landing, &KeyByKey, &OpenGate);
    let report = merged.await.unwrap();
    assert!(matches!(report.outcome, MergeOutcome::Conflicts(_)), "{report:?}");
    let id = report.attempt.unwrap();
    assert_eq!(pond.expired_after(1).await, ["other"]);
    pond.repository.abandon(&id).await.unwrap();
    assert_eq!(pond.expired_after(0).await, ["from", "into"]);
}

/// A server that died in between, or did not hear the answer, leaves nothing half done.
#[tokio::test]
async fn a_removal_that_failed_is_made_up_for() {
    for (fault, later) in [(Fault::Before, &["etl"][..]), (Fault::After, &[])] {
        let pond = Pond::new().await;
        pond.branch("etl", Some(1), None).await;
        pond.refs.fail("delete_branch", fault);
        assert_eq!(pond.expired_after(1).await, [""; 0]);
        assert_eq!(pond.expired_after(0).await, later);
        assert_eq!(pond.repository.branches().await.unwrap().len(), 1);
    }
}
