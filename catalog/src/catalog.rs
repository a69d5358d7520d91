//! The façade: the catalog of one repository, at any ref.

use std::sync::Arc;

use versioning::{RefExpr, RefName, Repository};

use crate::records::SharedCache;
use crate::{Draft, Result, Snapshot};

/// The catalog of one repository. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Catalog {
    repository: Repository,
    cache: SharedCache,
}

impl Catalog {
    /// Returns the catalog of a repository. Whoever opens one again and again keeps it: it holds a cache.
    pub fn new(repository: Repository) -> Catalog {
        Catalog {
            repository,
            cache: SharedCache::default(),
        }
    }

    /// Returns the repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Returns the cache that its snapshots share.
    pub fn cache(&self) -> &SharedCache {
        &self.cache
    }

    /// Returns the catalog at a ref; that of a branch includes what is staged, unless the expression says `@`.
    ///
    /// # Errors
    /// [`crate::Error::Store`] if there is no such ref.
    pub async fn snapshot(&self, at: &RefExpr) -> Result<Snapshot> {
        let view = self.repository.view(at).await?;
        Ok(Snapshot::new(view, self.cache.clone()))
    }

    /// Changes a branch: `plan` makes its changes on a draft of the present state and gives it back with an
    /// answer. All of it is durable when this returns `Ok`; nothing of it has happened otherwise.
    ///
    /// `plan` may be called again when another writer was faster, and must have no effect of its own.
    ///
    /// # Errors
    /// Those of `plan`; [`crate::Error::Store`] if the branch is not there or cannot be written.
    pub async fn write<T, E, F, P>(&self, branch: &RefName, mut plan: P) -> Result<T, E>
    where
        P: FnMut(Draft) -> F + Send + 'static,
        F: Future<Output = Result<(Draft, T), E>> + Send + 'static,
        T: Send + 'static,
        E: From<versioning::Error> + Send + 'static,
    {
        let cache = self.cache.clone();
        let (clock, ids) = (
            Arc::clone(self.repository.clock()),
            Arc::clone(self.repository.ids()),
        );
        let planned = move |view| {
            let draft = Draft::new(view, cache.clone(), Arc::clone(&ids), clock.now_us());
            let answer = plan(draft);
            async move {
                let (draft, answer) = answer.await?;
                Ok((draft.into_batch(), answer))
            }
        };
        self.repository.write(branch, planned).await
    }
}
