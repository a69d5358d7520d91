//! The few actions of S3 that folders are made of.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusty_s3::actions::{
    CompleteMultipartUploadResponse, CreateMultipartUpload, DeleteObjectsResponse, ListObjectsV2,
    ObjectIdentifier,
};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use serde::Deserialize;
use url::Url;

use crate::fault::Fault;
use crate::http::{Answer, Sender, Signed};
use crate::place::{Place, is_nameable};
use crate::settings::{Connection, ConnectionError, Limits};

/// How long a signature holds. It is made right before its request is sent; clocks may differ.
const SIGNATURE: Duration = Duration::from_secs(15 * 60);

/// What Hadoop and AWS's console call a folder.
const FOLDER_TYPE: &str = "application/x-directory";

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

/// Objects of a folder, in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Listed>,
    /// From where the next page goes on, if there is one.
    pub(crate) next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) bytes: u64,
}

/// Speaks S3 with one service.
#[derive(Debug)]
pub(crate) struct Client {
    endpoint: Url,
    region: String,
    credentials: Credentials,
    sender: Sender,
    pub(crate) limits: Limits,
}

impl Client {
    pub(crate) fn new(connection: Connection, limits: Limits) -> Result<Client, ConnectionError> {
        let endpoint = endpoint(&connection)?;
        let Connection {
            region,
            access_key,
            secret_key,
            session_token,
            ..
        } = connection;
        Ok(Client {
            sender: Sender::new(&endpoint, limits.clone())?,
            endpoint,
            region,
            credentials: match session_token {
                Some(token) => Credentials::new_with_token(access_key, secret_key, token),
                None => Credentials::new(access_key, secret_key),
            },
            limits,
        })
    }

    fn bucket(&self, name: &str) -> Result<Bucket, Fault> {
        let endpoint = self.endpoint.clone();
        let bucket = Bucket::new(endpoint, UrlStyle::Path, name.to_owned(), self.region.clone());
        bucket.map_err(|_| Fault::Foreign)
    }

    /// Returns up to `keys` objects below a prefix, from where a page before ended.
    pub(crate) async fn page(
        &self,
        bucket: &str,
        prefix: &str,
        keys: usize,
        from: Option<&str>,
    ) -> Result<Page, Fault> {
        let of = self.bucket(bucket)?;
        let sign = || {
            let mut action = of.list_objects_v2(Some(&self.credentials));
            action.with_prefix(prefix);
            action.with_max_keys(keys);
            if let Some(from) = from {
                action.with_continuation_token(from);
            }
            signed(http::Method::GET, &action)
        };
        let read = |answer| {
            let text = text(succeeded(answer, bucket)?)?;
            let page = ListObjectsV2::parse_response(&text).map_err(unreadable)?;
            let objects = page.contents.into_iter().map(|one| Listed {
                key: one.key,
                bytes: one.size.unwrap_or_default(),
            });
            Ok(Page {
                objects: objects.collect(),
                next: page.next_continuation_token,
            })
        };
        self.sender.send(self.limits.answer, sign, read).await
    }

    /// Returns the size of an object; `None` if there is none.
    pub(crate) async fn size(&self, place: &Place) -> Result<Option<u64>, Fault> {
        let of = self.bucket(&place.bucket)?;
        let sign = || {
            let action = of.head_object(Some(&self.credentials), &place.key);
            signed(http::Method::HEAD, &action)
        };
        let read = |answer: Answer| {
            if answer.status == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            let length = answer.headers.get(http::header::CONTENT_LENGTH);
            let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
            succeeded(answer, &place.bucket).map(|_| Some(length.unwrap_or_default()))
        };
        self.sender.send(self.limits.answer, sign, read).await
    }

    /// Writes the marker of a folder.
    pub(crate) async fn mark(&self, folder: &Place) -> Result<(), Fault> {
        let (of, key) = (self.bucket(&folder.bucket)?, folder.prefix());
        let sign = || {
            let action = of.put_object(Some(&self.credentials), &key);
            let mut request = signed(http::Method::PUT, &action);
            request.headers.push(("content-type", FOLDER_TYPE.to_owned()));
            request
        };
        let read = |answer| succeeded(answer, &folder.bucket).map(drop);
        self.sender.send(self.limits.answer, sign, read).await
    }

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

    /// Deletes objects. Those that are not there are fine.
    pub(crate) async fn delete(&self, bucket: &str, keys: &[String]) -> Result<(), Fault> {
        let (batched, alone): (Vec<_>, Vec<_>) = keys.iter().partition(|key| fits_xml(key));
        for batch in batched.chunks(self.limits.page_keys) {
            self.delete_batch(bucket, batch).await?;
        }
        for key in alone {
            self.delete_one(bucket, key).await?;
        }
        Ok(())
    }

    async fn delete_batch(&self, bucket: &str, keys: &[&String]) -> Result<(), Fault> {
        let of = self.bucket(bucket)?;
        let objects: Vec<ObjectIdentifier> = keys
            .iter()
            .map(|key| ObjectIdentifier::new((*key).clone()))
            .collect();
        let sign = || {
            let mut action = of.delete_objects(Some(&self.credentials), objects.iter());
            action.set_quiet(true);
            let mut request = signed(http::Method::POST, &action);
            let (body, md5) = action.body_with_md5();
            request.headers.push(("content-md5", md5));
            request
                .headers
                .push(("content-type", "application/xml".to_owned()));
            request.body = Bytes::from(body);
            request
        };
        let read = |answer| {
            let text = text(succeeded(answer, bucket)?)?;
            let done = DeleteObjectsResponse::parse(&text).map_err(unreadable)?;
            match done.errors.into_iter().next() {
                Some(error) => Err(Fault::Stays {
                    key: error.key,
                    code: error.code,
                }),
                None => Ok(()),
            }
        };
        self.sender.send(self.limits.answer, sign, read).await
    }

    async fn delete_one(&self, bucket: &str, key: &str) -> Result<(), Fault> {
        if !is_nameable(key) {
            return Err(Fault::Unnameable { key: key.to_owned() });
        }
        let of = self.bucket(bucket)?;
        let sign = || {
            let action = of.delete_object(Some(&self.credentials), key);
            signed(http::Method::DELETE, &action)
        };
        let read = |answer| succeeded(answer, bucket).map(drop);
        self.sender.send(self.limits.answer, sign, read).await
    }
}

#[derive(Debug, Deserialize)]
struct CopiedPart {
    #[serde(rename = "ETag")]
    etag: String,
}

/// Returns the address of the service.
fn endpoint(connection: &Connection) -> Result<Url, ConnectionError> {
    let endpoint = match &connection.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => format!("https://s3.{}.amazonaws.com", connection.region),
    };
    let url = Url::parse(&endpoint).map_err(|error| ConnectionError::Endpoint {
        endpoint: endpoint.clone(),
        message: error.to_string(),
    })?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    match url.scheme() {
        "http" | "https" if is_plain && url.has_host() => Ok(url),
        // a password is not told
        _ => Err(ConnectionError::EndpointKind {
            endpoint: url.host_str().unwrap_or_default().to_owned(),
        }),
    }
}

fn signed<'a>(method: http::Method, action: &impl S3Action<'a>) -> Signed {
    Signed {
        method,
        url: action.sign(SIGNATURE),
        headers: Vec::new(),
        body: Bytes::new(),
    }
}

fn succeeded(answer: Answer, bucket: &str) -> Result<Bytes, Fault> {
    let Answer { status, body, .. } = answer;
    if !status.is_success() {
        return Err(Fault::of_answer(status, &body, bucket));
    }
    match Fault::hidden_in(&body, bucket) {
        Some(fault) => Err(fault),
        None => Ok(body),
    }
}

fn text(body: Bytes) -> Result<String, Fault> {
    String::from_utf8(body.into()).map_err(unreadable)
}

fn unreadable(error: impl std::fmt::Display) -> Fault {
    Fault::Unreadable {
        message: error.to_string(),
    }
}

fn source(from: &Place) -> String {
    utf8_percent_encode(&format!("{}/{}", from.bucket, from.key), SOURCE).to_string()
}

/// Returns whether XML has a way to write a key: none for most control characters.
fn fits_xml(key: &str) -> bool {
    let is_misfit = |c: char| c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}');
    !key.chars().any(is_misfit)
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

    fn connection(endpoint: Option<&str>) -> Connection {
        Connection {
            endpoint: endpoint.map(str::to_owned),
            region: "eu-central-1".into(),
            access_key: "access".into(),
            secret_key: "hush".into(),
            session_token: Some("hush".into()),
        }
    }

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

    #[test]
    fn endpoints_are_addresses_of_services() {
        let of = |text| endpoint(&connection(text)).map(String::from);
        assert_eq!(of(None).unwrap(), "https://s3.eu-central-1.amazonaws.com/");
        assert_eq!(of(Some("http://minio:9000")).unwrap(), "http://minio:9000/");
        for wrong in ["minio:9000", "ftp://x", "http://u:hush@x", "http://x/?a", "x"] {
            let error = of(Some(wrong)).unwrap_err();
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let client = Client::new(connection(Some("http://x")), Limits::default()).unwrap();
        let shown = format!("{client:?} {:?}", connection(None));
        assert!(!shown.contains("hush"), "{shown}");
    }
}
