//! Partitions that clients of HCatalog marked: that a load of one is done, so that others can go on.

use std::collections::BTreeSet;

use bytes::Bytes;
use versioning::codec::DecodeError;
use versioning::state::{Changes, Stateful};

use super::record::SEPARATOR;

/// The marks of partitions of a repository, by the keys of their records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks(BTreeSet<String>);

/// A partition and an event that it can be marked for.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) reference: String,
    pub(crate) database: String,
    pub(crate) table: String,
    /// The partition's name; it need not be there.
    pub(crate) partition: String,
    pub(crate) event: i32,
}

impl Mark {
    fn key(&self) -> String {
        let event = self.event.to_string();
        [
            &self.reference,
            &self.database,
            &self.table,
            &self.partition,
            &event,
        ]
        .map(String::as_str)
        .join(SEPARATOR)
    }
}

impl Stateful for Marks {
    const NAMESPACE: &'static str = "hive-marks";

    fn apply(&mut self, key: &str, value: Option<&Bytes>) -> Result<(), DecodeError> {
        match value {
            Some(_) => self.0.insert(key.to_owned()),
            None => self.0.remove(key),
        };
        Ok(())
    }
}

impl Marks {
    /// Marks a partition.
    pub(crate) fn mark(mark: &Mark) -> Changes {
        vec![(mark.key(), Some(Bytes::from_static(b"1")))]
    }

    /// Returns whether a partition is marked.
    pub(crate) fn has(&self, mark: &Mark) -> bool {
        self.0.contains(&mark.key())
    }
}
