//! Partitions.

use super::{Extra, FileMetadata, Parameters, Privileges, Storage};

/// A partition of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Partition {
    /// `key=value/…`, escaped: its key and its default folder ([`crate::names::partition_name`]).
    pub name: String,
    /// One value for each partition key. They keep their case.
    pub values: Vec<String>,
    /// Seconds since the Unix epoch.
    pub created_s: Option<i32>,
    /// Seconds since the Unix epoch.
    pub accessed_s: Option<i32>,
    pub storage: Option<Storage>,
    pub parameters: Option<Parameters>,
    pub privileges: Option<Privileges>,
    pub write_id: Option<i64>,
    pub is_stats_compliant: Option<bool>,
    pub file_metadata: Option<FileMetadata>,
    pub extra: Extra,
}

impl Partition {
    /// Returns a parameter.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.as_ref()?.get(key).map(String::as_str)
    }

    /// Sets a parameter.
    pub fn set_parameter(&mut self, key: &str, value: impl Into<String>) {
        self.parameters
            .get_or_insert_default()
            .insert(key.to_owned(), value.into());
    }
}
