//! Schemas of the registry.

use catalog::model::{RegisteredSchema, RegisteredType, SchemaVersion};
use thrift_idl::types::{
    ISchema, ISchemaName, SchemaCompatibility, SchemaType, SchemaValidation, SchemaVersion as WireVersion,
    SchemaVersionState, Type,
};

use super::storage::{columns_to, fields_from, serde_from, serde_to};

/// Reads a schema.
pub(crate) fn schema_from(wire: ISchema) -> RegisteredSchema {
    RegisteredSchema {
        name: wire.name.unwrap_or_default(),
        kind: wire.schema_type.map(|it| it.0),
        compatibility: wire.compatibility.map(|it| it.0),
        validation: wire.validation_level.map(|it| it.0),
        can_evolve: wire.can_evolve,
        group: wire.schema_group,
        description: wire.description,
        ..RegisteredSchema::default()
    }
}

/// Writes a schema; `place` is where the client finds it.
pub(crate) fn schema_to(schema: RegisteredSchema, place: ISchemaName) -> ISchema {
    ISchema {
        schema_type: schema.kind.map(SchemaType),
        name: Some(schema.name),
        cat_name: place.cat_name,
        db_name: place.db_name,
        compatibility: schema.compatibility.map(SchemaCompatibility),
        validation_level: schema.validation.map(SchemaValidation),
        can_evolve: schema.can_evolve,
        schema_group: schema.group,
        description: schema.description,
    }
}

/// Reads a version of a schema.
pub(crate) fn version_from(wire: WireVersion) -> SchemaVersion {
    SchemaVersion {
        version: wire.version.unwrap_or_default(),
        created: wire.created_at,
        columns: wire.cols.map(fields_from),
        state: wire.state.map(|it| it.0),
        description: wire.description,
        text: wire.schema_text,
        fingerprint: wire.fingerprint,
        name: wire.name,
        serde: wire.ser_de.map(serde_from),
        ..SchemaVersion::default()
    }
}

/// Writes a version of the schema at `place`.
pub(crate) fn version_to(version: &SchemaVersion, place: ISchemaName) -> WireVersion {
    WireVersion {
        schema: Some(place),
        version: Some(version.version),
        created_at: version.created,
        cols: version.columns.as_deref().map(columns_to),
        state: version.state.map(SchemaVersionState),
        description: version.description.clone(),
        schema_text: version.text.clone(),
        fingerprint: version.fingerprint.clone(),
        name: version.name.clone(),
        ser_de: version.serde.as_ref().map(serde_to),
    }
}

/// Reads a type.
pub(crate) fn type_from(wire: Type) -> RegisteredType {
    RegisteredType {
        name: wire.name.unwrap_or_default(),
        first: wire.type1,
        second: wire.type2,
        fields: wire.fields.map(fields_from),
        ..RegisteredType::default()
    }
}

/// Writes a type.
pub(crate) fn type_to(registered: RegisteredType) -> Type {
    Type {
        name: Some(registered.name),
        type1: registered.first,
        type2: registered.second,
        fields: registered.fields.as_deref().map(columns_to),
    }
}
