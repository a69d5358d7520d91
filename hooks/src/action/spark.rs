//! `spark`: a query that has to return no rows, run by Spark behind Apache Livy, in a session of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::remains::Remains;
use super::sql::found;
use super::webhook::{secret, templates, url};
use super::{Action, Call, Http, Outcome};
use crate::document::{Fields, Wrong};
use crate::template::{Template, Values};

/// How often it is asked how far a session or a statement is.
const PAUSE: Duration = Duration::from_millis(500);
const ROWS_SHOWN: usize = 20;
/// How many sessions are listed at once.
const PAGE: usize = 100;

#[derive(Debug)]
struct Spark {
    url: Template,
    query: Template,
    user: Option<String>,
    password: Option<String>,
    conf: Vec<(String, Template)>,
}

pub(super) fn parse(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    let query = fields.required_text("query")?;
    Ok(Arc::new(Spark {
        url: url(fields, "url")?,
        query: Template::parse(&query)?,
        user: fields.text("username")?.map(|user| user.value),
        password: secret(fields, "password")?,
        conf: templates(fields, "conf")?,
    }))
}

#[async_trait]
impl Action for Spark {
    async fn run(&self, call: &Call<'_>) -> Outcome {
        let mut values = call.values();
        let outcome: Outcome = self.execute(call, &mut values).await.into();
        Outcome::new(outcome.ended, values.hush(&outcome.output))
    }
}

impl Spark {
    async fn execute(&self, call: &Call<'_>, values: &mut Values<'_>) -> Result<Outcome, String> {
        // Livy asks all that changes something for this header
        let mut http = Http::new(&call.tools.settings).with_header("x-requested-by", "skep");
        if let (Some(user), Some(password)) = (&self.user, &self.password) {
            http = http.with_password(user, &values.secret(password)?);
        }
        let mut conf = Map::new();
        for (key, value) in &self.conf {
            conf.insert(key.clone(), value.fill(values)?.into());
        }
        let query = self.query.fill(values)?;
        let sessions = format!("{}/sessions", self.url.fill(values)?.trim_end_matches('/'));
        let name = format!("skep-{}", call.payload.run);
        let wanted = json!({"kind": "sql", "name": name, "conf": conf});
        let livy = Livy { http, sessions, name };
        let removing = livy.clone();
        let remains = Remains::new(format!("the Livy session {}", livy.name), async move {
            removing.remove().await
        });
        let ended = tokio::time::timeout(call.limits.time, async {
            livy.begin(&wanted).await?.query(&query).await
        })
        .await;
        remains.remove().await;
        match ended {
            Err(_) => Ok(Outcome::too_long("")),
            Ok(Err(error)) => Err(error),
            Ok(Ok(rows)) => Ok(judged(&rows)),
        }
    }
}

fn judged(rows: &[Value]) -> Outcome {
    let shown = rows.iter().take(ROWS_SHOWN).map(|row| format!("{row}\n"));
    match rows.len() {
        0 => Outcome::passed(""),
        count => Outcome::failed(found(count as u64, &shown.collect::<String>())),
    }
}

/// A Livy server, and the name of the one session that is had of it.
#[derive(Clone)]
struct Livy {
    http: Http,
    sessions: String,
    name: String,
}

impl Livy {
    async fn begin(&self, wanted: &Value) -> Result<Session, String> {
        let begun = self.http.post(&self.sessions, wanted).await?.json()?;
        let id = begun["id"].as_i64().ok_or("Livy told no id of a session")?;
        Ok(Session {
            http: self.http.clone(),
            url: format!("{}/{id}", self.sessions),
        })
    }

    /// Removes the session, which is looked for by its name: nobody may have heard that it was made.
    async fn remove(&self) -> Result<(), String> {
        let mut from = 0;
        loop {
            let url = format!("{}?from={from}&size={PAGE}", self.sessions);
            let page = self.http.get(&url).await?.json()?;
            let page = page["sessions"].as_array().map_or(&[][..], Vec::as_slice);
            if let Some(id) = page
                .iter()
                .find(|one| one["name"] == *self.name)
                .and_then(|one| one["id"].as_i64())
            {
                let removed = self.http.delete(&format!("{}/{id}", self.sessions)).await?;
                return removed.json().map(drop);
            }
            if page.len() < PAGE {
                return Ok(());
            }
            from += PAGE;
        }
    }
}

/// A session of Livy.
struct Session {
    http: Http,
    url: String,
}

impl Session {
    async fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        self.until(&self.url, "idle", &["error", "dead", "killed", "shutting_down"])
            .await?;
        let statements = format!("{}/statements", self.url);
        let begun = self
            .http
            .post(&statements, &json!({"code": query}))
            .await?
            .json()?;
        let id = begun["id"].as_i64().ok_or("Livy told no id of a statement")?;
        let url = format!("{statements}/{id}");
        let ended = self
            .until(&url, "available", &["error", "cancelling", "cancelled"])
            .await?;
        let output = &ended["output"];
        if output["status"] != "ok" {
            return Err(output["evalue"]
                .as_str()
                .unwrap_or("Spark told no reason")
                .to_owned());
        }
        let rows = output["data"]["application/json"]["data"].as_array();
        rows.cloned()
            .ok_or_else(|| "Livy answered with no table".to_owned())
    }

    async fn until(&self, url: &str, wanted: &str, lost: &[&str]) -> Result<Value, String> {
        loop {
            let now = self.http.get(url).await?.json()?;
            let state = now["state"].as_str().unwrap_or_default();
            if state == wanted {
                return Ok(now);
            }
            if lost.contains(&state) {
                return Err(format!("it is {state} in Livy"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
