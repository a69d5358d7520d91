//! The way to another metastore: what speaks its protocol is handed in.

use std::fmt::Debug;

use async_trait::async_trait;
use versioning::{CommitId, RefExpr, Repository};

/// Tables that are to be registered in another metastore.
#[derive(Clone, Copy)]
pub struct Registration<'a> {
    /// `host:port`.
    pub address: &'a str,
    /// What stood there before; `None` registers all tables anew.
    pub before: Option<CommitId>,
    /// What is registered, as it is when its turn has come, and what locations name.
    pub at: &'a RefExpr,
    /// The scheme of locations.
    pub scheme: &'a str,
    /// Which tables, by database and name.
    pub wants: &'a (dyn Fn(&str, &str) -> bool + Sync),
}

/// Registers tables in other metastores.
#[async_trait]
pub trait Registrar: Debug + Send + Sync {
    /// Registers what differs, one after the other, so that of two events of a branch the later one's state stays.
    /// Returns what was done, for people.
    ///
    /// # Errors
    /// A text for people.
    async fn register(
        &self,
        repository: &Repository,
        registration: Registration<'_>,
    ) -> Result<String, String>;
}

/// No way to any metastore.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NoRegistrar;

#[async_trait]
impl Registrar for NoRegistrar {
    async fn register(&self, _: &Repository, _: Registration<'_>) -> Result<String, String> {
        Err("this server can register tables in no other metastore".to_owned())
    }
}
