//! Queries of other refs than the session's.

use std::sync::Arc;

use datafusion::arrow::array::{Int32Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema};

use super::lake::{Lake, at, branch, hive_table, parquet};

fn numbers(numbers: &[i32]) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("n", DataType::Int32, true)]);
    RecordBatch::try_new(
        Arc::new(schema),
        vec![Arc::new(Int32Array::from(numbers.to_vec()))],
    )
    .unwrap()
}

#[tokio::test]
async fn each_ref_has_its_own_rows_for_ever() {
    let lake = Lake::new().await;
    lake.create("main", hive_table("t", "n int", "")).await;
    lake.put("main", "sales.db/t/0.parquet", parquet(&numbers(&[1])))
        .await;
    let first = lake.commit("main").await;
    lake.repository
        .create_tag(&branch("v1"), &at("main"))
        .await
        .unwrap();
    lake.branch_off("etl", "main").await;
    lake.put("etl", "sales.db/t/1.parquet", parquet(&numbers(&[2, 3])))
        .await;
    lake.put("main", "sales.db/t/0.parquet", parquet(&numbers(&[7])))
        .await;

    let sum = "select sum(n) from sales.t";
    for (on, expected) in [
        ("main", "7"),
        ("main@", "1"),
        ("etl", "6"),
        ("etl@", "1"),
        ("v1", "1"),
    ] {
        assert_eq!(lake.query_at(on, sum).await, [expected], "{on}");
        let suffixed = format!("select sum(n) from \"sales@{on}\".t");
        assert_eq!(lake.query_at("v1", &suffixed).await, [expected], "{on}");
    }
    lake.commit("main").await;
    for id in [
        first.to_string(),
        first.to_string()[..12].to_owned(),
        "main~1".to_owned(),
    ] {
        assert_eq!(
            lake.query(&format!("select * from `sales@{id}`.t")).await,
            ["1"],
            "{id}"
        );
    }
    let both = "select ours.n, theirs.n from sales.t ours, \"sales@etl\".t theirs order by 1, 2";
    assert_eq!(lake.query(both).await, ["7|1", "7|2", "7|3"]);
    assert_eq!(
        lake.query("select n from \"sales@etl\".t except select n from \"sales@v1\".t order by n")
            .await,
        ["2", "3"]
    );
}

#[tokio::test]
async fn a_ref_that_is_not_there_is_told_whatever_is_asked() {
    let lake = Lake::new().await;
    for sql in ["select 1", "select * from sales.t", "show databases"] {
        let error = lake
            .engine
            .query(&lake.repository, &at("nowhere"), sql, 10)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), versioning::Kind::NotFound, "{sql}: {error}");
    }
}
