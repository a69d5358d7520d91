//! What actions began elsewhere, and end whatever becomes of them.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long ending it may take.
const REMOVE_MAX: Duration = Duration::from_secs(30);

/// Something that an action began elsewhere. It is removed when this is dropped at the latest: who waited for the action
/// may have left in the midst of it.
pub(super) struct Remains {
    what: String,
    removing: Option<BoxFuture<'static, Result<(), String>>>,
}

impl Remains {
    /// Returns what `removing` removes, which finds nothing where it was not begun.
    pub(super) fn new(
        what: String,
        removing: impl Future<Output = Result<(), String>> + Send + 'static,
    ) -> Remains {
        Remains {
            what,
            removing: Some(removing.boxed()),
        }
    }

    /// Removes it, and waits until that is done or has taken its time.
    pub(super) async fn remove(mut self) {
        if let Some(removing) = self.begin() {
            // it fails where it panics, which is told by then
            let _ = removing.await;
        }
    }

    /// Has it removed in a task of its own, which no one who leaves takes along.
    fn begin(&mut self) -> Option<JoinHandle<()>> {
        let (removing, what) = (self.removing.take()?, self.what.clone());
        let runtime = Handle::try_current().ok()?;
        Some(runtime.spawn(async move {
            let ended = timeout(REMOVE_MAX, removing).await;
            let error = match ended {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error,
                Err(_) => format!("it takes longer than {} s", REMOVE_MAX.as_secs()),
            };
            tracing::warn!(what, error, "what a hook began could not be removed");
        }))
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        drop(self.begin());
    }
}
