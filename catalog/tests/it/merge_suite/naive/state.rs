//! A catalog as plain maps.

use std::collections::BTreeMap;

/// What stays when a name changes.
pub(super) type Id = u32;
pub(super) type Parameters = BTreeMap<String, String>;
/// Contents by name.
pub(super) type Files = BTreeMap<String, String>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) databases: BTreeMap<Id, Database>,
    pub(super) tables: BTreeMap<Id, Table>,
    /// Files of no table, by path.
    pub(super) loose: Files,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Database {
    pub(super) name: String,
    pub(super) comment: Option<String>,
    pub(super) parameters: Parameters,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) database: Id,
    pub(super) name: String,
    pub(super) owner: Option<String>,
    /// Whether its format finds columns by position.
    pub(super) is_positional: bool,
    pub(super) is_partitioned: bool,
    /// Its folder, which it keeps.
    pub(super) place: String,
    pub(super) parameters: Parameters,
    pub(super) columns: Vec<Column>,
    pub(super) partitions: BTreeMap<String, Partition>,
    /// Those of a table without partitions.
    pub(super) files: Files,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) type_name: String,
    pub(super) comment: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) parameters: Parameters,
    /// Those of the table when it was added.
    pub(super) columns: Vec<Column>,
    pub(super) files: Files,
}

impl State {
    pub(super) fn database(&self, name: &str) -> Option<Id> {
        let mut all = self.databases.iter();
        all.find(|(_, database)| database.name == name).map(|(id, _)| *id)
    }

    pub(super) fn table(&self, database: &str, name: &str) -> Option<Id> {
        let database = self.database(database)?;
        let mut all = self.tables.iter();
        all.find(|(_, table)| table.database == database && table.name == name)
            .map(|(id, _)| *id)
    }

    /// Returns `database.table`.
    pub(super) fn name(&self, table: &Table) -> String {
        let database = self.databases.get(&table.database);
        let database = database.map_or("?", |database| database.name.as_str());
        format!("{database}.{}", table.name)
    }
}

impl Table {
    /// Returns the files of the table, or of one of its partitions.
    pub(super) fn files_of(&mut self, partition: Option<&str>) -> Option<&mut Files> {
        match partition {
            None if !self.is_partitioned => Some(&mut self.files),
            None => None,
            Some(name) => Some(&mut self.partitions.get_mut(name)?.files),
        }
    }
}
