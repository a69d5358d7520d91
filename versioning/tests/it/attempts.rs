//! Merges as records: what waits for a person, what a server left behind, and what is given up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;
use versioning::attempts::{Attempt, AttemptId, AttemptState, ConflictRecord, Decision};
use versioning::id::Domain;
use versioning::merge::{
    Extent, Gate, Landing, MergeOutcome, OpenGate, Proposal, Refusal, Resolution, Resolver, Sides, Verdict,
    Warnings,
};
use versioning::refs::CommitMode;
use versioning::{Clock, Error, Hash, Repositories, RepositoryName, Result, Space, View};

use super::lake::{Lake, name};
use super::model::KeyByKey;

/// As `KeyByKey`, but for what was decided by the keys: `theirs` takes theirs and is wary of that, all else ours.
#[derive(Debug, Clone, Default)]
struct Deciding(BTreeMap<String, Bytes>);

/// A key, and what ours and theirs have there.
type Contested = (Bytes, String);

impl Deciding {
    fn by(decisions: &BTreeMap<String, Decision>) -> Result<Deciding> {
        let choices = decisions.iter();
        Ok(Deciding(
            choices
                .map(|(key, decision)| (key.clone(), decision.choice.clone()))
                .collect(),
        ))
    }
}

#[async_trait]
impl Resolver for Deciding {
    type Conflict = Contested;

    async fn resolve(&self, sides: &Sides) -> Result<Resolution<Contested>> {
        let Resolution {
            mut patch, conflicts, ..
        } = KeyByKey.resolve(sides).await?;
        let (mut open, mut wary) = (Vec::new(), Vec::new());
        for (space, key) in conflicts {
            let theirs = sides.theirs.get(space, &key).await?;
            match self.0.get(&*String::from_utf8_lossy(&key)) {
                Some(choice) if choice == "overruled" => {
                    let ours = sides.ours.get(space, &key).await?;
                    open.push((key, format!("{ours:?} {theirs:?}")));
                }
                Some(choice) if choice == "theirs" => {
                    wary.push(key.clone());
                    patch.put(space, key, theirs.unwrap());
                }
                Some(_) => {}
                None => {
                    let ours = sides.ours.get(space, &key).await?;
                    open.push((key, format!("{ours:?} {theirs:?}")));
                }
            }
        }
        Ok(Resolution {
            patch,
            conflicts: open,
            warnings: Warnings::new(wary),
        })
    }

    fn record((key, sides): &Contested) -> ConflictRecord {
        ConflictRecord {
            id: String::from_utf8_lossy(key).into_owned(),
            content: Bytes::new(),
            about: Hash::of(Domain::Blob, sides.as_bytes()),
        }
    }

    fn plain(&self) -> Deciding {
        Deciding::default()
    }

    async fn touches(&self, before: &View, after: &View) -> Result<Extent> {
        KeyByKey.touches(before, after).await
    }
}

/// A lake in which `main` and `etl` wrote to `a`, and `etl` to `b` as well.
async fn contested() -> Lake {
    let lake = Lake::new(CommitMode::Staged).await;
    lake.branch("etl", CommitMode::Staged).await;
    for (key, value) in [("a", "theirs"), ("b", "theirs")] {
        lake.write("etl", key, value).await.unwrap();
    }
    lake.commit("etl").await.unwrap();
    lake.write("main", "a", "ours").await.unwrap();
    lake.commit("main").await.unwrap();
    lake
}

async fn merge(lake: &Lake, gate: &dyn Gate) -> (AttemptId, Result<MergeOutcome<Contested>>) {
    let landing = Landing {
        options: Bytes::from_static(b"wishes"),
        ..Landing::onto(name("main"), "test")
    };
    let (source, resolver) = (name("etl").into(), Deciding::default());
    let report = lake.repository.merge(&source, &landing, &resolver, gate).await;
    let newest = lake.repository.attempts().await.unwrap()[0].id.clone();
    if let Ok(report) = &report {
        assert_eq!(report.attempt.as_ref(), Some(&newest));
    }
    (newest, report.map(|report| report.outcome))
}

async fn decide(lake: &Lake, id: &AttemptId, key: &str, choice: Option<&'static str>) -> Result<Attempt> {
    let choice = choice.map(|choice| Bytes::from_static(choice.as_bytes()));
    let choices = BTreeMap::from([(key.to_owned(), choice)]);
    lake.repository.decide(id, &choices).await
}

async fn finish(lake: &Lake, id: &AttemptId) -> Result<MergeOutcome<Contested>> {
    let report = lake.repository.finish(id, Deciding::by, &OpenGate).await;
    report.map(|report| report.outcome)
}

async fn state(lake: &Lake, id: &AttemptId) -> AttemptState {
    lake.repository.attempt(id).await.unwrap().state
}

#[tokio::test]
async fn conflicts_are_decided_one_by_one_and_the_merge_is_finished() {
    let lake = contested().await;
    let (id, outcome) = merge(&lake, &OpenGate).await;
    assert!(matches!(outcome, Ok(MergeOutcome::Conflicts(_))), "{outcome:?}");
    let attempt = lake.repository.attempt(&id).await.unwrap();
    assert_eq!((attempt.state, attempt.conflicts), (AttemptState::Conflicts, 1));
    assert_eq!(attempt.warnings, Warnings::default());
    assert_eq!(attempt.options, "wishes");
    let found = lake.repository.conflicts(&attempt, 0, 10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].0, found[0].1.id.as_str()), (1, "a"));
    assert_eq!(lake.repository.conflicts(&attempt, 1, 10).await.unwrap(), []);

    let unknown = decide(&lake, &id, "x", Some("ours")).await;
    assert!(
        matches!(unknown, Err(Error::NotFound { what: "conflict", .. })),
        "{unknown:?}"
    );
    let again = finish(&lake, &id).await;
    assert!(matches!(again, Ok(MergeOutcome::Conflicts(_))), "{again:?}");
    decide(&lake, &id, "a", Some("ours")).await.unwrap();
    decide(&lake, &id, "a", None).await.unwrap();
    decide(&lake, &id, "a", Some("theirs")).await.unwrap();
    let landed = finish(&lake, &id).await;
    assert!(matches!(landed, Ok(MergeOutcome::Landed(_))), "{landed:?}");
    assert_eq!(lake.get("main", "a").await.unwrap(), "theirs");
    assert_eq!(lake.get("main", "b").await.unwrap(), "theirs");
    let attempt = lake.repository.attempt(&id).await.unwrap();
    assert_eq!(attempt.state, AttemptState::Landed);
    assert_eq!(attempt.warnings, Warnings::new([Bytes::from_static(b"a")]));
    assert_eq!(attempt.candidate, Some(lake.head("main").await));
    for closed in [
        finish(&lake, &id).await.map(drop),
        decide(&lake, &id, "a", None).await.map(drop),
    ] {
        assert!(matches!(closed, Err(Error::MergeState { .. })), "{closed:?}");
    }
}

/// A decision that cannot hold beside others is forgotten, and its conflict is listed once.
#[tokio::test]
async fn what_stays_open_is_not_decided() {
    let lake = contested().await;
    let (id, _) = merge(&lake, &OpenGate).await;
    decide(&lake, &id, "a", Some("overruled")).await.unwrap();
    let again = finish(&lake, &id).await;
    assert!(matches!(again, Ok(MergeOutcome::Conflicts(_))), "{again:?}");
    let attempt = lake.repository.attempt(&id).await.unwrap();
    assert_eq!((attempt.conflicts, attempt.decisions.len()), (1, 0));
    assert_eq!(lake.repository.conflicts(&attempt, 0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn conflicts_are_told_though_those_of_the_last_run_cannot_be_removed() {
    let lake = contested().await;
    let (id, _) = merge(&lake, &OpenGate).await;
    lake.refs.fail("kv_list", testkit::Fault::Before);
    let again = finish(&lake, &id).await;
    assert!(matches!(again, Ok(MergeOutcome::Conflicts(_))), "{again:?}");
    assert_eq!(lake.refs.heal(), 0);
    assert_eq!(state(&lake, &id).await, AttemptState::Conflicts);
}

#[tokio::test]
async fn a_decision_says_nothing_of_what_changed_since() {
    let lake = contested().await;
    let (id, _) = merge(&lake, &OpenGate).await;
    decide(&lake, &id, "a", Some("theirs")).await.unwrap();
    lake.write("main", "c", "beside").await.unwrap();
    lake.write("main", "b", "ours").await.unwrap();
    lake.commit("main").await.unwrap();
    let outcome = finish(&lake, &id).await;
    let Ok(MergeOutcome::Conflicts(conflicts)) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(conflicts.len(), 1, "a is decided, b is new: {conflicts:?}");
    // what is decided stays listed, and can be taken back
    let attempt = lake.repository.attempt(&id).await.unwrap();
    let listed = lake.repository.conflicts(&attempt, 0, 10).await.unwrap();
    let listed: Vec<&str> = listed.iter().map(|(_, record)| record.id.as_str()).collect();
    assert_eq!(
        (attempt.conflicts, attempt.decisions.len(), listed),
        (2, 1, vec!["a", "b"])
    );
    decide(&lake, &id, "a", None).await.unwrap();
    decide(&lake, &id, "a", Some("theirs")).await.unwrap();
    decide(&lake, &id, "b", Some("ours")).await.unwrap();
    lake.write("main", "a", "ours again").await.unwrap();
    lake.commit("main").await.unwrap();
    let Ok(MergeOutcome::Conflicts(conflicts)) = finish(&lake, &id).await else {
        panic!("what was decided about a was about something else")
    };
    assert_eq!(conflicts[0].0, "a");
    // it is forgotten, and does not count the next time either
    let attempt = lake.repository.attempt(&id).await.unwrap();
    assert_eq!(attempt.decisions.keys().collect::<Vec<_>>(), ["b"]);
    let again = finish(&lake, &id).await;
    assert!(matches!(again, Ok(MergeOutcome::Conflicts(_))), "{again:?}");
    decide(&lake, &id, "a", Some("ours")).await.unwrap();
    let landed = finish(&lake, &id).await;
    assert!(matches!(landed, Ok(MergeOutcome::Landed(_))), "{landed:?}");
    assert_eq!(lake.get("main", "a").await.unwrap(), "ours again");
    assert_eq!(lake.get("main", "b").await.unwrap(), "ours");
}

#[tokio::test]
async fn a_decision_says_nothing_of_what_is_staged_since() {
    let lake = contested().await;
    let (id, _) = merge(&lake, &OpenGate).await;
    decide(&lake, &id, "a", Some("theirs")).await.unwrap();
    // the server commits it before it merges
    let main = name("main");
    lake.repository
        .set_branch_rules(&main, CommitMode::Coalesce, None)
        .await
        .unwrap();
    lake.write("main", "a", "ours again").await.unwrap();
    let outcome = finish(&lake, &id).await;
    assert!(matches!(outcome, Ok(MergeOutcome::Conflicts(_))), "{outcome:?}");
    assert_eq!(lake.get("main", "a").await.unwrap(), "ours again");
}

/// A conflict that follows from how another one was decided.
#[derive(Debug, Clone, Default)]
struct Following(BTreeMap<String, Bytes>);

#[async_trait]
impl Resolver for Following {
    type Conflict = Contested;

    async fn resolve(&self, sides: &Sides) -> Result<Resolution<Contested>> {
        let mut resolution = Deciding(self.0.clone()).resolve(sides).await?;
        if self.0.contains_key("a") && !self.0.contains_key("after a") {
            resolution
                .conflicts
                .push((Bytes::from_static(b"after a"), String::new()));
        }
        Ok(resolution)
    }

    fn record(conflict: &Contested) -> ConflictRecord {
        Deciding::record(conflict)
    }

    fn plain(&self) -> Following {
        Following::default()
    }
}

#[tokio::test]
async fn what_follows_from_a_decision_is_decided_as_well() {
    let lake = contested().await;
    let (id, _) = merge(&lake, &OpenGate).await;
    let finish = async || {
        let resolver = |decisions: &_| Deciding::by(decisions).map(|deciding| Following(deciding.0));
        let report = lake.repository.finish(&id, resolver, &OpenGate).await;
        report.map(|report| report.outcome)
    };
    decide(&lake, &id, "a", Some("ours")).await.unwrap();
    let outcome = finish().await;
    let Ok(MergeOutcome::Conflicts(conflicts)) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(conflicts[0].0, "after a");
    decide(&lake, &id, "after a", Some("ours")).await.unwrap();
    let landed = finish().await;
    assert!(matches!(landed, Ok(MergeOutcome::Landed(_))), "{landed:?}");
}

/// Waits, once it was asked, until it is told to go on.
#[derive(Debug, Default)]
struct Waiting {
    asked: Notify,
    go_on: Notify,
}

#[async_trait]
impl Gate for Waiting {
    async fn judge(&self, _: &Proposal) -> Result<Verdict> {
        self.asked.notify_one();
        self.go_on.notified().await;
        Ok(Verdict::Pass {
            checks: vec!["rows".into()],
            reads: Extent::All,
        })
    }
}

/// A lake that has something to merge without conflicts.
async fn clean() -> Lake {
    let lake = Lake::new(CommitMode::Staged).await;
    lake.branch("etl", CommitMode::Staged).await;
    lake.write("etl", "b", "theirs").await.unwrap();
    lake.commit("etl").await.unwrap();
    lake
}

#[tokio::test]
async fn a_candidate_is_pinned_while_it_is_judged_and_abandoned_it_does_not_land() {
    let lake = clean().await;
    let before = lake.head("main").await;
    let gate = Waiting::default();
    let abandon = async {
        gate.asked.notified().await;
        let attempts = lake.repository.attempts().await.unwrap();
        assert_eq!(attempts[0].state, AttemptState::Judging);
        let candidate = attempts[0].candidate.unwrap();
        assert!(lake.repository.pinned().await.unwrap().contains(&candidate));
        lake.repository.abandon(&attempts[0].id).await.unwrap();
        gate.go_on.notify_one();
    };
    let ((id, outcome), ()) = tokio::join!(merge(&lake, &gate), abandon);
    assert!(matches!(outcome, Err(Error::MergeState { .. })), "{outcome:?}");
    assert_eq!(lake.head("main").await, before);
    assert_eq!(state(&lake, &id).await, AttemptState::Abandoned);
    assert!(matches!(finish(&lake, &id).await, Err(Error::MergeState { .. })));
}

#[derive(Debug)]
struct Refusing;

#[async_trait]
impl Gate for Refusing {
    async fn judge(&self, _: &Proposal) -> Result<Verdict> {
        Ok(Verdict::Refuse(vec![Refusal {
            check: "rows".into(),
            reason: "too few".into(),
        }]))
    }
}

#[tokio::test]
async fn what_is_refused_can_be_finished_through_the_gate() {
    let lake = clean().await;
    let (id, outcome) = merge(&lake, &Refusing).await;
    assert!(matches!(outcome, Ok(MergeOutcome::Refused { .. })), "{outcome:?}");
    let attempt = lake.repository.attempt(&id).await.unwrap();
    assert_eq!(
        (attempt.state, attempt.refusals.len()),
        (AttemptState::Refused, 1)
    );
    let again = lake.repository.finish(&id, Deciding::by, &Refusing).await;
    let again = again.map(|report| report.outcome);
    assert!(matches!(again, Ok(MergeOutcome::Refused { .. })), "{again:?}");
    assert!(matches!(finish(&lake, &id).await, Ok(MergeOutcome::Landed(_))));
}

#[tokio::test]
async fn what_fails_is_told_and_can_be_tried_again() {
    let lake = clean().await;
    lake.refs.fail("move_head", testkit::Fault::Before);
    let (id, outcome) = merge(&lake, &OpenGate).await;
    assert!(matches!(outcome, Err(Error::Storage { .. })), "{outcome:?}");
    let attempt = lake.repository.attempt(&id).await.unwrap();
    assert_eq!(attempt.state, AttemptState::Failed);
    assert!(attempt.failure.is_some());
    assert!(matches!(finish(&lake, &id).await, Ok(MergeOutcome::Landed(_))));
}

/// A clock that can be turned.
#[derive(Debug, Default)]
struct Turned(AtomicU64);

impl Clock for Turned {
    fn now_us(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

#[tokio::test]
async fn what_a_server_left_behind_is_settled_when_its_lease_ran_out() {
    for lands in [false, true] {
        let lake = clean().await;
        let clock = Arc::new(Turned::default());
        let mut parts = lake.parts.clone();
        parts.clock = clock.clone();
        let other = Repositories::open(parts, Default::default()).await.unwrap();
        let other = other.get(&RepositoryName::parse("lake").unwrap()).await.unwrap();
        let gate = Waiting::default();
        let landing = Landing::onto(name("main"), "test");
        let dies = async {
            gate.asked.notified().await;
            if lands {
                // all that it writes down from here on is lost
                lake.refs.fail("kv_swap", testkit::Fault::Stop);
                gate.go_on.notify_one();
                std::future::pending::<()>().await;
            }
        };
        let no_gate: &dyn Gate = &gate;
        let source = name("etl").into();
        let resolver = Deciding::default();
        let merging = other.merge(&source, &landing, &resolver, no_gate);
        tokio::select! {
            outcome = merging => assert!(lands, "{outcome:?}"),
            () = dies => assert!(!lands),
        }
        lake.refs.heal();
        let id = other.attempts().await.unwrap()[0].id.clone();
        assert_eq!(other.attempt(&id).await.unwrap().state, AttemptState::Judging);
        clock.0.store(61_000_000, SeqCst);
        let settled = other.attempt(&id).await.unwrap();
        assert_eq!(settled.state, AttemptState::Failed, "{lands}");
        assert!(settled.failure.unwrap().contains("went away"));
        let finished = other.finish(&id, Deciding::by, &OpenGate).await;
        let finished = finished.map(|report| report.outcome);
        assert!(matches!(finished, Ok(MergeOutcome::Landed(_))), "{finished:?}");
    }
}

#[tokio::test]
async fn a_restart_settles_all_that_was_left() {
    let lake = clean().await;
    let gate = Waiting::default();
    tokio::select! {
        (_, outcome) = merge(&lake, &gate) => panic!("{outcome:?}"),
        () = gate.asked.notified() => {}
    }
    let again = Repositories::open(lake.parts.clone(), Default::default())
        .await
        .unwrap();
    again.resume().await.unwrap();
    let again = again.get(&RepositoryName::parse("lake").unwrap()).await.unwrap();
    assert_eq!(again.attempts().await.unwrap()[0].state, AttemptState::Failed);
    assert_eq!(lake.get("main", "b").await, None);
    assert_eq!(
        lake.repository
            .view(&name("main").into())
            .await
            .unwrap()
            .get(Space::Meta, b"b")
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn what_had_nothing_to_do_or_was_only_tried_has_no_record() {
    let lake = contested().await;
    for (dry_run, source) in [(true, "etl"), (false, "main")] {
        let landing = Landing {
            dry_run,
            ..Landing::onto(name("main"), "test")
        };
        let (source, resolver) = (name(source).into(), Deciding::default());
        let report = lake.repository.merge(&source, &landing, &resolver, &OpenGate);
        assert_eq!(report.await.unwrap().attempt, None);
    }
    assert_eq!(lake.repository.attempts().await.unwrap(), []);
}

#[tokio::test]
async fn an_attempt_is_not_finished_on_another_branch_of_the_name() {
    let lake = Lake::new(CommitMode::Staged).await;
    for branch in ["etl", "dest"] {
        lake.branch(branch, CommitMode::Staged).await;
        lake.write(branch, "a", branch).await.unwrap();
        lake.commit(branch).await.unwrap();
    }
    let (source, landing) = (name("etl").into(), Landing::onto(name("dest"), "test"));
    let resolver = Deciding::default();
    let merged = lake.repository.merge(&source, &landing, &resolver, &OpenGate);
    let id = merged.await.unwrap().attempt.unwrap();
    decide(&lake, &id, "a", Some("theirs")).await.unwrap();
    lake.repository.delete_branch(&name("dest")).await.unwrap();
    let gone = finish(&lake, &id).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    lake.branch("dest", CommitMode::Staged).await;
    let head = lake.head("dest").await;
    let another = finish(&lake, &id).await;
    assert!(
        matches!(&another, Err(Error::BranchDeleted { branch }) if *branch == name("dest")),
        "{another:?}"
    );
    assert_eq!(lake.head("dest").await, head);
    assert_eq!(
        lake.repository.attempt(&id).await.unwrap().state,
        AttemptState::Conflicts
    );
}
