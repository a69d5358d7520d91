//! Files that are not what they should be, and tables that cannot be read.

use std::sync::Arc;

use bytes::Bytes;
use catalog::model::{Location, TableKind};
use datafusion::arrow::array::{Int32Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::parquet::basic::Compression;

use super::lake::{Lake, hive_table, parquet, parquet_with};

fn numbers() -> RecordBatch {
    let schema = Schema::new(vec![Field::new("n", DataType::Int32, true)]);
    let values: Vec<_> = (0..5_000).map(|n| n * 7_919 % 10_007).collect();
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int32Array::from(values))]).unwrap()
}

async fn with_file(path: &str, bytes: Bytes) -> Lake {
    let lake = Lake::new().await;
    lake.create("main", hive_table("t", "n int", "")).await;
    lake.put("main", "sales.db/t/fine.parquet", parquet(&numbers()))
        .await;
    lake.put("main", path, bytes).await;
    lake
}

#[tokio::test]
async fn a_damaged_file_is_named() {
    let whole = parquet_with(&numbers(), Compression::ZSTD(Default::default()));
    let mut headless = whole.to_vec();
    headless[4..40].fill(0xff);
    for (what, bytes) in [
        ("cut", whole.slice(..whole.len() - 9)),
        ("short", Bytes::from_static(b"PAR1")),
        ("text", Bytes::from_static(b"this is no Parquet file at all")),
        ("footer", Bytes::from_static(b"PAR1\xff\xff\xff\x7fPAR1")),
        ("headless", Bytes::from(headless)),
    ] {
        let path = format!("sales.db/t/{what}.parquet");
        let lake = with_file(&path, bytes).await;
        let shown = lake.error("select sum(n) from sales.t").await;
        assert!(shown.contains(&path), "{what}: {shown}");
        assert!(
            shown.starts_with("file ") && shown.contains("is damaged"),
            "{what}: {shown}"
        );
    }
}

/// A file of fifty numbers from 1000 on, uncompressed and with checksums, as engines write them; ours does not.
const CHECKSUM: &[u8] = include_bytes!("checksum.parquet");

#[tokio::test]
async fn a_wrong_bit_is_found_where_there_are_checksums() {
    let number = 1_025_i32.to_le_bytes();
    let place = CHECKSUM.windows(4).position(|bytes| bytes == number).unwrap();
    let mut flipped = CHECKSUM.to_vec();
    flipped[place] ^= 1;
    let lake = Lake::new().await;
    lake.create("main", hive_table("t", "n int", "")).await;
    lake.put("main", "sales.db/t/0", Bytes::from_static(CHECKSUM))
        .await;
    assert_eq!(lake.query("select sum(n) from sales.t").await, ["51225"]);
    lake.put("main", "sales.db/t/0", Bytes::from(flipped)).await;
    let shown = lake.error("select sum(n) from sales.t").await;
    assert!(
        shown.starts_with("file sales.db/t/0 is damaged: ") && shown.contains("CRC"),
        "{shown}"
    );
}

#[tokio::test]
async fn what_is_no_data_is_passed_over() {
    let lake = with_file("sales.db/t/_SUCCESS", Bytes::from_static(b"x")).await;
    for path in [
        "empty.parquet",
        "sub/",
        "_temporary/0/x.parquet",
        ".hive-staging/x",
        ".x.crc",
    ] {
        let bytes = if path.starts_with('e') || path.ends_with('/') {
            Bytes::new()
        } else {
            Bytes::from_static(b"no")
        };
        lake.put("main", &format!("sales.db/t/{path}"), bytes).await;
    }
    lake.put("main", "sales.db/t/sub/more.parquet", parquet(&numbers()))
        .await;
    assert_eq!(lake.query("select count(*) from sales.t").await, ["10000"]);
}

#[tokio::test]
async fn tables_that_cannot_be_read_say_why() {
    let lake = Lake::new().await;
    let mut view = hive_table("view", "n int", "");
    view.kind = TableKind::View;
    let mut outside = hive_table("outside", "n int", "");
    outside.storage.as_mut().unwrap().location = Some(Location::External("s3a://other/t".into()));
    let mut iceberg = hive_table("iceberg", "n int", "");
    iceberg.set_parameter("table_type", "ICEBERG");
    let mut jdbc = hive_table("jdbc", "n int", "");
    jdbc.set_parameter("spark.sql.sources.provider", "jdbc");
    for (table, words) in [
        (view, "is a view"),
        (outside, "not in this repository, but at s3a://other/t"),
        (iceberg, "its metadata is not in this repository"),
        (jdbc, "its data source is jdbc"),
    ] {
        let name = table.name.clone();
        lake.create("main", table).await;
        let shown = lake.error(&format!("select * from sales.{name}")).await;
        assert!(
            shown.contains(words) && shown.contains(&format!("table sales.{name} cannot be read")),
            "{shown}"
        );
    }
}
