//! What was decided about wholes: a database, a table, a partition, or the data of one, is as one version has it.
//!
//! Such a decision is made in the middle of a merge, and concerns what was merged before and what comes after. So the
//! merge is planned again with it, from the start, until nothing new is decided. Each plan settles more, so that ends.

use std::collections::BTreeMap;

use super::generic::{Three, Whose};
use super::owner::Unit;
use super::walk::{PartitionKey, Walk};
use crate::model::{Database, DatabaseId, Table, TableId};

/// The wholes that are as one version has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    databases: BTreeMap<DatabaseId, Whose>,
    /// Files that belong to no table, by how their paths begin.
    folders: BTreeMap<String, Whose>,
    /// With all that is beneath.
    tables: BTreeMap<TableId, Whose>,
    /// The names of tables.
    names: BTreeMap<TableId, Whose>,
    /// With their data.
    partitions: BTreeMap<PartitionKey, Whose>,
    /// The data of a table and of all its partitions.
    tables_data: BTreeMap<TableId, Whose>,
    data: BTreeMap<Unit, Whose>,
}

impl Settled {
    pub(crate) fn database(&self, id: DatabaseId) -> Option<Whose> {
        self.databases.get(&id).copied()
    }

    pub(crate) fn folder(&self, path: &str) -> Option<Whose> {
        let mut above = self.folders.iter().rev();
        above
            .find(|(folder, _)| path.starts_with(*folder))
            .map(|(_, whose)| *whose)
    }

    pub(crate) fn table(&self, id: TableId) -> Option<Whose> {
        self.tables.get(&id).copied()
    }

    /// Returns the tables that are settled, with all that is beneath.
    pub(crate) fn tables(&self) -> impl Iterator<Item = TableId> {
        self.tables.keys().copied()
    }

    pub(crate) fn name(&self, id: TableId) -> Option<Whose> {
        self.names.get(&id).copied()
    }

    pub(crate) fn partition(&self, table: TableId, name: &str) -> Option<Whose> {
        let key = (table, name.to_owned());
        self.table(table).or_else(|| self.partitions.get(&key).copied())
    }

    pub(crate) fn data(&self, unit: &Unit) -> Option<Whose> {
        let whole = match &unit.partition {
            Some(name) => self.partition(unit.table, name),
            None => self.table(unit.table),
        };
        whole
            .or_else(|| self.tables_data.get(&unit.table).copied())
            .or_else(|| self.data.get(unit).copied())
    }

    pub(crate) fn settle_table(&mut self, id: TableId, whose: Whose) {
        self.tables.entry(id).or_insert(whose);
    }

    pub(crate) fn settle_name(&mut self, id: TableId, whose: Whose) {
        self.names.entry(id).or_insert(whose);
    }

    pub(crate) fn settle_table_data(&mut self, id: TableId, whose: Whose) {
        self.tables_data.entry(id).or_insert(whose);
    }

    pub(crate) fn settle_partition(&mut self, table: TableId, name: &str, whose: Whose) {
        let key = (table, name.to_owned());
        self.partitions.entry(key).or_insert(whose);
    }

    pub(crate) fn settle_data(&mut self, unit: &Unit, whose: Whose) {
        self.data.entry(unit.clone()).or_insert(whose);
    }

    /// Settles a database with all that a side has in it.
    pub(crate) fn settle_database(&mut self, walk: &Walk, versions: &Three<Option<Database>>, whose: Whose) {
        let known = [&versions.base, &versions.ours, &versions.theirs];
        for database in known.into_iter().flatten() {
            self.databases.entry(database.id).or_insert(whose);
            if let Some(folder) = database.place().object_prefix() {
                self.folders.entry(folder).or_insert(whose);
            }
        }
        for (id, changed) in &walk.tables {
            let is_there = |table: &Table| self.databases.contains_key(&table.database);
            let sides = [&changed.versions.ours, &changed.versions.theirs];
            if sides.into_iter().flatten().any(is_there) {
                self.tables.entry(*id).or_insert(whose);
            }
        }
    }

    /// Returns whether nothing that another one settles is settled otherwise by this one, by itself or as part of a
    /// larger whole.
    pub(crate) fn allows(&self, other: &Settled) -> bool {
        let fits = |known: Option<Whose>, wanted: &Whose| known.is_none_or(|known| known == *wanted);
        let name = |id: &TableId| self.table(*id).or_else(|| self.name(*id));
        let data = |id: &TableId| self.table(*id).or_else(|| self.tables_data.get(id).copied());
        let mut databases = other.databases.iter();
        let mut tables = other.tables.iter();
        let mut partitions = other.partitions.iter();
        databases.all(|(id, whose)| fits(self.database(*id), whose))
            && other
                .folders
                .iter()
                .all(|(path, whose)| fits(self.folder(path), whose))
            && tables.all(|(id, whose)| fits(self.table(*id), whose))
            && other.names.iter().all(|(id, whose)| fits(name(id), whose))
            && partitions.all(|((id, part), whose)| fits(self.partition(*id, part), whose))
            && other.tables_data.iter().all(|(id, whose)| fits(data(id), whose))
            && other
                .data
                .iter()
                .all(|(unit, whose)| fits(self.data(unit), whose))
    }

    /// Adds what another one settles, and this one does not. Returns whether that is anything.
    pub(crate) fn absorb(&mut self, other: Settled) -> bool {
        let news = [
            absorb(&mut self.databases, other.databases),
            absorb(&mut self.folders, other.folders),
            absorb(&mut self.tables, other.tables),
            absorb(&mut self.names, other.names),
            absorb(&mut self.partitions, other.partitions),
            absorb(&mut self.tables_data, other.tables_data),
            absorb(&mut self.data, other.data),
        ];
        news.contains(&true)
    }
}

fn absorb<K: Ord>(into: &mut BTreeMap<K, Whose>, from: BTreeMap<K, Whose>) -> bool {
    let before = into.len();
    for (key, whose) in from {
        into.entry(key).or_insert(whose);
    }
    into.len() > before
}
