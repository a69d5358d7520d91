//! Two who want the same at the same time.

use futures::future::join_all;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, UpdateVersion};

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_creates() {
    let rig = Rig::start().await;
    for round in 0..5 {
        let path = Path::from(format!("main/lock-{round}"));
        let tries = (0..8).map(|n| {
            let (client, path) = (rig.client(), path.clone());
            async move {
                let options = PutOptions {
                    mode: PutMode::Create,
                    ..PutOptions::default()
                };
                client.put_opts(&path, format!("{n}").into(), options).await
            }
        });
        let outcomes = join_all(tries).await;
        let winners: Vec<usize> = (0..8).filter(|n| outcomes[*n].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        for outcome in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert!(
                matches!(outcome, object_store::Error::AlreadyExists { .. }),
                "{outcome}"
            );
        }
        let stored = rig.client().get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(stored, winners[0].to_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_update_is_lost() {
    let rig = Rig::start().await;
    let path = Path::from("main/counter");
    rig.client().put(&path, "0".into()).await.unwrap();
    let workers = (0..4).map(|_| {
        let (client, path) = (rig.client(), path.clone());
        async move {
            for _ in 0..5 {
                while !increment(&client, &path).await {}
            }
        }
    });
    join_all(workers).await;
    assert_eq!(
        rig.client().get(&path).await.unwrap().bytes().await.unwrap(),
        "20"
    );
}

async fn increment(client: &object_store::aws::AmazonS3, path: &Path) -> bool {
    let got = client.get(path).await.unwrap();
    let version = UpdateVersion {
        e_tag: got.meta.e_tag.clone(),
        version: None,
    };
    let bytes = got.bytes().await.unwrap();
    let next = std::str::from_utf8(&bytes).unwrap().parse::<u32>().unwrap() + 1;
    let options = PutOptions {
        mode: PutMode::Update(version),
        ..PutOptions::default()
    };
    match client.put_opts(path, next.to_string().into(), options).await {
        Ok(_) => true,
        Err(object_store::Error::Precondition { .. }) => false,
        Err(other) => panic!("{other}"),
    }
}
