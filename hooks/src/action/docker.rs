//! `docker`: a container of an image that the server's settings list, by the API of the Docker Engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::http::{Answer, escaped};
use super::remains::Remains;
use super::webhook::templates;
use super::{Action, Call, Http, Outcome};
use crate::document::{Fields, Wrong};
use crate::template::{Template, Values};

/// The oldest version of the API that has all that is asked for.
const VERSION: &str = "v1.41";
/// How long reading what a container said may take.
const LOGS_MAX: Duration = Duration::from_secs(30);
/// The variable in which a container finds the payload.
pub(super) const PAYLOAD: &str = "SKEP_PAYLOAD";

#[derive(Debug)]
struct Docker {
    image: String,
    command: Vec<Template>,
    environment: Vec<(String, Template)>,
    network: Option<String>,
    pull: bool,
}

pub(super) fn parse(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    let image = fields.required_text("image")?.value;
    let command = fields.texts("command")?.unwrap_or_default();
    Ok(Arc::new(Docker {
        image,
        command: command.iter().map(Template::parse).collect::<Result<_, _>>()?,
        environment: templates(fields, "environment")?,
        network: fields.text("network")?.map(|text| text.value),
        pull: fields.flag("pull")?.unwrap_or(false),
    }))
}

#[async_trait]
impl Action for Docker {
    async fn run(&self, call: &Call<'_>) -> Outcome {
        let mut values = call.values();
        let outcome: Outcome = self.execute(call, &mut values).await.into();
        Outcome::new(outcome.ended, values.hush(&outcome.output))
    }
}

impl Docker {
    async fn execute(&self, call: &Call<'_>, values: &mut Values<'_>) -> Result<Outcome, String> {
        let settings = &call.tools.settings;
        let address = settings.docker.as_deref();
        let address = address.ok_or("the settings of the server name no Docker")?;
        settings.allow_image(&self.image)?;
        // named by us, so that it can be removed though nobody heard that it was made
        let engine = Engine::at(address, Http::new(settings), format!("skep-{}", call.payload.run));
        let wanted = self.container(call, values)?;
        let removing = engine.clone();
        let remains = Remains::new(format!("the container {}", engine.container), async move {
            removing.remove().await
        });
        let ended = tokio::time::timeout(call.limits.time, async {
            self.create(&engine, &wanted).await?;
            engine.wait().await
        })
        .await;
        // before anything is added: a secret may be cut at its end
        let said = async || values.hush(&engine.said(call.limits.output_bytes).await);
        let outcome = match ended {
            Err(_) => Outcome::too_long(said().await),
            Ok(Err(error)) => Outcome::errored(error),
            Ok(Ok(0)) => Outcome::passed(said().await),
            Ok(Ok(code)) => Outcome::failed(format!("{}\nended with code {code}", said().await)),
        };
        remains.remove().await;
        Ok(outcome)
    }

    fn container(&self, call: &Call<'_>, values: &mut Values<'_>) -> Result<Value, String> {
        let mut environment = vec![format!("{PAYLOAD}={}", call.payload.json())];
        for (name, value) in &self.environment {
            environment.push(format!("{name}={}", value.fill(values)?));
        }
        let command = self.command.iter().map(|one| one.fill(values));
        let command: Vec<String> = command.collect::<Result<_, _>>()?;
        Ok(json!({
            "Image": self.image,
            "Cmd": if command.is_empty() { Value::Null } else { command.into() },
            "Env": environment,
            "Labels": {"skep.run": call.payload.run},
            "HostConfig": {
                "NetworkMode": self.network.as_deref().unwrap_or("default"),
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
            },
        }))
    }

    async fn create(&self, engine: &Engine, wanted: &Value) -> Result<(), String> {
        let mut answer = engine.create(wanted).await?;
        if answer.status == http::StatusCode::NOT_FOUND && self.pull {
            engine.pull(&self.image).await?;
            answer = engine.create(wanted).await?;
        }
        answer.json().map(drop)
    }
}

/// A Docker Engine, and the one container that is had of it.
#[derive(Clone)]
struct Engine {
    http: Http,
    url: String,
    container: String,
}

impl Engine {
    fn at(address: &str, http: Http, container: String) -> Engine {
        let (http, url) = match address.strip_prefix("unix://") {
            Some(path) => (
                http.at_socket(PathBuf::from(path)),
                format!("http://docker/{VERSION}"),
            ),
            None => (http, format!("{}/{VERSION}", address.trim_end_matches('/'))),
        };
        Engine { http, url, container }
    }

    async fn create(&self, wanted: &Value) -> Result<Answer, String> {
        self.http
            .post(
                &format!("{}/containers/create?name={}", self.url, self.container),
                wanted,
            )
            .await
    }

    async fn pull(&self, image: &str) -> Result<(), String> {
        let url = format!("{}/images/create?fromImage={}", self.url, escaped(image));
        let answer = self.http.send(http::Method::POST, &url, None).await?;
        // it tells of what goes wrong in the stream of its progress
        match answer.status.is_success() && !answer.text().contains("\"error\"") {
            true => Ok(()),
            false => Err(format!("{image} cannot be pulled: {}", answer.unwelcome())),
        }
    }

    async fn wait(&self) -> Result<i64, String> {
        let started = self.act("start").await?;
        if !started.status.is_success() {
            return Err(started.unwelcome());
        }
        let ended = self.act("wait").await?.json()?;
        ended["StatusCode"]
            .as_i64()
            .ok_or_else(|| "Docker told no code".to_owned())
    }

    async fn act(&self, what: &str) -> Result<Answer, String> {
        let url = format!("{}/containers/{}/{what}", self.url, self.container);
        self.http.send(http::Method::POST, &url, None).await
    }

    /// Returns what the container said so far, or why that cannot be told.
    async fn said(&self, bytes_max: usize) -> String {
        let why = match tokio::time::timeout(LOGS_MAX, self.logs(bytes_max)).await {
            Ok(Ok(text)) => return text,
            Ok(Err(error)) => error,
            Err(_) => "it takes too long".to_owned(),
        };
        format!("its output could not be read: {why}")
    }

    async fn logs(&self, bytes_max: usize) -> Result<String, String> {
        let asked = "stdout=1&stderr=1&tail=2000";
        let url = format!("{}/containers/{}/logs?{asked}", self.url, self.container);
        let answer = self.http.get(&url).await?;
        match answer.status.is_success() {
            true => Ok(unframed(&answer.body, bytes_max)),
            false => Err(answer.unwelcome()),
        }
    }

    async fn remove(&self) -> Result<(), String> {
        let url = format!("{}/containers/{}?force=true", self.url, self.container);
        let answer = self.http.delete(&url).await?;
        match answer.status == http::StatusCode::NOT_FOUND {
            true => Ok(()),
            false => answer.json().map(drop),
        }
    }
}

/// Takes output out of the frames in which Docker sends it: a stream, three zeros, a length, and so many bytes.
fn unframed(mut bytes: &[u8], bytes_max: usize) -> String {
    let mut out = Vec::new();
    while let [0..=2, 0, 0, 0, a, b, c, d, rest @ ..] = bytes {
        let len = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let len = len.min(rest.len());
        out.extend_from_slice(&rest[..len]);
        bytes = &rest[len..];
    }
    // what is left is not framed: that of a terminal
    out.extend_from_slice(bytes);
    out.truncate(bytes_max);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_taken_out_of_its_frames() {
        let framed = b"\x01\0\0\0\0\0\0\x03one\x02\0\0\0\0\0\0\x04 two";
        assert_eq!(unframed(framed, 100), "one two");
        assert_eq!(unframed(framed, 4), "one ");
        assert_eq!(unframed(b"plain", 100), "plain");
        assert_eq!(unframed(b"\x01\0\0\0\0\0\0\x09cut", 100), "cut");
    }
}
