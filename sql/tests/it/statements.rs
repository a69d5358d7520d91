//! Statements that read, and those that do not.

use versioning::Kind;

use super::lake::{Lake, hive_table};

#[tokio::test]
async fn nothing_can_be_changed() {
    let lake = Lake::new().await;
    lake.create("main", hive_table("t", "n int", "")).await;
    for sql in [
        "create table x (n int)",
        "create external table x stored as parquet location '/tmp'",
        "insert into sales.t values (1)",
        "with x as (insert into sales.t values (1)) select 1",
        "select n into other from sales.t",
        "drop table sales.t",
        "copy sales.t to '/tmp/x.parquet'",
        "set datafusion.execution.batch_size = 1",
        "explain analyze insert into sales.t values (1)",
        "create function f as 'x'",
        "select * from '/etc/passwd'",
        "select * from read_parquet('/etc/passwd')",
    ] {
        let error = lake
            .try_query("main", sql)
            .await
            .err()
            .unwrap_or_else(|| panic!("{sql} passed"));
        assert!(
            matches!(error.kind(), Kind::Denied | Kind::Invalid | Kind::NotFound),
            "{sql}: {error:?}"
        );
    }
    assert_eq!(lake.query("show tables in sales").await, ["t"]);
}

#[tokio::test]
async fn lists_and_descriptions() {
    let lake = Lake::new().await;
    lake.create(
        "main",
        hive_table("orders", "id int; price decimal(9,2)", "dt date"),
    )
    .await;
    lake.create("main", hive_table("items", "id int", "")).await;
    assert_eq!(lake.query("show databases").await, ["default", "sales"]);
    assert_eq!(lake.query("show schemas like 's%'").await, ["sales"]);
    assert_eq!(lake.query("show tables in sales").await, ["items", "orders"]);
    assert_eq!(
        lake.query("show tables in \"sales@main\" like 'o%'").await,
        ["orders"]
    );
    assert!(lake.query("show tables").await.is_empty());
    assert!(
        lake.error("show tables in nowhere")
            .await
            .contains("\"nowhere\" not found")
    );
    let described = lake.query("describe sales.orders").await;
    assert_eq!(
        described,
        ["id|Int32|YES", "price|Decimal128(9, 2)|YES", "dt|Date32|YES"]
    );
    assert!(
        lake.query("explain select * from sales.orders")
            .await
            .join(" ")
            .contains("EmptyExec")
    );
}
