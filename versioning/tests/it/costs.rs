//! What operations cost, in blocks: exact figures, on 100,000 partitions and as many objects.

use bytes::Bytes;
use versioning::merge::{Landing, MergeOutcome, OpenGate};
use versioning::object::{DataFile, Object, Segment};
use versioning::refs::CommitMode;
use versioning::repository::{CommitMessage, Limits, Parts};
use versioning::store::Stats;
use versioning::{
    Batch, CommitId, Error, KeyRange, RefExpr, RefName, Repositories, Repository, RepositoryName, Space,
    Value,
};

use super::model::KeyByKey;

const PARTITIONS: u32 = 100_000;

fn lake() -> RepositoryName {
    RepositoryName::parse("lake").unwrap()
}

fn name(text: &str) -> RefName {
    RefName::parse(text).unwrap()
}

/// The key of the n-th partition: `table ‖ ds=…/hr=…`, as a table with hourly partitions has them.
fn partition(n: u32) -> Bytes {
    Bytes::from(format!("table-0123456789/ds={:05}/hr={:02}", n / 24, n % 24))
}

fn file(n: u32) -> Bytes {
    Bytes::from(format!(
        "sales/orders/ds={:05}/hr={:02}/part-00000.parquet",
        n / 24,
        n % 24
    ))
}

fn add(batch: &mut Batch, n: u32, version: u8) {
    let payload = Bytes::from(format!("numRows={n}, version={version}"));
    batch.put(
        Space::Parts,
        partition(n),
        Value {
            payload,
            ..Value::default()
        },
    );
    let segment = Segment {
        file: DataFile {
            epoch: 1,
            id: [version; 16],
        },
        offset: 0,
        len: u64::from(n),
    };
    batch.put(
        Space::Objects,
        file(n),
        Object {
            segments: vec![segment],
            ..Object::default()
        }
        .encode(),
    );
}

async fn write(repository: &Repository, branch: &str, partitions: impl Iterator<Item = u32>, version: u8) {
    let mut batch = Batch::default();
    partitions.for_each(|n| add(&mut batch, n, version));
    let plan = move |_| {
        let batch = batch.clone();
        async move { Ok::<_, Error>((batch, ())) }
    };
    repository.write(&name(branch), plan).await.unwrap();
}

async fn commit(repository: &Repository, branch: &str) -> CommitId {
    repository
        .commit(&name(branch), CommitMessage::default())
        .await
        .unwrap()
}

/// Nodes read and written, and commits written, since `before`.
fn cost(repository: &Repository, before: Stats) -> (u64, u64, u64) {
    let now = repository.stats();
    (
        now.nodes.reads - before.nodes.reads,
        now.nodes.writes - before.nodes.writes,
        now.commits.writes - before.commits.writes,
    )
}

/// A repository with `PARTITIONS` partitions on `main`, and the same on `etl`.
async fn large(parts: &Parts) -> Repository {
    let repositories = Repositories::open(parts.clone(), Limits::default())
        .await
        .unwrap();
    let repository = repositories.create(&lake(), &name("main")).await.unwrap();
    repository
        .set_branch_rules(&name("main"), CommitMode::Staged, None)
        .await
        .unwrap();
    write(&repository, "main", 0..PARTITIONS, 1).await;
    commit(&repository, "main").await;
    repository
        .create_branch(&name("etl"), &name("main").into(), CommitMode::Staged)
        .await
        .unwrap();
    repository
}

async fn changes(repository: &Repository, before: CommitId, after: CommitId) -> usize {
    let before = repository.view(&before.into()).await.unwrap();
    let after = repository.view(&after.into()).await.unwrap();
    let mut count = 0;
    for space in Space::ALL {
        let mut diff = repository.diff(&before, &after, space, &KeyRange::all());
        while diff.next().await.unwrap().is_some() {
            count += 1;
        }
    }
    count
}

#[tokio::test]
async fn costs_follow_the_change() {
    let parts = testkit::memory_parts(1);
    let repository = large(&parts).await;
    let v0 = repository.resolve(&name("main").into()).await.unwrap().commit;

    let before = repository.stats();
    repository
        .create_branch(&name("free"), &name("main").into(), CommitMode::Staged)
        .await
        .unwrap();
    repository
        .create_tag(&name("v1"), &name("main").into())
        .await
        .unwrap();
    assert_eq!(
        cost(&repository, before),
        (0, 0, 0),
        "a branch and a tag are rows"
    );

    // the path from the root to one leaf: 2 nodes of the partitions' tree, 3 of the objects'
    let before = repository.stats();
    write(&repository, "main", [50_000].into_iter(), 2).await;
    assert_eq!(
        cost(&repository, before),
        (0, 0, 0),
        "a write goes to the op log alone"
    );
    let one = commit(&repository, "main").await;
    assert_eq!(cost(&repository, before), ONE, "one partition and its file");

    let before = repository.stats();
    write(&repository, "main", 60_000..61_000, 2).await;
    let thousand = commit(&repository, "main").await;
    assert_eq!(
        cost(&repository, before),
        THOUSAND,
        "a thousand neighbours and their files"
    );

    let before = repository.stats();
    assert_eq!(changes(&repository, v0, one).await, 2);
    assert_eq!(changes(&repository, one, thousand).await, 2_000);
    assert_eq!(
        cost(&repository, before),
        (0, 0, 0),
        "a diff reads nothing that is in the cache"
    );
    let cold = Repositories::open(parts.clone(), Limits::default())
        .await
        .unwrap()
        .get(&lake())
        .await
        .unwrap();
    let before = cold.stats();
    assert_eq!(changes(&cold, v0, one).await, 2);
    assert_eq!(cost(&cold, before), DIFF_ONE, "a cold diff reads the two paths");

    write(&repository, "etl", 10..11, 3).await;
    commit(&repository, "etl").await;
    let before = repository.stats();
    let landing = Landing::onto(name("main"), "test");
    let outcome = repository
        .merge(&RefExpr::from(name("etl")), &landing, &KeyByKey, &OpenGate)
        .await
        .unwrap();
    assert!(matches!(outcome.outcome, MergeOutcome::Landed(_)), "{outcome:?}");
    assert_eq!(
        cost(&repository, before),
        MERGE,
        "a merge writes what their side changed"
    );
}

/// Nodes read, nodes written, commits written.
const ONE: (u64, u64, u64) = (0, 5, 1);
const THOUSAND: (u64, u64, u64) = (0, 10, 1);
const MERGE: (u64, u64, u64) = (0, 5, 1);
const DIFF_ONE: (u64, u64, u64) = (10, 0, 0);
