//! Rows of refs that do not have the same columns, or not both the table.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use serde_json::json;
use sql::{RowChange, RowDiff, RowWish};

use super::lake::{Lake, at, hive_table, parquet};

fn notes(notes: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(notes))
}

/// `sales.t`, which `etl` gave a wider key and the column `n`; one row changed there, and one came. `sales.new` is on
/// `etl` alone.
async fn lake() -> Lake {
    let lake = Lake::new().await;
    lake.create("main", hive_table("t", "id int; note string", ""))
        .await;
    let ids: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let old = RecordBatch::try_from_iter([("id", ids), ("note", notes(&["x", "y"]))]).unwrap();
    lake.put("main", "sales.db/t/0", parquet(&old)).await;
    lake.commit("main").await;
    lake.branch_off("etl", "main").await;
    lake.alter("etl", hive_table("t", "id bigint; note string; n int", ""))
        .await;
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let n: ArrayRef = Arc::new(Int32Array::from(vec![None, Some(5), Some(7)]));
    let columns = [("id", ids), ("note", notes(&["x", "y", "z"])), ("n", n)];
    let new = RecordBatch::try_from_iter(columns).unwrap();
    lake.put("etl", "sales.db/t/0", parquet(&new)).await;
    lake.create("etl", hive_table("new", "id int; note string", ""))
        .await;
    lake.put("etl", "sales.db/new/0", parquet(&old)).await;
    lake.commit("etl").await;
    lake
}

#[tokio::test]
async fn columns_of_one_side_are_null_on_the_other() {
    let lake = lake().await;
    for (call, rows) in [
        (
            "'main', 'etl', 'sales.t'",
            &["added|2|y|5", "removed|2|y|NULL", "added|3|z|7"][..],
        ),
        (
            "'etl', 'main', 'sales.t'",
            &["removed|2|y|5", "added|2|y|NULL", "removed|3|z|7"],
        ),
        (
            "'main', 'etl', 'sales.t', 'id'",
            &["changed|2|y|5", "added|3|z|7"],
        ),
        (
            "'etl', 'main', 'sales.t', 'id'",
            &["changed|2|y|NULL", "removed|3|z|7"],
        ),
        ("'etl', 'etl', 'sales.t', 'id'", &[]),
    ] {
        let query = format!("select change, id, note, n from diff_rows({call}) order by id, n");
        assert_eq!(lake.query(&query).await, rows, "{call}");
    }
}

#[tokio::test]
async fn a_table_that_one_side_has_is_added_or_removed_as_a_whole() {
    let lake = lake().await;
    for key in ["", ", 'id'"] {
        for (from, to, change) in [("main", "etl", "added"), ("etl", "main", "removed")] {
            let query = format!(
                "select change, id, note from diff_rows('{from}', '{to}', 'sales.new'{key}) order by id"
            );
            let rows = [format!("{change}|1|x"), format!("{change}|2|y")];
            assert_eq!(lake.query(&query).await, rows, "{from} {to} {key}");
        }
    }
    for (call, word) in [
        ("'main', 'etl', 'sales.gone'", "gone"),
        ("'main', 'etl', 'nowhere.t'", "nowhere"),
        ("'main', 'noref', 'sales.new'", "noref"),
    ] {
        let error = lake.error(&format!("select * from diff_rows({call})")).await;
        assert!(error.contains(word), "{call}: {error}");
    }
}

async fn rows_of(lake: &Lake, refs: [&str; 2]) -> (Vec<RowChange>, RowDiff) {
    let wish = RowWish {
        table: "sales.t".into(),
        key: vec!["id".into()],
        rows_max: 10,
    };
    let refs = (&at(refs[0]), &at(refs[1]));
    let mut diff = lake.engine.row_diff(&lake.repository, refs, &wish).await.unwrap();
    let mut rows = Vec::new();
    while let Some(row) = diff.next().await.unwrap() {
        rows.push(row);
    }
    (rows, diff)
}

#[tokio::test]
async fn rows_by_key_have_all_columns() {
    let lake = lake().await;
    let told = |rows: &[RowChange]| {
        let told = rows.iter();
        let told = told.map(|row| json!([row.kind.as_str(), row.key["id"], row.before, row.after]));
        json!(told.collect::<Vec<_>>())
    };
    let (rows, diff) = rows_of(&lake, ["main", "etl"]).await;
    assert_eq!(
        (diff.columns(), diff.one_sided()),
        (&["note".into(), "n".into()][..], &["n".into()][..])
    );
    assert_eq!(
        told(&rows),
        json!([
            ["changed", 2, {"n": null}, {"n": 5}],
            ["added", 3, {}, {"note": "z", "n": 7}]
        ])
    );
    let (rows, _) = rows_of(&lake, ["etl", "main"]).await;
    assert_eq!(
        told(&rows),
        json!([
            ["changed", 2, {"n": 5}, {"n": null}],
            ["removed", 3, {"note": "z", "n": 7}, {}]
        ])
    );
    // only one side has files to read, and the other a column that these lack
    lake.branch_off("less", "etl").await;
    lake.alter("less", hive_table("t", "id bigint; note string", ""))
        .await;
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![9]));
    let more = RecordBatch::try_from_iter([("id", ids), ("note", notes(&["w"]))]).unwrap();
    lake.put("less", "sales.db/t/1", parquet(&more)).await;
    let (rows, _) = rows_of(&lake, ["etl", "less"]).await;
    assert_eq!(told(&rows), json!([["added", 9, {}, {"note": "w", "n": null}]]));
}
