//! Copying: a second entry for the same stored bytes.

use std::ops::Range;

use s3s::dto::{CopyObjectInput, CopyObjectOutput, CopyObjectResult, MetadataDirective};
use versioning::Repository;
use versioning::object::{Object, Segment};

use super::ranges::source_range;
use crate::address::Address;
use crate::conditions::{ReadConditions, WriteConditions};
use crate::error::{Error, Result};
use crate::gateway::{Gateway, Place, copy_bytes};
use crate::segments;
use crate::wire::{etag, headers_of, hex, timestamp};

/// The source of a copy.
#[derive(Debug)]
pub(crate) struct Source {
    repository: Repository,
    object: Object,
}

impl Gateway {
    /// Returns the source of a copy, if its conditions hold.
    pub(crate) async fn source(&self, at: Address, conditions: &ReadConditions) -> Result<Source> {
        let (repository, object) = self.object(&at).await?;
        conditions.check_source(&object)?;
        Ok(Source { repository, object })
    }

    /// Copies an object. Within a repository, whatever the refs, no bytes move.
    pub(crate) async fn copy_object(&self, mut input: CopyObjectInput) -> Result<CopyObjectOutput> {
        let at = Address::parse(&input.bucket, &input.key)?;
        let source_at = Address::parse_source(&input.copy_source)?;
        let replace = replaces(&input)?;
        if at == source_at && !replace {
            return Err(Error::Request(
                "an object is copied to itself without a change".to_owned(),
            ));
        }
        if at.is_root() {
            return Err(Error::Argument(
                "the key names a ref and no path in it".to_owned(),
            ));
        }
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let place = self.place(&at).await?;
        let source = self.source(source_at, &conditions).await?;
        let size = source.object.size();
        let segments = source.bytes_for(&place, 0..size).await?;
        let mut object = Object {
            segments,
            modified_us: place.now_us(),
            ..source.object
        };
        if replace {
            (object.content_type, object.metadata) = headers_of!(input).kept()?;
        }
        let result = CopyObjectResult {
            e_tag: Some(etag(&object)),
            last_modified: Some(timestamp(object.modified_us)),
            ..CopyObjectResult::default()
        };
        place.put(object, WriteConditions::default()).await?;
        Ok(CopyObjectOutput {
            copy_object_result: Some(result),
            ..CopyObjectOutput::default()
        })
    }
}

impl Source {
    /// Returns segments of `range` that the place can refer to: the same ones within a repository, and those of
    /// a copy of the bytes from another, since each repository is collected by itself.
    pub(crate) async fn bytes_for(&self, place: &Place, range: Range<u64>) -> Result<Vec<Segment>> {
        if self.repository.record().id == place.repository.record().id {
            return Ok(segments::slice(&self.object.segments, range));
        }
        if range.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![
            copy_bytes(&self.repository, &self.object, range, &place.repository).await?,
        ])
    }

    /// Returns the range that `x-amz-copy-source-range` names, or the whole.
    pub(crate) fn range(&self, text: Option<&str>) -> Result<Range<u64>> {
        let size = self.object.size();
        text.map_or(Ok(0..size), |text| source_range(text, size))
    }

    /// Returns an etag for a part that consists of `segments`: the source's, if it is the MD5 of just these
    /// bytes, else a hash of where they lie, for the MD5 could be had only by reading them all.
    pub(crate) fn part_etag(&self, segments: &[Segment]) -> String {
        let size: u64 = segments.iter().map(|segment| segment.len).sum();
        if size == self.object.size() && !self.object.etag.contains('-') {
            return self.object.etag.clone();
        }
        let mut hash = <md5::Md5 as md5::Digest>::new();
        for segment in segments {
            md5::Digest::update(&mut hash, segment.file.epoch.to_be_bytes());
            md5::Digest::update(&mut hash, segment.file.id);
            md5::Digest::update(&mut hash, segment.offset.to_be_bytes());
            md5::Digest::update(&mut hash, segment.len.to_be_bytes());
        }
        hex(&md5::Digest::finalize(hash))
    }
}

fn replaces(input: &CopyObjectInput) -> Result<bool> {
    if input.sse_customer_algorithm.is_some() || input.copy_source_sse_customer_algorithm.is_some() {
        return Err(Error::Unsupported("encryption with keys of the client"));
    }
    match input.metadata_directive.as_ref().map(MetadataDirective::as_str) {
        None | Some(MetadataDirective::COPY) => Ok(false),
        Some(MetadataDirective::REPLACE) => Ok(true),
        Some(other) => Err(Error::Argument(format!("{other:?} is not a metadata directive"))),
    }
}
