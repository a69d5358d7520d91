//! Connections: slow ones end, none leak, and a shutdown lets requests finish.

use std::time::Duration;

use gateway::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{Rig, soon};
use crate::signing::{Call, Reply};

fn impatient() -> Limits {
    Limits {
        idle: Duration::from_millis(200),
        stall: Duration::from_millis(200),
        ..Limits::default()
    }
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
    let rig = Rig::with(Limits {
        connections_max: 2,
        ..impatient()
    })
    .await;
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
