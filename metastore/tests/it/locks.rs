//! Locks as Iceberg, PyIceberg and Trino take them, against the recorded outcomes of the original.

use thrift_idl::methods::*;
use thrift_idl::types::{
    CheckLockRequest, DataOperationType, HeartbeatRequest, LockComponent, LockLevel, LockRequest,
    LockResponse, LockState, LockType, ShowLocksRequest, ShowLocksResponseElement, UnlockRequest,
};

use super::harness::{Client, Server, some};

fn part(database: &str, kind: LockType) -> LockComponent {
    LockComponent {
        r#type: Some(kind),
        level: Some(LockLevel::TABLE),
        dbname: some(database),
        tablename: some("T"),
        partitionname: None,
        operation_type: Some(DataOperationType::UNSET),
        is_transactional: Some(false),
        is_dynamic_partition_write: None,
    }
}

async fn lock(client: &mut Client, database: &str, kind: LockType) -> LockResponse {
    let request = LockRequest {
        component: Some(vec![part(database, kind)]),
        user: some("ann"),
        hostname: some("box"),
        agent_info: some("Iceberg-1"),
        ..LockRequest::default()
    };
    let args = LockArgs { rqst: Some(request) };
    client.get::<Lock>(args).await.unwrap()
}

async fn exclusive(client: &mut Client, database: &str) -> (i64, LockState) {
    let answer = lock(client, database, LockType::EXCLUSIVE).await;
    (answer.lockid.unwrap(), answer.state.unwrap())
}

fn check(id: i64) -> CheckLockArgs {
    let request = CheckLockRequest {
        lockid: Some(id),
        ..CheckLockRequest::default()
    };
    CheckLockArgs { rqst: Some(request) }
}

async fn state(client: &mut Client, id: i64) -> LockState {
    client.get::<CheckLock>(check(id)).await.unwrap().state.unwrap()
}

async fn unlock(client: &mut Client, id: i64) -> String {
    let args = UnlockArgs {
        rqst: Some(UnlockRequest { lockid: Some(id) }),
    };
    client.outcome::<Unlock>(args).await
}

async fn heartbeat(client: &mut Client, id: i64) -> String {
    let request = HeartbeatRequest {
        lockid: Some(id),
        txnid: None,
    };
    client
        .outcome::<Heartbeat>(HeartbeatArgs { ids: Some(request) })
        .await
}

async fn shown(client: &mut Client, request: ShowLocksRequest) -> Vec<ShowLocksResponseElement> {
    let args = ShowLocksArgs { rqst: Some(request) };
    client.get::<ShowLocks>(args).await.unwrap().locks.unwrap()
}

#[tokio::test]
async fn one_waits_for_the_other() {
    let server = Server::start().await;
    let (mut one, mut other) = (server.connect().await, server.connect().await);
    assert_eq!(exclusive(&mut one, "db").await, (1, LockState::ACQUIRED));
    assert_eq!(exclusive(&mut other, "DB").await, (2, LockState::WAITING));
    assert_eq!(state(&mut other, 2).await, LockState::WAITING);
    assert_eq!(heartbeat(&mut one, 1).await, "ok");

    let locks = shown(
        &mut one,
        ShowLocksRequest {
            dbname: some("Db"),
            ..Default::default()
        },
    )
    .await;
    let spell = |lock: &ShowLocksResponseElement| {
        let names = (lock.dbname.clone().unwrap(), lock.tablename.clone().unwrap());
        (
            lock.lockid.unwrap(),
            lock.state.unwrap(),
            names,
            lock.blocked_by_ext_id,
        )
    };
    let names = || ("db".to_owned(), "t".to_owned());
    assert_eq!(
        locks.iter().map(spell).collect::<Vec<_>>(),
        [
            (1, LockState::ACQUIRED, names(), None),
            (2, LockState::WAITING, names(), Some(1))
        ]
    );
    assert_eq!(
        (locks[0].agent_info.as_deref(), locks[0].heartbeat_count),
        (Some("Iceberg-1"), Some(1))
    );
    let elsewhere = ShowLocksRequest {
        tablename: some("u"),
        ..Default::default()
    };
    assert_eq!(shown(&mut one, elsewhere).await, []);

    assert_eq!(unlock(&mut one, 1).await, "ok");
    assert_eq!(state(&mut other, 2).await, LockState::ACQUIRED);
    assert_eq!(unlock(&mut other, 2).await, "ok");
    assert_eq!(unlock(&mut other, 2).await, "ok", "it is idempotent");
    assert_eq!(
        heartbeat(&mut one, 6).await,
        "NoSuchLockException: No such lock: lockid:6"
    );
    assert_eq!(
        one.outcome::<CheckLock>(check(1)).await,
        "NoSuchLockException: No such lock lockid:1"
    );
    for expected in [3, 4] {
        let shared = lock(&mut one, "db", LockType::SHARED_READ).await;
        assert_eq!(
            (shared.lockid, shared.state),
            (Some(expected), Some(LockState::ACQUIRED))
        );
    }
}

#[tokio::test]
async fn branches_do_not_wait_for_each_other_and_tags_for_nobody() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.create_database("db").await;
    server.branch("etl").await;
    let commit = server.commit().await;
    assert_eq!(exclusive(&mut client, "db").await, (1, LockState::ACQUIRED));
    assert_eq!(exclusive(&mut client, "db@etl").await, (2, LockState::ACQUIRED));
    assert_eq!(exclusive(&mut client, "db@etl").await, (3, LockState::WAITING));
    let everywhere = shown(&mut client, ShowLocksRequest::default()).await;
    let names: Vec<_> = everywhere
        .iter()
        .map(|lock| lock.dbname.clone().unwrap())
        .collect();
    assert_eq!(names, ["db", "db@etl", "db@etl"]);
    for _ in 0..2 {
        let at = format!("db@{commit}");
        assert_eq!(exclusive(&mut client, &at).await, (0, LockState::ACQUIRED));
    }
    assert_eq!(state(&mut client, 0).await, LockState::ACQUIRED);
    assert_eq!(heartbeat(&mut client, 0).await, "ok");
    assert_eq!(unlock(&mut client, 0).await, "ok");
}

#[tokio::test]
async fn who_will_not_wait_is_told() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    exclusive(&mut client, "db").await;
    let request = LockRequest {
        component: Some(vec![part("db", LockType::SHARED_READ)]),
        user: some("ann"),
        hostname: some("box"),
        zero_wait_read_enabled: Some(true),
        ..LockRequest::default()
    };
    let answer = client
        .get::<Lock>(LockArgs { rqst: Some(request) })
        .await
        .unwrap();
    assert_eq!(answer.state, Some(LockState::NOT_ACQUIRED));
    assert!(answer.error_message.unwrap().contains("lockid:1"));
    assert_eq!(shown(&mut client, ShowLocksRequest::default()).await.len(), 1);
}

/// What was answered is durable, and another listener of the process sees it at once.
#[tokio::test]
async fn locks_hold_across_listeners() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    exclusive(&mut client, "db").await;
    let other = server.another_listener().await;
    let mut stranger = other.connect().await;
    assert_eq!(exclusive(&mut stranger, "db").await, (2, LockState::WAITING));
    assert_eq!(unlock(&mut client, 1).await, "ok");
    assert_eq!(state(&mut stranger, 2).await, LockState::ACQUIRED);
    assert_eq!(exclusive(&mut client, "db").await, (3, LockState::WAITING));
}
