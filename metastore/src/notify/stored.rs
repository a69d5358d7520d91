//! The stored form of an event: a version byte, and a change of the catalog, or an event of the protocol without number
//! and time for what is no change of the catalog.

use bytes::Bytes;
use catalog::changes::Change;
use catalog::codec::{decode_change, encode_change};
use catalog::location::Locator;
use thrift_idl::types::NotificationEvent;
use thrift_idl::{Encoder, Limits, Protocol, decode_with};
use versioning::Error;
use versioning::events::ToldRun;
use versioning::refs::EventRun;

use super::messages::headline;
use super::{Headline, Narrator, Told};
use crate::exception::Failure;
use crate::route::DEFAULT_CATALOG;

const WRITTEN: u8 = 1;
const CHANGE: u8 = 2;
/// The name that Hive 3.1 gives to how its messages are written.
const MESSAGE_FORMAT: &str = "json-0.2";

/// Returns an event as it is stored.
pub(crate) fn store(told: Told) -> EventRun {
    let event = event(told.headline, Some(told.message));
    let mut out = vec![WRITTEN];
    Encoder::new(Protocol::Binary, &mut out).structure(&event);
    EventRun::one(Bytes::from(out))
}

/// Returns the events that tell of a piece of a change as they are stored.
pub(super) fn store_change(change: &Change) -> EventRun {
    let mut out = vec![CHANGE];
    out.extend_from_slice(&encode_change(change));
    EventRun {
        count: u32::try_from(change.told()).unwrap_or(u32::MAX),
        payload: Bytes::from(out),
    }
}

fn event(headline: Headline, message: Option<String>) -> NotificationEvent {
    NotificationEvent {
        event_id: None,
        event_time: None,
        event_type: Some(headline.kind.to_owned()),
        db_name: Some(headline.database),
        table_name: headline.table,
        message,
        message_format: Some(MESSAGE_FORMAT.to_owned()),
        cat_name: Some(DEFAULT_CATALOG.to_owned()),
    }
}

/// A stored event.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Its message is set if it was stored.
    headline: NotificationEvent,
    /// What its message is to be written from, if it was not.
    change: Option<Change>,
    time_us: u64,
}

impl Stored {
    /// Reads the events of a run, in order, each when it is asked for.
    pub(crate) fn read(run: &ToldRun) -> Result<impl Iterator<Item = Stored> + use<>, Error> {
        let corrupt = |message: String| Error::Corrupt {
            what: "event",
            key: run.first.to_string(),
            message,
        };
        let (written, change) = match run.payload.split_first() {
            Some((&WRITTEN, bytes)) => (Some(read_written(bytes).map_err(corrupt)?), None),
            Some((&CHANGE, bytes)) => {
                let change = decode_change(bytes).map_err(|error| corrupt(error.to_string()))?;
                (None, Some(change))
            }
            _ => return Err(corrupt("has an unknown version".into())),
        };
        let count = change.as_ref().map_or(1, Change::told);
        if count as u64 != u64::from(run.count) {
            return Err(corrupt("has another number of events than it was told as".into()));
        }
        let written = written.into_iter().map(|event| (event, None));
        let unwritten = change.into_iter().flat_map(Change::one_by_one).map(unwritten);
        let (numbers, time_us) = (run.first.., run.time_us);
        let numbered = numbers.zip(written.chain(unwritten));
        Ok(numbered.map(move |(number, (event, change))| Stored::new((number, time_us), event, change)))
    }

    fn new((number, time_us): (u64, u64), event: NotificationEvent, change: Option<Change>) -> Stored {
        let headline = NotificationEvent {
            event_id: i64::try_from(number).ok(),
            event_time: Some(i32::try_from(time_us / 1_000_000).unwrap_or(i32::MAX)),
            ..event
        };
        Stored {
            headline,
            change,
            time_us,
        }
    }

    /// Returns the event, perhaps without its message.
    pub(crate) fn headline(&self) -> &NotificationEvent {
        &self.headline
    }

    /// Returns the event for the wire, with the places of `locator`.
    pub(crate) fn event(self, locator: &Locator) -> Result<NotificationEvent, Failure> {
        let number = self.headline.event_id.unwrap_or_default();
        let message = match &self.change {
            Some(change) => {
                let message = Narrator::new(locator.clone(), self.time_us).message(change);
                Some(message.map_err(|failure| of_event(number, failure))?)
            }
            None => self.headline.message,
        };
        Ok(NotificationEvent {
            message,
            ..self.headline
        })
    }
}

/// Says of what cannot be read in which event it is.
fn of_event(number: i64, failure: Failure) -> Failure {
    match failure {
        Failure::Catalog(catalog::Error::Corrupt { what, key, message }) => Error::Corrupt {
            what: "event",
            key: number.to_string(),
            message: format!("its {what} {key} {message}"),
        }
        .into(),
        other => other,
    }
}

/// Returns the event of a change whose message is still to be written.
fn unwritten(change: Change) -> (NotificationEvent, Option<Change>) {
    let event = headline(&change).map(|headline| event(headline, None));
    (event.unwrap_or_default(), Some(change))
}

fn read_written(bytes: &[u8]) -> Result<NotificationEvent, String> {
    // it was written here, and not by a client
    let limits = Limits {
        message_bytes_max: usize::MAX,
        string_bytes_max: usize::MAX,
        decoded_bytes_max: usize::MAX,
        ..Limits::default()
    };
    decode_with(Protocol::Binary, bytes, &limits).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use catalog::OpenTable;
    use catalog::changes::StoredPartition;
    use catalog::model::{Database, Partition, Table};

    use super::*;

    /// Partitions are read when their message is written.
    #[test]
    fn a_damaged_partition_is_told_with_its_event() {
        let partition = StoredPartition::of(&Partition {
            name: "d=1".to_owned(),
            values: vec!["1".to_owned()],
            created_s: Some(77),
            ..Partition::default()
        });
        let run = store_change(&Change::Partitions {
            table: OpenTable {
                database: Database::default(),
                table: Table::default(),
            },
            added: vec![partition.clone()],
            altered: Vec::new(),
            dropped: Vec::new(),
        });
        let mut payload = run.payload.to_vec();
        let length = partition.bytes().len();
        let at = payload
            .windows(length)
            .rposition(|some| some == partition.bytes());
        payload[at.unwrap()] = 99;
        let told = ToldRun {
            first: 7,
            count: 1,
            time_us: 0,
            payload: payload.into(),
        };
        let event = Stored::read(&told).unwrap().next().unwrap();
        assert_eq!(event.headline().event_type.as_deref(), Some("ADD_PARTITION"));
        let locator = Locator::new(
            versioning::RepositoryName::parse("lake").unwrap(),
            &versioning::RefExpr::parse("main").unwrap(),
            "s3a",
        );
        let Failure::Catalog(error) = event.event(&locator).unwrap_err() else {
            panic!("another kind of failure");
        };
        assert_eq!(
            error.to_string(),
            "event 7 is damaged: its partition d=1 has an unknown tag 99"
        );
    }
}
