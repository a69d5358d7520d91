//! Null arguments.

use thrift_idl::methods::*;
use thrift_idl::types::{PartitionSpec, PartitionSpecWithSharedSD, PartitionWithoutSD};

use super::harness::{Server, some, storage, texts};
use super::partitions::recorded;

/// Calls a method on a connection of its own; answers whether the connection ended without an answer.
async fn hangs_up<R: thrift_idl::Rpc>(server: &Server, args: R::Args) -> bool {
    let mut client = server.connect().await;
    client.send::<R>(&args).await;
    client.message().await.is_none()
}

#[tokio::test]
async fn some_methods_end_the_connection_over_what_is_missing() {
    let (server, mut client) = recorded().await;
    let no_database = GetPartitionsArgs {
        tbl_name: some("p"),
        ..GetPartitionsArgs::default()
    };
    assert!(hangs_up::<GetPartitions>(&server, no_database).await);
    let no_partition = AlterPartitionArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        new_part: None,
    };
    assert!(hangs_up::<AlterPartition>(&server, no_partition).await);
    assert!(hangs_up::<AddPartitions>(&server, AddPartitionsArgs::default()).await);
    assert!(hangs_up::<DropFunction>(&server, DropFunctionArgs::default()).await);
    // a name that is missing is said there, and by the others whatever is missing, on a connection that goes on
    let no_table = AlterPartitionArgs {
        db_name: some("g1"),
        ..AlterPartitionArgs::default()
    };
    let said = client.outcome::<AlterPartition>(no_table).await;
    assert_eq!(said, "MetaException: Table name cannot be null.");
    let said = client
        .outcome::<GetPartitionsPs>(GetPartitionsPsArgs::default())
        .await;
    assert_eq!(said, "MetaException: Database name cannot be null.");
    let said = client.outcome::<GetTable>(GetTableArgs::default()).await;
    assert_eq!(said, "MetaException: Database name cannot be null.");
}

#[tokio::test]
async fn specs_have_to_say_what_they_share() {
    let (server, mut client) = recorded().await;
    let spec = |sd, relative: Option<&str>| PartitionSpec {
        db_name: some("g1"),
        table_name: some("p"),
        shared_sd_partition_spec: Some(PartitionSpecWithSharedSD {
            partitions: Some(vec![PartitionWithoutSD {
                values: Some(texts(&["2030-01-01", "x", "1"])),
                relative_path: relative.map(str::to_owned),
                ..PartitionWithoutSD::default()
            }]),
            sd,
        }),
        ..PartitionSpec::default()
    };
    let args = |spec| AddPartitionsPspecArgs {
        new_parts: Some(vec![spec]),
    };
    assert!(hangs_up::<AddPartitionsPspec>(&server, args(spec(None, Some("/x")))).await);
    let nowhere = spec(Some(storage("A int")), Some("/x"));
    assert_eq!(
        client.outcome::<AddPartitionsPspec>(args(nowhere)).await,
        "MetaException: The location that partitions share cannot be null."
    );
    let mut shared = storage("A int");
    shared.location = some("s3a://b/x/");
    let whole = spec(Some(shared), None);
    assert_eq!(client.get::<AddPartitionsPspec>(args(whole)).await.unwrap(), 1);
    let args = GetPartitionArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_vals: Some(texts(&["2030-01-01", "x", "1"])),
    };
    let added = client.get::<GetPartition>(args).await.unwrap();
    assert_eq!(added.sd.unwrap().location, some("s3a://b/x/null"));
}
