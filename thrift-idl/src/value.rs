//! How each Rust type reads and writes itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;

use crate::{Decoder, Encoder, Fault, Struct, WireType};

/// Something that can stand in a field or a container.
pub trait Value: Sized {
    /// Its shape on the wire.
    const WIRE: WireType;

    /// Reads a value.
    ///
    /// # Errors
    /// The [`Fault`] of the bytes.
    fn read(from: &mut Decoder<'_>) -> Result<Self, Fault>;

    /// Writes the value alone.
    fn write(&self, to: &mut Encoder<'_>);

    /// Writes the value as the field `id`.
    fn write_field(&self, id: i16, to: &mut Encoder<'_>) {
        to.field_head(id, Self::WIRE);
        self.write(to);
    }
}

impl Value for bool {
    const WIRE: WireType = WireType::Bool;

    fn read(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        from.bool()
    }

    fn write(&self, to: &mut Encoder<'_>) {
        to.bool(*self);
    }

    fn write_field(&self, id: i16, to: &mut Encoder<'_>) {
        to.bool_field(id, *self);
    }
}

impl Value for i8 {
    const WIRE: WireType = WireType::I8;

    fn read(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        from.cursor.u8().map(u8::cast_signed)
    }

    fn write(&self, to: &mut Encoder<'_>) {
        to.i8(*self);
    }
}

/// The numbers that decoder and encoder have a function of the same name for.
macro_rules! number {
    ($($ty:ty, $wire:ident, $name:ident;)*) => {$(
        impl Value for $ty {
            const WIRE: WireType = WireType::$wire;

            fn read(from: &mut Decoder<'_>) -> Result<Self, Fault> {
                from.cursor.$name()
            }

            fn write(&self, to: &mut Encoder<'_>) {
                to.$name(*self);
            }
        }
    )*};
}

number! {
    i16, I16, i16;
    i32, I32, i32;
    i64, I64, i64;
    f64, Double, double;
}

impl Value for String {
    const WIRE: WireType = WireType::String;

    fn read(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        let bytes = from.cursor.string()?;
        str::from_utf8(bytes).map(str::to_owned).map_err(|_| Fault::Utf8)
    }

    fn write(&self, to: &mut Encoder<'_>) {
        to.string(self.as_bytes());
    }
}

impl Value for Bytes {
    const WIRE: WireType = WireType::String;

    fn read(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        from.cursor.string().map(Self::copy_from_slice)
    }

    fn write(&self, to: &mut Encoder<'_>) {
        to.string(self);
    }
}

impl<V: Value> Value for Vec<V> {
    const WIRE: WireType = WireType::List;

    fn read(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        let size = from.list::<V>()?;
        // grows by what is really there, not by what is claimed
        let mut list = Self::with_capacity(size.min(256));
        for _ in 0..size {
            from.charge::<V>()?;
            list.push(V::read(from)?);
        }
        from.leave();
        Ok(list)
    }

    fn write(&self, to: &mut Encoder<'_>) {
        to.list(V::WIRE, self.len());
        self.iter().for_each(|value| value.write(to));
    }
}

impl<V: Value + Ord> Value for BTreeSet<V> {
    const WIRE: WireType = WireType::Set;

    fn read(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        let size = from.list::<V>()?;
        let mut set = Self::new();
        for _ in 0..size {
            from.charge::<V>()?;
            set.insert(V::read(from)?);
        }
        from.leave();
        Ok(set)
    }

    fn write(&self, to: &mut Encoder<'_>) {
        to.list(V::WIRE, self.len());
        self.iter().for_each(|value| value.write(to));
    }
}

impl<K: Value + Ord, V: Value> Value for BTreeMap<K, V> {
    const WIRE: WireType = WireType::Map;

    fn read(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        let size = from.map::<K, V>()?;
        let mut map = Self::new();
        for _ in 0..size {
            from.charge::<(K, V)>()?;
            map.insert(K::read(from)?, V::read(from)?);
        }
        from.leave();
        Ok(map)
    }

    fn write(&self, to: &mut Encoder<'_>) {
        to.map(K::WIRE, V::WIRE, self.len());
        for (key, value) in self {
            key.write(to);
            value.write(to);
        }
    }
}

impl<T: Struct> Value for T {
    const WIRE: WireType = WireType::Struct;

    fn read(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        let mut value = Self::default();
        from.fields(&mut value)?;
        Ok(value)
    }

    fn write(&self, to: &mut Encoder<'_>) {
        to.structure(self);
    }
}

pub(crate) fn name_of(values: &[(&'static str, i32)], number: i32) -> Option<&'static str> {
    values.iter().find(|value| value.1 == number).map(|value| value.0)
}

pub(crate) fn debug_enum(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    values: &[(&'static str, i32)],
    number: i32,
) -> fmt::Result {
    match name_of(values, number) {
        Some(value) => write!(f, "{name}::{value}"),
        None => write!(f, "{name}({number})"),
    }
}
