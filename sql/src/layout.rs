//! How the files of a table are to be read, from what the catalog says of it: pure.

use std::sync::Arc;

use catalog::location::Place;
use catalog::model::{Column, Storage, Table, TableFormat};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};

use crate::spark;
use crate::types::arrow_type;

/// What a query has to know of a Parquet table, but for its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The columns that stand in files, in lower case.
    pub(crate) columns: Vec<FieldRef>,
    /// The partition keys, in lower case.
    pub(crate) keys: Vec<FieldRef>,
}

/// Returns how a table is read; if it cannot be, why.
pub(crate) fn layout(table: &Table) -> Result<Layout, String> {
    readable(table)?;
    let keys = table.keys().iter().map(field).collect::<Result<Vec<_>, _>>()?;
    match spark_columns(table) {
        None => Ok(Layout {
            columns: table.columns().iter().map(field).collect::<Result<_, _>>()?,
            keys,
        }),
        Some(all) => Ok(by_spark(all, &keys)),
    }
}

/// Returns the prefix of the objects at a place; if they cannot be read, why.
pub(crate) fn folder(place: &Place) -> Result<String, String> {
    place.object_prefix().ok_or_else(|| match place {
        Place::External(uri) => format!("its data is not in this repository, but at {uri}"),
        Place::Shared(path) => format!("its data is in the shared namespace, at {path}"),
        Place::Path(_) => "its data is at the root of the repository".to_owned(),
    })
}

fn readable(table: &Table) -> Result<(), String> {
    if table.kind.is_view() {
        return Err("it is a view, and only tables can be read".to_owned());
    }
    let format = TableFormat::of(table);
    if format != TableFormat::Hive {
        return Err(format!(
            "it is a table of format {format:?}, and only plain Parquet can be read"
        ));
    }
    let stored = match (provider(table), &table.storage) {
        (Some(provider), _) => provider.to_owned(),
        (None, Some(storage)) => stored_as(storage),
        (None, None) => "nothing".to_owned(),
    };
    if stored.eq_ignore_ascii_case("parquet") {
        return Ok(());
    }
    Err(format!("it is stored as {stored}, and only Parquet can be read"))
}

/// The data source of a table that is Spark's own; those with the provider `hive` are Hive's.
fn provider(table: &Table) -> Option<&str> {
    table
        .parameter("spark.sql.sources.provider")
        .filter(|provider| !provider.eq_ignore_ascii_case("hive"))
}

fn stored_as(storage: &Storage) -> String {
    let class = storage
        .serde_library()
        .or(storage.template.input_format.as_deref())
        .unwrap_or("nothing");
    let name = class.rsplit('.').next().unwrap_or(class);
    if name.to_ascii_lowercase().starts_with("parquet") {
        "parquet".to_owned()
    } else {
        name.to_owned()
    }
}

fn field(column: &Column) -> Result<FieldRef, String> {
    let kind = arrow_type(&column.type_name).map_err(|error| format!("column {}: {error}", column.name))?;
    Ok(nullable(&column.name, kind))
}

fn nullable(name: &str, kind: DataType) -> FieldRef {
    Arc::new(Field::new(name.to_lowercase(), kind, true))
}

/// Spark goes by its own description of a data source table, whatever the columns say; so do we.
fn spark_columns(table: &Table) -> Option<Vec<(String, DataType)>> {
    provider(table)?;
    spark::columns(|key| table.parameter(key))
}

fn by_spark(all: Vec<(String, DataType)>, keys: &[FieldRef]) -> Layout {
    let all: Vec<_> = all
        .into_iter()
        .map(|(name, kind)| nullable(&name, kind))
        .collect();
    let find = |fields: &[FieldRef], name: &str| fields.iter().find(|field| field.name() == name).cloned();
    let keys: Vec<_> = keys
        .iter()
        .map(|key| find(&all, key.name()).unwrap_or_else(|| Arc::clone(key)))
        .collect();
    let columns = all
        .into_iter()
        .filter(|field| find(&keys, field.name()).is_none())
        .collect();
    Layout { columns, keys }
}

#[cfg(test)]
mod tests {
    use catalog::model::{Columns, Serde, TableKind, Template};

    use super::*;

    fn table(library: &str, parameters: &[(&str, &str)]) -> Table {
        let serde = Serde {
            library: Some(library.to_owned()),
            ..Serde::default()
        };
        let columns = Columns(vec![Column::new("id", "int"), Column::new("note", "varchar(9)")]);
        let mut table = Table {
            storage: Some(Storage {
                columns: Some(Arc::new(columns)),
                template: Arc::new(Template {
                    serde: Some(serde),
                    ..Template::default()
                }),
                ..Storage::default()
            }),
            partition_keys: Some(vec![Column::new("dt", "string")]),
            ..Table::default()
        };
        for (key, value) in parameters {
            table.set_parameter(key, *value);
        }
        table
    }

    fn shown(table: &Table) -> String {
        let fields = |fields: &[FieldRef]| {
            fields
                .iter()
                .map(|field| format!("{} {}", field.name(), field.data_type()))
                .collect::<Vec<_>>()
                .join(", ")
        };
        match layout(table) {
            Ok(layout) => format!("{} by {}", fields(&layout.columns), fields(&layout.keys)),
            Err(reason) => reason,
        }
    }

    const SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";

    #[test]
    fn hive_tables_go_by_their_columns() {
        assert_eq!(shown(&table(SERDE, &[])), "id Int32, note Utf8 by dt Utf8");
        let spark = r#"{"fields":[{"name":"other","type":"long"}]}"#;
        let spark = table(
            SERDE,
            &[
                ("spark.sql.sources.schema", spark),
                ("spark.sql.sources.provider", "hive"),
            ],
        );
        assert_eq!(shown(&spark), "id Int32, note Utf8 by dt Utf8");
    }

    #[test]
    fn data_source_tables_go_by_sparks_description() {
        let json =
            r#"{"type":"struct","fields":[{"name":"userId","type":"long"},{"name":"dt","type":"date"}]}"#;
        let parameters = [
            ("spark.sql.sources.provider", "PARQUET"),
            ("spark.sql.sources.schema", json),
        ];
        assert_eq!(shown(&table("x", &parameters)), "userid Int64 by dt Date32");
        assert_eq!(
            shown(&table("x", &parameters[..1])),
            "id Int32, note Utf8 by dt Utf8"
        );
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let view = Table {
            kind: TableKind::View,
            ..Table::default()
        };
        for (table, word) in [
            (view, "view"),
            (
                table("org.apache.hadoop.hive.ql.io.orc.OrcSerde", &[]),
                "OrcSerde",
            ),
            (table(SERDE, &[("spark.sql.sources.provider", "csv")]), "csv"),
            (table(SERDE, &[("table_type", "ICEBERG")]), "Iceberg"),
            (Table::default(), "nothing"),
        ] {
            assert!(shown(&table).contains(word), "{}", shown(&table));
        }
    }

    #[test]
    fn data_elsewhere_is_not_read() {
        assert!(
            folder(&Place::External("s3a://b/t".into()))
                .unwrap_err()
                .contains("s3a://b/t")
        );
        assert!(folder(&Place::root()).is_err() && folder(&Place::Shared("t".into())).is_err());
        assert_eq!(folder(&Place::Path("w/t".into())), Ok("w/t/".into()));
    }
}
