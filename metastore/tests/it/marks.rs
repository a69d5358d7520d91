//! Marks of partitions, and what is asked before a materialized view is rebuilt.

use thrift_idl::methods::*;
use thrift_idl::types::{LockState, OpenTxnRequest, PartitionEventType};

use versioning::RefName;

use super::harness::{Client, Server, partition, some, table};
use super::partitions::recorded;

#[tokio::test]
async fn a_partition_is_marked_as_loaded() {
    let (_server, mut client) = recorded().await;
    let values = |n: &str| {
        let pairs = [("D", "2030-01-01"), ("s", "x"), ("n", n)];
        Some(
            pairs
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        )
    };
    let asked = |n: &str| IsPartitionMarkedForEventArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_vals: values(n),
        event_type: Some(PartitionEventType::LOAD_DONE),
    };
    assert!(!client.get::<IsPartitionMarkedForEvent>(asked("1")).await.unwrap());
    let args = MarkPartitionForEventArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_vals: values("1"),
        event_type: Some(PartitionEventType::LOAD_DONE),
    };
    client.call::<MarkPartitionForEvent>(args).await.unwrap();
    assert!(client.get::<IsPartitionMarkedForEvent>(asked("1")).await.unwrap());
    assert!(!client.get::<IsPartitionMarkedForEvent>(asked("2")).await.unwrap());
    let missing = IsPartitionMarkedForEventArgs {
        tbl_name: some("nope"),
        ..asked("1")
    };
    let missing = client.outcome::<IsPartitionMarkedForEvent>(missing).await;
    assert!(missing.starts_with("UnknownTableException"), "{missing}");
}

fn marked(database: &str, value: &str) -> MarkPartitionForEventArgs {
    MarkPartitionForEventArgs {
        db_name: some(database),
        tbl_name: some("t"),
        part_vals: Some([("d".to_owned(), value.to_owned())].into()),
        event_type: Some(PartitionEventType::LOAD_DONE),
    }
}

async fn is_marked(client: &mut Client, database: &str, value: &str) -> bool {
    let MarkPartitionForEventArgs {
        db_name,
        tbl_name,
        part_vals,
        event_type,
    } = marked(database, value);
    let args = IsPartitionMarkedForEventArgs {
        db_name,
        tbl_name,
        part_vals,
        event_type,
    };
    client.get::<IsPartitionMarkedForEvent>(args).await.unwrap()
}

#[tokio::test]
async fn marks_go_with_what_they_are_of() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client
        .create_table(table("default", "t", "a int", "d string"))
        .await;
    let add = |value: &str| AddPartitionArgs {
        new_part: Some(partition("default", "t", &[value])),
    };
    client.call::<AddPartition>(add("1")).await.unwrap();
    for value in ["1", "2"] {
        client
            .call::<MarkPartitionForEvent>(marked("default", value))
            .await
            .unwrap();
    }
    let args = DropPartitionArgs {
        db_name: some("default"),
        tbl_name: some("t"),
        part_vals: Some(vec!["1".to_owned()]),
        delete_data: Some(false),
    };
    client.call::<DropPartition>(args).await.unwrap();
    assert!(
        !is_marked(&mut client, "default", "1").await,
        "it went with the partition"
    );
    assert!(
        is_marked(&mut client, "default", "2").await,
        "that of no partition yet stays"
    );
    let args = DropTableArgs {
        dbname: some("default"),
        name: some("t"),
        delete_data: Some(false),
    };
    client.call::<DropTable>(args).await.unwrap();
    client
        .create_table(table("default", "t", "a int", "d string"))
        .await;
    assert!(
        !is_marked(&mut client, "default", "2").await,
        "it went with the table"
    );
}

#[tokio::test]
async fn marks_are_of_a_branch_while_it_lives() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client
        .create_table(table("default", "t", "a int", "d string"))
        .await;
    server.branch("etl").await;
    client
        .call::<MarkPartitionForEvent>(marked("default@etl", "1"))
        .await
        .unwrap();
    assert!(is_marked(&mut client, "default@etl", "1").await);
    assert!(!is_marked(&mut client, "default", "1").await);
    let etl = RefName::parse("etl").unwrap();
    server.repository.delete_branch(&etl).await.unwrap();
    server.branch("etl").await;
    assert!(
        !is_marked(&mut client, "default@etl", "1").await,
        "it is another branch"
    );
    let commit = format!("default@{}", server.commit().await);
    let refused = client
        .outcome::<MarkPartitionForEvent>(marked(&commit, "1"))
        .await;
    assert!(
        refused.contains("read-only") || refused.contains("cannot be written"),
        "{refused}"
    );
    assert!(!is_marked(&mut client, &commit, "1").await);
}

async fn rebuild(client: &mut Client, id: i64) -> Option<LockState> {
    let args = GetLockMaterializationRebuildArgs {
        db_name: some("default"),
        table_name: some("v"),
        txn_id: Some(id),
    };
    let answer = client.get::<GetLockMaterializationRebuild>(args).await;
    answer.unwrap().state
}

#[tokio::test]
async fn one_transaction_rebuilds_a_view_at_a_time() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let args = OpenTxnsArgs {
        rqst: Some(OpenTxnRequest {
            num_txns: Some(2),
            ..OpenTxnRequest::default()
        }),
    };
    let ids = client.get::<OpenTxns>(args).await.unwrap().txn_ids.unwrap();
    assert_eq!(rebuild(&mut client, ids[0]).await, Some(LockState::ACQUIRED));
    assert_eq!(rebuild(&mut client, ids[1]).await, Some(LockState::NOT_ACQUIRED));
    let beat = |id| HeartbeatLockMaterializationRebuildArgs {
        db_name: some("default"),
        table_name: some("v"),
        txn_id: Some(id),
    };
    assert!(
        client
            .get::<HeartbeatLockMaterializationRebuild>(beat(ids[0]))
            .await
            .unwrap()
    );
    let args = CommitTxnArgs {
        rqst: Some(thrift_idl::types::CommitTxnRequest {
            txnid: Some(ids[0]),
            ..Default::default()
        }),
    };
    client.call::<CommitTxn>(args).await.unwrap();
    assert!(
        !client
            .get::<HeartbeatLockMaterializationRebuild>(beat(ids[0]))
            .await
            .unwrap()
    );
    assert_eq!(rebuild(&mut client, ids[1]).await, Some(LockState::ACQUIRED));
}

#[tokio::test]
async fn there_are_no_plans_no_schedules_and_no_compactions() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let plan = client.get::<GetActiveResourcePlan>(GetActiveResourcePlanArgs::default());
    assert!(plan.await.unwrap().resource_plan.is_none());
    let poll = client.get::<ScheduledQueryPoll>(ScheduledQueryPollArgs::default());
    assert!(poll.await.unwrap().execution_id.is_none());
    let shown = client
        .get::<ShowCompact>(ShowCompactArgs::default())
        .await
        .unwrap();
    assert_eq!(shown.compacts, Some(Vec::new()));
}
