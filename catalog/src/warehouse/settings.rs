//! What the settings of a repository say of its warehouse.

use versioning::RepositoryName;

use crate::location::{Place, hadoop_uri};
use crate::model::Location;
use crate::{Catalog, DEFAULT_DATABASE, Error, Result};

const ROOT: &str = "warehouse";
const DELETE: &str = "warehouse.delete";
const TRASH: &str = "warehouse.trash";

/// When data goes whose table or partition was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeleteMode {
    /// Never by the drop: older commits may need it.
    #[default]
    Keep,
    /// With the drop, if that is on the default branch and no other branch has a table there.
    Immediate,
}

impl DeleteMode {
    /// Reads `keep` or `immediate`.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for another word.
    pub fn parse(text: &str) -> Result<DeleteMode> {
        match text {
            "keep" => Ok(DeleteMode::Keep),
            "immediate" => Ok(DeleteMode::Immediate),
            other => Err(Error::NotAllowed {
                operation: "a warehouse",
                reason: format!("delete is keep or immediate, not {other:?}"),
            }),
        }
    }

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            DeleteMode::Keep => "keep",
            DeleteMode::Immediate => "immediate",
        }
    }
}

/// A plain warehouse, as the settings of a repository name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarehouseSettings {
    /// The URI of its folder, as Hadoop spells it.
    pub root: String,
    pub delete: DeleteMode,
    /// The URI of the folder to which removed ones are moved; without it they are gone at once.
    pub trash: Option<String>,
}

impl WarehouseSettings {
    /// Returns the settings of a warehouse at `root`.
    ///
    /// # Errors
    /// [`Error::InvalidLocation`] unless it is a URI of an absolute path without `..`.
    pub fn new(root: &str, delete: DeleteMode, trash: Option<&str>) -> Result<WarehouseSettings> {
        Ok(WarehouseSettings {
            root: checked(root)?,
            delete,
            trash: trash.map(checked).transpose()?,
        })
    }

    /// Returns the settings of a warehouse like this at another place: on the same file system if `root` is a path.
    ///
    /// # Errors
    /// As [`WarehouseSettings::new`].
    pub fn at(&self, root: &str) -> Result<WarehouseSettings> {
        let root = if root.starts_with('/') {
            format!("{}{root}", file_system(&self.root))
        } else {
            root.to_owned()
        };
        WarehouseSettings::new(&root, self.delete, self.trash.as_deref())
    }

    /// Reads the settings of a repository; `None` if it has no warehouse.
    ///
    /// # Errors
    /// As [`WarehouseSettings::new`] and [`DeleteMode::parse`].
    pub fn of(settings: &[(String, String)]) -> Result<Option<WarehouseSettings>> {
        let get = |wanted: &str| {
            let found = settings.iter().rfind(|(key, _)| key == wanted);
            found.map(|(_, value)| value.as_str())
        };
        let Some(root) = get(ROOT) else { return Ok(None) };
        let delete = get(DELETE)
            .map(DeleteMode::parse)
            .transpose()?
            .unwrap_or_default();
        WarehouseSettings::new(root, delete, get(TRASH)).map(Some)
    }

    /// Returns the settings of a repository with these in place of those that it had for a warehouse.
    pub fn put_into(&self, settings: &[(String, String)]) -> Vec<(String, String)> {
        let ours = [ROOT, DELETE, TRASH];
        let mut all: Vec<_> = settings
            .iter()
            .filter(|(key, _)| !ours.contains(&key.as_str()))
            .cloned()
            .collect();
        let mut put = |key: &str, value: &str| all.push((key.to_owned(), value.to_owned()));
        put(ROOT, &self.root);
        put(DELETE, self.delete.as_str());
        if let Some(trash) = &self.trash {
            put(TRASH, trash);
        }
        all
    }
}

/// Returns what stands before the path in a URI: the scheme, and perhaps an authority.
fn file_system(uri: &str) -> &str {
    let path = match uri.find("://") {
        Some(at) => uri[at + 3..].find('/').map(|slash| at + 3 + slash),
        None => uri.find('/'),
    };
    &uri[..path.unwrap_or(uri.len())]
}

fn checked(uri: &str) -> Result<String> {
    let spelled = hadoop_uri(uri);
    if is_folder(&spelled) {
        return Ok(spelled);
    }
    Err(Error::InvalidLocation {
        location: without_user(&spelled),
        rule: "a warehouse is a URI of an absolute path without `.` and `..`, such as file:/warehouse or s3a://bucket/warehouse",
    })
}

/// Returns whether a URI, as Hadoop spells it, names a folder: not all of a file system, but perhaps a whole bucket.
/// A bucket comes without a user and a password.
fn is_folder(spelled: &str) -> bool {
    let Some((scheme, rest)) = spelled.split_once(':') else {
        return false;
    };
    let is_absolute = match (rest.strip_prefix("//"), scheme.to_ascii_lowercase().as_str()) {
        (Some(rest), "s3a" | "s3" | "s3n") => {
            let bucket = rest.split('/').next().unwrap_or_default();
            !bucket.is_empty() && !bucket.contains(['@', ':'])
        }
        (None, "s3a" | "s3" | "s3n") => false,
        _ => rest.starts_with('/') && rest != "/",
    };
    is_absolute && rest.split('/').all(|part| !matches!(part, "." | ".."))
}

/// Returns a URI without the user and password that it may have: an error is no place for them.
fn without_user(uri: &str) -> String {
    match (uri.find("://"), uri.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}{}", &uri[..scheme + 3], &uri[at + 1..]),
        _ => uri.to_owned(),
    }
}

/// Gives the database `default` of a repository that has a warehouse the warehouse itself as its place, as the
/// original does, unless it was given another already.
///
/// # Errors
/// [`Error::Store`]; also for a default branch that cannot be written.
pub async fn found(catalog: &Catalog, root: &str) -> Result<()> {
    let branch = catalog.repository().record().default_branch.clone();
    let present = catalog.snapshot(&branch.clone().into()).await?;
    if present.database(DEFAULT_DATABASE).await?.location != Location::Default {
        return Ok(());
    }
    let root = root.to_owned();
    let plan = move |mut draft: crate::Draft| {
        let root = root.clone();
        async move {
            let mut database = draft.database(DEFAULT_DATABASE).await?;
            database.location = Location::External(root.clone());
            draft.alter_database(DEFAULT_DATABASE, database).await?;
            draft.make_folders([Place::External(root)]).await?;
            Ok::<_, Error>((draft, ()))
        }
    };
    catalog.write(&branch, plan).await
}

/// Returns the trouble with the warehouse of a repository.
pub(crate) fn unusable(repository: &RepositoryName, root: &str) -> Error {
    Error::NotAllowed {
        operation: "a write",
        reason: format!(
            "the warehouse {root} of {repository} is of no kind that this server knows, or it has no credentials for it"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_were_put() {
        let other = [("k".to_owned(), "v".to_owned())];
        let settings =
            WarehouseSettings::new("file:///w//x/", DeleteMode::Immediate, Some("file:/trash")).unwrap();
        assert_eq!(settings.root, "file:/w/x");
        let put = settings.put_into(&other);
        assert!(put.contains(&other[0]));
        assert_eq!(WarehouseSettings::of(&put).unwrap(), Some(settings.clone()));
        assert_eq!(settings.put_into(&put), put);
        assert_eq!(WarehouseSettings::of(&other).unwrap(), None);
    }

    #[test]
    fn another_place_is_on_the_same_file_system() {
        for (root, other, expected) in [
            ("file:/w", "/x/y", "file:/x/y"),
            ("file:/w", "file:///x", "file:/x"),
            ("s3a://b/w", "/x", "s3a://b/x"),
            ("s3a://b/w", "file:/x", "file:/x"),
        ] {
            let settings = WarehouseSettings::new(root, DeleteMode::Immediate, Some("file:/trash")).unwrap();
            let moved = settings.at(other).unwrap();
            assert_eq!(moved.root, expected);
            assert_eq!((moved.delete, moved.trash), (settings.delete, settings.trash));
        }
    }

    #[test]
    fn what_is_no_folder_is_no_warehouse() {
        for root in [
            "",
            "w",
            "/w",
            "file:w",
            "file:/",
            "file:/w/../x",
            "file:/w/./x",
            "s3a:/w",
            "s3a:///w",
            "s3a://key:secret@bucket/w",
            "s3a://bucket/../w",
        ] {
            let found = WarehouseSettings::new(root, DeleteMode::Keep, None);
            let error = found.unwrap_err();
            assert!(matches!(error, Error::InvalidLocation { .. }), "{root}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        for (root, expected) in [
            ("s3a://bucket", "s3a://bucket"),
            ("s3://bucket//w/", "s3://bucket/w"),
            ("hdfs://nn:8020/w", "hdfs://nn:8020/w"),
        ] {
            let found = WarehouseSettings::new(root, DeleteMode::Keep, None).unwrap();
            assert_eq!(found.root, expected);
        }
        assert!(DeleteMode::parse("later").is_err());
    }
}
