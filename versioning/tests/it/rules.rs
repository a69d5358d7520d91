//! Rules of a repository: read-only, and by patterns of names, in every way that a branch changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use async_trait::async_trait;
use bytes::Bytes;
use testkit::Fault;
use versioning::attempts::ConflictRecord;
use versioning::merge::{
    Gate, Landing, MergeOutcome, OpenGate, Policy, Proposal, Resolution, Resolver, Sides, Strictness, Verdict,
};
use versioning::refs::{
    BranchRules, CommitMode, Expiry, MemoryRefs, PATTERNS_MAX, Pattern, Protection, Rule,
};
use versioning::repository::{Limits, Parts, Reset};
use versioning::{Batch, Error, Kind, Repositories, Repository, Result, Space};

use super::lake::{Lake, name};
use super::model::KeyByKey;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

fn protecting(protection: Protection) -> Rule {
    Rule {
        protection: Some(protection),
        expiry: Expiry::default(),
    }
}

async fn protect(repository: &Repository, text: &str) {
    let rule = protecting(Protection::default());
    repository.set_rule(&pattern(text), &rule).await.unwrap();
}

/// A lake in which `etl` has something to merge, and something is staged on `main`.
async fn lake() -> Lake {
    let lake = Lake::new(CommitMode::Staged).await;
    lake.branch("etl", CommitMode::Staged).await;
    lake.write("etl", "b", "theirs").await.unwrap();
    lake.commit("etl").await.unwrap();
    lake.write("main", "a", "1").await.unwrap();
    lake
}

/// Tries every way to change something; returns the names of those that were let, but for merges that protection lets.
async fn let_through(lake: &Lake, is_expected: fn(&Error) -> bool) -> Vec<&'static str> {
    let (repository, main) = (&lake.repository, name("main"));
    let first = lake.head("main").await;
    let landing = Landing {
        again: true,
        ..Landing::onto(main.clone(), "test")
    };
    let reset = Reset::default();
    let (into, gate) = (KeyByKey, OpenGate);
    let etl = name("etl").into();
    let tried = [
        ("write", lake.write("main", "a", "2").await),
        ("commit", lake.commit("main").await.map(drop)),
        ("delete", repository.delete_branch(&name("old")).await),
        ("reset", repository.reset(&main).await.map(drop)),
        ("merge", lake.merge("etl", "main", false).await.map(drop)),
        (
            "revert",
            repository
                .revert(lake.head("etl").await, None, &landing, &into, &gate)
                .await
                .map(drop),
        ),
        (
            "cherry-pick",
            repository
                .cherry_pick(lake.head("etl").await, None, &landing, &into, &gate)
                .await
                .map(drop),
        ),
        (
            "create branch",
            repository
                .create_branch(&name("new"), &etl, CommitMode::Staged)
                .await
                .map(drop),
        ),
        (
            "create tag",
            repository.create_tag(&name("v2"), &etl).await.map(drop),
        ),
        ("delete tag", repository.delete_tag(&name("v1")).await),
        (
            "write what is shared",
            repository
                .write_shared(|_| async {
                    let mut batch = Batch::default();
                    batch.put(Space::Meta, "k", versioning::Value::default());
                    Ok::<_, Error>((batch, ()))
                })
                .await,
        ),
        (
            "reset to",
            repository
                .reset_to::<()>(&name("etl"), first, &reset, &gate)
                .await
                .map(drop),
        ),
    ];
    let mut passed = Vec::new();
    for (what, outcome) in tried {
        match outcome {
            Ok(()) => passed.push(what),
            Err(error) => assert!(is_expected(&error), "{what}: {error}"),
        }
    }
    passed
}

#[tokio::test]
async fn nothing_changes_in_a_read_only_repository() {
    let lake = lake().await;
    let repository = &lake.repository;
    lake.branch("old", CommitMode::Staged).await;
    repository
        .create_tag(&name("v1"), &name("main").into())
        .await
        .unwrap();
    repository.set_read_only(true).await.unwrap();
    let (head, log) = (lake.head("main").await, repository.ref_log(99).await.unwrap());
    let passed = let_through(&lake, |error| {
        assert_eq!(error.kind(), Kind::Denied);
        let text =
            "repository lake is read-only: skep repository set lake --read-only false opens it for writes";
        error.to_string() == text
    });
    assert_eq!(passed.await, [""; 0]);
    assert_eq!(lake.head("main").await, head);
    assert_eq!(repository.ref_log(99).await.unwrap(), log);
    // reading goes on, and so does trying out
    assert_eq!(lake.get("main", "a").await.unwrap(), "1");
    let would = lake.merge("etl", "main", true).await.unwrap();
    assert_eq!(would, MergeOutcome::Clean);
    // and what is said of branches can be said
    repository
        .change_branch_rules(&name("main"), BranchRules::of)
        .await
        .unwrap();
    repository.set_read_only(false).await.unwrap();
    assert_eq!(let_through(&lake, |_| false).await.len(), 12);
}

#[tokio::test]
async fn what_was_written_before_is_committed_by_the_server_all_the_same() {
    let limits = Limits {
        coalesce_idle_ms: 1,
        ..Limits::default()
    };
    let parts = testkit::memory_parts(1);
    let repositories = Repositories::open(parts, limits).await.unwrap();
    let lake = versioning::RepositoryName::parse("lake").unwrap();
    let repository = repositories.create(&lake, &name("main")).await.unwrap();
    let first = repository.branch(&name("main")).await.unwrap().head;
    let planned = |_| async {
        let mut batch = Batch::default();
        batch.put(Space::Meta, "k", versioning::Value::default());
        Ok::<_, Error>((batch, ()))
    };
    repository.write(&name("main"), planned).await.unwrap();
    repository.set_read_only(true).await.unwrap();
    while repository.branch(&name("main")).await.unwrap().head == first {
        tokio::task::yield_now().await;
    }
    let refused = repository.write(&name("main"), planned).await;
    assert!(
        matches!(refused, Err(Error::RepositoryReadOnly { .. })),
        "{refused:?}"
    );
}

/// Rules hold for branches made before and after, and are gone when they are removed.
#[tokio::test]
async fn a_rule_protects_every_branch_of_such_a_name() {
    let lake = lake().await;
    let repository = &lake.repository;
    lake.branch("release-1", CommitMode::Staged).await;
    protect(repository, "release-*").await;
    lake.branch("release-2", CommitMode::Staged).await;
    for branch in ["release-1", "release-2"] {
        let written = lake.write(branch, "a", "1").await;
        assert!(matches!(written, Err(Error::Protected { .. })), "{written:?}");
        let committed = lake.commit(branch).await;
        assert!(matches!(committed, Err(Error::Protected { .. })), "{committed:?}");
        let writable = repository.writable(&name(branch)).await;
        assert!(matches!(writable, Err(Error::Protected { .. })), "{writable:?}");
        let deleted = repository.delete_branch(&name(branch)).await;
        assert!(matches!(deleted, Err(Error::Refused { .. })), "{deleted:?}");
        let merged = lake.merge("etl", branch, false).await.unwrap();
        assert!(matches!(merged, MergeOutcome::Landed(_)), "{merged:?}");
        let own = repository.branch(&name(branch)).await.unwrap().protection;
        assert_eq!(own, None, "the branch itself says nothing");
    }
    lake.write("main", "a", "2").await.unwrap();
    repository.remove_rule(&pattern("release-*")).await.unwrap();
    lake.write("release-1", "a", "1").await.unwrap();
    repository.delete_branch(&name("release-2")).await.unwrap();
    let gone = repository.remove_rule(&pattern("release-*")).await;
    assert!(
        matches!(gone, Err(Error::NotFound { what: "rule", .. })),
        "{gone:?}"
    );
}

/// Refuses all that it is asked about.
#[derive(Debug)]
struct Closed;

#[async_trait]
impl Gate for Closed {
    async fn judge(&self, _: &Proposal) -> Result<Verdict> {
        Ok(Verdict::Refuse(Vec::new()))
    }
}

#[tokio::test]
async fn a_head_that_a_rule_protects_is_put_back_through_the_gate() {
    let lake = lake().await;
    let (repository, etl) = (&lake.repository, name("etl"));
    let to = lake.head("main").await;
    protect(repository, "e?l").await;
    let reset = repository
        .reset_to::<()>(&etl, to, &Reset::default(), &Closed)
        .await;
    assert!(matches!(reset, Ok(MergeOutcome::Refused { .. })), "{reset:?}");
}

/// Merges as `KeyByKey` at a strictness, which the least that was asked for raises unless it was said.
#[derive(Debug)]
struct Leveled {
    said: Option<u8>,
    used: Arc<AtomicU8>,
}

#[async_trait]
impl Resolver for Leveled {
    type Conflict = (Space, Bytes);

    async fn resolve(&self, sides: &Sides) -> Result<Resolution<Self::Conflict>> {
        self.used.store(self.said.unwrap_or(1), Relaxed);
        KeyByKey.resolve(sides).await
    }

    fn record(conflict: &Self::Conflict) -> ConflictRecord {
        KeyByKey::record(conflict)
    }

    fn plain(&self) -> Leveled {
        Leveled {
            said: self.said,
            used: self.used.clone(),
        }
    }

    fn at_least(&self, least: Strictness) -> Result<Option<Leveled>> {
        match self.said {
            Some(said) if Strictness(said) < least => Err(Error::Refused {
                operation: "a merge",
                reason: "too lax".into(),
            }),
            Some(_) => Ok(None),
            None => Ok(Some(Leveled {
                said: Some(least.0),
                used: self.used.clone(),
            })),
        }
    }
}

#[tokio::test]
async fn a_merge_leaves_as_much_to_people_as_the_rules_ask() {
    for (said, expected) in [
        (None, Some(2)),
        (Some(1), None),
        (Some(2), Some(2)),
        (Some(3), Some(3)),
    ] {
        let lake = lake().await;
        let own = Protection {
            strictness: Some(Strictness(2)),
            ..Protection::default()
        };
        lake.repository
            .set_branch_rules(&name("main"), CommitMode::Staged, Some(own))
            .await
            .unwrap();
        let lax = protecting(Protection {
            strictness: Some(Strictness(0)),
            policy: Policy::Rerun,
            ..Protection::default()
        });
        lake.repository.set_rule(&pattern("*"), &lax).await.unwrap();
        let used = Arc::<AtomicU8>::default();
        let resolver = Leveled {
            said,
            used: used.clone(),
        };
        let landing = Landing::onto(name("main"), "test");
        let merged = lake
            .repository
            .merge(&name("etl").into(), &landing, &resolver, &OpenGate)
            .await
            .map(|report| report.outcome);
        match expected {
            Some(level) => {
                assert!(matches!(merged, Ok(MergeOutcome::Landed(_))), "{merged:?}");
                assert_eq!(used.load(Relaxed), level);
            }
            None => assert!(matches!(merged, Err(Error::Refused { .. })), "{merged:?}"),
        }
        let laxer = Landing {
            policy: Some(Policy::Disjoint),
            ..landing
        };
        let refused = lake
            .repository
            .merge(&name("etl").into(), &laxer, &resolver, &OpenGate)
            .await;
        assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    }
}

/// Changes the rules of the repository when it judges first.
#[derive(Debug)]
struct Changing<'a> {
    repository: &'a Repository,
    judged: AtomicU8,
    freeze: bool,
    strictness: Option<Strictness>,
}

#[async_trait]
impl Gate for Changing<'_> {
    async fn judge(&self, _: &Proposal) -> Result<Verdict> {
        if self.judged.fetch_add(1, Relaxed) == 0 {
            let rule = protecting(Protection {
                strictness: self.strictness,
                ..Protection::default()
            });
            self.repository.set_rule(&pattern("m*"), &rule).await?;
            self.repository.set_read_only(self.freeze).await?;
        }
        Ok(Verdict::Pass {
            checks: Vec::new(),
            reads: versioning::merge::Extent::none(),
        })
    }
}

#[tokio::test]
async fn rules_that_change_while_a_merge_is_judged_are_obeyed() {
    for (freeze, strictness, judged, expected) in [
        (false, None, 2, None),
        (true, None, 1, Some("is read-only")),
        (false, Some(Strictness(1)), 1, Some("became stricter meanwhile")),
    ] {
        let lake = lake().await;
        let gate = Changing {
            repository: &lake.repository,
            judged: AtomicU8::new(0),
            freeze,
            strictness,
        };
        let merged = lake.merge_by("etl", "main", false, &gate).await;
        assert_eq!(gate.judged.load(Relaxed), judged);
        match expected {
            None => assert!(matches!(merged, Ok(MergeOutcome::Landed(_))), "{merged:?}"),
            Some(text) => assert!(merged.unwrap_err().to_string().contains(text)),
        }
    }
}

#[tokio::test]
async fn a_waiting_merge_is_finished_under_the_rules_of_then() {
    let lake = lake().await;
    lake.write("etl", "a", "theirs").await.unwrap();
    lake.commit("etl").await.unwrap();
    lake.commit("main").await.unwrap();
    let landing = Landing::onto(name("main"), "test");
    let lax = || Leveled {
        said: Some(1),
        used: Arc::default(),
    };
    let (source, resolver) = (name("etl").into(), lax());
    let merged = lake.repository.merge(&source, &landing, &resolver, &OpenGate);
    let report = merged.await.unwrap();
    assert!(matches!(report.outcome, MergeOutcome::Conflicts(_)), "{report:?}");
    let id = report.attempt.unwrap();
    let rule = protecting(Protection {
        strictness: Some(Strictness(2)),
        ..Protection::default()
    });
    lake.repository.set_rule(&pattern("*"), &rule).await.unwrap();
    let finished = lake
        .repository
        .finish(&id, |_: &BTreeMap<_, _>| Ok(lax()), &OpenGate)
        .await;
    assert!(matches!(finished, Err(Error::Refused { .. })), "{finished:?}");
}

/// What another server says of a repository counts here from the next call on.
#[tokio::test]
async fn rules_of_another_server_are_seen() {
    let parts = Parts {
        refs: Arc::new(MemoryRefs::new_shared()),
        ..testkit::memory_parts(1)
    };
    let other_ids = Arc::new(testkit::SeededIds::new(2));
    let other = Parts {
        ids: other_ids,
        ..parts.clone()
    };
    let here = Repositories::open(parts, Limits::default()).await.unwrap();
    let there = Repositories::open(other, Limits::default()).await.unwrap();
    let lake = versioning::RepositoryName::parse("lake").unwrap();
    let here = here.create(&lake, &name("main")).await.unwrap();
    let there = there.get(&lake).await.unwrap();
    let write = |_| async {
        let mut batch = Batch::default();
        batch.put(Space::Meta, "k", versioning::Value::default());
        Ok::<_, Error>((batch, ()))
    };
    here.write(&name("main"), write).await.unwrap();
    protect(&there, "main").await;
    let refused = here.write(&name("main"), write).await;
    assert!(matches!(refused, Err(Error::Protected { .. })), "{refused:?}");
    there.remove_rule(&pattern("main")).await.unwrap();
    here.write(&name("main"), write).await.unwrap();
    there.set_read_only(true).await.unwrap();
    let refused = here.write(&name("main"), write).await;
    assert!(
        matches!(refused, Err(Error::RepositoryReadOnly { .. })),
        "{refused:?}"
    );
    let refused = here.delete_tag(&name("v1")).await;
    assert!(
        matches!(refused, Err(Error::RepositoryReadOnly { .. })),
        "{refused:?}"
    );
}

/// Of a change whose answer was lost nobody knows whether it took effect: branches are read before they are used.
#[tokio::test]
async fn a_change_of_rules_whose_answer_was_lost_counts() {
    let lake = lake().await;
    lake.refs.fail("set_repository_rules", Fault::After);
    let lost = lake.repository.set_read_only(true).await;
    assert!(matches!(lost, Err(Error::Storage { .. })), "{lost:?}");
    let refused = lake.write("main", "a", "2").await;
    assert!(
        matches!(refused, Err(Error::RepositoryReadOnly { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn rules_that_make_no_sense_are_refused() {
    let lake = Lake::new(CommitMode::Staged).await;
    let both = Rule {
        expiry: Expiry {
            ttl_us: Some(1),
            idle_us: None,
        },
        ..protecting(Protection::default())
    };
    let refused = lake.repository.set_rule(&pattern("*"), &both).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    for n in 0..PATTERNS_MAX {
        protect(&lake.repository, &format!("b{n}")).await;
    }
    protect(&lake.repository, "b0").await;
    let one_more = lake
        .repository
        .set_rule(&pattern("one-more"), &protecting(Protection::default()))
        .await;
    assert!(matches!(one_more, Err(Error::Refused { .. })), "{one_more:?}");
    assert_eq!(
        lake.repository.rules().await.unwrap().patterns.len(),
        PATTERNS_MAX
    );
}
