//! What the server sets where the client did not: the shape in which clients expect to get things back.
//!
//! The original keeps neither unset lists nor unset maps of tables and partitions: they come back empty, and
//! Java clients rely on it. What was set is never changed here.

use std::collections::BTreeMap;

use thrift_idl::types::{
    Database, EnvironmentContext, Function, Partition, PrincipalType, SkewedInfo, StorageDescriptor, Table,
};

use crate::exception::Failure;

/// Fails for a table without what the original insists on.
pub(crate) fn check_table(table: &Table) -> Result<(), Failure> {
    let missing = |what: &str| Failure::meta(format!("{what} cannot be null."));
    table.table_name.as_ref().ok_or_else(|| missing("Table name"))?;
    let storage = table.sd.as_ref().ok_or_else(|| missing("Storage descriptor"))?;
    let columns = storage.cols.as_ref().ok_or_else(|| missing("Columns"))?;
    if columns.iter().any(|column| column.r#type.is_none()) {
        return Err(missing("Column type"));
    }
    check_serde(storage)
}

/// Fails for a partition whose storage lacks what the original insists on.
pub(crate) fn check_partition(partition: &Partition) -> Result<(), Failure> {
    let missing = |what: &str| Failure::meta(format!("{what} cannot be null."));
    let Some(storage) = &partition.sd else {
        return Ok(());
    };
    if storage.cols.iter().flatten().any(|column| column.name.is_none()) {
        return Err(missing("Column name"));
    }
    check_serde(storage)
}

fn check_serde(storage: &StorageDescriptor) -> Result<(), Failure> {
    match storage.serde_info {
        Some(_) => Ok(()),
        None => Err(Failure::meta("Invalid SerDeInfo object")),
    }
}

/// Completes a table that is to be created.
pub(crate) fn new_table(table: &mut Table, user: Option<String>) {
    default_owner(&mut table.owner, user);
    table.owner_type.get_or_insert(PrincipalType::USER);
    shape_table(table);
}

/// Gives a table the shape of one that was stored.
pub(crate) fn shape_table(table: &mut Table) {
    table.last_access_time.get_or_insert(0);
    table.retention.get_or_insert(0);
    table.partition_keys.get_or_insert_default();
    table.parameters.get_or_insert_default();
    let storage = table.sd.get_or_insert_default();
    storage.cols.get_or_insert_default();
    shape_storage(storage);
}

/// Gives a partition the shape of one that was stored.
pub(crate) fn shape_partition(partition: &mut Partition) {
    partition.last_access_time.get_or_insert(0);
    partition.parameters.get_or_insert_default();
    shape_storage(partition.sd.get_or_insert_default());
}

fn shape_storage(storage: &mut StorageDescriptor) {
    blank_to_none(&mut storage.location);
    storage.skewed_info.get_or_insert_with(|| SkewedInfo {
        skewed_col_names: Some(Vec::new()),
        skewed_col_values: Some(Vec::new()),
        skewed_col_value_location_maps: Some(BTreeMap::new()),
    });
    storage.compressed.get_or_insert(false);
    storage.num_buckets.get_or_insert(0);
    storage
        .serde_info
        .get_or_insert_default()
        .parameters
        .get_or_insert_default();
    storage.bucket_cols.get_or_insert_default();
    storage.sort_cols.get_or_insert_default();
    storage.parameters.get_or_insert_default();
    storage.stored_as_sub_directories.get_or_insert(false);
}

/// Completes a database that is to be created.
pub(crate) fn new_database(database: &mut Database, user: Option<String>) {
    blank_to_none(&mut database.location_uri);
    blank_to_none(&mut database.managed_location_uri);
    default_owner(&mut database.owner_name, user);
    database.owner_type.get_or_insert(PrincipalType::USER);
    database.parameters.get_or_insert_default();
}

/// Completes a function that is to be created.
pub(crate) fn new_function(function: &mut Function, user: Option<String>) {
    default_owner(&mut function.owner_name, user);
    function.owner_type.get_or_insert(PrincipalType::USER);
    function.resource_uris.get_or_insert_default();
}

fn default_owner(owner: &mut Option<String>, user: Option<String>) {
    blank_to_none(owner);
    if owner.is_none() {
        *owner = user;
    }
}

pub(crate) fn blank_to_none(text: &mut Option<String>) {
    if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
        *text = None;
    }
}

/// The words that stand beside a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words(EnvironmentContext);

impl From<Option<EnvironmentContext>> for Words {
    fn from(context: Option<EnvironmentContext>) -> Words {
        Words(context.unwrap_or_default())
    }
}

impl Words {
    /// Returns what is said under `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.properties.as_ref()?.get(key).map(String::as_str)
    }

    /// Returns whether `true` is said under `key`.
    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.get(key)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Returns whether what is removed skips the trash.
    pub(crate) fn purges(&self) -> bool {
        self.is_set("ifPurge")
    }

    /// Returns whether the client keeps statistics of files itself.
    pub(crate) fn keeps_statistics(&self) -> bool {
        self.is_set("DO_NOT_UPDATE_STATS")
    }
}
