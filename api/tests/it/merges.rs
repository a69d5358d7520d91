//! Merges that do not land at once: what is told of them, and how they go on.

use serde_json::json;

use super::rig::Rig;

#[tokio::test]
async fn conflicts_are_listed_decided_and_finished() {
    let rig = Rig::contested(&["loose/a", "loose/b"]).await;
    let (status, answer) = rig.post("branches/main/merges", json!({"source": "etl"})).await;
    assert_eq!(status, 409, "{answer}");
    assert_eq!(
        (&answer["type"], &answer["state"]),
        (&json!("conflict"), &json!("conflicts"))
    );
    assert_eq!(answer["conflicts_total"], 2);
    let id = answer["merge"].as_str().unwrap().to_owned();

    let (_, all) = rig.get("merges?state=conflicts&into=main").await;
    assert_eq!(all["merges"].as_array().unwrap().len(), 1, "{all}");
    let (_, none) = rig.get("merges?into=etl").await;
    assert_eq!(none, json!({"merges": []}));
    let (_, page) = rig.get(&format!("merges/{id}/conflicts?limit=1")).await;
    let first = page["conflicts"][0]["id"].as_str().unwrap().to_owned();
    let next = page["next"].as_u64().unwrap();
    let (_, page) = rig
        .get(&format!("merges/{id}/conflicts?limit=10&after={next}"))
        .await;
    let second = page["conflicts"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (page["conflicts"].as_array().unwrap().len(), &page["next"]),
        (1, &json!(null))
    );

    let resolutions = format!("merges/{id}/resolutions");
    let bad = json!({"decisions": {&first: {"value": "x"}}});
    let (status, problem) = rig.post(&resolutions, bad).await;
    assert_eq!((status, &problem["type"]), (400, &json!("invalid")), "{problem}");
    let unknown = json!({"decisions": {"0000000000000000": "ours"}});
    assert_eq!(rig.post(&resolutions, unknown).await.0, 404);
    let (_, decided) = rig
        .post(&resolutions, json!({"decisions": {&first: "theirs"}}))
        .await;
    assert_eq!(
        (&decided["decided"], &decided["conflicts"]),
        (&json!(1), &json!(2)),
        "{decided}"
    );

    let finish = format!("merges/{id}/finish");
    let (status, answer) = rig.post(&finish, json!({})).await;
    assert_eq!(
        (status, &answer["conflicts_total"]),
        (409, &json!(1)),
        "one is left: {answer}"
    );
    let short = &id[..6];
    let both = json!({"decisions": {&second: "ours"}});
    assert_eq!(
        rig.post(&format!("merges/{short}/resolutions"), both).await.0,
        200
    );
    let (status, answer) = rig.post(&finish, json!({})).await;
    assert_eq!((status, &answer["state"]), (200, &json!("landed")), "{answer}");
    let (_, attempt) = rig.get(&format!("merges/{id}")).await;
    assert_eq!(
        (&attempt["state"], &attempt["candidate"]),
        (&json!("landed"), &answer["commit"])
    );
    let (status, problem) = rig.post(&finish, json!({})).await;
    assert_eq!((status, &problem["type"]), (409, &json!("conflict")), "{problem}");
}

#[tokio::test]
async fn a_commit_that_the_branch_has_is_picked_only_again() {
    let rig = Rig::contested(&["loose/a"]).await;
    rig.commit("main", &["loose/a"], "later").await;
    let picks = "branches/main/cherry-picks";
    let (status, problem) = rig.post(picks, json!({"commit": "main~1"})).await;
    assert_eq!((status, &problem["type"]), (409, &json!("conflict")), "{problem}");
    assert!(problem["hint"].as_str().unwrap().contains("--again"), "{problem}");
    let (status, answer) = rig.post(picks, json!({"commit": "main~1", "again": true})).await;
    assert_eq!((status, &answer["state"]), (409, &json!("conflicts")), "{answer}");
    let revert = json!({"commit": "main~1", "again": true});
    assert_eq!(rig.post("branches/main/reverts", revert).await.0, 400);
}

#[tokio::test]
async fn what_is_to_be_looked_at_is_told_and_kept() {
    let rig = Rig::contested(&[]).await;
    rig.create("main", "t", "raw/x").await;
    rig.create("etl", "u", "raw/x").await;
    for dry_run in [true, false] {
        let merge = json!({"source": "etl", "dry_run": dry_run});
        let (status, answer) = rig.post("branches/main/merges", merge).await;
        assert_eq!((status, &answer["warnings_total"]), (200, &json!(1)), "{answer}");
        let warning = &answer["warnings"][0];
        assert_eq!(
            (&warning["kind"], &warning["table"]),
            (&json!("SharedLocation"), &json!("t"))
        );
        assert!(
            warning["message"].as_str().unwrap().contains("default.u"),
            "{warning}"
        );
    }
    let (_, all) = rig.get("merges").await;
    assert_eq!(
        (
            &all["merges"][0]["state"],
            &all["merges"][0]["warnings"][0]["kind"],
            &all["merges"][0]["warnings_total"]
        ),
        (&json!("landed"), &json!("SharedLocation"), &json!(1)),
        "{all}"
    );
}

#[tokio::test]
async fn merges_are_listed_by_page_and_each_once() {
    let rig = Rig::contested(&["loose/a"]).await;
    for _ in 0..5 {
        rig.post("branches/main/merges", json!({"source": "etl"})).await;
    }
    let ids = |page: &serde_json::Value| {
        let merges = page["merges"].as_array().unwrap().iter();
        merges
            .map(|merge| merge["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (_, all) = rig.get("merges").await;
    let (mut found, mut after) = (Vec::new(), String::new());
    for expected in [2, 2, 1] {
        let (_, page) = rig.get(&format!("merges?limit=2{after}")).await;
        assert_eq!(page["merges"].as_array().unwrap().len(), expected, "{page}");
        found.extend(ids(&page));
        after = page["next"]
            .as_str()
            .map_or(String::new(), |next| format!("&after={next}"));
        // one that comes meanwhile is newer than all of them
        rig.post("branches/main/merges", json!({"source": "etl"})).await;
    }
    assert_eq!((found, after), (ids(&all), String::new()));
    assert_eq!(rig.get("merges?after=nonsense").await.0, 400);
}

#[tokio::test]
async fn words_of_merges_and_commits_have_a_limit() {
    let rig = Rig::contested(&["loose/a"]).await;
    let long = "x".repeat((64 << 10) + 1);
    let merge = json!({"source": "etl", "message": long});
    for (path, body) in [("merges", merge), ("commits", json!({"message": long}))] {
        let (status, problem) = rig.post(&format!("branches/main/{path}"), body).await;
        assert_eq!((status, &problem["type"]), (400, &json!("invalid")), "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains("65536 bytes"),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn strategies_and_profiles_are_those_of_the_request() {
    let rig = Rig::contested(&["loose/a"]).await;
    let merge = |wishes| json!({"source": "etl", "squash": true, "wishes": wishes, "dry_run": false});
    let wrong = json!({"strategies": [{"kind": "Nonsense", "side": "ours"}]});
    assert_eq!(rig.post("branches/main/merges", merge(wrong)).await.0, 400);
    let theirs = json!({"profile": "strict-table", "strategies": [{"side": "theirs"}]});
    let (status, answer) = rig.post("branches/main/merges", merge(theirs)).await;
    assert_eq!((status, &answer["state"]), (200, &json!("landed")), "{answer}");
    let (_, attempts) = rig.get("merges").await;
    assert_eq!(attempts["merges"][0]["operation"], "squash");
}

#[tokio::test]
async fn a_merge_is_abandoned() {
    let rig = Rig::contested(&["loose/a"]).await;
    let (_, answer) = rig.post("branches/main/merges", json!({"source": "etl"})).await;
    let id = answer["merge"].as_str().unwrap();
    let (status, attempt) = rig.post(&format!("merges/{id}/abandon"), json!({})).await;
    assert_eq!((status, &attempt["state"]), (200, &json!("abandoned")));
    assert_eq!(rig.post(&format!("merges/{id}/finish"), json!({})).await.0, 409);
    assert_eq!(rig.get("merges/ffffffffffff").await.0, 404);
}

#[tokio::test]
async fn a_head_is_put_at_a_commit() {
    let rig = Rig::contested(&["loose/a"]).await;
    let (_, etl) = rig.get("branches/etl").await;
    let (status, answer) = rig.post("branches/main/resets", json!({"commit": "etl"})).await;
    assert_eq!((status, &answer["commit"]), (200, &etl["head"]), "{answer}");
    rig.write("main", &["loose/c"], "staged").await;
    let (status, problem) = rig
        .post("branches/main/resets", json!({"commit": "main~1"}))
        .await;
    assert_eq!((status, &problem["type"]), (409, &json!("conflict")), "{problem}");
    let forced = json!({"commit": "main~1", "force": true});
    assert_eq!(rig.post("branches/main/resets", forced).await.0, 200);
}
