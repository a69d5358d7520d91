//! Structs to bytes.

use crate::{Fields, Protocol, Value, WireType};

/// Appends values to a buffer, which the caller keeps and may use again.
#[derive(Debug)]
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
    /// The field written last in the struct at hand; compact writes ids as differences.
    last: i16,
}

impl<'a> Encoder<'a> {
    /// Makes an encoder that appends to `out`.
    pub fn new(protocol: Protocol, out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            protocol,
            last: 0,
        }
    }

    /// Writes a whole struct.
    pub fn structure(&mut self, value: &dyn Fields) {
        let outer = std::mem::take(&mut self.last);
        value.write_fields(self);
        self.out.push(0);
        self.last = outer;
    }

    /// Writes a text alone, as an element of a list.
    pub fn text(&mut self, text: &str) {
        self.string(text.as_bytes());
    }

    /// Writes a field if it is set. Ids must ascend within a struct.
    pub fn field<V: Value>(&mut self, id: i16, value: &Option<V>) {
        if let Some(value) = value {
            value.write_field(id, self);
        }
    }

    /// Writes the head of a field.
    pub(crate) fn field_head(&mut self, id: i16, wire: WireType) {
        match self.protocol {
            Protocol::Binary => {
                self.out.push(wire.binary());
                self.out.extend_from_slice(&id.to_be_bytes());
            }
            Protocol::Compact => self.compact_head(id, wire.compact()),
        }
    }

    /// Writes a bool field, whose value compact puts into the head.
    pub(crate) fn bool_field(&mut self, id: i16, value: bool) {
        match self.protocol {
            Protocol::Binary => {
                self.field_head(id, WireType::Bool);
                self.bool(value);
            }
            Protocol::Compact => self.compact_head(id, if value { 1 } else { 2 }),
        }
    }

    fn compact_head(&mut self, id: i16, code: u8) {
        match u8::try_from(i32::from(id) - i32::from(self.last)) {
            Ok(delta @ 1..=15) => self.out.push(delta << 4 | code),
            _ => {
                self.out.push(code);
                self.i16(id);
            }
        }
        self.last = id;
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.out.push(match (self.protocol, value) {
            (_, true) => 1,
            (Protocol::Binary, false) => 0,
            (Protocol::Compact, false) => 2,
        });
    }

    pub(crate) fn i8(&mut self, value: i8) {
        self.out.push(value.cast_unsigned());
    }

    pub(crate) fn i16(&mut self, value: i16) {
        match self.protocol {
            Protocol::Binary => self.out.extend_from_slice(&value.to_be_bytes()),
            Protocol::Compact => self.varint(zigzag(value.into())),
        }
    }

    pub(crate) fn i32(&mut self, value: i32) {
        match self.protocol {
            Protocol::Binary => self.out.extend_from_slice(&value.to_be_bytes()),
            Protocol::Compact => self.varint(zigzag(value.into())),
        }
    }

    pub(crate) fn i64(&mut self, value: i64) {
        match self.protocol {
            Protocol::Binary => self.out.extend_from_slice(&value.to_be_bytes()),
            Protocol::Compact => self.varint(zigzag(value)),
        }
    }

    pub(crate) fn double(&mut self, value: f64) {
        self.out.extend_from_slice(&match self.protocol {
            Protocol::Binary => value.to_be_bytes(),
            Protocol::Compact => value.to_le_bytes(),
        });
    }

    pub(crate) fn string(&mut self, bytes: &[u8]) {
        self.size(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    /// Writes the head of a list or set.
    pub(crate) fn list(&mut self, wire: WireType, size: usize) {
        match self.protocol {
            Protocol::Binary => {
                self.out.push(wire.binary());
                self.size(size);
            }
            Protocol::Compact if size < 15 => self.out.push((wire_size(size) as u8) << 4 | wire.compact()),
            Protocol::Compact => {
                self.out.push(0xf0 | wire.compact());
                self.size(size);
            }
        }
    }

    /// Writes the head of a map.
    pub(crate) fn map(&mut self, key: WireType, value: WireType, size: usize) {
        match self.protocol {
            Protocol::Binary => {
                self.out.extend_from_slice(&[key.binary(), value.binary()]);
                self.size(size);
            }
            Protocol::Compact => {
                self.size(size);
                if size > 0 {
                    self.out.push(key.compact() << 4 | value.compact());
                }
            }
        }
    }

    pub(crate) fn size(&mut self, size: usize) {
        match self.protocol {
            Protocol::Binary => self.out.extend_from_slice(&wire_size(size).to_be_bytes()),
            Protocol::Compact => self.varint(wire_size(size).into()),
        }
    }

    pub(crate) fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }
}

/// Sizes have 31 bits on the wire. Nothing larger can have come in through `Limits`; should a caller
/// have made it, the reader must see a size that it refuses rather than a small one.
fn wire_size(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}
