//! Privileges as clients state them. Nothing is decided by them here.

use std::collections::BTreeMap;

use super::PrincipalKind;

/// What is granted to whom, by the name of the principal.
pub type Grants = BTreeMap<String, Vec<Grant>>;

/// The privileges on a database, table or partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Privileges {
    pub users: Option<Grants>,
    pub groups: Option<Grants>,
    pub roles: Option<Grants>,
}

/// One privilege.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grant {
    pub privilege: Option<String>,
    /// Seconds since the Unix epoch.
    pub created_s: Option<i32>,
    pub grantor: Option<String>,
    pub grantor_kind: Option<PrincipalKind>,
    pub grant_option: Option<bool>,
}
