//! Multipart uploads.

use std::sync::atomic::Ordering::SeqCst;

use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{Rig, soon};
use crate::signing::{Call, Reply};

async fn begin(rig: &Rig, path: &str) -> String {
    let call = Call::new("POST", path)
        .query("uploads", "")
        .header("content-type", "text/x");
    call.send(rig).await.expect(200).one("UploadId").unwrap()
}

fn part(path: &str, id: &str, number: u32) -> Call {
    Call::new("PUT", path)
        .query("uploadId", id)
        .query("partNumber", &number.to_string())
}

async fn put_part(rig: &Rig, path: &str, id: &str, number: u32, body: &str) -> String {
    let reply = part(path, id, number).body(body).send(rig).await.expect(200);
    reply.header("etag").unwrap().to_owned()
}

fn complete(path: &str, id: &str, parts: &[(u32, &str)]) -> Call {
    let parts: String = parts
        .iter()
        .map(|(number, etag)| {
            let etag = etag.replace('"', "&quot;");
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        })
        .collect();
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    Call::new("POST", path).query("uploadId", id).body(body)
}

async fn get(rig: &Rig, path: &str) -> Reply {
    Call::new("GET", path).send(rig).await
}

#[tokio::test]
async fn another_hands_client_uploads_in_parts() {
    let rig = Rig::start().await;
    let client = rig.client();
    let path = Path::from("main/big");
    let mut upload = client.put_multipart(&path).await.unwrap();
    for byte in *b"abc" {
        upload
            .put_part(PutPayload::from(vec![byte; 6 << 20]))
            .await
            .unwrap();
    }
    let done = upload.complete().await.unwrap();
    assert!(done.e_tag.unwrap().ends_with("-3\""));
    let got = client.get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(got.len(), 18 << 20);
    assert_eq!((got[0], got[6 << 20], got[(18 << 20) - 1]), (b'a', b'b', b'c'));
    let across = client
        .get_range(&path, (6 << 20) - 2..(6 << 20) + 2)
        .await
        .unwrap();
    assert_eq!(across, "aabb");
}

#[tokio::test]
async fn parts_are_joined_without_moving_bytes() {
    let rig = Rig::start().await;
    Call::new("PUT", "/lake/main/source")
        .body("0123456789")
        .send(&rig)
        .await
        .expect(200);
    let path = "/lake/main/joined";
    let id = begin(&rig, path).await;
    let first = put_part(&rig, path, &id, 1, "hello wörld").await;
    let whole = part(path, &id, 2).header("x-amz-copy-source", "/lake/main/source");
    let whole = whole
        .send(&rig)
        .await
        .expect(200)
        .one("ETag")
        .unwrap()
        .replace("&quot;", "\"");
    let stretch = part(path, &id, 7)
        .header("x-amz-copy-source", "/lake/main/source")
        .header("x-amz-copy-source-range", "bytes=3-5");
    let stretch = stretch
        .send(&rig)
        .await
        .expect(200)
        .one("ETag")
        .unwrap()
        .replace("&quot;", "\"");
    let files = rig.files.counts.files.load(SeqCst);
    get(&rig, path).await.expect_error(404, "NoSuchKey");
    let parts = [(1, first.as_str()), (2, whole.as_str()), (7, stretch.as_str())];
    let done = complete(path, &id, &parts).send(&rig).await.expect(200);
    assert_eq!(rig.files.counts.files.load(SeqCst), files);
    let reply = get(&rig, path).await.expect(200);
    assert_eq!(reply.text(), "hello wörld0123456789345");
    assert_eq!(reply.header("content-type"), Some("text/x"));
    let etag = done.one("ETag").unwrap().replace("&quot;", "\"");
    assert_eq!(reply.header("etag"), Some(etag.as_str()));
    assert!(etag.ends_with("-3\""));
    // who repeats the completion gets the same answer; who goes on uploading does not
    let again = complete(path, &id, &parts).send(&rig).await.expect(200);
    assert_eq!(again.one("ETag"), done.one("ETag"));
    part(path, &id, 8)
        .body("x")
        .send(&rig)
        .await
        .expect_error(404, "NoSuchUpload");
    complete("/lake/main/other", &id, &parts)
        .send(&rig)
        .await
        .expect_error(404, "NoSuchUpload");
    let outside = begin(&rig, path).await;
    let outside = part(path, &outside, 1)
        .header("x-amz-copy-source", "/lake/main/source")
        .header("x-amz-copy-source-range", "bytes=3-10");
    outside.send(&rig).await.expect_error(416, "InvalidRange");
}

#[tokio::test]
async fn an_acknowledged_part_survives_a_crash() {
    let rig = Rig::start().await;
    let path = "/lake/main/a";
    let id = begin(&rig, path).await;
    let etag = put_part(&rig, path, &id, 1, "before").await;
    // a second server that knows only what the first has written; the first is never closed
    let after = rig.again().await;
    let second = put_part(&after, path, &id, 2, "after").await;
    let small = complete(path, &id, &[(1, &etag), (2, &second)])
        .send(&after)
        .await;
    small.expect_error(400, "EntityTooSmall");
    let etag = put_part(&after, path, &id, 1, "long enough").await;
    complete(path, &id, &[(1, &etag), (2, &second)])
        .send(&after)
        .await
        .expect(200);
    assert_eq!(get(&after, path).await.expect(200).text(), "long enoughafter");
}

#[tokio::test]
async fn a_completion_with_a_condition_can_be_repeated_after_a_crash() {
    let rig = Rig::start().await;
    let path = "/lake/main/a";
    let id = begin(&rig, path).await;
    let one = put_part(&rig, path, &id, 1, "part number one").await;
    let (store, lake) = rig.repository.records();
    let records = store.kv_list(lake, "mpu", "", "", 10).await.unwrap();
    let exclusive = || complete(path, &id, &[(1, &one)]).header("if-none-match", "*");
    let done = exclusive().send(&rig).await.expect(200);
    // as if the process had ended between the object and the records of its upload
    let mut before = vec![(format!("d/{id}"), None)];
    before.extend(records.into_iter().map(|(key, value)| (key, Some(value))));
    store.kv_write(lake, "mpu", &before).await.unwrap();
    let again = exclusive().send(&rig).await.expect(200);
    assert_eq!(again.one("ETag"), done.one("ETag"));
    // what somebody else wrote there is not the upload's, even if it is the same
    store.kv_write(lake, "mpu", &before).await.unwrap();
    let other = begin(&rig, path).await;
    let same = put_part(&rig, path, &other, 1, "part number one").await;
    complete(path, &other, &[(1, &same)]).send(&rig).await.expect(200);
    exclusive()
        .send(&rig)
        .await
        .expect_error(412, "PreconditionFailed");
}

#[tokio::test]
async fn completions_are_judged() {
    let rig = Rig::start().await;
    let path = "/lake/main/a";
    let id = begin(&rig, path).await;
    let one = put_part(&rig, path, &id, 1, "part number one").await;
    let two = put_part(&rig, path, &id, 2, "part number two").await;
    let cases: [(&[(u32, &str)], &str); 4] = [
        (&[(2, &two), (1, &one)], "InvalidPartOrder"),
        (&[(1, &two)], "InvalidPart"),
        (&[(3, &one)], "InvalidPart"),
        (&[], "MalformedXML"),
    ];
    for (parts, code) in cases {
        let reply = complete(path, &id, parts).send(&rig).await.expect(400);
        assert!(
            [code, "InvalidRequest"].contains(&reply.code().as_str()),
            "{}",
            reply.text()
        );
    }
    Call::new("PUT", path)
        .body("there already")
        .send(&rig)
        .await
        .expect(200);
    let exclusive = complete(path, &id, &[(1, &one)]).header("if-none-match", "*");
    exclusive.send(&rig).await.expect_error(412, "PreconditionFailed");
    complete(path, &id, &[(1, &one), (2, &two)])
        .send(&rig)
        .await
        .expect(200);
    assert_eq!(
        get(&rig, path).await.expect(200).text(),
        "part number onepart number two"
    );
    for number in ["0", "10001"] {
        let call = Call::new("PUT", path)
            .query("uploadId", &id)
            .query("partNumber", number);
        call.body("x")
            .send(&rig)
            .await
            .expect_error(400, "InvalidArgument");
    }
    for id in ["x", "%%", &"0".repeat(32)] {
        part(path, id, 1)
            .body("x")
            .send(&rig)
            .await
            .expect_error(404, "NoSuchUpload");
    }
}

#[tokio::test]
async fn aborted_uploads_are_gone() {
    let rig = Rig::start().await;
    let path = "/lake/main/a";
    let id = begin(&rig, path).await;
    let etag = put_part(&rig, path, &id, 1, "x").await;
    Call::new("DELETE", path)
        .query("uploadId", &id)
        .send(&rig)
        .await
        .expect(204);
    Call::new("DELETE", path)
        .query("uploadId", &id)
        .send(&rig)
        .await
        .expect_error(404, "NoSuchUpload");
    complete(path, &id, &[(1, &etag)])
        .send(&rig)
        .await
        .expect_error(404, "NoSuchUpload");
    let (store, repository) = rig.repository.records();
    assert!(
        store
            .kv_list(repository, "mpu", "", "", 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn parts_and_uploads_are_listed() {
    let rig = Rig::start().await;
    let paths = [
        "/lake/main/a",
        "/lake/main/a-b",
        "/lake/main/dir/x",
        "/lake/main/dir/y",
        "/lake/main/z",
    ];
    let mut ids = Vec::new();
    for path in paths {
        ids.push(begin(&rig, path).await);
    }
    for number in [3, 1, 2] {
        put_part(&rig, paths[0], &ids[0], number, "xyz").await;
    }
    let call = || {
        Call::new("GET", paths[0])
            .query("uploadId", &ids[0])
            .query("max-parts", "2")
    };
    let first = call().send(&rig).await.expect(200);
    assert_eq!(first.all("PartNumber"), ["1", "2"]);
    let next = first.one("NextPartNumberMarker").unwrap();
    let second = call()
        .query("part-number-marker", &next)
        .send(&rig)
        .await
        .expect(200);
    assert_eq!(
        (second.all("PartNumber"), second.one("IsTruncated").unwrap()),
        (vec!["3".to_owned()], "false".into())
    );

    let uploads = |pairs: Vec<(&'static str, String)>| {
        let call = Call::new("GET", "/lake").query("uploads", "");
        pairs
            .iter()
            .fold(call, |call, (name, value)| call.query(name, value))
    };
    let all = uploads(vec![]).send(&rig).await.expect(200);
    assert_eq!(all.all("Key"), paths.map(|path| path.replacen("/lake/", "", 1)));
    let grouped = vec![("prefix", "main/".to_owned()), ("delimiter", "/".to_owned())];
    let grouped = uploads(grouped).send(&rig).await.expect(200);
    assert_eq!(grouped.all("Key"), ["main/a", "main/a-b", "main/z"]);
    assert_eq!(grouped.all("CommonPrefixes"), ["<Prefix>main/dir/</Prefix>"]);
    let (mut found, mut marker) = (Vec::new(), None::<(String, String)>);
    loop {
        let mut query = vec![("max-uploads", "2".to_owned())];
        if let Some((key, id)) = &marker {
            query.extend([("key-marker", key.clone()), ("upload-id-marker", id.clone())]);
        }
        let page = uploads(query).send(&rig).await.expect(200);
        found.extend(page.all("UploadId"));
        marker = page.one("NextKeyMarker").zip(page.one("NextUploadIdMarker"));
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(found, ids);
}

#[tokio::test]
async fn more_segments_than_an_entry_holds_are_stored_as_one() {
    let rig = Rig::start().await;
    let (path, source) = ("/lake/main/many", "/lake/main/source");
    // an object of forty segments, then one of thirty times that
    let id = begin(&rig, source).await;
    let mut etags = Vec::new();
    for number in 1..=40 {
        etags.push((
            number,
            put_part(&rig, source, &id, number, &format!("part {number:03}, ")).await,
        ));
    }
    let parts: Vec<(u32, &str)> = etags
        .iter()
        .map(|(number, etag)| (*number, etag.as_str()))
        .collect();
    complete(source, &id, &parts).send(&rig).await.expect(200);
    let text = get(&rig, source).await.expect(200).text();
    let id = begin(&rig, path).await;
    let mut etags = Vec::new();
    for number in 1..=30 {
        let copied = part(path, &id, number)
            .header("x-amz-copy-source", source)
            .send(&rig)
            .await
            .expect(200);
        etags.push((number, copied.one("ETag").unwrap().replace("&quot;", "\"")));
    }
    let parts: Vec<(u32, &str)> = etags
        .iter()
        .map(|(number, etag)| (*number, etag.as_str()))
        .collect();
    let files = rig.files.counts.files.load(SeqCst);
    let done = complete(path, &id, &parts).send(&rig).await.expect(200);
    assert!(done.one("ETag").unwrap().contains("-30"), "{}", done.text());
    assert_eq!(rig.files.counts.files.load(SeqCst), files + 1);
    assert_eq!(get(&rig, path).await.expect(200).text(), text.repeat(30));
    let view = rig
        .repository
        .view(&crate::rig::reference("main").into())
        .await
        .unwrap();
    assert_eq!(view.object("source").await.unwrap().unwrap().segments.len(), 40);
    assert_eq!(view.object("many").await.unwrap().unwrap().segments.len(), 1);
}

#[tokio::test]
async fn a_part_that_comes_too_late_leaves_nothing_behind() {
    let rig = Rig::start().await;
    let path = "/lake/main/a";
    let id = begin(&rig, path).await;
    let bytes = part(path, &id, 1).body("0123456789").signed(&rig);
    let (first, last) = bytes.split_at(bytes.len() - 5);
    let mut open = TcpStream::connect(rig.address).await.unwrap();
    open.write_all(first).await.unwrap();
    // the upload was found when the body has begun to arrive in the store
    soon(async {
        while rig.files.counts.files.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    Call::new("DELETE", path)
        .query("uploadId", &id)
        .send(&rig)
        .await
        .expect(204);
    open.write_all(last).await.unwrap();
    let mut reply = Vec::new();
    soon(open.read_to_end(&mut reply)).await.unwrap();
    Reply::parse(&reply).unwrap().expect_error(404, "NoSuchUpload");
    let (store, repository) = rig.repository.records();
    assert!(
        store
            .kv_list(repository, "mpu", "", "", 10)
            .await
            .unwrap()
            .is_empty()
    );
}
