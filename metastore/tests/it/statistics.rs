//! Statistics of columns, against the recorded outcomes of the original.

use thrift_idl::methods::*;
use thrift_idl::types::{
    ColumnStatistics, ColumnStatisticsData, ColumnStatisticsDesc, ColumnStatisticsObj,
    DeleteColumnStatisticsRequest, GetTableRequest, LongColumnStatsData, PartitionsStatsRequest,
    SetPartitionsStatsRequest, StringColumnStatsData, TableStatsRequest,
};

use super::harness::{Client, Server, partition, some, table, texts};

pub(super) fn statistics(column: &str, part: Option<&str>) -> ColumnStatistics {
    let data = StringColumnStatsData {
        max_col_len: Some(3),
        avg_col_len: Some(1.5),
        num_nulls: Some(0),
        num_dvs: Some(2),
        bit_vectors: None,
    };
    ColumnStatistics {
        stats_desc: Some(ColumnStatisticsDesc {
            is_tbl_level: Some(part.is_none()),
            db_name: some("g1"),
            table_name: some("p"),
            part_name: part.map(str::to_owned),
            ..ColumnStatisticsDesc::default()
        }),
        stats_obj: Some(vec![ColumnStatisticsObj {
            col_name: some(column),
            col_type: some("string"),
            stats_data: Some(ColumnStatisticsData {
                string_stats: Some(data),
                ..Default::default()
            }),
        }]),
        ..ColumnStatistics::default()
    }
}

#[tokio::test]
async fn statistics_are_kept() {
    let (_server, mut client) = Server::with_table(table("g1", "p", "nc string", "d string")).await;
    let part = partition("g1", "p", &["1"]);
    client
        .call::<AddPartition>(AddPartitionArgs { new_part: Some(part) })
        .await
        .unwrap();
    let args = UpdatePartitionColumnStatisticsArgs {
        stats_obj: Some(statistics("NC", Some("d=1"))),
    };
    assert!(client.get::<UpdatePartitionColumnStatistics>(args).await.unwrap());
    let args = UpdateTableColumnStatisticsArgs {
        stats_obj: Some(statistics("nc", None)),
    };
    assert!(client.get::<UpdateTableColumnStatistics>(args).await.unwrap());
    let args = UpdateTableColumnStatisticsArgs {
        stats_obj: Some(statistics("zz", None)),
    };
    assert_eq!(
        client.outcome::<UpdateTableColumnStatistics>(args).await,
        "MetaException: Column zz doesn't exist in table p in database g1"
    );
    let request = PartitionsStatsRequest {
        db_name: some("g1"),
        tbl_name: some("p"),
        col_names: Some(texts(&["nc"])),
        part_names: Some(texts(&["d=1", "d=2"])),
        ..PartitionsStatsRequest::default()
    };
    let args = GetPartitionsStatisticsReqArgs {
        request: Some(request),
    };
    let found = client
        .get::<GetPartitionsStatisticsReq>(args)
        .await
        .unwrap()
        .part_stats
        .unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["d=1"]);
    assert_eq!(found["d=1"], statistics("nc", None).stats_obj.unwrap());
    let request = TableStatsRequest {
        db_name: some("g1"),
        tbl_name: some("p"),
        col_names: Some(texts(&["nc", "other"])),
        ..TableStatsRequest::default()
    };
    let args = GetTableStatisticsReqArgs {
        request: Some(request),
    };
    let found = client
        .get::<GetTableStatisticsReq>(args)
        .await
        .unwrap()
        .table_stats
        .unwrap();
    assert_eq!(found.len(), 1);
    let request = GetTableRequest {
        db_name: some("g1"),
        tbl_name: some("p"),
        get_column_stats: Some(true),
        ..GetTableRequest::default()
    };
    let found = client
        .get::<GetTableReq>(GetTableReqArgs { req: Some(request) })
        .await
        .unwrap();
    assert_eq!(
        found.table.unwrap().col_stats.unwrap().stats_obj.unwrap().len(),
        1
    );
    let delete = || DeletePartitionColumnStatisticsArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_name: some("d=1"),
        col_name: some("nc"),
        engine: None,
    };
    assert!(
        client
            .get::<DeletePartitionColumnStatistics>(delete())
            .await
            .unwrap()
    );
    assert_eq!(
        client.outcome::<DeletePartitionColumnStatistics>(delete()).await,
        "NoSuchObjectException: Column stats doesn't exist for table=hive.g1.p partition=d=1 col=nc"
    );
}

fn long(low: i64, high: i64, nulls: i64, distinct: i64) -> ColumnStatisticsData {
    ColumnStatisticsData {
        long_stats: Some(LongColumnStatsData {
            low_value: Some(low),
            high_value: Some(high),
            num_nulls: Some(nulls),
            num_dvs: Some(distinct),
            ..LongColumnStatsData::default()
        }),
        ..ColumnStatisticsData::default()
    }
}

/// Returns statistics of the columns `i` and `j` of a partition.
fn numbers(part: &str, data: &[(&str, ColumnStatisticsData)]) -> ColumnStatistics {
    let object = |(column, data): &(&str, ColumnStatisticsData)| ColumnStatisticsObj {
        col_name: some(column),
        col_type: some("int"),
        stats_data: Some(data.clone()),
    };
    ColumnStatistics {
        stats_obj: Some(data.iter().map(object).collect()),
        ..statistics("", Some(part))
    }
}

async fn aggregated(client: &mut Client, columns: &[&str]) -> (Vec<ColumnStatisticsObj>, i64) {
    let request = PartitionsStatsRequest {
        db_name: some("g1"),
        tbl_name: some("p"),
        col_names: Some(texts(columns)),
        part_names: Some(texts(&["d=1", "d=2", "d=3"])),
        ..PartitionsStatsRequest::default()
    };
    let args = GetAggrStatsForArgs {
        request: Some(request),
    };
    let found = client.get::<GetAggrStatsFor>(args).await.unwrap();
    (found.col_stats.unwrap(), found.parts_found.unwrap())
}

async fn set(client: &mut Client, statistics: Vec<ColumnStatistics>, merge: bool) {
    let request = SetPartitionsStatsRequest {
        col_stats: Some(statistics),
        need_merge: Some(merge),
        ..SetPartitionsStatsRequest::default()
    };
    let args = SetAggrStatsForArgs {
        request: Some(request),
    };
    assert!(client.get::<SetAggrStatsFor>(args).await.unwrap());
}

#[tokio::test]
async fn partitions_know_things_together() {
    let (_server, mut client) = Server::with_table(table("g1", "p", "i int, j int", "d string")).await;
    let new_parts = ["1", "2", "3"]
        .map(|value| partition("g1", "p", &[value]))
        .to_vec();
    let args = AddPartitionsArgs {
        new_parts: Some(new_parts),
    };
    client.get::<AddPartitions>(args).await.unwrap();
    let one = numbers("d=1", &[("i", long(1, 5, 1, 3)), ("j", long(0, 0, 0, 1))]);
    let two = numbers("d=2", &[("i", long(-2, 4, 2, 5))]);
    set(&mut client, vec![one, two], false).await;
    let (found, parts) = aggregated(&mut client, &["I"]).await;
    assert_eq!(found[0].stats_data, Some(long(-2, 5, 3, 5)));
    assert_eq!((found.len(), parts), (1, 2));
    // only one partition knows of both columns
    let (found, parts) = aggregated(&mut client, &["i", "j"]).await;
    assert_eq!((found.len(), parts), (2, 1));
    assert_eq!(aggregated(&mut client, &["nope"]).await, (vec![], 0));
    // what an insert brings is added
    set(
        &mut client,
        vec![numbers("d=1", &[("i", long(7, 9, 1, 2))])],
        true,
    )
    .await;
    let (found, _) = aggregated(&mut client, &["i"]).await;
    assert_eq!(found[0].stats_data, Some(long(-2, 9, 4, 5)));
    let delete = |parts: Option<&[&str]>, columns: Option<&[&str]>| DeleteColumnStatisticsReqArgs {
        req: Some(DeleteColumnStatisticsRequest {
            db_name: some("g1"),
            tbl_name: some("p"),
            part_names: parts.map(texts),
            col_names: columns.map(texts),
            ..DeleteColumnStatisticsRequest::default()
        }),
    };
    assert!(
        client
            .get::<DeleteColumnStatisticsReq>(delete(Some(&["d=1", "d=3"]), Some(&["i"])))
            .await
            .unwrap()
    );
    assert_eq!(aggregated(&mut client, &["i"]).await.1, 1);
    assert_eq!(aggregated(&mut client, &["j"]).await.1, 1);
    assert!(
        client
            .get::<DeleteColumnStatisticsReq>(delete(None, None))
            .await
            .unwrap()
    );
    assert_eq!(aggregated(&mut client, &["i", "j"]).await, (vec![], 0));
}

/// Returns a server with the table `g1.p`, which has the partitions `d=1` and `d=2`.
async fn with_partitions() -> (Server, Client) {
    let (server, mut client) = Server::with_table(table("g1", "p", "nc string", "d string")).await;
    let args = AddPartitionsArgs {
        new_parts: Some(vec![partition("g1", "p", &["1"]), partition("g1", "p", &["2"])]),
    };
    client.get::<AddPartitions>(args).await.unwrap();
    (server, client)
}

async fn known_of(client: &mut Client, names: &[&str]) -> Vec<String> {
    let request = PartitionsStatsRequest {
        db_name: some("g1"),
        tbl_name: some("p"),
        col_names: Some(texts(&["nc"])),
        part_names: Some(texts(names)),
        ..PartitionsStatsRequest::default()
    };
    let args = GetPartitionsStatisticsReqArgs {
        request: Some(request),
    };
    let found = client.get::<GetPartitionsStatisticsReq>(args).await.unwrap();
    found.part_stats.unwrap().into_keys().collect()
}

#[tokio::test]
async fn statistics_name_their_partition_as_the_original_takes_it() {
    let (_server, mut client) = with_partitions().await;
    let nameless = "MetaException: \"\" is not a partition name: it has to be key=value/key=value";
    let missing = "NoSuchObjectException: Partition for which stats is gathered doesn't exist.";
    for (name, expected) in [
        ("", nameless),
        ("d", nameless),
        (
            "e=1",
            "InvalidObjectException: incomplete partition name - missing d",
        ),
        ("d=3", missing),
        ("D=1", "ok"),
        ("h=1/d=2", "ok"),
    ] {
        let args = UpdatePartitionColumnStatisticsArgs {
            stats_obj: Some(statistics("nc", Some(name))),
        };
        let outcome = client.outcome::<UpdatePartitionColumnStatistics>(args).await;
        assert_eq!(outcome, expected, "{name}");
    }
    assert_eq!(known_of(&mut client, &["D=1", "d=2", "d"]).await, ["d=1", "d=2"]);
    let delete = |table, name, column| DeletePartitionColumnStatisticsArgs {
        db_name: some("g1"),
        tbl_name: some(table),
        part_name: some(name),
        col_name: some(column),
        engine: None,
    };
    for (args, expected) in [
        (
            delete("nope", "d=1", "nc"),
            "InvalidObjectException: hive.g1.nope table not found",
        ),
        (
            delete("p", "d=3", "nc"),
            "NoSuchObjectException: Partition d=3 for which stats deletion is requested doesn't exist",
        ),
        (
            delete("p", "d=1", "zz"),
            "NoSuchObjectException: Column stats doesn't exist for table=hive.g1.p partition=d=1 col=zz",
        ),
        (
            delete("p", "d=1", ""),
            "NoSuchObjectException: Column stats doesn't exist for table=hive.g1.p partition=d=1 col=",
        ),
        (delete("p", "D=1", "NC"), "ok"),
    ] {
        let outcome = client.outcome::<DeletePartitionColumnStatistics>(args).await;
        assert_eq!(outcome, expected);
    }
    assert_eq!(known_of(&mut client, &["d=1", "d=2"]).await, ["d=2"]);
}

#[tokio::test]
async fn statistics_of_one_call_are_set_all_or_none() {
    let (_server, mut client) = with_partitions().await;
    let request = |all: Vec<ColumnStatistics>| SetPartitionsStatsRequest {
        col_stats: Some(all),
        ..SetPartitionsStatsRequest::default()
    };
    let of = |name: &str| statistics("nc", Some(name));
    let mut elsewhere = of("d=2");
    elsewhere.stats_desc.as_mut().unwrap().table_name = some("q");
    for (all, expected) in [
        (
            vec![of("d=1"), of("d=3")],
            "NoSuchObjectException: Partition for which stats is gathered doesn't exist.",
        ),
        (
            vec![of("d=1"), elsewhere],
            "MetaException: statistics of one call are of one table",
        ),
        (
            vec![statistics("nc", None), statistics("nc", None)],
            "MetaException: Expecting only 1 ColumnStatistics for table's column stats, but find 2",
        ),
        (vec![], "ok"),
    ] {
        let args = SetAggrStatsForArgs {
            request: Some(request(all)),
        };
        assert_eq!(client.outcome::<SetAggrStatsFor>(args).await, expected);
    }
    for (all, merges, expected) in [
        (
            vec![],
            false,
            "InvalidInputException: Only one stats object expected",
        ),
        (
            vec![of("d=1"), of("d=2")],
            false,
            "InvalidInputException: Only one stats object expected",
        ),
        (
            vec![of("d=1")],
            true,
            "InvalidInputException: Merge is not supported for non-aggregate stats",
        ),
    ] {
        let req = SetPartitionsStatsRequest {
            need_merge: Some(merges),
            ..request(all)
        };
        let args = UpdatePartitionColumnStatisticsReqArgs { req: Some(req) };
        let outcome = client.outcome::<UpdatePartitionColumnStatisticsReq>(args).await;
        assert_eq!(outcome, expected);
    }
    assert!(known_of(&mut client, &["d=1", "d=2"]).await.is_empty());
    // statistics of a table are not of a partition, whatever they say
    let args = UpdateTableColumnStatisticsArgs {
        stats_obj: Some(of("d=1")),
    };
    assert!(client.get::<UpdateTableColumnStatistics>(args).await.unwrap());
    assert!(known_of(&mut client, &["d=1"]).await.is_empty());
}
