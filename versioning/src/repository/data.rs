//! The bytes of objects: storing and reading them.

use std::ops::Range;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};

use super::Repository;
use crate::Result;
use crate::object::{Object, Segment};
use crate::store::DataWriter;

impl Repository {
    /// Starts storing data. It belongs to no path until an [`Object`] with its segment is written.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Storage`].
    pub async fn upload(&self) -> Result<Upload> {
        let epoch = self.core().epoch().await?;
        Ok(Upload {
            writer: self.inner.data.create(epoch).await?,
        })
    }

    /// Streams the bytes of `range` of an object; the range has to lie within it.
    pub fn read(&self, object: &Object, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        let data = self.inner.data.clone();
        let parts = stretches(object, range);
        stream::iter(parts)
            .then(move |(segment, part)| {
                let data = data.clone();
                async move { data.read(segment.file, part).await }
            })
            .try_flatten()
            .boxed()
    }
}

/// Returns which parts of which segments make up `range`.
fn stretches(object: &Object, range: Range<u64>) -> Vec<(Segment, Range<u64>)> {
    let mut parts = Vec::new();
    let mut begin = 0;
    for segment in &object.segments {
        let end = begin + segment.len;
        let (from, to) = (range.start.max(begin), range.end.min(end));
        if from < to {
            parts.push((
                *segment,
                segment.offset + from - begin..segment.offset + to - begin,
            ));
        }
        begin = end;
    }
    parts
}

/// Data that is being stored.
#[derive(Debug)]
pub struct Upload {
    writer: DataWriter,
}

/// Data that is stored, durably.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    pub segment: Segment,
    pub md5: [u8; 16],
}

impl Upload {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::Storage`].
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.writer.write(bytes).await
    }

    /// Makes the data durable.
    ///
    /// # Errors
    /// As [`Upload::write`].
    pub async fn finish(self) -> Result<Stored> {
        let stored = self.writer.finish().await?;
        let segment = Segment {
            file: stored.file,
            offset: 0,
            len: stored.size,
        };
        Ok(Stored {
            segment,
            md5: stored.md5,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::DataFile;

    #[test]
    fn ranges_are_cut_from_segments() {
        let segment = |id, offset, len| Segment {
            file: DataFile {
                epoch: 1,
                id: [id; 16],
            },
            offset,
            len,
        };
        let object = Object {
            segments: vec![segment(1, 5, 10), segment(2, 0, 0), segment(3, 0, 4)],
            ..Object::default()
        };
        let ranges = |range| {
            stretches(&object, range)
                .into_iter()
                .map(|(s, r)| (s.file.id[0], r))
                .collect::<Vec<_>>()
        };
        assert_eq!(ranges(0..14), [(1, 5..15), (3, 0..4)]);
        assert_eq!(ranges(9..11), [(1, 14..15), (3, 0..1)]);
        assert_eq!(ranges(3..3), []);
    }
}
