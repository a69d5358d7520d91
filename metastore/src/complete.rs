//! What the server sets where the client did not: the shape in which clients expect to get things back.
//!
//! The original keeps neither unset lists nor unset maps of tables and partitions: they come back empty, and
//! Java clients rely on it. What was set is never changed here.

use thrift_idl::types::{
    Database, EnvironmentContext, Function, Partition, PrincipalType, StorageDescriptor, Table,
};

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
    shape_storage(table.sd.get_or_insert_default());
}

/// Gives a partition the shape of one that was stored.
pub(crate) fn shape_partition(partition: &mut Partition) {
    partition.last_access_time.get_or_insert(0);
    partition.parameters.get_or_insert_default();
    shape_storage(partition.sd.get_or_insert_default());
}

fn shape_storage(storage: &mut StorageDescriptor) {
    blank_to_none(&mut storage.location);
    storage.cols.get_or_insert_default();
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

    /// Returns whether the client keeps statistics of files itself.
    pub(crate) fn keeps_statistics(&self) -> bool {
        self.is_set("DO_NOT_UPDATE_STATS")
    }
}
