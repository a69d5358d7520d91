//! Tokens, keys and runtime statistics come back as they were handed in.

use bytes::Bytes;
use thrift_idl::methods::*;
use thrift_idl::types::{GetRuntimeStatsRequest, RuntimeStat};

use super::harness::{Client, Server, some};

#[tokio::test]
async fn tokens_and_keys() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let add = |token: &str| AddTokenArgs {
        token_identifier: some("id"),
        delegation_token: some(token),
    };
    assert!(client.get::<AddToken>(add("a")).await.unwrap());
    assert!(
        !client.get::<AddToken>(add("b")).await.unwrap(),
        "it is there already"
    );
    let get = || GetTokenArgs {
        token_identifier: some("id"),
    };
    assert_eq!(client.get::<GetToken>(get()).await.unwrap(), "a");
    let ids = client
        .get::<GetAllTokenIdentifiers>(GetAllTokenIdentifiersArgs {})
        .await;
    assert_eq!(ids.unwrap(), ["id"]);
    let remove = || RemoveTokenArgs {
        token_identifier: some("id"),
    };
    assert!(client.get::<RemoveToken>(remove()).await.unwrap());
    assert!(!client.get::<RemoveToken>(remove()).await.unwrap());
    assert_eq!(client.get::<GetToken>(get()).await.unwrap(), "");

    for (key, seq) in [("k0", 0), ("k1", 1)] {
        let args = AddMasterKeyArgs { key: some(key) };
        assert_eq!(client.get::<AddMasterKey>(args).await.unwrap(), seq);
    }
    let update = |seq| UpdateMasterKeyArgs {
        seq_number: Some(seq),
        key: some("new"),
    };
    client.call::<UpdateMasterKey>(update(0)).await.unwrap();
    assert_eq!(
        client.outcome::<UpdateMasterKey>(update(7)).await,
        "NoSuchObjectException: No key found with keyId: 7"
    );
    let args = RemoveMasterKeyArgs { key_seq: Some(1) };
    assert!(client.get::<RemoveMasterKey>(args).await.unwrap());
    let keys = client.get::<GetMasterKeys>(GetMasterKeysArgs {}).await.unwrap();
    assert_eq!(keys, ["new"]);
}

async fn stats(client: &mut Client, weight_max: i32, time_max: i32) -> Vec<i32> {
    let request = GetRuntimeStatsRequest {
        max_weight: Some(weight_max),
        max_create_time: Some(time_max),
    };
    let args = GetRuntimeStatsArgs { rqst: Some(request) };
    let found = client.get::<GetRuntimeStats>(args).await.unwrap();
    found.into_iter().map(|stat| stat.weight.unwrap()).collect()
}

#[tokio::test]
async fn runtime_statistics() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let now_s = 1_767_225_600;
    for (weight, time) in [
        (1, now_s),
        (2, now_s + 20),
        (3, now_s + 10),
        (4, now_s - 30 * 86_400),
    ] {
        let stat = RuntimeStat {
            create_time: Some(time),
            weight: Some(weight),
            payload: Some(Bytes::from_static(b"json")),
        };
        client
            .call::<AddRuntimeStats>(AddRuntimeStatsArgs { stat: Some(stat) })
            .await
            .unwrap();
    }
    assert_eq!(stats(&mut client, -1, -1).await, [2, 3, 1, 4], "the latest first");
    assert_eq!(stats(&mut client, 5, -1).await, [2, 3]);
    assert_eq!(stats(&mut client, -1, now_s + 15).await, [3, 1, 4]);
    let stat = RuntimeStat {
        weight: Some(9),
        ..RuntimeStat::default()
    };
    client
        .call::<AddRuntimeStats>(AddRuntimeStatsArgs { stat: Some(stat) })
        .await
        .unwrap();
    let all = stats(&mut client, -1, -1).await;
    assert!(!all.contains(&4), "old ones are forgotten: {all:?}");
}
