//! How often the ref store is asked: exact figures.

use versioning::refs::CommitMode;
use versioning::repository::{Limits, RefKind};
use versioning::{Error, RefExpr, RefName};

use super::lake::{Lake, name};

/// Resolves a name as a client gives it; returns what it found and how many queries that took.
async fn find(lake: &Lake, text: &str) -> (RefName, RefKind, usize) {
    let before = lake.refs.calls();
    let (at, resolved) = lake.repository.find(&name(text).into()).await.unwrap();
    lake.repository.view(&at).await.unwrap();
    (at.name, resolved.kind, lake.refs.calls() - before)
}

#[tokio::test]
async fn what_a_ref_stands_for_is_asked_once() {
    let lake = Lake::new(CommitMode::Staged).await;
    lake.write("main", "a", "1").await.unwrap();
    let head = lake.commit("main").await.unwrap();
    let main: RefExpr = name("main").into();
    lake.branch("ETL", CommitMode::Staged).await;
    lake.repository.create_tag(&name("V1"), &main).await.unwrap();
    let short = head.short().to_string();
    let asked = [
        ("main", "main", RefKind::Branch),
        ("etl", "ETL", RefKind::Branch),
        ("V1", "V1", RefKind::Tag),
        ("v1", "V1", RefKind::Tag),
        (&short, &short, RefKind::Commit),
    ];
    for (text, true_name, kind) in asked {
        find(&lake, text).await;
        assert_eq!(find(&lake, text).await, (name(true_name), kind, 0), "{text}");
    }

    lake.repository.delete_tag(&name("V1")).await.unwrap();
    for text in ["v1", "V1"] {
        let gone = lake.repository.find(&name(text).into()).await;
        assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    }
    lake.branch("v1", CommitMode::Staged).await;
    assert_eq!(find(&lake, "V1").await.0, name("v1"));
}

#[tokio::test]
async fn branches_that_nobody_uses_are_closed() {
    let limits = Limits {
        branches_kept: 2,
        ..Limits::default()
    };
    let lake = Lake::with(CommitMode::Staged, limits).await;
    lake.write("main", "a", "1").await.unwrap();
    for text in ["b", "c", "d", "e", "f"] {
        lake.branch(text, CommitMode::Staged).await;
        find(&lake, text).await;
    }
    assert_eq!(find(&lake, "f").await.2, 0, "it is open still");
    assert_ne!(find(&lake, "b").await.2, 0, "it is opened anew");
    assert_eq!(find(&lake, "main").await.2, 0, "it has staged writes");
}

/// Who means the commit would get the branch.
#[tokio::test]
async fn a_ref_cannot_be_called_as_a_commit_is() {
    let lake = Lake::new(CommitMode::Staged).await;
    let head = lake.head("main").await.to_string();
    let main: RefExpr = name("main").into();
    let branch = async |text: &str| {
        lake.repository
            .create_branch(&name(text), &main, CommitMode::Staged)
            .await
    };
    for taken in [&head[..8], &head[..20]] {
        let refused = branch(taken).await;
        assert!(
            matches!(&refused, Err(Error::AlreadyExists { what: "commit", .. })),
            "{refused:?}"
        );
        let refused = lake.repository.create_tag(&name(taken), &main).await;
        assert!(refused.is_err(), "{taken}");
    }
    branch(&head[..7]).await.unwrap();
    branch("20261126").await.unwrap();
}
