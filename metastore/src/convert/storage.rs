//! Columns and storage descriptors.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::Error;
use catalog::location::{Locator, Place, SERDE_LOCATION_KEYS};
use catalog::model::{
    Column, Columns, FileMetadata, Location, Parameters, Serde, SerdeKind, Skew, SortColumn, Storage,
    Template,
};
use thrift_idl::types::{
    FieldSchema, FileMetadata as WireFileMetadata, Order, SerDeInfo, SerdeType, SkewedInfo, StorageDescriptor,
};

use super::Names;

/// Reads columns; one without a type has the empty one, which no check of types lets pass.
pub(super) fn fields_from(wire: Vec<FieldSchema>) -> Vec<Column> {
    let column = |field: FieldSchema| Column {
        comment: field.comment,
        ..Column::new(&field.name.unwrap_or_default(), &field.r#type.unwrap_or_default())
    };
    wire.into_iter().map(column).collect()
}

/// Writes columns.
pub(crate) fn columns_to(columns: &[Column]) -> Vec<FieldSchema> {
    let field = |column: &Column| FieldSchema {
        name: Some(column.name.clone()),
        r#type: Some(column.type_name.clone()),
        comment: column.comment.clone(),
    };
    columns.iter().map(field).collect()
}

pub(super) fn storage_from(wire: StorageDescriptor, locator: &Locator) -> Result<Storage, Error> {
    let mut serde = wire.serde_info.map(serde_from);
    let serde_locations = match serde.as_mut().and_then(|serde| serde.parameters.as_mut()) {
        Some(parameters) => locator.take_locations(parameters, &SERDE_LOCATION_KEYS)?,
        None => BTreeMap::new(),
    };
    let (skew, skew_locations) = match wire.skewed_info {
        Some(skewed) => {
            let (skew, locations) = skew_from(skewed, locator)?;
            (Some(skew), locations)
        }
        None => (None, None),
    };
    let template = Template {
        input_format: wire.input_format,
        output_format: wire.output_format,
        compressed: wire.compressed,
        buckets: wire.num_buckets,
        serde,
        bucket_columns: wire.bucket_cols.map(lower),
        sort_columns: wire
            .sort_cols
            .map(|orders| orders.into_iter().map(sort_from).collect()),
        parameters: wire.parameters,
        skew,
        stored_as_sub_directories: wire.stored_as_sub_directories,
    };
    Ok(Storage {
        columns: wire.cols.map(|fields| Arc::new(Columns(fields_from(fields)))),
        template: Arc::new(template),
        location: wire
            .location
            .map(|uri| locator.place(&uri).map(Location::from))
            .transpose()?,
        serde_locations,
        skew_locations,
    })
}

/// Writes a storage that belongs below `parent`, under `name`.
pub(super) fn storage_to(storage: &Storage, names: &Names, parent: &Place, name: &str) -> StorageDescriptor {
    let template = &storage.template;
    let mut serde_info = template.serde.as_ref().map(serde_to);
    if !storage.serde_locations.is_empty() {
        let parameters = serde_info
            .get_or_insert_default()
            .parameters
            .get_or_insert_default();
        names.locator.put_locations(parameters, &storage.serde_locations);
    }
    StorageDescriptor {
        cols: storage.columns.as_ref().map(|columns| columns_to(&columns.0)),
        location: storage
            .location
            .as_ref()
            .map(|location| names.uri(location, parent, name)),
        input_format: template.input_format.clone(),
        output_format: template.output_format.clone(),
        compressed: template.compressed,
        num_buckets: template.buckets,
        serde_info,
        bucket_cols: template.bucket_columns.clone(),
        sort_cols: template
            .sort_columns
            .as_ref()
            .map(|orders| orders.iter().map(sort_to).collect()),
        parameters: template.parameters.clone(),
        skewed_info: template.skew.as_ref().map(|skew| skew_to(skew, storage, names)),
        stored_as_sub_directories: template.stored_as_sub_directories,
    }
}

fn lower(names: Vec<String>) -> Vec<String> {
    names.into_iter().map(|name| name.to_lowercase()).collect()
}

pub(crate) fn serde_from(wire: SerDeInfo) -> Serde {
    Serde {
        name: wire.name,
        library: wire.serialization_lib,
        parameters: wire.parameters,
        description: wire.description,
        serializer: wire.serializer_class,
        deserializer: wire.deserializer_class,
        kind: wire.serde_type.map(|kind| SerdeKind::from_code(kind.0)),
    }
}

pub(crate) fn serde_to(serde: &Serde) -> SerDeInfo {
    SerDeInfo {
        name: serde.name.clone(),
        serialization_lib: serde.library.clone(),
        parameters: serde.parameters.clone(),
        description: serde.description.clone(),
        serializer_class: serde.serializer.clone(),
        deserializer_class: serde.deserializer.clone(),
        serde_type: serde.kind.map(|kind| SerdeType(kind.code())),
    }
}

fn sort_from(wire: Order) -> SortColumn {
    SortColumn {
        column: wire.col.map(|name| name.to_lowercase()),
        order: wire.order,
    }
}

fn sort_to(sort: &SortColumn) -> Order {
    Order {
        col: sort.column.clone(),
        order: sort.order,
    }
}

type SkewLocations = BTreeMap<Vec<String>, Location>;

fn skew_from(wire: SkewedInfo, locator: &Locator) -> Result<(Skew, Option<SkewLocations>), Error> {
    let place = |(values, uri): (Vec<String>, String)| Ok((values, locator.place(&uri)?.into()));
    let locations = wire.skewed_col_value_location_maps.unwrap_or_default();
    let locations: SkewLocations = locations.into_iter().map(place).collect::<Result<_, Error>>()?;
    Ok((
        Skew {
            columns: wire.skewed_col_names.map(lower),
            values: wire.skewed_col_values,
        },
        // nearly all have none: they are then as plain as those without skew, and are spliced
        (!locations.is_empty()).then_some(locations),
    ))
}

fn skew_to(skew: &Skew, storage: &Storage, names: &Names) -> SkewedInfo {
    let uri = |location: &Location| names.uri(location, &Place::root(), "");
    let locations = storage.skew_locations.iter().flatten();
    let locations = locations.map(|(values, location)| (values.clone(), uri(location)));
    SkewedInfo {
        skewed_col_names: skew.columns.clone(),
        skewed_col_values: skew.values.clone(),
        skewed_col_value_location_maps: Some(locations.collect()),
    }
}

pub(super) fn file_metadata_from(wire: WireFileMetadata) -> FileMetadata {
    FileMetadata {
        kind: wire.r#type,
        version: wire.version,
        data: wire.data,
    }
}

pub(super) fn file_metadata_to(metadata: &FileMetadata) -> WireFileMetadata {
    WireFileMetadata {
        r#type: metadata.kind,
        version: metadata.version,
        data: metadata.data.clone(),
    }
}

/// Takes those parameters out that are places, and says which.
pub(super) fn take(
    parameters: &mut Option<Parameters>,
    keys: &[&str],
    locator: &Locator,
) -> Result<BTreeMap<String, Location>, Error> {
    match parameters {
        Some(parameters) => locator.take_locations(parameters, keys),
        None => Ok(BTreeMap::new()),
    }
}
