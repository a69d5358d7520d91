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
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.create_database("g1").await;
    client
        .create_table(table("g1", "p", "nc string", "d string"))
        .await;
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
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.create_database("g1").await;
    client
        .create_table(table("g1", "p", "i int, j int", "d string"))
        .await;
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
