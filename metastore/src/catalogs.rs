//! Hive catalogs as repositories: what Hive says of a catalog and a repository does not.
//!
//! It is kept beside the repository, unversioned. A repository's name is an S3 bucket's, so `_` in a catalog's
//! name is `-` in that of its repository, and the name that was said is kept. A catalog that is dropped is
//! empty; its repository stays with its history, hidden from Hive clients until the catalog is made again.

use bytes::Bytes;
use versioning::{Error, Repository, RepositoryName, Result};

const NAMESPACE: &str = "hive-catalog";
const NAME: &str = "name";
const DESCRIPTION: &str = "description";
const LOCATION: &str = "location";
const DROPPED: &str = "dropped";
/// The setting of a repository that was made for a catalog. It is there from the first moment: a catalog whose making
/// was cut short is known by it, and by having no name yet.
const MADE_FOR: (&str, &str) = ("hive-catalog", "made");

/// What is known of a Hive catalog beside its repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CatalogNotes {
    /// The name, in lower case, if a Hive client made the catalog.
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    /// Where the client wanted it: the root of a plain warehouse, or a name alone, if data lies in the repository.
    pub(crate) location: Option<String>,
    /// Whether it can be made again: it was dropped, or is half made.
    pub(crate) is_dropped: bool,
}

/// Returns the settings of a repository that is made for a catalog, with `others`.
pub(crate) fn settings_of_catalog(mut others: Vec<(String, String)>) -> Vec<(String, String)> {
    let (key, value) = MADE_FOR;
    others.push((key.to_owned(), value.to_owned()));
    others
}

impl CatalogNotes {
    /// Returns whether a Hive client made the repository as a catalog, or made it one again.
    pub(crate) fn is_made_by_client(&self) -> bool {
        self.name.is_some()
    }

    /// Reads what is known.
    pub(crate) async fn read(repository: &Repository) -> Result<CatalogNotes> {
        let (store, id) = repository.records();
        let mut notes = CatalogNotes::default();
        let settings = &repository.record().settings;
        let is_made_for = settings
            .iter()
            .any(|(key, value)| (key.as_str(), value.as_str()) == MADE_FOR);
        for (key, value) in store.kv_list(id, NAMESPACE, "", "", 16).await? {
            let text = String::from_utf8_lossy(&value).into_owned();
            match key.as_str() {
                NAME => notes.name = Some(text),
                DESCRIPTION => notes.description = Some(text),
                LOCATION => notes.location = Some(text),
                DROPPED => notes.is_dropped = true,
                _ => {}
            }
        }
        notes.is_dropped |= is_made_for && notes.name.is_none();
        Ok(notes)
    }

    /// Replaces what is known.
    pub(crate) async fn write(self, repository: &Repository) -> Result<()> {
        let (store, id) = repository.records();
        let dropped = self.is_dropped.then(|| "true".to_owned());
        let changes = [
            (NAME, self.name),
            (DESCRIPTION, self.description),
            (LOCATION, self.location),
            (DROPPED, dropped),
        ];
        let changes = changes.map(|(key, value)| (key.to_owned(), value.map(Bytes::from)));
        store.kv_write(id, NAMESPACE, &changes).await
    }
}

/// Returns the repository of a Hive catalog.
///
/// # Errors
/// [`Error::Name`] for names that no repository can have.
pub(crate) fn repository_name(catalog: &str) -> Result<RepositoryName, Error> {
    RepositoryName::parse(&catalog.trim().to_lowercase().replace('_', "-"))
}
