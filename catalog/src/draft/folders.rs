//! Folders: the markers by which clients find a database, table or partition that has no files yet.

use versioning::object::Object;
use versioning::{Batch, Space};

use crate::Result;
use crate::draft::Draft;
use crate::location::Place;

/// The entity tag of an object without bytes: their MD5.
const EMPTY_ETAG: &str = "d41d8cd98f00b204e9800998ecf8427e";
const FOLDER_TYPE: &str = "application/x-directory";

impl Draft {
    /// Makes a marker for each place of the repository at which nothing lies yet, as the original makes folders.
    /// Engines look for the folder of a table before they write to it.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub async fn make_folders(&mut self, places: impl IntoIterator<Item = Place>) -> Result<()> {
        let mut batch = Batch::default();
        for place in places {
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
}
