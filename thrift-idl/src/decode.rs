//! Bytes to structs.

use crate::cursor::Cursor;
use crate::walker::Walker;
use crate::{DecodeError, Fault, Fields, Limits, Protocol, Struct, StructInfo, Value, WireType};

/// Decodes a struct from the bytes of a message's body, within the default [`Limits`].
///
/// Unknown fields and fields of another wire type than declared are skipped; nothing is required to be
/// there. Bytes behind the struct are not looked at.
///
/// # Errors
/// [`DecodeError`] with the place of the fault.
pub fn decode<T: Struct>(protocol: Protocol, bytes: &[u8]) -> Result<T, DecodeError> {
    decode_with(protocol, bytes, &Limits::default())
}

/// Decodes a struct within the given limits; see [`decode`].
///
/// # Errors
/// [`DecodeError`] with the place of the fault.
pub fn decode_with<T: Struct>(protocol: Protocol, bytes: &[u8], limits: &Limits) -> Result<T, DecodeError> {
    let mut value = T::default();
    decode_into(&mut value, protocol, bytes, limits)?;
    Ok(value)
}

/// Decodes into a struct whose type the caller need not know; see [`decode`].
///
/// # Errors
/// [`DecodeError`] with the place of the fault; some fields may have been read.
pub fn decode_into(
    target: &mut dyn Fields,
    protocol: Protocol,
    bytes: &[u8],
    limits: &Limits,
) -> Result<(), DecodeError> {
    let mut decoder = Decoder::new(protocol, bytes, limits);
    decoder
        .fields(target)
        .map_err(|fault| decoder.error(fault, target.info()))
}

/// A place in the bytes of a struct that is being decoded.
#[derive(Debug)]
pub struct Decoder<'a> {
    pub(crate) cursor: Cursor<'a>,
    /// The wire type of the field at hand.
    wire: WireType,
    /// The value of the bool at hand, when compact put it into the head.
    flag: Option<bool>,
    depth: usize,
    /// Bytes that containers may still take in memory.
    budget: usize,
    /// The fields down to a fault, put together on the way out.
    path: Vec<&'static str>,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(protocol: Protocol, bytes: &'a [u8], limits: &Limits) -> Self {
        Self {
            cursor: Cursor::new(bytes, 0, protocol, *limits),
            wire: WireType::Struct,
            flag: None,
            depth: 0,
            budget: limits.decoded_bytes_max,
            path: Vec::new(),
        }
    }

    fn error(&self, fault: Fault, info: &StructInfo) -> DecodeError {
        let names = self.path.iter().rev().copied();
        let path = std::iter::once(info.name)
            .chain(names)
            .collect::<Vec<_>>()
            .join(".");
        DecodeError { fault, path }
    }

    /// Reads all fields of a struct.
    pub(crate) fn fields(&mut self, target: &mut dyn Fields) -> Result<(), Fault> {
        self.enter()?;
        let mut last = 0;
        while let Some(head) = self.cursor.field(last)? {
            (self.wire, self.flag, last) = (head.wire, head.flag, head.id);
            let read = target.read_field(head.id, self).and_then(|known| {
                if known || head.flag.is_some() {
                    return Ok(());
                }
                Walker::skip(&mut self.cursor, head.wire, self.depth)
            });
            if let Err(fault) = read {
                self.note(target.info(), head.id);
                return Err(fault);
            }
        }
        self.leave();
        Ok(())
    }

    fn note(&mut self, info: &StructInfo, id: i16) {
        let name = info
            .fields
            .iter()
            .find(|field| field.id == id)
            .map(|field| field.name);
        self.path.push(name.unwrap_or("unknown field"));
    }

    /// Reads the field at hand into `slot`. False, with nothing read, when its wire type is another
    /// than that of `V`, or that of something inside is.
    ///
    /// # Errors
    /// The [`Fault`] of the bytes.
    pub fn field<V: Value>(&mut self, slot: &mut Option<V>) -> Result<bool, Fault> {
        if self.wire != V::WIRE {
            return Ok(false);
        }
        let (at, depth) = (self.cursor.at, self.depth);
        match V::read(self) {
            Ok(value) => {
                *slot = Some(value);
                Ok(true)
            }
            Err(Fault::Mismatch) => {
                (self.cursor.at, self.depth) = (at, depth);
                Ok(false)
            }
            Err(fault) => Err(fault),
        }
    }

    pub(crate) fn bool(&mut self) -> Result<bool, Fault> {
        self.flag.take().map_or_else(|| self.cursor.bool(), Ok)
    }

    /// Reads the head of a list or set of `V` and returns its size.
    pub(crate) fn list<V: Value>(&mut self) -> Result<usize, Fault> {
        self.enter()?;
        match self.cursor.list()? {
            None => Ok(0),
            Some((wire, _)) if wire != V::WIRE => Err(Fault::Mismatch),
            Some((_, size)) => Ok(size),
        }
    }

    /// Reads the head of a map and returns its size.
    pub(crate) fn map<K: Value, V: Value>(&mut self) -> Result<usize, Fault> {
        self.enter()?;
        match self.cursor.map()? {
            None => Ok(0),
            Some((key, value, _)) if (key, value) != (K::WIRE, V::WIRE) => Err(Fault::Mismatch),
            Some((_, _, size)) => Ok(size),
        }
    }

    /// Accounts for one more element of a container.
    pub(crate) fn charge<T>(&mut self) -> Result<(), Fault> {
        let limit = self.cursor.limits.decoded_bytes_max;
        let size = size_of::<T>();
        self.budget = self.budget.checked_sub(size).ok_or(Fault::Limit {
            what: "memory of a decoded message",
            size: limit as u64 + 1,
            limit: limit as u64,
        })?;
        Ok(())
    }

    fn enter(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        Limits::check("nesting", self.depth, self.cursor.limits.nesting_max)
    }

    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }
}
