//! Functions.

use super::{Extra, FunctionKind, PrincipalKind, ResourceKind};

/// A function of a database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Function {
    /// In lower case.
    pub name: String,
    pub class_name: Option<String>,
    pub owner: Option<String>,
    pub owner_kind: Option<PrincipalKind>,
    /// Seconds since the Unix epoch.
    pub created_s: Option<i32>,
    pub kind: Option<FunctionKind>,
    pub resources: Option<Vec<Resource>>,
    pub extra: Extra,
}

/// A file that a function needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resource {
    pub kind: Option<ResourceKind>,
    /// As the client wrote it: the code of functions is not versioned with the data.
    pub uri: Option<String>,
}
