//! Connections: what is unknown, broken, slow or too much.

use std::time::Duration;

use metastore::Limits;
use thrift_idl::methods::*;
use thrift_idl::{Framing, MessageKind, Protocol, Wire, decode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{Client, Server, some, table};

/// A call whose answer is known.
async fn still_works(client: &mut Client) {
    assert_eq!(
        client
            .get::<GetAllDatabases>(GetAllDatabasesArgs {})
            .await
            .unwrap(),
        ["default"]
    );
}

/// Waits until the server has closed the connection.
async fn is_closed(client: &mut Client) {
    let mut rest = Vec::new();
    let _ = client.stream.read_to_end(&mut rest).await;
}

fn wires() -> Vec<Wire> {
    let all = [
        (Protocol::Binary, true),
        (Protocol::Binary, false),
        (Protocol::Compact, true),
    ];
    let with = |framing| {
        move |(protocol, strict)| Wire {
            protocol,
            framing,
            strict,
        }
    };
    all.map(with(Framing::Unframed))
        .into_iter()
        .chain(all.map(with(Framing::Framed)))
        .collect()
}

#[tokio::test]
async fn every_way_to_speak_thrift() {
    let server = Server::start().await;
    for (i, wire) in wires().into_iter().enumerate() {
        let mut client = server.connect_as(wire).await;
        let name = format!("db{i}");
        client.create_database(&name).await;
        client.create_table(table(&name, "t", "a int", "d string")).await;
        let part = super::harness::partition(&name, "t", &["1"]);
        client
            .call::<AddPartition>(AddPartitionArgs { new_part: Some(part) })
            .await
            .unwrap();
        let args = GetPartitionsArgs {
            db_name: some(&name),
            tbl_name: some("t"),
            max_parts: Some(-1),
        };
        let found = client.get::<GetPartitions>(args).await.unwrap();
        assert_eq!(found[0].values.as_ref().unwrap(), &["1"], "{wire:?}");
        let missing = client.table(&name, "nope").await.unwrap_err().to_string();
        assert!(missing.starts_with("NoSuchObjectException"), "{missing}");
    }
}

#[tokio::test]
async fn unknown_methods_leave_the_stream_in_step() {
    let server = Server::start().await;
    for wire in wires() {
        let mut client = server.connect_as(wire).await;
        for name in ["get_everything", "get_open_txns_req_2", "é"] {
            let mut bytes = Vec::new();
            let body = GetTableArgs {
                dbname: some("a"),
                tbl_name: some("b"),
            };
            wire.write_message(&mut bytes, name, MessageKind::Call, 77, &body)
                .unwrap();
            client.stream.write_all(&bytes).await.unwrap();
            let (message, body) = client.message().await.unwrap();
            assert_eq!(
                (message.kind, message.seq, message.name.as_str()),
                (MessageKind::Exception, 77, name)
            );
            let error: thrift_idl::ApplicationError = decode(wire.protocol, &body).unwrap();
            assert_eq!(error.kind, Some(1));
            assert_eq!(error.message.unwrap(), format!("Invalid method name: '{name}'"));
            still_works(&mut client).await;
        }
    }
}

#[tokio::test]
async fn a_broken_body_is_answered_and_the_connection_goes_on() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    // a text that is not UTF-8 in the arguments of a known method
    let mut bytes = Vec::new();
    let body = GetTableArgs {
        dbname: some("xx"),
        tbl_name: some("t"),
    };
    client
        .wire
        .write_message(&mut bytes, "get_table", MessageKind::Call, 3, &body)
        .unwrap();
    let at = bytes.windows(2).position(|pair| pair == b"xx").unwrap();
    bytes[at] = 0xff;
    client.stream.write_all(&bytes).await.unwrap();
    let (message, body) = client.message().await.unwrap();
    assert_eq!((message.kind, message.seq), (MessageKind::Exception, 3));
    let error: thrift_idl::ApplicationError = decode(client.wire.protocol, &body).unwrap();
    assert_eq!(error.kind, Some(7));
    assert!(
        error
            .message
            .unwrap()
            .contains("text is not utf-8 in get_table_args.dbname")
    );
    still_works(&mut client).await;
}

#[tokio::test]
async fn replies_are_no_calls() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let mut bytes = Vec::new();
    client
        .wire
        .write_message(
            &mut bytes,
            "get_table",
            MessageKind::Reply,
            3,
            &GetTableArgs::default(),
        )
        .unwrap();
    client.stream.write_all(&bytes).await.unwrap();
    let (message, body) = client.message().await.unwrap();
    assert_eq!(message.kind, MessageKind::Exception);
    let error: thrift_idl::ApplicationError = decode(client.wire.protocol, &body).unwrap();
    assert_eq!(error.kind, Some(2));
    still_works(&mut client).await;
}

#[tokio::test]
async fn garbage_closes_the_connection_and_only_that() {
    let server = Server::start().await;
    let mut other = server.connect().await;
    still_works(&mut other).await;
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"hello metastore, are you there?",
        // a name of two gigabytes
        b"\x80\x01\x00\x01\x7f\xff\xff\xff\x00\x00",
        // a frame of two gigabytes
        b"\x7f\xff\xff\xff\x80\x01\x00\x01\x00\x00",
    ] {
        let mut client = server.connect().await;
        client.stream.write_all(garbage).await.unwrap();
        is_closed(&mut client).await;
    }
    still_works(&mut other).await;
}

#[tokio::test]
async fn huge_claims_are_refused_at_once() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    // add_partitions with a list that claims two thousand million partitions
    let mut bytes = Vec::new();
    client
        .wire
        .write_head(&mut bytes, "add_partitions", MessageKind::Call, 5);
    bytes.extend_from_slice(&[15, 0, 1, 12, 0x7f, 0xff, 0xff, 0xff]);
    client.stream.write_all(&bytes).await.unwrap();
    let (message, body) = client.message().await.unwrap();
    assert_eq!(
        (message.kind, message.seq, message.name.as_str()),
        (MessageKind::Exception, 5, "add_partitions")
    );
    let error: thrift_idl::ApplicationError = decode(client.wire.protocol, &body).unwrap();
    assert_eq!(error.kind, Some(7));
    assert!(error.message.unwrap().contains("above the limit"));
    is_closed(&mut client).await;
}

#[tokio::test]
async fn slow_and_half_open_clients_are_let_go() {
    let limits = Limits {
        idle: Duration::from_millis(200),
        message_deadline: Duration::from_millis(200),
        ..Limits::default()
    };
    let server = Server::with(limits, None).await;
    // never says a word
    let mut silent = server.connect().await;
    is_closed(&mut silent).await;
    // begins a call and stops
    let mut slow = server.connect().await;
    slow.stream.write_all(b"\x80\x01\x00\x01\x00\x00").await.unwrap();
    is_closed(&mut slow).await;
    // says its last word and closes its side
    let mut half = server.connect().await;
    half.send::<GetAllDatabases>(&GetAllDatabasesArgs {}).await;
    half.stream.shutdown().await.unwrap();
    let answer = half.receive::<GetAllDatabases>().await.unwrap();
    assert_eq!(answer.unwrap(), ["default"]);
    is_closed(&mut half).await;
}

#[tokio::test]
async fn too_many_connections_are_closed_at_once() {
    let server = Server::with(
        Limits {
            connections_max: 2,
            ..Limits::default()
        },
        None,
    )
    .await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    still_works(&mut first).await;
    still_works(&mut second).await;
    let mut third = server.connect().await;
    is_closed(&mut third).await;
    still_works(&mut first).await;
}

#[tokio::test]
async fn calls_are_answered_in_order_when_they_come_at_once() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.create_database("g1").await;
    let mut bytes = Vec::new();
    for n in 0..100 {
        let create = CreateTableArgs {
            tbl: Some(table("g1", &format!("t{n}"), "a int", "")),
        };
        client
            .wire
            .write_message(&mut bytes, "create_table", MessageKind::Call, 2 * n, &create)
            .unwrap();
        let list = GetAllTablesArgs { db_name: some("g1") };
        client
            .wire
            .write_message(&mut bytes, "get_all_tables", MessageKind::Call, 2 * n + 1, &list)
            .unwrap();
    }
    client.stream.write_all(&bytes).await.unwrap();
    for n in 0..100 {
        let (created, _) = client.message().await.unwrap();
        assert_eq!(created.seq, 2 * n);
        let (listed, body) = client.message().await.unwrap();
        assert_eq!(listed.seq, 2 * n + 1);
        let reply: GetAllTablesReply = decode(client.wire.protocol, &body).unwrap();
        assert_eq!(reply.success.unwrap().len(), usize::try_from(n).unwrap() + 1);
    }
}

#[tokio::test]
async fn a_message_may_come_byte_by_byte() {
    let server = Server::start().await;
    for wire in wires() {
        let mut client = server.connect_as(wire).await;
        let mut bytes = Vec::new();
        let args = GetTableArgs {
            dbname: some("default"),
            tbl_name: some("t"),
        };
        wire.write_message(&mut bytes, "get_table", MessageKind::Call, 1, &args)
            .unwrap();
        client.stream.set_nodelay(true).unwrap();
        for byte in bytes {
            client.stream.write_all(&[byte]).await.unwrap();
            client.stream.flush().await.unwrap();
        }
        assert_eq!(
            client.message().await.unwrap().0.kind,
            MessageKind::Reply,
            "{wire:?}"
        );
    }
}

#[tokio::test]
async fn goodbye_needs_no_answer() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    still_works(&mut client).await;
    let mut bytes = Vec::new();
    client
        .wire
        .write_message(&mut bytes, "shutdown", MessageKind::Oneway, 9, &ShutdownArgs {})
        .unwrap();
    client.stream.write_all(&bytes).await.unwrap();
    assert!(client.message().await.is_none());
    still_works(&mut server.connect().await).await;
}
