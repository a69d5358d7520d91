//! What is kept of a repository beside its history: it is the same at all refs and never merges.

use std::sync::Arc;

use versioning::Repository;
use versioning::state::StateOf;

use crate::context::Call;
use crate::exception::Failure;
use crate::facts::{Marks, Roles, Secrets};
use crate::ledger::{Draft, Ledger, LedgerError};

/// The unversioned state of one repository.
#[derive(Debug)]
pub(crate) struct States {
    pub(crate) ledger: StateOf<Ledger>,
    pub(crate) marks: StateOf<Marks>,
    pub(crate) roles: StateOf<Roles>,
    pub(crate) secrets: StateOf<Secrets>,
}

impl States {
    pub(crate) fn new(repository: &Repository) -> States {
        States {
            ledger: StateOf::new(repository),
            marks: StateOf::new(repository),
            roles: StateOf::new(repository),
            secrets: StateOf::new(repository),
        }
    }
}

impl Call {
    fn now_ms(&self) -> u64 {
        self.context.clock.now_us() / 1_000
    }

    /// Returns the states to change what is neither a lock nor a transaction: readers open those, and they go on
    /// where nothing else is written any more.
    ///
    /// # Errors
    /// [`versioning::Error::RepositoryReadOnly`].
    pub(crate) async fn writable_states(&self) -> Result<Arc<States>, Failure> {
        let name = &self.context.listener.repository;
        self.context.repositories.get(name).await?.check_open().await?;
        Ok(self.context.states(name).await?)
    }

    /// Has something decided about locks and transactions, durably. What was decided before a refusal stays.
    pub(crate) async fn decide<T>(
        &self,
        mut decide: impl FnMut(&mut Draft) -> Result<T, LedgerError>,
    ) -> Result<T, Failure> {
        let (now_ms, lease_ms) = (self.now_ms(), self.context.settings.lease_ms);
        let plan = |ledger: &Ledger| {
            let mut draft = ledger.draft(now_ms, lease_ms);
            let outcome = decide(&mut draft);
            Ok::<_, versioning::Error>((draft.into_changes(), outcome))
        };
        Ok(self.states().await?.ledger.change(plan).await??)
    }

    /// Returns what `look` makes of locks and transactions as they are now.
    pub(crate) async fn look<T>(&self, look: impl FnOnce(&Ledger) -> T) -> Result<T, Failure> {
        let (now_ms, lease_ms) = (self.now_ms(), self.context.settings.lease_ms);
        let look = |ledger: &Ledger| look(ledger.draft(now_ms, lease_ms).ledger());
        Ok(self.states().await?.ledger.read(look).await?)
    }
}
