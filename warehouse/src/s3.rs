//! Plain warehouses in buckets of S3, with folders as Hadoop's S3A has them.
//!
//! A folder is there if its marker is, an empty object whose key ends in `/`, or any object below it. Only the leaf
//! of what is made gets a marker. What was in a folder leaves a marker of it when it goes, so that the folder stays.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use catalog::draft::FolderStatistics;
use catalog::location::hadoop_uri;
use catalog::{Error, Result, Warehouse, WarehouseSettings};

use crate::client::Client;
use crate::fault::Fault;
use crate::place::Place;
use crate::settings::{Connection, ConnectionError, Limits};
use crate::transfer::{move_all, remove_all};

/// How many folders of one name may be in the trash.
const SAME_NAMES_MAX: u32 = 100_000;

/// A service of S3, for any number of warehouses. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct S3(Arc<Client>);

impl S3 {
    /// Returns the service of a connection. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub fn new(connection: Connection, limits: Limits) -> std::result::Result<S3, ConnectionError> {
        Ok(S3(Arc::new(Client::new(connection, limits)?)))
    }
}

/// Folders of buckets of one service. Other buckets than the warehouse's are of the same file system, as for S3A:
/// the credentials say what is permitted there.
#[derive(Debug, Clone)]
pub struct S3Warehouse {
    uri: String,
    scheme: String,
    root: Place,
    trash: Option<Place>,
    client: Arc<Client>,
}

impl S3Warehouse {
    /// Returns the warehouse that the settings name; `None` if it, or its trash, is not of S3.
    pub fn new(settings: &WarehouseSettings, s3: &S3) -> Option<S3Warehouse> {
        let trash = settings
            .trash
            .as_deref()
            .map(|uri| Place::parse(uri).filter(|trash| !trash.is_root()).ok_or(()));
        Some(S3Warehouse {
            uri: settings.root.clone(),
            scheme: settings.root.split_once(':')?.0.to_owned(),
            root: Place::parse(&settings.root)?,
            trash: trash.transpose().ok()?,
            client: Arc::clone(&s3.0),
        })
    }

    /// Runs `work` on the place of a URI, to its end even if nobody waits for it any more: half a move is none.
    async fn run<T, F>(
        &self,
        operation: &'static str,
        uri: &str,
        work: impl FnOnce(S3Warehouse, Place) -> F + Send,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = std::result::Result<T, Fault>> + Send + 'static,
    {
        let failed = |fault: Fault| Error::Folder {
            operation,
            uri: uri.to_owned(),
            message: fault.to_string(),
        };
        let place = self.place(uri).map_err(failed)?;
        let done = tokio::spawn(work(self.clone(), place)).await;
        let done = done.unwrap_or_else(|error| {
            Err(Fault::BrokenOff {
                message: error.to_string(),
            })
        });
        done.map_err(failed)
    }

    fn place(&self, uri: &str) -> std::result::Result<Place, Fault> {
        let place = self.qualify(uri).and_then(|uri| Place::parse(&uri));
        place.ok_or(Fault::Foreign)
    }

    async fn is_folder(&self, place: &Place) -> std::result::Result<bool, Fault> {
        let page = self.client.page(&place.bucket, &place.prefix(), 1, None).await?;
        Ok(place.is_root() || !page.objects.is_empty())
    }

    async fn is_file(&self, place: &Place) -> std::result::Result<bool, Fault> {
        Ok(!place.is_root() && self.client.size(place).await?.is_some())
    }

    /// Returns the folders at `folder` and above it that are not there, the highest first. Fails if one is a file.
    async fn missing(&self, folder: &Place) -> std::result::Result<Vec<Place>, Fault> {
        let (mut missing, mut at) = (Vec::new(), Some(folder.clone()));
        while let Some(folder) = at {
            if self.is_folder(&folder).await? {
                break;
            }
            if self.is_file(&folder).await? {
                let uri = folder.uri(&self.scheme);
                return Err(Fault::FileInTheWay { uri });
            }
            at = folder.parent();
            missing.push(folder);
        }
        missing.reverse();
        Ok(missing)
    }

    async fn make(&self, folder: &Place) -> std::result::Result<Vec<String>, Fault> {
        let missing = self.missing(folder).await?;
        if !missing.is_empty() {
            self.client.mark(folder).await?;
        }
        Ok(missing.iter().map(|folder| folder.uri(&self.scheme)).collect())
    }

    /// Fails for a folder that the warehouse or its trash lies in, and for whole buckets.
    fn check_removable(&self, place: &Place) -> std::result::Result<(), Fault> {
        let kept = [Some(&self.root), self.trash.as_ref()];
        if kept.into_iter().flatten().any(|kept| kept.is_within(place)) {
            return Err(Fault::HoldsWarehouse);
        }
        if place.is_root() {
            return Err(Fault::WholeBucket);
        }
        Ok(())
    }

    async fn relocate(&self, from: &Place, to: &Place) -> std::result::Result<(), Fault> {
        if to.is_within(from) {
            return Err(Fault::IntoItself);
        }
        if self.is_folder(to).await? || self.is_file(to).await? {
            return Err(Fault::Occupied);
        }
        if let Some(parent) = to.parent() {
            self.missing(&parent).await?;
        }
        move_all(&self.client, from, to).await?;
        self.keep_parent(from).await
    }

    async fn remove(&self, place: &Place, purge: bool) -> std::result::Result<(), Fault> {
        self.check_removable(place)?;
        match &self.trash {
            Some(trash) if !purge && !place.is_within(trash) => self.to_trash(place, trash).await,
            _ => {
                if remove_all(&self.client, place).await? {
                    self.keep_parent(place).await?;
                }
                Ok(())
            }
        }
    }

    /// Moves a folder to the trash, below `Current` at its own path as Hadoop does, with a number behind its name
    /// where one of that name is there already.
    async fn to_trash(&self, place: &Place, trash: &Place) -> std::result::Result<(), Fault> {
        let wanted = trash.child("Current").child(&place.key);
        for number in 0..SAME_NAMES_MAX {
            let numbered = match number {
                0 => wanted.clone(),
                number => wanted.with_key(format!("{}.{number}", wanted.key)),
            };
            match self.relocate(place, &numbered).await {
                Err(Fault::Occupied) => {}
                Err(Fault::NotThere) => return Ok(()),
                moved => return moved,
            }
        }
        Err(Fault::TrashFull)
    }

    /// Has the folder that something was in stay.
    async fn keep_parent(&self, place: &Place) -> std::result::Result<(), Fault> {
        if let Some(parent) = place.parent()
            && !self.is_folder(&parent).await?
        {
            self.client.mark(&parent).await?;
        }
        Ok(())
    }

    async fn remove_empty(&self, place: &Place) -> std::result::Result<bool, Fault> {
        self.check_removable(place)?;
        let marker = place.prefix();
        let page = self.client.page(&place.bucket, &marker, 2, None).await?;
        let keys: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
        if keys != [marker] {
            return Ok(false);
        }
        self.client.delete(&place.bucket, &keys).await?;
        self.keep_parent(place).await?;
        Ok(true)
    }

    async fn count(&self, place: &Place) -> std::result::Result<FolderStatistics, Fault> {
        let (prefix, mut from) = (place.prefix(), None);
        let mut found = FolderStatistics::default();
        loop {
            let keys = self.client.limits.page_keys;
            let page = self
                .client
                .page(&place.bucket, &prefix, keys, from.as_deref())
                .await?;
            for object in page.objects {
                found.add(&object.key[prefix.len()..], object.bytes);
            }
            from = page.next;
            if from.is_none() {
                return Ok(found);
            }
        }
    }
}

#[async_trait]
impl Warehouse for S3Warehouse {
    fn root(&self) -> &str {
        &self.uri
    }

    fn qualify(&self, uri: &str) -> Option<String> {
        let spelled = hadoop_uri(uri);
        if spelled.starts_with('/') {
            return Some(format!("{}://{}{spelled}", self.scheme, self.root.bucket));
        }
        Place::split(&spelled).is_some().then_some(spelled)
    }

    async fn has_dir(&self, uri: &str) -> Result<bool> {
        self.run("looking for", uri, |warehouse, place| async move {
            warehouse.is_folder(&place).await
        })
        .await
    }

    async fn make_dir(&self, uri: &str) -> Result<Vec<String>> {
        self.run("making", uri, |warehouse, place| async move {
            warehouse.make(&place).await
        })
        .await
    }

    async fn move_dir(&self, from: &str, to: &str) -> Result<()> {
        let target = self.place(to).map_err(|fault| Error::Folder {
            operation: "moving to",
            uri: to.to_owned(),
            message: fault.to_string(),
        })?;
        self.run("moving", from, |warehouse, place| async move {
            warehouse.check_removable(&place)?;
            warehouse.relocate(&place, &target).await
        })
        .await
    }

    async fn remove_dir(&self, uri: &str, purge: bool) -> Result<()> {
        self.run("removing", uri, move |warehouse, place| async move {
            warehouse.remove(&place, purge).await
        })
        .await
    }

    async fn remove_empty_dir(&self, uri: &str) -> Result<bool> {
        self.run("removing", uri, |warehouse, place| async move {
            warehouse.remove_empty(&place).await
        })
        .await
    }

    async fn folder_statistics(&self, uri: &str) -> Result<FolderStatistics> {
        self.run("listing", uri, |warehouse, place| async move {
            warehouse.count(&place).await
        })
        .await
    }
}
