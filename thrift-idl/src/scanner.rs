//! Finds where a message ends, as its bytes come in.
//!
//! Nothing is decoded before the whole message is there, and nothing is allocated for it: the scanner
//! looks at the buffer that the connection fills anyway, remembers how far it came, and checks every
//! size against the [`Limits`] the moment it can be read. So a call that is unknown, or wrong inside,
//! costs no more than its bytes, and the next message begins where it should.

use std::ops::Range;

use crate::cursor::Cursor;
use crate::message::Head;
use crate::walker::Walker;
use crate::{Fault, Framing, Limits, MessageKind, Wire};

/// A whole message in a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The method's name.
    pub name: String,
    /// Call, reply, exception or one-way call.
    pub kind: MessageKind,
    /// The number that the answer must repeat.
    pub seq: i32,
    /// Where its struct lies in the buffer.
    pub body: Range<usize>,
    /// How many bytes of the buffer it takes, the head and a frame's length included. The next message
    /// begins there.
    pub end: usize,
    /// What is wrong inside, if the frame tells where the message ends in spite of it. Answer with a
    /// protocol error and go on.
    pub fault: Option<Fault>,
}

/// Looks for the end of the message that a buffer begins with.
///
/// # Example
/// ```
/// use thrift_idl::{Limits, MessageKind, Scanner, Wire, methods::GetAllDatabasesArgs};
///
/// let wire = Wire::default();
/// let mut bytes = Vec::new();
/// wire.write_message(&mut bytes, "get_all_databases", MessageKind::Call, 1, &GetAllDatabasesArgs {})?;
/// let mut scanner = Scanner::new(wire, Limits::default());
/// assert_eq!(scanner.scan(&bytes[..9])?, None);
/// assert_eq!(scanner.scan(&bytes)?.expect("complete").end, bytes.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Scanner {
    wire: Wire,
    limits: Limits,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Start,
    /// The head has been read, the walk over the struct came as far as `at`.
    Body {
        head: Head,
        start: usize,
        at: usize,
        walker: Walker,
    },
}

impl Scanner {
    /// Makes a scanner for a connection.
    pub fn new(wire: Wire, limits: Limits) -> Self {
        Self {
            wire,
            limits,
            state: State::Start,
        }
    }

    /// Returns the message that `buffer` begins with, or `None` if it is not there to the end.
    ///
    /// Between two calls `buffer` may only grow, until a message is returned; then the caller drops
    /// its [`end`](Message::end) bytes and goes on with the next.
    ///
    /// # Errors
    /// A [`Fault`] that leaves unknown where the next message begins: answer, if [`Self::pending`]
    /// tells whom, and close the connection.
    pub fn scan(&mut self, buffer: &[u8]) -> Result<Option<Message>, Fault> {
        let scanned = match self.wire.framing {
            Framing::Unframed => self.unframed(buffer),
            Framing::Framed => self.framed(buffer),
        };
        match scanned {
            Ok(message) => {
                self.state = State::Start;
                Ok(Some(message))
            }
            Err(Fault::Truncated) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Returns name and sequence id of the message at hand, once its head has been read.
    pub fn pending(&self) -> Option<(&str, i32)> {
        match &self.state {
            State::Start => None,
            State::Body { head, .. } => Some((&head.name, head.seq)),
        }
    }

    fn unframed(&mut self, buffer: &[u8]) -> Result<Message, Fault> {
        let max = self.limits.message_bytes_max;
        let message = self.inside(buffer, 0, buffer.len().min(max));
        if message == Err(Fault::Truncated) {
            // all that may be looked at has been, so one byte more is one too many
            Limits::check("message", buffer.len(), max)?;
        }
        message
    }

    fn framed(&mut self, buffer: &[u8]) -> Result<Message, Fault> {
        let mut cursor = Cursor::new(buffer, 0, self.wire.protocol, self.limits);
        let length = cursor.raw_i32()?;
        let length = usize::try_from(length).map_err(|_| Fault::NegativeSize(length))?;
        Limits::check("frame", length, self.limits.message_bytes_max)?;
        cursor.take(length)?;
        let end = cursor.at;
        let mut message = match self.inside(buffer, 4, end) {
            Ok(message) => message,
            Err(fault) => self.damaged(fault, end)?,
        };
        message.end = end;
        Ok(message)
    }

    /// A message whose frame is whole but whose inside is not.
    fn damaged(&mut self, fault: Fault, end: usize) -> Result<Message, Fault> {
        let (name, kind, seq, start) = match std::mem::take(&mut self.state) {
            State::Body { head, start, .. } => (head.name, head.kind, head.seq, start),
            State::Start if fault == Fault::Truncated => return Err(Fault::Header(0)),
            State::Start => return Err(fault),
        };
        Ok(Message {
            name,
            kind,
            seq,
            body: start..end,
            end,
            fault: Some(fault),
        })
    }

    /// Scans the message in `buffer[from..to]`.
    fn inside(&mut self, buffer: &[u8], from: usize, to: usize) -> Result<Message, Fault> {
        let bytes = buffer.get(..to).unwrap_or(buffer);
        let mut cursor = Cursor::new(bytes, from, self.wire.protocol, self.limits);
        if matches!(self.state, State::Start) {
            let head = Head::read(&mut cursor)?;
            let walker = Walker::over_struct();
            self.state = State::Body {
                head,
                start: cursor.at,
                at: cursor.at,
                walker,
            };
        }
        let State::Body {
            head,
            start,
            at,
            walker,
        } = &mut self.state
        else {
            return Err(Fault::Truncated);
        };
        cursor.at = *at;
        let walked = walker.run(&mut cursor);
        *at = cursor.at;
        walked?;
        let (name, kind, seq) = (std::mem::take(&mut head.name), head.kind, head.seq);
        Ok(Message {
            name,
            kind,
            seq,
            body: *start..cursor.at,
            end: cursor.at,
            fault: None,
        })
    }
}
