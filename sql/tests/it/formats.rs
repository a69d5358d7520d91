//! Tables of formats other than Parquet, with files as Hive and Spark write them.

use std::io::Write;
use std::sync::Arc;

use arrow_avro::writer::AvroWriter;
use bytes::Bytes;
use catalog::model::{Serde, Table};
use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use orc_rust::ArrowWriterBuilder;

use super::lake::{Lake, hive_table};

const LAZY: &str = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe";
const CSV: &str = "org.apache.hadoop.hive.serde2.OpenCSVSerde";
const JSON: &str = "org.apache.hive.hcatalog.data.JsonSerDe";
const AVRO: &str = "org.apache.hadoop.hive.serde2.avro.AvroSerDe";
const ORC: &str = "org.apache.hadoop.hive.ql.io.orc.OrcSerde";

/// A table with this serde and its parameters.
fn table(name: &str, of: &str, by: &str, library: &str, parameters: &[(&str, &str)]) -> Table {
    let mut table = hive_table(name, of, by);
    let pairs = parameters
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let serde = Serde {
        library: Some(library.to_owned()),
        parameters: Some(pairs.collect()),
        ..Serde::default()
    };
    let storage = table.storage.as_mut().unwrap();
    Arc::make_mut(&mut storage.template).serde = Some(serde);
    table
}

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn gzip(text: &str) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap().into()
}

fn batch() -> RecordBatch {
    let columns: [(&str, ArrayRef); 3] = [
        ("userId", Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]))),
        (
            "note",
            Arc::new(StringArray::from(vec![Some("a"), Some("b"), None])),
        ),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from(vec![0, 1_000_000, 2])),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

fn avro(batch: &RecordBatch) -> Bytes {
    let mut writer = AvroWriter::new(Vec::new(), batch.schema().as_ref().clone()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    Bytes::from(writer.into_inner())
}

fn orc(batch: &RecordBatch) -> Bytes {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriterBuilder::new(&mut bytes, batch.schema())
        .try_build()
        .unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    Bytes::from(bytes)
}

#[tokio::test]
async fn delimited_text_is_read_as_hive_reads_it() {
    let lake = Lake::new().await;
    lake.create(
        "main",
        table(
            "t",
            "id int; note string; tags array<string>; d date",
            "dt string",
            LAZY,
            &[("serialization.format", "1")],
        ),
    )
    .await;
    for dt in ["a", "b", "__HIVE_DEFAULT_PARTITION__"] {
        lake.add("main", "t", &[dt], None).await;
    }
    lake.put(
        "main",
        "sales.db/t/dt=a/000000_0",
        text("1\x01one\x01x\x02y\x012026-01-02\n2\x01\\N\x01\\N\x01never\nx\x01\n"),
    )
    .await;
    lake.put(
        "main",
        "sales.db/t/dt=b/000000_0.gz",
        gzip("4\x01vier\r\n5\x01fünf\r\n"),
    )
    .await;
    lake.put(
        "main",
        "sales.db/t/dt=__HIVE_DEFAULT_PARTITION__/000000_0",
        text("6\x01sechs"),
    )
    .await;
    assert_eq!(
        lake.query("select * from sales.t order by id nulls first").await,
        [
            "NULL||NULL|NULL|a",
            "1|one|[x, y]|2026-01-02|a",
            "2|NULL|NULL|NULL|a",
            "4|vier|NULL|NULL|b",
            "5|fünf|NULL|NULL|b",
            "6|sechs|NULL|NULL|NULL"
        ]
    );
    assert_eq!(
        lake.query("select count(*), sum(id) from sales.t where dt = 'b'")
            .await,
        ["2|9"]
    );
    assert_eq!(
        lake.query("select dt, note from sales.t where id > 5").await,
        ["NULL|sechs"]
    );
}

#[tokio::test]
async fn headers_are_skipped_and_delimiters_chosen() {
    let lake = Lake::new().await;
    let mut with_header = table(
        "t",
        "a int; b string",
        "",
        LAZY,
        &[("field.delim", "|"), ("escape.delim", "\\")],
    );
    with_header.set_parameter("skip.header.line.count", "1");
    lake.create("main", with_header).await;
    lake.put("main", "sales.db/t/1.txt", text("a|b\n1|x\\|y\n")).await;
    lake.put("main", "sales.db/t/2.txt", text("a|b\n2|z")).await;
    assert_eq!(
        lake.query("select b, a from sales.t order by a").await,
        ["x;y|1", "z|2"].map(|row| row.replace("x;y", "x|y"))
    );
}

#[tokio::test]
async fn long_text_comes_in_pieces() {
    let lake = Lake::new().await;
    lake.create("main", table("t", "n int; filler string", "", LAZY, &[]))
        .await;
    let lines: String = (0..100_000)
        .map(|n| format!("{n}\x01{}\n", "x".repeat(40)))
        .collect();
    lake.put("main", "sales.db/t/0", text(&lines)).await;
    lake.put("main", "sales.db/t/1.gz", gzip(&lines)).await;
    assert_eq!(
        lake.query("select count(*), sum(n), max(length(filler)) from sales.t")
            .await,
        ["200000|9999900000|40"]
    );
}

#[tokio::test]
async fn csv_and_json_are_read() {
    let lake = Lake::new().await;
    lake.create("main", table("c", "id int; note string", "", CSV, &[]))
        .await;
    lake.put("main", "sales.db/c/0.csv", text("\"1\",\"a, \"\"b\"\"\"\n2,\n"))
        .await;
    assert_eq!(
        lake.query("select * from sales.c order by id").await,
        ["1|a, \"b\"", "2|"]
    );
    // whatever the catalog says, this serde has texts alone
    assert_eq!(
        lake.query("select arrow_typeof(id) from sales.c limit 1").await,
        ["Utf8"]
    );

    lake.create(
        "main",
        table("j", "userid bigint; s struct<x:int,y:string>", "", JSON, &[]),
    )
    .await;
    lake.put(
        "main",
        "sales.db/j/0",
        text("{\"userId\":1,\"s\":{\"X\":2,\"y\":\"z\"}}\n{\"USERID\":3}\n"),
    )
    .await;
    assert_eq!(
        lake.query("select userid, s from sales.j order by 1").await,
        ["1|{x: 2, y: z}", "3|NULL"]
    );
    lake.put("main", "sales.db/j/1", text("{\"userId\":1}\nnope\n"))
        .await;
    let error = lake.error("select * from sales.j").await;
    assert!(
        error.contains("sales.db/j/1") && error.contains("line 2"),
        "{error}"
    );
}

#[tokio::test]
async fn avro_and_orc_are_read() {
    let lake = Lake::new().await;
    for (name, library, bytes) in [("a", AVRO, avro(&batch())), ("o", ORC, orc(&batch()))] {
        lake.create(
            "main",
            table(
                name,
                "userid bigint; more int; note string; at timestamp",
                "dt date",
                library,
                &[],
            ),
        )
        .await;
        lake.add("main", name, &["2026-01-02"], None).await;
        lake.put("main", &format!("sales.db/{name}/dt=2026-01-02/0"), bytes)
            .await;
        assert_eq!(
            lake.query(&format!("select * from sales.{name} order by at"))
                .await,
            [
                "1|NULL|a|1970-01-01T00:00:00|2026-01-02",
                "3|NULL|NULL|1970-01-01T00:00:00.000002|2026-01-02",
                "NULL|NULL|b|1970-01-01T00:00:01|2026-01-02"
            ],
            "{name}"
        );
        assert_eq!(
            lake.query(&format!("select count(*), max(note), min(dt) from sales.{name}"))
                .await,
            ["3|b|2026-01-02"]
        );
        lake.put(
            "main",
            &format!("sales.db/{name}/dt=2026-01-02/1"),
            text("damaged"),
        )
        .await;
        let error = lake.error(&format!("select note from sales.{name}")).await;
        assert!(error.contains("/1") && error.contains("damaged"), "{error}");
    }
}

#[tokio::test]
async fn an_avro_file_that_was_cut_is_damaged_wherever_it_was_cut() {
    let mut writer = AvroWriter::new(Vec::new(), batch().schema().as_ref().clone()).unwrap();
    writer.write(&batch()).unwrap();
    writer.write(&batch()).unwrap();
    writer.finish().unwrap();
    let whole = Bytes::from(writer.into_inner());
    let first = avro(&batch()).len();
    assert!(first < whole.len());
    for cut in [
        first + 1,
        first + 5,
        whole.len() - 17,
        whole.len() - 16,
        whole.len() - 1,
    ] {
        let lake = Lake::new().await;
        let made = table(
            "a",
            "userid bigint; note string; at timestamp",
            "dt date",
            AVRO,
            &[],
        );
        lake.create("main", made).await;
        lake.add("main", "a", &["2026-01-02"], None).await;
        lake.put("main", "sales.db/a/dt=2026-01-02/0", whole.slice(..cut))
            .await;
        let shown = lake.error("select count(*) from sales.a").await;
        assert!(
            shown.contains("dt=2026-01-02/0") && shown.contains("damaged"),
            "{cut}: {shown}"
        );
    }
}

#[tokio::test]
async fn the_schema_of_an_avro_table_has_aliases_and_defaults() {
    let lake = Lake::new().await;
    let schema = r#"{"type":"record","name":"topLevelRecord","fields":[
        {"name":"id","type":["null","int"],"aliases":["userId"]},{"name":"kind","type":"string","default":"none"}]}"#;
    lake.create(
        "main",
        table(
            "a",
            "id int; kind string",
            "",
            AVRO,
            &[("avro.schema.literal", schema)],
        ),
    )
    .await;
    lake.put("main", "sales.db/a/0", avro(&batch())).await;
    assert_eq!(
        lake.query("select * from sales.a order by id").await,
        ["1|none", "3|none", "NULL|none"]
    );
}

#[tokio::test]
async fn sparks_own_tables_have_options() {
    let lake = Lake::new().await;
    let mut csv = table(
        "c",
        "col array<string>",
        "",
        LAZY,
        &[("header", "true"), ("sep", ";"), ("nullValue", "-")],
    );
    csv.set_parameter("spark.sql.sources.provider", "csv");
    let schema = r#"{"type":"struct","fields":[{"name":"id","type":"integer"},{"name":"price","type":"decimal(5,2)"}]}"#;
    csv.set_parameter("spark.sql.sources.schema", schema);
    lake.create("main", csv).await;
    lake.put("main", "sales.db/c/part-0.csv", text("id;price\n1;2.5\n-;x\n"))
        .await;
    assert_eq!(
        lake.query("select * from sales.c order by id").await,
        ["1|2.50", "NULL|NULL"]
    );

    let mut json = table("j", "col array<string>", "", LAZY, &[]);
    json.set_parameter("spark.sql.sources.provider", "json");
    json.set_parameter("spark.sql.sources.schema", schema);
    lake.create("main", json).await;
    lake.put(
        "main",
        "sales.db/j/part-0.json.gz",
        gzip("{\"id\":1,\"price\":2.5}\nbroken\n"),
    )
    .await;
    assert_eq!(
        lake.query("select * from sales.j order by id").await,
        ["1|2.50", "NULL|NULL"]
    );
}

#[tokio::test]
async fn partitions_are_read_by_their_own_columns_and_format() {
    let lake = Lake::new().await;
    // written when the table had fewer columns, one of another type, and was text
    lake.create("main", table("t", "id int; amt int", "dt string", LAZY, &[]))
        .await;
    lake.add("main", "t", &["old"], None).await;
    lake.put("main", "sales.db/t/dt=old/0", text("1\x0112\n2\x01many\n"))
        .await;
    // text goes by place: the second column has been renamed since
    for (dt, format, bytes) in [
        ("avro", AVRO, avro(&batch())),
        ("parquet", super::lake::SERDE, super::lake::parquet(&batch())),
    ] {
        lake.alter(
            "main",
            table(
                "t",
                "userid bigint; amount string; note string",
                "dt string",
                format,
                &[],
            ),
        )
        .await;
        lake.add("main", "t", &[dt], None).await;
        lake.put("main", &format!("sales.db/t/dt={dt}/0"), bytes).await;
    }
    assert_eq!(
        lake.query("select * from sales.t order by dt, userid").await,
        [
            "1|NULL|a|avro",
            "3|NULL|NULL|avro",
            "NULL|NULL|b|avro",
            "1|12|NULL|old",
            "2|NULL|NULL|old",
            "1|NULL|a|parquet",
            "3|NULL|NULL|parquet",
            "NULL|NULL|b|parquet"
        ]
    );
    assert_eq!(
        lake.query("select count(*), count(amount) from sales.t where dt <> 'avro'")
            .await,
        ["5|1"]
    );
    assert_eq!(
        lake.query("select dt, count(*) from sales.t group by dt order by dt")
            .await,
        ["avro|3", "old|2", "parquet|3"]
    );
}

#[tokio::test]
async fn whole_files_count_as_memory() {
    let limits = sql::Limits {
        memory_bytes: 4 << 20,
        ..sql::Limits::default()
    };
    let lake = Lake::with(limits).await;
    lake.create("main", table("a", "note string", "", AVRO, &[]))
        .await;
    lake.put("main", "sales.db/a/0", Bytes::from(vec![b'x'; 5 << 20]))
        .await;
    lake.create("main", table("t", "note string", "", LAZY, &[]))
        .await;
    lake.put("main", "sales.db/t/0", Bytes::from(vec![b'x'; 9 << 20]))
        .await;
    for name in ["a", "t"] {
        let error = lake.error(&format!("select max(note) from sales.{name}")).await;
        assert!(error.contains("needs more memory than the limit"), "{error}");
    }
}
