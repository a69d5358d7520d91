//! How records are written: as tagged fields, by ascending tag.

use bytes::Bytes;
use versioning::codec::{DecodeError, Reader, put_bytes, put_varint};

use super::{Canonical, Input, Shared};
use crate::model::Extra;

/// Appends a field with the content that `put` writes.
pub(crate) fn put_field(out: &mut Vec<u8>, tag: u64, put: impl FnOnce(&mut Vec<u8>)) {
    put_varint(out, tag);
    put_nested(out, put);
}

/// Appends what `put` writes, with its length in front.
pub(crate) fn put_nested(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    put(out);
    let mut length = Vec::with_capacity(4);
    put_varint(&mut length, (out.len() - start) as u64);
    out.splice(start..start, length);
}

/// Reads a length, and then exactly that many bytes with `read`.
pub(crate) fn read_nested<'a, T>(
    input: &mut Input<'a, '_>,
    read: impl FnOnce(&mut Input<'a, '_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut nested = Reader::new(input.0.bytes()?);
    let value = read(&mut (&mut nested, input.1))?;
    nested.finish()?;
    Ok(value)
}

/// The fields of a record, read by ascending tag to the end of the input.
#[derive(Debug)]
pub(crate) struct Fields<'a, 'b> {
    reader: &'b mut Reader<'a>,
    shared: &'b Shared,
    next: Option<(u64, &'a [u8])>,
    last: Option<u64>,
}

impl<'a, 'b> Fields<'a, 'b> {
    /// Starts to read the fields of `input`.
    pub(crate) fn new(input: &'b mut Input<'a, '_>) -> Result<Fields<'a, 'b>, DecodeError> {
        let mut fields = Fields {
            reader: &mut *input.0,
            shared: input.1,
            next: None,
            last: None,
        };
        fields.advance()?;
        Ok(fields)
    }

    fn advance(&mut self) -> Result<(), DecodeError> {
        self.next = None;
        if !self.reader.is_empty() {
            let tag = self.reader.varint()?;
            if self.last.is_some_and(|last| last >= tag) {
                return Err(DecodeError::Canonical("tags do not ascend"));
            }
            self.last = Some(tag);
            self.next = Some((tag, self.reader.bytes()?));
        }
        Ok(())
    }

    /// Returns the content of the field `tag`, if it is the next.
    pub(crate) fn take(&mut self, tag: u64) -> Result<Option<&'a [u8]>, DecodeError> {
        match self.next {
            Some((found, content)) if found == tag => {
                self.advance()?;
                Ok(Some(content))
            }
            Some((found, _)) if found < tag => Err(DecodeError::Tag(found)),
            _ => Ok(None),
        }
    }

    /// Reads the field `tag` with `read`, if it is there.
    pub(crate) fn read<T>(
        &mut self,
        tag: u64,
        read: impl FnOnce(&mut Input<'a, '_>) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        let Some(content) = self.take(tag)? else {
            return Ok(None);
        };
        let mut reader = Reader::new(content);
        let value = read(&mut (&mut reader, self.shared))?;
        reader.finish()?;
        Ok(Some(value))
    }

    /// Returns whether no field is left.
    pub(crate) fn is_done(&self) -> bool {
        self.next.is_none()
    }

    /// Ends a record that nothing may follow.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        match self.next {
            None => Ok(()),
            Some((tag, _)) => Err(DecodeError::Tag(tag)),
        }
    }

    /// Ends a record and returns the fields behind the known ones.
    pub(crate) fn extra(mut self) -> Result<Extra, DecodeError> {
        let mut extra = Vec::new();
        while let Some((tag, content)) = self.next {
            extra.push((tag, Bytes::copy_from_slice(content)));
            self.advance()?;
        }
        Ok(Extra(extra))
    }
}

/// Appends the fields of a newer version.
pub(crate) fn put_extra(extra: &Extra, out: &mut Vec<u8>) {
    for (tag, content) in &extra.0 {
        put_varint(out, *tag);
        put_bytes(out, content);
    }
}

/// Always written.
pub(crate) mod must {
    use super::*;

    pub(crate) fn put<T: Canonical>(out: &mut Vec<u8>, tag: u64, value: &T) {
        put_field(out, tag, |out| value.put(out));
    }

    pub(crate) fn read<T: Canonical>(fields: &mut Fields<'_, '_>, tag: u64) -> Result<T, DecodeError> {
        fields
            .read(tag, |input| T::read(input))?
            .ok_or(DecodeError::Canonical("a field is missing"))
    }
}

/// Written where it is set.
pub(crate) mod opt {
    use super::*;

    pub(crate) fn put<T: Canonical>(out: &mut Vec<u8>, tag: u64, value: &Option<T>) {
        if let Some(value) = value {
            put_field(out, tag, |out| value.put(out));
        }
    }

    pub(crate) fn read<T: Canonical>(
        fields: &mut Fields<'_, '_>,
        tag: u64,
    ) -> Result<Option<T>, DecodeError> {
        fields.read(tag, |input| T::read(input))
    }
}

/// Written unless it is the default.
pub(crate) mod dflt {
    use super::*;

    pub(crate) fn put<T: Canonical + Default + PartialEq>(out: &mut Vec<u8>, tag: u64, value: &T) {
        if *value != T::default() {
            put_field(out, tag, |out| value.put(out));
        }
    }

    pub(crate) fn read<T: Canonical + Default + PartialEq>(
        fields: &mut Fields<'_, '_>,
        tag: u64,
    ) -> Result<T, DecodeError> {
        match fields.read(tag, |input| T::read(input))? {
            Some(value) if value == T::default() => Err(DecodeError::Canonical("a default is written")),
            value => Ok(value.unwrap_or_default()),
        }
    }
}

/// Implements [`Canonical`] for a struct whose fields end with the input: `tag mode field`.
///
/// With `items`, each stands with its length in front, so that it can be an item of a list.
macro_rules! record {
    (@put $self:ident $out:ident { $($tag:literal $mode:ident $field:ident,)+ }) => {
        $( $crate::codec::fields::$mode::put($out, $tag, &$self.$field); )+
    };
    ($type:ty { $($tag:literal $mode:ident $field:ident,)+ } extra) => {
        impl Canonical for $type {
            fn put(&self, out: &mut Vec<u8>) {
                record!(@put self out { $($tag $mode $field,)+ });
                $crate::codec::fields::put_extra(&self.extra, out);
            }

            fn read(input: &mut Input<'_, '_>) -> Result<Self, DecodeError> {
                let mut fields = Fields::new(input)?;
                $( let $field = $crate::codec::fields::$mode::read(&mut fields, $tag)?; )+
                let extra = fields.extra()?;
                Ok(Self { $($field,)+ extra })
            }
        }
    };
    ($type:ty { $($tag:literal $mode:ident $field:ident,)+ }) => {
        impl Canonical for $type {
            fn put(&self, out: &mut Vec<u8>) {
                $crate::codec::fields::put_nested(out, |out| {
                    record!(@put self out { $($tag $mode $field,)+ });
                });
            }

            fn read(input: &mut Input<'_, '_>) -> Result<Self, DecodeError> {
                $crate::codec::fields::read_nested(input, |input| {
                    let mut fields = Fields::new(input)?;
                    $( let $field = $crate::codec::fields::$mode::read(&mut fields, $tag)?; )+
                    fields.finish()?;
                    Ok(Self { $($field,)+ })
                })
            }
        }
    };
}
pub(crate) use record;
