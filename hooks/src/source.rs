//! Where check files come from: the objects of a commit.

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use versioning::object::Object;
use versioning::{CommitId, Error, KeyRange, RefExpr, Repository, Result, Space};

use crate::check_file::{Broken, CheckSet, FOLDER, is_check_file, parse};

/// How much is read of a repository's check files.
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
    let mut files = Vec::new();
    for (path, object) in list(repository, commit, limits.files_max).await? {
        files.push(if object.size() > limits.file_bytes_max {
            let message = format!("is larger than {} bytes", limits.file_bytes_max);
            Err(Broken {
                path,
                at: None,
                message,
            })
        } else {
            parse(&path, &content(repository, &object).await?)
        });
    }
    Ok(CheckSet::gather(files))
}

async fn list(repository: &Repository, commit: CommitId, files_max: usize) -> Result<Vec<(String, Object)>> {
    let view = repository.view(&RefExpr::from(commit)).await?;
    let mut scan = view.scan(Space::Objects, KeyRange::prefix(FOLDER.as_bytes()));
    let mut found = Vec::new();
    while let Some(entry) = scan.next().await? {
        let path = String::from_utf8_lossy(entry.key).into_owned();
        if !is_check_file(&path) {
            continue;
        }
        if found.len() == files_max {
            let reason = format!("there are more than {files_max} check files below {FOLDER}");
            return Err(Error::Refused {
                operation: "reading the checks",
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
