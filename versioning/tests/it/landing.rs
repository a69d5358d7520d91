//! What happens to a branch while a merge into it is judged: it never waits, and nothing that came is lost.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use versioning::merge::{Extent, Gate, Landing, MergeOutcome, OpenGate, Policy, Proposal, Verdict};
use versioning::object::Object;
use versioning::refs::{CommitMode, Protection};
use versioning::repository::Reset;
use versioning::{Error, Kind, RefExpr, Result, Space};

use super::lake::{Lake, name};
use super::model::KeyByKey;

/// Does something each time it judges, which is told how often it has judged before, and lets everything pass.
struct Busy<'a, F> {
    lake: &'a Lake,
    judged: AtomicU32,
    checks: Vec<String>,
    reads: Extent,
    meanwhile: F,
}

impl<F> fmt::Debug for Busy<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Busy({:?})", self.judged)
    }
}

#[async_trait]
impl<F> Gate for Busy<'_, F>
where
    F: for<'l> Fn(&'l Lake, u32) -> BoxFuture<'l, ()> + Send + Sync,
{
    async fn judge(&self, _: &Proposal) -> Result<Verdict> {
        let before = self.judged.fetch_add(1, Relaxed);
        (self.meanwhile)(self.lake, before).await;
        Ok(Verdict::Pass {
            checks: self.checks.clone(),
            reads: self.reads.clone(),
        })
    }
}

/// Merges `etl`, which has written `b`, into `main`; returns the outcome and how often it was judged. The checks
/// do not say what they read.
async fn merge_while<F>(
    lake: &Lake,
    checks: &[&str],
    meanwhile: F,
) -> (Result<MergeOutcome<(Space, bytes::Bytes)>>, u32)
where
    F: for<'l> Fn(&'l Lake, u32) -> BoxFuture<'l, ()> + Send + Sync,
{
    merge_under(lake, Policy::Disjoint, checks, Extent::All, meanwhile).await
}

async fn merge_under<F>(
    lake: &Lake,
    policy: Policy,
    checks: &[&str],
    reads: Extent,
    meanwhile: F,
) -> (Result<MergeOutcome<(Space, bytes::Bytes)>>, u32)
where
    F: for<'l> Fn(&'l Lake, u32) -> BoxFuture<'l, ()> + Send + Sync,
{
    let gate = Busy {
        lake,
        judged: AtomicU32::new(0),
        checks: checks.iter().map(|&check| check.to_owned()).collect(),
        reads,
        meanwhile,
    };
    let landing = Landing {
        policy: Some(policy),
        ..Landing::onto(name("main"), "test")
    };
    let outcome = lake
        .repository
        .merge(&name("etl").into(), &landing, &KeyByKey, &gate)
        .await
        .map(|report| report.outcome);
    (outcome, gate.judged.load(Relaxed))
}

async fn two_branches(mode: CommitMode) -> Lake {
    let lake = Lake::new(mode).await;
    lake.branch("etl", CommitMode::Staged).await;
    lake.write("etl", "b", "theirs").await.unwrap();
    lake.commit("etl").await.unwrap();
    lake
}

fn landed<C: fmt::Debug>(outcome: &Result<MergeOutcome<C>>) -> bool {
    matches!(outcome, Ok(MergeOutcome::Landed(_)))
}

/// Returns the value of a key that is committed on `main`.
async fn committed(lake: &Lake, key: &str) -> Option<bytes::Bytes> {
    let at = RefExpr {
        committed: true,
        ..name("main").into()
    };
    let view = lake.repository.view(&at).await.unwrap();
    let value = view.get(Space::Meta, key.as_bytes()).await.unwrap();
    value.map(|value| value.payload)
}

#[tokio::test]
async fn what_is_staged_is_carried_over() {
    for mode in [CommitMode::Staged, CommitMode::Coalesce] {
        let lake = two_branches(mode).await;
        let (outcome, judged) = merge_while(&lake, &["rows"], |lake, _| {
            Box::pin(async move {
                lake.write("main", "a", "ours").await.unwrap();
                let working = Object::default().encode();
                lake.put("main", Space::Objects, "t/_temporary/0", working)
                    .await
                    .unwrap();
            })
        })
        .await;
        assert!(landed(&outcome), "{mode:?} {outcome:?}");
        assert_eq!(judged, 1, "{mode:?}");
        assert_eq!(committed(&lake, "b").await.unwrap(), "theirs");
        assert_eq!(committed(&lake, "a").await, None, "it stays staged");
        assert_eq!(lake.get("main", "a").await.unwrap(), "ours");
        let view = lake.repository.view(&name("main").into()).await.unwrap();
        assert!(view.object("t/_temporary/0").await.unwrap().is_some());
        lake.commit("main").await.unwrap();
        assert_eq!(committed(&lake, "a").await.unwrap(), "ours");
        assert_eq!(committed(&lake, "b").await.unwrap(), "theirs");
    }
}

#[tokio::test]
async fn what_is_staged_in_the_way_is_told_before_any_check() {
    let lake = two_branches(CommitMode::Staged).await;
    lake.write("main", "b", "ours").await.unwrap();
    for dry_run in [true, false] {
        let outcome = lake.merge("etl", "main", dry_run).await;
        assert!(matches!(outcome, Err(Error::Dirty { .. })), "{outcome:?}");
    }
    let (outcome, judged) = merge_while(&lake, &["rows"], |_, _| Box::pin(async {})).await;
    assert!(matches!(outcome, Err(Error::Dirty { .. })), "{outcome:?}");
    assert_eq!(judged, 0);
    assert_eq!(lake.get("main", "b").await.unwrap(), "ours");
}

#[tokio::test]
async fn what_comes_in_the_way_of_a_merge_is_a_conflict_where_the_server_commits() {
    let lake = two_branches(CommitMode::Coalesce).await;
    let (outcome, judged) = merge_while(&lake, &["rows"], |lake, _| {
        Box::pin(async move { lake.write("main", "b", "ours").await.unwrap() })
    })
    .await;
    assert!(matches!(outcome, Ok(MergeOutcome::Conflicts(_))), "{outcome:?}");
    assert_eq!(judged, 1);
    assert_eq!(lake.get("main", "b").await.unwrap(), "ours");
}

#[tokio::test]
async fn rules_that_come_while_a_merge_is_judged_are_looked_at() {
    let lake = two_branches(CommitMode::Staged).await;
    let (outcome, judged) = merge_while(&lake, &[], |lake, before| {
        Box::pin(async move {
            if before == 0 {
                let protection = Protection {
                    required_checks: vec!["rows".into()],
                    ..Protection::default()
                };
                lake.repository
                    .set_branch_rules(&name("main"), CommitMode::Staged, Some(protection))
                    .await
                    .unwrap();
            }
        })
    })
    .await;
    assert!(landed(&outcome), "{outcome:?}");
    assert_eq!(judged, 2);
}

#[tokio::test]
async fn a_gate_that_is_asked_again_holds_up_nobody() {
    let lake = two_branches(CommitMode::Staged).await;
    let (outcome, judged) = merge_while(&lake, &[], |lake, before| {
        Box::pin(async move {
            lake.write("main", "a", if before == 0 { "0" } else { "1" })
                .await
                .unwrap();
            if before == 0 {
                lake.commit("main").await.unwrap();
            }
        })
    })
    .await;
    assert!(landed(&outcome), "{outcome:?}");
    assert_eq!(judged, 2);
    assert_eq!(lake.get("main", "a").await.unwrap(), "1");
}

#[tokio::test]
async fn a_branch_that_is_written_to_all_the_time_takes_a_judged_merge() {
    let lake = two_branches(CommitMode::Sync).await;
    let (outcome, judged) = merge_while(&lake, &["rows"], |lake, before| {
        Box::pin(async move {
            let value = ["0", "1", "2", "3"][before.min(3) as usize];
            lake.write("main", "a", value).await.unwrap();
        })
    })
    .await;
    assert!(landed(&outcome), "{outcome:?}");
    assert_eq!(judged, 3, "two candidates are lost, then the merge has its turn");
    assert_eq!(committed(&lake, "b").await.unwrap(), "theirs");
    assert_eq!(lake.get("main", "a").await.unwrap(), "2");
}

#[tokio::test]
async fn a_store_closes_while_a_merge_is_judged() {
    let lake = two_branches(CommitMode::Staged).await;
    let (outcome, judged) = merge_while(&lake, &[], |lake, _| Box::pin(lake.repositories.close())).await;
    assert_eq!(outcome.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(judged, 1);
}

/// Merges while somebody commits `a` on `main` during the first judgement; the checks read `reads`.
async fn merge_beside_a_commit(
    policy: Policy,
    reads: &[&'static str],
) -> (Lake, Result<MergeOutcome<(Space, bytes::Bytes)>>, u32) {
    let lake = two_branches(CommitMode::Staged).await;
    let reads = reads
        .iter()
        .map(|key| bytes::Bytes::from_static(key.as_bytes()))
        .collect();
    let (outcome, judged) = merge_under(&lake, policy, &["rows"], Extent::Units(reads), |lake, before| {
        Box::pin(async move {
            if before == 0 {
                lake.write("main", "a", "ours").await.unwrap();
                lake.commit("main").await.unwrap();
            }
        })
    })
    .await;
    (lake, outcome, judged)
}

#[tokio::test]
async fn what_was_judged_lands_beside_what_it_did_not_look_at() {
    for (policy, reads, expected) in [
        (Policy::Disjoint, &["b"][..], 1),
        (Policy::Disjoint, &["a", "b"], 2),
        (Policy::Rerun, &["b"], 2),
    ] {
        let (lake, outcome, judged) = merge_beside_a_commit(policy, reads).await;
        let Ok(MergeOutcome::Landed(head)) = outcome else {
            panic!("{policy} {reads:?} {outcome:?}")
        };
        assert_eq!(judged, expected, "{policy} {reads:?}");
        assert_eq!(committed(&lake, "a").await.unwrap(), "ours");
        assert_eq!(committed(&lake, "b").await.unwrap(), "theirs");
        let commit = lake.repository.commit_object(head).await.unwrap();
        let (check, validated_on) = &commit.attested[0];
        assert_eq!(check, "rows");
        let read = lake.repository.commit_object(*validated_on).await.unwrap();
        let on_present_head = read.parents[0] == commit.parents[0];
        assert_eq!(on_present_head, expected == 2, "{policy} {reads:?}");
    }
}

#[tokio::test]
async fn what_changed_on_both_sides_of_a_check_is_judged_again() {
    let lake = two_branches(CommitMode::Staged).await;
    // the very same change on both sides merges, but what it did to the branch is something else now
    let (outcome, judged) = merge_under(
        &lake,
        Policy::Disjoint,
        &["rows"],
        Extent::none(),
        |lake, before| {
            Box::pin(async move {
                if before == 0 {
                    lake.write("main", "b", "theirs").await.unwrap();
                    lake.commit("main").await.unwrap();
                }
            })
        },
    )
    .await;
    assert!(landed(&outcome), "{outcome:?}");
    assert_eq!(judged, 2);
}

#[tokio::test]
async fn a_merge_that_would_rather_fail_names_both_heads() {
    let (lake, outcome, judged) = merge_beside_a_commit(Policy::Fail, &["b"]).await;
    let Err(Error::HeadMoved { expected, found, .. }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(judged, 1);
    assert_eq!(found, lake.head("main").await);
    assert_ne!(expected, found);
    assert_eq!(committed(&lake, "b").await, None);
}

#[tokio::test]
async fn a_request_is_at_least_as_strict_as_the_rules_of_the_branch() {
    let lake = two_branches(CommitMode::Staged).await;
    let protection = Protection {
        policy: Policy::Rerun,
        ..Protection::default()
    };
    lake.repository
        .set_branch_rules(&name("main"), CommitMode::Staged, Some(protection))
        .await
        .unwrap();
    let (outcome, judged) = merge_under(&lake, Policy::Disjoint, &[], Extent::none(), |_, _| {
        Box::pin(async {})
    })
    .await;
    assert!(matches!(outcome, Err(Error::Refused { .. })), "{outcome:?}");
    assert_eq!(judged, 0);
    let (outcome, _) = merge_under(
        &lake,
        Policy::Fail,
        &[],
        Extent::none(),
        |_, _| Box::pin(async {}),
    )
    .await;
    assert!(landed(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn a_squash_remembers_no_source() {
    let lake = two_branches(CommitMode::Staged).await;
    let landing = Landing {
        squash: true,
        ..Landing::onto(name("main"), "test")
    };
    let merge = async || {
        lake.repository
            .merge(&name("etl").into(), &landing, &KeyByKey, &OpenGate)
            .await
            .unwrap()
            .outcome
    };
    let before = lake.head("main").await;
    let MergeOutcome::Landed(head) = merge().await else {
        panic!("not landed")
    };
    let commit = lake.repository.commit_object(head).await.unwrap();
    assert_eq!(commit.parents, [before]);
    assert_eq!(committed(&lake, "b").await.unwrap(), "theirs");
    assert_eq!(merge().await, MergeOutcome::UpToDate(head));
}

/// Refuses everything.
#[derive(Debug)]
struct Closed;

#[async_trait]
impl Gate for Closed {
    async fn judge(&self, _: &Proposal) -> Result<Verdict> {
        Ok(Verdict::Refuse(Vec::new()))
    }
}

#[tokio::test]
async fn a_head_is_put_back_and_a_protected_one_through_the_gate() {
    let lake = two_branches(CommitMode::Staged).await;
    let main = name("main");
    let first = lake.head("main").await;
    let etl = lake.head("etl").await;
    let reset = async |to, force, gate: &dyn Gate| {
        let reset = Reset {
            force,
            ..Reset::default()
        };
        lake.repository.reset_to::<()>(&main, to, &reset, gate).await
    };
    assert_eq!(
        reset(first, false, &Closed).await.unwrap(),
        MergeOutcome::UpToDate(first)
    );
    assert_eq!(
        reset(etl, false, &Closed).await.unwrap(),
        MergeOutcome::Landed(etl)
    );
    assert_eq!(lake.get("main", "b").await.unwrap(), "theirs");
    lake.write("main", "a", "staged").await.unwrap();
    let dirty = reset(first, false, &OpenGate).await;
    assert!(matches!(dirty, Err(Error::Dirty { .. })), "{dirty:?}");
    assert_eq!(
        reset(first, true, &OpenGate).await.unwrap(),
        MergeOutcome::Landed(first)
    );
    assert_eq!(lake.get("main", "a").await, None);
    assert_eq!(lake.get("main", "b").await, None);

    let rules = Some(Protection::default());
    lake.repository
        .set_branch_rules(&main, CommitMode::Staged, rules)
        .await
        .unwrap();
    let refused = reset(etl, true, &Closed).await.unwrap();
    assert!(matches!(refused, MergeOutcome::Refused { .. }), "{refused:?}");
    assert_eq!(lake.head("main").await, first);
    reset(etl, true, &OpenGate).await.unwrap();
    assert_eq!(lake.head("main").await, etl);
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_does_not_stop_the_merge_that_gives_it() {
    let lake = two_branches(CommitMode::Staged).await;
    let merging = merge_while(&lake, &["rows"], |lake, _| {
        Box::pin(async move {
            // a sign is due every 20 s, and this time it comes while the merge writes down that it lands
            tokio::time::sleep(Duration::from_millis(19_500)).await;
            lake.refs.delay("kv_version", Duration::from_secs(1));
        })
    });
    let hour = Duration::from_secs(3_600);
    let (outcome, _) = tokio::time::timeout(hour, merging).await.unwrap();
    assert!(landed(&outcome), "{outcome:?}");
}
