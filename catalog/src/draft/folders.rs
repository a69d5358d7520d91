//! Folders: where clients look for a database, table or partition that has no files yet, and what becomes of them.
//!
//! In the repository a folder without files is a marker. In a plain warehouse it is a folder of a file system, and
//! what is to be done with it is written down for [`crate::Catalog::write`].

use versioning::object::Object;
use versioning::{Batch, Space};

use crate::draft::{Draft, FolderStatistics};
use crate::location::{Location, Place};
use crate::model::{Database, Storage, Table};
use crate::warehouse::FolderChange;
use crate::{DEFAULT_DATABASE, Error, Result};

/// The entity tag of an object without bytes: their MD5.
const EMPTY_ETAG: &str = "d41d8cd98f00b204e9800998ecf8427e";
const FOLDER_TYPE: &str = "application/x-directory";

impl Draft {
    /// Makes a folder for each place at which nothing lies yet, as the original does. Engines look for the folder of
    /// a table before they write to it. Places of other file systems are left to whoever writes there.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub async fn make_folders(&mut self, places: impl IntoIterator<Item = Place>) -> Result<()> {
        let mut batch = Batch::default();
        for place in places {
            if self.folders.is_some()
                && let Place::External(path) = &place
                && !path.contains(':')
                && !path.starts_with('/')
            {
                return Err(Error::Folder {
                    operation: "making",
                    uri: path.clone(),
                    message: "the path is relative".into(),
                });
            }
            if let Some(uri) = self.plain_uri(&place) {
                self.plan_folder(FolderChange::Make(uri));
            }
            if let Some(marker) = place.object_prefix()
                && self.objects_below(&place).await?.count == 0
            {
                batch.put(Space::Objects, marker, self.folder().encode());
            }
        }
        self.apply(batch);
        Ok(())
    }

    fn folder(&self) -> Object {
        Object {
            modified_us: u64::try_from(self.now_s).unwrap_or_default() * 1_000_000,
            etag: EMPTY_ETAG.into(),
            content_type: Some(FOLDER_TYPE.into()),
            ..Object::default()
        }
    }

    /// Returns the URI of a place that is a folder of the plain warehouse's file system.
    pub(super) fn plain_uri(&self, place: &Place) -> Option<String> {
        self.folders.as_ref()?.uri(place)
    }

    pub(super) fn plan_folder(&mut self, change: FolderChange) {
        if let Some(folders) = &mut self.folders {
            folders.changes.push(change);
        }
    }

    /// Returns whether the server may remove or move what is at a place: it is of the repository, or of a plain
    /// warehouse where nothing else may need it.
    pub(super) async fn may_empty(&self, place: &Place) -> Result<bool> {
        match (&self.folders, self.plain_uri(place)) {
            (Some(folders), Some(uri)) => folders.may_empty(&uri).await,
            _ => Ok(place.object_prefix().is_some()),
        }
    }

    /// Removes what is at a place, if the server may. Of a plain warehouse, folders above it that are left empty go,
    /// too, as far as `up_to`.
    pub(super) async fn remove_data(&mut self, place: &Place, up_to: Option<&Place>) -> Result<()> {
        if let Some(prefix) = place.object_prefix() {
            self.delete_objects(&prefix);
        }
        if let Some(uri) = self.plain_uri(place)
            && self.may_empty(place).await?
        {
            let (purge, up_to) = (self.purges(), up_to.and_then(|place| self.plain_uri(place)));
            self.plan_folder(FolderChange::Remove { uri, purge, up_to });
        }
        Ok(())
    }

    pub(super) async fn has_folder(&self, uri: &str) -> Result<bool> {
        match &self.folders {
            Some(folders) => folders.warehouse.has_dir(uri).await,
            None => Ok(false),
        }
    }

    pub(super) fn purge_if_told(&mut self, table: &Table) {
        if table.is_set("auto.purge") {
            self.purge();
        }
    }

    pub(super) fn purges(&self) -> bool {
        self.folders.as_ref().is_some_and(|folders| folders.purge)
    }

    /// Returns how many data files lie below a place of the repository or the plain warehouse, and how large they
    /// are; `None` for other places.
    pub(super) async fn count_files(&self, place: &Place) -> Result<Option<FolderStatistics>> {
        if let (Some(folders), Some(uri)) = (&self.folders, self.plain_uri(place)) {
            return folders.warehouse.folder_statistics(&uri).await.map(Some);
        }
        match place.object_prefix() {
            Some(_) => self.folder_statistics(place).await.map(Some),
            None => Ok(None),
        }
    }

    /// Gives a database that is told no place its default one in the plain warehouse, if there is one.
    pub(super) fn place_in_warehouse(&self, database: &mut Database) {
        if let (Some(folders), Location::Default) = (&self.folders, &database.location) {
            let root = Place::External(folders.warehouse.root().to_owned());
            database.location = match database.name.as_str() {
                DEFAULT_DATABASE => root,
                name => root.child(&format!("{name}.db")),
            }
            .into();
        }
    }

    pub(super) fn qualified_location(&self, location: Location) -> Location {
        match location {
            Location::External(uri) => self.qualified(Place::External(uri)).into(),
            other => other,
        }
    }

    pub(super) fn qualify_storage(&self, storage: Option<&mut Storage>) {
        if let Some(location) = storage.and_then(|storage| storage.location.as_mut()) {
            *location = self.qualified_location(std::mem::take(location));
        }
    }

    /// Spells a place of the plain warehouse's file system in full.
    pub(super) fn qualified(&self, place: Place) -> Place {
        match self.plain_uri(&place) {
            Some(uri) => Place::External(uri),
            None => place,
        }
    }
}
