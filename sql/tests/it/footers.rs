//! Rows counted by footers.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use versioning::object::Object;

use super::lake::{Lake, at, parquet};

/// A file of so many rows and columns; many columns make a long footer.
fn file(rows: usize, columns: usize) -> Bytes {
    let fields: Vec<_> = (0..columns)
        .map(|n| Field::new(format!("column_{n}"), DataType::Int32, true))
        .collect();
    let values: ArrayRef = Arc::new(Int32Array::from_iter_values(0..i32::try_from(rows).unwrap()));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![values; columns]).unwrap();
    parquet(&batch)
}

async fn object(lake: &Lake, path: &str, bytes: Bytes) -> (String, Object) {
    lake.put("main", path, bytes).await;
    let view = lake.repository.view(&at("main")).await.unwrap();
    (path.to_owned(), view.object(path).await.unwrap().unwrap())
}

#[tokio::test]
async fn rows_are_counted_without_data() {
    let lake = Lake::new().await;
    let mut files = Vec::new();
    for (path, rows, columns) in [("a", 3, 1), ("b", 0, 2), ("c", 10_000, 1), ("d", 7, 400)] {
        files.push(object(&lake, path, file(rows, columns)).await);
    }
    files.push(object(&lake, "empty", Bytes::new()).await);
    assert!(
        files[3].1.size() > 40_000,
        "the long footer has to be longer than what is read at first"
    );
    assert_eq!(
        sql::footers::row_count(&lake.repository, &files).await.unwrap(),
        10_010
    );
    assert_eq!(sql::footers::row_count(&lake.repository, &[]).await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_no_parquet_is_named() {
    let lake = Lake::new().await;
    let whole = file(3, 400);
    let mut bitten = whole.to_vec();
    let end = bitten.len() - 200;
    bitten[end..end + 100].fill(0xff);
    for (path, bytes) in [
        ("short", Bytes::from_static(b"PAR1")),
        ("text", Bytes::from_static(b"hello, world")),
        ("huge", Bytes::from_static(b"PAR1\xff\xff\xff\xffPAR1")),
        ("bitten", Bytes::from(bitten)),
    ] {
        let file = object(&lake, path, bytes).await;
        let shown = sql::footers::row_count(&lake.repository, &[file])
            .await
            .unwrap_err()
            .to_string();
        assert!(shown.starts_with(&format!("file {path} is damaged")), "{shown}");
    }
}
