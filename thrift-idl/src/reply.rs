//! Replies that are too long to be one value: a list that is written element by element.

use crate::splice::locate;
use crate::{Encoder, Fields, FrameTooLarge, Framing, MessageKind, Wire, WireType};

/// The largest frame that Java's framed transport reads by default; a longer answer costs such a client
/// its connection.
pub const JAVA_FRAME_BYTES_MAX: u64 = 16_384_000;

/// The reply has no list where one was to be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reply} has no list at {path:?}")]
pub struct NoList {
    /// The struct of the reply.
    pub reply: &'static str,
    /// Where the list was looked for.
    pub path: Vec<i16>,
}

/// What stands before and after the elements of a long list in a reply.
///
/// The order on the wire: [`frame`](Self::frame), [`head`](Self::head), exactly as many elements as
/// announced, [`tail`](Self::tail). The count goes first, so it and the elements must come from one
/// snapshot; once the head is sent, a failure can only close the connection. A framed client wants the
/// length of everything even before, so for it the elements have to be put together first; that is
/// bounded, for it reads no more than [`JAVA_FRAME_BYTES_MAX`].
///
/// # Example
/// ```
/// use thrift_idl::reply::ListReply;
/// use thrift_idl::{Encoder, Outcome, Wire, methods::GetAllTablesReply};
///
/// let wire = Wire::default();
/// let empty = GetAllTablesReply::success(vec![]);
/// let reply = ListReply::new(wire, "get_all_tables", 7, &empty, &[0], 2)?;
/// let mut bytes = reply.head().to_vec();
/// for name in ["orders", "returns"] {
///     Encoder::new(wire.protocol, &mut bytes).text(name);
/// }
/// bytes.extend_from_slice(reply.tail());
/// # Ok::<(), thrift_idl::reply::NoList>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListReply {
    framing: Framing,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl ListReply {
    /// Makes the reply to a call of `name` with sequence id `seq` around a list of `count` elements.
    /// `reply` has an empty list there; `path` has the ids of the fields down to it: `[0]` for a method
    /// that returns the list, `[0, 1]` if it is field 1 of the struct that is returned.
    ///
    /// # Errors
    /// [`NoList`] when `reply` sets nothing at `path`, or something else than an empty list.
    pub fn new(
        wire: Wire,
        name: &str,
        seq: i32,
        reply: &dyn Fields,
        path: &[i16],
        count: usize,
    ) -> Result<Self, NoList> {
        let mut body = Vec::new();
        Encoder::new(wire.protocol, &mut body).structure(reply);
        let mut head = Vec::new();
        wire.write_head(&mut head, name, MessageKind::Reply, seq);
        let no_list = || NoList {
            reply: reply.info().name,
            path: path.to_vec(),
        };
        let (_, place) = locate(wire.protocol, &body, path)
            .filter(|(wire, _)| matches!(wire, WireType::List | WireType::Set))
            .ok_or_else(no_list)?;
        let element = wire
            .protocol
            .empty_list(&body[place.clone()])
            .ok_or_else(no_list)?;
        head.extend_from_slice(&body[..place.start]);
        Encoder::new(wire.protocol, &mut head).list(element, count);
        Ok(Self {
            framing: wire.framing,
            head,
            tail: body[place.end..].to_vec(),
        })
    }

    /// Returns the length that a frame begins with when all elements together have `elements_bytes`;
    /// nothing if the connection is unframed.
    ///
    /// # Errors
    /// [`FrameTooLarge`] when the frame is beyond what clients read, [`JAVA_FRAME_BYTES_MAX`]. Nothing
    /// has been sent then, so an exception can be.
    pub fn frame(&self, elements_bytes: u64) -> Result<Option<[u8; 4]>, FrameTooLarge> {
        if self.framing == Framing::Unframed {
            return Ok(None);
        }
        let bytes = elements_bytes.saturating_add((self.head.len() + self.tail.len()) as u64);
        match u32::try_from(bytes) {
            Ok(length) if bytes <= JAVA_FRAME_BYTES_MAX => Ok(Some(length.to_be_bytes())),
            _ => Err(FrameTooLarge { bytes }),
        }
    }

    /// Returns what stands before the first element.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Returns what stands behind the last element.
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }
}
