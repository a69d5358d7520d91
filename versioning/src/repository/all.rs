//! All repositories of a store: opening it, creating and finding repositories, and closing it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::expiring::Kept;
use super::names::Names;
use super::{Inner, Limits, Parts, Repository, refs};
use crate::attempts::Keeper;
use crate::commit::CommitKind;
use crate::core::{Core, Words};
use crate::events::Narrate;
use crate::guard::Guard;
use crate::id::hex;
use crate::refs::{CommitMode, RepositoryId, RepositoryRecord};
use crate::store::{Blocks, Cache, DataFiles};
use crate::{Clock, Error, RefName, RepositoryName, Result, Roots};

/// How long closing waits for background work.
const CLOSE_MAX: Duration = Duration::from_secs(10);

/// All repositories of a store. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Repositories {
    parts: Parts,
    limits: Limits,
    cache: Cache,
    narrator: Option<Arc<dyn Narrate>>,
    guard: Option<Arc<dyn Guard>>,
    open: Arc<Mutex<HashMap<RepositoryName, Repository>>>,
}

impl Repositories {
    /// Opens the store.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::Corrupt`].
    pub async fn open(parts: Parts, limits: Limits) -> Result<Repositories> {
        parts.refs.epoch().await?;
        let cache = Cache::new(limits.cache_bytes);
        Ok(Repositories {
            parts,
            limits,
            cache,
            narrator: None,
            guard: None,
            open: Arc::default(),
        })
    }

    /// Lets `narrator` tell of moves of heads. To be said before a repository is opened.
    pub fn narrated_by(self, narrator: Arc<dyn Narrate>) -> Repositories {
        Repositories {
            narrator: Some(narrator),
            ..self
        }
    }

    /// Has `guard` asked before refs move, and told after. To be said before a repository is opened.
    pub fn guarded_by(self, guard: Arc<dyn Guard>) -> Repositories {
        Repositories {
            guard: Some(guard),
            ..self
        }
    }

    /// Takes up the background commits that the last process left undone, and settles the merges that it left. A branch
    /// or a merge that cannot be read is told of in the log and left alone.
    ///
    /// # Errors
    /// Those of the ref store.
    pub async fn resume(&self) -> Result<()> {
        for record in self.list().await? {
            let repository = self.get(&record.name).await?;
            match self.parts.refs.shared() {
                true => repository.inner.attempts.settle_left_behind().await?,
                false => repository.inner.attempts.settle_all().await?,
            }
            for branch in repository.branches().await? {
                let has_staged = branch.staged.is_some() || branch.seq > branch.folded_seq;
                if branch.mode == CommitMode::Staged || !has_staged {
                    continue;
                }
                if let Err(error) = repository.open_branch(&branch.name).await {
                    tracing::error!(repository = %record.name, branch = %branch.name, %error, "a branch cannot be read");
                }
            }
        }
        Ok(())
    }

    /// Creates a repository, its default branch (in the mode `coalesce`), and an empty first commit.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`].
    pub async fn create(&self, name: &RepositoryName, default_branch: &RefName) -> Result<Repository> {
        self.create_with(name, default_branch, &[]).await
    }

    /// As [`Repositories::create`], with settings of upper rooms.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`].
    pub async fn create_with(
        &self,
        name: &RepositoryName,
        default_branch: &RefName,
        settings: &[(String, String)],
    ) -> Result<Repository> {
        let record = RepositoryRecord {
            id: RepositoryId(self.parts.ids.fresh()),
            name: name.clone(),
            default_branch: default_branch.clone(),
            created_us: self.parts.clock.now_us(),
            settings: settings.to_vec(),
        };
        let repository = self.handle(record);
        let core = &repository.inner.core;
        let words = Words::new(CommitKind::Auto, "skep", "repository created");
        let root = core
            .store_commit(&[], Roots::default(), words, core.epoch().await?)
            .await?;
        let first = refs::new_branch(core, default_branch, root.id, CommitMode::Coalesce);
        self.parts
            .refs
            .create_repository(repository.record(), &first, &root)
            .await?;
        self.get(name).await
    }

    /// Returns the repository of that name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, name: &RepositoryName) -> Result<Repository> {
        if let Some(repository) = self.opened().get(name) {
            return Ok(repository.clone());
        }
        let not_found = || Error::NotFound {
            what: "repository",
            name: name.to_string(),
        };
        // the lock is held for the map alone: whoever asks for what is not there holds up nobody
        let record = self.parts.refs.repository(name).await?.ok_or_else(not_found)?;
        let mut open = self.opened();
        let repository = open.entry(name.clone()).or_insert_with(|| self.handle(record));
        Ok(repository.clone())
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<RepositoryName, Repository>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, record: RepositoryRecord) -> Repository {
        let prefix = format!("{}/", hex(&record.id.0));
        let parts = &self.parts;
        let core = Core::new(
            &record,
            parts,
            Arc::new(Blocks::new(
                parts.files.clone(),
                prefix.clone(),
                self.cache.clone(),
            )),
            self.limits.clone(),
            self.narrator.clone(),
            self.guard.clone(),
        );
        let data = DataFiles::new(parts.files.clone(), prefix, parts.ids.clone());
        let core = Arc::new(core);
        Repository {
            inner: Arc::new(Inner {
                attempts: Keeper::new(core.clone()),
                core,
                record,
                data,
                names: Names::default(),
                kept: Kept::default(),
            }),
        }
    }

    /// Returns all repositories, by name.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list(&self) -> Result<Vec<RepositoryRecord>> {
        self.parts.refs.repositories().await
    }

    /// Returns the clock of the store.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// Ends background work and waits for it, for a while: what is staged stays staged, durable as it is.
    ///
    /// Whoever still works with a branch, as a merge does that is being judged, is told so at the next write.
    pub async fn close(&self) {
        let open: Vec<Repository> = self.opened().drain().map(|(_, repository)| repository).collect();
        for repository in open {
            let Inner { core, names, .. } = &*repository.inner;
            names.close();
            core.stop.cancel();
            core.tasks.close();
            if tokio::time::timeout(CLOSE_MAX, core.tasks.wait()).await.is_err() {
                tracing::warn!(repository = %repository.record().name, "background work did not end and is let go");
            }
        }
    }
}
