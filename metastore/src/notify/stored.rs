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
use super::{Narrator, Told};
use crate::exception::Failure;
use crate::route::DEFAULT_CATALOG;

const WRITTEN: u8 = 1;
const CHANGE: u8 = 2;
/// The name that Hive 3.1 gives to how its messages are written.
const MESSAGE_FORMAT: &str = "json-0.2";

/// Returns an event as it is stored.
pub(crate) fn store(told: Told) -> Bytes {
    let event = event(told);
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

fn event(told: Told) -> NotificationEvent {
    NotificationEvent {
        event_id: None,
        event_time: None,
        event_type: Some(told.headline.kind.to_owned()),
        db_name: Some(told.headline.database),
        table_name: told.headline.table,
        message: Some(told.message),
        message_format: Some(MESSAGE_FORMAT.to_owned()),
        cat_name: Some(DEFAULT_CATALOG.to_owned()),
    }
}

/// A stored event.
#[derive(Debug)]
pub(crate) struct Stored {
    number: u64,
    time_us: u64,
    body: Body,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "looked at once, where it is read")]
enum Body {
    Written(NotificationEvent),
    Change(Change),
}

impl Stored {
    /// Reads an event of the log.
    pub(crate) fn read(record: &EventRecord) -> Result<Stored, Error> {
        let corrupt = |message: String| Error::Corrupt {
            what: "event",
            key: record.number.to_string(),
            message,
        };
        let body = match record.payload.split_first() {
            Some((&WRITTEN, bytes)) => read_written(bytes).map_err(corrupt)?,
            Some((&CHANGE, bytes)) => {
                Body::Change(decode_change(bytes).map_err(|error| corrupt(error.to_string()))?)
            }
            _ => return Err(corrupt("has an unknown version".into())),
        };
        Ok(Stored {
            number: record.number,
            time_us: record.time_us,
            body,
        })
    }

    /// Returns the event without its message.
    pub(crate) fn headline(&self) -> NotificationEvent {
        let event = match &self.body {
            Body::Written(event) => NotificationEvent {
                message: None,
                ..event.clone()
            },
            Body::Change(change) => headline(change).map_or_else(NotificationEvent::default, |headline| {
                event(Told {
                    headline,
                    message: String::new(),
                })
            }),
        };
        self.numbered(event)
    }

    /// Returns the event for the wire, with the places of `locator`.
    pub(crate) fn event(self, locator: &Locator) -> Result<NotificationEvent, Failure> {
        let narrator = Narrator::new(locator.clone(), self.time_us);
        let message = match &self.body {
            Body::Written(event) => event.message.clone(),
            Body::Change(change) => Some(narrator.message(change)?),
        };
        Ok(NotificationEvent {
            message,
            ..self.headline()
        })
    }

    fn numbered(&self, event: NotificationEvent) -> NotificationEvent {
        NotificationEvent {
            event_id: i64::try_from(self.number).ok(),
            event_time: Some(i32::try_from(self.time_us / 1_000_000).unwrap_or(i32::MAX)),
            ..event
        }
    }
}

fn read_written(bytes: &[u8]) -> Result<Body, String> {
    // it was written here, and not by a client
    let limits = Limits {
        message_bytes_max: usize::MAX,
        string_bytes_max: usize::MAX,
        decoded_bytes_max: usize::MAX,
        ..Limits::default()
    };
    let event = decode_with(Protocol::Binary, bytes, &limits).map_err(|error| error.to_string())?;
    Ok(Body::Written(event))
}
