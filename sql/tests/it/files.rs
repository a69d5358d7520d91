//! What Parquet files hold: codecs, old timestamps, nested types, Spark's own tables.

use std::sync::Arc;

use bytes::Bytes;
use catalog::model::Location;
use datafusion::arrow::array::{
    Array, ArrayRef, Int32Array, ListArray, MapArray, RecordBatch, StringArray, StructArray,
};
use datafusion::arrow::array::{Int64Array, TimestampMicrosecondArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use datafusion::parquet::basic::Compression;
use datafusion::parquet::data_type::{Int96, Int96Type};
use datafusion::parquet::file::writer::SerializedFileWriter;
use datafusion::parquet::schema::parser::parse_message_type;

use super::lake::{Lake, hive_table, parquet, parquet_with};

fn one(name: &str, values: ArrayRef) -> RecordBatch {
    let schema = Schema::new(vec![Field::new(name, values.data_type().clone(), true)]);
    RecordBatch::try_new(Arc::new(schema), vec![values]).unwrap()
}

#[tokio::test]
async fn files_of_every_codec_are_read() {
    let lake = Lake::new().await;
    lake.create("main", hive_table("t", "n int", "")).await;
    let batch = one("n", Arc::new(Int32Array::from_iter_values(0..1_000)));
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
        Compression::LZ4_RAW,
    ];
    for (i, codec) in codecs.into_iter().enumerate() {
        lake.put("main", &format!("sales.db/t/{i}"), parquet_with(&batch, codec))
            .await;
    }
    assert_eq!(
        lake.query("select count(*), sum(n) from sales.t").await,
        ["5000|2497500"]
    );
}

/// A file as Spark writes timestamps by default: 12 bytes, nanoseconds of the day and the Julian day.
fn int96(days: &[(i64, u32)]) -> Bytes {
    let schema = Arc::new(parse_message_type("message m { optional int96 at; }").unwrap());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let value = |(nanos, day): &(i64, u32)| {
        let (low, high) = (nanos.cast_unsigned() & 0xffff_ffff, nanos.cast_unsigned() >> 32);
        let mut value = Int96::new();
        value.set_data(u32::try_from(low).unwrap(), u32::try_from(high).unwrap(), *day);
        value
    };
    let values: Vec<_> = days.iter().map(value).collect();
    column
        .typed::<Int96Type>()
        .write_batch(&values, Some(&vec![1; values.len()]), None)
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    Bytes::from(bytes)
}

#[tokio::test]
async fn timestamps_of_96_bits_are_read_over_their_whole_range() {
    let lake = Lake::new().await;
    lake.create("main", hive_table("t", "at timestamp", "")).await;
    // noon of 1970-01-01, of 0001-01-01 and of 9999-12-31, which nanoseconds in 64 bits cannot hold
    let noon = 12 * 3_600 * 1_000_000_000;
    lake.put(
        "main",
        "sales.db/t/0",
        int96(&[(noon, 2_440_588), (noon, 1_721_426), (noon, 5_373_484)]),
    )
    .await;
    let utc = TimestampMicrosecondArray::from(vec![1_000_000]).with_timezone("UTC");
    lake.put("main", "sales.db/t/1", parquet(&one("at", Arc::new(utc))))
        .await;
    let expected = [
        "0001-01-01T12:00:00",
        "1970-01-01T00:00:01",
        "1970-01-01T12:00:00",
        "9999-12-31T12:00:00",
    ];
    assert_eq!(lake.query("select at from sales.t order by at").await, expected);
    assert_eq!(
        lake.query("select count(*) from sales.t where at < timestamp '1970-01-01 00:00:02'")
            .await,
        ["2"]
    );
}

#[tokio::test]
async fn nested_columns_are_read() {
    let lake = Lake::new().await;
    let kind = "s struct<A:bigint,b:string,later:int>; l array<int>; m map<string,int>";
    lake.create("main", hive_table("t", kind, "")).await;
    let fields = Fields::from(vec![
        Field::new("A", DataType::Int32, true),
        Field::new("b", DataType::Utf8, true),
    ]);
    let inner: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![1, 2])),
        Arc::new(StringArray::from(vec!["x", "y"])),
    ];
    let s = StructArray::new(fields, inner, None);
    let item = Arc::new(Field::new("array_element", DataType::Int32, true));
    let l = ListArray::new(
        item,
        OffsetBuffer::from_lengths([2, 0]),
        Arc::new(Int32Array::from(vec![7, 8])),
        None,
    );
    let entries = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Int32, true),
    ]);
    let pairs: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["k"])),
        Arc::new(Int32Array::from(vec![5])),
    ];
    let pairs = StructArray::new(entries, pairs, None);
    let of = Arc::new(Field::new("key_value", pairs.data_type().clone(), false));
    let m = MapArray::new(of, OffsetBuffer::from_lengths([1, 0]), pairs, None, false);
    let columns: Vec<(&str, ArrayRef)> = vec![("s", Arc::new(s)), ("l", Arc::new(l)), ("m", Arc::new(m))];
    lake.put(
        "main",
        "sales.db/t/0",
        parquet(&RecordBatch::try_from_iter(columns).unwrap()),
    )
    .await;
    let all = lake.query("select s, l, m from sales.t").await;
    assert_eq!(
        all,
        [
            "{A: 1, b: x, later: NULL}|[7, 8]|{k: 5}",
            "{A: 2, b: y, later: NULL}|[]|{}"
        ]
    );
    assert_eq!(
        lake.query("select s['A'] + 1, l[2], m['k'] from sales.t where s['b'] = 'x'")
            .await,
        ["2|8|5"]
    );
    let json = lake
        .try_query("main", "select s, l from sales.t limit 1")
        .await
        .unwrap()
        .page
        .json()
        .unwrap();
    assert_eq!(json[0]["s"]["A"], 1);
    assert_eq!(json[0]["l"][1], 8);
}

#[tokio::test]
async fn sparks_own_tables_are_read_where_their_path_points() {
    let lake = Lake::new().await;
    let mut table = hive_table("users", "col array<string>", "day string");
    table.set_parameter("spark.sql.sources.provider", "parquet");
    let schema =
        r#"{"type":"struct","fields":[{"name":"userId","type":"long"},{"name":"day","type":"date"}]}"#;
    table.set_parameter("spark.sql.sources.schema", schema);
    let storage = table.storage.as_mut().unwrap();
    storage.location = Some(Location::Rel("warehouse/users-__PLACEHOLDER__".into()));
    storage
        .serde_locations
        .insert("path".into(), Location::Rel("elsewhere/users".into()));
    let mut whole = table.clone();
    whole.name = "whole".into();
    whole.partition_keys = None;
    whole.set_parameter(
        "spark.sql.sources.schema",
        r#"{"fields":[{"name":"userId","type":"long"}]}"#,
    );
    lake.create("main", table).await;
    lake.create("main", whole).await;
    lake.add(
        "main",
        "users",
        &["2026-01-02"],
        Some("elsewhere/users/day=2026-01-02"),
    )
    .await;
    let ids = one("userId", Arc::new(Int64Array::from(vec![4, 5])));
    lake.put("main", "elsewhere/users/day=2026-01-02/0.parquet", parquet(&ids))
        .await;
    assert_eq!(
        lake.query("select userId, day from sales.users where userId > 4")
            .await,
        ["5|2026-01-02"]
    );
    assert_eq!(lake.query("select sum(userid) from sales.whole").await, ["9"]);
    assert!(
        lake.query("select userId from sales.users where day < date '2026-01-02'")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn timestamps_with_a_zone_keep_it() {
    let lake = Lake::new().await;
    lake.create("main", hive_table("t", "at timestamp with local time zone", ""))
        .await;
    let kind = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")));
    let at = TimestampMicrosecondArray::from(vec![0]).with_data_type(kind);
    lake.put("main", "sales.db/t/0", parquet(&one("at", Arc::new(at))))
        .await;
    assert_eq!(
        lake.query("select at from sales.t").await,
        ["1970-01-01T00:00:00Z"]
    );
}
