//! Notifications, against those that the original was seen to write, and under many writers.

use std::collections::BTreeMap;

use thrift_idl::methods::*;
use thrift_idl::types::{
    FireEventRequest, FireEventRequestData, InsertEventRequestData, NotificationEvent,
    NotificationEventRequest, NotificationEventsCountRequest,
};

use versioning::RefName;
use versioning::refs::CommitMode;

use super::harness::{Client, Server, partition, some, table, texts};

pub(super) async fn events_after(client: &mut Client, last: i64) -> Vec<NotificationEvent> {
    let request = NotificationEventRequest {
        last_event: Some(last),
        ..NotificationEventRequest::default()
    };
    wanted(client, request).await
}

async fn wanted(client: &mut Client, request: NotificationEventRequest) -> Vec<NotificationEvent> {
    let args = GetNextNotificationArgs { rqst: Some(request) };
    client
        .get::<GetNextNotification>(args)
        .await
        .unwrap()
        .events
        .unwrap()
}

async fn current(client: &mut Client) -> i64 {
    let args = GetCurrentNotificationEventIdArgs {};
    let current = client.get::<GetCurrentNotificationEventId>(args).await;
    current.unwrap().event_id.unwrap()
}

/// Spells events as the recording of the original does.
pub(super) fn spell(event: &NotificationEvent) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "None".into());
    format!(
        "{} {} {} {} {}",
        event.event_id.unwrap(),
        text(&event.event_type),
        text(&event.db_name),
        text(&event.table_name),
        text(&event.message_format),
    )
}

fn alter(name: &str, new: thrift_idl::types::Table) -> AlterTableArgs {
    AlterTableArgs {
        dbname: some("n1"),
        tbl_name: some(name),
        new_tbl: Some(new),
    }
}

/// The history that the recording is of.
async fn history(client: &mut Client) {
    client.create_database("n1").await;
    client.create_table(table("N1", "T1", "a int", "p string")).await;
    for value in ["x y/z", "b"] {
        let args = AddPartitionArgs {
            new_part: Some(partition("n1", "t1", &[value])),
        };
        client.call::<AddPartition>(args).await.unwrap();
    }
    let mut changed = client.table("n1", "t1").await.unwrap();
    changed
        .parameters
        .get_or_insert_default()
        .insert("k".into(), "v".into());
    client
        .call::<AlterTable>(alter("t1", changed.clone()))
        .await
        .unwrap();
    changed.table_name = some("t2");
    client.call::<AlterTable>(alter("t1", changed)).await.unwrap();
    let args = DropPartitionArgs {
        db_name: some("n1"),
        tbl_name: some("t2"),
        part_vals: Some(texts(&["b"])),
        delete_data: Some(true),
    };
    client.call::<DropPartition>(args).await.unwrap();
    let args = DropTableArgs {
        dbname: some("n1"),
        name: some("t2"),
        delete_data: Some(true),
    };
    client.call::<DropTable>(args).await.unwrap();
    let args = DropDatabaseArgs {
        name: some("n1"),
        ..DropDatabaseArgs::default()
    };
    client.call::<DropDatabase>(args).await.unwrap();
}

#[tokio::test]
async fn a_history_is_told_as_the_original_tells_it() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    assert_eq!(current(&mut client).await, 0);
    history(&mut client).await;
    assert_eq!(current(&mut client).await, 9);
    let events = events_after(&mut client, 0).await;
    assert_eq!(
        events.iter().map(spell).collect::<Vec<_>>(),
        [
            "1 CREATE_DATABASE n1 None json-0.2",
            "2 CREATE_TABLE n1 t1 json-0.2",
            "3 ADD_PARTITION n1 t1 json-0.2",
            "4 ADD_PARTITION n1 t1 json-0.2",
            "5 ALTER_TABLE n1 t1 json-0.2",
            "6 ALTER_TABLE n1 t2 json-0.2",
            "7 DROP_PARTITION n1 t2 json-0.2",
            "8 DROP_TABLE n1 t2 json-0.2",
            "9 DROP_DATABASE n1 None json-0.2",
        ]
    );
    let begins = |place: usize, text: &str| {
        let message = events[place].message.as_deref().unwrap();
        assert!(message.starts_with(text), "{message}");
    };
    begins(
        0,
        r#"{"server":"","servicePrincipal":"","db":"n1","dbJson":"{\"1\":{\"str\":\"n1\"},"#,
    );
    begins(
        1,
        r#"{"server":"","servicePrincipal":"","db":"n1","table":"t1","tableType":"MANAGED_TABLE","tableObjJson":"{\"1\":{\"str\":\"t1\"},\"2\":{\"str\":\"n1\"},\"3\":{\"str\":\"o\"},\"4\":{\"i32\":"#,
    );
    begins(
        5,
        r#"{"server":"","servicePrincipal":"","db":"n1","table":"t1","tableType":"MANAGED_TABLE","tableObjBeforeJson":"{\"1\":{\"str\":\"t1\"}"#,
    );
    let added = events[2].message.as_deref().unwrap();
    assert!(
        added.contains(
            r#""partitions":[{"p":"x y/z"}],"partitionListJson":["{\"1\":{\"lst\":[\"str\",1,\"x y/z\"]}"#
        ),
        "{added}"
    );
    assert_eq!(
        events[8]
            .message
            .as_deref()
            .unwrap()
            .split("\"timestamp\"")
            .next(),
        Some(r#"{"server":"","servicePrincipal":"","db":"n1","#)
    );
    assert!(
        events
            .iter()
            .all(|event| event.event_time.unwrap() > 1_700_000_000)
    );
}

#[tokio::test]
async fn clients_ask_for_some_of_them() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    history(&mut client).await;
    client.create_database("other").await;
    let ids = |events: Vec<NotificationEvent>| -> Vec<i64> {
        events.iter().map(|event| event.event_id.unwrap()).collect()
    };
    let request = |last: i64| NotificationEventRequest {
        last_event: Some(last),
        ..NotificationEventRequest::default()
    };
    assert_eq!(ids(events_after(&mut client, 8).await), [9, 10]);
    assert_eq!(ids(events_after(&mut client, 10).await), [0; 0]);
    let some_of = NotificationEventRequest {
        max_events: Some(2),
        ..request(3)
    };
    assert_eq!(ids(wanted(&mut client, some_of).await), [4, 5]);
    let of_database = NotificationEventRequest {
        db_name: some("OTHER"),
        ..request(0)
    };
    assert_eq!(ids(wanted(&mut client, of_database).await), [10]);
    let skipping = NotificationEventRequest {
        event_type_skip_list: Some(texts(&["ALTER_TABLE", "ADD_PARTITION"])),
        table_names: Some(texts(&["t1", "t2"])),
        ..request(0)
    };
    assert_eq!(ids(wanted(&mut client, skipping).await), [2, 7, 8]);
    let count = NotificationEventsCountRequest {
        from_event_id: Some(2),
        db_name: some("n1"),
        to_event_id: Some(8),
        ..NotificationEventsCountRequest::default()
    };
    let args = GetNotificationEventsCountArgs { rqst: Some(count) };
    let counted = client.get::<GetNotificationEventsCount>(args).await.unwrap();
    assert_eq!(counted.events_count, Some(6));
}

/// Partitions altered together are stored as one run, and told one by one: from the middle, some of them, counted.
#[tokio::test]
async fn partitions_altered_together_are_events_of_their_own() {
    let (_server, mut client) = Server::with_table(table("db", "t", "a int", "p string")).await;
    let parts: Vec<_> = ["a", "b", "c", "d"]
        .map(|value| partition("db", "t", &[value]))
        .into();
    let args = AddPartitionsArgs {
        new_parts: Some(parts.clone()),
    };
    client.call::<AddPartitions>(args).await.unwrap();
    let marked = parts.into_iter().map(|mut part| {
        part.parameters
            .get_or_insert_default()
            .insert("k".into(), "v".into());
        part
    });
    let args = AlterPartitionsArgs {
        db_name: some("db"),
        tbl_name: some("t"),
        new_parts: Some(marked.collect()),
    };
    client.call::<AlterPartitions>(args).await.unwrap();
    assert_eq!(current(&mut client).await, 7);
    let events = events_after(&mut client, 5).await;
    let told: Vec<String> = events.iter().map(spell).collect();
    assert_eq!(
        told,
        [
            "6 ALTER_PARTITION db t json-0.2",
            "7 ALTER_PARTITION db t json-0.2"
        ]
    );
    for (event, value) in events.iter().zip(["c", "d"]) {
        let message = event.message.as_deref().unwrap();
        assert!(
            message.contains(&format!(r#""keyValues":{{"p":"{value}"}}"#)),
            "{message}"
        );
    }
    let some_of = NotificationEventRequest {
        last_event: Some(4),
        max_events: Some(2),
        ..NotificationEventRequest::default()
    };
    let some_of = wanted(&mut client, some_of).await;
    assert_eq!(
        some_of
            .iter()
            .map(|event| event.event_id.unwrap())
            .collect::<Vec<_>>(),
        [5, 6]
    );
}

#[tokio::test]
async fn inserts_are_told_when_engines_say_so() {
    let (_server, mut client) = Server::with_table(table("db", "t", "a int", "")).await;
    let data = InsertEventRequestData {
        replace: Some(true),
        files_added: Some(texts(&["s3a://lake/main/db.db/t/f"])),
        files_added_checksum: Some(texts(&["5"])),
        ..InsertEventRequestData::default()
    };
    let request = FireEventRequest {
        successful: Some(true),
        data: Some(FireEventRequestData {
            insert_data: Some(data),
            ..Default::default()
        }),
        db_name: some("db"),
        table_name: some("t"),
        ..FireEventRequest::default()
    };
    let args = FireListenerEventArgs { rqst: Some(request) };
    client.call::<FireListenerEvent>(args).await.unwrap();
    let events = events_after(&mut client, 2).await;
    assert_eq!(spell(&events[0]), "3 INSERT db t json-0.2");
    let message = events[0].message.as_deref().unwrap();
    assert!(
        message.ends_with(r#""replace":"true","files":["s3a://lake/main/db.db/t/f###"]}"#),
        "{message}"
    );
}

#[tokio::test]
async fn a_branch_tells_its_own_and_what_fails_tells_nothing() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.create_database("db").await;
    server.branch("etl").await;
    client.create_table(table("db@etl", "t", "a int", "")).await;
    let again = CreateTableArgs {
        tbl: Some(table("db@etl", "t", "a int", "")),
    };
    assert!(client.call::<CreateTable>(again).await.is_err());
    assert_eq!(current(&mut client).await, 1);
    let on_etl = NotificationEventRequest {
        last_event: Some(0),
        cat_name: some("hive@etl"),
        ..NotificationEventRequest::default()
    };
    let told = wanted(&mut client, on_etl).await;
    assert_eq!(
        told.iter().map(spell).collect::<Vec<_>>(),
        ["1 CREATE_TABLE db t json-0.2"]
    );
}

/// What readers saw already is not told again.
#[tokio::test]
async fn what_is_staged_and_merged_alike_is_told_once() {
    let (server, mut client) = Server::with_table(table("db", "t", "a int", "")).await;
    server.branch("etl").await;
    let main = RefName::parse("main").unwrap();
    let staged = server
        .repository
        .set_branch_rules(&main, CommitMode::Staged, None);
    staged.await.unwrap();
    for database in ["db@etl", "db"] {
        let args = DropTableArgs {
            dbname: some(database),
            name: some("t"),
            delete_data: Some(true),
        };
        client.call::<DropTable>(args).await.unwrap();
    }
    client.create_table(table("db@etl", "new", "a int", "")).await;
    server.commit_on("etl").await;
    let before = current(&mut client).await;
    server.merge("etl").await;
    let told = events_after(&mut client, before).await;
    let kinds: Vec<_> = told
        .iter()
        .map(|event| spell(event).split_once(' ').unwrap().1.to_owned())
        .collect();
    assert_eq!(kinds, ["CREATE_TABLE db new json-0.2"]);
}

/// Merges and resets are told as the difference that they make.
#[tokio::test]
async fn moves_of_the_head_are_told() {
    let (server, mut client) = Server::with_table(table("db", "old", "a int", "")).await;
    client.create_table(table("db", "p", "a int", "d string")).await;
    server.branch("etl").await;
    client.create_table(table("db@etl", "new", "a int", "")).await;
    let args = DropTableArgs {
        dbname: some("db@etl"),
        name: some("old"),
        delete_data: Some(true),
    };
    client.call::<DropTable>(args).await.unwrap();
    for value in ["1", "2"] {
        let args = AddPartitionArgs {
            new_part: Some(partition("db@etl", "p", &[value])),
        };
        client.call::<AddPartition>(args).await.unwrap();
    }
    server.commit_on("etl").await;
    assert_eq!(current(&mut client).await, 3, "commits tell nothing");
    server.merge("etl").await;
    let told: Vec<_> = events_after(&mut client, 3).await;
    let mut kinds: Vec<_> = told
        .iter()
        .map(|event| spell(event).split_once(' ').unwrap().1.to_owned())
        .collect();
    kinds.sort();
    assert_eq!(
        kinds,
        [
            "ADD_PARTITION db p json-0.2",
            "CREATE_TABLE db new json-0.2",
            "DROP_TABLE db old json-0.2",
        ]
    );
    let added = told
        .iter()
        .find(|event| event.event_type.as_deref() == Some("ADD_PARTITION"));
    let message = added.unwrap().message.as_deref().unwrap();
    assert!(
        message.contains(r#""partitions":[{"d":"1"},{"d":"2"}]"#),
        "{message}"
    );
    assert!(
        message.contains("s3a://lake/main/db.db/p/d=1"),
        "at the ref that moved: {message}"
    );

    client.create_table(table("db@etl", "draft", "a int", "")).await;
    let etl = RefName::parse("etl").unwrap();
    let before = server.repository.last_event(&etl).await.unwrap();
    server.repository.reset(&etl).await.unwrap();
    let events = server.repository.events(&etl, before, 9).await.unwrap();
    assert_eq!(events.len(), 1, "the table is gone again");
}

/// Many clients at once: what the events tell, followed in order, leads to what is there, and each step follows
/// from the one before.
#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_events_is_that_of_effects() {
    const CLIENTS: usize = 8;
    const ROUNDS: usize = 12;
    let server = Server::start().await;
    server.connect().await.create_database("db").await;
    let mut tasks = Vec::new();
    for n in 0..CLIENTS {
        let mut client = server.connect().await;
        tasks.push(tokio::spawn(async move {
            for round in 0..ROUNDS {
                // all fight for three names, so that many calls fail
                let name = format!("t{}", (n + round) % 3);
                if (n * 7 + round) % 2 == 0 {
                    let args = CreateTableArgs {
                        tbl: Some(table("db", &name, "a int", "")),
                    };
                    let _ = client.outcome::<CreateTable>(args).await;
                } else {
                    let args = DropTableArgs {
                        dbname: some("db"),
                        name: Some(name),
                        delete_data: Some(true),
                    };
                    let _ = client.outcome::<DropTable>(args).await;
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let mut client = server.connect().await;
    let events = events_after(&mut client, 0).await;
    let mut there: BTreeMap<String, bool> = BTreeMap::new();
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event.event_id, Some(place as i64 + 1), "ids are dense");
        let Some(name) = event.table_name.clone() else {
            continue;
        };
        let made = event.event_type.as_deref() == Some("CREATE_TABLE");
        let before = there.insert(name, made).unwrap_or_default();
        assert_ne!(before, made, "{} follows from what was before", spell(event));
    }
    there.retain(|_, there| *there);
    let args = GetAllTablesArgs { db_name: some("db") };
    let tables = client.get::<GetAllTables>(args).await.unwrap();
    assert_eq!(there.into_keys().collect::<Vec<_>>(), tables);
    assert_eq!(current(&mut client).await, events.len() as i64);
}
