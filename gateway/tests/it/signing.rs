//! Requests written by hand: signed by version 4 in every way that clients do, and read byte by byte.

use std::fmt::Write as _;
use std::time::SystemTime;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{ACCESS_KEY, Rig, SECRET_KEY, soon};

/// How the body is signed.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    /// By its hash.
    Hashed,
    Unsigned,
    /// In chunks of that size.
    Chunks(usize),
    /// In chunks, with a checksum behind them.
    ChunksWithTrailer(usize, &'static str, String),
    /// In chunks without signatures, with a checksum behind them.
    UnsignedWithTrailer(usize, &'static str, String),
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: &'static str,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    payload: Payload,
    keys: (String, String),
    /// Bytes of the body that are changed after signing.
    tamper: bool,
}

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn new(method: &'static str, path: &str) -> Call {
        Call {
            method,
            path: path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            payload: Payload::Hashed,
            keys: (ACCESS_KEY.to_owned(), SECRET_KEY.to_owned()),
            tamper: false,
        }
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Call {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Call {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Call {
        self.body = body.into();
        self
    }

    pub(crate) fn payload(mut self, payload: Payload) -> Call {
        self.payload = payload;
        self
    }

    pub(crate) fn keys(mut self, access: &str, secret: &str) -> Call {
        self.keys = (access.to_owned(), secret.to_owned());
        self
    }

    pub(crate) fn tampered(mut self) -> Call {
        self.tamper = true;
        self
    }

    /// Sends the request, signed in its header.
    pub(crate) async fn send(self, rig: &Rig) -> Reply {
        let bytes = self.signed(rig);
        exchange(rig, &bytes).await
    }

    /// Sends the request without a signature.
    pub(crate) async fn send_unsigned(self, rig: &Rig) -> Reply {
        let target = self.target();
        let length = ("content-length".to_owned(), self.body.len().to_string());
        let headers: Vec<_> = self.headers.iter().cloned().chain([length]).collect();
        exchange(
            rig,
            &assemble(
                self.method,
                &target,
                &rig.address.to_string(),
                &headers,
                &self.body,
            ),
        )
        .await
    }

    /// Sends the request, signed in its query.
    pub(crate) async fn send_presigned(self, rig: &Rig) -> Reply {
        self.send_presigned_for(rig, "300").await
    }

    /// Sends the request, signed in its query for as many seconds as `expires` says.
    pub(crate) async fn send_presigned_for(self, rig: &Rig, expires: &str) -> Reply {
        let url = self.clone().presigned(rig, expires);
        let length = vec![("content-length".to_owned(), self.body.len().to_string())];
        exchange(
            rig,
            &assemble(self.method, &url, &rig.address.to_string(), &length, &self.body),
        )
        .await
    }

    fn presigned(mut self, rig: &Rig, expires: &str) -> String {
        let signer = Signer::new(&self.keys);
        for (name, value) in [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &format!("{}/{}", self.keys.0, signer.scope)),
            ("X-Amz-Date", &signer.time),
            ("X-Amz-Expires", expires),
            ("X-Amz-SignedHeaders", "host"),
        ] {
            self.query.push((name.to_owned(), value.to_owned()));
        }
        let host = format!("host:{}\n", rig.address);
        let canonical = format!(
            "{}\n{}\n{}\n{host}\nhost\nUNSIGNED-PAYLOAD",
            self.method,
            encode(&self.path, true),
            self.canonical_query()
        );
        let signature = signer.sign(&canonical);
        format!("{}&X-Amz-Signature={signature}", self.target())
    }

    /// Returns the bytes of the signed request.
    pub(crate) fn signed(&self, rig: &Rig) -> Vec<u8> {
        let signer = Signer::new(&self.keys);
        let mut headers = self.headers.clone();
        headers.push(("host".to_owned(), rig.address.to_string()));
        headers.push(("x-amz-date".to_owned(), signer.time.clone()));
        let hash = match &self.payload {
            Payload::Hashed => sha256(&self.body),
            Payload::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
            Payload::Chunks(_) => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned(),
            Payload::ChunksWithTrailer(..) => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER".to_owned(),
            Payload::UnsignedWithTrailer(..) => "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned(),
        };
        headers.push(("x-amz-content-sha256".to_owned(), hash.clone()));
        if let Payload::ChunksWithTrailer(_, name, _) | Payload::UnsignedWithTrailer(_, name, _) =
            &self.payload
        {
            headers.push(("x-amz-trailer".to_owned(), (*name).to_owned()));
        }
        if !matches!(self.payload, Payload::Hashed | Payload::Unsigned) {
            headers.push((
                "x-amz-decoded-content-length".to_owned(),
                self.body.len().to_string(),
            ));
        }
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let path = encode(&self.path, true);
        let canonical = format!(
            "{}\n{path}\n{}\n{lines}\n{names}\n{hash}",
            self.method,
            self.canonical_query()
        );
        let signature = signer.sign(&canonical);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{},SignedHeaders={names},Signature={signature}",
            self.keys.0, signer.scope
        );
        let mut body = self.framed(&signer, signature);
        if self.tamper {
            let at = body.windows(6).position(|part| part == b"tamper").unwrap();
            body[at] = b'T';
        }
        headers.retain(|(name, _)| name != "host");
        headers.push(("authorization".to_owned(), authorization));
        headers.push(("content-length".to_owned(), body.len().to_string()));
        assemble(
            self.method,
            &self.target(),
            &rig.address.to_string(),
            &headers,
            &body,
        )
    }

    fn framed(&self, signer: &Signer, seed: String) -> Vec<u8> {
        let (size, trailer, signed) = match &self.payload {
            Payload::Hashed | Payload::Unsigned => return self.body.clone(),
            Payload::Chunks(size) => (*size, None, true),
            Payload::ChunksWithTrailer(size, name, value) => (*size, Some((name, value)), true),
            Payload::UnsignedWithTrailer(size, name, value) => (*size, Some((name, value)), false),
        };
        let mut out = Vec::new();
        let mut before = seed;
        for chunk in self.body.chunks(size).chain([&[][..]]) {
            let text = format!("{before}\n{}\n{}", sha256(b""), sha256(chunk));
            before = signer.sign_text("AWS4-HMAC-SHA256-PAYLOAD", &text);
            match signed {
                true => out.extend(format!("{:x};chunk-signature={before}\r\n", chunk.len()).bytes()),
                false => out.extend(format!("{:x}\r\n", chunk.len()).bytes()),
            }
            out.extend(chunk);
            if !chunk.is_empty() || trailer.is_none() {
                out.extend(b"\r\n");
            }
        }
        if let Some((name, value)) = trailer {
            out.extend(format!("{name}:{value}\r\n").bytes());
            if signed {
                let text = format!("{before}\n{}", sha256(format!("{name}:{value}\n").as_bytes()));
                let signature = signer.sign_text("AWS4-HMAC-SHA256-TRAILER", &text);
                out.extend(format!("x-amz-trailer-signature:{signature}\r\n").bytes());
            }
            out.extend(b"\r\n");
        }
        out
    }

    fn target(&self) -> String {
        match self.query.is_empty() {
            true => encode(&self.path, true),
            false => format!("{}?{}", encode(&self.path, true), self.canonical_query()),
        }
    }

    fn canonical_query(&self) -> String {
        let mut pairs: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name, false), encode(value, false)))
            .collect();
        pairs.sort();
        pairs.join("&")
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = |line: &&str| {
            line.split_once(':')
                .is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
        };
        self.head
            .lines()
            .find(line)
            .and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the content of every XML element of that name.
    pub(crate) fn all(&self, element: &str) -> Vec<String> {
        let text = self.text();
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        text.split(&open)
            .skip(1)
            .filter_map(|rest| Some(rest.split_once(&close)?.0.to_owned()))
            .collect()
    }

    pub(crate) fn one(&self, element: &str) -> Option<String> {
        self.all(element).into_iter().next()
    }

    pub(crate) fn code(&self) -> String {
        self.one("Code").unwrap_or_default()
    }

    /// Fails unless the status is this one.
    pub(crate) fn expect(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.text());
        self
    }

    /// Fails unless the reply is this error.
    pub(crate) fn expect_error(self, status: u16, code: &str) -> Reply {
        let reply = self.expect(status);
        assert_eq!(reply.code(), code, "{}", reply.text());
        reply
    }

    /// Reads a reply.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Reply> {
        let end = bytes.windows(4).position(|part| part == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut reply = Reply {
            status,
            head,
            body: bytes[end + 4..].to_vec(),
        };
        if reply.header("transfer-encoding").is_some() {
            reply.body = unchunk(&reply.body)?;
        }
        Some(reply)
    }
}

/// Takes the framing of HTTP's chunks away; `None` if they end early.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let end = rest.windows(2).position(|part| part == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        if size == 0 {
            return Some(out);
        }
        out.extend(rest.get(end + 2..end + 2 + size)?);
        rest = rest.get(end + 4 + size..)?;
    }
}

fn assemble(method: &str, target: &str, host: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    let mut bytes = head.into_bytes();
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

/// Sends bytes and returns what comes back until the server closes.
pub(crate) async fn exchange(rig: &Rig, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    // a server that refuses early may close before it has read all
    let _ = stream.write_all(request).await;
    let mut reply = Vec::new();
    let _ = soon(stream.read_to_end(&mut reply)).await;
    Reply::parse(&reply).unwrap_or_else(|| panic!("no reply: {:?}", String::from_utf8_lossy(&reply)))
}

struct Signer {
    time: String,
    scope: String,
    key: Vec<u8>,
}

impl Signer {
    fn new(keys: &(String, String)) -> Signer {
        let (date, time) = now();
        let mut key = hmac(format!("AWS4{}", keys.1).as_bytes(), date.as_bytes());
        for part in ["us-east-1", "s3", "aws4_request"] {
            key = hmac(&key, part.as_bytes());
        }
        Signer {
            time,
            scope: format!("{date}/us-east-1/s3/aws4_request"),
            key,
        }
    }

    fn sign(&self, canonical: &str) -> String {
        self.sign_text("AWS4-HMAC-SHA256", &sha256(canonical.as_bytes()))
    }

    fn sign_text(&self, algorithm: &str, text: &str) -> String {
        hex(&hmac(
            &self.key,
            format!("{algorithm}\n{}\n{}\n{text}", self.time, self.scope).as_bytes(),
        ))
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn encode(text: &str, is_path: bool) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || is_path && byte == b'/';
    let one = |byte: u8| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(one).collect()
}

/// Returns the present day and time as signatures want them.
fn now() -> (String, String) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the framework compares signatures with the machine's clock"
    )]
    let now = SystemTime::now();
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let date = format!("{year:04}{month:02}{day:02}");
    let time = format!("{date}T{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60);
    (date, time)
}

/// Returns the date of a number of days since 1970.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [
        31,
        28 + u64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month as u64 + 1, days + 1)
}
