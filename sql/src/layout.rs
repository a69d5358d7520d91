//! How the files of a table are to be read, from what the catalog says of it: pure.

use std::sync::Arc;

use catalog::location::Place;
use catalog::model::{Column, Columns, Storage, Table, TableFormat, Template};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};

use crate::formats::{Descriptor, Stored, stored_as_provider, stored_by_serde};
use crate::spark;
use crate::types::arrow_type;

/// What a query has to know of a table of folders, but for its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// How the files of the table were written, and of the partitions that do not say otherwise.
    pub(crate) files: Arc<Descriptor>,
    /// The partition keys, in lower case.
    pub(crate) keys: Vec<FieldRef>,
}

/// Returns how a table is read; if it cannot be, why.
pub(crate) fn layout(table: &Table) -> Result<Layout, String> {
    let stored = readable(table)?;
    let keys = table.keys().iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let (columns, keys) = match spark_columns(table) {
        None => (columns_as(table.columns(), &stored)?, keys),
        Some(all) => by_spark(all, &keys),
    };
    let files = Arc::new(Descriptor { columns, stored });
    Ok(Layout { files, keys })
}

/// Returns how a partition with a column list and a template of its own is read; if it cannot be, why.
///
/// Spark goes by the table alone where that is its own.
pub(crate) fn partition_files(
    table: &Table,
    layout: &Layout,
    columns: Option<&Columns>,
    template: Option<Arc<Template>>,
) -> Result<Arc<Descriptor>, String> {
    let Some(template) = template.filter(|_| provider(table).is_none()) else {
        return Ok(Arc::clone(&layout.files));
    };
    let storage = Storage {
        template,
        ..Storage::default()
    };
    let stored = stored_by_serde(&storage, &parameter(table))?;
    let columns = match columns {
        Some(columns) => columns_as(&columns.0, &stored)?,
        None => layout.files.columns.clone(),
    };
    Ok(Arc::new(Descriptor { columns, stored }))
}

fn columns_as(columns: &[Column], stored: &Stored) -> Result<Vec<FieldRef>, String> {
    match stored {
        // whatever the catalog says, this serde has texts alone
        Stored::Csv(_) => Ok(columns
            .iter()
            .map(|column| nullable(&column.name, DataType::Utf8))
            .collect()),
        _ => columns.iter().map(field).collect(),
    }
}

fn parameter(table: &Table) -> impl Fn(&str) -> Option<String> + '_ {
    |key| table.parameter(key).map(str::to_owned)
}

/// Returns the prefix of the objects at a place; if they cannot be read, why.
pub(crate) fn folder(place: &Place) -> Result<String, String> {
    place.object_prefix().ok_or_else(|| match place {
        Place::External(uri) => format!("its data is not in this repository, but at {uri}"),
        Place::Shared(path) => format!("its data is in the shared namespace, at {path}"),
        Place::Path(_) => "its data is at the root of the repository".to_owned(),
    })
}

fn readable(table: &Table) -> Result<Stored, String> {
    if table.kind.is_view() {
        return Err("it is a view".to_owned());
    }
    let format = TableFormat::of(table);
    if format != TableFormat::Hive {
        return Err(format!(
            "it is a table of format {format:?}, which sql cannot read"
        ));
    }
    match (provider(table), &table.storage) {
        (Some(provider), storage) => stored_as_provider(provider, storage.as_ref()),
        (None, Some(storage)) => stored_by_serde(storage, &parameter(table)),
        (None, None) => Err("it is stored as nothing".to_owned()),
    }
}

/// The data source of a table that is Spark's own; those with the provider `hive` are Hive's.
fn provider(table: &Table) -> Option<&str> {
    table
        .parameter("spark.sql.sources.provider")
        .filter(|provider| !provider.eq_ignore_ascii_case("hive"))
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

fn by_spark(all: Vec<(String, DataType)>, keys: &[FieldRef]) -> (Vec<FieldRef>, Vec<FieldRef>) {
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
    (columns, keys)
}

#[cfg(test)]
mod tests {
    use catalog::model::{Serde, TableKind};

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
            Ok(layout) => format!("{} by {}", fields(&layout.files.columns), fields(&layout.keys)),
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
                table("org.apache.hadoop.hive.serde2.RegexSerDe", &[]),
                "RegexSerDe",
            ),
            (table(SERDE, &[("spark.sql.sources.provider", "jdbc")]), "jdbc"),
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
