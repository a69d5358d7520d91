//! A dry run says what a merge would do, and changes nothing.

use versioning::merge::MergeOutcome;
use versioning::refs::{BranchRecord, CommitMode, LogRecord, RefLogEntry};

use super::lake::Lake;

type Stored = (
    Vec<BranchRecord>,
    Vec<RefLogEntry>,
    Vec<LogRecord>,
    Vec<LogRecord>,
);

/// Returns all that a merge could change.
async fn stored(lake: &Lake) -> Stored {
    let repository = &lake.repository;
    (
        repository.branches().await.unwrap(),
        repository.ref_log(99).await.unwrap(),
        lake.log("main").await,
        lake.log("etl").await,
    )
}

/// Returns a lake where both `main` and `etl` have writes that the server is yet to commit.
async fn both_staged(ours: &'static str, theirs: &'static str) -> Lake {
    let lake = Lake::new(CommitMode::Coalesce).await;
    lake.write("main", "base", "0").await.unwrap();
    lake.branch("etl", CommitMode::Coalesce).await;
    lake.write("main", ours, "ours").await.unwrap();
    lake.write("etl", theirs, "theirs").await.unwrap();
    lake
}

#[tokio::test]
async fn what_the_server_is_yet_to_commit_is_looked_at_and_left_alone() {
    let lake = both_staged("a", "b").await;
    let before = stored(&lake).await;
    let outcome = lake.merge("etl", "main", true).await.unwrap();
    assert_eq!(outcome, MergeOutcome::Clean);
    assert_eq!(stored(&lake).await, before);
    assert_eq!(lake.get("main", "b").await, None);

    let landed = lake.merge("etl", "main", false).await.unwrap();
    assert!(matches!(landed, MergeOutcome::Landed(_)), "{landed:?}");
    assert_eq!(lake.get("main", "b").await.unwrap(), "theirs");
    let head = lake.head("main").await;
    let again = lake.merge("etl", "main", true).await.unwrap();
    assert_eq!(again, MergeOutcome::UpToDate(head));
}

#[tokio::test]
async fn conflicts_of_what_is_not_committed_are_found() {
    let lake = both_staged("a", "a").await;
    let before = stored(&lake).await;
    let outcome = lake.merge("etl", "main", true).await.unwrap();
    assert!(matches!(outcome, MergeOutcome::Conflicts(_)), "{outcome:?}");
    assert_eq!(stored(&lake).await, before);
}
