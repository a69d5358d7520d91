//! Listings: pages, delimiters, encodings, refs as folders.

use futures::TryStreamExt as _;
use object_store::ObjectStore as _;
use object_store::path::Path;
use versioning::object::Object;
use versioning::{Batch, Error, Space};

use crate::rig::{Rig, reference};
use crate::signing::{Call, Reply};

/// Writes empty objects in one step.
async fn fill(rig: &Rig, branch: &str, paths: Vec<String>) {
    let branch = reference(branch);
    let written = rig.repository.write(&branch, move |_| {
        let mut batch = Batch::default();
        let object = Object {
            etag: "e".into(),
            modified_us: 1_767_225_600_000_000,
            ..Object::default()
        };
        for path in &paths {
            batch.put(Space::Objects, path.clone().into_bytes(), object.encode());
        }
        async move { Ok::<_, Error>((batch, ())) }
    });
    written.await.unwrap();
}

async fn list(rig: &Rig, pairs: &[(&str, &str)]) -> Reply {
    let call = Call::new("GET", "/lake").query("list-type", "2");
    pairs
        .iter()
        .fold(call, |call, (name, value)| call.query(name, value))
        .send(rig)
        .await
}

#[tokio::test]
async fn two_and_a_half_thousand_keys_come_page_by_page() {
    let rig = Rig::start().await;
    let paths: Vec<String> = (0..50)
        .flat_map(|p| (0..50).map(move |n| format!("t/p={p:02}/{n:02}")))
        .collect();
    fill(&rig, "main", paths.clone()).await;
    let client = rig.client();
    let prefix = Path::from("main/t");
    let listed: Vec<String> = client
        .list(Some(&prefix))
        .map_ok(|meta| meta.location.to_string())
        .try_collect()
        .await
        .unwrap();
    let expected: Vec<String> = paths.iter().map(|path| format!("main/{path}")).collect();
    assert_eq!(listed, expected);
    let folders = client.list_with_delimiter(Some(&prefix)).await.unwrap();
    assert_eq!((folders.common_prefixes.len(), folders.objects.len()), (50, 0));
    // in small pages, with a delimiter
    let (mut folders, mut pages, mut token) = (Vec::new(), 0, None::<String>);
    loop {
        let mut query = vec![("prefix", "main/t/"), ("delimiter", "/"), ("max-keys", "7")];
        query.extend(token.as_deref().map(|token| ("continuation-token", token)));
        let reply = list(&rig, &query).await.expect(200);
        folders.extend(
            reply
                .all("CommonPrefixes")
                .iter()
                .map(|one| one.replace("<Prefix>", "").replace("</Prefix>", "")),
        );
        pages += 1;
        token = reply.one("NextContinuationToken");
        assert_eq!(reply.one("IsTruncated").unwrap(), token.is_some().to_string());
        if token.is_none() {
            break;
        }
    }
    assert_eq!(pages, 8);
    assert_eq!(
        folders,
        (0..50).map(|p| format!("main/t/p={p:02}/")).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn the_cost_of_a_listing_follows_its_result() {
    let rig = Rig::start().await;
    let paths = (0..4)
        .flat_map(|p| (0..10_000).map(move |n| format!("t/p={p}/{n:05}")))
        .collect();
    fill(&rig, "main", paths).await;
    rig.commit("many").await;
    let fresh = rig.again().await;
    let reads = |rig: &Rig| rig.repository.stats();
    let before = reads(&fresh);
    let reply = list(&fresh, &[("prefix", "main/t/"), ("delimiter", "/")])
        .await
        .expect(200);
    assert_eq!(reply.all("CommonPrefixes").len(), 4);
    let nodes = reads(&fresh).nodes.reads - before.nodes.reads;
    assert!(
        nodes <= 16,
        "{nodes} nodes for four folders of ten thousand objects each"
    );
}

#[tokio::test]
async fn version_one_goes_on_behind_a_marker() {
    let rig = Rig::start().await;
    fill(&rig, "main", ["a", "b/1", "b/2", "c"].map(str::to_owned).to_vec()).await;
    let mut marker = String::new();
    let mut all = Vec::new();
    loop {
        let reply = Call::new("GET", "/lake")
            .query("prefix", "main/")
            .query("delimiter", "/")
            .query("max-keys", "1")
            .query("marker", &marker)
            .send(&rig)
            .await
            .expect(200);
        all.extend(reply.all("Key"));
        all.extend(reply.all("CommonPrefixes"));
        match reply.one("NextMarker") {
            Some(next) => marker = next,
            None => break,
        }
    }
    assert_eq!(all, ["main/a", "<Prefix>main/b/</Prefix>", "main/c"]);
}

#[tokio::test]
async fn start_after_and_encoding() {
    let rig = Rig::start().await;
    fill(&rig, "main", ["a b", "a+b", "é", "z"].map(str::to_owned).to_vec()).await;
    let reply = list(
        &rig,
        &[
            ("prefix", "main/"),
            ("start-after", "main/a b"),
            ("encoding-type", "url"),
        ],
    )
    .await;
    let reply = reply.expect(200);
    assert_eq!(reply.all("Key"), ["main/a%2Bb", "main/z", "main/%C3%A9"]);
    assert_eq!(reply.one("StartAfter").unwrap(), "main/a%20b");
    assert_eq!(reply.one("KeyCount").unwrap(), "3");
    let none = list(&rig, &[("prefix", "main/"), ("start-after", "zzz")])
        .await
        .expect(200);
    assert_eq!(none.all("Key").len(), 0);
    for (name, value) in [
        ("encoding-type", "base64"),
        ("continuation-token", "%%%"),
        ("max-keys", "-1"),
    ] {
        list(&rig, &[("prefix", "main/"), (name, value)])
            .await
            .expect_error(400, "InvalidArgument");
    }
    let zero = list(&rig, &[("prefix", "main/"), ("max-keys", "0")])
        .await
        .expect(200);
    assert_eq!(
        (zero.all("Key").len(), zero.one("IsTruncated").as_deref()),
        (0, Some("false"))
    );
}

#[tokio::test]
async fn refs_are_the_folders_of_a_bucket() {
    let rig = Rig::start().await;
    fill(&rig, "main", vec!["a".to_owned()]).await;
    rig.commit("first").await;
    for branch in ["etl", "etl-2"] {
        rig.branch(branch).await;
    }
    rig.repository
        .create_tag(&reference("v1"), &reference("main").into())
        .await
        .unwrap();
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
    let cases: [Case<'_>; 5] = [
        (&[], &["etl-2/", "etl/", "main/", "v1/"]),
        (&[("delimiter", "/")], &["etl-2/", "etl/", "main/", "v1/"]),
        (&[("prefix", "et")], &["etl-2/", "etl/"]),
        (&[("start-after", "etl/")], &["main/", "v1/"]),
        (&[("prefix", "x")], &[]),
    ];
    for (query, expected) in cases {
        let reply = list(&rig, query).await.expect(200);
        let expected: Vec<String> = expected
            .iter()
            .map(|one| format!("<Prefix>{one}</Prefix>"))
            .collect();
        assert_eq!(reply.all("CommonPrefixes"), expected, "{query:?}");
        assert_eq!(reply.all("Key").len(), 0);
    }
    let first = list(&rig, &[("max-keys", "3")]).await.expect(200);
    let token = first.one("NextContinuationToken").unwrap();
    let second = list(&rig, &[("max-keys", "3"), ("continuation-token", &token)])
        .await
        .expect(200);
    assert_eq!(second.all("CommonPrefixes"), ["<Prefix>v1/</Prefix>"]);
    // below a ref that is not there stands nothing; below an empty one, its marker
    assert_eq!(
        list(&rig, &[("prefix", "nowhere/")])
            .await
            .expect(200)
            .all("Key")
            .len(),
        0
    );
    assert_eq!(
        list(&rig, &[("prefix", "v1/")]).await.expect(200).all("Key"),
        ["v1/a"]
    );
    let shared = list(&rig, &[("prefix", "_shared/")]).await.expect(200);
    assert_eq!(
        shared.all("Key"),
        ["_shared/"],
        "nobody wrote to it, and it is a folder"
    );
}

#[tokio::test]
async fn an_empty_ref_is_a_folder() {
    let rig = Rig::start().await;
    assert_eq!(
        list(&rig, &[("prefix", "main/")]).await.expect(200).all("Key"),
        ["main/"]
    );
    fill(&rig, "main", vec!["a".to_owned()]).await;
    assert_eq!(
        list(&rig, &[("prefix", "main/")]).await.expect(200).all("Key"),
        ["main/a"]
    );
}

#[tokio::test]
async fn buckets() {
    let rig = Rig::start().await;
    assert_eq!(
        Call::new("GET", "/").send(&rig).await.expect(200).all("Name"),
        ["lake"]
    );
    Call::new("HEAD", "/lake").send(&rig).await.expect(200);
    Call::new("HEAD", "/nowhere").send(&rig).await.expect(404);
    Call::new("GET", "/lake")
        .query("location", "")
        .send(&rig)
        .await
        .expect(200);
    Call::new("GET", "/nowhere")
        .query("location", "")
        .send(&rig)
        .await
        .expect_error(404, "NoSuchBucket");
    Call::new("PUT", "/new-lake")
        .send(&rig)
        .await
        .expect_error(403, "AccessDenied");
    Call::new("DELETE", "/lake")
        .send(&rig)
        .await
        .expect_error(403, "AccessDenied");
    Call::new("GET", "/lake")
        .query("policy", "")
        .send(&rig)
        .await
        .expect_error(501, "NotImplemented");
}
