//! Receiving a body: into the store as it comes, with everything checked that was sent along.

use bytes::Bytes;
use futures::StreamExt as _;
use http::HeaderMap;
use md5::{Digest as _, Md5};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Request, StdError, TrailingHeaders};
use versioning::Repository;
use versioning::object::Segment;
use versioning::repository::Upload;

use crate::error::{Error, Result};
use crate::guard::STALLED;

const PREFIX: &str = "x-amz-checksum-";

/// What a client says about the body it sends.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// The number of bytes, without the framing of signed chunks.
    pub(crate) length: Option<u64>,
    pub(crate) md5: Option<String>,
    /// Checksums by algorithm (`crc32c`), in base64.
    pub(crate) checksums: Vec<(String, String)>,
    /// The algorithms of the checksums that follow behind the body.
    pub(crate) trailing: Vec<String>,
    pub(crate) trailers: Option<TrailingHeaders>,
    pub(crate) bytes_max: u64,
}

/// What was received.
#[derive(Debug)]
pub(crate) struct Received {
    /// Where the bytes lie, if there are any.
    pub(crate) segment: Option<Segment>,
    pub(crate) md5: [u8; 16],
    pub(crate) size: u64,
    /// The checksums that were sent, which hold.
    pub(crate) checksum: Checksum,
}

impl Claims {
    /// Reads what the request says.
    pub(crate) fn of<T>(
        request: &S3Request<T>,
        length: Option<i64>,
        md5: Option<&str>,
        bytes_max: u64,
    ) -> Result<Claims> {
        let length = length.map(u64::try_from).transpose();
        let length = length.map_err(|_| Error::Argument("content-length is negative".to_owned()))?;
        if length.is_some_and(|length| length > bytes_max) {
            return Err(Error::TooLarge {
                what: "the body",
                limit: bytes_max,
            });
        }
        Ok(Claims {
            length,
            md5: md5.map(checked_md5).transpose()?,
            checksums: sent_checksums(&request.headers)?,
            trailing: announced_checksums(&request.headers)?,
            trailers: request.trailing_headers.clone(),
            bytes_max,
        })
    }

    fn hasher(&self) -> ChecksumHasher {
        let wanted = |name: &str| {
            self.trailing.iter().any(|one| one == name) || self.checksums.iter().any(|(one, _)| one == name)
        };
        ChecksumHasher {
            crc32: wanted("crc32").then(Crc32::new),
            crc32c: wanted("crc32c").then(Crc32c::new),
            sha1: wanted("sha1").then(Sha1::new),
            sha256: wanted("sha256").then(Sha256::new),
            crc64nvme: wanted("crc64nvme").then(Crc64Nvme::new),
        }
    }

    /// Fails unless the body was what the client said.
    fn check(&self, size: u64, md5: [u8; 16], computed: &Checksum) -> Result<()> {
        if let Some(expected) = self.length.filter(|expected| *expected != size) {
            return Err(Error::Incomplete {
                expected,
                found: size,
            });
        }
        if self
            .md5
            .as_deref()
            .is_some_and(|sent| sent != base64_simd::STANDARD.encode_to_string(md5))
        {
            return Err(Error::Digest("Content-MD5"));
        }
        let trailing = self.trailing_checksums()?;
        for (name, sent) in self.checksums.iter().chain(&trailing) {
            if value_of(computed, name) != Some(sent) {
                return Err(Error::Digest("checksum"));
            }
        }
        Ok(())
    }

    /// Returns the checksums that came behind the body; all that were announced have to be there.
    fn trailing_checksums(&self) -> Result<Vec<(String, String)>> {
        let Some(trailers) = self.trailers.as_ref().filter(|_| !self.trailing.is_empty()) else {
            return Ok(Vec::new());
        };
        let sent = sent_checksums(&trailers.take().unwrap_or_default())?;
        match self
            .trailing
            .iter()
            .all(|name| sent.iter().any(|(one, _)| one == name))
        {
            true => Ok(sent),
            false => Err(Error::Request(
                "a trailing checksum was announced and not sent".to_owned(),
            )),
        }
    }
}

/// Stores a body, piece by piece: never more of it is in memory than what arrives at once.
pub(crate) async fn receive(
    repository: &Repository,
    body: Option<StreamingBlob>,
    claims: &Claims,
) -> Result<Received> {
    take(Sink::Store(repository, None), body, claims).await
}

/// Reads and checks a body, as [`receive`] does, and stores nothing of it.
pub(crate) async fn examine(body: Option<StreamingBlob>, claims: &Claims) -> Result<Received> {
    take(Sink::Nowhere(Md5::new()), body, claims).await
}

/// Where the bytes of a body go.
enum Sink<'a> {
    /// Into the store. Without a byte nothing is stored: markers of folders are many.
    Store(&'a Repository, Option<Upload>),
    Nowhere(Md5),
}

impl Sink<'_> {
    async fn write(&mut self, piece: Bytes) -> Result<()> {
        match self {
            Sink::Store(repository, upload) => {
                let mut open = match upload.take() {
                    Some(open) => open,
                    None => repository.upload().await?,
                };
                open.write(piece).await?;
                *upload = Some(open);
            }
            Sink::Nowhere(md5) => md5.update(&piece),
        }
        Ok(())
    }

    async fn finish(self) -> Result<(Option<Segment>, [u8; 16])> {
        match self {
            Sink::Store(_, Some(upload)) => {
                let stored = upload.finish().await?;
                Ok((Some(stored.segment), stored.md5))
            }
            Sink::Store(_, None) => Ok((None, Md5::digest([]).into())),
            Sink::Nowhere(md5) => Ok((None, md5.finalize().into())),
        }
    }
}

async fn take(mut sink: Sink<'_>, body: Option<StreamingBlob>, claims: &Claims) -> Result<Received> {
    let mut hasher = claims.hasher();
    let size = match body {
        Some(body) => pump(&mut sink, body, &mut hasher, claims.bytes_max).await?,
        None => 0,
    };
    let checksum = hasher.finalize();
    let (segment, md5) = sink.finish().await?;
    claims.check(size, md5, &checksum)?;
    Ok(Received {
        segment,
        md5,
        size,
        checksum,
    })
}

/// Moves a body where it goes, and returns its size.
async fn pump(
    sink: &mut Sink<'_>,
    mut body: StreamingBlob,
    hasher: &mut ChecksumHasher,
    limit: u64,
) -> Result<u64> {
    let mut size = 0;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| broken(&error))?;
        if piece.is_empty() {
            continue;
        }
        size += piece.len() as u64;
        if size > limit {
            return Err(Error::TooLarge {
                what: "the body",
                limit,
            });
        }
        hasher.update(&piece);
        sink.write(piece).await?;
    }
    Ok(size)
}

/// Returns what a failed read of a body means. The framework keeps the types of its errors to itself, so their
/// texts have to tell.
fn broken(error: &StdError) -> Error {
    let text = error.to_string();
    let tells = |word: &str| text.contains(word);
    if tells("SignatureMismatch") {
        Error::BodySignature
    } else if tells("Sha256Mismatch") {
        Error::BodySha256
    } else if tells(STALLED) {
        Error::Stalled
    } else if tells("Incomplete") || tells("LengthMismatch") || tells("end of file") {
        Error::Interrupted
    } else {
        Error::Body(text)
    }
}

fn checked_md5(text: &str) -> Result<String> {
    match base64_simd::STANDARD.decode_to_vec(text) {
        Ok(bytes) if bytes.len() == 16 => Ok(text.to_owned()),
        _ => Err(Error::DigestForm("Content-MD5")),
    }
}

/// Returns the checksums among headers.
fn sent_checksums(headers: &HeaderMap) -> Result<Vec<(String, String)>> {
    let mut out = Vec::new();
    for (name, value) in headers {
        let Some(algorithm) = name.as_str().strip_prefix(PREFIX) else {
            continue;
        };
        if matches!(algorithm, "algorithm" | "type" | "mode") {
            continue;
        }
        let value = value.to_str().map_err(|_| Error::DigestForm("checksum"))?;
        out.push((known(algorithm)?.to_owned(), value.to_owned()));
    }
    Ok(out)
}

/// Returns the algorithms that `x-amz-trailer` announces.
fn announced_checksums(headers: &HeaderMap) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for value in headers.get_all("x-amz-trailer") {
        let value = value.to_str().map_err(|_| Error::DigestForm("x-amz-trailer"))?;
        for name in value.split(',').map(|name| name.trim().to_ascii_lowercase()) {
            if let Some(algorithm) = name.strip_prefix(PREFIX) {
                out.push(known(algorithm)?.to_owned());
            }
        }
    }
    Ok(out)
}

/// Fails for an algorithm that cannot be checked, rather than to take the body unchecked.
fn known(algorithm: &str) -> Result<&str> {
    match algorithm {
        "crc32" | "crc32c" | "crc64nvme" | "sha1" | "sha256" => Ok(algorithm),
        _ => Err(Error::Unsupported("this checksum algorithm")),
    }
}

fn value_of<'a>(checksum: &'a Checksum, algorithm: &str) -> Option<&'a String> {
    match algorithm {
        "crc32" => checksum.checksum_crc32.as_ref(),
        "crc32c" => checksum.checksum_crc32c.as_ref(),
        "crc64nvme" => checksum.checksum_crc64nvme.as_ref(),
        "sha1" => checksum.checksum_sha1.as_ref(),
        "sha256" => checksum.checksum_sha256.as_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    const EMPTY_MD5: [u8; 16] = [
        0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e,
    ];

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    fn outcome(claims: &Claims) -> String {
        let computed = claims.hasher().finalize();
        match claims.check(0, EMPTY_MD5, &computed) {
            Ok(()) => "ok".to_owned(),
            Err(error) => error.code().as_str().to_owned(),
        }
    }

    #[test]
    fn claims_about_an_empty_body() {
        let crc32 = |value: &str| vec![("crc32".to_owned(), value.to_owned())];
        let cases = [
            (Claims::default(), "ok"),
            (
                Claims {
                    length: Some(0),
                    ..Claims::default()
                },
                "ok",
            ),
            (
                Claims {
                    length: Some(1),
                    ..Claims::default()
                },
                "IncompleteBody",
            ),
            (
                Claims {
                    md5: Some("1B2M2Y8AsgTpgAmY7PhCfg==".into()),
                    ..Claims::default()
                },
                "ok",
            ),
            (
                Claims {
                    md5: Some("AAAAAAAAAAAAAAAAAAAAAA==".into()),
                    ..Claims::default()
                },
                "BadDigest",
            ),
            (
                Claims {
                    checksums: crc32("AAAAAA=="),
                    ..Claims::default()
                },
                "ok",
            ),
            (
                Claims {
                    checksums: crc32("AAAAAQ=="),
                    ..Claims::default()
                },
                "BadDigest",
            ),
        ];
        for (claims, expected) in cases {
            assert_eq!(outcome(&claims), expected, "{claims:?}");
        }
    }

    #[test]
    fn unknown_algorithms_are_refused() {
        let sent = sent_checksums(&headers(&[
            ("x-amz-checksum-algorithm", "CRC32"),
            ("x-amz-checksum-crc32", "AAAAAA=="),
        ]));
        assert_eq!(sent.unwrap(), [("crc32".to_owned(), "AAAAAA==".to_owned())]);
        assert!(sent_checksums(&headers(&[("x-amz-checksum-xxhash3", "x")])).is_err());
        let announced = announced_checksums(&headers(&[("x-amz-trailer", "X-Amz-Checksum-Crc32c, other")]));
        assert_eq!(announced.unwrap(), ["crc32c"]);
        assert!(announced_checksums(&headers(&[("x-amz-trailer", "x-amz-checksum-new")])).is_err());
    }

    #[test]
    fn md5_has_to_be_sixteen_bytes() {
        assert!(checked_md5("1B2M2Y8AsgTpgAmY7PhCfg==").is_ok());
        assert!(checked_md5("AAAA").is_err() && checked_md5("%%%").is_err());
    }

    #[test]
    fn broken_bodies_are_told_apart() {
        let cases = [
            (
                "AwsChunkedStreamError: SignatureMismatch",
                "SignatureDoesNotMatch",
            ),
            ("UploadStreamError: Sha256Mismatch", "XAmzContentSHA256Mismatch"),
            ("AwsChunkedStreamError: Incomplete", "IncompleteBody"),
            (
                "UploadStreamError: Underlying: the body stood still",
                "RequestTimeout",
            ),
            ("other", "IncompleteBody"),
        ];
        for (text, code) in cases {
            assert_eq!(broken(&StdError::from(text)).code().as_str(), code, "{text}");
        }
    }
}
