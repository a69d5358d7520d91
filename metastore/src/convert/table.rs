//! Tables and views.

use catalog::Error;
use catalog::location::{Locator, Place, TABLE_LOCATION_KEYS};
use catalog::model::{Creation, Extra, SourceTable, Table, TableKind, TableRest};
use thrift_idl::types::{CreationMetadata, ObjectDictionary, SourceTable as WireSourceTable, Table as Wire};

use super::Names;
use super::privileges::{principal_from, principal_to, privileges_from, privileges_to};
use super::storage::{
    columns_to, fields_from, file_metadata_from, file_metadata_to, storage_from, storage_to, take,
};

/// Reads a table. Its id, and those of its columns, are the catalog's matter.
pub(crate) fn table_from(mut wire: Wire, locator: &Locator) -> Result<Table, Error> {
    let rest = rest_from(&mut wire);
    let mut parameters = wire.parameters;
    let locations = take(&mut parameters, &TABLE_LOCATION_KEYS, locator)?;
    Ok(Table {
        name: wire.table_name.unwrap_or_default(),
        kind: wire
            .table_type
            .as_deref()
            .map(TableKind::parse)
            .unwrap_or_default(),
        owner: wire.owner,
        owner_kind: wire.owner_type.map(principal_from),
        created_s: wire.create_time,
        accessed_s: wire.last_access_time,
        retention: wire.retention,
        storage: wire
            .sd
            .map(|storage| storage_from(storage, locator))
            .transpose()?,
        partition_keys: wire.partition_keys.map(fields_from),
        parameters,
        locations,
        view_original_text: wire.view_original_text,
        view_expanded_text: wire.view_expanded_text,
        privileges: wire.privileges.map(privileges_from),
        rest,
        extra: Extra::default(),
        ..Table::default()
    })
}

/// Writes a table whose database lies at `parent`.
pub(crate) fn table_to(table: &Table, names: &Names, parent: &Place) -> Wire {
    let rest = &table.rest;
    let mut parameters = table.parameters.clone();
    if !table.locations.is_empty() {
        names
            .locator
            .put_locations(parameters.get_or_insert_default(), &table.locations);
    }
    Wire {
        table_name: Some(table.name.clone()),
        db_name: Some(names.database.clone()),
        owner: table.owner.clone(),
        create_time: table.created_s,
        last_access_time: table.accessed_s,
        retention: table.retention,
        sd: table
            .storage
            .as_ref()
            .map(|storage| storage_to(storage, names, parent, &table.name)),
        partition_keys: table.partition_keys.as_deref().map(columns_to),
        parameters,
        view_original_text: table.view_original_text.clone(),
        view_expanded_text: table.view_expanded_text.clone(),
        table_type: Some(table.kind.as_str().to_owned()),
        privileges: table.privileges.as_ref().map(privileges_to),
        temporary: rest.temporary,
        rewrite_enabled: rest.rewrite_enabled,
        creation_metadata: rest.creation.as_ref().map(creation_to),
        cat_name: Some(names.catalog.clone()),
        owner_type: table.owner_kind.map(principal_to),
        write_id: rest.write_id,
        is_stats_compliant: rest.is_stats_compliant,
        col_stats: None,
        access_type: rest.access_type,
        required_read_capabilities: rest.read_capabilities.clone(),
        required_write_capabilities: rest.write_capabilities.clone(),
        id: rest.client_id,
        file_metadata: rest.file_metadata.as_ref().map(file_metadata_to),
        dictionary: rest
            .dictionary
            .clone()
            .map(|values| ObjectDictionary { values: Some(values) }),
        txn_id: rest.transaction_id,
    }
}

fn rest_from(wire: &mut Wire) -> TableRest {
    TableRest {
        temporary: wire.temporary,
        rewrite_enabled: wire.rewrite_enabled,
        creation: wire.creation_metadata.take().map(creation_from),
        write_id: wire.write_id,
        is_stats_compliant: wire.is_stats_compliant,
        access_type: wire.access_type,
        read_capabilities: wire.required_read_capabilities.take(),
        write_capabilities: wire.required_write_capabilities.take(),
        client_id: wire.id,
        file_metadata: wire.file_metadata.take().map(file_metadata_from),
        dictionary: wire.dictionary.take().and_then(|dictionary| dictionary.values),
        transaction_id: wire.txn_id,
    }
}

pub(crate) fn creation_from(wire: CreationMetadata) -> Creation {
    Creation {
        hive_catalog: wire.cat_name.unwrap_or_default(),
        database: wire.db_name.unwrap_or_default(),
        table: wire.tbl_name.unwrap_or_default(),
        tables_used: wire.tables_used.unwrap_or_default(),
        valid_transactions: wire.valid_txn_list,
        materialized_ms: wire.materialization_time,
        source_tables: wire
            .source_tables
            .map(|tables| tables.into_iter().map(source_from).collect()),
    }
}

fn creation_to(creation: &Creation) -> CreationMetadata {
    CreationMetadata {
        cat_name: Some(creation.hive_catalog.clone()),
        db_name: Some(creation.database.clone()),
        tbl_name: Some(creation.table.clone()),
        tables_used: Some(creation.tables_used.clone()),
        valid_txn_list: creation.valid_transactions.clone(),
        materialization_time: creation.materialized_ms,
        source_tables: creation
            .source_tables
            .as_ref()
            .map(|tables| tables.iter().map(source_to).collect()),
    }
}

fn source_from(wire: WireSourceTable) -> SourceTable {
    let table = wire.table.unwrap_or_default();
    SourceTable {
        database: table.db_name.unwrap_or_default(),
        table: table.table_name.unwrap_or_default(),
        inserted: wire.inserted_count.unwrap_or_default(),
        updated: wire.updated_count.unwrap_or_default(),
        deleted: wire.deleted_count.unwrap_or_default(),
    }
}

fn source_to(source: &SourceTable) -> WireSourceTable {
    let table = Wire {
        db_name: Some(source.database.clone()),
        table_name: Some(source.table.clone()),
        ..Wire::default()
    };
    WireSourceTable {
        table: Some(table),
        inserted_count: Some(source.inserted),
        updated_count: Some(source.updated),
        deleted_count: Some(source.deleted),
    }
}
