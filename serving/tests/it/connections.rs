//! Slow connections end, quick ones go on, and a shutdown lets requests finish. What is asserted is that, not when.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serving::{Limits, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const SHORT: Duration = Duration::from_millis(100);
/// What never is over in a test.
const LONG: Duration = Duration::from_secs(3_600);

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

/// Answers with as many bytes as the path says, or else with the body.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let bytes = request.uri().path()[1..].parse().ok();
    let body = match request.into_body().collect().await {
        Ok(body) => bytes.map_or_else(|| body.to_bytes(), |bytes: usize| vec![b'.'; bytes].into()),
        Err(_) => Bytes::new(),
    };
    Ok(Response::new(Full::new(body)))
}

async fn start(limits: Limits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    let served = tokio::spawn(serve(listener, ("test_connections", limits), answer, shutdown));
    Server {
        address,
        stop,
        served,
    }
}

fn patient() -> Limits {
    Limits {
        head: LONG,
        idle: LONG,
        stall: LONG,
        drain: LONG,
        ..Limits::default()
    }
}

impl Server {
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }
}

/// Returns all that comes until the other side ends the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let ended = timeout(Duration::from_secs(60), stream.read_to_end(&mut bytes)).await;
    assert!(ended.is_ok(), "the connection is left open");
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn half_a_head_has_a_deadline_of_its_own() {
    let limits = Limits {
        head: SHORT,
        ..patient()
    };
    let server = start(limits).await;
    let silent = server.send("").await;
    let half = server.send("GET / HTTP/1.1\r\nhost:").await;
    assert_eq!(rest(half).await, "");
    // as well behind a whole request
    let two = server.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n");
    let mut two = two.await;
    two.write_all(b"ok").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nok") {
        answer.push(two.read_u8().await.unwrap());
    }
    two.write_all(b"GET /").await.unwrap();
    assert_eq!(rest(two).await, "");
    // who says nothing has not begun, and who takes long for a body is past its head
    let mut body = server
        .send("POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\no")
        .await;
    tokio::time::sleep(3 * SHORT).await;
    body.write_all(b"k").await.unwrap();
    assert!(rest(body).await.ends_with("ok"));
    let mut silent = silent;
    silent
        .write_all(b"GET /3 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(silent).await.ends_with("..."));
}

#[tokio::test]
async fn a_head_that_drips_is_no_progress() {
    let limits = Limits {
        head: SHORT,
        ..patient()
    };
    let server = start(limits).await;
    let mut stream = server.send("GET / HTTP/1.1\r\n").await;
    let dripping = async {
        while stream.write_all(b"a: b\r\n").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    let ended = timeout(Duration::from_secs(60), dripping).await;
    assert!(ended.is_ok(), "the connection is left open");
}

#[tokio::test]
async fn silence_before_a_request_has_an_end() {
    let limits = Limits {
        idle: SHORT,
        ..patient()
    };
    let server = start(limits).await;
    assert_eq!(rest(server.send("").await).await, "");
    let kept = server.send("GET /2 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(rest(kept).await.ends_with(".."));
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let limits = Limits {
        connections_max: 1,
        stall: SHORT,
        ..patient()
    };
    let server = start(limits).await;
    let _unread = server.send("GET /100000000 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    // its place is free again
    let next = server
        .send("GET /3 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    assert!(rest(next).await.ends_with("..."));
}

#[tokio::test]
async fn a_head_has_bytes_at_most() {
    let server = start(patient()).await;
    let much = "a".repeat(4 * patient().buffer_bytes_max);
    let refused = rest(server.send(&format!("GET / HTTP/1.1\r\na: {much}\r\n\r\n")).await).await;
    // what was not read may take the answer with it
    assert!(
        refused.is_empty() || refused.starts_with("HTTP/1.1 431 "),
        "{refused}"
    );
}

#[tokio::test]
async fn a_shutdown_lets_the_open_request_finish() {
    let server = start(patient()).await;
    let idle = server.send("").await;
    let mut open = server
        .send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
        .await;
    // the request is at work when it is told to go on
    let mut told = [0; 25];
    open.read_exact(&mut told).await.unwrap();
    assert!(told.starts_with(b"HTTP/1.1 100 "));
    server.stop.send(()).unwrap();
    assert_eq!(rest(idle).await, "");
    open.write_all(b"ok").await.unwrap();
    assert!(rest(open).await.ends_with("ok"));
    server.served.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
