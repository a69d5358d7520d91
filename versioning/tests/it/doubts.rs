//! Answers of the ref store that are lost: what happened is found out, and nothing happens twice.

use testkit::Fault;
use versioning::merge::MergeOutcome;
use versioning::object::Object;
use versioning::refs::CommitMode;
use versioning::{Error, Space};

use super::lake::{Lake, name};

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_made() {
    let lake = Lake::new(CommitMode::Staged).await;
    lake.write("main", "a", "1").await.unwrap();
    lake.refs.fail("move_head", Fault::After);
    let made = lake.commit("main").await.unwrap();
    assert_eq!(lake.refs.heal(), 0);
    assert_eq!(lake.head("main").await, made);
    assert_eq!(lake.get("main", "a").await.unwrap(), "1");
    let again = lake.commit("main").await;
    assert!(matches!(again, Err(Error::NothingToCommit { .. })), "{again:?}");
}

#[tokio::test]
async fn a_commit_that_did_not_happen_is_an_error() {
    let lake = Lake::new(CommitMode::Staged).await;
    lake.write("main", "a", "1").await.unwrap();
    let before = lake.head("main").await;
    lake.refs.fail("move_head", Fault::Before);
    assert!(matches!(lake.commit("main").await, Err(Error::Storage { .. })));
    assert_eq!(lake.head("main").await, before);
    lake.commit("main").await.unwrap();
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_made_once() {
    let lake = Lake::new(CommitMode::Staged).await;
    lake.refs.fail("append", Fault::After);
    lake.write("main", "a", "1").await.unwrap();
    assert_eq!(lake.log("main").await.len(), 1);
    lake.refs.fail("append", Fault::Before);
    assert!(lake.write("main", "a", "2").await.is_err());
    assert_eq!(lake.get("main", "a").await.unwrap(), "1");
    assert_eq!(lake.log("main").await.len(), 1);
}

#[tokio::test]
async fn a_fold_whose_answer_is_lost_is_made() {
    let lake = Lake::new(CommitMode::Staged).await;
    let working = Object::default().encode();
    lake.put("main", Space::Objects, "t/_temporary/0", working)
        .await
        .unwrap();
    // a commit of working files alone folds them and commits nothing
    lake.refs.fail("fold", Fault::After);
    let nothing = lake.commit("main").await;
    assert!(
        matches!(nothing, Err(Error::NothingToCommit { .. })),
        "{nothing:?}"
    );
    assert_eq!(lake.refs.heal(), 0);
    assert_eq!(lake.log("main").await, []);
    let known = lake.repository.branch(&name("main")).await.unwrap();
    assert_eq!((known.folded_seq, known.seq), (1, 1));
}

#[tokio::test]
async fn a_merge_whose_answer_is_lost_has_landed() {
    let lake = Lake::new(CommitMode::Staged).await;
    lake.branch("etl", CommitMode::Staged).await;
    lake.write("etl", "a", "1").await.unwrap();
    lake.commit("etl").await.unwrap();
    lake.refs.fail("move_head", Fault::After);
    let outcome = lake.merge("etl", "main", false).await.unwrap();
    let MergeOutcome::Landed(head) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(lake.head("main").await, head);
    assert_eq!(lake.get("main", "a").await.unwrap(), "1");
}

/// Neither the answer nor the branch can be read: the next write reads it first.
#[tokio::test]
async fn what_could_not_be_found_out_is_found_out_later() {
    let lake = Lake::new(CommitMode::Staged).await;
    lake.write("main", "a", "1").await.unwrap();
    let before = lake.head("main").await;
    lake.refs.fail("move_head", Fault::After);
    lake.refs.fail("branch", Fault::Stop);
    assert!(matches!(lake.commit("main").await, Err(Error::Storage { .. })));
    assert!(matches!(
        lake.write("main", "b", "2").await,
        Err(Error::Storage { .. })
    ));
    lake.refs.heal();
    lake.write("main", "b", "2").await.unwrap();
    let head = lake.head("main").await;
    assert_ne!(head, before, "the commit happened");
    assert_eq!(lake.get("main", "a").await.unwrap(), "1");
    assert_eq!(lake.repository.reset(&name("main")).await.unwrap(), 1);
    assert_eq!(lake.get("main", "a").await.unwrap(), "1");
    assert_eq!(lake.get("main", "b").await, None);
}
