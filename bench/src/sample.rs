//! The tables that are measured: as wide as those of a data team, with the names of Hive's own benchmark.

use std::collections::BTreeMap;

use thrift_idl::types::{Database, FieldSchema, Partition, SerDeInfo, StorageDescriptor, Table};

/// The database that holds everything.
pub(crate) const DATABASE: &str = "bench";
/// How many columns the tables have besides their keys.
const COLUMNS: usize = 20;

pub(crate) fn database() -> Database {
    Database {
        name: some(DATABASE),
        ..Database::default()
    }
}

/// Returns a table that is partitioned by `p_a`, `p_b` and `p_c`.
pub(crate) fn table(name: &str) -> Table {
    Table {
        table_name: some(name),
        db_name: some(DATABASE),
        owner: some("bench"),
        sd: Some(storage()),
        partition_keys: Some(["p_a", "p_b", "p_c"].map(|key| field(key, "string")).into()),
        parameters: Some([pair("EXTERNAL", "TRUE")].into()),
        table_type: some("EXTERNAL_TABLE"),
        ..Table::default()
    }
}

/// Returns the partition number `at`: a thousand numbers share their first two values.
pub(crate) fn partition(table: &str, at: usize) -> Partition {
    Partition {
        values: Some(values(at)),
        db_name: some(DATABASE),
        table_name: some(table),
        sd: Some(storage()),
        parameters: Some(statistics(at)),
        ..Partition::default()
    }
}

pub(crate) fn values(at: usize) -> Vec<String> {
    vec![
        format!("a{:04}", at / 10_000),
        format!("b{:04}", at / 1_000 % 10),
        format!("c{:06}", at),
    ]
}

/// Returns the name of the partition number `at`.
pub(crate) fn name(at: usize) -> String {
    let values = values(at);
    format!("p_a={}/p_b={}/p_c={}", values[0], values[1], values[2])
}

fn statistics(at: usize) -> BTreeMap<String, String> {
    [
        pair("numFiles", "3"),
        pair("numRows", &(at * 17 + 1).to_string()),
        pair("rawDataSize", &(at * 1_009 + 1).to_string()),
        pair("totalSize", &(at * 401 + 1).to_string()),
        pair("transient_lastDdlTime", "1767225600"),
    ]
    .into()
}

fn storage() -> StorageDescriptor {
    let columns = (0..COLUMNS)
        .map(|at| field(&format!("column_{at:02}"), "string"))
        .collect();
    StorageDescriptor {
        cols: Some(columns),
        input_format: some("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"),
        output_format: some("org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"),
        compressed: Some(false),
        num_buckets: Some(-1),
        serde_info: Some(SerDeInfo {
            serialization_lib: some("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"),
            parameters: Some([pair("serialization.format", "1")].into()),
            ..SerDeInfo::default()
        }),
        bucket_cols: Some(Vec::new()),
        sort_cols: Some(Vec::new()),
        parameters: Some(BTreeMap::new()),
        ..StorageDescriptor::default()
    }
}

fn field(name: &str, kind: &str) -> FieldSchema {
    FieldSchema {
        name: some(name),
        r#type: some(kind),
        comment: None,
    }
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

pub(crate) fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}
