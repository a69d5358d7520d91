//! Rules of repositories: whether they take writes, what holds for branches by their names, how long these live.

use serde_json::json;

use super::rig::Rig;

#[tokio::test]
async fn a_read_only_repository_refuses_what_would_change_it() {
    let rig = Rig::contested(&["loose/a"]).await;
    let (status, before) = rig.get("").await;
    assert_eq!((status, &before["read_only"]), (200, &json!(false)), "{before}");
    let (status, set) = rig.call("PATCH", "", Some(json!({"read_only": true}))).await;
    assert_eq!((status, &set["read_only"]), (200, &json!(true)), "{set}");
    for (method, path, body) in [
        ("POST", "branches", json!({"name": "new"})),
        ("DELETE", "branches/etl", json!(null)),
        (
            "POST",
            "branches/main/commits",
            json!({"message": "m", "allow_empty": true}),
        ),
        ("POST", "branches/main/merges", json!({"source": "etl"})),
        ("POST", "branches/main/resets", json!({"commit": "etl"})),
        ("POST", "tags", json!({"name": "v1", "at": "main"})),
    ] {
        let (status, problem) = rig.call(method, path, Some(body)).await;
        assert_eq!(
            (status, &problem["type"]),
            (403, &json!("denied")),
            "{path} {problem}"
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("--read-only false opens it"), "{path} {detail}");
    }
    let (status, _) = rig
        .post("branches/main/merges", json!({"source": "etl", "dry_run": true}))
        .await;
    assert_eq!(status, 409, "a dry run tells of conflicts all the same");
    let (status, _) = rig.call("PATCH", "", Some(json!({"read_only": false}))).await;
    assert_eq!(status, 200);
    assert_eq!(rig.post("branches", json!({"name": "new"})).await.0, 201);
}

#[tokio::test]
async fn rules_are_set_listed_and_removed() {
    let rig = Rig::contested(&["loose/a"]).await;
    assert_eq!(rig.get("rules").await, (200, json!([])));
    let rule = json!({"protection": {"required_checks": ["rows"], "profile": "strict-table"}});
    let (status, set) = rig.call("PUT", "rules/ma*", Some(rule)).await;
    assert_eq!((status, &set["pattern"]), (200, &json!("ma*")), "{set}");
    let brief = json!({"ttl_seconds": 60, "idle_seconds": 0});
    assert_eq!(rig.call("PUT", "rules/tmp-%3F", Some(brief)).await.0, 200);
    let all = json!([
        {
            "pattern": "ma*",
            "protection": {"required_checks": ["rows"], "policy": "disjoint", "profile": "strict-table"}
        },
        {"pattern": "tmp-?", "ttl_seconds": 60},
    ]);
    assert_eq!(rig.get("rules").await, (200, all.clone()));
    assert_eq!(rig.get("rules/ma*").await, (200, all[0].clone()));
    let (_, main) = rig.get("branches/main").await;
    assert_eq!(
        (&main["protection"], &main["protected_by"]),
        (&all[0]["protection"], &json!(["ma*"])),
        "{main}"
    );
    for (method, path, body, status) in [
        ("PUT", "rules/release%2F*", json!({}), 400),
        ("PUT", "rules/x", json!({"ttl": 1}), 400),
        ("PUT", "rules/x", json!({"protection": {}, "ttl_seconds": 1}), 403),
        ("GET", "rules/x", json!(null), 404),
        ("DELETE", "rules/x", json!(null), 404),
    ] {
        let answer = rig.call(method, path, Some(body)).await;
        assert_eq!(answer.0, status, "{method} {path} {}", answer.1);
    }
    assert_eq!(rig.call("DELETE", "rules/ma*", None).await.0, 204);
    let (_, main) = rig.get("branches/main").await;
    assert_eq!(main["protection"], json!(null));
}

#[tokio::test]
async fn a_merge_takes_the_profile_that_the_branch_asks_for() {
    let rig = Rig::contested(&["loose/a"]).await;
    let rule = json!({"protection": {"profile": "strict-partition"}});
    assert_eq!(rig.call("PUT", "rules/main", Some(rule)).await.0, 200);
    let merge = |profile: Option<&str>| {
        let strategies = json!([{"side": "theirs"}]);
        let wishes = match profile {
            Some(profile) => json!({"profile": profile, "strategies": strategies}),
            None => json!({"strategies": strategies}),
        };
        json!({"source": "etl", "squash": true, "wishes": wishes})
    };
    let (status, problem) = rig.post("branches/main/merges", merge(Some("standard"))).await;
    assert_eq!(status, 403, "{problem}");
    assert_eq!(
        problem["detail"],
        "a merge is refused: the branch asks for the profile strict-partition, and standard is less strict"
    );
    let (status, answer) = rig.post("branches/main/merges", merge(None)).await;
    assert_eq!((status, &answer["state"]), (200, &json!("landed")), "{answer}");
}

#[tokio::test]
async fn branches_live_as_long_as_was_said() {
    let rig = Rig::contested(&["loose/a"]).await;
    let brief = json!({"ttl_seconds": 3600});
    assert_eq!(rig.call("PUT", "rules/t*", Some(brief)).await.0, 200);
    let new = json!({"name": "t1", "ttl_seconds": 7200, "idle_seconds": 60});
    let (status, made) = rig.post("branches", new).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        (&made["ttl_seconds"], &made["idle_seconds"]),
        (&json!(3600), &json!(60))
    );
    let since = made["created_us"].as_u64().unwrap();
    assert_eq!(made["expires_us"], json!(since + 60_000_000));
    let longer = Some(json!({"ttl_seconds": 86400, "idle_seconds": 0}));
    let (status, set) = rig.call("PATCH", "branches/t1", longer).await;
    assert_eq!(status, 200, "{set}");
    assert_eq!(set["expires_us"], json!(since + 86_400_000_000));
    assert_eq!(set["idle_seconds"], json!(null));
    let main = Some(json!({"idle_seconds": 60}));
    assert_eq!(rig.call("PATCH", "branches/main", main).await.0, 400);
    let protected = Some(json!({"protected": true}));
    let (_, set) = rig.call("PATCH", "branches/t1", protected).await;
    assert_eq!(
        (&set["ttl_seconds"], &set["expires_us"]),
        (&json!(86400), &json!(null)),
        "a protected branch does not expire: {set}"
    );
}

#[tokio::test]
async fn a_check_that_is_required_and_not_there_is_warned_of() {
    let rig = Rig::contested(&["loose/a"]).await;
    let required = json!({"protected": true, "required_checks": ["ghost"]});
    let (status, set) = rig.call("PATCH", "branches/main", Some(required)).await;
    assert_eq!(status, 200, "{set}");
    let warning = set["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("is called ghost: merges are refused"),
        "{warning}"
    );
    let (_, shown) = rig.get("branches/main").await;
    assert_eq!(shown["warnings"], json!(null), "it is told where it is set");

    let rule = json!({"protection": {"required_checks": ["ghost"]}});
    let (status, set) = rig.call("PUT", "rules/m*", Some(rule.clone())).await;
    assert_eq!((status, &set["warnings"]), (200, &json!([warning])));
    let (_, set) = rig.call("PUT", "rules/release-*", Some(rule)).await;
    assert_eq!(set["warnings"], json!(null), "no branch is called so");
}

#[tokio::test]
async fn what_a_new_branch_leaves_out_is_told() {
    let rig = Rig::contested(&["a"]).await;
    rig.write("etl", &["b"], "staged").await;
    for (name, from, warnings) in [
        ("a", "etl", 1),
        ("b", "etl@", 0),
        ("c", "etl~1", 0),
        ("d", "main", 0),
    ] {
        let (status, body) = rig.post("branches", json!({"name": name, "from": from})).await;
        assert_eq!(status, 201, "{body}");
        let told = body["warnings"].as_array().map_or(0, Vec::len);
        assert_eq!(told, warnings, "{from}: {body}");
    }
}
