//! What every [`Files`] has to do, as one function that tests of each backend call.

use bytes::Bytes;
use futures::TryStreamExt;

use super::Files;
use crate::{Error, Result};

/// Checks all that [`Files`] promises, on an empty store.
///
/// # Panics
/// When a promise is not kept.
pub async fn conformance(files: &dyn Files) {
    what_is_put_is_read(files).await;
    ranges_are_streamed(files).await;
    missing_files_are_told(files).await;
    files_are_listed_by_folder(files).await;
    writers_publish_at_the_end(files).await;
    files_are_removed(files).await;
}

async fn what_is_put_is_read(files: &dyn Files) {
    for content in [&b""[..], b"x", &[7; 300_000]] {
        let path = format!("put/{:08x}/ab/{}", 1, content.len());
        let bytes = Bytes::copy_from_slice(content);
        files.put(&path, bytes.clone()).await.expect("put");
        files
            .put(&path, bytes.clone())
            .await
            .expect("putting the same again is allowed");
        assert_eq!(files.get(&path).await.expect("get"), bytes);
    }
}

async fn ranges_are_streamed(files: &dyn Files) {
    let content: Vec<u8> = (0..1_000_000u32).map(|i| (i / 7) as u8).collect();
    files
        .put("ranges", Bytes::from(content.clone()))
        .await
        .expect("put");
    for range in [
        0..0,
        0..1,
        5..600_000,
        999_999..1_000_000,
        0..1_000_000,
        1_000_000..1_000_000,
    ] {
        let read = whole(files, "ranges", range.clone()).await.expect("read");
        assert_eq!(
            read,
            &content[range.start as usize..range.end as usize],
            "{range:?}"
        );
    }
    assert!(
        whole(files, "ranges", 0..1_000_001).await.is_err(),
        "a range behind the end is refused"
    );
}

async fn missing_files_are_told(files: &dyn Files) {
    let missing = |error: Error| matches!(error, Error::NotFound { name, .. } if name == "no/such");
    assert!(missing(files.get("no/such").await.expect_err("get")));
    assert!(missing(whole(files, "no/such", 0..5).await.expect_err("read")));
    assert!(missing(
        whole(files, "no/such", 0..0).await.expect_err("read nothing")
    ));
}

async fn files_are_listed_by_folder(files: &dyn Files) {
    for path in ["list/a/1", "list/a/2", "list/ab/3", "list/b"] {
        files
            .put(path, Bytes::copy_from_slice(path.as_bytes()))
            .await
            .expect("put");
    }
    let list = async |prefix: &str| {
        let mut found: Vec<(String, u64)> = files.list(prefix).try_collect().await.expect("list");
        found.sort();
        found
    };
    let entry = |path: &str| (path.to_owned(), path.len() as u64);
    assert_eq!(list("list/a").await, ["list/a/1", "list/a/2"].map(entry));
    assert_eq!(
        list("list").await,
        ["list/a/1", "list/a/2", "list/ab/3", "list/b"].map(entry)
    );
    assert_eq!(list("nothing/here").await, []);
}

async fn writers_publish_at_the_end(files: &dyn Files) {
    let mut writer = files.create("stream/1").await.expect("create");
    let mut expected = Vec::new();
    for (i, len) in [1, 0, 100_000, 3_000_000, 5].into_iter().enumerate() {
        writer
            .write(Bytes::from(vec![i as u8; len]))
            .await
            .expect("write");
        expected.extend(vec![i as u8; len]);
    }
    assert!(
        files.get("stream/1").await.is_err(),
        "nothing is visible before the end"
    );
    writer.finish().await.expect("finish");
    assert!(files.get("stream/1").await.expect("get") == expected);

    files
        .create("stream/empty")
        .await
        .expect("create")
        .finish()
        .await
        .expect("finish");
    assert_eq!(files.get("stream/empty").await.expect("get"), "");

    let mut given_up = files.create("stream/2").await.expect("create");
    given_up.write(Bytes::from_static(b"half")).await.expect("write");
    drop(given_up);
    assert!(
        files.get("stream/2").await.is_err(),
        "what was given up never appears"
    );
    let listed: Vec<_> = files.list("stream").try_collect().await.expect("list");
    assert_eq!(listed.len(), 2, "{listed:?}");
}

async fn files_are_removed(files: &dyn Files) {
    files.put("gone/1", Bytes::from_static(b"1")).await.expect("put");
    files.delete("gone/1").await.expect("delete");
    files.delete("gone/1").await.expect("deleting again is no error");
    assert!(files.get("gone/1").await.is_err());
    files
        .put("gone/1", Bytes::from_static(b"2"))
        .await
        .expect("a path is free again");
}

async fn whole(files: &dyn Files, path: &str, range: std::ops::Range<u64>) -> Result<Vec<u8>> {
    let pieces: Vec<Bytes> = files.read(path, range).await?.try_collect().await?;
    Ok(pieces.concat())
}
