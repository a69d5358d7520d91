//! Verification looks at what is stored, and at everything that is needed.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use sqlx::Connection;
use tempfile::TempDir;
use versioning::fsck::fsck;
use versioning::object::Object;
use versioning::refs::{CommitMode, SqliteRefs};
use versioning::repository::Limits;
use versioning::{Batch, BlobRef, Error, Space, Value};

use super::lake::{Lake, name};

/// Returns the paths of the stored files of a kind: `n` for nodes, `b` for blobs, `d` for data.
async fn stored(lake: &Lake, kind: &str) -> Vec<String> {
    let all: Vec<(String, u64)> = lake.parts.files.list("").try_collect().await.unwrap();
    let of_kind = format!("/{kind}/");
    let paths = all.into_iter().map(|(path, _)| path);
    paths.filter(|path| path.contains(&of_kind)).collect()
}

async fn problems(lake: &Lake) -> Vec<String> {
    fsck(&lake.repository).await.unwrap().problems
}

/// Replaces what is stored at a path.
async fn damage(lake: &Lake, path: &str) {
    lake.parts.files.delete(path).await.unwrap();
    let garbage = Bytes::from_static(b"garbage");
    lake.parts.files.put(path, garbage).await.unwrap();
}

/// Writes an object with data of its own, and one blob that comes along in the same write.
async fn put_object(lake: &Lake) {
    let mut upload = lake.repository.upload().await.unwrap();
    upload.write(Bytes::from_static(b"data")).await.unwrap();
    let object = Object {
        segments: vec![upload.finish().await.unwrap().segment],
        ..Object::default()
    };
    let planned = move |view: versioning::View| {
        let blob = Bytes::from_static(b"a blob");
        let value = Value {
            blobs: vec![view.blob_ref(&blob)],
            ..Value::default()
        };
        let mut batch = Batch::default();
        batch.put(Space::Objects, "t/0", object.encode());
        batch.put(Space::Meta, "t", value);
        batch.blobs.push(blob);
        async move { Ok::<_, Error>((batch, ())) }
    };
    lake.repository.write(&name("main"), planned).await.unwrap();
}

#[tokio::test]
async fn damage_is_seen_past_what_is_in_memory() {
    let lake = Lake::new(CommitMode::Staged).await;
    put_object(&lake).await;
    lake.commit("main").await.unwrap();
    assert_eq!(problems(&lake).await, Vec::<String>::new());
    for kind in ["n", "b", "c"] {
        let lake = Lake::new(CommitMode::Staged).await;
        put_object(&lake).await;
        lake.commit("main").await.unwrap();
        assert!(lake.get("main", "t").await.is_some(), "all of it is in memory");
        for path in stored(&lake, kind).await {
            damage(&lake, &path).await;
        }
        assert!(lake.get("main", "t").await.is_some(), "all of it still is");
        assert!(!problems(&lake).await.is_empty(), "{kind}");
    }
}

/// Merge bases trust the index, so it is compared with the commits.
#[tokio::test]
async fn a_commit_index_that_says_otherwise_is_told() {
    let damages = [
        "DELETE FROM commit_children WHERE child = (SELECT head FROM branches WHERE name = 'main')",
        "UPDATE commit_lines SET jump_generation = 0, parent = (SELECT id FROM commits WHERE generation = 0)
            WHERE id = (SELECT head FROM branches WHERE name = 'main')",
        "UPDATE commits SET generation = 7 WHERE id = (SELECT head FROM branches WHERE name = 'main')",
    ];
    for damage in damages {
        let found = problems_after(damage).await;
        assert!(
            found.iter().any(|line| line.contains("commit index")),
            "{damage}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_commit_that_the_index_has_lost_is_told() {
    let found = problems_after("DELETE FROM commits WHERE generation = 2").await;
    assert!(found.iter().any(|line| line.contains("not found")), "{found:?}");
}

/// Returns what is found of a repository of three commits whose database is damaged by a statement.
async fn problems_after(damage: &'static str) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("refs.db");
    let mut parts = testkit::memory_parts(1);
    parts.refs = Arc::new(SqliteRefs::open(&path).await.unwrap());
    let lake = Lake::over(parts, CommitMode::Staged, Limits::default()).await;
    for value in ["1", "2", "3"] {
        lake.write("main", "t", value).await.unwrap();
        lake.commit("main").await.unwrap();
    }
    assert_eq!(problems(&lake).await, Vec::<String>::new());
    let mut database = sqlx::SqliteConnection::connect(path.to_str().unwrap())
        .await
        .unwrap();
    sqlx::raw_sql(damage).execute(&mut database).await.unwrap();
    problems(&lake).await
}

#[tokio::test]
async fn unfolded_writes_are_looked_into() {
    let lake = Lake::new(CommitMode::Staged).await;
    put_object(&lake).await;
    assert_eq!(lake.log("main").await.len(), 1);
    let report = fsck(&lake.repository).await.unwrap();
    assert_eq!((report.objects, report.data_files), (1, 1));
    assert_eq!(
        report.problems,
        Vec::<String>::new(),
        "the log itself brings the blob"
    );

    let data = stored(&lake, "d").await;
    lake.parts.files.delete(&data[0]).await.unwrap();
    assert_eq!(
        problems(&lake).await,
        [format!("data file {} is missing", data[0])]
    );
}

#[tokio::test]
async fn a_blob_that_only_the_log_needs_is_looked_for() {
    let lake = Lake::new(CommitMode::Staged).await;
    let nowhere = BlobRef {
        hash: versioning::Hash([7; 32]),
        epoch: 1,
    };
    let value = Value {
        blobs: vec![nowhere],
        ..Value::default()
    };
    lake.put("main", Space::Meta, "t", value).await.unwrap();
    let problems = problems(&lake).await;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("it is missing"), "{problems:?}");
}

#[tokio::test]
async fn every_damaged_node_is_told() {
    let lake = Lake::new(CommitMode::Staged).await;
    let planned = |_| async {
        let mut batch = Batch::default();
        (0..2_000).for_each(|n| batch.put(Space::Meta, format!("{n:04}"), Value::default()));
        Ok::<_, Error>((batch, ()))
    };
    lake.repository.write(&name("main"), planned).await.unwrap();
    lake.commit("main").await.unwrap();
    let view = lake.repository.view(&name("main").into()).await.unwrap();
    let root = view.roots().get(Space::Meta).unwrap().link.hash.to_string();
    let mut leaves = stored(&lake, "n").await;
    leaves.retain(|path| !path.contains(&root));
    assert!(leaves.len() > 3, "{leaves:?}");
    for leaf in &leaves {
        damage(&lake, leaf).await;
    }
    assert_eq!(problems(&lake).await.len(), leaves.len());
}
