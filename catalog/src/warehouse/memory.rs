//! A warehouse in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Warehouse, is_within, parent};
use crate::draft::FolderStatistics;
use crate::location::hadoop_uri;
use crate::{Error, Result};

/// Folders and files in memory, by URI. It has no trash.
#[derive(Debug)]
pub struct MemoryWarehouse {
    root: String,
    /// What is there: the size of a file, `None` for a folder.
    entries: Arc<Mutex<BTreeMap<String, Option<u64>>>>,
}

impl MemoryWarehouse {
    /// Returns an empty warehouse at `root`, such as `file:/w`.
    pub fn new(root: &str) -> MemoryWarehouse {
        MemoryWarehouse {
            root: hadoop_uri(root),
            entries: Arc::default(),
        }
    }

    /// Returns a warehouse at another place of the same file system.
    pub fn at(&self, root: &str) -> MemoryWarehouse {
        MemoryWarehouse {
            root: hadoop_uri(root),
            entries: Arc::clone(&self.entries),
        }
    }

    /// Puts a file of that size, in place of what is there.
    pub fn put_file(&self, uri: &str, bytes: u64) {
        self.entries().insert(uri.to_owned(), Some(bytes));
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Option<u64>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, operation: &'static str, uri: &str) -> Result<String> {
        let known = self
            .qualify(uri)
            .filter(|uri| uri.split('/').all(|part| part != ".."));
        known.ok_or_else(|| failed(operation, uri, "it is no place of this warehouse"))
    }
}

fn failed(operation: &'static str, uri: &str, message: &str) -> Error {
    Error::Folder {
        operation,
        uri: uri.to_owned(),
        message: message.to_owned(),
    }
}

#[async_trait]
impl Warehouse for MemoryWarehouse {
    fn root(&self) -> &str {
        &self.root
    }

    fn qualify(&self, uri: &str) -> Option<String> {
        let uri = hadoop_uri(uri);
        uri.starts_with("file:/").then_some(uri)
    }

    async fn has_dir(&self, uri: &str) -> Result<bool> {
        let uri = self.check("looking for", uri)?;
        Ok(self.entries().get(&uri) == Some(&None))
    }

    async fn make_dir(&self, uri: &str) -> Result<Vec<String>> {
        let uri = self.check("making", uri)?;
        let mut entries = self.entries();
        let mut missing = Vec::new();
        let mut at = Some(uri.as_str());
        while let Some(folder) = at {
            match entries.get(folder) {
                None => missing.push(folder.to_owned()),
                Some(None) => break,
                Some(Some(_)) => return Err(failed("making", &uri, "a file is in the way")),
            }
            at = parent(folder);
        }
        missing.reverse();
        entries.extend(missing.iter().map(|folder| (folder.clone(), None)));
        Ok(missing)
    }

    async fn move_dir(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.check("moving", from)?, self.check("moving", to)?);
        if self.entries().contains_key(&to) || is_within(&to, &from) {
            return Err(failed("moving", &from, "something is at its new place"));
        }
        if self.entries().get(&from) != Some(&None) {
            return Err(failed("moving", &from, "it is not there"));
        }
        if let Some(parent) = parent(&to) {
            self.make_dir(parent).await?;
        }
        let mut entries = self.entries();
        let moved: Vec<String> = entries
            .keys()
            .filter(|uri| is_within(uri, &from))
            .cloned()
            .collect();
        for uri in moved {
            if let Some(entry) = entries.remove(&uri) {
                entries.insert(format!("{to}{}", &uri[from.len()..]), entry);
            }
        }
        Ok(())
    }

    async fn remove_dir(&self, uri: &str, _purge: bool) -> Result<()> {
        let uri = self.check("removing", uri)?;
        if is_within(&self.root, &uri) {
            return Err(failed("removing", &uri, "the warehouse lies in it"));
        }
        self.entries().retain(|entry, _| !is_within(entry, &uri));
        Ok(())
    }

    async fn remove_empty_dir(&self, uri: &str) -> Result<bool> {
        let uri = self.check("removing", uri)?;
        let mut entries = self.entries();
        let is_empty = entries.keys().filter(|entry| is_within(entry, &uri)).count() == 1;
        let goes = is_empty && entries.get(&uri) == Some(&None);
        if goes {
            entries.remove(&uri);
        }
        Ok(goes)
    }

    async fn folder_statistics(&self, uri: &str) -> Result<FolderStatistics> {
        let uri = self.check("listing", uri)?;
        let mut found = FolderStatistics::default();
        for (entry, bytes) in self.entries().iter() {
            if let (Some(rest), Some(bytes)) = (entry.strip_prefix(&format!("{uri}/")), bytes) {
                found.add(rest, *bytes);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warehouse::conformance;

    #[test]
    fn it_conforms() {
        let warehouse = MemoryWarehouse::new("file:/w");
        futures::executor::block_on(conformance(&warehouse, |uri, bytes| {
            warehouse.put_file(uri, bytes.len() as u64);
        }));
    }
}
