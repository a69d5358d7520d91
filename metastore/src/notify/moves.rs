//! What is told of merges, reverts, cherry-picks and resets: the difference that they make to a branch.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use catalog::location::Locator;
use catalog::{Error, SharedCache, Snapshot, changes};
use versioning::events::Narrate;
use versioning::{Clock, RefExpr, RefName, RepositoryName, View};

use super::Narrator;
use crate::exception::Failure;

/// Of how many partitions of one table is told one by one; where there are more, followers read the table anew.
const PARTITIONS_TOLD_MAX: usize = 10_000;

/// Tells of moves of heads in the words of the metastore.
#[derive(Debug)]
pub struct HeadMoves {
    scheme: String,
    clock: Arc<dyn Clock>,
    cache: SharedCache,
}

impl HeadMoves {
    /// Returns who tells of moves of heads, with locations of `scheme`, such as `s3a`.
    pub fn new(scheme: String, clock: Arc<dyn Clock>) -> HeadMoves {
        HeadMoves {
            scheme,
            clock,
            cache: SharedCache::default(),
        }
    }
}

#[async_trait]
impl Narrate for HeadMoves {
    async fn moved(
        &self,
        repository: &RepositoryName,
        branch: &RefName,
        before: &View,
        after: &View,
    ) -> versioning::Result<Vec<Bytes>> {
        let locator = Locator::new(repository.clone(), &RefExpr::from(branch.clone()), &self.scheme);
        let narrator = Narrator::new(locator, self.clock.now_us());
        let snapshot = |view: &View| Snapshot::new(view.clone(), self.cache.clone());
        let (before, after) = (snapshot(before), snapshot(after));
        let changes = changes::between(&before, &after, PARTITIONS_TOLD_MAX).await;
        let changes = changes.map_err(stored)?;
        narrator.events(&changes).map_err(|failure| match failure {
            Failure::Catalog(error) => stored(error),
            other => versioning::Error::Internal(other.to_string()),
        })
    }
}

fn stored(error: Error) -> versioning::Error {
    match error {
        Error::Store(error) => error,
        other => versioning::Error::Internal(other.to_string()),
    }
}
