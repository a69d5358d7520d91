//! How often the ref store is asked: exact figures.

use versioning::id::Domain;
use versioning::refs::{CommitEntry, CommitMode};
use versioning::repository::{CommitMessage, Limits, RefKind};
use versioning::{CommitId, Error, Hash, RefExpr, RefName, Repositories, Repository};

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
    // a branch whose name had been taken for a commit's digits
    lake.branch(&short, CommitMode::Staged).await;
    assert_eq!(find(&lake, &short).await.1, RefKind::Branch);
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

/// Opens the same store with nothing in memory.
async fn cold(lake: &Lake) -> Repository {
    let repositories = Repositories::open(lake.parts.clone(), Limits::default())
        .await
        .unwrap();
    repositories.get(&lake.repository.record().name).await.unwrap()
}

#[tokio::test]
async fn a_history_is_read_in_a_few_queries() {
    let lake = Lake::new(CommitMode::Staged).await;
    let first = lake.head("main").await;
    let words = CommitMessage {
        allow_empty: true,
        ..CommitMessage::default()
    };
    for _ in 0..1_000 {
        lake.repository
            .commit(&name("main"), words.clone())
            .await
            .unwrap();
    }
    let head = lake.head("main").await;
    let repository = cold(&lake).await;
    let before = lake.refs.calls();
    assert_eq!(repository.merge_base(head, first).await.unwrap(), Some(first));
    // the two ends, then 16, 32, … 512 generations
    assert_eq!(lake.refs.calls() - before, 2 + 6);
}

/// A history that is longer than what is kept of entries in memory is read once.
#[tokio::test]
async fn a_history_longer_than_memory_is_read_once() {
    const LENGTH: u64 = 300_000;
    let lake = Lake::new(CommitMode::Staged).await;
    let first = lake.head("main").await;
    let id_of = |generation: u64| CommitId(Hash::of(Domain::Commit, &generation.to_be_bytes()));
    let entry = |generation: u64| CommitEntry {
        id: id_of(generation),
        epoch: 1,
        generation,
        parents: vec![if generation == 1 {
            first
        } else {
            id_of(generation - 1)
        }],
    };
    let history: Vec<CommitEntry> = (1..=LENGTH).map(entry).collect();
    let id = lake.repository.record().id;
    lake.parts.refs.index_commits(id, &history).await.unwrap();
    let repository = cold(&lake).await;
    let before = lake.refs.calls();
    let base = repository.merge_base(id_of(LENGTH), first).await.unwrap();
    assert_eq!(base, Some(first));
    // the two ends, then 16, 32, … 8,192 generations, and all others 16,384 at once
    assert_eq!(lake.refs.calls() - before, 2 + 10 + 18);
}
