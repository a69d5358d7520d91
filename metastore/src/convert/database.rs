//! Databases.

use catalog::Error;
use catalog::location::{Locator, Place};
use catalog::model::{Database, DatabaseKind, Extra, Location};
use thrift_idl::types::{Database as Wire, DatabaseType};

use super::Names;
use super::privileges::{principal_from, principal_to, privileges_from, privileges_to};

/// Reads a database that is to be called `name`. Without a location it lies where databases lie by default.
pub(crate) fn database_from(wire: Wire, name: &str, locator: &Locator) -> Result<Database, Error> {
    let place = |uri: String| locator.place(&uri).map(Location::from);
    Ok(Database {
        name: name.to_owned(),
        description: wire.description,
        location: wire.location_uri.map(place).transpose()?.unwrap_or_default(),
        managed_location: wire.managed_location_uri.map(place).transpose()?,
        parameters: wire.parameters,
        privileges: wire.privileges.map(privileges_from),
        owner: wire.owner_name,
        owner_kind: wire.owner_type.map(principal_from),
        created_s: wire.create_time,
        kind: wire.r#type.map(|kind| DatabaseKind::from_code(kind.0)),
        connector: wire.connector_name,
        remote_name: wire.remote_dbname,
        extra: Extra::default(),
        ..Database::default()
    })
}

/// Writes a database that lies at `place`.
pub(crate) fn database_to(database: &Database, names: &Names, place: &Place) -> Wire {
    let managed = |location: &Location| names.uri(location, place, "");
    Wire {
        name: Some(names.database.clone()),
        description: database.description.clone(),
        location_uri: Some(names.locator.uri(place)),
        parameters: database.parameters.clone(),
        privileges: database.privileges.as_ref().map(privileges_to),
        owner_name: database.owner.clone(),
        owner_type: database.owner_kind.map(principal_to),
        catalog_name: Some(names.catalog.clone()),
        create_time: database.created_s,
        managed_location_uri: database.managed_location.as_ref().map(managed),
        r#type: database.kind.map(|kind| DatabaseType(kind.code())),
        connector_name: database.connector.clone(),
        remote_dbname: database.remote_name.clone(),
    }
}
