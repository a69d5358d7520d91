//! `trino`: a query that has to return no rows, run by Trino, whose databases are named `sales@{{ commit }}`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use serde_json::Value;

use super::sql::found;
use super::webhook::{secret, url};
use super::{Action, Call, Http, Outcome};
use crate::document::{Fields, Wrong};
use crate::template::{Template, Values};

/// How many rows are shown.
const ROWS_SHOWN: usize = 20;
/// How long is waited when Trino is busy.
const PAUSE: Duration = Duration::from_millis(200);
const CANCEL_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Trino {
    url: Template,
    query: Template,
    catalog: String,
    database: Option<Template>,
    user: String,
    password: Option<String>,
    token: Option<String>,
}

pub(super) fn parse(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    let query = fields.required_text("query")?;
    let database = fields.text("database")?;
    Ok(Arc::new(Trino {
        url: url(fields, "url")?,
        query: Template::parse(&query)?,
        catalog: fields.required_text("catalog")?.value,
        database: database.as_ref().map(Template::parse).transpose()?,
        user: fields
            .text("username")?
            .map_or_else(|| "skep".to_owned(), |user| user.value),
        password: secret(fields, "password")?,
        token: secret(fields, "token")?,
    }))
}

#[async_trait]
impl Action for Trino {
    async fn run(&self, call: &Call<'_>) -> Outcome {
        let mut values = call.values();
        let outcome: Outcome = self.execute(call, &mut values).await.into();
        Outcome::new(outcome.ended, values.hush(&outcome.output))
    }
}

impl Trino {
    async fn execute(&self, call: &Call<'_>, values: &mut Values<'_>) -> Result<Outcome, String> {
        let url = self.url.fill(values)?;
        let mut statement = Statement {
            http: self.client(call, values)?,
            origin: origin(&url)?,
            next: None,
            rows: 0,
            sample: String::new(),
        };
        let query = self.query.fill(values)?;
        let url = format!("{}/v1/statement", url.trim_end_matches('/'));
        let ended = tokio::time::timeout(call.limits.time, statement.run(&url, query)).await;
        if ended.is_err() {
            drop(tokio::time::timeout(CANCEL_MAX, statement.cancel()).await);
            return Ok(Outcome::too_long(""));
        }
        match ended {
            Ok(Err(error)) => Err(error),
            _ if statement.rows == 0 => Ok(Outcome::passed("")),
            _ => Ok(Outcome::failed(found(statement.rows, &statement.sample))),
        }
    }

    fn client(&self, call: &Call<'_>, values: &mut Values<'_>) -> Result<Http, String> {
        let mut http = Http::new(&call.tools.settings)
            .with_header("x-trino-user", self.user.as_str())
            .with_header("x-trino-source", "skep")
            .with_header("x-trino-catalog", self.catalog.as_str());
        if let Some(database) = &self.database {
            let name = database.fill(values)?;
            let name = match name.contains('@') {
                true => name,
                false => format!("{name}@{}", call.commit()?),
            };
            http = http.with_header("x-trino-schema", name);
        }
        if let Some(token) = &self.token {
            http = http.with_bearer(&values.secret(token)?);
        } else if let Some(password) = &self.password {
            http = http.with_password(&self.user, &values.secret(password)?);
        }
        Ok(http)
    }
}

/// A statement that Trino runs.
struct Statement {
    http: Http,
    origin: String,
    next: Option<String>,
    rows: u64,
    sample: String,
}

impl Statement {
    async fn run(&mut self, url: &str, query: String) -> Result<(), String> {
        let body = Some(("text/plain", query.into()));
        let mut answer = self.http.send(Method::POST, url, body).await?;
        loop {
            // busy: the same again
            while matches!(answer.status.as_u16(), 429 | 502..=504) {
                tokio::time::sleep(PAUSE).await;
                let Some(next) = &self.next else {
                    return Err(answer.unwelcome());
                };
                answer = self.http.get(next).await?;
            }
            let page = answer.json()?;
            self.take(&page)?;
            match &self.next {
                Some(next) => answer = self.http.get(next).await?,
                None => return Ok(()),
            }
        }
    }

    fn take(&mut self, page: &Value) -> Result<(), String> {
        if let Some(message) = page["error"]["message"].as_str() {
            return Err(message.to_owned());
        }
        for row in page["data"].as_array().into_iter().flatten() {
            if (self.rows as usize) < ROWS_SHOWN {
                self.sample += &format!("{row}\n");
            }
            self.rows += 1;
        }
        let next = page["nextUri"].as_str();
        // it is sent our credentials
        if next.is_some_and(|next| origin(next).as_deref() != Ok(&self.origin)) {
            return Err("Trino answered with the address of another server".to_owned());
        }
        self.next = next.map(str::to_owned);
        Ok(())
    }

    async fn cancel(&self) -> Result<(), String> {
        match &self.next {
            Some(next) => self.http.delete(next).await.map(drop),
            None => Ok(()),
        }
    }
}

/// Returns scheme, host and port of a URL.
fn origin(url: &str) -> Result<String, String> {
    let uri: http::Uri = url.parse().map_err(|_| "its URL is not valid".to_owned())?;
    let place = |part: Option<&str>| part.unwrap_or_default().to_ascii_lowercase();
    let authority = uri.authority().map(http::uri::Authority::as_str);
    Ok(format!("{}://{}", place(uri.scheme_str()), place(authority)))
}
