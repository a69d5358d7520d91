//! Functions.

use catalog::model::{Extra, Function, FunctionKind, Resource, ResourceKind};
use thrift_idl::types::{Function as Wire, FunctionType, ResourceType, ResourceUri};

use super::Names;
use super::privileges::{principal_from, principal_to};

/// Reads a function.
pub(crate) fn function_from(wire: Wire) -> Function {
    let resource = |wire: ResourceUri| Resource {
        kind: wire.resource_type.map(|kind| ResourceKind::from_code(kind.0)),
        uri: wire.uri,
    };
    Function {
        name: wire.function_name.unwrap_or_default(),
        class_name: wire.class_name,
        owner: wire.owner_name,
        owner_kind: wire.owner_type.map(principal_from),
        created_s: wire.create_time,
        kind: wire.function_type.map(|kind| FunctionKind::from_code(kind.0)),
        resources: wire
            .resource_uris
            .map(|uris| uris.into_iter().map(resource).collect()),
        extra: Extra::default(),
    }
}

/// Writes a function.
pub(crate) fn function_to(function: &Function, names: &Names) -> Wire {
    let resource = |resource: &Resource| ResourceUri {
        resource_type: resource.kind.map(|kind| ResourceType(kind.code())),
        uri: resource.uri.clone(),
    };
    Wire {
        function_name: Some(function.name.clone()),
        db_name: Some(names.database.clone()),
        class_name: function.class_name.clone(),
        owner_name: function.owner.clone(),
        owner_type: function.owner_kind.map(principal_to),
        create_time: function.created_s,
        function_type: function.kind.map(|kind| FunctionType(kind.code())),
        resource_uris: function
            .resources
            .as_ref()
            .map(|all| all.iter().map(resource).collect()),
        cat_name: Some(names.catalog.clone()),
    }
}
