//! Who decides what the files of a table mean.

use super::Table;

/// The format of a table as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum TableFormat {
    /// A folder of files, as Hive and Spark read it; views as well.
    #[default]
    Hive = 0,
    /// Apache Iceberg: the table is what `metadata_location` points at.
    Iceberg = 1,
    /// Delta Lake: the table is what `_delta_log` says.
    Delta = 2,
    /// Apache Hudi: the table is what `.hoodie` says.
    Hudi = 3,
    /// A transactional table of Hive.
    Acid = 4,
}

impl TableFormat {
    /// All formats, by code.
    pub const ALL: [TableFormat; 5] = [
        TableFormat::Hive,
        TableFormat::Iceberg,
        TableFormat::Delta,
        TableFormat::Hudi,
        TableFormat::Acid,
    ];

    /// Returns the format of `table`, which engines tell by its parameters.
    pub fn of(table: &Table) -> TableFormat {
        let is = |key: &str, value: &str| {
            table
                .parameter(key)
                .is_some_and(|found| found.eq_ignore_ascii_case(value))
        };
        let input = table
            .storage
            .as_ref()
            .and_then(|storage| storage.template.input_format.as_deref());
        let handler = table.parameter("storage_handler").unwrap_or_default();
        if is("table_type", "ICEBERG")
            || handler.ends_with("HiveIcebergStorageHandler")
            || table.locations.contains_key("metadata_location")
            || table.parameter("metadata_location").is_some()
        {
            TableFormat::Iceberg
        } else if is("spark.sql.sources.provider", "delta") || handler.ends_with("DeltaStorageHandler") {
            TableFormat::Delta
        } else if is("spark.sql.sources.provider", "hudi")
            || input.is_some_and(|class| {
                class.starts_with("org.apache.hudi.") || class.starts_with("com.uber.hoodie.")
            })
        {
            TableFormat::Hudi
        } else if table.is_set("transactional") {
            TableFormat::Acid
        } else {
            TableFormat::Hive
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_mark_their_tables() {
        for (key, value, format) in [
            ("k", "v", TableFormat::Hive),
            ("table_type", "iceberg", TableFormat::Iceberg),
            ("metadata_location", "s3://other/m.json", TableFormat::Iceberg),
            (
                "storage_handler",
                "org.apache.iceberg.mr.hive.HiveIcebergStorageHandler",
                TableFormat::Iceberg,
            ),
            ("spark.sql.sources.provider", "DELTA", TableFormat::Delta),
            ("spark.sql.sources.provider", "hudi", TableFormat::Hudi),
            ("spark.sql.sources.provider", "parquet", TableFormat::Hive),
            ("transactional", "TRUE", TableFormat::Acid),
        ] {
            let mut table = Table::default();
            table.set_parameter(key, value);
            assert_eq!(TableFormat::of(&table), format, "{key}={value}");
        }
    }
}
