//! Parts: received, or linked from an object that is there.

use s3s::S3Request;
use s3s::dto::{
    CopyPartResult, ETag, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use versioning::object::{Object, Segment};

use super::records::{PART_MAX, Records, UploadId};
use crate::address::Address;
use crate::body::{Claims, receive};
use crate::conditions::ReadConditions;
use crate::error::{Error, Result};
use crate::gateway::{Gateway, Place};
use crate::wire::{hex, timestamp};

/// A part that is about to be added.
struct Slot {
    place: Place,
    records: Records,
    key: String,
    id: UploadId,
    number: i32,
}

impl Gateway {
    /// Receives a part. It is durable when this returns.
    pub(crate) async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> Result<UploadPartOutput> {
        let body = request.input.body.take();
        let (length, md5) = (request.input.content_length, request.input.content_md5.as_deref());
        let claims = Claims::of(&request, length, md5, self.limits.upload_bytes_max)?;
        let input = request.input;
        let at = Address::parse(&input.bucket, &input.key)?;
        let slot = self.slot(&at, &input.upload_id, input.part_number).await?;
        let received = receive(&slot.place.repository, body, &claims).await?;
        let segments = received.segment.into_iter().collect();
        let part = slot.fill(segments, hex(&received.md5)).await?;
        Ok(UploadPartOutput {
            e_tag: Some(ETag::Strong(part.etag)),
            checksum_crc32: received.checksum.checksum_crc32,
            checksum_crc32c: received.checksum.checksum_crc32c,
            checksum_crc64nvme: received.checksum.checksum_crc64nvme,
            checksum_sha1: received.checksum.checksum_sha1,
            checksum_sha256: received.checksum.checksum_sha256,
            ..UploadPartOutput::default()
        })
    }

    /// Makes a part of an object, or of a stretch of it, without moving bytes.
    pub(crate) async fn upload_part_copy(&self, input: UploadPartCopyInput) -> Result<UploadPartCopyOutput> {
        let at = Address::parse(&input.bucket, &input.key)?;
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let slot = self.slot(&at, &input.upload_id, input.part_number).await?;
        let source = self
            .source(Address::parse_source(&input.copy_source)?, &conditions)
            .await?;
        let range = source.range(input.copy_source_range.as_deref())?;
        let segments = source.bytes_for(&slot.place, range).await?;
        let etag = source.part_etag(&segments);
        let part = slot.fill(segments, etag).await?;
        let result = CopyPartResult {
            e_tag: Some(ETag::Strong(part.etag)),
            last_modified: Some(timestamp(part.modified_us)),
            ..CopyPartResult::default()
        };
        Ok(UploadPartCopyOutput {
            copy_part_result: Some(result),
            ..UploadPartCopyOutput::default()
        })
    }

    /// Finds the upload to which a part belongs, before its body is read for nothing.
    async fn slot(&self, at: &Address, id: &str, number: i32) -> Result<Slot> {
        if !(1..=PART_MAX).contains(&number) {
            return Err(Error::Argument(format!(
                "a part has a number between 1 and {PART_MAX}"
            )));
        }
        let id = UploadId::parse(id)?;
        let place = self.place(at).await?;
        let records = Records::of(&place.repository);
        records.find(&at.key(), &id).await?;
        Ok(Slot {
            place,
            records,
            key: at.key(),
            id,
            number,
        })
    }
}

impl Slot {
    async fn fill(&self, segments: Vec<Segment>, etag: String) -> Result<Object> {
        let part = Object {
            segments,
            modified_us: self.place.now_us(),
            etag,
            ..Object::default()
        };
        self.records
            .put_part(&self.key, &self.id, self.number, &part)
            .await?;
        Ok(part)
    }
}
