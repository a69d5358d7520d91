//! Plain warehouses on the file system of this machine.

use std::io::{Error as IoError, ErrorKind};
use std::path::{Component, Path, PathBuf};

use async_trait::async_trait;
use catalog::draft::FolderStatistics;
use catalog::location::hadoop_uri;
use catalog::{Error, Result, Warehouse, WarehouseSettings};

const SCHEME: &str = "file:";

/// How many folders of one name may be in the trash.
const SAME_NAMES_MAX: u32 = 100_000;

/// Folders of this machine's file system. URIs are not decoded: `%2F` is a name, as for Hadoop.
#[derive(Debug, Clone)]
pub struct FileWarehouse {
    uri: String,
    root: PathBuf,
    trash: Option<PathBuf>,
    /// A folder that is nobody's table, wherever a client says that one lies: the server's own.
    kept: Option<PathBuf>,
}

impl FileWarehouse {
    /// Returns the warehouse that the settings name; `None` if it, or its trash, is of another scheme.
    pub fn new(settings: &WarehouseSettings) -> Option<FileWarehouse> {
        let trash = settings.trash.as_deref().map(|uri| path_of(uri).ok_or(()));
        Some(FileWarehouse {
            uri: settings.root.clone(),
            root: path_of(&settings.root)?,
            trash: trash.transpose().ok()?,
            kept: None,
        })
    }

    /// Returns the same, by which nothing in `folder`, and no folder that it lies in, is removed or moved.
    #[must_use]
    pub fn keeping(self, folder: &Path) -> FileWarehouse {
        FileWarehouse {
            kept: Some(folder.to_owned()),
            ..self
        }
    }

    /// Runs `work` on the path of a URI where it may block.
    async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        uri: &str,
        work: impl FnOnce(FileWarehouse, PathBuf) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let failed = |message: String| Error::Folder {
            operation,
            uri: uri.to_owned(),
            message,
        };
        let path = path_of(uri).ok_or_else(|| failed("it is no folder of this machine".into()))?;
        let warehouse = self.clone();
        match tokio::task::spawn_blocking(move || work(warehouse, path)).await {
            Ok(done) => done.map_err(|error| failed(error.to_string())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Fails for a folder that the warehouse lies in, and so for the root of the file system, and for the server's own.
    fn check_removable(&self, path: &Path) -> std::io::Result<()> {
        let trash_in_it = self.trash.as_ref().is_some_and(|trash| trash.starts_with(path));
        if self.root.starts_with(path) || trash_in_it {
            return Err(IoError::new(
                ErrorKind::PermissionDenied,
                "the warehouse lies in it",
            ));
        }
        if let Some(kept) = self.kept.as_ref().and_then(|kept| kept.canonicalize().ok())
            && let Ok(real) = path.canonicalize()
            && (kept.starts_with(&real) || real.starts_with(&kept))
        {
            let message = "the server keeps its own data there, and no table's";
            return Err(IoError::new(ErrorKind::PermissionDenied, message));
        }
        Ok(())
    }

    fn remove(&self, path: &Path, purge: bool) -> std::io::Result<()> {
        self.check_removable(path)?;
        let Ok(found) = path.symlink_metadata() else {
            return Ok(());
        };
        match &self.trash {
            Some(trash) if !purge && !path.starts_with(trash) => to_trash(path, trash),
            // never through a link: what it leads to is not of this folder
            _ if found.is_dir() => std::fs::remove_dir_all(path),
            _ => std::fs::remove_file(path),
        }
    }
}

/// Returns the path of a URI; `None` for other schemes, relative paths, and those with `..`.
fn path_of(uri: &str) -> Option<PathBuf> {
    let spelled = hadoop_uri(uri);
    let path = PathBuf::from(local(&spelled)?);
    let is_sound = path
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    is_sound.then_some(path)
}

/// Returns the absolute path in a URI as Hadoop spells it; `None` for one of another scheme, or of another machine.
fn local(spelled: &str) -> Option<&str> {
    let path = spelled.strip_prefix(SCHEME).unwrap_or(spelled);
    (path.starts_with('/') && !path.starts_with("//")).then_some(path)
}

fn spell(path: &Path) -> String {
    format!("{SCHEME}{}", path.display())
}

/// Makes a folder and those above it; returns those that were missing, the highest first.
fn make(path: &Path) -> std::io::Result<Vec<String>> {
    let mut missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    missing.reverse();
    if missing.is_empty() && !path.is_dir() {
        return Err(IoError::new(ErrorKind::AlreadyExists, "a file is in the way"));
    }
    std::fs::create_dir_all(path).inspect_err(|_| {
        // what was made of it goes again: only what is empty can be removed so
        for folder in missing.iter().rev() {
            drop(std::fs::remove_dir(folder));
        }
    })?;
    Ok(missing.into_iter().map(spell).collect())
}

fn relocate(from: &Path, to: &Path) -> std::io::Result<()> {
    if to.symlink_metadata().is_ok() {
        return Err(IoError::new(
            ErrorKind::AlreadyExists,
            "something is at its new place",
        ));
    }
    if to.starts_with(from) {
        return Err(IoError::new(ErrorKind::InvalidInput, "its new place lies in it"));
    }
    from.symlink_metadata()?;
    if let Some(parent) = to.parent() {
        make(parent)?;
    }
    std::fs::rename(from, to)
}

/// Moves a folder to the trash, below `Current` at its own path as Hadoop does, with a number behind its name where
/// one of that name is there already.
fn to_trash(path: &Path, trash: &Path) -> std::io::Result<()> {
    let inside = path.strip_prefix("/").unwrap_or(path);
    let wanted = trash.join("Current").join(inside);
    let name = wanted.file_name().unwrap_or_default().to_owned();
    for number in 0..SAME_NAMES_MAX {
        let mut name = name.clone();
        if number > 0 {
            name.push(format!(".{number}"));
        }
        match relocate(path, &wanted.with_file_name(name)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            moved => return moved,
        }
    }
    Err(IoError::new(
        ErrorKind::AlreadyExists,
        "the trash is full of that name",
    ))
}

/// Counts the files below a folder; what it links to is not looked into.
fn count(folder: &Path, rest: &str, found: &mut FolderStatistics) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let rest = format!("{rest}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            count(&entry.path(), &format!("{rest}/"), found)?;
        } else {
            found.add(&rest, entry.metadata()?.len());
        }
    }
    Ok(())
}

#[async_trait]
impl Warehouse for FileWarehouse {
    fn root(&self) -> &str {
        &self.uri
    }

    fn qualify(&self, uri: &str) -> Option<String> {
        let spelled = hadoop_uri(uri);
        local(&spelled).map(|path| format!("{SCHEME}{path}"))
    }

    async fn has_dir(&self, uri: &str) -> Result<bool> {
        self.run("looking for", uri, |_, path| Ok(path.is_dir())).await
    }

    async fn make_dir(&self, uri: &str) -> Result<Vec<String>> {
        self.run("making", uri, |_, path| make(&path)).await
    }

    async fn move_dir(&self, from: &str, to: &str) -> Result<()> {
        let target = path_of(to).ok_or_else(|| Error::Folder {
            operation: "moving to",
            uri: to.to_owned(),
            message: "it is no folder of this machine".into(),
        })?;
        self.run("moving", from, move |warehouse, path| {
            warehouse.check_removable(&path)?;
            relocate(&path, &target)
        })
        .await
    }

    async fn remove_dir(&self, uri: &str, purge: bool) -> Result<()> {
        self.run("removing", uri, move |warehouse, path| {
            warehouse.remove(&path, purge)
        })
        .await
    }

    async fn remove_empty_dir(&self, uri: &str) -> Result<bool> {
        self.run("removing", uri, |warehouse, path| {
            warehouse.check_removable(&path)?;
            match std::fs::remove_dir(&path) {
                Ok(()) => Ok(true),
                Err(error) => match error.kind() {
                    ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory => {
                        Ok(false)
                    }
                    _ => Err(error),
                },
            }
        })
        .await
    }

    async fn folder_statistics(&self, uri: &str) -> Result<FolderStatistics> {
        self.run("listing", uri, |_, path| {
            let mut found = FolderStatistics::default();
            if path.is_dir() {
                count(&path, "", &mut found)?;
            }
            Ok(found)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use catalog::warehouse::{DeleteMode, conformance};

    use super::*;

    fn warehouse(folder: &Path, trash: Option<&Path>) -> FileWarehouse {
        let trash = trash.map(spell);
        let root = spell(&folder.join("w"));
        let settings = WarehouseSettings::new(&root, DeleteMode::Immediate, trash.as_deref()).unwrap();
        std::fs::create_dir(folder.join("w")).unwrap();
        FileWarehouse::new(&settings).unwrap()
    }

    fn put(uri: &str, bytes: &[u8]) {
        std::fs::write(path_of(uri).unwrap(), bytes).unwrap();
    }

    #[tokio::test]
    async fn it_conforms() {
        let folder = tempfile::tempdir().unwrap();
        conformance(&warehouse(folder.path(), None), put).await;
    }

    #[tokio::test]
    async fn it_conforms_with_trash() {
        let folder = tempfile::tempdir().unwrap();
        let trash = folder.path().join("trash");
        conformance(&warehouse(folder.path(), Some(&trash)), put).await;
    }

    #[tokio::test]
    async fn what_is_removed_is_in_the_trash() {
        let folder = tempfile::tempdir().unwrap();
        let trash = folder.path().join("trash");
        let warehouse = warehouse(folder.path(), Some(&trash));
        let table = format!("{}/t", warehouse.root());
        for _ in 0..2 {
            warehouse.make_dir(&table).await.unwrap();
            put(&format!("{table}/file"), b"x");
            warehouse.remove_dir(&table, false).await.unwrap();
        }
        let inside = folder.path().join("w").strip_prefix("/").unwrap().to_owned();
        let inside = trash.join("Current").join(inside);
        assert!(inside.join("t/file").exists() && inside.join("t.1/file").exists());
        let kept = warehouse.remove_dir(&spell(&trash), true).await;
        assert!(kept.is_err());
    }

    #[tokio::test]
    async fn links_are_not_followed_when_removing() {
        let folder = tempfile::tempdir().unwrap();
        let warehouse = warehouse(folder.path(), None);
        let outside = folder.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("file"), b"x").unwrap();
        let table = format!("{}/t", warehouse.root());
        warehouse.make_dir(&table).await.unwrap();
        std::os::unix::fs::symlink(&outside, path_of(&format!("{table}/link")).unwrap()).unwrap();
        warehouse.remove_dir(&table, true).await.unwrap();
        assert!(outside.join("file").exists());
    }

    #[tokio::test]
    async fn the_servers_own_data_is_no_tables() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        std::fs::create_dir_all(own.join("objects/a")).unwrap();
        let warehouse = warehouse(folder.path(), None).keeping(&own);
        let link = format!("{}/link", warehouse.root());
        std::os::unix::fs::symlink(&own, path_of(&link).unwrap()).unwrap();
        for uri in [
            spell(&own),
            spell(&own.join("objects")),
            format!("{link}/objects"),
        ] {
            warehouse.remove_dir(&uri, true).await.unwrap_err();
            let to = format!("{}/moved", warehouse.root());
            warehouse.move_dir(&uri, &to).await.unwrap_err();
        }
        assert!(own.join("objects/a").exists());
        warehouse
            .make_dir(&spell(&folder.path().join("other")))
            .await
            .unwrap();
        warehouse
            .remove_dir(&spell(&folder.path().join("other")), true)
            .await
            .unwrap();
    }

    #[test]
    fn other_machines_are_not_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let warehouse = warehouse(folder.path(), None);
        assert_eq!(warehouse.qualify("file://host/w"), None);
        assert_eq!(path_of("file://host/w"), None);
    }

    #[test]
    fn other_schemes_are_not_opened() {
        let settings = |root, trash| WarehouseSettings::new(root, DeleteMode::Keep, trash).unwrap();
        assert!(FileWarehouse::new(&settings("s3a://b/w", None)).is_none());
        assert!(FileWarehouse::new(&settings("file:/w", Some("hdfs://nn/trash"))).is_none());
    }
}
