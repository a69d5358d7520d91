//! Where check and hook files come from: the objects of a commit.

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use versioning::object::Object;
use versioning::{CommitId, Error, KeyRange, RefExpr, Repository, Result, Space};

use crate::check_file::{Broken, CheckSet, FOLDER, is_check_file, parse};
use crate::hook_file::{HOOKS_FOLDER, HookSet, is_hook_file, parse_hooks};

/// How much is read of a repository's check files, and of its hook files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimits {
    /// A larger file is broken.
    pub file_bytes_max: u64,
    /// More files are an error.
    pub files_max: usize,
}

impl Default for FileLimits {
    fn default() -> FileLimits {
        FileLimits {
            file_bytes_max: 64 << 10,
            files_max: 500,
        }
    }
}

/// Returns the checks that a commit holds.
///
/// # Errors
/// Those of reading the commit; [`Error::Refused`] for more files than the limit.
pub async fn checks_at(repository: &Repository, commit: CommitId, limits: &FileLimits) -> Result<CheckSet> {
    let files = read(repository, commit, limits, FOLDER, is_check_file, parse).await?;
    Ok(CheckSet::gather(files))
}

/// Returns the hooks that a commit holds.
///
/// # Errors
/// As [`checks_at`].
pub async fn hooks_at(repository: &Repository, commit: CommitId, limits: &FileLimits) -> Result<HookSet> {
    let files = read(
        repository,
        commit,
        limits,
        HOOKS_FOLDER,
        is_hook_file,
        parse_hooks,
    )
    .await?;
    Ok(HookSet::gather(files))
}

async fn read<T>(
    repository: &Repository,
    commit: CommitId,
    limits: &FileLimits,
    folder: &str,
    is_one: fn(&str) -> bool,
    parse: fn(&str, &[u8]) -> std::result::Result<T, Broken>,
) -> Result<Vec<std::result::Result<T, Broken>>> {
    let mut files = Vec::new();
    for (path, object) in list(repository, commit, limits.files_max, (folder, is_one)).await? {
        files.push(if object.size() > limits.file_bytes_max {
            let message = format!("is larger than {} bytes", limits.file_bytes_max);
            let at = None;
            Err(Broken { path, at, message })
        } else {
            parse(&path, &content(repository, &object).await?)
        });
    }
    Ok(files)
}

async fn list(
    repository: &Repository,
    commit: CommitId,
    files_max: usize,
    (folder, is_one): (&str, fn(&str) -> bool),
) -> Result<Vec<(String, Object)>> {
    let view = repository.view(&RefExpr::from(commit)).await?;
    let mut scan = view.scan(Space::Objects, KeyRange::prefix(folder.as_bytes().to_vec()));
    let mut found = Vec::new();
    while let Some(entry) = scan.next().await? {
        let path = String::from_utf8_lossy(entry.key).into_owned();
        if !is_one(&path) {
            continue;
        }
        if found.len() == files_max {
            let reason = format!("there are more than {files_max} files below {folder}");
            return Err(Error::Refused {
                operation: "reading the checks and hooks",
                reason,
            });
        }
        let object = Object::decode(entry.key, entry.payload)?;
        found.push((path, object));
    }
    Ok(found)
}

async fn content(repository: &Repository, object: &Object) -> Result<Bytes> {
    let mut pieces = repository.read(object, 0..object.size());
    let mut content = BytesMut::new();
    while let Some(piece) = pieces.try_next().await? {
        content.extend_from_slice(&piece);
    }
    Ok(content.freeze())
}
