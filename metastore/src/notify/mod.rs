//! Notifications: what replication and Impala read to follow a branch.
//!
//! An event rides in the same batch as the change that it tells of, so the order of events is that of the
//! effects, and each change is told once. Messages are those of Hive 3.1 (`json-0.2`): JSON objects in which
//! databases, tables and partitions stand as Thrift's JSON. What is stored is the change; its message, ten times as
//! long, is written when somebody reads it. Partitions altered by one call are events of their own that are stored as a run, and
//! so is what one call says of the statistics of many.

mod constraints;
mod json;
mod messages;
mod moves;
mod statistics;
mod stored;
mod weight;

use catalog::changes::{self, Change, StoredPartition};
use catalog::location::Locator;
use catalog::{Draft, Snapshot};
use versioning::refs::EventRun;

use crate::convert::Names;
use crate::exception::Failure;
use crate::route::DEFAULT_CATALOG;

use self::messages::headline;
pub(crate) use self::messages::{Inserted, insert};
pub use self::moves::HeadMoves;
use self::stored::store_change;
pub(crate) use self::stored::{Stored, store};
use self::weight::Weights;

/// How many partitions one event tells of at most. Its message repeats the columns for each of them.
const PARTITIONS_MAX: usize = 1_000;
/// Of how many bytes, as [`Weights::of_partition`] estimates them, the partitions in a message are at most, unless it is
/// a single one. Clients read no more than 100 MB at once, and an answer holds 32 MB before its last event.
const PARTITION_BYTES_MAX: usize = 8 << 20;

/// What stands over the message of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Headline {
    pub(crate) kind: &'static str,
    pub(crate) database: String,
    pub(crate) table: Option<String>,
}

/// An event before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) headline: Headline,
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
}

/// Tells of what a draft has changed since `before`; most of it is in the database `near`.
pub(crate) async fn tell(before: &Snapshot, draft: &mut Draft, near: &str) -> Result<(), Failure> {
    let changes = changes::of_draft(before, draft, near).await?;
    for run in events(changes) {
        draft.tell(&run)?;
    }
    Ok(())
}

/// Returns the events that tell of changes, as they are stored.
pub(crate) fn events(changes: Vec<Change>) -> Vec<EventRun> {
    let mut weights = Weights::default();
    let mut weigh = |partition: &StoredPartition| weights.of_partition(partition);
    let pieces = changes
        .into_iter()
        .flat_map(|change| change.pieces(PARTITIONS_MAX, PARTITION_BYTES_MAX, &mut weigh));
    let told = pieces.filter(|piece| headline(piece).is_some());
    told.map(|piece| store_change(&piece)).collect()
}
