//! Notifications: what replication and Impala read to follow a branch.
//!
//! An event rides in the same batch as the change that it tells of, so the order of events is that of the
//! effects, and each change is told once. Messages are those of Hive 3.1 (`json-0.2`): JSON objects in which
//! databases, tables and partitions stand as Thrift's JSON.

mod json;
mod messages;
mod moves;
mod stored;

use bytes::Bytes;
use catalog::changes::{self, Change};
use catalog::location::Locator;
use catalog::{Draft, Snapshot};

use crate::convert::Names;
use crate::exception::Failure;
use crate::route::DEFAULT_CATALOG;

pub(crate) use self::messages::{Inserted, insert};
pub use self::moves::HeadMoves;
pub(crate) use self::stored::{from_stored, to_stored};

/// How many partitions one event tells of at most, so that no message grows without bound.
const PARTITIONS_MAX: usize = 1_000;

/// An event before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: &'static str,
    pub(crate) database: String,
    pub(crate) table: Option<String>,
    pub(crate) message: String,
}

/// Tells of changes at one ref and one time. Everybody who follows a branch is told the same, whatever names the
/// change was asked for with: databases without a suffix, and the catalog that all clients know.
#[derive(Debug, Clone)]
pub(crate) struct Narrator {
    locator: Locator,
    now_s: i64,
}

impl Narrator {
    /// Returns the narrator of what happens at the ref of `locator`.
    pub(crate) fn new(locator: Locator, now_us: u64) -> Narrator {
        let now_s = i64::try_from(now_us / 1_000_000).unwrap_or(i64::MAX);
        Narrator { locator, now_s }
    }

    pub(crate) fn names(&self, database: &str) -> Names {
        Names {
            catalog: DEFAULT_CATALOG.to_owned(),
            database: database.to_owned(),
            locator: self.locator.clone(),
        }
    }

    /// Tells of what a draft has changed since `before`; most of it is in the database `near`.
    pub(crate) async fn tell(&self, before: &Snapshot, draft: &mut Draft, near: &str) -> Result<(), Failure> {
        let changes = changes::of_draft(before, draft, near).await?;
        for event in self.events(&changes)? {
            draft.tell(&event)?;
        }
        Ok(())
    }

    /// Returns the events that tell of changes, as they are stored.
    pub(crate) fn events(&self, changes: &[Change]) -> Result<Vec<Bytes>, Failure> {
        let mut events = Vec::new();
        for change in changes {
            for told in self.of_change(change)? {
                events.push(to_stored(told));
            }
        }
        Ok(events)
    }
}
