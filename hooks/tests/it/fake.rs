//! A server of HTTP that answers as it is told and remembers what it was asked, and ways to run one action.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use catalog::check::{CheckOutcome, CheckRunner, CheckSpec};
use hooks::action::{Call, Limits, Outcome, Tools};
use hooks::{Payload, Registrar, Registration, Secrets, Settings, parse_hooks};
use serde_json::{Value, json};
use versioning::{CommitId, Repository};

/// A request: `METHOD path?query`, its headers, and its body.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What was asked so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Fake(Arc<Mutex<Vec<Asked>>>);

impl Fake {
    /// Serves at a fresh port and returns the URL. `answer` gets a request and how many came before.
    pub(super) async fn serve(
        answer: impl Fn(&Asked, usize) -> (u16, String) + Clone + Send + Sync + 'static,
    ) -> (Fake, String) {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let fake = Fake::default();
        let routes = fake.routes(answer);
        tokio::spawn(async move { axum::serve(socket, routes).await });
        (fake, url)
    }

    /// The same at a Unix socket.
    pub(super) fn serve_at(
        socket: &Path,
        answer: impl Fn(&Asked, usize) -> (u16, String) + Clone + Send + Sync + 'static,
    ) -> Fake {
        let socket = tokio::net::UnixListener::bind(socket).unwrap();
        let fake = Fake::default();
        let routes = fake.routes(answer);
        tokio::spawn(async move { axum::serve(socket, routes).await });
        fake
    }

    fn routes(
        &self,
        answer: impl Fn(&Asked, usize) -> (u16, String) + Clone + Send + Sync + 'static,
    ) -> Router {
        let all = self.0.clone();
        Router::new().fallback(move |request: Request| async move {
            let (head, body) = request.into_parts();
            let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let path = head.uri.path_and_query().unwrap().to_string();
            let headers = head.headers.iter();
            let asked = Asked {
                line: format!("{} {path}", head.method),
                headers: headers
                    .map(|(key, value)| (key.to_string(), value.to_str().unwrap().to_owned()))
                    .collect(),
                body: String::from_utf8(body.to_vec()).unwrap(),
            };
            let before = {
                let mut all = all.lock().unwrap();
                all.push(asked.clone());
                all.len() - 1
            };
            let (status, body) = answer(&asked, before);
            if status == 0 {
                std::future::pending::<()>().await;
            }
            (StatusCode::from_u16(status).unwrap(), body)
        })
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

/// Knows the secrets that the settings list: the variables of this map.
#[derive(Debug)]
pub(super) struct Known;

impl Secrets for Known {
    fn secret(&self, reference: &str) -> Result<String, String> {
        match reference {
            "secret.key" | "env.KEY" => Ok("hush-hush".into()),
            other => Err(format!("the settings of the server list no {other}")),
        }
    }
}

/// Answers checks by their text.
#[derive(Debug)]
pub(super) struct ByText;

#[async_trait]
impl CheckRunner for ByText {
    async fn run(
        &self,
        _: &Repository,
        _: CommitId,
        check: &CheckSpec,
    ) -> Result<CheckOutcome, catalog::Error> {
        Ok(match check.sql.as_str() {
            "fail" => CheckOutcome::Failed {
                rows: 3,
                sample: "| -1 |".into(),
            },
            "error" => CheckOutcome::Errored {
                message: "no such table".into(),
            },
            _ => CheckOutcome::Passed,
        })
    }

    fn validate(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
}

/// A way to another metastore that tells what it was asked for.
#[derive(Debug)]
struct Told;

#[async_trait]
impl Registrar for Told {
    async fn register(&self, _: &Repository, asked: Registration<'_>) -> Result<String, String> {
        let wanted = ["sales.a", "sales.b", "web.a"].into_iter().filter(|name| {
            let (database, table) = name.split_once('.').unwrap();
            (asked.wants)(database, table)
        });
        Ok(format!(
            "{} {} {} {:?} from a head: {}",
            asked.address,
            asked.at,
            asked.scheme,
            wanted.collect::<Vec<_>>(),
            asked.before.is_some()
        ))
    }
}

/// Runs the action of this type and these properties (YAML in one line) on a commit.
pub(super) async fn run_at(
    repository: &Repository,
    (head, commit): (CommitId, CommitId),
    (kind, properties): (&str, &str),
    settings: Settings,
    time: Duration,
) -> Outcome {
    let text = format!(
        "name: f\non: {{pre-merge: }}\nhooks:\n  - {{id: h, type: {kind}, properties: {properties}}}\n"
    );
    let file = parse_hooks("f.yaml", text.as_bytes()).unwrap();
    let payload: Payload = serde_json::from_value(json!({
        "version": 1, "event": "pre-merge", "run": "0042", "hook": "f/h", "repository": "lake", "branch": "main",
        "commit": commit.to_string(), "head": head.to_string(), "source": "etl", "time_us": 7,
    }))
    .unwrap();
    let tools = Tools {
        checks: Arc::new(ByText),
        registrar: Arc::new(Told),
        secrets: Arc::new(Known),
        settings: Arc::new(settings),
    };
    let call = Call {
        payload: &payload,
        repository,
        tools: &tools,
        limits: Limits {
            time,
            output_bytes: 1_000,
        },
    };
    file.hooks[0].action.run(&call).await
}

/// The same on a commit of an empty repository, with ten seconds.
pub(super) async fn run(kind: &str, properties: &str, settings: Settings) -> Outcome {
    run_for(kind, properties, settings, Duration::from_secs(10)).await
}

pub(super) async fn run_for(kind: &str, properties: &str, settings: Settings, time: Duration) -> Outcome {
    let (_keep, repository) = testkit::repository(7).await.unwrap();
    let head = repository.branches().await.unwrap()[0].head;
    run_at(&repository, (head, head), (kind, properties), settings, time).await
}
