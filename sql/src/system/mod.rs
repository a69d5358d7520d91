//! Tables that tell of the repository itself: `skep.commits`, `skep.refs`, `skep.tables`, `skep.partitions`,
//! `skep.files`, the `information_schema`, and the function `diff('main', 'etl')`.
//!
//! Their rows are made while they are asked for: whoever asks for one table, or for ten commits, pays for those.

mod diffs;
mod rows;
mod table;
mod walk;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

pub(crate) use diffs::DiffFunction;
pub(crate) use table::SystemTable;

/// The database that has them. A database of that name in the repository is hidden by it.
pub(crate) const SYSTEM: &str = "skep";
pub(crate) const INFORMATION_SCHEMA: &str = "information_schema";

/// One of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Commits,
    Refs,
    Tables,
    Partitions,
    Files,
    /// `information_schema.schemata`.
    Databases,
    /// `information_schema.tables`.
    InformationTables,
    /// `information_schema.columns`.
    Columns,
    /// What differs between two refs.
    Diff(String, String),
}

impl Kind {
    /// Returns the table of that name, in lower case.
    pub(crate) fn of(database: &str, table: &str) -> Option<Kind> {
        match (database, table) {
            (SYSTEM, "commits") => Some(Kind::Commits),
            (SYSTEM, "refs") => Some(Kind::Refs),
            (SYSTEM, "tables") => Some(Kind::Tables),
            (SYSTEM, "partitions") => Some(Kind::Partitions),
            (SYSTEM, "files") => Some(Kind::Files),
            (INFORMATION_SCHEMA, "schemata") => Some(Kind::Databases),
            (INFORMATION_SCHEMA, "tables") => Some(Kind::InformationTables),
            (INFORMATION_SCHEMA, "columns") => Some(Kind::Columns),
            _ => None,
        }
    }

    /// Returns the names of the columns that say which databases and tables are asked for.
    fn scope(&self) -> (&'static str, &'static str) {
        match self {
            Kind::Databases => ("schema_name", ""),
            Kind::InformationTables | Kind::Columns => ("table_schema", "table_name"),
            Kind::Tables => ("database", "name"),
            _ => ("database", "table"),
        }
    }

    fn schema(&self) -> SchemaRef {
        let columns: &[(&str, char)] = match self {
            Kind::Commits => &[
                ("id", 't'),
                ("kind", 't'),
                ("parents", 't'),
                ("author", 't'),
                ("message", 't'),
                ("at", 'w'),
            ],
            Kind::Refs => &[
                ("name", 't'),
                ("kind", 't'),
                ("commit", 't'),
                ("is_default", 'b'),
                ("mode", 't'),
                ("is_protected", 'b'),
            ],
            Kind::Tables => &[
                ("database", 't'),
                ("name", 't'),
                ("kind", 't'),
                ("format", 't'),
                ("location", 't'),
                ("columns", 'i'),
                ("partition_keys", 't'),
            ],
            Kind::Partitions => &[
                ("database", 't'),
                ("table", 't'),
                ("name", 't'),
                ("location", 't'),
            ],
            Kind::Files => &[
                ("database", 't'),
                ("table", 't'),
                ("partition", 't'),
                ("path", 't'),
                ("bytes", 'i'),
                ("modified", 'w'),
            ],
            Kind::Databases => &[("catalog_name", 't'), ("schema_name", 't')],
            Kind::InformationTables => &[
                ("table_catalog", 't'),
                ("table_schema", 't'),
                ("table_name", 't'),
                ("table_type", 't'),
            ],
            Kind::Columns => &[
                ("table_catalog", 't'),
                ("table_schema", 't'),
                ("table_name", 't'),
                ("column_name", 't'),
                ("ordinal_position", 'i'),
                ("is_nullable", 't'),
                ("data_type", 't'),
            ],
            Kind::Diff(..) => &[
                ("database", 't'),
                ("table", 't'),
                ("item", 't'),
                ("name", 't'),
                ("change", 't'),
                ("before", 't'),
                ("after", 't'),
                ("files_added", 'i'),
                ("files_removed", 'i'),
                ("bytes_added", 'i'),
                ("bytes_removed", 'i'),
            ],
        };
        let field = |(name, kind): &(&str, char)| {
            let kind = match kind {
                'i' => DataType::Int64,
                'b' => DataType::Boolean,
                'w' => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
                _ => DataType::Utf8,
            };
            Field::new(*name, kind, true)
        };
        Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
    }
}
