//! The shared namespace: the same for every ref, and written once.

use std::sync::atomic::Ordering::SeqCst;

use crate::rig::Rig;
use crate::signing::{Call, Reply};

async fn put(rig: &Rig, path: &str, body: &str) -> Reply {
    Call::new("PUT", path).body(body).send(rig).await
}

async fn text(rig: &Rig, path: &str) -> String {
    Call::new("GET", path).send(rig).await.expect(200).text()
}

#[tokio::test]
async fn what_is_written_stays_as_it_is() {
    let rig = Rig::start().await;
    put(&rig, "/lake/_shared/t/a", "one").await.expect(200);
    put(&rig, "/lake/_shared/t/a", "one").await.expect(200);
    let refused = put(&rig, "/lake/_shared/t/a", "two").await;
    let refused = refused.expect_error(412, "PreconditionFailed");
    assert!(refused.text().contains("written once"), "{}", refused.text());
    let other_type = Call::new("PUT", "/lake/_shared/t/a")
        .header("content-type", "text/x")
        .body("one");
    other_type
        .send(&rig)
        .await
        .expect_error(412, "PreconditionFailed");
    Call::new("DELETE", "/lake/_shared/t/a")
        .send(&rig)
        .await
        .expect(204);
    let batch = "<Delete><Object><Key>_shared/t/a</Key></Object></Delete>";
    let call = Call::new("POST", "/lake").query("delete", "").body(batch);
    let deleted = call.send(&rig).await.expect(200).text();
    assert!(
        deleted.contains("<Deleted>") && !deleted.contains("<Error>"),
        "{deleted}"
    );
    assert_eq!(text(&rig, "/lake/_shared/t/a").await, "one");
    assert_eq!(text(&rig.again().await, "/lake/_shared/t/a").await, "one");
}

#[tokio::test]
async fn what_is_sent_again_is_not_stored_again() {
    let rig = Rig::start().await;
    put(&rig, "/lake/_shared/t/a", "one").await.expect(200);
    let files = || rig.files.counts.files.load(SeqCst);
    let stored = files();
    let again = put(&rig, "/lake/_shared/t/a", "one").await.expect(200);
    assert!(
        again
            .header("etag")
            .is_some_and(|etag| etag.contains("f97c5d29941bfb1b2fdab0874906ab82"))
    );
    put(&rig, "/lake/_shared/t/a", "two")
        .await
        .expect_error(412, "PreconditionFailed");
    put(&rig, "/lake/_shared/t/a", "")
        .await
        .expect_error(412, "PreconditionFailed");
    let damaged = Call::new("PUT", "/lake/_shared/t/a").header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==");
    damaged
        .body("one")
        .send(&rig)
        .await
        .expect_error(400, "BadDigest");
    let fresh = Call::new("PUT", "/lake/_shared/t/a").header("if-none-match", "*");
    fresh
        .body("one")
        .send(&rig)
        .await
        .expect_error(412, "PreconditionFailed");
    assert_eq!(files(), stored, "no body was stored");
    assert_eq!(text(&rig, "/lake/_shared/t/a").await, "one");
}

#[tokio::test]
async fn conditions_hold_there_too() {
    let rig = Rig::start().await;
    let create = |body: &'static str| {
        Call::new("PUT", "/lake/_shared/a")
            .header("if-none-match", "*")
            .body(body)
    };
    create("one").send(&rig).await.expect(200);
    create("one")
        .send(&rig)
        .await
        .expect_error(412, "PreconditionFailed");
    let etag = Call::new("HEAD", "/lake/_shared/a").send(&rig).await.expect(200);
    let etag = etag.header("etag").unwrap().to_owned();
    let replace = Call::new("PUT", "/lake/_shared/a").header("if-match", &etag);
    replace
        .body("two")
        .send(&rig)
        .await
        .expect_error(412, "PreconditionFailed");
}

#[tokio::test]
async fn no_ref_has_a_version_of_its_own() {
    let rig = Rig::start().await;
    put(&rig, "/lake/main/a", "of main").await.expect(200);
    put(&rig, "/lake/_shared/db/a", "shared").await.expect(200);
    rig.commit("first").await;
    rig.branch("etl").await;
    Call::new("HEAD", "/lake/etl/db/a").send(&rig).await.expect(404);
    let list = |prefix: &str| {
        Call::new("GET", "/lake")
            .query("prefix", prefix)
            .query("delimiter", "/")
    };
    let found = list("_shared/").send(&rig).await.expect(200).text();
    assert!(found.contains("<Prefix>_shared/db/</Prefix>"), "{found}");
    let found = list("_shared/db/").send(&rig).await.expect(200).text();
    assert!(found.contains("<Key>_shared/db/a</Key>"), "{found}");
    let refs = list("").send(&rig).await.expect(200).text();
    assert!(refs.contains("etl/") && !refs.contains("_shared"), "{refs}");
}

#[tokio::test]
async fn folders_are_marked_by_anybody() {
    let rig = Rig::start().await;
    for kind in ["application/x-directory", "application/octet-stream"] {
        let marker = Call::new("PUT", "/lake/_shared/db/").header("content-type", kind);
        marker.body("").send(&rig).await.expect(200);
    }
}

#[tokio::test]
async fn copies_are_written_once() {
    let rig = Rig::start().await;
    put(&rig, "/lake/main/a", "one").await.expect(200);
    put(&rig, "/lake/main/b", "two").await.expect(200);
    let copy = |from: &str, to: &str| Call::new("PUT", to).header("x-amz-copy-source", from);
    copy("lake/main/a", "/lake/_shared/a")
        .send(&rig)
        .await
        .expect(200);
    copy("lake/main/a", "/lake/_shared/a")
        .send(&rig)
        .await
        .expect(200);
    let refused = copy("lake/main/b", "/lake/_shared/a").send(&rig).await;
    refused.expect_error(412, "PreconditionFailed");
    copy("lake/_shared/a", "/lake/_shared/b")
        .send(&rig)
        .await
        .expect(200);
    copy("lake/_shared/a", "/lake/main/b")
        .send(&rig)
        .await
        .expect(200);
    for path in ["/lake/_shared/a", "/lake/_shared/b", "/lake/main/b"] {
        assert_eq!(text(&rig, path).await, "one", "{path}");
    }
}

#[tokio::test]
async fn uploads_in_parts_are_written_once() {
    let rig = Rig::start().await;
    let upload = async |body: &str| {
        let begin = Call::new("POST", "/lake/_shared/big").query("uploads", "");
        let id = begin.send(&rig).await.expect(200).one("UploadId").unwrap();
        let part = Call::new("PUT", "/lake/_shared/big")
            .query("uploadId", &id)
            .query("partNumber", "1");
        let etag = part
            .body(body)
            .send(&rig)
            .await
            .expect(200)
            .header("etag")
            .unwrap()
            .to_owned();
        let etag = etag.replace('"', "&quot;");
        let parts = format!("<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>");
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        Call::new("POST", "/lake/_shared/big")
            .query("uploadId", &id)
            .body(body)
            .send(&rig)
            .await
    };
    upload("one").await.expect(200);
    upload("one").await.expect(200);
    upload("two").await.expect_error(412, "PreconditionFailed");
    assert_eq!(text(&rig, "/lake/_shared/big").await, "one");
}
