//! System tables, differences, and statements about branches.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use sql::{Branches, Change, Changed};
use tokio::sync::Notify;
use versioning::{Kind, RefExpr, Repository};

use super::lake::{Lake, at, branch, hive_table, parquet};

fn rows(rows: &[(i32, &str)]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.0)));
    let notes: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1)));
    RecordBatch::try_from_iter([("id", ids), ("note", notes)]).unwrap()
}

/// `sales.t`, partitioned by `dt`, and `sales.u` on main; `etl` has changed rows of `t` since.
async fn lake() -> Lake {
    let lake = Lake::new().await;
    lake.create("main", hive_table("t", "id int; note string", "dt string"))
        .await;
    lake.create("main", hive_table("u", "id int; note string", ""))
        .await;
    lake.add("main", "t", &["a"], None).await;
    lake.put(
        "main",
        "sales.db/t/dt=a/0",
        parquet(&rows(&[(1, "x"), (1, "x"), (2, "y"), (3, "z")])),
    )
    .await;
    lake.put("main", "sales.db/u/0", parquet(&rows(&[(9, "u")])))
        .await;
    lake.commit("main").await;
    lake.repository
        .create_tag(&branch("v1"), &at("main"))
        .await
        .unwrap();
    lake.branch_off("etl", "main").await;
    lake.put(
        "etl",
        "sales.db/t/dt=a/0",
        parquet(&rows(&[(1, "x"), (2, "yy"), (4, "w")])),
    )
    .await;
    lake.add("etl", "t", &["b"], None).await;
    lake
}

#[tokio::test]
async fn the_repository_is_told_as_tables() {
    let lake = lake().await;
    assert_eq!(
        lake.query("select name, kind, is_default from skep.refs order by name")
            .await,
        ["etl|branch|false", "main|branch|true", "v1|tag|false"]
    );
    assert_eq!(
        lake.query("select message, kind from skep.commits limit 1").await,
        ["tables|normal"]
    );
    assert_eq!(
        lake.query("select database, name, columns, partition_keys, location from skep.tables order by name")
            .await,
        ["sales|t|2|dt|sales.db/t", "sales|u|2||sales.db/u"]
    );
    assert_eq!(lake.query("select name from skep.partitions").await, ["dt=a"]);
    assert_eq!(
        lake.query("select name from \"skep@etl\".partitions order by name")
            .await,
        ["dt=a", "dt=b"]
    );
    assert_eq!(
        lake.query("select \"table\", partition, path, bytes > 0 from skep.files order by path")
            .await,
        ["t|dt=a|sales.db/t/dt=a/0|true", "u|NULL|sales.db/u/0|true"]
    );
    assert_eq!(
        lake.query("select path from skep.files where \"table\" in ('u', 'nope') and database = 'sales'")
            .await,
        ["sales.db/u/0"]
    );
    assert_eq!(
        lake.query("select table_name, table_type from information_schema.tables where table_schema = 'sales' order by 1").await,
        ["t|BASE TABLE", "u|BASE TABLE"]
    );
    assert_eq!(
        lake.query("select column_name, ordinal_position, data_type from information_schema.columns where table_name = 't' order by 2").await,
        ["id|1|int", "note|2|string", "dt|3|string"]
    );
    assert_eq!(
        lake.query("select schema_name from information_schema.schemata order by 1")
            .await,
        ["default", "sales"]
    );
    assert_eq!(
        lake.query("select count(*) from skep.refs where name = 'v1'")
            .await,
        ["1"]
    );
}

#[tokio::test]
async fn a_history_is_fetched_as_far_as_it_is_asked_for() {
    let lake = Lake::new().await;
    for n in 0..130 {
        lake.put("main", "notes", bytes::Bytes::from(n.to_string())).await;
        lake.commit("main").await;
    }
    assert_eq!(
        lake.query("select count(*) > 130, count(distinct id) > 130 from skep.commits")
            .await,
        ["true|true"]
    );
    assert_eq!(
        lake.query("select count(*) from (select id from skep.commits limit 3)")
            .await,
        ["3"]
    );
}

#[tokio::test]
async fn refs_are_compared() {
    let lake = lake().await;
    let what = "select \"table\", item, name, change from diff('main', 'etl') order by item, name";
    assert_eq!(
        lake.query(what).await,
        [
            "t|partition|dt=a|rewritten",
            "t|partition|dt=b|added",
            "t|table|t|changed"
        ]
    );
    assert_eq!(
        lake.query("select name, files_added, files_removed from diff('main', 'etl') where item = 'partition' and name like '%a'").await,
        ["dt=a|1|1"]
    );
    assert!(lake.query("select * from diff('main', 'main')").await.is_empty());
    assert!(
        lake.error("select * from diff('main')")
            .await
            .contains("takes two refs")
    );
    assert!(
        lake.error("select * from diff('main', 'gone')")
            .await
            .contains("gone")
    );
    assert_eq!(
        lake.query(
            "select change, times, id, note from diff_rows('main', 'etl', 'sales.t') order by id, note, change"
        )
        .await,
        [
            "removed|1|1|x", "removed|1|2|y", "added|1|2|yy", "removed|1|3|z", "added|1|4|w"
        ]
    );
    assert_eq!(
        lake.query("select change, id, note from diff_rows('main', 'etl', 'sales.t', 'id,dt') order by id")
            .await,
        ["changed|2|yy", "removed|3|z", "added|4|w"]
    );
    assert_eq!(lake.query("show diff main etl").await.len(), 3);
    assert_eq!(lake.query("show tags").await[0].split('|').next(), Some("v1"));
    assert_eq!(lake.query("show branches").await.len(), 2);
    assert_eq!(lake.query("show log v1").await, lake.query("show log").await);
}

#[derive(Debug, Default)]
struct Noted(Mutex<Vec<Change>>);

#[async_trait]
impl Branches for Noted {
    async fn change(&self, _: &Repository, at: &RefExpr, change: &Change) -> sql::Result<Changed> {
        self.0.lock().unwrap().push(change.clone());
        Ok(Changed {
            at: at.to_string(),
            commit: None,
            outcome: "done".into(),
            warnings: vec!["look".into()],
        })
    }
}

#[tokio::test]
async fn changes_are_made_by_whoever_may() {
    let lake = lake().await;
    let error = lake.try_query("main", "commit 'x'").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Denied, "{error}");
    let noted = Arc::new(Noted::default());
    let engine = lake.engine.clone().with_branches(noted.clone());
    let answer = engine
        .query(&lake.repository, &at("etl"), "commit 'x';", 10)
        .await
        .unwrap();
    assert_eq!(super::lake::lines(&answer.page), ["etl|NULL|done|look"]);
    assert_eq!(*noted.0.lock().unwrap(), [Change::Commit { message: "x".into() }]);
}

#[derive(Debug, Default)]
struct Slow {
    begun: Notify,
    go_on: Notify,
    made: Notify,
}

#[async_trait]
impl Branches for Slow {
    async fn change(&self, _: &Repository, at: &RefExpr, _: &Change) -> sql::Result<Changed> {
        self.begun.notify_one();
        self.go_on.notified().await;
        self.made.notify_one();
        Ok(Changed {
            at: at.to_string(),
            commit: None,
            outcome: "done".into(),
            warnings: vec![],
        })
    }
}

#[tokio::test]
async fn a_change_is_made_though_nobody_waits_for_it() {
    let lake = lake().await;
    let slow = Arc::new(Slow::default());
    let engine = lake.engine.clone().with_branches(slow.clone());
    let repository = lake.repository.clone();
    let asked = tokio::spawn(async move { engine.query(&repository, &at("etl"), "commit 'x'", 10).await });
    slow.begun.notified().await;
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    slow.go_on.notify_one();
    slow.made.notified().await;
}
