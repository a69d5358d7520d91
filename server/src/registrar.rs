//! Lends hooks the way to other metastores.

use async_trait::async_trait;
use hooks::Registration;
use metastore::elsewhere::{self, Registered};
use tokio::sync::Mutex;
use versioning::Repository;

/// Registers one after the other.
#[derive(Debug, Default)]
pub(crate) struct Registrar {
    turn: Mutex<()>,
}

#[async_trait]
impl hooks::Registrar for Registrar {
    async fn register(
        &self,
        repository: &Repository,
        registration: Registration<'_>,
    ) -> Result<String, String> {
        let _turn = self.turn.lock().await;
        let wanted = elsewhere::Registration {
            address: registration.address.to_owned(),
            before: registration.before,
            at: registration.at.clone(),
            scheme: registration.scheme.to_owned(),
        };
        let done = elsewhere::register(repository, &wanted, registration.wants).await;
        done.map(|done| told(&done)).map_err(|error| error.to_string())
    }
}

fn told(done: &Registered) -> String {
    let Registered {
        tables,
        partitions,
        dropped,
        left,
    } = done;
    let mut lines = vec![format!(
        "registered {tables} tables and {partitions} partitions, dropped {dropped} tables"
    )];
    lines.extend(left.iter().map(|left| format!("left alone: {left}")));
    lines.join("\n")
}
