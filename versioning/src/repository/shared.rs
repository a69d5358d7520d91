//! The shared namespace: objects that are the same for every ref, and are written once (ADR 0040).
//!
//! It is kept as a branch that no client can name: what is written to it stays staged for ever and is folded like
//! any branch's, so that a write costs one row of the log, whatever is there already. Who writes holds the rule
//! that nothing in it changes or goes.

use super::Repository;
use super::refs::new_branch;
use crate::refs::CommitMode;
use crate::view::View;
use crate::{Batch, CommitId, Error, RefName, Result};

impl Repository {
    /// Returns the present state of the shared namespace. It is empty until somebody writes to it.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::Corrupt`].
    pub async fn shared_view(&self) -> Result<View> {
        match self.open_branch(&RefName::shared()).await {
            Ok(branch) => Ok(self.core().view_of(&branch.state(), self.core().epoch().await?)),
            Err(Error::NotFound { what: "branch", .. }) => {
                self.core().view_at(self.first_commit().await?).await
            }
            Err(error) => Err(error),
        }
    }

    /// Plans a change of the shared namespace and makes it durable, as [`Repository::write`] does for a branch. The
    /// first one begins the namespace.
    ///
    /// # Errors
    /// Those of `plan`; [`Error::NoSpace`], [`Error::Storage`].
    pub async fn write_shared<T, E, F, P>(&self, plan: P) -> Result<T, E>
    where
        P: FnMut(View) -> F + Send + 'static,
        F: Future<Output = Result<(Batch, T), E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let name = RefName::shared();
        let branch = match self.open_branch(&name).await {
            Err(Error::NotFound { what: "branch", .. }) => {
                self.begin_shared(&name).await?;
                self.open_branch(&name).await
            }
            found => found,
        };
        branch.map_err(E::from)?.write(plan).await
    }

    async fn begin_shared(&self, name: &RefName) -> Result<()> {
        let first = self.first_commit().await?;
        let record = new_branch(self.core(), name, first, CommitMode::Staged);
        match self.core().refs.create_branch(self.core().id, &record).await {
            // another writer was as early
            Ok(()) | Err(Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns the commit that the repository was created with, which is empty.
    async fn first_commit(&self) -> Result<CommitId> {
        let found = self.core().refs.commits_up_to(self.core().id, 0, 1).await?;
        let first = found.first().ok_or_else(|| Error::NotFound {
            what: "commit",
            name: format!("the first of {}", self.inner.record.name),
        });
        first.map(|entry| entry.id)
    }
}
