//! Marks of partitions, and what is asked before a materialized view is rebuilt.

use thrift_idl::methods::*;
use thrift_idl::types::{LockState, OpenTxnRequest, PartitionEventType};

use super::harness::{Client, Server, some};
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
