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
    /// Returns whether the beginning was all.
    pub(crate) fn is_whole(&self) -> bool {
        self.left == 0
    }

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

#[cfg(test)]
mod tests {
    use thrift_idl::methods::{GetAllTablesReply, GetPartitionNamesPsReqReply};
    use thrift_idl::types::GetPartitionNamesPsResponse;
    use thrift_idl::{Encoder, Outcome, Scanner, decode};

    use super::*;

    /// So many texts, the `fail_at`-th of which cannot be read.
    struct Counting {
        next: usize,
        end: usize,
        fail_at: Option<usize>,
    }

    #[async_trait]
    impl Rows for Counting {
        async fn fill(&mut self, protocol: Protocol, out: &mut Vec<u8>) -> Result<usize, Failure> {
            let first = self.next;
            while out.len() < PIECE_BYTES && self.next < self.end {
                if self.fail_at == Some(self.next) {
                    return Err(Failure::meta("damaged"));
                }
                Encoder::new(protocol, out).text(&format!("text {}", self.next));
                self.next += 1;
            }
            Ok(self.next - first)
        }

        async fn left(&mut self) -> Result<usize, Failure> {
            Ok(self.end - self.next)
        }
    }

    fn listing(end: usize, fail_at: Option<usize>) -> Stream {
        Listing::of(Counting {
            next: 0,
            end,
            fail_at,
        })
        .around(|list| Box::new(GetAllTablesReply::success(list)))
    }

    /// Returns all bytes, and the most that were in memory at a time.
    async fn send(wire: Wire, stream: Stream) -> Result<(Vec<u8>, usize), Failure> {
        let (mut sent, mut piece) = (Vec::new(), Vec::new());
        let mut started = stream.start(wire, "get_all_tables", 7, &mut piece).await?;
        let mut most = 0;
        while !piece.is_empty() {
            most = most.max(piece.len());
            sent.append(&mut piece);
            started.next(wire.protocol, &mut piece).await?;
        }
        Ok((sent, most))
    }

    fn wires() -> [Wire; 4] {
        let wire = |protocol, framing| Wire {
            protocol,
            framing,
            strict: true,
        };
        [
            wire(Protocol::Binary, Framing::Unframed),
            wire(Protocol::Compact, Framing::Unframed),
            wire(Protocol::Binary, Framing::Framed),
            wire(Protocol::Compact, Framing::Framed),
        ]
    }

    #[tokio::test]
    async fn lists_of_any_length_come_out_whole() {
        for wire in wires() {
            for count in [0, 1, 14, 15, 16, 5_000, 100_000] {
                let (bytes, _) = send(wire, listing(count, None)).await.unwrap();
                let message = Scanner::new(wire, Default::default())
                    .scan(&bytes)
                    .unwrap()
                    .unwrap();
                assert_eq!((message.end, message.seq), (bytes.len(), 7));
                let reply: GetAllTablesReply = decode(wire.protocol, &bytes[message.body]).unwrap();
                let texts = reply.into_result().unwrap().unwrap();
                assert_eq!(texts.len(), count, "{wire:?}");
                assert!(
                    texts
                        .iter()
                        .enumerate()
                        .all(|(i, text)| *text == format!("text {i}"))
                );
            }
        }
    }

    #[tokio::test]
    async fn memory_stays_small_however_long_the_list() {
        let (bytes, most) = send(Wire::default(), listing(1_000_000, None)).await.unwrap();
        assert!(bytes.len() > 10_000_000);
        assert!(most < PIECE_BYTES + 200, "{most} bytes at a time");
    }

    #[tokio::test]
    async fn lists_may_stand_within_a_struct() {
        let value = GetPartitionNamesPsResponse {
            names: Some(Vec::new()),
        };
        let rows = Box::new(Counting {
            next: 0,
            end: 20_000,
            fail_at: None,
        });
        let listing = Listing {
            value,
            path: &[1],
            rows,
        };
        let stream = listing.around(|value| Box::new(GetPartitionNamesPsReqReply::success(value)));
        let (bytes, _) = send(Wire::default(), stream).await.unwrap();
        let message = Scanner::new(Wire::default(), Default::default())
            .scan(&bytes)
            .unwrap()
            .unwrap();
        let reply: GetPartitionNamesPsReqReply = decode(Protocol::Binary, &bytes[message.body]).unwrap();
        assert_eq!(reply.into_result().unwrap().unwrap().names.unwrap().len(), 20_000);
    }

    #[tokio::test]
    async fn a_frame_that_nobody_reads_is_not_sent() {
        let framed = Wire {
            framing: Framing::Framed,
            ..Wire::default()
        };
        let refused = send(framed, listing(2_000_000, None)).await.unwrap_err();
        assert!(refused.to_string().contains("larger than 16384000 bytes"));
    }

    #[tokio::test]
    async fn failures_can_be_told_until_the_first_byte() {
        let mut piece = Vec::new();
        let early = listing(100_000, Some(10))
            .start(Wire::default(), "m", 1, &mut piece)
            .await;
        assert!(early.is_err() && piece.is_empty());
        let late = listing(100_000, Some(50_000))
            .start(Wire::default(), "m", 1, &mut piece)
            .await;
        let mut late = late.unwrap_or_else(|_| panic!("the beginning is fine"));
        let mut ended = Ok(());
        while ended.is_ok() && !piece.is_empty() {
            piece.clear();
            ended = late.next(Protocol::Binary, &mut piece).await;
        }
        assert_eq!(ended.unwrap_err().to_string(), "damaged");
    }
}
