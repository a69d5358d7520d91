//! Partitions.

use catalog::Error;
use catalog::location::{Locator, Place};
use catalog::model::{Extra, Partition};
use thrift_idl::types::Partition as Wire;

use super::Names;
use super::privileges::{privileges_from, privileges_to};
use super::storage::{file_metadata_from, file_metadata_to, storage_from, storage_to};

/// Reads a partition. Its name follows from the table's keys, which only the catalog knows.
pub(crate) fn partition_from(wire: Wire, locator: &Locator) -> Result<Partition, Error> {
    Ok(Partition {
        name: String::new(),
        values: wire.values.unwrap_or_default(),
        created_s: wire.create_time,
        accessed_s: wire.last_access_time,
        storage: wire
            .sd
            .map(|storage| storage_from(storage, locator))
            .transpose()?,
        parameters: wire.parameters,
        privileges: wire.privileges.map(privileges_from),
        write_id: wire.write_id,
        is_stats_compliant: wire.is_stats_compliant,
        file_metadata: wire.file_metadata.map(file_metadata_from),
        extra: Extra::default(),
    })
}

/// Writes a partition of `table`, whose default partitions lie below `base`.
pub(crate) fn partition_to(partition: &Partition, names: &Names, table: &str, base: &Place) -> Wire {
    Wire {
        values: Some(partition.values.clone()),
        db_name: Some(names.database.clone()),
        table_name: Some(table.to_owned()),
        create_time: partition.created_s,
        last_access_time: partition.accessed_s,
        sd: partition
            .storage
            .as_ref()
            .map(|storage| storage_to(storage, names, base, &partition.name)),
        parameters: partition.parameters.clone(),
        privileges: partition.privileges.as_ref().map(privileges_to),
        cat_name: Some(names.catalog.clone()),
        write_id: partition.write_id,
        is_stats_compliant: partition.is_stats_compliant,
        col_stats: None,
        file_metadata: partition.file_metadata.as_ref().map(file_metadata_to),
    }
}
