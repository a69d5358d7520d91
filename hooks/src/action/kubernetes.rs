//! `kubernetes`: a job in a namespace that the server's settings list, by the API of Kubernetes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::docker::PAYLOAD;
use super::http::escaped;
use super::remains::Remains;
use super::webhook::templates;
use super::{Action, Call, Http, Outcome};
use crate::document::{Fields, Wrong};
use crate::settings::Kubernetes;
use crate::template::{Template, Values};

/// How often it is asked whether a job has ended.
const PAUSE: Duration = Duration::from_secs(1);
/// How long reading what a job said may take.
const LOGS_MAX: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Job {
    namespace: String,
    image: String,
    command: Vec<Template>,
    arguments: Vec<Template>,
    environment: Vec<(String, Template)>,
    service_account: Option<String>,
}

pub(super) fn parse(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    let namespace = fields.required_text("namespace")?.value;
    let image = fields.required_text("image")?.value;
    let mut list = |name| -> Result<Vec<Template>, Wrong> {
        let texts = fields.texts(name)?.unwrap_or_default();
        texts.iter().map(Template::parse).collect()
    };
    let (command, arguments) = (list("command")?, list("arguments")?);
    Ok(Arc::new(Job {
        namespace,
        image,
        command,
        arguments,
        environment: templates(fields, "environment")?,
        service_account: fields.text("service_account")?.map(|text| text.value),
    }))
}

#[async_trait]
impl Action for Job {
    async fn run(&self, call: &Call<'_>) -> Outcome {
        let mut values = call.values();
        let outcome: Outcome = self.execute(call, &mut values).await.into();
        Outcome::new(outcome.ended, values.hush(&outcome.output))
    }
}

impl Job {
    async fn execute(&self, call: &Call<'_>, values: &mut Values<'_>) -> Result<Outcome, String> {
        let cluster = call.tools.settings.kubernetes.as_ref();
        let cluster = cluster.ok_or("the settings of the server name no Kubernetes")?;
        if !cluster.namespaces.contains(&self.namespace) {
            return Err(format!(
                "the settings of the server do not list the namespace {}",
                self.namespace
            ));
        }
        let name = format!("skep-{}", call.payload.run);
        let wanted = self.manifest(call, values, &name)?;
        let server = Server::of(cluster, Http::new(&call.tools.settings), &self.namespace)?;
        let (removing, job) = (server.clone(), name.clone());
        let remains = Remains::new(
            format!("the job {name}"),
            async move { removing.remove(&job).await },
        );
        let ended = tokio::time::timeout(call.limits.time, async {
            server.create(&wanted).await?;
            server.ended(&name).await
        })
        .await;
        let logs = tokio::time::timeout(LOGS_MAX, server.logs(&name, call.limits.output_bytes));
        let text = logs.await.unwrap_or_else(|_| Err("it takes too long".to_owned()));
        remains.remove().await;
        let text = text.unwrap_or_else(|error| format!("its output could not be read: {error}"));
        // before anything is added: a secret may be cut at its end
        let text = values.hush(&text);
        Ok(match ended {
            Err(_) => Outcome::too_long(text),
            Ok(Err(error)) => Outcome::errored(error),
            Ok(Ok(None)) => Outcome::passed(text),
            Ok(Ok(Some(why))) => Outcome::failed(format!("{text}\nthe job failed: {why}")),
        })
    }

    fn manifest(&self, call: &Call<'_>, values: &mut Values<'_>, name: &str) -> Result<Value, String> {
        let mut environment = vec![json!({"name": PAYLOAD, "value": call.payload.json()})];
        for (name, value) in &self.environment {
            environment.push(json!({"name": name, "value": value.fill(values)?}));
        }
        let mut fill = |list: &[Template]| -> Result<Vec<String>, String> {
            list.iter().map(|one| one.fill(values)).collect()
        };
        let mut container = json!({"name": "hook", "image": self.image, "env": environment});
        for (field, list) in [("command", &self.command), ("args", &self.arguments)] {
            if !list.is_empty() {
                container[field] = fill(list)?.into();
            }
        }
        let mut pod = json!({"restartPolicy": "Never", "containers": [container]});
        if let Some(account) = &self.service_account {
            pod["serviceAccountName"] = account.as_str().into();
        }
        Ok(json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "skep"}},
            "spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": call.limits.time.as_secs().max(1),
                // where removing it does not come about
                "ttlSecondsAfterFinished": 3_600,
                "template": {"spec": pod},
            },
        }))
    }
}

/// A namespace of an API server.
#[derive(Clone)]
struct Server {
    http: Http,
    jobs: String,
    pods: String,
}

impl Server {
    fn of(cluster: &Kubernetes, mut http: Http, namespace: &str) -> Result<Server, String> {
        let read = |file: &Path| std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()));
        if let Some(file) = &cluster.ca_file {
            http = http.trusting(read(file)?);
        }
        if let Some(file) = &cluster.token_file {
            http = http.with_bearer(String::from_utf8_lossy(&read(file)?).trim());
        }
        let url = cluster.url.trim_end_matches('/');
        let namespace = escaped(namespace);
        Ok(Server {
            http,
            jobs: format!("{url}/apis/batch/v1/namespaces/{namespace}/jobs"),
            pods: format!("{url}/api/v1/namespaces/{namespace}/pods"),
        })
    }

    async fn create(&self, wanted: &Value) -> Result<(), String> {
        self.http.post(&self.jobs, wanted).await?.json().map(drop)
    }

    /// Waits for the end of a job, and returns why it failed if it did.
    async fn ended(&self, name: &str) -> Result<Option<String>, String> {
        loop {
            let job = self.http.get(&format!("{}/{name}", self.jobs)).await?.json()?;
            if let Some(ended) = ended(&job) {
                return Ok(ended);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn logs(&self, name: &str, bytes_max: usize) -> Result<String, String> {
        let selector = escaped(&format!("job-name={name}"));
        let pods = self
            .http
            .get(&format!("{}?labelSelector={selector}", self.pods))
            .await?
            .json()?;
        let Some(pod) = pods["items"][0]["metadata"]["name"].as_str() else {
            return Ok(String::new());
        };
        let url = format!("{}/{}/log?limitBytes={bytes_max}", self.pods, escaped(pod));
        let answer = self.http.get(&url).await?;
        match answer.status.is_success() {
            true => Ok(answer.text()),
            false => Err(answer.unwelcome()),
        }
    }

    async fn remove(&self, name: &str) -> Result<(), String> {
        let url = format!("{}/{name}?propagationPolicy=Background", self.jobs);
        let answer = self.http.delete(&url).await?;
        match answer.status == http::StatusCode::NOT_FOUND {
            true => Ok(()),
            false => answer.json().map(drop),
        }
    }
}

/// Returns how a job ended: `None` if it has not, why it failed if it did.
fn ended(job: &Value) -> Option<Option<String>> {
    let conditions = job["status"]["conditions"].as_array()?;
    let holds = |kind: &str| {
        let is = |one: &&Value| one["type"] == kind && one["status"] == "True";
        conditions.iter().find(is)
    };
    if let Some(failed) = holds("Failed") {
        let word = |field: &str| failed[field].as_str().unwrap_or_default().to_owned();
        return Some(Some(
            format!("{} {}", word("reason"), word("message"))
                .trim()
                .to_owned(),
        ));
    }
    holds("Complete").map(|_| None)
}
