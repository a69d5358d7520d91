//! How many operations a reset drops, and which ones a commit says it sealed.

use versioning::merge::MergeOutcome;
use versioning::refs::CommitMode;

use super::lake::{Lake, name};

#[tokio::test]
async fn a_reset_counts_what_came_since_the_last_one() {
    let lake = Lake::new(CommitMode::Staged).await;
    for _ in 0..3 {
        lake.write("main", "a", "1").await.unwrap();
    }
    assert_eq!(lake.repository.reset(&name("main")).await.unwrap(), 3);
    lake.write("main", "a", "2").await.unwrap();
    assert_eq!(lake.repository.reset(&name("main")).await.unwrap(), 1);
    assert_eq!(lake.repository.reset(&name("main")).await.unwrap(), 0);
}

#[tokio::test]
async fn a_commit_seals_what_came_since_the_head_moved() {
    let lake = Lake::new(CommitMode::Staged).await;
    let sealed = async || {
        let commit = lake.commit("main").await.unwrap();
        let sealed = lake.repository.commit_object(commit).await.unwrap().sealed;
        (sealed.from_seq, sealed.to_seq)
    };
    for _ in 0..2 {
        lake.write("main", "a", "1").await.unwrap();
    }
    assert_eq!(sealed().await, (1, 2));
    lake.write("main", "a", "dropped").await.unwrap();
    lake.repository.reset(&name("main")).await.unwrap();
    lake.write("main", "a", "2").await.unwrap();
    assert_eq!(sealed().await, (4, 4), "what a reset dropped is in no commit");

    lake.branch("etl", CommitMode::Staged).await;
    lake.write("etl", "b", "1").await.unwrap();
    lake.commit("etl").await.unwrap();
    let merged = lake.merge("etl", "main", false).await.unwrap();
    assert!(matches!(merged, MergeOutcome::Landed(_)), "{merged:?}");
    lake.write("main", "a", "3").await.unwrap();
    assert_eq!(
        sealed().await,
        (5, 5),
        "a merge brings no operations of this branch"
    );
    lake.write("main", "a", "4").await.unwrap();
    assert_eq!(lake.repository.reset(&name("main")).await.unwrap(), 1);
}
