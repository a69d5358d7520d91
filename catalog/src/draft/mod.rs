//! Changes that are being prepared on a branch.

mod alter;
mod constraints;
mod data;
mod databases;
mod exchange;
mod folders;
mod functions;
mod moves;
mod partitions;
mod registry;
mod statistics;
mod tables;

use std::ops::Deref;
use std::sync::Arc;

use versioning::id::Domain;
use versioning::refs::EventRun;
use versioning::{Batch, Hash, Ids, View};

use crate::layout::Layout;
use crate::model::Parameters;
use crate::records::{Changes, Records, SharedCache};
use crate::warehouse::{FolderChange, Folders};
use crate::{Result, Snapshot};

pub use alter::AlterTable;
pub use constraints::{NewConstraint, NewReference};
pub use data::{FAST_STATISTICS, FolderStatistics};
pub use partitions::{AddPartitions, AlterPartitions};

/// The parameter in which Hive keeps the time of the last change, in seconds.
pub const LAST_DDL_TIME: &str = "transient_lastDdlTime";

/// Changes to a catalog that are being prepared on one state of a branch.
///
/// It reads its own writes. Each method changes everything it says, or nothing when it refuses; a draft that the
/// store failed is to be thrown away. What becomes of the changes is up to whoever takes them with [`Draft::into_batch`].
#[derive(Debug)]
pub struct Draft {
    snapshot: Snapshot,
    batch: Batch,
    ids: Arc<dyn Ids>,
    now_s: i32,
    /// Those of the plain warehouse, if the repository has one.
    pub(crate) folders: Option<Folders>,
    /// That of databases that say none.
    pub(crate) layout: Layout,
}

impl Deref for Draft {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

impl Draft {
    /// Starts to change `view`; `now_us` is the time that is recorded, in microseconds since the Unix epoch.
    pub fn new(view: View, cache: SharedCache, ids: Arc<dyn Ids>, now_us: u64) -> Draft {
        let now_s = i32::try_from(now_us / 1_000_000).unwrap_or(i32::MAX);
        Draft {
            snapshot: Snapshot::new(view, cache),
            batch: Batch::default(),
            ids,
            now_s,
            folders: None,
            layout: Layout::default(),
        }
    }

    /// Says that what is removed from a plain warehouse skips the trash.
    pub fn purge(&mut self) {
        if let Some(folders) = &mut self.folders {
            folders.purge = true;
        }
    }

    /// Takes what is planned with the folders of the plain warehouse.
    pub(crate) fn take_folder_changes(&mut self) -> Vec<FolderChange> {
        let folders = self.folders.as_mut();
        folders
            .map(|folders| std::mem::take(&mut folders.changes))
            .unwrap_or_default()
    }

    /// Returns the catalog as it is with the changes.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Returns all changes, in order.
    pub fn into_batch(self) -> Batch {
        self.batch
    }

    /// Returns all changes so far, in order.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Adds events that tell of the changes ([`versioning::events`]).
    ///
    /// # Errors
    /// [`crate::Error::Store`] if they are too large.
    pub fn tell(&mut self, run: &EventRun) -> Result<()> {
        Ok(self.batch.tell(run)?)
    }

    /// Adds changes of other spaces than the catalog's own, such as data objects.
    pub fn add(&mut self, batch: Batch) {
        self.apply(batch);
    }

    fn records(&self) -> &Records {
        self.snapshot.records()
    }

    /// Makes the changes that `write` collects.
    fn change(&mut self, write: impl FnOnce(&mut Changes<'_>)) {
        let mut changes = Changes::new(self.records());
        write(&mut changes);
        let batch = changes.into_batch();
        self.apply(batch);
    }

    fn apply(&mut self, mut batch: Batch) {
        self.snapshot = Snapshot::from_records(self.records().with(&batch));
        self.batch.mutations.append(&mut batch.mutations);
        self.batch.blobs.append(&mut batch.blobs);
        self.batch.events.append(&mut batch.events);
    }

    /// Returns a number from which new columns of an altered table can count: no other branch is likely to count
    /// from one near it.
    fn drawn_column_id(&self) -> u32 {
        let drawn = Hash::of(Domain::Blob, &self.ids.fresh()).0;
        u32::from_le_bytes([drawn[0], drawn[1], drawn[2], drawn[3]]) | 1 << 31
    }

    /// Sets the time of the last change, unless the client did.
    fn stamp(&self, parameters: &mut Option<Parameters>) {
        let parameters = parameters.get_or_insert_default();
        parameters
            .entry(LAST_DDL_TIME.to_owned())
            .or_insert_with(|| self.now_s.to_string());
    }
}
