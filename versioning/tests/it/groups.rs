//! Writes that wait together: they share transactions up to a limit, and fail alone.

use bytes::Bytes;
use futures::future::join_all;
use versioning::refs::LogRecord;
use versioning::repository::Limits;
use versioning::{Batch, Error, RefName, Repositories, Repository, RepositoryName, Space, Value};

fn main_branch() -> RefName {
    RefName::parse("main").unwrap()
}

async fn lake(limits: Limits) -> Repository {
    let repositories = Repositories::open(testkit::memory_parts(1), limits)
        .await
        .unwrap();
    let name = RepositoryName::parse("lake").unwrap();
    repositories.create(&name, &main_branch()).await.unwrap()
}

/// Writes one key for each of `sizes`, all at once; returns the answers.
async fn write_together(repository: &Repository, sizes: &[usize]) -> Vec<Result<(), Error>> {
    let main = main_branch();
    let writes = sizes.iter().enumerate().map(|(n, size)| {
        let payload = Bytes::from(vec![n as u8; *size]);
        repository.write(&main, move |_| {
            let value = Value {
                payload: payload.clone(),
                ..Value::default()
            };
            let mut batch = Batch::default();
            batch.put(Space::Meta, vec![n as u8], value);
            async move { Ok((batch, ())) }
        })
    });
    join_all(writes).await
}

async fn log(repository: &Repository) -> Vec<LogRecord> {
    let branch = repository.branch(&main_branch()).await.unwrap();
    let (refs, id) = repository.records();
    refs.log_after(id, branch.incarnation, 0).await.unwrap()
}

#[tokio::test]
async fn a_group_is_cut_by_bytes_and_only_what_is_too_large_fails() {
    let limits = Limits {
        write_bytes_max: 3_000,
        group_bytes_max: 1_000,
        ..Limits::default()
    };
    let repository = lake(limits).await;
    let sizes = [300, 300, 300, 2_000, 5_000, 300, 300, 0];
    let answers = write_together(&repository, &sizes).await;
    for (answer, size) in answers.iter().zip(sizes) {
        match answer {
            Ok(()) => assert_ne!(size, 5_000),
            Err(error) => {
                assert_eq!(size, 5_000, "{error}");
                let text = error.to_string();
                assert!(text.contains("3000 is the limit: split it"), "{text}");
            }
        }
    }
    let ops: Vec<u32> = log(&repository).await.iter().map(|record| record.ops).collect();
    assert_eq!(ops, [2, 1, 1, 3], "300 300 | 300 | 2000 | 300 300 0");
    let view = repository.view(&main_branch().into()).await.unwrap();
    for (n, size) in sizes.into_iter().enumerate().filter(|(_, size)| *size != 5_000) {
        let found = view.get(Space::Meta, &[n as u8]).await.unwrap().unwrap();
        assert_eq!(found.payload.len(), size);
    }
}

#[tokio::test]
async fn a_group_is_cut_by_changes() {
    let limits = Limits {
        group_changes_max: 3,
        ..Limits::default()
    };
    let repository = lake(limits).await;
    let answers = write_together(&repository, &[1; 8]).await;
    assert!(answers.iter().all(Result::is_ok));
    let ops: Vec<u32> = log(&repository).await.iter().map(|record| record.ops).collect();
    assert_eq!(ops, [3, 3, 2]);
}
