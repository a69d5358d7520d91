//! SASL PLAIN on a listener: who comes in, as whom, and what others are told.

use metastore::{Door, Limits, Transport, Users};
use thrift_idl::methods::*;
use thrift_idl::{Framing, Outcome, Scanner, Wire, decode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::{Client, Server, partition, some, table};

async fn serve() -> Server {
    let hash = bcrypt::hash("secret", 4).unwrap();
    let users = Some(Users::parse(&format!("ann:{hash}")).unwrap());
    let door = Door {
        transport: Transport::Socket { users },
        tls: None,
    };
    Server::behind(door, Limits::default(), None).await
}

fn frame(status: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    [&[status], &length.to_be_bytes()[..], payload].concat()
}

/// Negotiates as Java's client does; returns what the server says to it.
async fn negotiate(stream: &mut TcpStream, mechanism: &str, response: &str) -> (u8, String) {
    let frames = [frame(1, mechanism.as_bytes()), frame(5, response.as_bytes())];
    stream.write_all(&frames.concat()).await.unwrap();
    let status = stream.read_u8().await.unwrap();
    let mut text = vec![0; stream.read_u32().await.unwrap().try_into().unwrap()];
    stream.read_exact(&mut text).await.unwrap();
    (status, String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn a_password_opens_and_says_who_calls() {
    let server = serve().await;
    let mut stream = server.stream().await;
    assert_eq!(
        negotiate(&mut stream, "PLAIN", "\0ann\0secret").await,
        (5, String::new())
    );
    // a frame of SASL looks like one of Thrift as long as the answer is short
    let framed = Wire {
        framing: Framing::Framed,
        ..Wire::default()
    };
    let mut client = Client::over(stream, framed);
    let ugi = SetUgiArgs {
        user_name: some("root"),
        group_names: None,
    };
    assert_eq!(client.get::<SetUgi>(ugi).await.unwrap(), ["ann"]);
    client.create_database("g1").await;
    let args = GetDatabaseArgs { name: some("g1") };
    let found = client.get::<GetDatabase>(args).await.unwrap();
    assert_eq!(found.owner_name, some("ann"));
}

#[tokio::test]
async fn long_answers_come_in_many_frames() {
    const COUNT: usize = 2_000;
    let server = serve().await;
    let mut stream = server.stream().await;
    negotiate(&mut stream, "PLAIN", "\0ann\0secret").await;
    let framed = Wire {
        framing: Framing::Framed,
        ..Wire::default()
    };
    let mut client = Client::over(stream, framed);
    client.create_database("g1").await;
    client.create_table(table("g1", "big", "a int", "n int")).await;
    let parts = (0..COUNT).map(|n| partition("g1", "big", &[&n.to_string()]));
    let new_parts = Some(parts.collect());
    let added = client
        .call::<AddPartitions>(AddPartitionsArgs { new_parts })
        .await;
    added.unwrap();
    let args = GetPartitionsArgs {
        db_name: some("g1"),
        tbl_name: some("big"),
        max_parts: Some(-1),
    };
    client.send::<GetPartitions>(&args).await;
    // the contents of the frames one after the other are the message
    let (mut message, mut frames, mut scanner) =
        (Vec::new(), 0, Scanner::new(Wire::default(), Default::default()));
    let found = loop {
        let length = client.stream.read_u32().await.unwrap();
        let begin = message.len();
        message.resize(begin + usize::try_from(length).unwrap(), 0);
        client.stream.read_exact(&mut message[begin..]).await.unwrap();
        frames += 1;
        if let Some(found) = scanner.scan(&message).unwrap() {
            break found;
        }
    };
    let reply: GetPartitionsReply = decode(Wire::default().protocol, &message[found.body]).unwrap();
    assert_eq!(reply.into_result().unwrap().unwrap().len(), COUNT);
    assert!(frames > 5, "{frames}");
}

#[tokio::test]
async fn others_are_told_why_not() {
    let server = serve().await;
    for (mechanism, response, told) in [
        ("PLAIN", "\0ann\0guess", "the name or the password is wrong"),
        ("GSSAPI", "", "Kerberos (GSSAPI) is not served"),
    ] {
        let mut stream = server.stream().await;
        let (status, text) = negotiate(&mut stream, mechanism, response).await;
        assert_eq!(status, 3);
        assert!(text.starts_with(told), "{text}");
    }
    let mut without = server.connect().await;
    without.send::<GetAllDatabases>(&GetAllDatabasesArgs {}).await;
    assert!(without.message().await.is_none());
}

#[tokio::test]
async fn a_listener_without_users_declines() {
    let server = Server::start().await;
    let mut stream = server.stream().await;
    let (status, text) = negotiate(&mut stream, "PLAIN", "\0ann\0secret").await;
    assert_eq!(status, 3);
    assert!(text.starts_with("this listener takes no SASL"), "{text}");
}
