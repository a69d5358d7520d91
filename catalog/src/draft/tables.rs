//! Creating, dropping and truncating tables.

use versioning::Space;

use crate::columns::{check_columns, infer_ids};
use crate::draft::{Draft, data::FAST_STATISTICS};
use crate::keys::{self, MetaKey};
use crate::layout::check_layout;
use crate::location::Place;
use crate::model::{
    Columns, Location, Parameters, Partition, Storage, Table, TableEntry, TableId, TableKind,
};
use crate::names;
use crate::snapshot::OpenTable;
use crate::warehouse::FolderChange;
use crate::{Error, Result};

/// The parameter that says whose the data is, whatever the kind says.
const EXTERNAL: &str = "EXTERNAL";

/// Said by clients that keep statistics themselves; never stored.
pub(super) const DO_NOT_UPDATE_STATISTICS: &str = "DO_NOT_UPDATE_STATS";

/// Where data is that goes.
enum Data {
    /// Objects of the repository, by their prefix.
    Objects(String),
    /// A folder of a plain warehouse.
    Plain(String),
}

impl Draft {
    /// Creates a table or a view in `database`. Its id and those of its columns are assigned here.
    ///
    /// # Errors
    /// [`Error::NoSuchDatabase`], [`Error::InvalidName`], [`Error::InvalidType`], [`Error::TableExists`];
    /// [`Error::NotAllowed`] for one in the shared namespace that is none of Iceberg's.
    pub async fn create_table(&mut self, database: &str, mut table: Table) -> Result<OpenTable> {
        let database = self.database(database).await?;
        table.name = names::object_name("object", &table.name)?;
        if self.find_entry(database.id, &table.name).await?.is_some() {
            return Err(Error::TableExists {
                database: database.name,
                table: table.name,
            });
        }
        table.id = TableId(self.ids.fresh());
        table.database = database.id;
        table.partition_base = None;
        settle_kind(&mut table);
        check_table_columns(&mut table)?;
        table.next_column_id = assign_ids(None, &mut table, 1);
        table.created_s = Some(self.now_s);
        table.accessed_s.get_or_insert(0);
        table.retention.get_or_insert(0);
        let keeps_statistics = takes_do_not_update(&mut table);
        self.stamp(&mut table.parameters);
        let mut open = OpenTable { database, table };
        self.place_new_table(&mut open).await?;
        check_layout(&open)?;
        if !keeps_statistics {
            self.count_new_table(&mut open).await?;
        }
        self.put_new_table(&open.table);
        Ok(open)
    }

    fn put_new_table(&mut self, table: &Table) {
        self.change(|changes| {
            changes.put(
                MetaKey::Entry(table.database, &table.name).encode(),
                &table.entry(),
            );
            changes.put(MetaKey::Table(table.id).encode(), table);
        });
    }

    /// Gives a table that has no location its default one, or, where another table stayed there when it was
    /// renamed, a folder of its own beside it. Data that is nobody's is taken over: some clients write it first.
    async fn place_new_table(&self, open: &mut OpenTable) -> Result<()> {
        let base = open.database.table_base(&open.kind);
        let location = match open.location() {
            Some(location) => {
                let place = self.qualified(location.resolve(&base, &open.name));
                Some(place.relative_to(&base, &open.name))
            }
            None if open.kind == TableKind::View => None,
            None => Some(self.free_location(open, &base).await?),
        };
        if let Some(storage) = &mut open.table.storage {
            storage.location = location;
        }
        Ok(())
    }

    async fn free_location(&self, open: &OpenTable, base: &Place) -> Result<Location> {
        let default = base.child(&open.name);
        if !self.is_occupied(&default).await? {
            return Ok(Location::Default);
        }
        let id = open.table.id.to_string();
        Ok(base.child(&format!("{}-{id}", open.name)).into())
    }

    /// States how many files a table has from its beginning, if any.
    async fn count_new_table(&self, open: &mut OpenTable) -> Result<()> {
        let Some(place) = open.countable_place() else {
            return Ok(());
        };
        let found = self.count_files(&place).await?;
        if let Some(found) = found.filter(|found| found.files > 0) {
            found.write(&mut open.table.parameters);
        }
        Ok(())
    }

    /// Drops a table; with `delete_data`, also the data that belongs to it. It costs the same at
    /// any size, but for partitions that lie apart from it, which are looked up one by one.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`].
    pub async fn drop_table(&mut self, database: &str, name: &str, delete_data: bool) -> Result<OpenTable> {
        let open = self.table(database, name).await?;
        self.purge_if_told(&open);
        if delete_data && open.owns_data() {
            self.delete_table_data(&open).await?;
        }
        self.forget_constraints(open.id).await?;
        self.change(|changes| {
            changes.delete::<TableEntry>(MetaKey::Entry(open.database.id, &open.name).encode());
            changes.delete::<Table>(MetaKey::Table(open.id).encode());
            if open.is_partitioned() {
                changes
                    .batch()
                    .delete_prefix(Space::Parts, keys::partitions(open.id));
            }
            changes
                .batch()
                .delete_prefix(Space::Stats, keys::statistics(open.id));
        });
        Ok(open)
    }

    /// Removes the data of a table, or of the partitions that are named, and what is known of it. An empty list
    /// of names removes nothing, and so does a name that no partition has.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`]; [`Error::NotAllowed`] for data that lies elsewhere.
    pub async fn truncate_table(
        &mut self,
        database: &str,
        name: &str,
        partitions: Option<&[String]>,
    ) -> Result<()> {
        let mut open = self.table(database, name).await?;
        self.purge_if_told(&open);
        let names = match partitions {
            Some(names) => names.to_vec(),
            None if open.is_partitioned() => self.partition_names(open.id).await?,
            None => {
                let place = open.data_place();
                let data = self.data_to_clear(&open, place.as_ref()).await?;
                self.clear(data);
                reset_statistics(&mut open.table.parameters);
                self.put_table(&open.table);
                return self.drop_statistics(open.id, None);
            }
        };
        // all are looked at before the first changes
        let mut emptied = Vec::new();
        for name in names {
            if let Some(partition) = self.find_partition(open.id, &name).await? {
                emptied.push(self.emptied_partition(&open, partition).await?);
            }
        }
        self.change(|changes| {
            for (partition, _) in &emptied {
                let statistics = keys::partition_statistics(open.id, &partition.name);
                changes.batch().delete_prefix(Space::Stats, statistics);
                changes.put(keys::partition(open.id, &partition.name), partition);
            }
        });
        for (_, data) in emptied {
            self.clear(data);
        }
        Ok(())
    }

    /// Returns a partition as it is without its data, and where that is.
    async fn emptied_partition(
        &self,
        open: &OpenTable,
        mut partition: Partition,
    ) -> Result<(Partition, Data)> {
        let location = partition
            .storage
            .as_ref()
            .and_then(|storage| storage.location.as_ref());
        let place = location.map(|location| open.partition_place(&partition.name, location));
        let data = self.data_to_clear(open, place.as_ref()).await?;
        reset_statistics(&mut partition.parameters);
        Ok((partition, data))
    }

    /// Returns where the data at a place is, if it may be removed.
    async fn data_to_clear(&self, open: &OpenTable, place: Option<&Place>) -> Result<Data> {
        let refused = |why: &str| Error::NotAllowed {
            operation: "truncate",
            reason: format!("the data of {}.{} {why}", open.database.name, open.name),
        };
        let place = place.ok_or_else(|| refused("is nowhere"))?;
        match self.plain_uri(place) {
            Some(uri) if self.may_empty(place).await? => Ok(Data::Plain(uri)),
            Some(_) => Err(refused("is not versioned, and other versions may need it")),
            None => place
                .object_prefix()
                .map(Data::Objects)
                .ok_or_else(|| refused("is not versioned here")),
        }
    }

    fn clear(&mut self, data: Data) {
        match data {
            Data::Objects(prefix) => self.delete_objects(&prefix),
            Data::Plain(uri) => {
                let purge = self.purges();
                self.plan_folder(FolderChange::Clear { uri, purge });
            }
        }
    }

    async fn partition_names(&self, table: TableId) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let mut scan = self.partitions(table);
        while let Some(partition) = scan.next().await? {
            names.push(partition.name.to_owned());
        }
        Ok(names)
    }

    pub(super) fn drop_statistics(&mut self, table: TableId, partition: Option<&str>) -> Result<()> {
        let prefix = match partition {
            Some(name) => keys::partition_statistics(table, name),
            None => keys::table_statistics(table),
        };
        self.change(|changes| changes.batch().delete_prefix(Space::Stats, prefix));
        Ok(())
    }
}

impl OpenTable {
    /// Returns where the files of a table lie that has all of them in one folder.
    pub(super) fn countable_place(&self) -> Option<Place> {
        if self.is_partitioned() || self.kind == TableKind::View {
            return None;
        }
        self.data_place()
    }
}

/// Sets the kind by what the client said: the parameter `EXTERNAL` makes a table external, whatever its kind says,
/// and a kind that says so gets the parameter (`hive.md` 4: the original would make it managed, and drop
/// the data with it later).
pub(super) fn settle_kind(table: &mut Table) {
    match table.kind {
        TableKind::Managed if table.is_set(EXTERNAL) => table.kind = TableKind::External,
        TableKind::External if !table.is_set(EXTERNAL) => table.set_parameter(EXTERNAL, "TRUE"),
        _ => {}
    }
}

/// Lower-cases the names of columns and keys, and checks their types.
pub(super) fn check_table_columns(table: &mut Table) -> Result<()> {
    check_columns(table.partition_keys.as_deref_mut().unwrap_or_default())?;
    if let Some(columns) = columns_mut(table.storage.as_mut()) {
        check_columns(&mut columns.0)?;
    }
    Ok(())
}

pub(super) fn columns_mut(storage: Option<&mut Storage>) -> Option<&mut Columns> {
    storage?.columns.as_mut().map(std::sync::Arc::make_mut)
}

/// Gives columns and keys their ids, from those of the table before; new ones count from `start`. Returns the id
/// behind the last that was given.
pub(super) fn assign_ids(old: Option<&Table>, table: &mut Table, start: u32) -> u32 {
    let old_keys = old.map(Table::keys).unwrap_or_default();
    let old_columns = old.map(Table::columns).unwrap_or_default();
    let keys = table.partition_keys.as_deref_mut().unwrap_or_default();
    let mut next = infer_ids(old_keys, keys, start);
    if let Some(columns) = columns_mut(table.storage.as_mut()) {
        next = infer_ids(old_columns, &mut columns.0, next);
    }
    match old {
        Some(old) if next == start => old.next_column_id,
        _ => next,
    }
}

/// Takes out the request to leave statistics alone; returns whether it was there.
pub(super) fn takes_do_not_update(table: &mut Table) -> bool {
    let found = table
        .parameters
        .as_mut()
        .and_then(|found| found.remove(DO_NOT_UPDATE_STATISTICS));
    found.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// States that there are no rows and no files, where something was stated of them.
fn reset_statistics(parameters: &mut Option<Parameters>) {
    let parameters = parameters.get_or_insert_default();
    for key in ["numRows", "rawDataSize", "numFilesErasureCoded"] {
        if let Some(value) = parameters.get_mut(key) {
            "0".clone_into(value);
        }
    }
    for key in FAST_STATISTICS {
        parameters.insert(key.to_owned(), "0".to_owned());
    }
    parameters.insert(
        "COLUMN_STATS_ACCURATE".to_owned(),
        r#"{"BASIC_STATS":"true"}"#.to_owned(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(kind: TableKind, external: Option<&str>) -> Table {
        let mut table = Table {
            kind,
            ..Table::default()
        };
        if let Some(value) = external {
            table.set_parameter(EXTERNAL, value);
        }
        table
    }

    #[test]
    fn external_is_what_anybody_calls_so() {
        for (kind, external, expected) in [
            (TableKind::Managed, None, TableKind::Managed),
            (TableKind::Managed, Some("true"), TableKind::External),
            (TableKind::Managed, Some("FALSE"), TableKind::Managed),
            (TableKind::External, None, TableKind::External),
            (TableKind::External, Some("TRUE"), TableKind::External),
            (TableKind::View, None, TableKind::View),
        ] {
            let mut table = table(kind.clone(), external);
            settle_kind(&mut table);
            assert_eq!(table.kind, expected, "{kind:?} {external:?}");
            assert_eq!(
                table.is_set(EXTERNAL),
                expected == TableKind::External,
                "{kind:?} {external:?}"
            );
        }
    }

    #[test]
    fn statistics_are_reset_as_in_hive() {
        let mut parameters = Some(Parameters::from([
            ("numRows".into(), "7".into()),
            ("k".into(), "v".into()),
        ]));
        reset_statistics(&mut parameters);
        let text: Vec<_> = parameters
            .unwrap()
            .into_iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let accurate = r#"COLUMN_STATS_ACCURATE={"BASIC_STATS":"true"}"#;
        assert_eq!(text, [accurate, "k=v", "numFiles=0", "numRows=0", "totalSize=0"]);
    }

    #[test]
    fn a_request_to_leave_statistics_alone_is_not_stored() {
        let mut table = Table::default();
        assert!(!takes_do_not_update(&mut table));
        table.set_parameter(DO_NOT_UPDATE_STATISTICS, "true");
        assert!(takes_do_not_update(&mut table));
        assert_eq!(table.parameter(DO_NOT_UPDATE_STATISTICS), None);
    }
}
