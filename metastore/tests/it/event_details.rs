//! What is told of constraints and of the statistics of columns.

use thrift_idl::methods::*;
use thrift_idl::types::{AddCheckConstraintRequest, NotificationEvent, SetPartitionsStatsRequest};

use super::constraints::{add_foreign, add_keys, check, drop_constraint, fixture, foreign, key};
use super::harness::{Client, Server, fields, partition, some, table, texts};
use super::notifications::{events_after, spell};
use super::statistics::statistics;

/// Spells what was told behind `last`, without numbers and formats.
async fn told(client: &mut Client, last: i64) -> Vec<String> {
    let events = events_after(client, last).await;
    let words = |event: &NotificationEvent| {
        let spelled = spell(event);
        let words: Vec<&str> = spelled.split(' ').skip(1).take(3).collect();
        words.join(" ")
    };
    events.iter().map(words).collect()
}

/// Returns the message of the first event behind `last`.
async fn message(client: &mut Client, last: i64) -> String {
    let events = events_after(client, last).await;
    events.into_iter().next().unwrap().message.unwrap()
}

fn holds(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part} in {message}");
    }
}

/// Returns a client of the table `g1.p`, with three events behind it.
async fn with_partition() -> (Server, Client) {
    let (server, mut client) = Server::with_table(table("g1", "p", "k int, nc string", "d string")).await;
    let args = AddPartitionArgs {
        new_part: Some(partition("g1", "p", &["1"])),
    };
    client.call::<AddPartition>(args).await.unwrap();
    (server, client)
}

async fn set_on_table(client: &mut Client) {
    let args = UpdateTableColumnStatisticsArgs {
        stats_obj: Some(statistics("nc", None)),
    };
    assert!(client.get::<UpdateTableColumnStatistics>(args).await.unwrap());
}

async fn set_on_partition(client: &mut Client) {
    let args = UpdatePartitionColumnStatisticsArgs {
        stats_obj: Some(statistics("nc", Some("d=1"))),
    };
    assert!(client.get::<UpdatePartitionColumnStatistics>(args).await.unwrap());
}

#[tokio::test]
async fn statistics_that_are_set_and_deleted_are_told() {
    let (_server, mut client) = with_partition().await;
    set_on_table(&mut client).await;
    set_on_partition(&mut client).await;
    let args = DeleteTableColumnStatisticsArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        col_name: some("nc"),
        ..DeleteTableColumnStatisticsArgs::default()
    };
    assert!(client.get::<DeleteTableColumnStatistics>(args).await.unwrap());
    let args = DeletePartitionColumnStatisticsArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_name: some("d=1"),
        col_name: some("nc"),
        ..DeletePartitionColumnStatisticsArgs::default()
    };
    assert!(client.get::<DeletePartitionColumnStatistics>(args).await.unwrap());
    assert_eq!(
        told(&mut client, 3).await,
        [
            "UPDATE_TBL_COL_STAT_EVENT g1 p",
            "UPDATE_PART_COL_STAT_EVENT g1 p",
            "DELETE_TBL_COL_STAT_EVENT g1 p",
            "DELETE_PART_COL_STAT_EVENT g1 p",
        ]
    );
    let of_table = [
        r#""database":"g1","writeId":-1,"colStatsJson":"{\"1\":{\"rec\":{\"1\":{\"tf\":1},\"2\":{\"str\":\"g1\"}"#,
        r#""parameters":{"#,
        r#""tableObjJson":"{\"1\":{\"str\":\"p\"}"#,
    ];
    holds(&message(&mut client, 3).await, &of_table);
    let of_partition = [r#"\"4\":{\"str\":\"d=1\"}"#, r#""partVals":["1"]"#];
    holds(&message(&mut client, 4).await, &of_partition);
    holds(
        &message(&mut client, 5).await,
        &[r#""database":"g1","colName":"nc"}"#],
    );
    let deleted = r#""database":"g1","colName":"nc","partName":"d=1","partValues":["1"]}"#;
    holds(&message(&mut client, 6).await, &[deleted]);
}

/// Statistics that are set together are stored as one run, and told one by one.
#[tokio::test]
async fn statistics_that_are_set_together_are_events_of_their_own() {
    let (_server, mut client) = with_partition().await;
    let args = AddPartitionArgs {
        new_part: Some(partition("g1", "p", &["2"])),
    };
    client.call::<AddPartition>(args).await.unwrap();
    let request = SetPartitionsStatsRequest {
        col_stats: Some(vec![statistics("nc", Some("d=2")), statistics("nc", Some("d=1"))]),
        ..SetPartitionsStatsRequest::default()
    };
    let args = SetAggrStatsForArgs {
        request: Some(request),
    };
    assert!(client.get::<SetAggrStatsFor>(args).await.unwrap());
    let kind = "UPDATE_PART_COL_STAT_EVENT g1 p";
    assert_eq!(told(&mut client, 4).await, [kind, kind]);
    assert_eq!(told(&mut client, 5).await, [kind]);
    holds(&message(&mut client, 4).await, &[r#""partVals":["1"]"#]);
    holds(&message(&mut client, 5).await, &[r#""partVals":["2"]"#]);
}

/// What a follower finds out by itself is not told: a table and a partition go with what is known of them, and a
/// column, too. A partition of another name is new, and so is what is known of it.
#[tokio::test]
async fn statistics_that_go_along_are_not_told() {
    let (_server, mut client) = with_partition().await;
    set_on_table(&mut client).await;
    set_on_partition(&mut client).await;
    let args = RenamePartitionArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_vals: Some(texts(&["1"])),
        new_part: Some(partition("g1", "p", &["2"])),
    };
    client.call::<RenamePartition>(args).await.unwrap();
    let renamed = [
        "ADD_PARTITION g1 p",
        "DROP_PARTITION g1 p",
        "UPDATE_PART_COL_STAT_EVENT g1 p",
    ];
    assert_eq!(told(&mut client, 5).await, renamed);

    let mut changed = client.table("g1", "p").await.unwrap();
    changed.sd.as_mut().unwrap().cols = Some(fields("k int"));
    let args = AlterTableArgs {
        dbname: some("g1"),
        tbl_name: some("p"),
        new_tbl: Some(changed),
    };
    client.call::<AlterTable>(args).await.unwrap();
    let args = DropPartitionArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_vals: Some(texts(&["2"])),
        delete_data: Some(true),
    };
    client.call::<DropPartition>(args).await.unwrap();
    let args = DropTableArgs {
        dbname: some("g1"),
        name: some("p"),
        delete_data: Some(true),
    };
    client.call::<DropTable>(args).await.unwrap();
    let gone = ["ALTER_TABLE g1 p", "DROP_PARTITION g1 p", "DROP_TABLE g1 p"];
    assert_eq!(told(&mut client, 8).await, gone);
}

/// A truncated table stays, and what was known of it does not.
#[tokio::test]
async fn truncation_takes_statistics_away() {
    let (_server, mut client) = with_partition().await;
    set_on_partition(&mut client).await;
    let args = TruncateTableArgs {
        db_name: some("g1"),
        table_name: some("p"),
        part_names: None,
    };
    client.call::<TruncateTable>(args).await.unwrap();
    let truncated = ["ALTER_PARTITION g1 p", "DELETE_PART_COL_STAT_EVENT g1 p"];
    assert_eq!(told(&mut client, 4).await, truncated);
}

#[tokio::test]
async fn constraints_are_told_when_they_come_and_go() {
    let (_server, mut client) = fixture().await;
    let both = vec![key(Some("k1"), "a", 1), key(Some("k1"), "b", 2)];
    assert_eq!(add_keys(&mut client, both).await, "ok");
    assert_eq!(drop_constraint(&mut client, "t", "k1").await, "ok");
    assert_eq!(add_keys(&mut client, vec![key(Some("k1"), "a", 1)]).await, "ok");
    assert_eq!(add_foreign(&mut client, foreign("f1", "a")).await, "ok");
    let request = AddCheckConstraintRequest {
        check_constraint_cols: Some(vec![check(Some("c1"), "b")]),
    };
    let args = AddCheckConstraintArgs { req: Some(request) };
    client.call::<AddCheckConstraint>(args).await.unwrap();
    assert_eq!(drop_constraint(&mut client, "t", "k1").await, "ok");
    assert_eq!(
        told(&mut client, 3).await,
        [
            "ADD_PRIMARYKEY g1 t",
            "DROP_CONSTRAINT g1 t",
            "ADD_PRIMARYKEY g1 t",
            // of the table that the key points at
            "ADD_FOREIGNKEY g1 t",
            "ADD_CHECKCONSTRAINT g1 t",
            // what points at a key goes before it
            "DROP_CONSTRAINT g1 u",
            "DROP_CONSTRAINT g1 t",
        ]
    );
    let of_key = [
        r#""primaryKeyListJson":["{\"1\":{\"str\":\"g1\"},\"2\":{\"str\":\"t\"},\"3\":{\"str\":\"a\"}"#,
        r#"\"3\":{\"str\":\"b\"},\"4\":{\"i32\":2},\"5\":{\"str\":\"k1\"}"#,
    ];
    holds(&message(&mut client, 3).await, &of_key);
    let dropped = r#""dbName":"g1","tableName":"t","constraintName":"k1","timestamp":"#;
    holds(&message(&mut client, 4).await, &[dropped]);
    let of_foreign =
        r#""foreignKeyListJson":["{\"1\":{\"str\":\"g1\"},\"2\":{\"str\":\"t\"},\"3\":{\"str\":\"a\"}"#;
    holds(&message(&mut client, 6).await, &[of_foreign]);
    holds(
        &message(&mut client, 7).await,
        &[r#""checkConstraintListJson":["#],
    );
}

#[tokio::test]
async fn constraints_come_after_their_table_and_go_with_it() {
    let (_server, mut client) = fixture().await;
    let args = CreateTableWithConstraintsArgs {
        tbl: Some(table("g1", "w", "a int", "")),
        primary_keys: Some(vec![thrift_idl::types::SQLPrimaryKey {
            table_name: some("w"),
            ..key(Some("kw"), "a", 1)
        }]),
        ..CreateTableWithConstraintsArgs::default()
    };
    client.call::<CreateTableWithConstraints>(args).await.unwrap();
    let args = DropTableArgs {
        dbname: some("g1"),
        name: some("w"),
        delete_data: Some(true),
    };
    client.call::<DropTable>(args).await.unwrap();
    let all = ["CREATE_TABLE g1 w", "ADD_PRIMARYKEY g1 w", "DROP_TABLE g1 w"];
    assert_eq!(told(&mut client, 3).await, all);
}

#[tokio::test]
async fn merges_tell_of_both() {
    let (server, mut client) = with_partition().await;
    server.branch("etl").await;
    let mut set = statistics("nc", None);
    set.stats_desc.as_mut().unwrap().db_name = some("g1@etl");
    let args = UpdateTableColumnStatisticsArgs { stats_obj: Some(set) };
    assert!(client.get::<UpdateTableColumnStatistics>(args).await.unwrap());
    let of_etl = thrift_idl::types::SQLPrimaryKey {
        table_db: some("g1@etl"),
        table_name: some("p"),
        ..key(Some("k1"), "nc", 1)
    };
    assert_eq!(add_keys(&mut client, vec![of_etl]).await, "ok");
    server.commit_on("etl").await;
    server.merge("etl").await;
    let both = ["ADD_PRIMARYKEY g1 p", "UPDATE_TBL_COL_STAT_EVENT g1 p"];
    assert_eq!(told(&mut client, 3).await, both);
}
