//! Rows as a stream of Arrow IPC, for programs that read Arrow.

use bytes::Bytes;
use datafusion::arrow::ipc::writer::StreamWriter;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use crate::error::{Error, Result};
use crate::run::Rows;

/// The media type of the stream.
pub const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";

impl Rows {
    /// Returns the rows as the bytes of an Arrow IPC stream, batch by batch, as they come.
    pub fn into_ipc(self) -> BoxStream<'static, Result<Bytes>> {
        match StreamWriter::try_new(Vec::new(), self.schema()) {
            Ok(writer) => stream::unfold(Some(Sending { rows: self, writer }), step).boxed(),
            Err(error) => stream::iter([Err(unsent(&error))]).boxed(),
        }
    }
}

struct Sending {
    rows: Rows,
    writer: StreamWriter<Vec<u8>>,
}

/// Sends what the next rows become, and after the last of them the end of the stream. An error ends it without one, so
/// that nobody takes it for whole.
async fn step(sending: Option<Sending>) -> Option<(Result<Bytes>, Option<Sending>)> {
    let mut sending = sending?;
    let written = match sending.rows.next_batch().await {
        Ok(Some(batch)) => sending.writer.write(&batch).map(|()| true),
        Ok(None) => sending.writer.finish().map(|()| false),
        Err(error) => return Some((Err(error), None)),
    };
    let bytes = Bytes::from(std::mem::take(sending.writer.get_mut()));
    match written {
        Ok(true) => Some((Ok(bytes), Some(sending))),
        Ok(false) => Some((Ok(bytes), None)),
        Err(error) => Some((Err(unsent(&error)), None)),
    }
}

fn unsent(error: &dyn std::error::Error) -> Error {
    Error::Internal(format!("rows cannot be sent: {error}"))
}
