//! Cherry-picks of what a branch had already.

use bytes::Bytes;
use versioning::commit::CommitKind;
use versioning::merge::{Landing, MergeOutcome, OpenGate};
use versioning::refs::CommitMode;
use versioning::{Batch, CommitId, Error, Result, Space};

use super::lake::{Lake, name};
use super::model::KeyByKey;

async fn pick(
    lake: &Lake,
    commit: CommitId,
    (again, dry_run): (bool, bool),
) -> Result<MergeOutcome<(Space, Bytes)>> {
    let landing = Landing {
        again,
        dry_run,
        ..Landing::onto(name("main"), "test")
    };
    let report = lake
        .repository
        .cherry_pick(commit, None, &landing, &KeyByKey, &OpenGate)
        .await?;
    Ok(report.outcome)
}

async fn remove(lake: &Lake, key: &'static str) {
    let planned = move |_| async move {
        let mut batch = Batch::default();
        batch.delete(Space::Meta, key);
        Ok::<_, Error>((batch, ()))
    };
    lake.repository.write(&name("main"), planned).await.unwrap();
}

/// A lake of which `main` has a commit that wrote `a` and `b`.
async fn picked() -> (Lake, CommitId) {
    let lake = Lake::new(CommitMode::Staged).await;
    lake.write("main", "first", "1").await.unwrap();
    lake.commit("main").await.unwrap();
    for key in ["a", "b"] {
        lake.write("main", key, "1").await.unwrap();
    }
    let commit = lake.commit("main").await.unwrap();
    (lake, commit)
}

#[tokio::test]
async fn what_is_there_still_is_up_to_date() {
    let (lake, commit) = picked().await;
    lake.write("main", "c", "1").await.unwrap();
    let head = lake.commit("main").await.unwrap();
    for dry_run in [true, false] {
        let outcome = pick(&lake, commit, (false, dry_run)).await.unwrap();
        assert_eq!(outcome, MergeOutcome::UpToDate(head));
    }
}

#[tokio::test]
async fn what_was_overwritten_since_comes_back_only_when_that_is_said() {
    let (lake, commit) = picked().await;
    remove(&lake, "b").await;
    let head = lake.commit("main").await.unwrap();
    for dry_run in [true, false] {
        let refused = pick(&lake, commit, (false, dry_run)).await;
        assert!(
            matches!(&refused, Err(Error::NothingToPick { commit: told, .. }) if *told == commit),
            "{refused:?}"
        );
    }
    assert_eq!(lake.head("main").await, head);
    assert!(lake.repository.attempts().await.unwrap().is_empty());
    let would = pick(&lake, commit, (true, true)).await.unwrap();
    assert_eq!(would, MergeOutcome::Clean);
    let landed = pick(&lake, commit, (true, false)).await.unwrap();
    assert!(matches!(landed, MergeOutcome::Landed(_)), "{landed:?}");
    assert_eq!(lake.get("main", "b").await.unwrap(), "1");
}

#[tokio::test]
async fn what_was_changed_since_is_no_conflict_unless_that_is_said() {
    let (lake, commit) = picked().await;
    lake.write("main", "a", "2").await.unwrap();
    lake.commit("main").await.unwrap();
    for dry_run in [true, false] {
        let refused = pick(&lake, commit, (false, dry_run)).await;
        assert!(matches!(refused, Err(Error::NothingToPick { .. })), "{refused:?}");
        let contested = pick(&lake, commit, (true, dry_run)).await;
        assert!(
            matches!(contested, Ok(MergeOutcome::Conflicts(_))),
            "{contested:?}"
        );
    }
}

/// What was picked with conflicts came to the branch by a merge meanwhile, and some of it was removed again.
#[tokio::test]
async fn what_came_by_a_merge_meanwhile_does_not_come_back_when_a_pick_is_finished() {
    let lake = Lake::new(CommitMode::Staged).await;
    lake.write("main", "a", "1").await.unwrap();
    lake.commit("main").await.unwrap();
    lake.branch("etl", CommitMode::Staged).await;
    lake.write("etl", "a", "2").await.unwrap();
    lake.write("etl", "b", "1").await.unwrap();
    let commit = lake.commit("etl").await.unwrap();
    lake.write("main", "a", "3").await.unwrap();
    lake.commit("main").await.unwrap();
    let contested = pick(&lake, commit, (false, false)).await;
    assert!(
        matches!(contested, Ok(MergeOutcome::Conflicts(_))),
        "{contested:?}"
    );

    lake.write("main", "a", "2").await.unwrap();
    lake.commit("main").await.unwrap();
    let merged = lake.merge("etl", "main", false).await;
    assert!(matches!(merged, Ok(MergeOutcome::Landed(_))), "{merged:?}");
    remove(&lake, "b").await;
    lake.commit("main").await.unwrap();

    let kept = lake.repository.attempts().await.unwrap();
    let pick = kept
        .iter()
        .find(|kept| kept.kind == CommitKind::CherryPick)
        .unwrap();
    for _ in 0..2 {
        let finished = lake
            .repository
            .finish(&pick.id, |_| Ok(KeyByKey), &OpenGate)
            .await;
        assert!(
            matches!(finished, Err(Error::NothingToPick { .. })),
            "{finished:?}"
        );
    }
    assert_eq!(lake.get("main", "b").await, None);
}
