//! What changes cost, in changed keys: it does not grow with the size of a table.

use std::sync::Arc;

use catalog::{Draft, Result, SharedCache};
use versioning::{Batch, Mutation};

use super::fixture::{Lake, add, put_files, values, write};

/// Returns what a change of `main` would write.
async fn batch_of(lake: &Lake, plan: impl AsyncFnOnce(&mut Draft) -> Result<()>) -> Batch {
    let view = lake.main().await.view().clone();
    let ids = Arc::new(testkit::SeededIds::new(9));
    let mut draft = Draft::new(view, SharedCache::default(), ids, 0);
    plan(&mut draft).await.unwrap();
    draft.into_batch()
}

#[tokio::test]
async fn a_thousand_alike_partitions_share_what_they_say() {
    let lake = Lake::with_orders().await;
    let texts: Vec<String> = (0..1_000).map(|i| format!("{}/{}", i / 24, i % 24)).collect();
    let batch = batch_of(&lake, async |draft| {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        add(draft, &texts).await.map(drop)
    })
    .await;
    assert_eq!((batch.mutations.len(), batch.blobs.len()), (1_000, 0));
    for mutation in &batch.mutations {
        let Mutation::Put { value, .. } = mutation else {
            panic!("{mutation:?}")
        };
        assert!(value.payload.len() < 80, "{} bytes", value.payload.len());
    }
}

#[tokio::test]
async fn dropping_and_renaming_cost_the_same_at_any_size() {
    for count in [1, 500] {
        let lake = Lake::with_orders().await;
        let texts: Vec<String> = (0..count).map(|i| format!("1/{i}")).collect();
        write!(lake, |draft| {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            add(draft, &texts).await?;
            put_files(draft, &["sales.db/orders/d=1/h=0/f"]);
        })
        .unwrap();
        let dropped = batch_of(&lake, async |draft| {
            draft.drop_table("sales", "orders", true).await.map(drop)
        })
        .await;
        assert_eq!(dropped.mutations.len(), 5);
        let renamed = batch_of(&lake, async |draft| {
            draft
                .rename_table("sales", "orders", "sales", "o")
                .await
                .map(drop)
        })
        .await;
        assert_eq!((renamed.mutations.len(), renamed.blobs.len()), (3, 0));
    }
}

#[tokio::test]
async fn many_partitions_stream_by_reference() {
    let lake = Lake::with_orders().await;
    let texts: Vec<String> = (0..20_000).map(|i| format!("{:04}/{}", i / 24, i % 24)).collect();
    write!(lake, |draft| {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        add(draft, &texts).await?;
    })
    .unwrap();
    let main = lake.main().await;
    let orders = main.table("sales", "orders").await.unwrap();
    let (mut scan, mut count, mut shared) = (main.partitions(orders.id), 0, None);
    while let Some(partition) = scan.next().await.unwrap() {
        count += 1;
        assert!(partition.plain_location().unwrap().is_some());
        assert_eq!(*shared.get_or_insert(partition.shared), partition.shared);
        assert_eq!(partition.parameters().unwrap().unwrap().len(), 1);
    }
    assert_eq!(count, 20_000);
    let last = values("0833/7");
    let found = main.partition(&orders, &last).await.unwrap();
    let read = main.shared(&shared.unwrap()).await.unwrap();
    assert_eq!(found.storage.unwrap().template, read.template.unwrap());
}
