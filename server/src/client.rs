//! The command line's side of the REST API.

use api::ProblemBody;
use api::repositories::RepositoryBody;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Exit, Failure};

const PROBLEM: &str = "application/problem+json";

/// A server, and a repository of it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    repository: String,
}

impl Client {
    pub(crate) fn new(url: &str, repository: &str) -> Client {
        Client {
            http: reqwest::Client::new(),
            url: url.trim_end_matches('/').to_owned(),
            repository: repository.to_owned(),
        }
    }

    /// Starts a request for a path of the API, given by its segments.
    fn request(&self, method: Method, segments: &[&str]) -> Result<RequestBuilder, Failure> {
        let wrong = || {
            Failure::new(
                Exit::WrongUse,
                format!("{:?} is not the address of a server", self.url),
            )
        };
        let mut url = reqwest::Url::parse(&self.url).map_err(|_| wrong())?;
        url.path_segments_mut()
            .map_err(|()| wrong())?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(segments);
        Ok(self.http.request(method, url))
    }

    /// The same, below the repository.
    fn within(&self, method: Method, segments: &[&str]) -> Result<RequestBuilder, Failure> {
        let mut path = vec!["repositories", self.repository.as_str()];
        path.extend(segments);
        self.request(method, &path)
    }

    pub(crate) async fn repositories<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        self.answer(self.request(Method::GET, &["repositories"])?).await
    }

    /// Returns `branch`, or the repository's default branch where none is named.
    pub(crate) async fn branch_or_default(&self, branch: Option<String>) -> Result<String, Failure> {
        if let Some(branch) = branch {
            return Ok(branch);
        }
        let all: Vec<RepositoryBody> = self.repositories().await?;
        let ours = all.into_iter().find(|one| one.name == self.repository);
        ours.map(|one| one.default_branch).ok_or_else(|| {
            Failure::new(
                Exit::Failed,
                format!("there is no repository {}", self.repository),
            )
            .with_hint("skep repository list shows what there is; --repository or SKEP_REPOSITORY names one")
        })
    }

    pub(crate) async fn create_repository<T: DeserializeOwned>(
        &self,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.request(Method::POST, &["repositories"])?.json(body))
            .await
    }

    pub(crate) async fn set_repository<T: DeserializeOwned>(
        &self,
        name: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.request(Method::PATCH, &["repositories", name])?.json(body))
            .await
    }

    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.within(Method::PUT, segments)?.json(body)).await
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<T, Failure> {
        self.answer(self.within(Method::GET, segments)?).await
    }

    pub(crate) async fn get_with<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, Failure> {
        self.answer(self.within(Method::GET, segments)?.query(query))
            .await
    }

    /// Asks for lines of JSON.
    pub(crate) async fn lines(&self, segments: &[&str], query: &[(&str, String)]) -> Result<Lines, Failure> {
        let response = self
            .send(self.within(Method::GET, segments)?.query(query))
            .await?;
        match response.status().is_success() {
            true => Ok(Lines {
                response,
                come: Vec::new(),
                told: 0,
                searched: 0,
            }),
            false => Err(failure(response).await),
        }
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.within(Method::POST, segments)?.json(body)).await
    }

    /// Posts what is answered with `T` even where it did not have its way: by 409 and 412.
    pub(crate) async fn post_for_outcome<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let response = self.send(self.within(Method::POST, segments)?.json(body)).await?;
        let problem = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind == PROBLEM);
        if problem || response.status().is_server_error() {
            return Err(failure(response).await);
        }
        read(response).await
    }

    pub(crate) async fn patch<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.answer(self.within(Method::PATCH, segments)?.json(body))
            .await
    }

    pub(crate) async fn delete(&self, segments: &[&str]) -> Result<(), Failure> {
        let response = self.send(self.within(Method::DELETE, segments)?).await?;
        if response.status().is_success() {
            Ok(())
        } else {
            Err(failure(response).await)
        }
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let response = self.send(request).await?;
        if !response.status().is_success() {
            return Err(failure(response).await);
        }
        read(response).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        request.send().await.map_err(|error| {
            let why = if error.is_connect() {
                "no server answers"
            } else {
                "the request failed"
            };
            Failure::new(Exit::Failed, format!("{why} at {}", self.url))
                .with_hint("start one with skep serve, or say where it is: --url or SKEP_URL")
        })
    }
}

/// Lines of JSON, as they come.
#[derive(Debug)]
pub(crate) struct Lines {
    response: Response,
    /// What has come, of which the first `told` bytes are lines that were told, and the first `searched` hold no other end
    /// of a line.
    come: Vec<u8>,
    told: usize,
    searched: usize,
}

impl Lines {
    /// Returns the next line; `None` at the end.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        loop {
            let ahead = &self.come[self.searched..];
            if let Some(length) = ahead.iter().position(|byte| *byte == b'\n') {
                let end = self.searched + length;
                let line = serde_json::from_slice(&self.come[self.told..end]);
                (self.told, self.searched) = (end + 1, end + 1);
                return line.map(Some).map_err(|error| unreadable(&error));
            }
            self.come.drain(..self.told);
            (self.told, self.searched) = (0, self.come.len());
            match self.response.chunk().await {
                Ok(Some(bytes)) => self.come.extend_from_slice(&bytes),
                Ok(None) => return Ok(None),
                Err(error) => return Err(unreadable(&error)),
            }
        }
    }
}

fn unreadable(error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Failed, format!("the server's answer: {error}"))
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    response.json().await.map_err(|error| unreadable(&error))
}

/// Returns the failure that an answer tells of.
async fn failure(response: Response) -> Failure {
    let status = response.status();
    match response.json::<ProblemBody>().await {
        Ok(problem) => Failure::of_problem(problem),
        Err(_) if status == StatusCode::NOT_FOUND => Failure::new(Exit::Failed, "no skep answers there"),
        Err(_) => Failure::new(Exit::Failed, format!("the server answered {status}")),
    }
}
