//! Reads the small pieces of both protocols from a slice, and checks every size against the limits.

use crate::{Fault, Limits, Protocol, WireType};

/// The head of a field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldHead {
    pub(crate) id: i16,
    pub(crate) wire: WireType,
    /// Compact puts a bool's value into the head.
    pub(crate) flag: Option<bool>,
}

/// A place in a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
    pub(crate) protocol: Protocol,
    pub(crate) limits: Limits,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize, protocol: Protocol, limits: Limits) -> Self {
        Self {
            bytes,
            at,
            protocol,
            limits,
        }
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let end = self.at.checked_add(count).ok_or(Fault::Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(Fault::Truncated)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let end = self.at.checked_add(N).ok_or(Fault::Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(Fault::Truncated)?;
        self.at = end;
        taken.try_into().map_err(|_| Fault::Truncated)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Fault> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn raw_i32(&mut self) -> Result<i32, Fault> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn bool(&mut self) -> Result<bool, Fault> {
        self.u8().map(|byte| byte == 1)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, Fault> {
        match self.protocol {
            Protocol::Binary => self.array().map(i16::from_be_bytes),
            Protocol::Compact => i16::try_from(unzigzag(self.varint(3)?)).map_err(|_| Fault::Varint),
        }
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Fault> {
        match self.protocol {
            Protocol::Binary => self.raw_i32(),
            Protocol::Compact => i32::try_from(unzigzag(self.varint(5)?)).map_err(|_| Fault::Varint),
        }
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Fault> {
        match self.protocol {
            Protocol::Binary => self.array().map(i64::from_be_bytes),
            Protocol::Compact => self.varint(10).map(unzigzag),
        }
    }

    pub(crate) fn double(&mut self) -> Result<f64, Fault> {
        match self.protocol {
            Protocol::Binary => self.array().map(f64::from_be_bytes),
            Protocol::Compact => self.array().map(f64::from_le_bytes),
        }
    }

    /// Reads a string or binary.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], Fault> {
        let size = self.size()?;
        Limits::check("string", size, self.limits.string_bytes_max)?;
        self.take(size)
    }

    /// Reads the head of a field behind field `last`; `None` at the end of the struct.
    pub(crate) fn field(&mut self, last: i16) -> Result<Option<FieldHead>, Fault> {
        let first = self.u8()?;
        match self.protocol {
            Protocol::Binary => self.binary_field(first),
            Protocol::Compact => self.compact_field(first, last),
        }
    }

    fn binary_field(&mut self, code: u8) -> Result<Option<FieldHead>, Fault> {
        if code == 0 {
            return Ok(None);
        }
        let wire = WireType::from_binary(code).ok_or(Fault::WireType(code))?;
        Ok(Some(FieldHead {
            id: self.i16()?,
            wire,
            flag: None,
        }))
    }

    fn compact_field(&mut self, first: u8, last: i16) -> Result<Option<FieldHead>, Fault> {
        let (delta, code) = (first >> 4, first & 0x0f);
        if code == 0 {
            return Ok(None);
        }
        let wire = WireType::from_compact(code).ok_or(Fault::WireType(code))?;
        let id = if delta == 0 {
            self.i16()?
        } else {
            last.wrapping_add(i16::from(delta))
        };
        Ok(Some(FieldHead {
            id,
            wire,
            flag: (wire == WireType::Bool).then_some(code == 1),
        }))
    }

    /// Reads the head of a list or set. No type is looked at when it is empty: some writers put
    /// nothing sensible there.
    pub(crate) fn list(&mut self) -> Result<Option<(WireType, usize)>, Fault> {
        let (code, size) = match self.protocol {
            Protocol::Binary => (self.u8()?, self.size()?),
            Protocol::Compact => {
                let first = self.u8()?;
                let size = if first >> 4 == 15 {
                    self.size()?
                } else {
                    usize::from(first >> 4)
                };
                (first & 0x0f, size)
            }
        };
        if size == 0 {
            return Ok(None);
        }
        Limits::check("container", size, self.limits.container_elements_max)?;
        Ok(Some((self.element(code)?, size)))
    }

    /// Reads the head of a map; `None` when it is empty.
    pub(crate) fn map(&mut self) -> Result<Option<(WireType, WireType, usize)>, Fault> {
        let (key, value, size) = match self.protocol {
            Protocol::Binary => (self.u8()?, self.u8()?, self.size()?),
            Protocol::Compact => match self.size()? {
                0 => (0, 0, 0),
                size => {
                    let codes = self.u8()?;
                    (codes >> 4, codes & 0x0f, size)
                }
            },
        };
        if size == 0 {
            return Ok(None);
        }
        Limits::check("container", size, self.limits.container_elements_max)?;
        Ok(Some((self.element(key)?, self.element(value)?, size)))
    }

    fn element(&self, code: u8) -> Result<WireType, Fault> {
        let wire = match self.protocol {
            Protocol::Binary => WireType::from_binary(code),
            Protocol::Compact => WireType::from_compact(code),
        };
        wire.ok_or(Fault::WireType(code))
    }

    pub(crate) fn size(&mut self) -> Result<usize, Fault> {
        let size = match self.protocol {
            Protocol::Binary => self.raw_i32()?,
            Protocol::Compact => self.u32()?.cast_signed(),
        };
        usize::try_from(size).map_err(|_| Fault::NegativeSize(size))
    }

    /// Reads a compact number of 32 bits without sign.
    pub(crate) fn u32(&mut self) -> Result<u32, Fault> {
        u32::try_from(self.varint(5)?).map_err(|_| Fault::Varint)
    }

    fn varint(&mut self, bytes_max: u32) -> Result<u64, Fault> {
        let mut number = 0;
        for position in 0..bytes_max {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if position == 9 && bits > 1 {
                return Err(Fault::Varint);
            }
            number |= bits << (7 * position);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Fault::Varint)
    }

    /// Returns how many bytes each value of `wire` takes, where that is the same for all.
    pub(crate) fn width(&self, wire: WireType) -> Option<usize> {
        match (self.protocol, wire) {
            (_, WireType::Bool | WireType::I8) => Some(1),
            (_, WireType::Double) => Some(8),
            (Protocol::Binary, WireType::I16) => Some(2),
            (Protocol::Binary, WireType::I32) => Some(4),
            (Protocol::Binary, WireType::I64) => Some(8),
            _ => None,
        }
    }
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}
