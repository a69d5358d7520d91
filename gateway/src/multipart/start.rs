//! The beginning and the giving up of an upload.

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput,
};
use versioning::object::Object;

use super::records::{Open, Records, UploadId, forget_before_ms};
use crate::address::Address;
use crate::error::{Error, Result};
use crate::gateway::Gateway;
use crate::wire::headers_of;

impl Gateway {
    /// Begins an upload.
    pub(crate) async fn create_multipart(
        &self,
        mut input: CreateMultipartUploadInput,
    ) -> Result<CreateMultipartUploadOutput> {
        if input.sse_customer_algorithm.is_some() || input.ssekms_key_id.is_some() {
            return Err(Error::Unsupported("encryption with keys of the client"));
        }
        if input.tagging.is_some() {
            return Err(Error::Unsupported("tagging of objects"));
        }
        let at = Address::parse(&input.bucket, &input.key)?;
        if at.is_root() {
            return Err(Error::Argument(
                "the key names a ref and no path in it".to_owned(),
            ));
        }
        let place = self.place(&at).await?;
        let now_us = place.now_us();
        let (content_type, metadata) = headers_of!(input).kept()?;
        let template = Object {
            modified_us: now_us,
            content_type,
            metadata,
            ..Object::default()
        };
        let upload = Open {
            key: at.key(),
            id: UploadId::fresh(&place.repository),
            template,
        };
        let forget_ms = forget_before_ms(now_us, self.limits.completed);
        Records::of(&place.repository).open(&upload, forget_ms).await?;
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload.id.as_str().to_owned()),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: input.checksum_type,
            ..CreateMultipartUploadOutput::default()
        })
    }

    /// Gives an upload up.
    pub(crate) async fn abort_multipart(
        &self,
        input: AbortMultipartUploadInput,
    ) -> Result<AbortMultipartUploadOutput> {
        let at = Address::parse(&input.bucket, &input.key)?;
        let id = UploadId::parse(&input.upload_id)?;
        let records = Records::of(&self.repository(&at.repository).await?);
        records.find(&at.key(), &id).await?;
        let parts: Vec<i32> = records
            .all_parts(&id)
            .await?
            .into_iter()
            .map(|(number, _)| number)
            .collect();
        records.abort(&at.key(), &id, &parts).await?;
        Ok(AbortMultipartUploadOutput::default())
    }
}
