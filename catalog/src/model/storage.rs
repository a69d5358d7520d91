//! How and where the data of a table or partition lies.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Columns, Location, Parameters, SerdeKind};

/// The storage of a table or a partition.
///
/// Column list and template are shared: a thousand partitions that look alike refer to one stored copy.
/// What differs from one to the next, which is where they lie, stands beside them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Storage {
    /// `None` where the client set none.
    pub columns: Option<Arc<Columns>>,
    pub template: Arc<Template>,
    /// `None` for what has no place, such as a view.
    pub location: Option<Location>,
    /// Those parameters of the serde that are places in this repository, by key: Spark's `path` among them.
    pub serde_locations: BTreeMap<String, Location>,
    /// Where skewed values lie, by value; set only if [`Template::skew`] is.
    pub skew_locations: Option<BTreeMap<Vec<String>, Location>>,
}

/// What alike storages have in common: everything but columns and places.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Template {
    pub input_format: Option<String>,
    pub output_format: Option<String>,
    pub compressed: Option<bool>,
    /// The number of buckets; negative is none.
    pub buckets: Option<i32>,
    pub serde: Option<Serde>,
    /// In lower case.
    pub bucket_columns: Option<Vec<String>>,
    pub sort_columns: Option<Vec<SortColumn>>,
    pub parameters: Option<Parameters>,
    pub skew: Option<Skew>,
    pub stored_as_sub_directories: Option<bool>,
}

/// How rows are read and written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Serde {
    pub name: Option<String>,
    /// The class.
    pub library: Option<String>,
    pub parameters: Option<Parameters>,
    pub description: Option<String>,
    pub serializer: Option<String>,
    pub deserializer: Option<String>,
    pub kind: Option<SerdeKind>,
}

/// A column by which rows are sorted within a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SortColumn {
    pub column: Option<String>,
    /// 1 is ascending, 0 descending.
    pub order: Option<i32>,
}

/// Columns and values that are so frequent that they lie apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Skew {
    pub columns: Option<Vec<String>>,
    pub values: Option<Vec<Vec<String>>>,
}

impl Storage {
    /// Returns the parameter of the serde, if it is no place in this repository.
    pub fn serde_parameter(&self, key: &str) -> Option<&str> {
        self.template
            .serde
            .as_ref()?
            .parameters
            .as_ref()?
            .get(key)
            .map(String::as_str)
    }

    /// Returns the class of the serde.
    pub fn serde_library(&self) -> Option<&str> {
        self.template.serde.as_ref()?.library.as_deref()
    }
}
