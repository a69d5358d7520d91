//! Facts that clients keep with the metastore and that are not versioned: roles and privileges, delegation
//! tokens, runtime statistics. They are stored as clients say them; nothing here judges what anybody may do.

mod record;
mod roles;
mod secrets;

pub(crate) use self::roles::{Grants, Roles};
pub(crate) use self::secrets::Secrets;
