//! A repository behind the routes, and requests to it.

use std::sync::Arc;

use api::data_diffs::{ProfileBody, RowLine, RowLines, RowsWish, TableProfileBody};
use api::hooks::{HookFileAnswer, HookFileBody, RunBody};
use api::{Api, ArrowBytes, DataDiffs, HookRuns, Problem, SqlAnswer, SqlRunner};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use bytes::Bytes;
use catalog::Catalog;
use catalog::diff::RowCounter;
use catalog::merge::CatalogResolver;
use catalog::model::{Columns, Location, Storage, Table, TableKind};
use futures::stream;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use versioning::merge::OpenGate;
use versioning::object::Object;
use versioning::refs::CommitMode;
use versioning::repository::CommitMessage;
use versioning::{Batch, Error, Kind, RefExpr, RefName, Repositories, Repository, Space, View};

/// Answers no query and counts no rows.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl SqlRunner for Nothing {
    async fn query(&self, _: &Repository, _: &RefExpr, _: &str) -> Result<SqlAnswer, Problem> {
        Err(Problem::new(Kind::Invalid, "no queries here"))
    }

    async fn arrow(&self, _: &Repository, _: &RefExpr, _: &str) -> Result<ArrowBytes, Problem> {
        Err(Problem::new(Kind::Invalid, "no queries here"))
    }
}

#[async_trait]
impl HookRuns for Nothing {
    async fn missing_checks(&self, _: &Repository, _: &RefName) -> Result<Vec<String>, Problem> {
        Ok(vec!["ghost".into()])
    }

    async fn runs(&self, _: &Repository, _: Option<&str>, _: usize) -> Result<Vec<RunBody>, Problem> {
        Ok(Vec::new())
    }

    async fn run(&self, _: &Repository, _: &str) -> Result<RunBody, Problem> {
        Err(Problem::new(Kind::NotFound, "no hooks here"))
    }

    async fn rerun(&self, _: &Repository, _: &str) -> Result<RunBody, Problem> {
        Err(Problem::new(Kind::NotFound, "no hooks here"))
    }

    fn validate(&self, _: &HookFileBody) -> HookFileAnswer {
        HookFileAnswer {
            hooks: Vec::new(),
            error: None,
        }
    }
}

/// One table without rows, and as many rows that differ as are asked for, but no more than two: then it fails.
#[async_trait]
impl DataDiffs for Nothing {
    async fn profile(
        &self,
        _: &Repository,
        (from, to): (&RefExpr, &RefExpr),
        tables: &str,
        partitions_max: usize,
    ) -> Result<ProfileBody, Problem> {
        Ok(ProfileBody {
            tables: vec![TableProfileBody {
                database: format!("{from}..{to}"),
                name: tables.to_owned(),
                partitions: Vec::new(),
                partitions_left: partitions_max as u64,
                unread: None,
            }],
        })
    }

    async fn rows(
        &self,
        _: &Repository,
        _: (&RefExpr, &RefExpr),
        wish: &RowsWish,
    ) -> Result<RowLines, Problem> {
        let first = RowLine::Columns {
            key: wish.key.clone(),
            columns: Vec::new(),
            one_sided: Vec::new(),
        };
        let end = RowLine::End {
            rows: wish.rows_max as u64,
            truncated: true,
        };
        let last = match wish.rows_max {
            0..=2 => Ok(end),
            _ => Err(Problem::new(Kind::Unavailable, "too many")),
        };
        Ok(Box::pin(stream::iter([Ok(first), last])))
    }
}

#[async_trait]
impl RowCounter for Nothing {
    async fn rows(&self, _: &Repository, _: &View, _: &[String]) -> catalog::Result<Option<u64>> {
        Ok(None)
    }
}

/// Returns what the routes work on: a store, and nothing besides.
pub(super) fn api_of(repositories: Repositories) -> Api {
    Api {
        repositories,
        gate: Arc::new(OpenGate),
        hooks: Arc::new(Nothing),
        resolver: Arc::new(CatalogResolver::default()),
        sql: Arc::new(Nothing),
        data: Arc::new(Nothing),
        rows: Arc::new(Nothing),
        author: "test".into(),
    }
}

pub(super) struct Rig {
    repository: Repository,
    router: Router,
}

fn branch(text: &str) -> RefName {
    RefName::parse(text).unwrap()
}

impl Rig {
    /// A repository in which `main` and `etl` each changed the files at `paths` in its own way.
    pub(super) async fn contested(paths: &[&str]) -> Rig {
        let (repositories, repository) = testkit::repository(7).await.unwrap();
        let router = api::router(api_of(repositories));
        let rig = Rig { repository, router };
        rig.commit("main", paths, "base").await;
        let main = branch("main");
        rig.repository
            .create_branch(&branch("etl"), &main.into(), CommitMode::Staged)
            .await
            .unwrap();
        rig.commit("main", paths, "ours").await;
        rig.commit("etl", paths, "theirs").await;
        rig
    }

    pub(super) async fn commit(&self, to: &str, paths: &[&str], content: &str) {
        self.write(to, paths, content).await;
        self.commit_as_is(to).await;
    }

    async fn commit_as_is(&self, to: &str) {
        let words = CommitMessage {
            allow_empty: true,
            ..CommitMessage::default()
        };
        self.repository.commit(&branch(to), words).await.unwrap();
    }

    /// Makes an external table, and commits that.
    pub(super) async fn create(&self, to: &str, name: &str, at: &'static str) {
        let table = Table {
            name: name.to_owned(),
            kind: TableKind::External,
            storage: Some(Storage {
                columns: Some(Arc::new(Columns(Vec::new()))),
                location: Some(Location::Rel(at.to_owned())),
                ..Storage::default()
            }),
            ..Table::default()
        };
        let plan = move |mut draft: catalog::Draft| {
            let table = table.clone();
            async move {
                draft.create_table(catalog::DEFAULT_DATABASE, table).await?;
                Ok::<_, catalog::Error>((draft, ()))
            }
        };
        let catalog = Catalog::new(self.repository.clone());
        catalog.write(&branch(to), plan).await.unwrap();
        self.commit_as_is(to).await;
    }

    /// Writes files.
    pub(super) async fn write(&self, to: &str, paths: &[&str], content: &str) {
        let mut batch = Batch::default();
        for path in paths {
            let mut upload = self.repository.upload().await.unwrap();
            upload.write(Bytes::from(content.to_owned())).await.unwrap();
            let object = Object {
                segments: vec![upload.finish().await.unwrap().segment],
                etag: content.to_owned(),
                ..Object::default()
            };
            batch.put(Space::Objects, Bytes::from((*path).to_owned()), object.encode());
        }
        let plan = move |_| {
            let batch = batch.clone();
            async move { Ok::<_, Error>((batch, ())) }
        };
        self.repository.write(&branch(to), plan).await.unwrap();
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.request("GET", path).body(Body::empty()).unwrap())
            .await
    }

    /// Sends a request with a body, where there is one.
    pub(super) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self
            .request(method, path)
            .header(header::CONTENT_TYPE, "application/json");
        let body = body.map(|body| Body::from(body.to_string()));
        self.send(request.body(body.unwrap_or_default()).unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self
            .request("POST", path)
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let name = &self.repository.record().name;
        let uri = format!("{}/repositories/{name}/{path}", api::BASE);
        let uri = uri.trim_end_matches('/').to_owned();
        Request::builder().method(method).uri(uri)
    }

    /// Returns an answer in lines of JSON.
    pub(super) async fn lines(&self, path: &str) -> (u16, Vec<Value>) {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        (
            status,
            lines.map(|line| serde_json::from_slice(line).unwrap()).collect(),
        )
    }

    async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}
