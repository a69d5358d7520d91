//! Bad input and a bad disk: an answer each, and the server goes on.

use std::sync::atomic::Ordering::SeqCst;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{Rig, soon};
use crate::signing::{Call, Reply};

#[tokio::test]
async fn garbage_on_the_socket() {
    let rig = Rig::start().await;
    let huge_header = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx-a: {}\r\n\r\n",
        "a".repeat(1 << 20)
    );
    let cases: [&[u8]; 7] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /lake/main/a HTTP/1.1\r\nhost: x\r\nauthorization: AWS4-HMAC-SHA256 nonsense\r\nconnection: close\r\n\r\n",
        b"PUT /lake/main/a HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\nconnection: close\r\n\r\n",
        huge_header.as_bytes(),
    ];
    for bytes in cases {
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut reply = Vec::new();
        let _ = soon(stream.read_to_end(&mut reply)).await;
        if let Some(reply) = Reply::parse(&reply) {
            assert!(
                (400..500).contains(&reply.status),
                "{}: {:?}",
                reply.status,
                String::from_utf8_lossy(bytes)
            );
        }
    }
    Call::new("HEAD", "/lake").send(&rig).await.expect(200);
}

#[tokio::test]
async fn bad_xml() {
    let rig = Rig::start().await;
    for body in [
        "",
        "<",
        "<Delete>",
        "<Other/>",
        "\u{0}\u{1}",
        &"<Delete>".repeat(10_000),
    ] {
        let reply = Call::new("POST", "/lake")
            .query("delete", "")
            .body(body)
            .send(&rig)
            .await;
        assert!(
            (400..500).contains(&reply.status),
            "{}: {}",
            reply.status,
            reply.text()
        );
    }
    let large = format!("<Delete>{}</Delete>", " ".repeat(9 << 20));
    let reply = Call::new("POST", "/lake")
        .query("delete", "")
        .body(large)
        .send(&rig)
        .await;
    reply.expect_error(400, "MaxMessageLengthExceeded");
    Call::new("HEAD", "/lake").send(&rig).await.expect(200);
}

#[tokio::test]
async fn what_is_not_supported_is_not_promised() {
    let rig = Rig::start().await;
    let put = || Call::new("PUT", "/lake/main/a").body("x");
    let cases = [
        put().header("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        put().header("x-amz-tagging", "a=b"),
        Call::new("GET", "/lake/main/a").query("acl", ""),
        Call::new("GET", "/lake").query("versioning", ""),
    ];
    for call in cases {
        call.send(&rig).await.expect_error(501, "NotImplemented");
    }
    Call::new("HEAD", "/lake/main/a").send(&rig).await.expect(404);
}

#[tokio::test]
async fn metadata_has_a_limit() {
    let rig = Rig::start().await;
    let large = Call::new("PUT", "/lake/main/a")
        .header("x-amz-meta-a", &"x".repeat(5000))
        .body("x");
    large.send(&rig).await.expect_error(400, "MetadataTooLarge");
    Call::new("HEAD", "/lake/main/a").send(&rig).await.expect(404);
}

#[tokio::test]
async fn a_full_disk_fails_at_once_and_loses_nothing() {
    let rig = Rig::start().await;
    Call::new("PUT", "/lake/main/a")
        .body("one")
        .send(&rig)
        .await
        .expect(200);
    rig.files.full.store(true, SeqCst);
    let reply = Call::new("PUT", "/lake/main/a").body("two").send(&rig).await;
    reply.expect_error(507, "InsufficientStorage");
    assert_eq!(
        Call::new("GET", "/lake/main/a")
            .send(&rig)
            .await
            .expect(200)
            .text(),
        "one"
    );
    rig.files.full.store(false, SeqCst);
    Call::new("PUT", "/lake/main/a")
        .body("two")
        .send(&rig)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_lost_file_is_an_error_and_no_short_reply() {
    let rig = Rig::start().await;
    Call::new("PUT", "/lake/main/a")
        .body("one")
        .send(&rig)
        .await
        .expect(200);
    rig.files.lost.store(true, SeqCst);
    let reply = Call::new("GET", "/lake/main/a")
        .send(&rig)
        .await
        .expect_error(500, "InternalError");
    assert!(reply.text().contains("damaged"), "{}", reply.text());
}
