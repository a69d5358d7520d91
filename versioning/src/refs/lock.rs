//! The lock of the folder of an embedded store: one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

const FILE_NAME: &str = "skep.lock";
/// More than any process id has digits.
const PID_BYTES_MAX: u64 = 32;

/// A lock that this process holds on a folder as long as the value lives.
///
/// An advisory lock of the operating system on the file `skep.lock`, which stays when the lock goes: only the
/// lock counts, not the file. It ends with the process, however that ends.
#[derive(Debug)]
pub struct FolderLock {
    /// Holds the lock; closing it releases.
    _file: File,
    folder: PathBuf,
}

impl FolderLock {
    /// Locks `folder`, which has to exist, and notes our process id in its lock file.
    ///
    /// # Errors
    /// [`Error::InUse`] with the id of the process that holds the lock, which is 0 in the instant in which it
    /// is not noted yet; [`Error::NoSpace`]; [`Error::Storage`].
    pub fn acquire(folder: &Path) -> Result<FolderLock> {
        let path = folder.join(FILE_NAME);
        let failed = |e: std::io::Error| failure(&path, &e);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::InUse {
                    folder: folder.display().to_string(),
                    pid: read_pid(&mut file),
                });
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        note_pid(&mut file).map_err(failed)?;
        Ok(FolderLock {
            _file: file,
            folder: folder.to_owned(),
        })
    }

    /// Returns the locked folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn failure(path: &Path, e: &std::io::Error) -> Error {
    let operation = "locking the folder";
    match e.kind() {
        ErrorKind::StorageFull => Error::NoSpace { operation },
        _ => Error::Storage {
            operation,
            message: format!("{}: {e}", path.display()),
        },
    }
}

fn note_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_pid(file: &mut File) -> u32 {
    let mut text = String::new();
    match file.take(PID_BYTES_MAX).read_to_string(&mut text) {
        Ok(_) => text.trim().parse().unwrap_or(0),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_user() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::acquire(folder.path()).unwrap();
        assert_eq!(lock.folder(), folder.path());
        let Err(Error::InUse { pid, folder: named }) = FolderLock::acquire(folder.path()) else {
            panic!("locked twice")
        };
        assert_eq!(pid, std::process::id());
        assert_eq!(named, folder.path().display().to_string());
        drop(lock);
        FolderLock::acquire(folder.path()).unwrap();
    }

    #[test]
    fn what_an_earlier_process_left_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, "4000000000 and a long rest of something").unwrap();
        let lock = FolderLock::acquire(folder.path()).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            format!("{}\n", std::process::id())
        );
        std::fs::write(&path, "not a number").unwrap();
        assert!(matches!(
            FolderLock::acquire(folder.path()),
            Err(Error::InUse { pid: 0, .. })
        ));
        drop(lock);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("nowhere");
        let Err(Error::Storage { message, .. }) = FolderLock::acquire(&missing) else {
            panic!("locked what is not there")
        };
        assert!(message.contains("nowhere"), "{message}");
    }
}
