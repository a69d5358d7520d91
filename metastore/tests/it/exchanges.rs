//! Exchanging partitions.

use thrift_idl::methods::*;
use thrift_idl::types::Partition;

use super::harness::{Client, Server, partition, some, table, texts};

async fn fixture() -> (Server, Client) {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.create_database("g1").await;
    client.create_database("g2").await;
    client
        .create_table(table("g1", "a", "i int", "y string, m string"))
        .await;
    client
        .create_table(table("g2", "b", "i int", "y string, m string"))
        .await;
    client
        .create_table(table("g2", "c", "i string", "y string, m string"))
        .await;
    let parts = [["2017", "1"], ["2017", "2"], ["2018", "1"]];
    let new_parts = parts.iter().map(|values| partition("g1", "a", values)).collect();
    let args = AddPartitionsArgs {
        new_parts: Some(new_parts),
    };
    assert_eq!(client.get::<AddPartitions>(args).await.unwrap(), 3);
    (server, client)
}

async fn exchange(
    client: &mut Client,
    spec: &[(&str, &str)],
    from: &str,
    to: &str,
) -> Result<Vec<String>, String> {
    let partition_specs = spec
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let args = ExchangePartitionsArgs {
        partition_specs: Some(partition_specs),
        source_db: some("g1"),
        source_table_name: some(from),
        dest_db: some("g2"),
        dest_table_name: some(to),
    };
    let moved = client
        .get::<ExchangePartitions>(args)
        .await
        .map_err(|thrown| thrown.to_string())?;
    Ok(moved
        .into_iter()
        .map(|it| it.sd.unwrap().location.unwrap())
        .collect())
}

async fn names(client: &mut Client, database: &str, name: &str) -> Vec<String> {
    let args = GetPartitionNamesArgs {
        db_name: some(database),
        tbl_name: some(name),
        max_parts: Some(-1),
    };
    client.get::<GetPartitionNames>(args).await.unwrap()
}

#[tokio::test]
async fn partitions_leave_one_table_for_another() {
    let (_server, mut client) = fixture().await;
    let moved = exchange(&mut client, &[("y", "2017"), ("m", "")], "a", "b")
        .await
        .unwrap();
    assert_eq!(
        moved,
        [
            "s3a://lake/main/g2.db/b/y=2017/m=1",
            "s3a://lake/main/g2.db/b/y=2017/m=2"
        ]
    );
    assert_eq!(names(&mut client, "g1", "a").await, ["y=2018/m=1"]);
    assert_eq!(
        names(&mut client, "g2", "b").await,
        texts(&["y=2017/m=1", "y=2017/m=2"])
    );
}

#[tokio::test]
async fn what_cannot_be_exchanged_stays() {
    let (_server, mut client) = fixture().await;
    let there = AddPartitionArgs {
        new_part: Some(partition("g2", "b", &["2018", "1"])),
    };
    client.call::<AddPartition>(there).await.unwrap();
    for (spec, from, to, expected) in [
        (
            &[("y", "2018")][..],
            "a",
            "b",
            "MetaException: an exchange of partitions is not possible: there is data in a folder that a partition \
             would move to",
        ),
        (
            &[("y", "2099")],
            "a",
            "b",
            "MetaException: No partition is found with the values [2099, ] for the table a",
        ),
        (
            &[("m", "1")],
            "a",
            "b",
            "MetaException: an exchange of partitions is not possible: the values do not name the first of the \
             partition keys",
        ),
        (
            &[("y", "2017")],
            "a",
            "c",
            "MetaException: an exchange of partitions is not possible: the tables have different columns or \
             partition keys",
        ),
        (
            &[("y", "2017")],
            "nope",
            "b",
            "MetaException: The table hive.g1.nope not found",
        ),
    ] {
        assert_eq!(exchange(&mut client, spec, from, to).await.unwrap_err(), expected);
    }
    assert_eq!(names(&mut client, "g1", "a").await.len(), 3);
    let old = GetPartitionArgs {
        db_name: some("g1"),
        tbl_name: some("a"),
        part_vals: Some(texts(&["2017", "2"])),
    };
    let mut old = client.get::<GetPartition>(old).await.unwrap();
    old.create_time = Some(5);
    let args = AlterPartitionArgs {
        db_name: some("g1"),
        tbl_name: some("a"),
        new_part: Some(old),
    };
    client.call::<AlterPartition>(args).await.unwrap();
    let args = ExchangePartitionArgs {
        partition_specs: Some(
            [
                ("y".to_owned(), "2017".to_owned()),
                ("m".to_owned(), "2".to_owned()),
            ]
            .into(),
        ),
        source_db: some("g1"),
        source_table_name: some("a"),
        dest_db: some("g2"),
        dest_table_name: some("b"),
    };
    // the original says no more than that it went well
    let moved = client.get::<ExchangePartition>(args).await.unwrap();
    assert_eq!(moved, Partition::default());
    let args = GetPartitionArgs {
        db_name: some("g2"),
        tbl_name: some("b"),
        part_vals: Some(texts(&["2017", "2"])),
    };
    // it is as old as it was
    let there = client.get::<GetPartition>(args).await.unwrap();
    assert_eq!(there.create_time, Some(5));
}
