//! `airflow`: a run of a DAG, by Airflow's REST API of version 1 (Airflow 2) or 2 (Airflow 3).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::http::escaped;
use super::webhook::{secret, url};
use super::{Action, Call, Http, Outcome};
use crate::document::{self, Fields, Tree, Wrong};
use crate::template::{Template, Values};

/// How often it is asked whether a run has ended.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Airflow {
    url: Template,
    dag: String,
    user: Option<Template>,
    password: Option<String>,
    token: Option<String>,
    conf: Map<String, Value>,
    wait: bool,
    version: &'static str,
}

pub(super) fn parse(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    let user = fields.text("username")?;
    let conf = match fields.node("dag_conf") {
        None => Map::new(),
        Some(node) => match (&node.value, document::json(&node)) {
            (Tree::Map(_), Value::Object(conf)) => conf,
            _ => return Err(Wrong::at(node.referenced, "dag_conf has to be a map")),
        },
    };
    Ok(Arc::new(Airflow {
        url: url(fields, "url")?,
        dag: fields.required_text("dag_id")?.value,
        user: user.as_ref().map(Template::parse).transpose()?,
        password: secret(fields, "password")?,
        token: secret(fields, "token")?,
        conf,
        wait: fields.flag("wait_for_dag")?.unwrap_or(true),
        version: fields.word("api", &["v1", "v2"])?,
    }))
}

#[async_trait]
impl Action for Airflow {
    async fn run(&self, call: &Call<'_>) -> Outcome {
        let mut values = call.values();
        let outcome = call.within(self.execute(call, &mut values)).await;
        Outcome::new(outcome.ended, values.hush(&outcome.output))
    }
}

impl Airflow {
    async fn execute(&self, call: &Call<'_>, values: &mut Values<'_>) -> Result<Outcome, String> {
        let url = self.url.fill(values)?;
        let url = url.trim_end_matches('/');
        let http = self.known(Http::new(&call.tools.settings), url, values).await?;
        let runs = format!("{url}/api/{}/dags/{}/dagRuns", self.version, escaped(&self.dag));
        // the same id when the hook is told twice: Airflow takes each once
        let id = format!("skep-{}", call.payload.run);
        let answer = http.post(&runs, &self.wanted(call, &id)).await?;
        if answer.status != http::StatusCode::CONFLICT {
            answer.json()?;
        }
        let run = format!("run {id} of {}", self.dag);
        if !self.wait {
            return Ok(Outcome::passed(format!("{run} was begun")));
        }
        loop {
            let now = http.get(&format!("{runs}/{}", escaped(&id))).await?.json()?;
            match now["state"].as_str() {
                Some("success") => return Ok(Outcome::passed(format!("{run} succeeded"))),
                Some("failed") => return Ok(Outcome::failed(format!("{run} failed"))),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn wanted(&self, call: &Call<'_>, id: &str) -> Value {
        let mut conf = self.conf.clone();
        conf.insert("skep".into(), json!(call.payload));
        let mut wanted = json!({"dag_run_id": id, "conf": conf});
        if self.version == "v2" {
            wanted["logical_date"] = Value::Null;
        }
        wanted
    }

    /// Makes ourselves known: by a token, by a password, or by a token for that in version 2.
    async fn known(&self, http: Http, url: &str, values: &mut Values<'_>) -> Result<Http, String> {
        if let Some(token) = &self.token {
            return Ok(http.with_bearer(&values.secret(token)?));
        }
        let (Some(user), Some(password)) = (&self.user, &self.password) else {
            return Ok(http);
        };
        let (user, password) = (user.fill(values)?, values.secret(password)?);
        if self.version == "v1" {
            return Ok(http.with_password(&user, &password));
        }
        let asked = json!({"username": user, "password": password});
        let answer = http.post(&format!("{url}/auth/token"), &asked).await?.json()?;
        let token = answer["access_token"].as_str();
        Ok(http.with_bearer(token.ok_or("Airflow gave no token")?))
    }
}
