//! Looking for branches whose time is over, now and then.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use versioning::Repositories;

/// How often. A branch lives that much longer than was said of it.
const EVERY: Duration = Duration::from_secs(60);

/// Removes branches whose time is over until `stop`.
pub(crate) async fn look(repositories: Repositories, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = repositories.expire().await {
            tracing::warn!(%error, "could not look for expired branches");
        }
    }
}
