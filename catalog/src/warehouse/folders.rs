//! What a draft plans to do with folders.

use std::sync::Arc;

use versioning::{RefName, Repository};

use super::{Warehouse, overlap};
use crate::location::Place;
use crate::names::Pattern;
use crate::records::SharedCache;
use crate::{OpenTable, Result, Snapshot};

/// A change of folders that goes with changes of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FolderChange {
    Make(String),
    Move {
        from: String,
        to: String,
    },
    Remove {
        uri: String,
        purge: bool,
        /// Folders between `uri` and this one go, too, when nothing is left in them.
        up_to: Option<String>,
    },
    /// Removes a folder and makes it again.
    Clear {
        uri: String,
        purge: bool,
    },
}

/// The folders of a warehouse, and what a draft plans to do with them.
#[derive(Debug)]
pub(crate) struct Folders {
    pub(crate) warehouse: Arc<dyn Warehouse>,
    /// What else may have a say in whether data goes; `None` if it has to stay.
    pub(crate) others: Option<Others>,
    /// Whether what is removed skips the trash.
    pub(crate) purge: bool,
    pub(crate) changes: Vec<FolderChange>,
}

/// The other branches of a repository.
#[derive(Debug)]
pub(crate) struct Others {
    pub(crate) repository: Repository,
    pub(crate) own: RefName,
    pub(crate) cache: SharedCache,
}

impl Folders {
    /// Returns the URI of a place that is a folder of the warehouse's file system.
    pub(crate) fn uri(&self, place: &Place) -> Option<String> {
        match place {
            Place::External(uri) => self.warehouse.qualify(uri),
            Place::Path(_) | Place::Shared(_) => None,
        }
    }

    /// Returns whether what is in a folder may be removed, or be moved away.
    pub(crate) async fn may_empty(&self, uri: &str) -> Result<bool> {
        match &self.others {
            Some(others) => Ok(!others.have_tables_at(uri).await?),
            None => Ok(false),
        }
    }
}

impl Others {
    /// Returns whether another branch has a table at that place, above it or below it. It looks at every table of
    /// every other branch: a repository that deletes at once is not expected to have many.
    async fn have_tables_at(&self, uri: &str) -> Result<bool> {
        for branch in self.repository.branches().await? {
            if branch.name == self.own {
                continue;
            }
            let view = self.repository.view(&branch.name.into()).await?;
            if has_tables_at(&Snapshot::new(view, self.cache.clone()), uri).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

async fn has_tables_at(snapshot: &Snapshot, uri: &str) -> Result<bool> {
    for name in snapshot.databases(&Pattern::all()).await? {
        let database = snapshot.database(&name).await?;
        for (_, entry) in snapshot.tables(database.id, &Pattern::all()).await? {
            let Some(table) = snapshot.find_table_by_id(entry.id).await? else {
                continue;
            };
            let open = OpenTable {
                database: database.clone(),
                table,
            };
            if lies_at(snapshot, &open, uri).await? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Returns whether a table, or a partition of it, lies at a place, above it or below it.
pub(crate) async fn lies_at(snapshot: &Snapshot, open: &OpenTable, uri: &str) -> Result<bool> {
    let is_there = |place: &Place| matches!(place, Place::External(other) if overlap(other, uri));
    if [open.place(), open.data_place()].iter().flatten().any(is_there) {
        return Ok(true);
    }
    Ok(snapshot.places_apart(open).await?.iter().any(is_there))
}
