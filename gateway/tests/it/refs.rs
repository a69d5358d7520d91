//! Refs: what was committed is read for ever and written never.

use versioning::refs::{CommitMode, Protection};

use crate::rig::{Rig, reference};
use crate::signing::Call;

#[tokio::test]
async fn branches_tags_and_commits_are_read_alike() {
    let rig = Rig::start().await;
    Call::new("PUT", "/lake/main/a")
        .body("one")
        .send(&rig)
        .await
        .expect(200);
    let commit = rig.commit("first").await;
    rig.repository
        .create_tag(&reference("v1"), &reference("main").into())
        .await
        .unwrap();
    rig.branch("etl").await;
    Call::new("PUT", "/lake/etl/a")
        .body("two")
        .send(&rig)
        .await
        .expect(200);
    Call::new("PUT", "/lake/main/a")
        .body("three")
        .send(&rig)
        .await
        .expect(200);
    let short = commit.short();
    let whole = commit.to_string();
    let cases = [
        ("main", "three"),
        ("main@", "one"),
        ("etl", "two"),
        ("etl@", "one"),
        ("v1", "one"),
        (short.as_str(), "one"),
        (whole.as_str(), "one"),
    ];
    for (at, body) in cases {
        let reply = Call::new("GET", &format!("/lake/{at}/a"))
            .send(&rig)
            .await
            .expect(200);
        assert_eq!(reply.text(), body, "{at}");
    }
    Call::new("HEAD", "/lake/main~1/a").send(&rig).await.expect(404);
}

#[tokio::test]
async fn read_only_refs_refuse_every_kind_of_write() {
    let rig = Rig::start().await;
    Call::new("PUT", "/lake/main/a")
        .body("one")
        .send(&rig)
        .await
        .expect(200);
    let commit = rig.commit("first").await.to_string();
    rig.repository
        .create_tag(&reference("v1"), &reference("main").into())
        .await
        .unwrap();
    for at in ["v1", "main@", "main~1", commit.as_str()] {
        let path = format!("/lake/{at}/a");
        let calls = [
            Call::new("PUT", &path).body("two"),
            Call::new("DELETE", &path),
            Call::new("POST", &path).query("uploads", ""),
            Call::new("PUT", &path).header("x-amz-copy-source", "lake/main/a"),
        ];
        for call in calls {
            let reply = call.send(&rig).await.expect_error(403, "AccessDenied");
            assert!(reply.text().contains("read-only"), "{}", reply.text());
        }
    }
    assert_eq!(
        Call::new("GET", "/lake/v1/a").send(&rig).await.expect(200).text(),
        "one"
    );
}

#[tokio::test]
async fn a_protected_branch_refuses_writes() {
    let rig = Rig::start().await;
    Call::new("PUT", "/lake/main/a")
        .body("one")
        .send(&rig)
        .await
        .expect(200);
    let (main, rules) = (reference("main"), Protection::default());
    rig.repository
        .set_branch_rules(&main, CommitMode::Staged, Some(rules))
        .await
        .unwrap();
    let reply = Call::new("PUT", "/lake/main/a").body("two").send(&rig).await;
    assert!(
        reply
            .expect_error(403, "AccessDenied")
            .text()
            .contains("protected")
    );
    Call::new("DELETE", "/lake/main/a")
        .send(&rig)
        .await
        .expect_error(403, "AccessDenied");
    assert_eq!(
        Call::new("GET", "/lake/main/a")
            .send(&rig)
            .await
            .expect(200)
            .text(),
        "one"
    );
}

#[tokio::test]
async fn branches_that_a_rule_protects_and_read_only_repositories_refuse_writes() {
    let rig = Rig::start().await;
    let put = Call::new("PUT", "/lake/main/a").body("one");
    put.send(&rig).await.expect(200);
    let pattern = versioning::refs::Pattern::parse("m*").unwrap();
    let rule = versioning::refs::Rule {
        protection: Some(Protection::default()),
        ..Default::default()
    };
    rig.repository.set_rule(&pattern, &rule).await.unwrap();
    let reply = Call::new("PUT", "/lake/main/a").body("two").send(&rig).await;
    let refused = reply.expect_error(403, "AccessDenied");
    assert!(refused.text().contains("protected"));
    rig.repository.remove_rule(&pattern).await.unwrap();
    rig.repository.set_read_only(true).await.unwrap();
    for path in ["/lake/main/a", "/lake/_shared/t/a"] {
        let reply = Call::new("PUT", path).body("two").send(&rig).await;
        let refused = reply.expect_error(403, "AccessDenied");
        assert!(refused.text().contains("repository lake is read-only"), "{path}");
    }
    Call::new("DELETE", "/lake/main/a")
        .send(&rig)
        .await
        .expect_error(403, "AccessDenied");
    let read = Call::new("GET", "/lake/main/a").send(&rig).await;
    assert_eq!(read.expect(200).text(), "one");
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let rig = Rig::start().await;
    let cases = [
        ("GET", "/nowhere/main/a", 404, "NoSuchBucket"),
        ("PUT", "/nowhere/main/a", 404, "NoSuchBucket"),
        ("GET", "/lake/nowhere/a", 404, "NoSuchKey"),
        ("GET", "/lake/main/nothing", 404, "NoSuchKey"),
        ("GET", "/lake/main", 404, "NoSuchKey"),
        ("PUT", "/lake/nowhere/a", 404, "NoSuchBucket"),
        ("DELETE", "/lake/nowhere/a", 404, "NoSuchBucket"),
        ("GET", "/lake/_shared/t/a", 404, "NoSuchKey"),
        ("PUT", "/lake/_shared@/t/a", 404, "NoSuchKey"),
        ("GET", "/lake/main/a\0b", 400, "InvalidArgument"),
        ("GET", "/LAKE/main/a", 400, "InvalidBucketName"),
    ];
    for (method, path, status, code) in cases {
        let reply = Call::new(method, path)
            .send(&rig)
            .await
            .expect_error(status, code);
        assert!(
            !reply.one("Message").unwrap_or_default().is_empty() || status == 400,
            "{method} {path}"
        );
    }
    let version = Call::new("GET", "/lake/main/a")
        .query("versionId", "abc")
        .send(&rig)
        .await;
    version.expect_error(404, "NoSuchVersion");
    let long = format!("/lake/main/{}", "x".repeat(1025));
    Call::new("PUT", &long)
        .send(&rig)
        .await
        .expect_error(400, "KeyTooLongError");
}
