//! `webhook`: the payload is posted to a URL, signed if there is a secret; any success lets pass.
//!
//! The signature is that of `TIMESTAMP.BODY`, so that a receiver can refuse what is old: HMAC-SHA256, in hexadecimal.

use std::sync::Arc;

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use sha2::Sha256;

use super::http::{escaped, is_http};
use super::{Action, Call, Http, Outcome};
use crate::document::{Fields, Wrong};
use crate::template::Template;

/// The header of the signature, and that of the seconds since the Unix epoch that it covers.
const SIGNATURE: &str = "x-skep-signature";
const TIMESTAMP: &str = "x-skep-timestamp";
const EVENT: &str = "x-skep-event";

#[derive(Debug)]
struct Webhook {
    url: Template,
    headers: Vec<(String, Template)>,
    query: Vec<(String, Template)>,
    secret: Option<String>,
}

pub(super) fn parse(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    Ok(Arc::new(Webhook {
        url: url(fields, "url")?,
        headers: templates(fields, "headers")?,
        query: templates(fields, "query_params")?,
        secret: secret(fields, "secret")?,
    }))
}

/// Reads a URL, whose scheme has to stand in the file.
pub(super) fn url(fields: &mut Fields, name: &'static str) -> Result<Template, Wrong> {
    let url = fields.required_text(name)?;
    match is_http(&url.value) {
        true => Template::parse(&url),
        false => Err(Wrong::at(
            url.referenced,
            format!("{name} has to begin with http:// or https://"),
        )),
    }
}

pub(super) fn templates(fields: &mut Fields, name: &'static str) -> Result<Vec<(String, Template)>, Wrong> {
    let all = fields.text_map(name)?.into_iter();
    all.map(|(key, text)| Ok((key, Template::parse(&text)?)))
        .collect()
}

/// Reads a reference to a secret: never the secret itself.
pub(super) fn secret(fields: &mut Fields, name: &'static str) -> Result<Option<String>, Wrong> {
    let Some(given) = fields.text(name)? else {
        return Ok(None);
    };
    let bare = given.value.trim_start_matches("{{").trim_end_matches("}}").trim();
    let is_reference = |prefix: &str| bare.strip_prefix(prefix).is_some_and(|name| !name.is_empty());
    match is_reference("secret.") || is_reference("env.") {
        true => Ok(Some(bare.to_owned())),
        false => Err(Wrong::at(
            given.referenced,
            format!("{name} has to be a reference, secret.NAME or env.NAME, not the secret itself"),
        )),
    }
}

/// Returns the signature of a body at a time.
pub(crate) fn signature(secret: &str, time_s: u64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new(); // keys of HMAC may have any length
    };
    mac.update(format!("{time_s}.{body}").as_bytes());
    let digits = mac.finalize().into_bytes();
    let digits: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

#[async_trait]
impl Action for Webhook {
    async fn run(&self, call: &Call<'_>) -> Outcome {
        let mut values = call.values();
        let ended = call
            .within(async {
                let mut url = self.url.fill(&mut values)?;
                let mut mark = if url.contains('?') { '&' } else { '?' };
                for (name, value) in &self.query {
                    let value = value.fill(&mut values)?;
                    url += &format!("{mark}{}={}", escaped(name), escaped(&value));
                    mark = '&';
                }
                let body = call.payload.json();
                let time_s = call.repository.clock().now_us() / 1_000_000;
                let mut http = Http::new(&call.tools.settings)
                    .with_header(EVENT, call.payload.event.to_string())
                    .with_header(TIMESTAMP, time_s.to_string());
                for (name, value) in &self.headers {
                    http = http.with_header(name, value.fill(&mut values)?);
                }
                if let Some(secret) = &self.secret {
                    let secret = values.secret(secret)?;
                    http = http.with_header(SIGNATURE, signature(&secret, time_s, &body));
                }
                let body = Some(("application/json", body.into()));
                let answer = http.send(Method::POST, &url, body).await?;
                Ok(match answer.status.is_success() {
                    true => Outcome::passed(answer.text()),
                    false => Outcome::failed(answer.unwelcome()),
                })
            })
            .await;
        Outcome::new(ended.ended, values.hush(&ended.output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_what_others_compute() {
        // printf '1760000000.{}' | openssl dgst -sha256 -hmac key
        let expected = "sha256=5f2db4fbfe82c254ac32f1ccc5eff02389f2609d76031aa8b300fac9565df6f6";
        let signed = signature("key", 1_760_000_000, "{}");
        assert_eq!(signed, expected);
        assert_ne!(signed, signature("key", 1_760_000_001, "{}"));
        assert_ne!(signed, signature("other", 1_760_000_000, "{}"));
    }
}
