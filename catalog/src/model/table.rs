//! Tables and views.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{
    Column, Columns, DatabaseId, Extra, FileMetadata, Location, Parameters, PrincipalKind, Privileges,
    Storage, TableFormat, TableId,
};

/// A table or a view.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    pub id: TableId,
    pub database: DatabaseId,
    /// In lower case.
    pub name: String,
    pub kind: TableKind,
    pub owner: Option<String>,
    pub owner_kind: Option<PrincipalKind>,
    /// Seconds since the Unix epoch.
    pub created_s: Option<i32>,
    /// Seconds since the Unix epoch.
    pub accessed_s: Option<i32>,
    pub retention: Option<i32>,
    pub storage: Option<Storage>,
    /// What the default locations of partitions start from, if the table itself has moved on since.
    pub partition_base: Option<Location>,
    /// The id behind the last that a column of the table was given. Columns that an alter adds count from a drawn
    /// number, so that two branches do not give one id to two columns.
    pub next_column_id: u32,
    pub partition_keys: Option<Vec<Column>>,
    pub parameters: Option<Parameters>,
    /// Those parameters that are places in this repository, by key: `metadata_location` among them.
    pub locations: BTreeMap<String, Location>,
    pub view_original_text: Option<String>,
    pub view_expanded_text: Option<String>,
    pub privileges: Option<Privileges>,
    /// What has no meaning to us.
    pub rest: TableRest,
    pub extra: Extra,
}

/// What kind of thing stands under a table's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TableKind {
    /// Its data belongs to it.
    #[default]
    Managed,
    /// Its data is somebody else's.
    External,
    View,
    MaterializedView,
    /// A kind of a newer client: the text it gave, which is none of the above.
    Other(OtherKind),
}

/// The text of a kind that has no name here; only [`TableKind::parse`] makes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherKind(String);

impl TableKind {
    const NAMED: [(&'static str, TableKind); 4] = [
        ("MANAGED_TABLE", TableKind::Managed),
        ("EXTERNAL_TABLE", TableKind::External),
        ("VIRTUAL_VIEW", TableKind::View),
        ("MATERIALIZED_VIEW", TableKind::MaterializedView),
    ];

    /// Returns the kind that Hive calls `text`.
    pub fn parse(text: &str) -> TableKind {
        let named = Self::NAMED.into_iter().find(|(name, _)| *name == text);
        named.map_or_else(|| TableKind::Other(OtherKind(text.to_owned())), |(_, kind)| kind)
    }

    /// Returns what Hive calls it.
    pub fn as_str(&self) -> &str {
        match self {
            TableKind::Managed => "MANAGED_TABLE",
            TableKind::External => "EXTERNAL_TABLE",
            TableKind::View => "VIRTUAL_VIEW",
            TableKind::MaterializedView => "MATERIALIZED_VIEW",
            TableKind::Other(OtherKind(text)) => text,
        }
    }

    /// Returns whether it is a view, materialized or not.
    pub fn is_view(&self) -> bool {
        matches!(self, TableKind::View | TableKind::MaterializedView)
    }
}

/// What a client may state about a table that nothing here depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableRest {
    pub temporary: Option<bool>,
    pub rewrite_enabled: Option<bool>,
    pub creation: Option<Creation>,
    pub write_id: Option<i64>,
    pub is_stats_compliant: Option<bool>,
    pub access_type: Option<i8>,
    pub read_capabilities: Option<Vec<String>>,
    pub write_capabilities: Option<Vec<String>>,
    /// The number that a client gave as the table's id; ours is [`Table::id`].
    pub client_id: Option<i64>,
    pub file_metadata: Option<FileMetadata>,
    pub dictionary: Option<BTreeMap<String, Vec<Bytes>>>,
    pub transaction_id: Option<i64>,
}

/// How a materialized view came about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Creation {
    pub hive_catalog: String,
    pub database: String,
    pub table: String,
    pub tables_used: BTreeSet<String>,
    pub valid_transactions: Option<String>,
    pub materialized_ms: Option<i64>,
    pub source_tables: Option<Vec<SourceTable>>,
}

/// A table that a materialized view reads, and how many rows changed there since. The table itself is looked
/// up when somebody asks, as the original does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceTable {
    pub database: String,
    pub table: String,
    pub inserted: i64,
    pub updated: i64,
    pub deleted: i64,
}

/// What the list of a database's tables says of one, so that lists are answered without loading tables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableEntry {
    pub id: TableId,
    pub kind: TableKind,
    pub format: TableFormat,
    /// Whether it is a managed table that lies elsewhere in the repository than by default: one that stayed
    /// where it was when it was renamed, mostly.
    pub is_displaced: bool,
    pub extra: Extra,
}

impl Table {
    /// Returns a parameter that is no place in this repository.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.as_ref()?.get(key).map(String::as_str)
    }

    /// Sets a parameter.
    pub fn set_parameter(&mut self, key: &str, value: impl Into<String>) {
        self.parameters
            .get_or_insert_default()
            .insert(key.to_owned(), value.into());
    }

    /// Returns whether a parameter is `true`, in any case.
    pub fn is_set(&self, key: &str) -> bool {
        self.parameter(key)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Returns the partition keys; none for a table that is not partitioned.
    pub fn keys(&self) -> &[Column] {
        self.partition_keys.as_deref().unwrap_or_default()
    }

    /// Returns the columns without the partition keys; none where they are not set.
    pub fn columns(&self) -> &[Column] {
        self.column_list().map_or(&[], |columns| &columns.0)
    }

    /// Returns the column list, if it is set.
    pub fn column_list(&self) -> Option<&Columns> {
        self.storage.as_ref()?.columns.as_deref()
    }

    /// Returns whether the table is partitioned.
    pub fn is_partitioned(&self) -> bool {
        !self.keys().is_empty()
    }

    /// Returns the entry for the list of the database's tables.
    pub fn entry(&self) -> TableEntry {
        let format = TableFormat::of(self);
        let location = self
            .storage
            .as_ref()
            .and_then(|storage| storage.location.as_ref());
        let is_displaced = self.kind == TableKind::Managed && matches!(location, Some(Location::Rel(_)));
        TableEntry {
            id: self.id,
            kind: self.kind.clone(),
            format,
            is_displaced,
            extra: Extra::default(),
        }
    }

    /// Returns whether dropping the table drops its data: a managed table, a materialized view, or an external table
    /// that asks for it.
    pub fn owns_data(&self) -> bool {
        match self.kind {
            TableKind::Managed | TableKind::MaterializedView => true,
            TableKind::External => self.is_set("external.table.purge"),
            _ => false,
        }
    }
}
