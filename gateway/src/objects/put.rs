//! Writing an object: the bytes first, then the one operation that makes them visible.

use s3s::S3Request;
use s3s::dto::{ETag, PutObjectInput, PutObjectOutput};
use versioning::object::Object;

use crate::address::Address;
use crate::body::{Claims, examine, receive};
use crate::conditions::WriteConditions;
use crate::error::{Error, Result};
use crate::gateway::{Gateway, keep};
use crate::wire::{headers_of, hex};

impl Gateway {
    /// Stores an object.
    pub(crate) async fn put_object(&self, mut request: S3Request<PutObjectInput>) -> Result<PutObjectOutput> {
        let body = request.input.body.take();
        let at = Address::parse(&request.input.bucket, &request.input.key)?;
        check_supported(&request.input)?;
        let (content_type, metadata) = headers_of!(request.input).kept()?;
        let (length, md5) = (request.input.content_length, request.input.content_md5.as_deref());
        let claims = Claims::of(&request, length, md5, self.limits.upload_bytes_max)?;
        let place = self.place(&at).await?;
        let conditions = WriteConditions {
            if_match: request.input.if_match,
            if_none_match: request.input.if_none_match,
        };
        let kept = place.kept(&conditions).await?;
        let received = match &kept {
            Some(_) => examine(body, &claims).await?,
            None => receive(&place.repository, body, &claims).await?,
        };
        if at.is_root() {
            return put_root(received.size);
        }
        let etag = hex(&received.md5);
        let object = Object {
            segments: received.segment.into_iter().collect(),
            modified_us: place.now_us(),
            etag: etag.clone(),
            content_type,
            metadata,
        };
        match kept {
            Some(present) => keep_as_sent(&place.path, &present, object, received.size)?,
            None => place.put(object, conditions).await?,
        }
        Ok(PutObjectOutput {
            e_tag: Some(ETag::Strong(etag)),
            checksum_crc32: received.checksum.checksum_crc32,
            checksum_crc32c: received.checksum.checksum_crc32c,
            checksum_crc64nvme: received.checksum.checksum_crc64nvme,
            checksum_sha1: received.checksum.checksum_sha1,
            checksum_sha256: received.checksum.checksum_sha256,
            ..PutObjectOutput::default()
        })
    }
}

/// Judges an object of `size` bytes, none of which were stored, beside the one that stays at its path.
fn keep_as_sent(path: &str, present: &Object, sent: Object, size: u64) -> Result<()> {
    if (&sent.etag, size) != (&present.etag, present.size()) {
        return Err(Error::WriteOnce(path.to_owned()));
    }
    let sent = Object {
        segments: present.segments.clone(),
        ..sent
    };
    keep(path, present, &sent)
}

/// Answers a marker for the ref itself: it is a folder already.
fn put_root(size: u64) -> Result<PutObjectOutput> {
    match size {
        0 => Ok(PutObjectOutput::default()),
        _ => Err(Error::Argument(
            "the key names a ref and no path in it".to_owned(),
        )),
    }
}

/// Fails for what a client would believe to have got. Canned ACLs and storage classes are ignored, as by
/// other servers: they change nothing about the bytes.
fn check_supported(input: &PutObjectInput) -> Result<()> {
    if input.sse_customer_algorithm.is_some() || input.ssekms_key_id.is_some() {
        return Err(Error::Unsupported("encryption with keys of the client"));
    }
    if input.write_offset_bytes.is_some() {
        return Err(Error::Unsupported("appending to an object"));
    }
    if input.tagging.is_some() {
        return Err(Error::Unsupported("tagging of objects"));
    }
    Ok(())
}
