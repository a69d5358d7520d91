//! Iceberg tables: a metadata file, a list of manifests, manifests and data files, as engines write them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_avro::writer::AvroWriter;
use bytes::Bytes;
use catalog::model::{Location, Table};
use datafusion::arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema};

use super::lake::{Lake, hive_table, parquet};

const ROOT: &str = "s3a://lake/_shared/w/t";

fn avro(batch: &RecordBatch) -> Bytes {
    let mut writer = AvroWriter::new(Vec::new(), batch.schema().as_ref().clone()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    Bytes::from(writer.into_inner())
}

fn ints(values: &[i32]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// A list of one manifest of data and one of deletes, which holds so many.
fn list(deletes: i32) -> Bytes {
    let paths = [format!("{ROOT}/m0.avro"), format!("{ROOT}/m1.avro")];
    let columns = [
        ("manifest_path", texts(&[&paths[0], &paths[1]])),
        ("content", ints(&[0, 1])),
        ("added_files_count", ints(&[2, deletes])),
        ("existing_files_count", ints(&[0, 0])),
    ];
    avro(&RecordBatch::try_from_iter(columns).unwrap())
}

/// A manifest of files, each with its status.
fn manifest(files: &[(i32, &str)]) -> Bytes {
    let paths: Vec<_> = files.iter().map(|(_, name)| format!("{ROOT}/{name}")).collect();
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    let fields = Fields::from(vec![
        Field::new("file_path", DataType::Utf8, false),
        Field::new("file_format", DataType::Utf8, false),
    ]);
    let file = StructArray::new(
        fields,
        vec![texts(&paths), texts(&vec!["PARQUET"; files.len()])],
        None,
    );
    let status: Vec<_> = files.iter().map(|(status, _)| *status).collect();
    let columns: [(&str, ArrayRef); 2] = [("status", ints(&status)), ("data_file", Arc::new(file))];
    avro(&RecordBatch::try_from_iter(columns).unwrap())
}

/// A data file of these columns, each with its id.
fn data(columns: &[(&str, &str, ArrayRef)]) -> Bytes {
    let field = |(name, id, column): &(&str, &str, ArrayRef)| {
        let metadata = HashMap::from([("PARQUET:field_id".to_owned(), (*id).to_owned())]);
        Field::new(*name, column.data_type().clone(), true).with_metadata(metadata)
    };
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let columns = columns.iter().map(|(_, _, column)| Arc::clone(column)).collect();
    parquet(&RecordBatch::try_new(Arc::new(schema), columns).unwrap())
}

fn metadata(snapshot: i64) -> Bytes {
    let json = serde_json::json!({
        "format-version": 2, "current-schema-id": 1, "current-snapshot-id": snapshot,
        "schemas": [{"schema-id": 1, "fields": [
            {"id": 1, "name": "id", "required": true, "type": "long"},
            {"id": 2, "name": "label", "required": false, "type": "string"},
            {"id": 4, "name": "old", "required": false, "type": "string"}]}],
        "snapshots": [
            {"snapshot-id": 1, "manifest-list": format!("{ROOT}/s1.avro")},
            {"snapshot-id": 2, "manifest-list": format!("{ROOT}/s2.avro")}]
    });
    Bytes::from(json.to_string())
}

fn table(name: &str, pointer: &str) -> Table {
    let mut table = hive_table(name, "id bigint; label string; old string", "");
    table.set_parameter("table_type", "ICEBERG");
    table
        .locations
        .insert("metadata_location".into(), Location::Shared(pointer.into()));
    table
}

#[tokio::test]
async fn the_current_snapshot_is_read_by_the_ids_of_columns() {
    let lake = Lake::new().await;
    for (name, snapshot) in [("1", 1), ("2", 2), ("none", -1)] {
        lake.put_shared(&format!("w/t/{name}.json"), metadata(snapshot))
            .await;
    }
    lake.put_shared("w/t/s1.avro", list(0)).await;
    lake.put_shared("w/t/s2.avro", list(3)).await;
    lake.put_shared(
        "w/t/m0.avro",
        manifest(&[(1, "a.parquet"), (0, "b.parquet"), (2, "gone.parquet")]),
    )
    .await;
    // written before `name` became `label`, and before another column `old` was dropped
    let ids: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let a = data(&[
        ("id", "1", ids),
        ("name", "2", texts(&["x", "y"])),
        ("old", "3", texts(&["no", "no"])),
    ]);
    lake.put_shared("w/t/a.parquet", a).await;
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![3]));
    lake.put_shared(
        "w/t/b.parquet",
        data(&[("old", "4", texts(&["yes"])), ("id", "1", ids)]),
    )
    .await;
    for (name, pointer) in [
        ("t", "w/t/1.json"),
        ("deletes", "w/t/2.json"),
        ("empty", "w/t/none.json"),
        ("lost", "w/t/0.json"),
    ] {
        lake.create("main", table(name, pointer)).await;
    }
    assert_eq!(
        lake.query("select * from sales.t order by id").await,
        ["1|x|NULL", "2|y|NULL", "3|NULL|yes"]
    );
    assert_eq!(
        lake.query("select label from sales.t where label > 'x'").await,
        ["y"]
    );
    assert_eq!(
        lake.query("select count(*) from sales.t where old is null").await,
        ["2"]
    );
    assert!(lake.query("select * from sales.empty").await.is_empty());
    assert!(
        lake.error("select * from sales.deletes")
            .await
            .contains("files of deletes")
    );
    assert!(
        lake.error("select * from sales.lost")
            .await
            .contains("w/t/0.json is not there")
    );
}
