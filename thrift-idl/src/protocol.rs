//! How a connection speaks: protocol, framing, kind of header; and how to find that out.

use crate::DetectError;

/// How values become bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Protocol {
    /// Thrift binary: fixed widths, big-endian.
    #[default]
    Binary,
    /// Thrift compact: variable-length numbers, field ids as differences.
    Compact,
}

impl Protocol {
    /// Returns the element type of an empty list or set from its bytes.
    pub(crate) fn empty_list(self, bytes: &[u8]) -> Option<WireType> {
        match (self, bytes) {
            (Self::Binary, [code, 0, 0, 0, 0]) => WireType::from_binary(*code),
            (Self::Compact, [code @ 0..=0x0f]) => WireType::from_compact(*code),
            _ => None,
        }
    }
}

/// How messages are parted on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Framing {
    /// One after the other ("buffered"): a message ends where its struct ends.
    #[default]
    Unframed,
    /// Each behind its length in four bytes.
    Framed,
}

/// How one connection speaks. The default is what Java and Python clients do: strict binary, unframed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wire {
    /// How values become bytes.
    pub protocol: Protocol,
    /// How messages are parted.
    pub framing: Framing,
    /// Whether a binary message begins with a version (strict) or, as of old, with its name. Means
    /// nothing in compact.
    pub strict: bool,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            protocol: Protocol::Binary,
            framing: Framing::Unframed,
            strict: true,
        }
    }
}

impl Wire {
    /// Finds out how a client speaks from the first bytes that it sends; `None` asks for more of
    /// them, at most eight.
    ///
    /// Strict binary begins with `80 01`, compact with `82`, both perhaps behind the four bytes of a
    /// frame's length. Whatever else begins with a plausible length is old binary: unframed, the
    /// length is that of the name, and a letter follows; framed, the name's own length follows, whose
    /// first byte is zero.
    ///
    /// # Errors
    /// [`DetectError`] when the client speaks HTTP, TLS or SASL, or nothing known.
    pub fn detect(first: &[u8]) -> Result<Option<Self>, DetectError> {
        match first {
            [0x80, 0x01, ..] => return Ok(Some(Self::default())),
            [0x82, version, ..] if version & 0x1f == 1 => return Ok(Some(Self::compact(Framing::Unframed))),
            [0x80 | 0x82] | [] => return Ok(None),
            _ => foreign(first)?,
        }
        match first {
            [_, _, _, _, 0x80, 0x01, ..] => Ok(Some(Self {
                framing: Framing::Framed,
                ..Self::default()
            })),
            [_, _, _, _, 0x82, version, ..] if version & 0x1f == 1 => {
                Ok(Some(Self::compact(Framing::Framed)))
            }
            [_, _, _, _, 0x00, ..] => Ok(Some(Self::old_binary(Framing::Framed))),
            [0, 0, _, _, letter, ..] if letter.is_ascii_alphabetic() => {
                Ok(Some(Self::old_binary(Framing::Unframed)))
            }
            [a, b, c, d, _, _, ..] => Err(DetectError::Unknown([*a, *b, *c, *d])),
            _ => Ok(None),
        }
    }

    fn compact(framing: Framing) -> Self {
        Self {
            protocol: Protocol::Compact,
            framing,
            strict: true,
        }
    }

    fn old_binary(framing: Framing) -> Self {
        Self {
            protocol: Protocol::Binary,
            framing,
            strict: false,
        }
    }
}

/// Names the other protocols that clients are set to by mistake.
fn foreign(first: &[u8]) -> Result<(), DetectError> {
    match first {
        [b'G', b'E', b'T', b' ', ..] | [b'P', b'O' | b'U', ..] | [b'H', b'E', b'A', b'D', ..] => {
            Err(DetectError::Other("http"))
        }
        [0x16, 0x03, ..] => Err(DetectError::Other("tls")),
        [0x01, 0, 0, 0, length, b'A'..=b'Z', ..] if *length < 32 => Err(DetectError::Other("sasl")),
        [0x80..=0xff, ..] => {
            let at = |index: usize| first.get(index).copied().unwrap_or_default();
            Err(DetectError::Unknown([at(0), at(1), at(2), at(3)]))
        }
        _ => Ok(()),
    }
}

/// The shape of a value on the wire. Several declared types share one: binary is a [`String`], an enum
/// an [`I32`].
///
/// [`String`]: WireType::String
/// [`I32`]: WireType::I32
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of Thrift")]
pub enum WireType {
    Bool,
    I8,
    I16,
    I32,
    I64,
    Double,
    String,
    Struct,
    List,
    Set,
    Map,
}

impl WireType {
    pub(crate) fn from_binary(code: u8) -> Option<Self> {
        Some(match code {
            2 => Self::Bool,
            3 => Self::I8,
            4 => Self::Double,
            6 => Self::I16,
            8 => Self::I32,
            10 => Self::I64,
            11 => Self::String,
            12 => Self::Struct,
            13 => Self::Map,
            14 => Self::Set,
            15 => Self::List,
            _ => return None,
        })
    }

    pub(crate) fn binary(self) -> u8 {
        match self {
            Self::Bool => 2,
            Self::I8 => 3,
            Self::Double => 4,
            Self::I16 => 6,
            Self::I32 => 8,
            Self::I64 => 10,
            Self::String => 11,
            Self::Struct => 12,
            Self::Map => 13,
            Self::Set => 14,
            Self::List => 15,
        }
    }

    pub(crate) fn from_compact(code: u8) -> Option<Self> {
        Some(match code {
            1 | 2 => Self::Bool,
            3 => Self::I8,
            4 => Self::I16,
            5 => Self::I32,
            6 => Self::I64,
            7 => Self::Double,
            8 => Self::String,
            9 => Self::List,
            10 => Self::Set,
            11 => Self::Map,
            12 => Self::Struct,
            _ => return None,
        })
    }

    /// The compact code; of the two that a bool has, the one that stands in containers and means
    /// "true" in a field.
    pub(crate) fn compact(self) -> u8 {
        match self {
            Self::Bool => 1,
            Self::I8 => 3,
            Self::I16 => 4,
            Self::I32 => 5,
            Self::I64 => 6,
            Self::Double => 7,
            Self::String => 8,
            Self::List => 9,
            Self::Set => 10,
            Self::Map => 11,
            Self::Struct => 12,
        }
    }
}
