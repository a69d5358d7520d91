//! Looking for branches whose time is over, now and then.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use versioning::Repositories;

/// How often. A branch lives that much longer than was said of it.
const EVERY: Duration = Duration::from_secs(60);

/// Removes branches whose time is over until `stop`.
pub(crate) async fn look(repositories: Repositories, stop: CancellationToken) {
    let round = || {
        let repositories = repositories.clone();
        async move {
            if let Err(error) = repositories.expire().await {
                tracing::warn!(%error, "could not look for expired branches");
            }
        }
    };
    every(EVERY, stop, round).await;
}

/// Does `round` now and then until `stop`. One that panics ends alone: the next comes at its time.
async fn every<F: Future<Output = ()>>(pause: Duration, stop: CancellationToken, round: impl Fn() -> F) {
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if AssertUnwindSafe(round()).catch_unwind().await.is_err() {
            tracing::error!("a look for expired branches panicked, trying again later");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    #[tokio::test]
    async fn a_round_that_panics_does_not_end_those_that_come() {
        let (stop, rounds) = (CancellationToken::new(), AtomicU32::new(0));
        let round = || async {
            match rounds.fetch_add(1, Relaxed) {
                0 => panic!("the first"),
                _ => stop.cancel(),
            }
        };
        every(Duration::from_millis(1), stop.clone(), round).await;
        assert_eq!(rounds.load(Relaxed), 2);
    }
}
