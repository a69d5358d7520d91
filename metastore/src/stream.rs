//! Long answers: a list whose elements are encoded while they are sent.
//!
//! The number of elements goes first. So the first elements are encoded into one small buffer; a list that
//! ends within it is counted by that. Of a longer one the rest is counted, which costs far less than encoding
//! it, and then encoded and sent piece by piece in the same buffer. Count and elements come from one snapshot.

use async_trait::async_trait;
use thrift_idl::reply::{JAVA_FRAME_BYTES_MAX, ListReply};
use thrift_idl::{Fields, Framing, Protocol, Wire};

use crate::exception::Failure;

/// How many bytes of elements are encoded before they are counted, and at a time after that.
pub(crate) const PIECE_BYTES: usize = 64 << 10;

/// The elements of a list, one after the other.
#[async_trait]
pub(crate) trait Rows: Send {
    /// Appends whole elements to `out` until it holds at least [`PIECE_BYTES`] or all are done; returns how
    /// many. 0 is the end.
    async fn fill(&mut self, protocol: Protocol, out: &mut Vec<u8>) -> Result<usize, Failure>;

    /// Returns how many elements are left, and moves on by none.
    async fn left(&mut self) -> Result<usize, Failure>;
}

/// A value with an empty list in it, and what is to stand in that list.
pub(crate) struct Listing<T> {
    /// The value.
    pub(crate) value: T,
    /// The ids of the fields of `value` that lead to the list; none if it is the list.
    pub(crate) path: &'static [i16],
    pub(crate) rows: Box<dyn Rows>,
}

impl<T> Listing<Vec<T>> {
    /// Returns a listing that is a list itself.
    pub(crate) fn of(rows: impl Rows + 'static) -> Listing<Vec<T>> {
        Listing {
            value: Vec::new(),
            path: &[],
            rows: Box::new(rows),
        }
    }
}

impl<T> Listing<T> {
    /// Returns the listing in the reply that `reply` makes of its value.
    pub(crate) fn around(self, reply: impl FnOnce(T) -> Box<dyn Fields + Send + Sync>) -> Stream {
        Stream {
            reply: reply(self.value),
            path: self.path,
            rows: self.rows,
        }
    }
}

/// A reply with an empty list in it, and what is to stand in that list.
pub(crate) struct Stream {
    reply: Box<dyn Fields + Send + Sync>,
    path: &'static [i16],
    rows: Box<dyn Rows>,
}

/// A stream whose beginning is ready to be sent.
pub(crate) struct Started {
    list: ListReply,
    rows: Box<dyn Rows>,
    /// How many elements are not encoded yet.
    left: usize,
}

impl Stream {
    /// Puts the beginning of the answer into the empty `out`: all of it, if it is short.
    ///
    /// # Errors
    /// Nothing has been sent yet, so the failure can be answered.
    pub(crate) async fn start(
        mut self,
        wire: Wire,
        name: &str,
        seq: i32,
        out: &mut Vec<u8>,
    ) -> Result<Started, Failure> {
        let mut elements = Vec::new();
        let mut count = self.rows.fill(wire.protocol, &mut elements).await?;
        let mut left = 0;
        if elements.len() >= PIECE_BYTES {
            left = self.rows.left().await?;
            if wire.framing == Framing::Framed {
                count += collect(&mut *self.rows, wire.protocol, &mut elements).await?;
                left = 0;
            }
        }
        let path: Vec<i16> = std::iter::once(0).chain(self.path.iter().copied()).collect();
        let list = ListReply::new(wire, name, seq, &*self.reply, &path, count + left)
            .map_err(|error| Failure::meta(format!("internal error: {error}")))?;
        if let Some(length) = list.frame(elements.len() as u64).map_err(|_| too_large())? {
            out.extend_from_slice(&length);
        }
        out.extend_from_slice(list.head());
        out.append(&mut elements);
        if left == 0 {
            out.extend_from_slice(list.tail());
        }
        Ok(Started {
            list,
            rows: self.rows,
            left,
        })
    }
}

impl Started {
    /// Puts the next piece into the empty `out`. Leaves it empty when all has been put.
    ///
    /// # Errors
    /// The client has a part of the answer already: all that is left to do is to close the connection.
    pub(crate) async fn next(&mut self, protocol: Protocol, out: &mut Vec<u8>) -> Result<(), Failure> {
        if self.left == 0 {
            return Ok(());
        }
        let count = self.rows.fill(protocol, out).await?;
        if count == 0 || count > self.left {
            return Err(Failure::meta(format!(
                "internal error: {count} elements where {} are left",
                self.left
            )));
        }
        self.left -= count;
        if self.left == 0 {
            out.extend_from_slice(self.list.tail());
        }
        Ok(())
    }
}

/// Encodes all that is left, because a frame tells its length first; returns how many elements that were.
async fn collect(rows: &mut dyn Rows, protocol: Protocol, out: &mut Vec<u8>) -> Result<usize, Failure> {
    let mut count = 0;
    let mut piece = Vec::new();
    loop {
        match rows.fill(protocol, &mut piece).await? {
            0 => return Ok(count),
            more => count += more,
        }
        out.append(&mut piece);
        if out.len() as u64 > JAVA_FRAME_BYTES_MAX {
            return Err(too_large());
        }
    }
}

/// Returns the failure of an answer that a framed client would not read.
pub(crate) fn too_large() -> Failure {
    Failure::meta(format!(
        "the answer is larger than {JAVA_FRAME_BYTES_MAX} bytes, which is all that clients read in a frame: ask \
         for less at a time, or connect without framed transport"
    ))
}
