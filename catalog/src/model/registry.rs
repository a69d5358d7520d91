//! The schema registry: named schemas outside of tables, their versions, serdes and types by name.

use super::{Column, Extra, Serde};

/// A schema that is registered in a database. Codes are Hive's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegisteredSchema {
    /// In lower case.
    pub name: String,
    /// Hive's own, or Avro's.
    pub kind: Option<i32>,
    /// Which changes a new version may bring.
    pub compatibility: Option<i32>,
    /// With how many earlier versions a new one has to be compatible.
    pub validation: Option<i32>,
    pub can_evolve: Option<bool>,
    pub group: Option<String>,
    pub description: Option<String>,
    pub extra: Extra,
}

/// A version of a registered schema.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemaVersion {
    pub version: i32,
    /// In the unit of the client.
    pub created: Option<i64>,
    /// Without ids.
    pub columns: Option<Vec<Column>>,
    pub state: Option<i32>,
    pub description: Option<String>,
    /// The schema as its own language writes it.
    pub text: Option<String>,
    pub fingerprint: Option<String>,
    pub name: Option<String>,
    pub serde: Option<Serde>,
    pub extra: Extra,
}

/// A type of the original's first years: clients can keep it, and nothing uses it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegisteredType {
    pub name: String,
    pub first: Option<String>,
    pub second: Option<String>,
    /// Without ids.
    pub fields: Option<Vec<Column>>,
    pub extra: Extra,
}

/// A serde that is registered under its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegisteredSerde {
    pub serde: Serde,
    pub extra: Extra,
}
