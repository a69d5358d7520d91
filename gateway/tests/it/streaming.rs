//! Large objects pass through in pieces: counted, not guessed from memory.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use gateway::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use versioning::object::{DataFile, Object, Segment};
use versioning::{Batch, Error, Space};

use crate::rig::{PIECE, Rig, reference, soon};
use crate::signing::{Call, Payload, Reply};

#[tokio::test]
async fn an_upload_reaches_the_store_before_it_has_ended() {
    let rig = Rig::start().await;
    let size = 24 << 20;
    let call = Call::new("PUT", "/lake/main/big")
        .body(vec![7; size])
        .payload(Payload::Unsigned);
    let bytes = call.signed(&rig);
    let (first, last) = bytes.split_at(bytes.len() - 1);
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    stream.write_all(first).await.unwrap();
    // all but one byte was taken: a server that collected the body would still have given nothing to the store
    soon(async {
        while rig.files.counts.bytes.load(SeqCst) < (size as u64) * 3 / 4 {
            rig.files.counts.progress.notified().await;
        }
    })
    .await;
    stream.write_all(last).await.unwrap();
    let mut reply = Vec::new();
    soon(stream.read_to_end(&mut reply)).await.unwrap();
    Reply::parse(&reply).unwrap().expect(200);
    assert!(
        rig.files.counts.most_at_once.load(SeqCst) <= 2 << 20,
        "{}",
        rig.files.counts.most_at_once.load(SeqCst)
    );
}

/// Writes an object of 4 GiB that was never stored, and asks for it.
async fn ask_for_much(rig: &Rig) -> TcpStream {
    let size = 4 << 30;
    let main = reference("main");
    let written = rig.repository.write(&main, move |_| {
        let file = DataFile {
            epoch: 0,
            id: [9; 16],
        };
        let segments = vec![Segment {
            file,
            offset: 0,
            len: size,
        }];
        let object = Object {
            segments,
            etag: "e".into(),
            ..Object::default()
        };
        let mut batch = Batch::default();
        batch.put(Space::Objects, &b"big"[..], object.encode());
        async move { Ok::<_, Error>((batch, ())) }
    });
    written.await.unwrap();
    rig.files.endless.store(true, SeqCst);
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    stream
        .write_all(&Call::new("GET", "/lake/main/big").signed(rig))
        .await
        .unwrap();
    stream
}

#[tokio::test]
async fn a_download_reads_no_further_than_its_client() {
    let rig = Rig::start().await;
    let mut stream = ask_for_much(&rig).await;
    let mut some = vec![0; 4 << 20];
    soon(stream.read_exact(&mut some)).await.unwrap();
    assert!(some.starts_with(b"HTTP/1.1 200"));
    drop(stream);
    soon(rig.files.read_ended.notified()).await;
    // what was read ahead fits the buffers of two sockets
    let read = rig.files.pieces_read.load(SeqCst) * PIECE as u64;
    assert!(read < 64 << 20, "{read} bytes were read for 4 MiB");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_let_go() {
    let mut limits = Limits::default();
    limits.connections.stall = Duration::from_millis(200);
    let rig = Rig::with(limits).await;
    let stream = ask_for_much(&rig).await;
    soon(rig.files.read_ended.notified()).await;
    drop(stream);
}
