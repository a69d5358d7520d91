//! The catalog of a repository: refs, and writers at the same time.

use catalog::draft::AddPartitions;
use catalog::{Draft, Error};
use versioning::repository::CommitMessage;
use versioning::{RefExpr, RefName};

use super::fixture::{Lake, add_to, partition_names, refused, write};

async fn add_partition(lake: &Lake, branch: &str, value: String) -> Result<(), Error> {
    let branch = RefName::parse(branch)?;
    let plan = move |mut draft: Draft| {
        let value = value.clone();
        async move {
            add_to(
                &mut draft,
                "sales",
                "orders",
                &[&value],
                &AddPartitions::default(),
            )
            .await?;
            Ok((draft, ()))
        }
    };
    lake.catalog.write(&branch, plan).await
}

#[tokio::test]
async fn writers_at_the_same_time_all_succeed() {
    let lake = Lake::with_orders().await;
    let writers = (0..20).map(|i| add_partition(&lake, "main", format!("{i:02}/1")));
    for done in futures::future::join_all(writers).await {
        done.unwrap();
    }
    assert_eq!(partition_names(&lake.main().await).await.len(), 20);
    refused!(
        add_partition(&lake, "main", "03/1".into()).await,
        Error::PartitionExists { .. }
    );
    refused!(add_partition(&lake, "nope", "1/1".into()).await, Error::Store(_));
}

#[tokio::test]
async fn commits_stay_as_they_were() {
    let lake = Lake::with_orders().await;
    let main = RefName::parse("main").unwrap();
    add_partition(&lake, "main", "1/1".into()).await.unwrap();
    let words = CommitMessage {
        message: "one".into(),
        ..CommitMessage::default()
    };
    let commit = lake.catalog.repository().commit(&main, words).await.unwrap();
    write!(lake, |draft| {
        draft
            .drop_partitions("sales", "orders", &["d=1/h=1".into()], true, false)
            .await?;
        draft.rename_table("sales", "orders", "sales", "o").await?;
    })
    .unwrap();
    let before = lake.catalog.snapshot(&RefExpr::from(commit)).await.unwrap();
    assert_eq!(partition_names(&before).await, ["d=1/h=1"]);
    let committed = lake
        .catalog
        .snapshot(&RefExpr::parse("main@").unwrap())
        .await
        .unwrap();
    assert_eq!(partition_names(&committed).await, ["d=1/h=1"]);
    refused!(
        lake.main().await.table("sales", "orders").await,
        Error::NoSuchTable { .. }
    );
    refused!(
        lake.catalog.snapshot(&RefExpr::parse("nope").unwrap()).await,
        Error::Store(_)
    );
}
