//! Copies within the service, those of large objects by parts.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusty_s3::actions::{CompleteMultipartUploadResponse, CreateMultipartUpload};
use rusty_s3::{Bucket, S3Action as _};
use serde::Deserialize;

use crate::client::{Client, signed, succeeded, text, unreadable};
use crate::fault::Fault;
use crate::place::Place;

const COPY_SOURCE: &str = "x-amz-copy-source";
const COPY_SOURCE_RANGE: &str = "x-amz-copy-source-range";
const PARTS_MAX: u64 = 10_000;

/// What stays as it is in the name of a source. All that remains is encoded as in a path.
const SOURCE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'/')
    .remove(b'_')
    .remove(b'~');

#[derive(Debug, Deserialize)]
struct CopiedPart {
    #[serde(rename = "ETag")]
    etag: String,
}

impl Client {
    /// Copies an object of that size within the service.
    pub(crate) async fn copy(&self, from: &Place, to: &Place, bytes: u64) -> Result<(), Fault> {
        if bytes > self.limits.copy_bytes_max {
            return self.copy_by_parts(from, to, bytes).await;
        }
        let of = self.bucket(&to.bucket)?;
        let sign = || {
            let mut action = of.put_object(Some(&self.credentials), &to.key);
            action.headers_mut().insert(COPY_SOURCE, source(from));
            let mut request = signed(http::Method::PUT, &action);
            request.headers.push((COPY_SOURCE, source(from)));
            request
        };
        let read = |answer| succeeded(answer, &to.bucket).map(drop);
        self.sender.send(self.limits.copy, sign, read).await
    }

    async fn copy_by_parts(&self, from: &Place, to: &Place, bytes: u64) -> Result<(), Fault> {
        let of = self.bucket(&to.bucket)?;
        let sign = || {
            signed(
                http::Method::POST,
                &of.create_multipart_upload(Some(&self.credentials), &to.key),
            )
        };
        let read = |answer| {
            let text = text(succeeded(answer, &to.bucket)?)?;
            CreateMultipartUpload::parse_response(&text).map_err(unreadable)
        };
        let begun = self.sender.send(self.limits.answer, sign, read).await?;
        let done = self.copy_parts(&of, from, to, (bytes, begun.upload_id())).await;
        if done.is_err() {
            self.abort(&of, to, begun.upload_id()).await;
        }
        done
    }

    async fn copy_parts(
        &self,
        of: &Bucket,
        from: &Place,
        to: &Place,
        (bytes, upload): (u64, &str),
    ) -> Result<(), Fault> {
        let mut etags = Vec::new();
        for (number, range) in (1..).zip(ranges(bytes, self.limits.part_bytes)) {
            let sign = || {
                let mut action = of.upload_part(Some(&self.credentials), &to.key, number, upload);
                let headers = [(COPY_SOURCE, source(from)), (COPY_SOURCE_RANGE, range.clone())];
                for (name, value) in headers.clone() {
                    action.headers_mut().insert(name, value);
                }
                let mut request = signed(http::Method::PUT, &action);
                request.headers.extend(headers);
                request
            };
            let read = |answer| {
                let text = text(succeeded(answer, &to.bucket)?)?;
                quick_xml::de::from_str::<CopiedPart>(&text).map_err(unreadable)
            };
            etags.push(self.sender.send(self.limits.copy, sign, read).await?.etag);
        }
        let etags = etags.iter().map(String::as_str);
        let action = of.complete_multipart_upload(Some(&self.credentials), &to.key, upload, etags);
        let mut request = signed(http::Method::POST, &action);
        request.body = Bytes::from(action.body());
        // not sent again: a service that has done it may know nothing of the upload any more
        let answer = self.sender.once(self.limits.copy, request).await?;
        let text = text(succeeded(answer, &to.bucket)?)?;
        CompleteMultipartUploadResponse::parse(&text)
            .map(drop)
            .map_err(unreadable)
    }

    async fn abort(&self, of: &Bucket, to: &Place, upload: &str) {
        let sign = || {
            let action = of.abort_multipart_upload(Some(&self.credentials), &to.key, upload);
            signed(http::Method::DELETE, &action)
        };
        let read = |answer| succeeded(answer, &to.bucket).map(drop);
        if let Err(fault) = self.sender.send(self.limits.answer, sign, read).await {
            tracing::warn!(%fault, bucket = to.bucket, key = to.key, "parts of a copy stay in the bucket");
        }
    }
}

fn source(from: &Place) -> String {
    utf8_percent_encode(&format!("{}/{}", from.bucket, from.key), SOURCE).to_string()
}

/// Returns the ranges of the parts that an object is copied by, as the header names them.
fn ranges(bytes: u64, part_bytes: u64) -> impl Iterator<Item = String> {
    let part = part_bytes.max(bytes.div_ceil(PARTS_MAX)).max(1);
    let starts = (0..bytes.div_ceil(part)).map(move |number| number * part);
    starts.map(move |start| format!("bytes={start}-{}", (start + part).min(bytes) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_object() {
        let of = |bytes, part| ranges(bytes, part).collect::<Vec<_>>();
        assert_eq!(of(5, 2), ["bytes=0-1", "bytes=2-3", "bytes=4-4"]);
        assert_eq!(of(4, 2), ["bytes=0-1", "bytes=2-3"]);
        let large = of(50 << 40, 1 << 30);
        assert!(large.len() as u64 <= PARTS_MAX);
        assert!(
            large
                .last()
                .is_some_and(|last| last.ends_with(&format!("-{}", (50_u64 << 40) - 1)))
        );
    }

    #[test]
    fn sources_are_encoded() {
        let from = Place::parse("s3a://b/a b%2Fc'é+?").unwrap();
        assert_eq!(source(&from), "b/a%20b%252Fc%27%C3%A9%2B%3F");
    }
}
