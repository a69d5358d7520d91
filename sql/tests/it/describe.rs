//! What a statement would answer with, and its rows as batches.

use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt;
use sql::{Branches, Change, Changed};
use versioning::{Kind, RefExpr, Repository};

use super::lake::{Lake, at, hive_table};

/// Answers every change.
#[derive(Debug)]
struct Answers;

#[async_trait]
impl Branches for Answers {
    async fn change(&self, _: &Repository, at: &RefExpr, _: &Change) -> sql::Result<Changed> {
        Ok(Changed {
            at: at.to_string(),
            commit: None,
            outcome: "done".to_owned(),
            warnings: vec![],
        })
    }
}

/// Fails at every change.
#[derive(Debug)]
struct Untouched;

#[async_trait]
impl Branches for Untouched {
    async fn change(&self, _: &Repository, _: &RefExpr, change: &Change) -> sql::Result<Changed> {
        panic!("{change:?} was made");
    }
}

#[tokio::test]
async fn columns_are_told_as_the_rows_have_them() {
    let lake = Lake::new().await;
    let columns = "id int; price decimal(9,2); tags array<string>; note varchar(9); at timestamp";
    lake.create("main", hive_table("t", columns, "dt date")).await;
    let main = at("main");
    let engine = lake.engine.clone().with_branches(Arc::new(Answers));
    for sql in [
        "select * from sales.t",
        "select count(*), max(price), sum(id) from sales.t group by dt",
        "select cast(id as varchar) || 'x', upper(note), tags[1] from sales.t where dt > '2026-01-01'",
        "select * from sales.t a left join sales.t b on a.id = b.id order by a.id limit 3",
        "select 1 union all select null",
        "explain select * from sales.t",
        "describe sales.t",
        "show tables in sales",
        "show databases",
        "show branches",
        "select * from diff('main', 'main')",
        "create branch x",
    ] {
        let described = engine.describe(&lake.repository, &main, sql).await.unwrap();
        let rows = engine.rows(&lake.repository, &main, sql).await.unwrap();
        assert_eq!(described.schema, rows.schema_ref(), "{sql}");
        let batches: Vec<_> = rows.into_batches().try_collect().await.unwrap();
        assert!(
            batches.iter().all(|batch| batch.schema() == described.schema),
            "{sql}"
        );
        assert_eq!(described.is_change, sql.starts_with("create"), "{sql}");
    }
}

#[tokio::test]
async fn nothing_is_run_that_is_described() {
    let lake = Lake::new().await;
    let main = at("main");
    let engine = lake.engine.clone().with_branches(Arc::new(Untouched));
    let described = engine.describe(&lake.repository, &main, "drop branch main").await;
    assert!(described.unwrap().is_change);
    let endless = "select * from generate_series(1, 10000000000) a, generate_series(1, 10000000000) b";
    let described = engine.describe(&lake.repository, &main, endless).await.unwrap();
    assert_eq!(described.schema.fields().len(), 2);
    // without anybody who makes changes
    let refused = lake
        .engine
        .describe(&lake.repository, &main, "drop branch main")
        .await;
    assert_eq!(refused.unwrap_err().kind(), Kind::Denied);
}

#[tokio::test]
async fn parameters_are_told_of() {
    let lake = Lake::new().await;
    for sql in ["select $1", "select 1 where 1 = $b", "select ?"] {
        let told = lake.error(sql).await;
        assert!(told.contains("are not taken: write the values"), "{sql}: {told}");
        let described = lake.engine.describe(&lake.repository, &at("main"), sql).await;
        assert_eq!(described.unwrap_err().to_string(), told);
    }
}
