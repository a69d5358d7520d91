//! Views as Hive, Spark and Trino store them.

use std::sync::Arc;

use catalog::model::{Table, TableKind};
use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch};

use super::lake::{Lake, hive_table, parquet};

fn view(name: &str, of: &str, text: &str, parameters: &[(&str, &str)]) -> Table {
    let mut table = Table {
        kind: TableKind::View,
        view_original_text: Some(text.to_owned()),
        view_expanded_text: Some(text.to_owned()),
        ..hive_table(name, of, "")
    };
    for (key, value) in parameters {
        table.set_parameter(key, *value);
    }
    table
}

fn numbers(numbers: &[i32]) -> bytes::Bytes {
    let column: ArrayRef = Arc::new(Int32Array::from(numbers.to_vec()));
    parquet(&RecordBatch::try_from_iter([("n", column)]).unwrap())
}

async fn lake() -> Lake {
    let lake = Lake::new().await;
    lake.create("main", hive_table("t", "n int", "")).await;
    lake.put("main", "sales.db/t/0", numbers(&[1, 2, 3])).await;
    lake
}

#[tokio::test]
async fn hive_views_are_read_at_the_ref_that_is_asked() {
    let lake = lake().await;
    let text = "select `t`.`n` * 2 from `sales`.`t` where `t`.`n` > 1";
    lake.create("main", view("v", "twice bigint", text, &[])).await;
    lake.create("main", view("w", "twice bigint", "select twice from v", &[]))
        .await;
    lake.commit("main").await;
    lake.branch_off("etl", "main").await;
    lake.put("etl", "sales.db/t/0", numbers(&[7])).await;
    assert_eq!(
        lake.query("select twice, arrow_typeof(twice) from sales.v order by 1")
            .await,
        ["4|Int64", "6|Int64"]
    );
    assert_eq!(lake.query("select sum(twice) from sales.w").await, ["10"]);
    assert_eq!(lake.query("select * from \"sales@etl\".w").await, ["14"]);
    assert_eq!(lake.query_at("etl", "select * from sales.w").await, ["14"]);
}

#[tokio::test]
async fn spark_and_trino_views_are_read() {
    let lake = lake().await;
    let spark = [
        ("view.catalogAndNamespace.numParts", "2"),
        ("view.catalogAndNamespace.part.0", "spark_catalog"),
        ("view.catalogAndNamespace.part.1", "sales"),
        ("view.query.out.numCols", "1"),
        ("view.query.out.col.0", "n"),
    ];
    lake.create(
        "main",
        view("s", "renamed int", "SELECT * FROM t WHERE n < 3", &spark),
    )
    .await;
    assert_eq!(
        lake.query("select renamed from sales.s order by 1").await,
        ["1", "2"]
    );
    let json =
        r#"{"originalSql":"SELECT n FROM t WHERE n = 3","catalog":"hive","schema":"sales","columns":[]}"#;
    let coded = base64_simd::STANDARD.encode_to_string(json.as_bytes());
    lake.create(
        "main",
        view("p", "n int", &format!("/* Presto View: {coded} */"), &[]),
    )
    .await;
    assert_eq!(lake.query("select n from sales.p").await, ["3"]);
}

#[tokio::test]
async fn what_is_not_understood_is_shown() {
    let lake = lake().await;
    for (name, text, words) in [
        ("a", "select nvl2_of_hive(n) from t", "nvl2_of_hive"),
        ("b", "selekt n from t", "selekt n from t"),
        ("c", "select m from t", "select m from t"),
        ("d", "select n from gone", "gone"),
        ("e", "insert into t values (1)", "no query"),
        ("f", "select n from f", "deep"),
    ] {
        lake.create("main", view(name, "n int", text, &[])).await;
        let error = lake.error(&format!("select * from sales.{name}")).await;
        assert!(error.contains(words), "{name}: {error}");
    }
}
