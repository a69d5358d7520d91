//! What can be wrong with bytes.

/// What is wrong with a message, or with the stream that it came in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes end inside a value. A scanner takes it as a wish for more.
    #[error("the message ends inside a value")]
    Truncated,
    /// A size is below zero.
    #[error("size {0} is negative")]
    NegativeSize(i32),
    /// A size is above what [`Limits`](crate::Limits) allow.
    #[error("{what} of {size} is above the limit of {limit}")]
    Limit {
        /// What the limit is for.
        what: &'static str,
        /// The size found or claimed.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A byte that should name a wire type names none.
    #[error("no wire type has the number {0}")]
    WireType(u8),
    /// A number of variable length does not end in time.
    #[error("variable-length number is too long")]
    Varint,
    /// A text is not UTF-8.
    #[error("text is not utf-8")]
    Utf8,
    /// The message does not begin as one of its protocol does.
    #[error("message begins with {0:#010x}, which is no thrift header")]
    Header(u32),
    /// The kind of message is none of call, reply, exception and one-way call.
    #[error("no kind of message has the number {0}")]
    MessageKind(u8),
    /// A value has another wire type than its declaration. The field that holds it is skipped, so a
    /// caller never gets to see this.
    #[error("value has another type than declared")]
    Mismatch,
}

/// Why a struct could not be decoded, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault} in {path}")]
pub struct DecodeError {
    /// What is wrong.
    pub fault: Fault,
    /// The struct and the fields down to the fault, such as `get_table_args.dbname`.
    pub path: String,
}

/// Why the first bytes of a connection are not Thrift as we speak it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetectError {
    /// They are another well-known protocol.
    #[error("the client speaks {0}, which this listener does not")]
    Other(&'static str),
    /// They are nothing known.
    #[error("connection begins with {0:02x?}, which is not thrift")]
    Unknown([u8; 4]),
}

/// A framed message would be larger than its four bytes of length can say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("frame of {bytes} bytes is too large")]
pub struct FrameTooLarge {
    /// Bytes of the frame.
    pub bytes: u64,
}
