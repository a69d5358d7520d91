//! Columns, and lists of them, which tables and partitions share.

use super::ColumnId;

/// A column of a table or a partition, or a partition key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Column {
    pub id: ColumnId,
    /// In lower case.
    pub name: String,
    /// The type as Hive writes it, in lower case but for the names within structs.
    pub type_name: String,
    pub comment: Option<String>,
}

impl Column {
    /// Returns a column that has no id yet.
    pub fn new(name: &str, type_name: &str) -> Column {
        Column {
            name: name.to_lowercase(),
            type_name: type_name.to_owned(),
            ..Column::default()
        }
    }
}

/// The columns of a table or of a partition, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Columns(pub Vec<Column>);

impl Columns {
    /// Returns the column of that name, which has to be in lower case.
    pub fn find(&self, name: &str) -> Option<&Column> {
        self.0.iter().find(|column| column.name == name)
    }

    /// Returns the column of that id.
    pub fn by_id(&self, id: ColumnId) -> Option<&Column> {
        self.0.iter().find(|column| column.id == id)
    }
}
