//! The stored form of an event: a version byte, and the event of the protocol without number and time.

use bytes::Bytes;
use thrift_idl::types::NotificationEvent;
use thrift_idl::{Encoder, Limits, Protocol, decode_with};
use versioning::Error;
use versioning::refs::EventRecord;

use super::Told;
use crate::route::DEFAULT_CATALOG;

const FORMAT: u8 = 1;
/// The name that Hive 3.1 gives to how its messages are written.
const MESSAGE_FORMAT: &str = "json-0.2";

/// Returns an event as it is stored.
pub(crate) fn to_stored(told: Told) -> Bytes {
    let event = NotificationEvent {
        event_id: None,
        event_time: None,
        event_type: Some(told.kind.to_owned()),
        db_name: Some(told.database),
        table_name: told.table,
        message: Some(told.message),
        message_format: Some(MESSAGE_FORMAT.to_owned()),
        cat_name: Some(DEFAULT_CATALOG.to_owned()),
    };
    let mut out = vec![FORMAT];
    Encoder::new(Protocol::Binary, &mut out).structure(&event);
    Bytes::from(out)
}

/// Returns a stored event for the wire.
pub(crate) fn from_stored(stored: &EventRecord) -> Result<NotificationEvent, Error> {
    let corrupt = |message: String| Error::Corrupt {
        what: "event",
        key: stored.number.to_string(),
        message,
    };
    let Some((&FORMAT, bytes)) = stored.payload.split_first() else {
        return Err(corrupt("has an unknown version".into()));
    };
    // it was written here, and not by a client
    let limits = Limits {
        message_bytes_max: usize::MAX,
        string_bytes_max: usize::MAX,
        decoded_bytes_max: usize::MAX,
        ..Limits::default()
    };
    let event: NotificationEvent =
        decode_with(Protocol::Binary, bytes, &limits).map_err(|error| corrupt(error.to_string()))?;
    Ok(NotificationEvent {
        event_id: i64::try_from(stored.number).ok(),
        event_time: Some(i32::try_from(stored.time_us / 1_000_000).unwrap_or(i32::MAX)),
        ..event
    })
}
