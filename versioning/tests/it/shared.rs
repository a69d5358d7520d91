//! The shared namespace is the same for every ref, is kept like a branch, and is none.

use bytes::Bytes;
use versioning::fsck::fsck;
use versioning::refs::CommitMode;
use versioning::repository::Limits;
use versioning::{Batch, Error, Repositories, Repository, Space, Value};

use super::lake::{Lake, name};

async fn put(repository: &Repository, key: &str, value: &'static str) {
    let key = Bytes::copy_from_slice(key.as_bytes());
    let planned = move |_| {
        let mut batch = Batch::default();
        let payload = Bytes::from_static(value.as_bytes());
        let value = Value {
            payload,
            ..Value::default()
        };
        batch.put(Space::Meta, key.clone(), value);
        async move { Ok::<_, Error>((batch, ())) }
    };
    repository.write_shared(planned).await.unwrap();
}

async fn get(repository: &Repository, key: &str) -> Option<Bytes> {
    let view = repository.shared_view().await.unwrap();
    let value = view.get(Space::Meta, key.as_bytes()).await.unwrap();
    value.map(|value| value.payload)
}

#[tokio::test]
async fn what_is_shared_belongs_to_no_ref_and_outlives_the_process() {
    let lake = Lake::new(CommitMode::Staged).await;
    lake.write("main", "a", "of main").await.unwrap();
    lake.commit("main").await.unwrap();
    assert_eq!(get(&lake.repository, "a").await, None, "nobody wrote yet");
    put(&lake.repository, "a", "shared").await;
    assert_eq!(lake.get("main", "a").await.unwrap(), "of main");
    let branches = lake.repository.branches().await.unwrap();
    assert_eq!(branches.len(), 1);
    let log = lake.repository.ref_log(1).await.unwrap();
    assert_eq!(log[0].branch, name("main"), "the latest move that is told of");

    let again = Repositories::open(lake.parts.clone(), Limits::default())
        .await
        .unwrap();
    let again = again.get(&lake.repository.record().name).await.unwrap();
    assert_eq!(get(&again, "a").await.unwrap(), "shared");
}

#[tokio::test]
async fn it_is_folded_like_a_branch_and_verified_with_all_else() {
    let limits = Limits {
        fold_ops: 8,
        ..Limits::default()
    };
    let lake = Lake::with(CommitMode::Staged, limits).await;
    for n in 0..50 {
        put(&lake.repository, &format!("k{n}"), "v").await;
    }
    let (refs, id) = lake.repository.records();
    let all = refs.branches(id).await.unwrap();
    let kept = all.iter().find(|branch| branch.name != name("main")).unwrap();
    assert!(kept.seq == 50 && kept.folded_seq > 0, "{kept:?}");
    for n in 0..50 {
        assert!(get(&lake.repository, &format!("k{n}")).await.is_some());
    }
    let report = fsck(&lake.repository).await.unwrap();
    assert_eq!((report.branches, report.problems), (1, Vec::new()));
    assert!(report.nodes > 0);
}
