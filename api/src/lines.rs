//! Answers that are lines of JSON, sent a few at a time.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use serde::Serialize;

/// The media type of lines that are JSON each.
pub const JSON_LINES: &str = "application/x-ndjson";
/// How many lines are sent at a time, if they are there.
const AT_ONCE: usize = 32;

/// Returns the answer that sends `lines`.
pub(crate) fn json_lines<T: Serialize + Send + 'static>(
    lines: impl Stream<Item = T> + Send + 'static,
) -> Response {
    let bytes = lines.ready_chunks(AT_ONCE).map(|lines| bytes_of(&lines));
    let body = Body::from_stream(bytes.map_err(|error| error.to_string()));
    ([(CONTENT_TYPE, JSON_LINES)], body).into_response()
}

fn bytes_of<T: Serialize>(lines: &[T]) -> Result<Bytes, serde_json::Error> {
    let mut bytes = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut bytes, line)?;
        bytes.push(b'\n');
    }
    Ok(bytes.into())
}
