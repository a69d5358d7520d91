//! Requests to the gateway, signed by version 4 in their headers.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::rig::{Answer, Skep, send};

const ACCESS_KEY: &str = "skep";
const SECRET_KEY: &str = "skep-secret";
const PAYLOAD: &str = "UNSIGNED-PAYLOAD";

impl Skep {
    /// Sends a request for a path of the gateway, which needs no escaping.
    pub(crate) fn s3(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.s3_as(SECRET_KEY, method, path, body)
    }

    /// The same, signed with another secret.
    pub(crate) fn s3_as(&self, secret: &str, method: &str, path: &str, body: &[u8]) -> Answer {
        let time = timestamp();
        let scope = format!("{}/us-east-1/s3/aws4_request", &time[..8]);
        let signed = "host;x-amz-content-sha256;x-amz-date";
        let lines = format!(
            "host:{}\nx-amz-content-sha256:{PAYLOAD}\nx-amz-date:{time}\n",
            self.s3
        );
        let canonical = format!("{method}\n{path}\n\n{lines}\n{signed}\n{PAYLOAD}");
        let text = format!(
            "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
            hex(&Sha256::digest(canonical))
        );
        let key = scope
            .split('/')
            .fold(format!("AWS4{secret}").into_bytes(), |key, part| mac(&key, part));
        let signature = hex(&mac(&key, &text));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope},SignedHeaders={signed},Signature={signature}"
        );
        let headers = [
            ("x-amz-date", time.as_str()),
            ("x-amz-content-sha256", PAYLOAD),
            ("authorization", &authorization),
        ];
        send(self.s3, method, path, &headers, body)
    }

    /// Writes an object, which has to succeed.
    pub(crate) fn put(&self, path: &str, body: &[u8]) {
        let answer = self.s3("PUT", path, body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }

    /// Returns the content of an object, which has to be there.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        let answer = self.s3("GET", path, b"");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.body
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The present time as `20260131T120000Z`.
#[expect(clippy::disallowed_methods, reason = "a signature holds for minutes only")]
fn timestamp() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (mut day, mut year) = (seconds / 86_400, 1970);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = |year| if leap(year) { 366 } else { 365 };
    while day >= days(year) {
        day -= days(year);
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!(
        "{year:04}{month:02}{:02}T{hour:02}{minute:02}{second:02}Z",
        day + 1
    )
}
