//! Clients that stand still, over a real socket.

use std::time::Duration;

use api::Metrics;
use serving::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::rig::api_of;

#[tokio::test]
async fn a_request_that_is_sent_by_halves_is_ended() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (repositories, _) = testkit::repository(7).await.unwrap();
    let soon = Duration::from_millis(100);
    let limits = Limits {
        head: soon,
        stall: soon,
        ..Limits::default()
    };
    let metrics = Metrics::new(String::new);
    tokio::spawn(api::serve(
        listener,
        (api_of(repositories), limits),
        metrics,
        std::future::pending(),
    ));
    let post =
        "POST /api/v1/repositories/lake/branches HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    for (half, told) in [
        ("GET /health HTTP/1.1\r\nhost:".to_owned(), ""),
        (format!("{post}content-length: 9\r\n\r\n{{"), "HTTP/1.1 400 "),
        (
            "GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_owned(),
            "HTTP/1.1 200 ",
        ),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(half.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let ended = timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(ended.is_ok(), "{half} is left open");
        assert!(answer.starts_with(told), "{half}: {answer}");
    }
}
