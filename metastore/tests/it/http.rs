//! Thrift over HTTP: paths, users, tokens, long answers, and what is no call.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use metastore::{Door, Limits, Tokens, Transport};
use thrift_idl::methods::*;
use thrift_idl::{ApplicationError, Framing, MessageKind, Outcome, Protocol, Rpc, Scanner, Wire, decode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{Server, partition, some, table};

const THRIFT: &str = "application/x-thrift";

async fn serve(tokens: Option<&str>, limits: Limits) -> Server {
    let tokens = tokens.map(|text| Tokens::parse(text).unwrap());
    let door = Door {
        transport: Transport::Http { tokens },
        tls: None,
    };
    Server::behind(door, limits, None).await
}

/// A connection on which requests follow each other.
struct Client {
    sender: SendRequest<Full<Bytes>>,
    wire: Wire,
    path: &'static str,
    headers: Vec<(&'static str, &'static str)>,
}

impl Client {
    async fn of(server: &Server) -> Client {
        let (sender, connection) = handshake(TokioIo::new(server.stream().await)).await.unwrap();
        tokio::spawn(connection);
        Client {
            sender,
            wire: Wire::default(),
            path: "/metastore",
            headers: vec![("content-type", THRIFT)],
        }
    }

    async fn send(&mut self, method: &str, body: Vec<u8>) -> Response<Incoming> {
        let mut request = Request::builder()
            .method(method)
            .uri(self.path)
            .header("host", "skep");
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body)).unwrap();
        self.sender.ready().await.unwrap();
        self.sender.send_request(request).await.unwrap()
    }

    async fn post(&mut self, body: Vec<u8>) -> (StatusCode, HeaderMap, Bytes) {
        let (head, body) = self.send("POST", body).await.into_parts();
        (
            head.status,
            head.headers,
            body.collect().await.unwrap().to_bytes(),
        )
    }

    fn message<R: Rpc>(&self, kind: MessageKind, args: &R::Args) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.wire
            .write_message(&mut bytes, R::METHOD.name, kind, 7, args)
            .unwrap();
        bytes
    }

    /// Calls a method; returns its value, or its exception as a text.
    async fn call<R: Rpc>(
        &mut self,
        args: R::Args,
    ) -> Result<Option<<R::Reply as Outcome>::Success>, String> {
        let (status, headers, body) = self.post(self.message::<R>(MessageKind::Call, &args)).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers[CONTENT_TYPE], THRIFT);
        let message = Scanner::new(self.wire, Default::default())
            .scan(&body)
            .unwrap()
            .unwrap();
        assert_eq!((message.seq, message.end), (7, body.len()));
        let body = &body[message.body];
        if message.kind == MessageKind::Exception {
            let error: ApplicationError = decode(self.wire.protocol, body).unwrap();
            return Err(error.message.unwrap());
        }
        let reply: R::Reply = decode(self.wire.protocol, body).unwrap();
        reply.into_result().map_err(|thrown| thrown.to_string())
    }

    async fn databases(&mut self) -> Vec<String> {
        let all = self.call::<GetAllDatabases>(GetAllDatabasesArgs {}).await;
        all.unwrap().unwrap()
    }

    /// Creates a database, and returns whom it belongs to.
    async fn owner_of_a_new_database(&mut self, name: &str) -> Option<String> {
        let database = thrift_idl::types::Database {
            name: some(name),
            ..Default::default()
        };
        let database = Some(database);
        self.call::<CreateDatabase>(CreateDatabaseArgs { database })
            .await
            .unwrap();
        let found = self
            .call::<GetDatabase>(GetDatabaseArgs { name: some(name) })
            .await;
        found.unwrap().unwrap().owner_name
    }
}

#[tokio::test]
async fn calls_follow_each_other_on_a_connection() {
    let server = serve(None, Limits::default()).await;
    let mut client = Client::of(&server).await;
    for (protocol, framing) in [
        (Protocol::Binary, Framing::Unframed),
        (Protocol::Compact, Framing::Unframed),
        (Protocol::Binary, Framing::Framed),
    ] {
        client.wire = Wire {
            protocol,
            framing,
            strict: true,
        };
        assert_eq!(client.databases().await, ["default"]);
        let args = GetDatabaseArgs { name: some("nope") };
        let missing = client.call::<GetDatabase>(args).await.unwrap_err();
        assert!(missing.starts_with("NoSuchObjectException"), "{missing}");
    }
    let goodbye = client.message::<Shutdown>(MessageKind::Oneway, &ShutdownArgs {});
    let (status, _, body) = client.post(goodbye).await;
    assert_eq!((status, body.len()), (StatusCode::OK, 0));
    assert_eq!(client.databases().await, ["default"]);
}

#[tokio::test]
async fn the_path_names_a_repository_and_a_ref() {
    let server = serve(None, Limits::default()).await;
    let mut client = Client::of(&server).await;
    client.owner_of_a_new_database("before").await;
    server.branch("etl").await;
    client.path = "/repositories/lake/refs/etl/*";
    client.owner_of_a_new_database("after").await;
    let args = GetDatabaseArgs { name: some("after") };
    let found = client
        .call::<GetDatabase>(args)
        .await
        .unwrap()
        .unwrap()
        .location_uri;
    assert_eq!(found.unwrap(), "s3a://lake/etl/after.db");
    for path in ["/", "/metastore", "/repositories/lake/refs/main"] {
        client.path = path;
        assert_eq!(client.databases().await, ["before", "default"], "{path}");
    }
    // a suffix of the name says more than the path
    let args = GetDatabaseArgs {
        name: some("after@etl"),
    };
    assert!(client.call::<GetDatabase>(args).await.is_ok());
    client.path = "/repositories/lake/refs/none";
    let args = GetDatabaseArgs { name: some("before") };
    assert!(
        client
            .call::<GetDatabase>(args)
            .await
            .unwrap_err()
            .contains("none")
    );
    client.path = "/repositories/LAKE";
    assert_eq!(client.post(Vec::new()).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_header_says_who_calls() {
    let server = serve(None, Limits::default()).await;
    let mut client = Client::of(&server).await;
    client.headers.push(("x-actor-username", "ann"));
    assert_eq!(client.owner_of_a_new_database("a").await, some("ann"));
    // what a call sets for its session ends with it
    let ugi = SetUgiArgs {
        user_name: some("ben"),
        group_names: None,
    };
    let principals = client.call::<SetUgi>(ugi).await.unwrap().unwrap();
    assert_eq!(principals, ["ben"]);
    assert_eq!(client.owner_of_a_new_database("b").await, some("ann"));
}

#[tokio::test]
async fn tokens_open_and_say_who_calls() {
    let server = serve(Some("ann:let-ann-in\nben:let-ben-in"), Limits::default()).await;
    let mut client = Client::of(&server).await;
    let call = client.message::<GetAllDatabases>(MessageKind::Call, &GetAllDatabasesArgs {});
    let (status, headers, _) = client.post(call.clone()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(headers[WWW_AUTHENTICATE], r#"Bearer realm="skep""#);
    client.headers.push(("authorization", "Bearer let-them-in"));
    let (status, headers, body) = client.post(call).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        headers[WWW_AUTHENTICATE],
        r#"Bearer realm="skep", error="invalid_token""#
    );
    assert!(!String::from_utf8_lossy(&body).contains("let-them-in"));
    client.headers.pop();
    client.headers.push(("authorization", "bearer let-ben-in"));
    client.headers.push(("x-actor-username", "ann"));
    assert_eq!(client.owner_of_a_new_database("a").await, some("ben"));
}

#[tokio::test]
async fn long_answers_come_in_chunks() {
    const COUNT: usize = 5_000;
    let server = serve(None, Limits::default()).await;
    let mut client = Client::of(&server).await;
    client.owner_of_a_new_database("g1").await;
    let tbl = Some(table("g1", "big", "a int", "n int"));
    client.call::<CreateTable>(CreateTableArgs { tbl }).await.unwrap();
    let parts = (0..COUNT).map(|n| partition("g1", "big", &[&n.to_string()]));
    let new_parts = Some(parts.collect());
    client
        .call::<AddPartitions>(AddPartitionsArgs { new_parts })
        .await
        .unwrap();
    let args = GetPartitionsArgs {
        db_name: some("g1"),
        tbl_name: some("big"),
        max_parts: Some(-1),
    };
    let found = client.call::<GetPartitions>(args.clone()).await.unwrap().unwrap();
    assert_eq!(found.len(), COUNT);

    let call = client.message::<GetPartitions>(MessageKind::Call, &args);
    let mut response = client.send("POST", call).await;
    assert_eq!(response.headers()[TRANSFER_ENCODING], "chunked");
    let mut largest = 0;
    while let Some(frame) = response.frame().await {
        largest = largest.max(frame.unwrap().into_data().unwrap().len());
    }
    assert!(largest < 1 << 20, "{largest} bytes at once");
    let short = client.message::<GetAllDatabases>(MessageKind::Call, &GetAllDatabasesArgs {});
    assert!(client.post(short).await.1.contains_key(CONTENT_LENGTH));
}

#[tokio::test]
async fn what_is_no_call_is_refused() {
    let mut limits = Limits::default();
    limits.message.message_bytes_max = 1000;
    let server = serve(None, limits).await;
    let mut client = Client::of(&server).await;
    let call = client.message::<GetAllDatabases>(MessageKind::Call, &GetAllDatabasesArgs {});
    for (body, status) in [
        (Vec::new(), StatusCode::BAD_REQUEST),
        (b"hello metastore".to_vec(), StatusCode::BAD_REQUEST),
        (call[..call.len() - 1].to_vec(), StatusCode::BAD_REQUEST),
        ([&call[..], b"\0"].concat(), StatusCode::BAD_REQUEST),
        (vec![0x80; 1001], StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        // a connection may be closed on what is too large
        let mut client = Client::of(&server).await;
        assert_eq!(client.post(body.clone()).await.0, status, "{body:?}");
    }
    let status = client.send("GET", Vec::new()).await.status();
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    client.path = "/api/v1";
    assert_eq!(client.post(call.clone()).await.0, StatusCode::NOT_FOUND);
    client.path = "/";
    client.headers = vec![("content-type", "text/plain")];
    assert_eq!(client.post(call).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn calls_that_cannot_be_answered_are_told_in_thrift() {
    let server = serve(None, Limits::default()).await;
    let mut client = Client::of(&server).await;
    let mut huge = Vec::new();
    client
        .wire
        .write_head(&mut huge, "add_partitions", MessageKind::Call, 7);
    huge.extend_from_slice(&[15, 0, 1, 12, 0x7f, 0xff, 0xff, 0xff]);
    let mut unknown = Vec::new();
    let args = GetAllDatabasesArgs {};
    client
        .wire
        .write_message(&mut unknown, "get_everything", MessageKind::Call, 7, &args)
        .unwrap();
    for (call, kind) in [(huge, 7), (unknown, 1)] {
        let (status, _, body) = client.post(call).await;
        let message = Scanner::new(client.wire, Default::default())
            .scan(&body)
            .unwrap()
            .unwrap();
        assert_eq!((status, message.kind), (StatusCode::OK, MessageKind::Exception));
        let error: ApplicationError = decode(client.wire.protocol, &body[message.body]).unwrap();
        assert_eq!(error.kind, Some(kind));
    }
}

#[tokio::test]
async fn slow_and_silent_clients_are_let_go() {
    let limits = Limits {
        http_head: Duration::from_millis(200),
        http_idle: Duration::from_millis(200),
        message_deadline: Duration::from_millis(200),
        ..Limits::default()
    };
    let server = serve(None, limits).await;
    for (said, told) in [
        (&b""[..], ""),
        (b"POST / HTTP/1.1\r\nhost: ", ""),
        (
            b"POST / HTTP/1.1\r\nhost: skep\r\ncontent-type: application/x-thrift\r\ncontent-length: 9\r\n\r\n1",
            "HTTP/1.1 408",
        ),
    ] {
        let mut stream = server.stream().await;
        stream.write_all(said).await.unwrap();
        let mut received = String::new();
        stream.read_to_string(&mut received).await.unwrap();
        assert!(received.starts_with(told), "{received}");
    }
}
