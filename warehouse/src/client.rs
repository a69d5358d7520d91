//! The few actions of S3 that folders are made of.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use rusty_s3::actions::{DeleteObjectsResponse, ListObjectsV2, ObjectIdentifier};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use url::Url;

use crate::fault::Fault;
use crate::http::{Answer, Sender, Signed};
use crate::place::{Place, is_nameable};
use crate::settings::{Connection, ConnectionError, Limits};

/// How long a signature holds. It is made right before its request is sent; clocks may differ.
const SIGNATURE: Duration = Duration::from_secs(15 * 60);

/// What Hadoop and AWS's console call a folder.
const FOLDER_TYPE: &str = "application/x-directory";

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
    pub(crate) credentials: Credentials,
    pub(crate) sender: Sender,
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

    pub(crate) fn bucket(&self, name: &str) -> Result<Bucket, Fault> {
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

pub(crate) fn signed<'a>(method: http::Method, action: &impl S3Action<'a>) -> Signed {
    Signed {
        method,
        url: action.sign(SIGNATURE),
        headers: Vec::new(),
        body: Bytes::new(),
    }
}

pub(crate) fn succeeded(answer: Answer, bucket: &str) -> Result<Bytes, Fault> {
    let Answer { status, body, .. } = answer;
    if !status.is_success() {
        return Err(Fault::of_answer(status, &body, bucket));
    }
    match Fault::hidden_in(&body, bucket) {
        Some(fault) => Err(fault),
        None => Ok(body),
    }
}

pub(crate) fn text(body: Bytes) -> Result<String, Fault> {
    String::from_utf8(body.into()).map_err(unreadable)
}

pub(crate) fn unreadable(error: impl std::fmt::Display) -> Fault {
    Fault::Unreadable {
        message: error.to_string(),
    }
}

/// Returns whether XML has a way to write a key: none for most control characters.
fn fits_xml(key: &str) -> bool {
    let is_misfit = |c: char| c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}');
    !key.chars().any(is_misfit)
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
