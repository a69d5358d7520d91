//! Hive transactions as clients of Hive 3 and 4 open and end them.

use thrift_idl::methods::*;
use thrift_idl::types::*;

use super::harness::{Client, Server, some, table, texts};

async fn open(client: &mut Client, count: i32) -> Vec<i64> {
    let request = OpenTxnRequest {
        num_txns: Some(count),
        user: some("ann"),
        hostname: some("box"),
        ..OpenTxnRequest::default()
    };
    let args = OpenTxnsArgs { rqst: Some(request) };
    client.get::<OpenTxns>(args).await.unwrap().txn_ids.unwrap()
}

fn commit(id: i64) -> CommitTxnArgs {
    let request = CommitTxnRequest {
        txnid: Some(id),
        ..CommitTxnRequest::default()
    };
    CommitTxnArgs { rqst: Some(request) }
}

fn abort(id: i64) -> AbortTxnArgs {
    let request = AbortTxnRequest {
        txnid: Some(id),
        ..AbortTxnRequest::default()
    };
    AbortTxnArgs { rqst: Some(request) }
}

fn allocate(table: &str, ids: &[i64]) -> AllocateTableWriteIdsArgs {
    let request = AllocateTableWriteIdsRequest {
        db_name: some("Db"),
        table_name: some(table),
        txn_ids: Some(ids.to_vec()),
        ..AllocateTableWriteIdsRequest::default()
    };
    AllocateTableWriteIdsArgs { rqst: Some(request) }
}

async fn last_write(client: &mut Client, table: &str) -> i64 {
    let request = MaxAllocatedTableWriteIdRequest {
        db_name: some("db"),
        table_name: some(table),
    };
    let args = GetMaxAllocatedTableWriteIdArgs { rqst: Some(request) };
    let answer = client.get::<GetMaxAllocatedTableWriteId>(args).await;
    answer.unwrap().max_write_id.unwrap()
}

#[tokio::test]
async fn transactions_end_once() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    assert_eq!(open(&mut client, 3).await, [1, 2, 3]);
    for (outcome, expected) in [
        (client.outcome::<CommitTxn>(commit(1)).await, "ok"),
        (client.outcome::<CommitTxn>(commit(1)).await, "ok"),
        (client.outcome::<AbortTxn>(abort(2)).await, "ok"),
        (client.outcome::<AbortTxn>(abort(2)).await, "ok"),
        (
            client.outcome::<CommitTxn>(commit(2)).await,
            "TxnAbortedException: Transaction txnid:2 already aborted",
        ),
        (
            client.outcome::<AbortTxn>(abort(1)).await,
            "NoSuchTxnException: Transaction txnid:1 is already committed.",
        ),
        (
            client.outcome::<CommitTxn>(commit(9)).await,
            "NoSuchTxnException: No such transaction txnid:9",
        ),
    ] {
        assert_eq!(outcome, expected);
    }
    let open = client.get::<GetOpenTxns>(GetOpenTxnsArgs {}).await.unwrap();
    assert_eq!(
        (open.txn_high_water_mark, open.open_txns, open.min_open_txn),
        (Some(3), Some(vec![2, 3]), Some(3))
    );
    assert_eq!(open.aborted_bits.as_deref(), Some(&[1][..]));
    let info = client
        .get::<GetOpenTxnsInfo>(GetOpenTxnsInfoArgs {})
        .await
        .unwrap();
    let states: Vec<_> = info
        .open_txns
        .unwrap()
        .iter()
        .map(|it| (it.id, it.state))
        .collect();
    assert_eq!(
        states,
        [
            (Some(2), Some(TxnState::ABORTED)),
            (Some(3), Some(TxnState::OPEN))
        ]
    );
    let range = HeartbeatTxnRangeRequest {
        min: Some(1),
        max: Some(4),
    };
    let args = HeartbeatTxnRangeArgs { txns: Some(range) };
    let beaten = client.get::<HeartbeatTxnRange>(args).await.unwrap();
    assert_eq!(beaten.aborted.unwrap().into_iter().collect::<Vec<_>>(), [2]);
    assert_eq!(beaten.nosuch.unwrap().into_iter().collect::<Vec<_>>(), [1, 4]);
}

#[tokio::test]
async fn write_ids_follow_their_table() {
    let (_server, mut client) = Server::with_table(table("db", "t", "a int", "")).await;
    open(&mut client, 2).await;
    let given = client.get::<AllocateTableWriteIds>(allocate("T", &[1, 2])).await;
    let given: Vec<_> = given.unwrap().txn_to_write_ids.unwrap();
    assert_eq!(
        given
            .iter()
            .map(|pair| pair.write_id.unwrap())
            .collect::<Vec<_>>(),
        [1, 2]
    );
    client.call::<CommitTxn>(commit(1)).await.unwrap();
    let request = GetValidWriteIdsRequest {
        full_table_names: Some(texts(&["db.t", "db.u"])),
        valid_txn_list: some("2:2:2:"),
        write_id: None,
    };
    let args = GetValidWriteIdsArgs { rqst: Some(request) };
    let valid = client
        .get::<GetValidWriteIds>(args)
        .await
        .unwrap()
        .tbl_valid_write_ids
        .unwrap();
    assert_eq!(
        (
            valid[0].full_table_name.as_deref(),
            valid[0].write_id_high_water_mark
        ),
        (Some("db.t"), Some(2))
    );
    assert_eq!(
        (&valid[0].invalid_write_ids, valid[0].min_open_write_id),
        (&Some(vec![2]), Some(2))
    );
    assert_eq!(
        (valid[1].write_id_high_water_mark, valid[1].min_open_write_id),
        (Some(0), None)
    );
    assert_eq!(
        client.outcome::<AllocateTableWriteIds>(allocate("t", &[1])).await,
        "NoSuchTxnException: Transaction txnid:1 is already committed."
    );
    let renamed = AlterTableArgs {
        dbname: some("db"),
        tbl_name: some("t"),
        new_tbl: Some(table("db", "R", "a int", "")),
    };
    client.call::<AlterTable>(renamed).await.unwrap();
    assert_eq!(last_write(&mut client, "r").await, 2);
    let request = SeedTableWriteIdsRequest {
        db_name: some("db"),
        table_name: some("s"),
        seed_write_id: Some(8),
    };
    client
        .call::<SeedWriteId>(SeedWriteIdArgs { rqst: Some(request) })
        .await
        .unwrap();
    assert_eq!(last_write(&mut client, "s").await, 8);
}

#[tokio::test]
async fn locks_of_transactions_go_with_them() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    open(&mut client, 2).await;
    let lock = |txn, database: &str| {
        let component = LockComponent {
            r#type: Some(LockType::EXCL_WRITE),
            level: Some(LockLevel::TABLE),
            dbname: some(database),
            tablename: some("t"),
            operation_type: Some(DataOperationType::UPDATE),
            is_transactional: Some(true),
            ..LockComponent::default()
        };
        let request = LockRequest {
            component: Some(vec![component]),
            txnid: Some(txn),
            user: some("ann"),
            hostname: some("box"),
            ..LockRequest::default()
        };
        LockArgs { rqst: Some(request) }
    };
    let first = client.get::<Lock>(lock(1, "db")).await.unwrap();
    assert_eq!(first.state, Some(LockState::ACQUIRED));
    let second = client.get::<Lock>(lock(2, "db")).await.unwrap();
    assert_eq!(second.state, Some(LockState::WAITING));
    let args = UnlockArgs {
        rqst: Some(UnlockRequest { lockid: Some(1) }),
    };
    assert_eq!(
        client.outcome::<Unlock>(args).await,
        "TxnOpenException: Unlocking locks associated with transaction not permitted.  lockid:1 intLockId:1 \
         txnid:1 db:db table:t partition:null state:ACQUIRED type:EXCL_WRITE"
    );
    client.call::<CommitTxn>(commit(1)).await.unwrap();
    let check = CheckLockArgs {
        rqst: Some(CheckLockRequest {
            lockid: Some(2),
            ..CheckLockRequest::default()
        }),
    };
    assert_eq!(
        client.get::<CheckLock>(check).await.unwrap().state,
        Some(LockState::ACQUIRED)
    );
    let conflict = client.outcome::<CommitTxn>(commit(2)).await;
    assert!(
        conflict.starts_with("TxnAbortedException: Aborting [txnid:2,2] due to a write conflict on db/t"),
        "{conflict}"
    );
    assert_eq!(
        client.outcome::<Lock>(lock(2, "db")).await,
        "TxnAbortedException: Transaction txnid:2 already aborted"
    );
    assert_eq!(
        client.outcome::<Lock>(lock(7, "db")).await,
        "NoSuchTxnException: No such transaction txnid:7"
    );
}
