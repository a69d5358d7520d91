//! How single values are written: numbers, texts, lists, maps.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use versioning::codec::{DecodeError, put_bytes, put_varint};

use super::Input;
use crate::model::{
    ColumnId, ConstraintKind, DatabaseId, DatabaseKind, FunctionKind, Location, PrincipalKind, Real,
    ResourceKind, SerdeKind, TableFormat, TableId, TableKind,
};

/// A value that has one form in bytes.
pub(crate) trait Canonical: Sized {
    /// Appends the value.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads the value. Whoever writes a value without an end of its own gives it a length.
    fn read(input: &mut Input<'_, '_>) -> Result<Self, DecodeError>;
}

macro_rules! unsigned {
    ($($type:ty),+) => { $(
        impl Canonical for $type {
            fn put(&self, out: &mut Vec<u8>) {
                put_varint(out, u64::from(*self));
            }

            fn read(input: &mut Input<'_, '_>) -> Result<$type, DecodeError> {
                <$type>::try_from(input.0.varint()?).map_err(|_| DecodeError::Varint)
            }
        }
    )+ };
}
unsigned!(u32, u64);

macro_rules! signed {
    ($($type:ty),+) => { $(
        impl Canonical for $type {
            fn put(&self, out: &mut Vec<u8>) {
                let value = i64::from(*self);
                put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
            }

            fn read(input: &mut Input<'_, '_>) -> Result<$type, DecodeError> {
                let zigzag = input.0.varint()?;
                let value = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
                <$type>::try_from(value).map_err(|_| DecodeError::Varint)
            }
        }
    )+ };
}
signed!(i8, i16, i32, i64);

impl Canonical for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(input: &mut Input<'_, '_>) -> Result<bool, DecodeError> {
        match input.0.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(DecodeError::Tag(u64::from(other))),
        }
    }
}

impl Canonical for Real {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
    }

    fn read(input: &mut Input<'_, '_>) -> Result<Real, DecodeError> {
        Ok(Real(u64::from_be_bytes(input.0.array()?)))
    }
}

impl Canonical for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.as_bytes());
    }

    fn read(input: &mut Input<'_, '_>) -> Result<String, DecodeError> {
        Ok(input.0.text()?.to_owned())
    }
}

impl Canonical for Bytes {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self);
    }

    fn read(input: &mut Input<'_, '_>) -> Result<Bytes, DecodeError> {
        Ok(Bytes::copy_from_slice(input.0.bytes()?))
    }
}

impl<T: Canonical> Canonical for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.len() as u64);
        self.iter().for_each(|item| item.put(out));
    }

    fn read(input: &mut Input<'_, '_>) -> Result<Vec<T>, DecodeError> {
        let mut items = Vec::new();
        for _ in 0..input.0.length()? {
            items.push(T::read(input)?);
        }
        Ok(items)
    }
}

impl<K: Canonical + Ord, V: Canonical> Canonical for BTreeMap<K, V> {
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.len() as u64);
        for (key, value) in self {
            key.put(out);
            value.put(out);
        }
    }

    fn read(input: &mut Input<'_, '_>) -> Result<BTreeMap<K, V>, DecodeError> {
        let mut map = BTreeMap::new();
        for _ in 0..input.0.length()? {
            let key = K::read(input)?;
            if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(DecodeError::Canonical("map keys do not ascend"));
            }
            map.insert(key, V::read(input)?);
        }
        Ok(map)
    }
}

impl<T: Canonical + Ord> Canonical for BTreeSet<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.len() as u64);
        self.iter().for_each(|item| item.put(out));
    }

    fn read(input: &mut Input<'_, '_>) -> Result<BTreeSet<T>, DecodeError> {
        let mut set = BTreeSet::new();
        for _ in 0..input.0.length()? {
            let item = T::read(input)?;
            if set.last().is_some_and(|last| *last >= item) {
                return Err(DecodeError::Canonical("set items do not ascend"));
            }
            set.insert(item);
        }
        Ok(set)
    }
}

macro_rules! ids {
    ($($type:ident),+) => { $(
        impl Canonical for $type {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0);
            }

            fn read(input: &mut Input<'_, '_>) -> Result<$type, DecodeError> {
                Ok($type(input.0.array()?))
            }
        }
    )+ };
}
ids!(DatabaseId, TableId);

impl Canonical for ColumnId {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn read(input: &mut Input<'_, '_>) -> Result<ColumnId, DecodeError> {
        Ok(ColumnId(u32::read(input)?))
    }
}

macro_rules! codes {
    ($($type:ident),+) => { $(
        impl Canonical for $type {
            fn put(&self, out: &mut Vec<u8>) {
                self.code().put(out);
            }

            fn read(input: &mut Input<'_, '_>) -> Result<$type, DecodeError> {
                Ok($type::from_code(i32::read(input)?))
            }
        }
    )+ };
}
codes!(PrincipalKind, DatabaseKind, FunctionKind, ResourceKind, SerdeKind);

impl Canonical for TableKind {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.as_str().as_bytes());
    }

    fn read(input: &mut Input<'_, '_>) -> Result<TableKind, DecodeError> {
        Ok(TableKind::parse(input.0.text()?))
    }
}

impl Canonical for TableFormat {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }

    fn read(input: &mut Input<'_, '_>) -> Result<TableFormat, DecodeError> {
        let code = input.0.byte()?;
        let format = TableFormat::ALL.get(usize::from(code));
        format.copied().ok_or(DecodeError::Tag(u64::from(code)))
    }
}

impl Canonical for ConstraintKind {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }

    fn read(input: &mut Input<'_, '_>) -> Result<ConstraintKind, DecodeError> {
        let code = input.0.byte()?;
        let kind = ConstraintKind::ALL.get(usize::from(code));
        kind.copied().ok_or(DecodeError::Tag(u64::from(code)))
    }
}

impl Canonical for Location {
    fn put(&self, out: &mut Vec<u8>) {
        let (kind, text) = match self {
            Location::Default => return out.push(0),
            Location::Rel(path) => (1, path),
            Location::Shared(path) => (2, path),
            Location::External(uri) => (3, uri),
        };
        out.push(kind);
        put_bytes(out, text.as_bytes());
    }

    fn read(input: &mut Input<'_, '_>) -> Result<Location, DecodeError> {
        match input.0.byte()? {
            0 => Ok(Location::Default),
            1 => Ok(Location::Rel(String::read(input)?)),
            2 => Ok(Location::Shared(String::read(input)?)),
            3 => Ok(Location::External(String::read(input)?)),
            other => Err(DecodeError::Tag(u64::from(other))),
        }
    }
}
