//! Databases.

use super::{DatabaseId, DatabaseKind, Extra, Location, Parameters, PrincipalKind, Privileges};

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Database {
    pub id: DatabaseId,
    /// In lower case, without a ref.
    pub name: String,
    pub description: Option<String>,
    /// Where its tables are made, unless they say otherwise.
    pub location: Location,
    /// Where its managed tables are made, if that is another place.
    pub managed_location: Option<Location>,
    pub parameters: Option<Parameters>,
    pub privileges: Option<Privileges>,
    pub owner: Option<String>,
    pub owner_kind: Option<PrincipalKind>,
    /// Seconds since the Unix epoch.
    pub created_s: Option<i32>,
    pub kind: Option<DatabaseKind>,
    pub connector: Option<String>,
    pub remote_name: Option<String>,
    pub extra: Extra,
}
