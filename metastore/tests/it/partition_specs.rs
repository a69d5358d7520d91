//! Partitions as specs.

use thrift_idl::methods::*;
use thrift_idl::types::{Partition, PartitionSpec};

use super::harness::{Client, partition, some, table};
use super::partitions::recorded;

async fn specs(client: &mut Client, table: &str, filter: Option<&str>, max: i32) -> Vec<PartitionSpec> {
    let args = GetPartSpecsByFilterArgs {
        db_name: some("g1"),
        tbl_name: some(table),
        filter: filter.map(str::to_owned),
        max_parts: Some(max),
    };
    client.get::<GetPartSpecsByFilter>(args).await.unwrap()
}

/// Returns how many partitions stand in each spec: first those that share a descriptor, or none.
fn sizes(specs: &[PartitionSpec]) -> Vec<(usize, usize)> {
    let shared = |spec: &PartitionSpec| {
        spec.shared_sd_partition_spec
            .as_ref()
            .and_then(|it| it.partitions.clone())
    };
    let listed = |spec: &PartitionSpec| spec.partition_list.as_ref().and_then(|it| it.partitions.clone());
    specs
        .iter()
        .map(|spec| {
            (
                shared(spec).unwrap_or_default().len(),
                listed(spec).unwrap_or_default().len(),
            )
        })
        .collect()
}

/// Has the partitions of `p` grouped.
async fn group(client: &mut Client) {
    let mut grouped = client.table("g1", "p").await.unwrap();
    let parameters = grouped.parameters.get_or_insert_default();
    let key = "hive.hcatalog.partition.spec.grouping.enabled";
    parameters.insert(key.to_owned(), "TRUE".to_owned());
    let args = AlterTableArgs {
        dbname: some("g1"),
        tbl_name: some("p"),
        new_tbl: Some(grouped),
    };
    client.call::<AlterTable>(args).await.unwrap();
}

#[tokio::test]
async fn specs_say_once_what_partitions_share() {
    let (_server, mut client) = recorded().await;
    let mut elsewhere = partition("g1", "p", &["2022-01-01", "x", "1"]);
    elsewhere.sd.as_mut().unwrap().location = some("s3a://other/place");
    let mut wider = partition("g1", "p", &["2022-01-01", "y", "1"]);
    wider.sd.as_mut().unwrap().num_buckets = Some(4);
    let args = AddPartitionsArgs {
        new_parts: Some(vec![elsewhere, wider]),
    };
    client.get::<AddPartitions>(args).await.unwrap();
    let listed = specs(&mut client, "p", None, -1).await;
    assert_eq!(sizes(&listed), [(0, 12)]);
    assert!(listed[0].root_path.is_some());
    group(&mut client).await;
    let all = specs(&mut client, "p", None, -1).await;
    assert_eq!(sizes(&all), [(10, 0), (1, 0), (0, 1)]);
    assert_eq!(sizes(&specs(&mut client, "p", Some("n = 1"), 3).await), [(3, 0)]);
    let args = GetPartitionsPspecArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        max_parts: Some(-1),
    };
    assert_eq!(client.get::<GetPartitionsPspec>(args).await.unwrap(), all);
}

/// What comes out as specs goes into a table of the same shape, and is the same there.
#[tokio::test]
async fn specs_can_be_added() {
    let (_server, mut client) = recorded().await;
    client
        .create_table(table("g1", "q", "a int", "d date, s string, n int"))
        .await;
    group(&mut client).await;
    let mut new_parts = specs(&mut client, "p", None, -1).await;
    for spec in &mut new_parts {
        spec.table_name = some("q");
        spec.root_path = some("s3a://lake/main/g1.db/q");
        let group = spec.shared_sd_partition_spec.as_mut().unwrap();
        group.sd.as_mut().unwrap().location = some("s3a://lake/main/g1.db/q");
    }
    let args = AddPartitionsPspecArgs {
        new_parts: Some(new_parts),
    };
    assert_eq!(client.get::<AddPartitionsPspec>(args).await.unwrap(), 10);
    let copied: Vec<Partition> = all(&mut client, "q").await;
    let original: Vec<Partition> = all(&mut client, "p").await;
    assert_eq!(copied.len(), original.len());
    for (copy, original) in copied.iter().zip(&original) {
        assert_eq!(copy.values, original.values);
        let place = |it: &Partition| it.sd.as_ref().unwrap().location.clone().unwrap();
        assert_eq!(place(copy), place(original).replace("/p/", "/q/"));
    }
}

async fn all(client: &mut Client, table: &str) -> Vec<Partition> {
    let args = GetPartitionsArgs {
        db_name: some("g1"),
        tbl_name: some(table),
        max_parts: Some(-1),
    };
    client.get::<GetPartitions>(args).await.unwrap()
}
