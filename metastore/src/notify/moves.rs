//! What is told of merges, reverts, cherry-picks and resets: the difference that they make to a branch.

use async_trait::async_trait;
use catalog::changes::LookedAt;
use catalog::{Error, SharedCache, Snapshot, changes};
use versioning::events::Narrate;
use versioning::refs::EventRun;
use versioning::{RefName, RepositoryName, View};

use super::events;

/// Of how many partitions is told one by one; where there are more, followers read the table anew. All of them are in
/// memory together, and go into one transaction.
const TOLD_MAX: LookedAt = LookedAt {
    of_table: 10_000,
    of_all: 100_000,
};

/// Tells of moves of heads in the words of the metastore.
#[derive(Debug, Default)]
pub struct HeadMoves {
    cache: SharedCache,
}

#[async_trait]
impl Narrate for HeadMoves {
    async fn moved(
        &self,
        _: &RepositoryName,
        _: &RefName,
        before: &View,
        after: &View,
    ) -> versioning::Result<Vec<EventRun>> {
        let snapshot = |view: &View| Snapshot::new(view.clone(), self.cache.clone());
        let (before, after) = (snapshot(before), snapshot(after));
        let changes = changes::between(&before, &after, TOLD_MAX).await;
        Ok(events(changes.map_err(stored)?))
    }
}

fn stored(error: Error) -> versioning::Error {
    match error {
        Error::Store(error) => error,
        other => versioning::Error::Internal(other.to_string()),
    }
}
