//! Profiles of what changed, and rows that differ by key.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
use serde_json::json;
use sql::{PartitionProfile, ProfileWish, RowChange, RowWish, Values};

use super::lake::{Lake, at, branch, hive_table, parquet};

fn rows(rows: &[(Option<i32>, &str, f64)]) -> bytes::Bytes {
    let ids: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int32Array>());
    let notes: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1)));
    let ratios: ArrayRef = Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.2)));
    parquet(&RecordBatch::try_from_iter([("id", ids), ("note", notes), ("ratio", ratios)]).unwrap())
}

/// `sales.t` by `dt` and `sales.u` without partitions, of which `etl` changed one and added one partition, and a file.
async fn lake() -> Lake {
    let lake = Lake::new().await;
    let columns = "id int; note string; ratio double";
    lake.create("main", hive_table("t", columns, "dt string")).await;
    lake.create("main", hive_table("u", columns, "")).await;
    for dt in ["a", "b"] {
        lake.add("main", "t", &[dt], None).await;
    }
    let before = [
        (Some(1), "x", 0.5),
        (Some(2), "y", 1.5),
        (Some(3), "z", 2.5),
        (Some(7), "p", 0.0),
        (Some(7), "q", 0.0),
        (None, "n", 0.0),
    ];
    lake.put("main", "sales.db/t/dt=a/0", rows(&before)).await;
    lake.put("main", "sales.db/t/dt=a/1", rows(&[(Some(9), "same", 0.0)]))
        .await;
    lake.put("main", "sales.db/t/dt=b/0", rows(&[(Some(10), "b", 0.0)]))
        .await;
    lake.put("main", "sales.db/u/0", rows(&[(Some(1), "u", 0.0)]))
        .await;
    lake.commit("main").await;
    lake.repository
        .create_tag(&branch("v1"), &at("main"))
        .await
        .unwrap();
    lake.branch_off("etl", "main").await;
    let after = [
        (Some(1), "x", 0.5),
        (Some(2), "yy", 1.5),
        (Some(4), "w", 3.5),
        (Some(7), "p", 0.0),
        (None, "m", 0.0),
    ];
    lake.put("etl", "sales.db/t/dt=a/0", rows(&after)).await;
    lake.add("etl", "t", &["c"], None).await;
    lake.put("etl", "sales.db/t/dt=c/0", rows(&[(Some(3), "z", 2.5)]))
        .await;
    lake.put("etl", "sales.db/u/1", rows(&[(Some(5), "new", 0.0)]))
        .await;
    lake
}

fn wish(tables: &str) -> ProfileWish {
    ProfileWish {
        tables: tables.into(),
        partitions_max: 10,
    }
}

fn told(partition: &PartitionProfile, column: &str) -> [String; 2] {
    let found = partition
        .columns
        .iter()
        .find(|found| found.name == column)
        .unwrap();
    let text = |values: &Option<Values>| match values {
        None => "-".to_owned(),
        Some(values) => {
            let distinct = values.distinct.map_or("-".to_owned(), |count| count.to_string());
            format!("{} {} {} {distinct}", values.min, values.max, values.nulls)
        }
    };
    [text(&found.before), text(&found.after)]
}

#[tokio::test]
async fn changed_partitions_are_profiled_and_no_others_read() {
    let lake = lake().await;
    lake.files_read();
    let refs = (&at("v1"), &at("etl"));
    let profile = lake
        .engine
        .profile(&lake.repository, refs, &wish("sales.t"))
        .await
        .unwrap();
    let [table] = profile.tables.as_slice() else {
        panic!("{profile:?}");
    };
    let [a, c] = table.partitions.as_slice() else {
        panic!("{table:?}");
    };
    assert_eq!(
        (table.name.as_str(), table.partitions_left, &table.unread),
        ("t", 0, &None)
    );
    assert_eq!(
        (a.name.as_deref(), a.fate, a.rows_before, a.rows_after),
        (Some("dt=a"), "rewritten", Some(7), Some(6))
    );
    assert_eq!(told(a, "id"), ["1 9 1 5", "1 9 1 5"]);
    assert_eq!(told(a, "note"), [r#""n" "z" 0 7"#, r#""m" "yy" 0 6"#]);
    assert_eq!(told(a, "ratio"), ["0.0 2.5 0 4", "0.0 3.5 0 4"]);
    assert_eq!(
        (c.name.as_deref(), c.fate, c.rows_before, c.rows_after),
        (Some("dt=c"), "added", None, Some(1))
    );
    assert_eq!(told(c, "id"), ["-", "3 3 0 1"]);
    // both sides of the file that was rewritten, the one beside it, and the new one: not that of dt=b
    assert_eq!(lake.files_read(), 4);
    let all = lake
        .engine
        .profile(&lake.repository, refs, &wish("*"))
        .await
        .unwrap();
    let whole = &all.tables[1].partitions;
    assert_eq!(
        (whole.len(), whole[0].rows_before, whole[0].rows_after),
        (1, Some(1), Some(2))
    );
    let none = lake
        .engine
        .profile(&lake.repository, refs, &wish("other.*"))
        .await
        .unwrap();
    assert!(none.tables.is_empty());
}

async fn differing(lake: &Lake, refs: [&str; 2], key: &[&str], rows_max: usize) -> (Vec<RowChange>, bool) {
    let wish = RowWish {
        table: "sales.t".into(),
        key: key.iter().map(|name| (*name).to_owned()).collect(),
        rows_max,
    };
    let refs = (&at(refs[0]), &at(refs[1]));
    let mut diff = lake.engine.row_diff(&lake.repository, refs, &wish).await.unwrap();
    let mut rows = Vec::new();
    while let Some(row) = diff.next().await.unwrap() {
        rows.push(row);
    }
    (rows, diff.is_cut())
}

#[tokio::test]
async fn rows_differ_by_key_as_far_as_files_do() {
    let lake = lake().await;
    lake.files_read();
    let (rows, is_cut) = differing(&lake, ["main", "etl"], &["ID"], 10).await;
    assert!(!is_cut);
    // the file beside the one that was rewritten is not read
    assert_eq!(lake.files_read(), 3);
    let told: Vec<_> = rows
        .iter()
        .map(|row| json!([row.kind.as_str(), row.key["id"], row.before, row.after]))
        .collect();
    assert_eq!(
        json!(told),
        json!([
            ["changed", 2, {"note": "y"}, {"note": "yy"}],
            ["changed", 3, {"dt": "a"}, {"dt": "c"}],
            ["added", 4, {}, {"note": "w", "ratio": 3.5, "dt": "a"}],
            ["duplicate_key", 7, {}, {}],
            ["null_key", null, {}, {}],
        ])
    );
    assert_eq!((rows[3].rows_before, rows[3].rows_after), (2, 1));
    let (rows, is_cut) = differing(&lake, ["v1", "etl"], &["id", "dt"], 2).await;
    let keys: Vec<_> = rows.iter().map(|row| json!(row.key)).collect();
    assert_eq!(
        (json!(keys), is_cut),
        (json!([{"id": 2, "dt": "a"}, {"id": 3, "dt": "a"}]), true)
    );
    // what is staged, and nothing
    assert_eq!(differing(&lake, ["etl@", "etl"], &["id"], 10).await.0.len(), 5);
    assert!(differing(&lake, ["main", "main"], &["id"], 10).await.0.is_empty());
}

#[tokio::test]
async fn a_table_or_a_key_that_is_not_there_is_said() {
    let lake = lake().await;
    for (table, key, word) in [
        ("sales.gone", "id", "gone"),
        ("sales.t", "nope", "not a column"),
        ("sales@etl.t", "id", "refs are given apart"),
    ] {
        let wish = RowWish {
            table: table.into(),
            key: vec![key.into()],
            rows_max: 1,
        };
        let refs = (&at("main"), &at("etl"));
        let error = lake
            .engine
            .row_diff(&lake.repository, refs, &wish)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(word), "{table} {key}: {error}");
    }
}
