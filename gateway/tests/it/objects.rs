//! Objects: written, read whole and in part, described, copied, removed.

use std::sync::atomic::Ordering::SeqCst;

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};

use crate::rig::{Rig, name, reference};
use crate::signing::Call;

#[tokio::test]
async fn an_object_round_trips_through_another_hands_client() {
    let rig = Rig::start().await;
    let client = rig.client();
    let path = Path::from("main/sales/dt=2026-01-01/part 0+é.parquet");
    let put = client.put(&path, "hello world".into()).await.unwrap();
    let got = client.get(&path).await.unwrap();
    assert_eq!(got.meta.e_tag, put.e_tag);
    assert_eq!(got.bytes().await.unwrap(), "hello world");
    assert_eq!(client.get_range(&path, 6..9).await.unwrap(), "wor");
    let head = client.head(&path).await.unwrap();
    assert_eq!(head.size, 11);
    assert_eq!(head.last_modified.to_rfc3339()[..4].to_owned(), "2026");
    client.delete(&path).await.unwrap();
    assert!(matches!(
        client.get(&path).await,
        Err(object_store::Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn headers_and_metadata_are_kept() {
    let rig = Rig::start().await;
    Call::new("PUT", "/lake/main/a")
        .header("content-type", "text/csv")
        .header("cache-control", "no-cache")
        .header("content-encoding", "gzip")
        .header("x-amz-meta-owner", "me")
        .body("1,2")
        .send(&rig)
        .await
        .expect(200);
    for method in ["GET", "HEAD"] {
        let reply = Call::new(method, "/lake/main/a").send(&rig).await.expect(200);
        for (header, value) in [
            ("content-type", "text/csv"),
            ("cache-control", "no-cache"),
            ("content-encoding", "gzip"),
            ("x-amz-meta-owner", "me"),
            ("content-length", "3"),
            ("accept-ranges", "bytes"),
            ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ] {
            assert_eq!(reply.header(header), Some(value), "{method} {header}");
        }
    }
    let ids = [
        Call::new("HEAD", "/lake/main/a"),
        Call::new("HEAD", "/lake/main/none"),
    ]
    .map(|call| call.send(&rig));
    let ids = futures::future::join_all(ids).await;
    let ids: Vec<_> = ids
        .iter()
        .filter_map(|reply| reply.header("x-amz-request-id"))
        .collect();
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
    // a copy keeps them, unless it is told otherwise
    Call::new("PUT", "/lake/main/b")
        .header("x-amz-copy-source", "/lake/main/a")
        .send(&rig)
        .await
        .expect(200);
    let copy = Call::new("HEAD", "/lake/main/b").send(&rig).await.expect(200);
    assert_eq!(copy.header("x-amz-meta-owner"), Some("me"));
    Call::new("PUT", "/lake/main/b")
        .header("x-amz-copy-source", "/lake/main/b")
        .header("x-amz-metadata-directive", "REPLACE")
        .header("content-type", "text/plain")
        .send(&rig)
        .await
        .expect(200);
    let copy = Call::new("HEAD", "/lake/main/b").send(&rig).await.expect(200);
    assert_eq!(
        (copy.header("x-amz-meta-owner"), copy.header("content-type")),
        (None, Some("text/plain"))
    );
    assert_eq!(copy.header("cache-control"), None);
    let itself = Call::new("PUT", "/lake/main/b").header("x-amz-copy-source", "/lake/main/b");
    itself.send(&rig).await.expect_error(400, "InvalidRequest");
}

#[tokio::test]
async fn ranges_and_their_refusal() {
    let rig = Rig::start().await;
    Call::new("PUT", "/lake/main/a")
        .body("0123456789")
        .send(&rig)
        .await
        .expect(200);
    let cases = [
        ("bytes=0-3", 206, "0123", "bytes 0-3/10"),
        ("bytes=8-", 206, "89", "bytes 8-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=0-999", 206, "0123456789", "bytes 0-9/10"),
    ];
    for (range, status, body, header) in cases {
        let reply = Call::new("GET", "/lake/main/a")
            .header("range", range)
            .send(&rig)
            .await
            .expect(status);
        assert_eq!(
            (reply.text().as_str(), reply.header("content-range")),
            (body, Some(header)),
            "{range}"
        );
        let head = Call::new("HEAD", "/lake/main/a")
            .header("range", range)
            .send(&rig)
            .await
            .expect(status);
        assert_eq!(head.header("content-range"), Some(header));
    }
    for range in ["bytes=10-", "bytes=99-100"] {
        let reply = Call::new("GET", "/lake/main/a")
            .header("range", range)
            .send(&rig)
            .await;
        assert_eq!(
            reply.expect_error(416, "InvalidRange").header("content-range"),
            Some("bytes */10")
        );
    }
    Call::new("PUT", "/lake/main/empty").send(&rig).await.expect(200);
    let reply = Call::new("GET", "/lake/main/empty")
        .header("range", "bytes=-1")
        .send(&rig)
        .await;
    reply.expect_error(416, "InvalidRange");
    let whole = Call::new("GET", "/lake/main/empty").send(&rig).await.expect(200);
    assert_eq!(whole.header("content-length"), Some("0"));
}

#[tokio::test]
async fn conditional_reads() {
    let rig = Rig::start().await;
    let etag = Call::new("PUT", "/lake/main/a")
        .body("x")
        .send(&rig)
        .await
        .expect(200);
    let etag = etag.header("etag").unwrap().to_owned();
    let cases = [
        ("if-match", etag.as_str(), 200),
        ("if-match", "\"0\"", 412),
        ("if-none-match", etag.as_str(), 304),
        ("if-none-match", "\"0\"", 200),
        ("if-modified-since", "Wed, 01 Jan 2020 00:00:00 GMT", 200),
        ("if-modified-since", "Fri, 01 Jan 2027 00:00:00 GMT", 304),
        ("if-unmodified-since", "Wed, 01 Jan 2020 00:00:00 GMT", 412),
    ];
    for (header, value, status) in cases {
        for method in ["GET", "HEAD"] {
            let reply = Call::new(method, "/lake/main/a")
                .header(header, value)
                .send(&rig)
                .await
                .expect(status);
            if status == 304 {
                assert_eq!((reply.header("etag"), reply.body.len()), (Some(etag.as_str()), 0));
            }
        }
    }
}

#[tokio::test]
async fn conditional_writes() {
    let rig = Rig::start().await;
    let put = |header: &'static str, value: String| {
        let call = Call::new("PUT", "/lake/main/a").body("x");
        if header.is_empty() {
            call
        } else {
            call.header(header, &value)
        }
    };
    put("if-match", "\"0\"".into())
        .send(&rig)
        .await
        .expect_error(404, "NoSuchKey");
    let first = put("if-none-match", "*".into()).send(&rig).await.expect(200);
    let etag = first.header("etag").unwrap().to_owned();
    put("if-none-match", "*".into())
        .send(&rig)
        .await
        .expect_error(412, "PreconditionFailed");
    put("if-match", "\"0\"".into())
        .send(&rig)
        .await
        .expect_error(412, "PreconditionFailed");
    put("if-match", etag).send(&rig).await.expect(200);
}

#[tokio::test]
async fn copies_move_no_bytes() {
    let rig = Rig::start().await;
    rig.branch("etl").await;
    Call::new("PUT", "/lake/main/a")
        .body("hello")
        .send(&rig)
        .await
        .expect(200);
    let files = rig.files.counts.files.load(SeqCst);
    for to in ["/lake/main/b", "/lake/etl/c d"] {
        let copy = Call::new("PUT", to)
            .header("x-amz-copy-source", "lake/main/a")
            .send(&rig)
            .await
            .expect(200);
        assert_eq!(copy.all("ETag").len(), 1);
        assert_eq!(Call::new("GET", to).send(&rig).await.expect(200).text(), "hello");
    }
    assert_eq!(rig.files.counts.files.load(SeqCst), files);
    // the source is encoded, and may be a commit
    let commit = rig.commit("first").await;
    let source = format!("/lake/{commit}/a");
    Call::new("PUT", "/lake/etl/d")
        .header("x-amz-copy-source", &source)
        .send(&rig)
        .await
        .expect(200);
    let source = "/lake/etl/c%20d";
    Call::new("PUT", "/lake/etl/e")
        .header("x-amz-copy-source", source)
        .send(&rig)
        .await
        .expect(200);
    // into another repository the bytes are copied
    let other = rig
        .repositories
        .create(&name("other"), &reference("main"))
        .await
        .unwrap();
    Call::new("PUT", "/other/main/a")
        .header("x-amz-copy-source", "lake/main/a")
        .send(&rig)
        .await
        .expect(200);
    assert_eq!(rig.files.counts.files.load(SeqCst), files + 1);
    assert_eq!(
        Call::new("GET", "/other/main/a")
            .send(&rig)
            .await
            .expect(200)
            .text(),
        "hello"
    );
    drop(other);
    // what is not there, or not as it should be, is not copied
    let missing = Call::new("PUT", "/lake/main/z").header("x-amz-copy-source", "lake/main/nothing");
    missing.send(&rig).await.expect_error(404, "NoSuchKey");
    let changed = Call::new("PUT", "/lake/main/z")
        .header("x-amz-copy-source", "lake/main/a")
        .header("x-amz-copy-source-if-match", "\"0\"");
    changed.send(&rig).await.expect_error(412, "PreconditionFailed");
    Call::new("HEAD", "/lake/main/z").send(&rig).await.expect(404);
}

#[tokio::test]
async fn batches_of_deletions_are_one_write_for_each_branch() {
    let rig = Rig::start().await;
    rig.branch("etl").await;
    let client = rig.client();
    let paths: Vec<Path> = (0..250).map(|n| Path::from(format!("main/t/{n:03}"))).collect();
    for path in &paths {
        client.put(path, "x".into()).await.unwrap();
    }
    let before = rig.repository.branch(&reference("main")).await.unwrap().seq;
    let stream = futures::stream::iter(paths.clone()).map(Ok).boxed();
    let deleted: Vec<Path> = client.delete_stream(stream).try_collect().await.unwrap();
    assert_eq!(deleted.len(), 250);
    let view = rig.repository.view(&reference("main").into()).await.unwrap();
    assert_eq!(view.object("t/000").await.unwrap(), None);
    assert_eq!(view.object("t/249").await.unwrap(), None);
    let after = rig.repository.branch(&reference("main")).await.unwrap().seq;
    assert_eq!(after - before, 1, "one step for all");
    // what is not there is deleted without a trace
    Call::new("DELETE", "/lake/main/t/000")
        .send(&rig)
        .await
        .expect(204);
    assert_eq!(
        rig.repository.branch(&reference("main")).await.unwrap().seq,
        after
    );
}

#[tokio::test]
async fn a_batch_tells_of_each_key() {
    let rig = Rig::start().await;
    Call::new("PUT", "/lake/main/a")
        .body("x")
        .send(&rig)
        .await
        .expect(200);
    rig.commit("first").await;
    rig.repository
        .create_tag(&reference("v1"), &reference("main").into())
        .await
        .unwrap();
    let batch = "<Delete><Object><Key>main/a</Key></Object><Object><Key>v1/a</Key></Object>\
                 <Object><Key>nowhere/a</Key></Object><Object><Key>main/none</Key></Object></Delete>";
    let reply = delete(&rig, batch).await.expect(200);
    assert_eq!(reply.all("Deleted").len(), 2);
    let mut codes = reply.all("Code");
    codes.sort();
    assert_eq!(codes, ["AccessDenied", "NoSuchBucket"]);
    Call::new("HEAD", "/lake/v1/a").send(&rig).await.expect(200);
    Call::new("HEAD", "/lake/main/a").send(&rig).await.expect(404);
    let quiet = "<Delete><Quiet>true</Quiet><Object><Key>main/a</Key></Object></Delete>";
    assert_eq!(delete(&rig, quiet).await.expect(200).all("Deleted").len(), 0);
    let many: String = (0..1001)
        .map(|n| format!("<Object><Key>main/{n}</Key></Object>"))
        .collect();
    delete(&rig, &format!("<Delete>{many}</Delete>"))
        .await
        .expect_error(400, "InvalidRequest");
}

async fn delete(rig: &Rig, batch: &str) -> crate::signing::Reply {
    use md5::Digest as _;
    let md5 = base64_simd::STANDARD.encode_to_string(md5::Md5::digest(batch));
    Call::new("POST", "/lake")
        .query("delete", "")
        .header("content-md5", &md5)
        .body(batch)
        .send(rig)
        .await
}

#[tokio::test]
async fn folder_markers_are_objects_and_store_no_file() {
    let rig = Rig::start().await;
    let files = rig.files.counts.files.load(SeqCst);
    Call::new("PUT", "/lake/main/dir/").send(&rig).await.expect(200);
    assert_eq!(rig.files.counts.files.load(SeqCst), files);
    Call::new("HEAD", "/lake/main/dir/").send(&rig).await.expect(200);
    Call::new("HEAD", "/lake/main/dir").send(&rig).await.expect(404);
    // the ref itself is a folder
    for (method, status) in [("HEAD", 200), ("PUT", 200), ("DELETE", 204), ("HEAD", 200)] {
        Call::new(method, "/lake/main/").send(&rig).await.expect(status);
    }
    Call::new("HEAD", "/lake/nowhere/").send(&rig).await.expect(404);
    Call::new("PUT", "/lake/main/")
        .body("x")
        .send(&rig)
        .await
        .expect_error(400, "InvalidArgument");
}
