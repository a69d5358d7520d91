//! Facts that clients keep with the metastore and that are not versioned: roles and privileges, delegation
//! tokens, runtime statistics, marks of partitions. They are stored as clients say them; nothing here judges what anybody may do.

mod marks;
mod record;
mod roles;
mod secrets;

pub(crate) use self::marks::{Mark, Marks};
pub(crate) use self::roles::{Grants, Roles};
pub(crate) use self::secrets::Secrets;
