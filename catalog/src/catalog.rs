//! The façade: the catalog of one repository, at any ref.

use std::sync::{Arc, Mutex, PoisonError};

use versioning::{RefExpr, RefName, Repository};

use crate::records::SharedCache;
use crate::warehouse::{
    DeleteMode, Folders, OpenWarehouse, Others, PlainWarehouse, Ticket, WarehouseSettings, unusable,
};
use crate::{Draft, Error, Layout, Result, Snapshot};

/// The catalog of one repository. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Catalog {
    repository: Repository,
    cache: SharedCache,
    warehouse: Option<Plain>,
    /// That of databases that say none.
    layout: Layout,
}

/// The plain warehouse of a repository.
#[derive(Debug, Clone)]
struct Plain {
    warehouse: PlainWarehouse,
    delete: DeleteMode,
}

impl Catalog {
    /// Returns the catalog of a repository. Whoever opens one again and again keeps it: it holds a cache.
    pub fn new(repository: Repository) -> Catalog {
        Catalog {
            repository,
            cache: SharedCache::default(),
            warehouse: None,
            layout: Layout::default(),
        }
    }

    /// Returns the catalog of a repository with what its settings say: the layout of its databases, and the plain
    /// warehouse, which `open` opens.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for a layout that is none, and if there is a warehouse and `open` does not know its kind.
    pub fn open(repository: Repository, open: &OpenWarehouse) -> Result<Catalog> {
        let record = repository.record();
        let warehouse = match WarehouseSettings::of(&record.settings)? {
            Some(settings) => Some(Plain {
                warehouse: open(&settings).ok_or_else(|| unusable(&record.name, &settings.root))?,
                delete: settings.delete,
            }),
            None => None,
        };
        let layout = Layout::of(&record.settings)?;
        Ok(Catalog {
            warehouse,
            layout,
            ..Catalog::new(repository)
        })
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
    /// `plan` may be called again when another writer was faster, and must have no effect of its own. What it plans
    /// with folders of a plain warehouse is done here, in step with the change.
    ///
    /// # Errors
    /// Those of `plan`; [`crate::Error::Store`] if the branch is not there or cannot be written.
    pub async fn write<T, E, F, P>(&self, branch: &RefName, mut plan: P) -> Result<T, E>
    where
        P: FnMut(Draft) -> F + Send + 'static,
        F: Future<Output = Result<(Draft, T), E>> + Send + 'static,
        T: Send + 'static,
        E: From<versioning::Error> + From<Error> + Send + 'static,
    {
        let tickets = Tickets::default();
        let (plain, folders, layout) = (self.warehouse.clone(), self.folders(branch), self.layout);
        let kept = tickets.clone();
        let cache = self.cache.clone();
        let (clock, ids) = (
            Arc::clone(self.repository.clock()),
            Arc::clone(self.repository.ids()),
        );
        let planned = move |view| {
            let mut draft = Draft::new(view, cache.clone(), Arc::clone(&ids), clock.now_us());
            draft.folders = folders();
            draft.layout = layout;
            let answer = plan(draft);
            let (plain, tickets) = (plain.clone(), kept.clone());
            async move {
                let Some(plain) = plain else {
                    let (draft, answer) = answer.await?;
                    return Ok((draft.into_batch(), answer));
                };
                plain.undo(&tickets).await;
                let (mut draft, answer) = answer.await?;
                plain.prepare(&mut draft, &tickets).await?;
                Ok((draft.into_batch(), answer))
            }
        };
        let outcome = self.repository.write(branch, planned).await;
        if let Some(plain) = &self.warehouse {
            match &outcome {
                Ok(_) => plain.finish(&tickets).await,
                Err(_) => plain.undo(&tickets).await,
            }
        }
        outcome
    }

    /// Returns what gives each draft of a write the folders of the warehouse.
    fn folders(&self, branch: &RefName) -> impl Fn() -> Option<Folders> + Send + 'static {
        let plain = self.warehouse.clone();
        let (repository, cache, own) = (self.repository.clone(), self.cache.clone(), branch.clone());
        let may_empty = |plain: &Plain, repository: &Repository, own: &RefName| {
            plain.delete == DeleteMode::Immediate && repository.record().default_branch == *own
        };
        move || {
            let plain = plain.as_ref()?;
            let others = may_empty(plain, &repository, &own).then(|| Others {
                repository: repository.clone(),
                own: own.clone(),
                cache: cache.clone(),
            });
            Some(Folders {
                warehouse: Arc::clone(&plain.warehouse.files),
                others,
                purge: false,
                changes: Vec::new(),
            })
        }
    }
}

/// What one write does with folders, between its plan and its end.
type Tickets = Arc<Mutex<Option<Ticket>>>;

fn take(tickets: &Tickets) -> Option<Ticket> {
    tickets.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Plain {
    async fn prepare(&self, draft: &mut Draft, tickets: &Tickets) -> Result<()> {
        let changes = draft.take_folder_changes();
        let PlainWarehouse { files, journal } = &self.warehouse;
        let ticket = journal.prepare(&**files, changes).await?;
        *tickets.lock().unwrap_or_else(PoisonError::into_inner) = Some(ticket);
        Ok(())
    }

    async fn undo(&self, tickets: &Tickets) {
        if let Some(ticket) = take(tickets) {
            let PlainWarehouse { files, journal } = &self.warehouse;
            journal.undo(&**files, ticket).await;
        }
    }

    async fn finish(&self, tickets: &Tickets) {
        if let Some(ticket) = take(tickets) {
            let PlainWarehouse { files, journal } = &self.warehouse;
            journal.finish(&**files, ticket).await;
        }
    }
}
