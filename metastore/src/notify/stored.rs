//! The stored form of an event: a version byte, and a change of the catalog, or an event of the protocol without number
//! and time for what is no change of the catalog.

use bytes::Bytes;
use catalog::changes::Change;
use catalog::codec::{decode_change, encode_change};
use catalog::location::Locator;
use thrift_idl::types::NotificationEvent;
use thrift_idl::{Encoder, Limits, Protocol, decode_with};
use versioning::Error;
use versioning::refs::EventRecord;

use super::messages::headline;
use super::{Headline, Narrator, Told};
use crate::exception::Failure;
use crate::route::DEFAULT_CATALOG;

const WRITTEN: u8 = 1;
const CHANGE: u8 = 2;
/// The name that Hive 3.1 gives to how its messages are written.
const MESSAGE_FORMAT: &str = "json-0.2";

/// Returns an event as it is stored.
pub(crate) fn store(told: Told) -> Bytes {
    let event = event(told.headline, Some(told.message));
    let mut out = vec![WRITTEN];
    Encoder::new(Protocol::Binary, &mut out).structure(&event);
    Bytes::from(out)
}

/// Returns the event that tells of a change as it is stored.
pub(super) fn store_change(change: &Change) -> Bytes {
    let mut out = vec![CHANGE];
    out.extend_from_slice(&encode_change(change));
    Bytes::from(out)
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
    /// Reads an event of the log.
    pub(crate) fn read(record: &EventRecord) -> Result<Stored, Error> {
        let corrupt = |message: String| Error::Corrupt {
            what: "event",
            key: record.number.to_string(),
            message,
        };
        let (unnumbered, change) = match record.payload.split_first() {
            Some((&WRITTEN, bytes)) => (read_written(bytes).map_err(corrupt)?, None),
            Some((&CHANGE, bytes)) => {
                let change = decode_change(bytes).map_err(|error| corrupt(error.to_string()))?;
                let event = headline(&change).map(|headline| event(headline, None));
                (event.unwrap_or_default(), Some(change))
            }
            _ => return Err(corrupt("has an unknown version".into())),
        };
        let headline = NotificationEvent {
            event_id: i64::try_from(record.number).ok(),
            event_time: Some(i32::try_from(record.time_us / 1_000_000).unwrap_or(i32::MAX)),
            ..unnumbered
        };
        Ok(Stored {
            headline,
            change,
            time_us: record.time_us,
        })
    }

    /// Returns the event, perhaps without its message.
    pub(crate) fn headline(&self) -> &NotificationEvent {
        &self.headline
    }

    /// Returns the event for the wire, with the places of `locator`.
    pub(crate) fn event(self, locator: &Locator) -> Result<NotificationEvent, Failure> {
        let message = match &self.change {
            Some(change) => Some(Narrator::new(locator.clone(), self.time_us).message(change)?),
            None => self.headline.message,
        };
        Ok(NotificationEvent {
            message,
            ..self.headline
        })
    }
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
