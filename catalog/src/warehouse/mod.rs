//! Plain warehouses: places that are not ours, at which a repository keeps the data of its managed tables.
//!
//! There metadata is versioned and data is not. The folders of databases, tables and partitions are made, moved and
//! removed as the original metastore does it. A [`crate::Draft`] plans that beside its changes; a [`Journal`] makes
//! and moves folders before the changes are durable, takes that back if they never are, and removes folders after.

#[cfg(any(test, feature = "arbitrary"))]
mod conformance;
mod folders;
mod journal;
mod memory;
mod settings;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::Result;
use crate::draft::FolderStatistics;
use crate::location::strip_s3;

#[cfg(any(test, feature = "arbitrary"))]
pub use conformance::conformance;
pub(crate) use folders::{FolderChange, Folders, Others, lies_at};
pub(crate) use journal::{Journal, Ticket};
pub use memory::MemoryWarehouse;
pub(crate) use settings::unusable;
pub use settings::{DeleteMode, WarehouseSettings, found};

/// A file system with folders, of which one is the warehouse. URIs are spelled as Hadoop spells them.
///
/// # Errors
/// All methods fail with [`crate::Error::Folder`] where the file system does, and for URIs that have a segment `..`
/// or are not of this file system.
#[async_trait]
pub trait Warehouse: Debug + Send + Sync {
    /// Returns the folder below which databases lie that are told no other place.
    fn root(&self) -> &str;

    /// Returns `uri` with its scheme if it is of this file system, wherever in it.
    fn qualify(&self, uri: &str) -> Option<String>;

    /// Returns whether there is a folder.
    async fn has_dir(&self, uri: &str) -> Result<bool>;

    /// Makes a folder and those above it. Returns those that were not there before, the highest first.
    async fn make_dir(&self, uri: &str) -> Result<Vec<String>>;

    /// Moves a folder with all that is in it, and makes those above its new place. Fails if something is there.
    async fn move_dir(&self, from: &str, to: &str) -> Result<()>;

    /// Removes a folder with all that is in it, by way of the trash unless `purge` or there is none. No folder is
    /// fine. Fails for the warehouse itself and for what it lies in.
    async fn remove_dir(&self, uri: &str, purge: bool) -> Result<()>;

    /// Removes a folder if there is nothing in it; returns whether it did.
    async fn remove_empty_dir(&self, uri: &str) -> Result<bool>;

    /// Returns the number of data files below a folder and the sum of their sizes. Hidden ones do not count.
    async fn folder_statistics(&self, uri: &str) -> Result<FolderStatistics>;
}

/// A warehouse that is open, with the order in which its folders are used. Cloning is cheap; whoever opens one twice
/// at once loses that order.
#[derive(Debug, Clone)]
pub struct PlainWarehouse {
    pub(crate) files: Arc<dyn Warehouse>,
    pub(crate) journal: Arc<Journal>,
}

impl PlainWarehouse {
    /// Returns the warehouse in `files`.
    pub fn new(files: Arc<dyn Warehouse>) -> PlainWarehouse {
        PlainWarehouse {
            files,
            journal: Arc::default(),
        }
    }

    /// Returns the file system, for what no change of a branch goes with.
    pub fn files(&self) -> &dyn Warehouse {
        &*self.files
    }
}

/// Opens the warehouse that the settings of a repository name; `None` if its kind is not known.
pub type OpenWarehouse = dyn Fn(&WarehouseSettings) -> Option<PlainWarehouse> + Send + Sync;

/// Returns whether one of two URIs is the other or lies below it.
pub fn overlap(a: &str, b: &str) -> bool {
    is_within(a, b) || is_within(b, a)
}

/// Returns whether `uri` is `folder` or lies below it.
pub fn is_within(uri: &str, folder: &str) -> bool {
    below(uri, folder).is_some()
}

/// Returns what follows `folder` in the URI of something that is it or lies below it: nothing, or a path with its
/// first slash. The schemes of S3 mean the same place.
pub(crate) fn below<'a>(uri: &'a str, folder: &str) -> Option<&'a str> {
    let (uri, folder) = match (strip_s3(uri), strip_s3(folder)) {
        (Some(uri), Some(folder)) => (uri, folder),
        _ => (uri, folder),
    };
    let rest = uri.strip_prefix(folder.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// Returns the URI of the folder that `uri` lies in; `None` for a root.
pub(crate) fn parent(uri: &str) -> Option<&str> {
    let (parent, name) = uri.rsplit_once('/')?;
    (!name.is_empty() && !parent.is_empty() && !parent.ends_with([':', '/'])).then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_overlap_by_whole_segments() {
        for (a, b, expected) in [
            ("file:/w/t", "file:/w/t", true),
            ("file:/w/t", "file:/w/t/p=1", true),
            ("file:/w/t/p=1", "file:/w/t", true),
            ("file:/w/t", "file:/w/tt", false),
            ("file:/w/t", "file:/w/u", false),
            ("file:/", "file:/w", true),
            ("s3a://b/w", "s3://b/w/t", true),
            ("S3N://b/w/t", "s3a://b", true),
            ("s3a://b/w", "s3a://b/", true),
            ("s3a://b", "s3a://bb/w", false),
            ("s3a://b/w", "s3a://c/w", false),
            ("s3a://b/w", "hdfs://b/w", false),
        ] {
            assert_eq!(overlap(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn what_lies_below_is_told_whatever_the_scheme() {
        assert_eq!(below("s3://b/w/t/p=1", "s3a://b/w/t"), Some("/p=1"));
        assert_eq!(below("file:/w/t", "file:/w/t"), Some(""));
        assert_eq!(below("file:/w/tt", "file:/w/t"), None);
    }

    #[test]
    fn parents_end_at_the_root() {
        for (uri, expected) in [
            ("file:/w/t", Some("file:/w")),
            ("file:/w", None),
            ("file:/", None),
            ("s3a://b/t", Some("s3a://b")),
            ("s3a://b", None),
        ] {
            assert_eq!(parent(uri), expected, "{uri}");
        }
    }
}
