//! Data objects: what stands at a path, and the segments of stored files that hold its bytes.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::codec::{DecodeError, Reader, put_bytes, put_varint};
use crate::{Error, Result, Value};

/// A stored data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DataFile {
    pub epoch: u32,
    pub id: [u8; 16],
}

/// A stretch of a stored data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Segment {
    pub file: DataFile,
    pub offset: u64,
    pub len: u64,
}

/// An object: what stands at a path of [`crate::Space::Objects`].
///
/// Its bytes are the concatenation of its segments, so that a multipart upload is completed, and an object
/// copied, without moving bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Object {
    pub segments: Vec<Segment>,
    /// When the object was written, in microseconds since the Unix epoch.
    pub modified_us: u64,
    /// The entity tag without quotes: the MD5 in hexadecimal, or the MD5 of the parts' MD5s and `-n`.
    pub etag: String,
    pub content_type: Option<String>,
    /// The user's metadata (`x-amz-meta-…`), by lower-case name.
    pub metadata: BTreeMap<String, String>,
}

const VERSION: u8 = 1;

impl Object {
    /// Returns the number of bytes.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    /// Returns whether both hold the same stored bytes, whatever their times and metadata say.
    pub fn same_data(&self, other: &Object) -> bool {
        self.segments == other.segments || (self.etag == other.etag && self.size() == other.size())
    }

    /// Returns the object as a value of its tree.
    pub fn encode(&self) -> Value {
        let mut out = vec![VERSION];
        put_varint(&mut out, self.segments.len() as u64);
        for segment in &self.segments {
            put_varint(&mut out, u64::from(segment.file.epoch));
            out.extend_from_slice(&segment.file.id);
            put_varint(&mut out, segment.offset);
            put_varint(&mut out, segment.len);
        }
        put_varint(&mut out, self.modified_us);
        put_bytes(&mut out, self.etag.as_bytes());
        match &self.content_type {
            None => out.push(0),
            Some(text) => {
                out.push(1);
                put_bytes(&mut out, text.as_bytes());
            }
        }
        put_varint(&mut out, self.metadata.len() as u64);
        for (key, value) in &self.metadata {
            put_bytes(&mut out, key.as_bytes());
            put_bytes(&mut out, value.as_bytes());
        }
        Value {
            payload: Bytes::from(out),
            blobs: Vec::new(),
            weight: self.size(),
        }
    }

    /// Reads the payload of a value.
    ///
    /// # Errors
    /// [`Error::Corrupt`], naming `path`.
    pub fn decode(path: &[u8], payload: &[u8]) -> Result<Object> {
        Self::read(&mut Reader::new(payload)).map_err(|error| Error::Corrupt {
            what: "object",
            key: String::from_utf8_lossy(path).into_owned(),
            message: error.to_string(),
        })
    }

    fn read(reader: &mut Reader<'_>) -> Result<Object, DecodeError> {
        match reader.byte()? {
            VERSION => {}
            other => return Err(DecodeError::Tag(u64::from(other))),
        }
        let mut object = Object::default();
        for _ in 0..reader.length()? {
            let epoch = u32::try_from(reader.varint()?).map_err(|_| DecodeError::Varint)?;
            let file = DataFile {
                epoch,
                id: reader.array()?,
            };
            object.segments.push(Segment {
                file,
                offset: reader.varint()?,
                len: reader.varint()?,
            });
        }
        object.modified_us = reader.varint()?;
        object.etag = reader.text()?.to_owned();
        object.content_type = match reader.byte()? {
            0 => None,
            1 => Some(reader.text()?.to_owned()),
            other => return Err(DecodeError::Tag(u64::from(other))),
        };
        for _ in 0..reader.length()? {
            let key = reader.text()?.to_owned();
            object.metadata.insert(key, reader.text()?.to_owned());
        }
        reader.finish()?;
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_round_trip() {
        let file = DataFile {
            epoch: 3,
            id: [7; 16],
        };
        let object = Object {
            segments: vec![
                Segment {
                    file,
                    offset: 1,
                    len: 300,
                },
                Segment {
                    file,
                    offset: 0,
                    len: 5,
                },
            ],
            modified_us: 1_700_000_000_000_000,
            etag: "d41d8cd98f00b204e9800998ecf8427e".into(),
            content_type: Some("text/plain".into()),
            metadata: BTreeMap::from([("a".into(), "b".into())]),
        };
        let value = object.encode();
        assert_eq!(value.weight, 305);
        assert_eq!(Object::decode(b"p", &value.payload).unwrap(), object);
        for cut in 0..value.payload.len() {
            assert!(Object::decode(b"p", &value.payload[..cut]).is_err());
        }
    }
}
