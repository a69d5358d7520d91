//! Diffs of data: what the routes hand on, and how lines end.

use serde_json::json;

use super::rig::Rig;

#[tokio::test]
async fn profiles_are_asked_for_by_a_glob() {
    let rig = Rig::contested(&["a"]).await;
    let (status, body) = rig.get("diff/profile?from=main&to=etl").await;
    let table = |range: &str, glob: &str, most: usize| json!({"tables": [{"database": range, "name": glob, "partitions": [], "partitions_left": most}]});
    assert_eq!((status, body), (200, table("main..etl", "*", 100)));
    let (_, body) = rig
        .get("diff/profile?from=etl@&to=etl&tables=sales.*&partitions=5000")
        .await;
    assert_eq!(body, table("etl@..etl", "sales.*", 1_000));
    assert_eq!(rig.get("diff/profile?from=main").await.0, 400);
}

#[tokio::test]
async fn lines_of_rows_end_or_say_why_they_do_not() {
    let rig = Rig::contested(&["a"]).await;
    let (status, lines) = rig
        .lines("diff/rows?from=main&to=etl&table=s.t&key=id,dt&limit=2")
        .await;
    let first = json!({"type": "columns", "key": ["id", "dt"], "columns": [], "one_sided": []});
    assert_eq!(status, 200);
    assert_eq!(
        lines,
        [first, json!({"type": "end", "rows": 2, "truncated": true})]
    );
    let (status, lines) = rig.lines("diff/rows?from=main&to=etl&table=s.t&key=id").await;
    assert_eq!((status, lines.len()), (200, 2));
    assert_eq!(
        (&lines[1]["type"], &lines[1]["problem"]["type"]),
        (&json!("error"), &json!("unavailable"))
    );
    assert_eq!(rig.get("diff/rows?from=main&to=etl&table=s.t").await.0, 400);
}

#[tokio::test]
async fn a_diff_tells_where_it_goes_on() {
    let rig = Rig::contested(&["a"]).await;
    let (_, whole) = rig.get("diff?from=main&to=etl").await;
    assert_eq!(
        (&whole["files"]["added"], &whole["next"]),
        (&json!(1), &json!(null))
    );
    let (_, one) = rig.get("diff?from=main&to=etl&table=sales.t").await;
    assert_eq!(one["files"]["added"], 0);
}

#[tokio::test]
async fn a_whole_diff_comes_line_by_line() {
    let rig = Rig::contested(&["a"]).await;
    let (_, whole) = rig.get("diff?from=main&to=etl").await;
    let (status, lines) = rig.lines("diff/lines?from=main&to=etl").await;
    assert_eq!(status, 200);
    let mut end = json!({"type": "end"});
    end["files"] = whole["files"].clone();
    assert_eq!(lines, [end]);
    assert_eq!(rig.get("diff/lines?from=main&to=nowhere").await.0, 404);
}

#[tokio::test]
async fn a_diff_from_the_merge_base_is_what_a_merge_would_bring() {
    let rig = Rig::contested(&["a"]).await;
    let added = async |from: &str, to: &str, more: &str| {
        let (status, body) = rig.get(&format!("diff?from={from}&to={to}{more}")).await;
        assert_eq!(status, 200, "{body}");
        (body["files"]["added"].clone(), body["files"]["removed"].clone())
    };
    // both sides changed the file since
    assert_eq!(added("main", "etl", "").await, (json!(1), json!(1)));
    assert_eq!(
        added("main", "etl", "&merge_base=true").await,
        added("main~1", "etl", "").await
    );
    assert_eq!(rig.get("diff?from=main&to=nowhere&merge_base=true").await.0, 404);
}
