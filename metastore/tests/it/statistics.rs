//! Statistics of columns, against the recorded outcomes of the original.

use thrift_idl::methods::*;
use thrift_idl::types::{
    ColumnStatistics, ColumnStatisticsData, ColumnStatisticsDesc, ColumnStatisticsObj, GetTableRequest,
    PartitionsStatsRequest, StringColumnStatsData, TableStatsRequest,
};

use super::harness::{Server, partition, some, table, texts};

fn statistics(column: &str, part: Option<&str>) -> ColumnStatistics {
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
