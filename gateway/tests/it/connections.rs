//! Connections: slow ones end, none leak, and a shutdown lets requests finish.

use std::time::Duration;

use gateway::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{Rig, reference, soon};
use crate::signing::{Call, Reply};

fn impatient() -> Limits {
    let mut limits = Limits::default();
    limits.connections.head = Duration::from_millis(200);
    limits.connections.idle = Duration::from_millis(200);
    limits.connections.stall = Duration::from_millis(200);
    limits
}

async fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = soon(stream.read_to_end(&mut bytes)).await;
    bytes
}

#[tokio::test]
async fn half_open_connections_are_closed() {
    let rig = Rig::with(impatient()).await;
    for bytes in [&b""[..], b"GET /lake HTTP/1.1\r\nhost:"] {
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        rest(stream).await;
    }
    Call::new("HEAD", "/lake").send(&rig).await.expect(200);
}

#[tokio::test]
async fn a_body_that_stands_still_is_given_up() {
    let rig = Rig::with(impatient()).await;
    let bytes = Call::new("PUT", "/lake/main/a").body("0123456789").signed(&rig);
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    stream.write_all(&bytes[..bytes.len() - 5]).await.unwrap();
    let reply = Reply::parse(&rest(stream).await).unwrap();
    reply.expect_error(400, "RequestTimeout");
    Call::new("HEAD", "/lake/main/a").send(&rig).await.expect(404);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_stored() {
    let rig = Rig::start().await;
    let bytes = Call::new("PUT", "/lake/main/a").body("0123456789").signed(&rig);
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    stream.write_all(&bytes[..bytes.len() - 5]).await.unwrap();
    stream.shutdown().await.unwrap();
    rest(stream).await;
    Call::new("HEAD", "/lake/main/a").send(&rig).await.expect(404);
}

#[tokio::test]
async fn slots_of_closed_connections_are_free_again() {
    let mut limits = impatient();
    limits.connections.connections_max = 2;
    let rig = Rig::with(limits).await;
    let half_open: Vec<TcpStream> =
        futures::future::join_all((0..2).map(|_| TcpStream::connect(rig.address)))
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
    for _ in 0..10 {
        Call::new("HEAD", "/lake").send(&rig).await.expect(200);
    }
    drop(half_open);
}

#[tokio::test]
async fn a_shutdown_lets_the_open_request_finish() {
    let mut rig = Rig::start().await;
    let bytes = Call::new("PUT", "/lake/main/a").body("0123456789").signed(&rig);
    let (first, last) = bytes.split_at(bytes.len() - 5);
    let mut open = TcpStream::connect(rig.address).await.unwrap();
    open.write_all(first).await.unwrap();
    // the request is at work when its body has begun to arrive in the store
    soon(async {
        while rig.files.counts.files.load(std::sync::atomic::Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let idle = TcpStream::connect(rig.address).await.unwrap();
    rig.stop();
    rest(idle).await;
    open.write_all(last).await.unwrap();
    Reply::parse(&rest(open).await).unwrap().expect(200);
    soon(&mut rig.server).await.unwrap();
    assert!(TcpStream::connect(rig.address).await.is_err());
    let after = rig.again().await;
    assert_eq!(
        Call::new("GET", "/lake/main/a")
            .send(&after)
            .await
            .expect(200)
            .text(),
        "0123456789"
    );
}

/// The bytes of a request that leaves the connection open, split before its body.
fn left_open(call: &Call, rig: &Rig) -> (Vec<u8>, Vec<u8>) {
    let text = String::from_utf8(call.signed(rig)).unwrap();
    let text = text.replacen("connection: close\r\n", "", 1);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (format!("{head}\r\n\r\n").into(), body.into())
}

/// Starts a server with the tag `v1`.
async fn tagged() -> Rig {
    let rig = Rig::start().await;
    let (tag, main) = (reference("v1"), reference("main").into());
    rig.repository.create_tag(&tag, &main).await.unwrap();
    rig
}

#[tokio::test]
async fn a_connection_is_closed_aloud_when_a_body_is_not_taken() {
    let rig = tagged().await;
    let put = Call::new("PUT", "/lake/v1/a");
    for refused in [
        put.clone().body("0123456789").header("expect", "100-continue"),
        put.body("0".repeat(1 << 20)),
    ] {
        // the client waits for the answer to its header
        let (head, _) = left_open(&refused, &rig);
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        stream.write_all(&head).await.unwrap();
        let reply = Reply::parse(&rest(stream).await).unwrap().expect(403);
        assert_eq!(reply.header("connection"), Some("close"));
    }
}

#[tokio::test]
async fn a_connection_is_kept_when_the_body_was_sent_for_nothing() {
    let rig = tagged().await;
    let (head, body) = left_open(&Call::new("PUT", "/lake/v1/a").body("0123456789"), &rig);
    let next = Call::new("HEAD", "/lake").signed(&rig);
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    stream.write_all(&[head, body, next].concat()).await.unwrap();
    let replies = String::from_utf8(rest(stream).await).unwrap();
    let statuses: Vec<&str> = replies
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|reply| &reply[..3])
        .collect();
    assert_eq!(statuses, ["403", "200"], "{replies}");
}
