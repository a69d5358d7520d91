//! The head of a message, and the exception that stands for "this call could not be answered".

use crate::cursor::Cursor;
use crate::{
    Decoder, Encoder, Fault, FieldInfo, FieldType, Fields, FrameTooLarge, Framing, Limits, Protocol, Struct,
    StructInfo, Wire,
};

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// A call that wants an answer.
    Call = 1,
    /// The answer: a reply struct of the method, with a value or a declared exception.
    Reply = 2,
    /// The call could not be answered: an [`ApplicationError`].
    Exception = 3,
    /// A call that wants no answer.
    Oneway = 4,
}

impl MessageKind {
    fn from_code(code: u8) -> Result<Self, Fault> {
        Ok(match code {
            1 => Self::Call,
            2 => Self::Reply,
            3 => Self::Exception,
            4 => Self::Oneway,
            _ => return Err(Fault::MessageKind(code)),
        })
    }
}

/// The head of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) kind: MessageKind,
    pub(crate) seq: i32,
}

impl Head {
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        match cursor.protocol {
            Protocol::Binary => Self::read_binary(cursor),
            Protocol::Compact => Self::read_compact(cursor),
        }
    }

    /// Strict and old heads are told apart by their first bit, message by message.
    fn read_binary(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        let first = cursor.raw_i32()?;
        if let Ok(size) = usize::try_from(first) {
            let name = name(cursor, size)?;
            let kind = MessageKind::from_code(cursor.u8()?)?;
            return Ok(Self {
                name,
                kind,
                seq: cursor.raw_i32()?,
            });
        }
        let [version, again, _, kind] = first.to_be_bytes();
        if (version, again) != (0x80, 0x01) {
            return Err(Fault::Header(first.cast_unsigned()));
        }
        let kind = MessageKind::from_code(kind)?;
        let size = cursor.size()?;
        Ok(Self {
            name: name(cursor, size)?,
            kind,
            seq: cursor.raw_i32()?,
        })
    }

    fn read_compact(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        let (id, second) = (cursor.u8()?, cursor.u8()?);
        if (id, second & 0x1f) != (0x82, 1) {
            return Err(Fault::Header(u32::from_be_bytes([id, second, 0, 0])));
        }
        let kind = MessageKind::from_code(second >> 5)?;
        let seq = cursor.u32()?.cast_signed();
        let size = cursor.size()?;
        Ok(Self {
            name: name(cursor, size)?,
            kind,
            seq,
        })
    }
}

fn name(cursor: &mut Cursor<'_>, size: usize) -> Result<String, Fault> {
    Limits::check("method name", size, cursor.limits.method_name_bytes_max)?;
    str::from_utf8(cursor.take(size)?)
        .map(str::to_owned)
        .map_err(|_| Fault::Utf8)
}

impl Wire {
    /// Appends a whole message, frame included, to `out`.
    ///
    /// # Errors
    /// [`FrameTooLarge`] when the frame's length does not fit; `out` is then as it was.
    pub fn write_message(
        self,
        out: &mut Vec<u8>,
        name: &str,
        kind: MessageKind,
        seq: i32,
        body: &dyn Fields,
    ) -> Result<(), FrameTooLarge> {
        let start = out.len();
        if self.framing == Framing::Framed {
            out.extend_from_slice(&[0; 4]);
        }
        self.write_head(out, name, kind, seq);
        Encoder::new(self.protocol, out).structure(body);
        self.close_frame(out, start)
    }

    /// Appends the head of a message; its struct follows.
    pub fn write_head(self, out: &mut Vec<u8>, name: &str, kind: MessageKind, seq: i32) {
        let code = kind as u8;
        let mut to = Encoder::new(self.protocol, out);
        match self.protocol {
            Protocol::Binary if self.strict => {
                to.i32(i32::from_be_bytes([0x80, 0x01, 0, code]));
                to.string(name.as_bytes());
                to.i32(seq);
            }
            Protocol::Binary => {
                to.string(name.as_bytes());
                to.i8(code.cast_signed());
                to.i32(seq);
            }
            Protocol::Compact => {
                to.i8(0x82_u8.cast_signed());
                to.i8((1 | code << 5).cast_signed());
                to.varint(seq.cast_unsigned().into());
                to.string(name.as_bytes());
            }
        }
    }

    fn close_frame(self, out: &mut Vec<u8>, start: usize) -> Result<(), FrameTooLarge> {
        if self.framing == Framing::Unframed {
            return Ok(());
        }
        let bytes = out.len() - start - 4;
        let Ok(length) = i32::try_from(bytes) else {
            out.truncate(start);
            return Err(FrameTooLarge { bytes: bytes as u64 });
        };
        if let Some(place) = out.get_mut(start..start + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }
}

/// Thrift's own exception (`TApplicationException`), for calls that no declared exception can answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApplicationError {
    /// The text shown to people.
    pub message: Option<String>,
    /// The code, see [`ApplicationErrorKind`].
    pub kind: Option<i32>,
}

/// The codes of [`ApplicationError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of Thrift")]
pub enum ApplicationErrorKind {
    Unknown = 0,
    UnknownMethod = 1,
    InvalidMessageType = 2,
    WrongMethodName = 3,
    BadSequenceId = 4,
    MissingResult = 5,
    InternalError = 6,
    ProtocolError = 7,
    InvalidTransform = 8,
    InvalidProtocol = 9,
    UnsupportedClientType = 10,
}

impl ApplicationError {
    /// Makes an exception of that kind and text.
    pub fn new(kind: ApplicationErrorKind, message: impl Into<String>) -> Self {
        Self {
            message: Some(message.into()),
            kind: Some(kind as i32),
        }
    }

    /// Makes the answer to a method that does not exist, worded as the original does.
    pub fn unknown_method(name: &str) -> Self {
        Self::new(
            ApplicationErrorKind::UnknownMethod,
            format!("Invalid method name: '{name}'"),
        )
    }
}

impl Struct for ApplicationError {
    const INFO: &'static StructInfo = &StructInfo {
        name: "TApplicationException",
        fields: &[
            FieldInfo {
                id: 1,
                name: "message",
                required: false,
                ty: FieldType::String,
            },
            FieldInfo {
                id: 2,
                name: "type",
                required: false,
                ty: FieldType::I32,
            },
        ],
        make: || Box::new(Self::default()),
    };
}

impl Fields for ApplicationError {
    fn info(&self) -> &'static StructInfo {
        Self::INFO
    }

    fn read_field(&mut self, id: i16, from: &mut Decoder<'_>) -> Result<bool, Fault> {
        match id {
            1 => from.field(&mut self.message),
            2 => from.field(&mut self.kind),
            _ => Ok(false),
        }
    }

    fn write_fields(&self, to: &mut Encoder<'_>) {
        to.field(1, &self.message);
        to.field(2, &self.kind);
    }
}
