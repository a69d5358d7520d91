//! What hooks do: the contract of actions, and the kinds that there are.

mod airflow;
mod command;
mod docker;
mod http;
mod kubernetes;
mod remains;
mod spark;
mod sql;
mod trino;
mod webhook;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use catalog::check::CheckRunner;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_saphyr::Spanned;
use versioning::{CommitId, Hash, Repository};

use crate::check_file::Query;
use crate::document::{Fields, Node, Wrong};
use crate::payload::Payload;
use crate::ready;
use crate::registrar::Registrar;
use crate::settings::Settings;
use crate::template::{Secrets, Values};

pub(crate) use self::http::Http;
pub(crate) use self::sql::{sql, told};

/// Something that a hook does.
#[async_trait]
pub trait Action: Debug + Send + Sync {
    /// Returns the query that it has the handed-in engine run, if that is what it does.
    fn query(&self) -> Option<Query<'_>> {
        None
    }

    /// Does it. What it began elsewhere it has ended when it returns, in time or not.
    async fn run(&self, call: &Call<'_>) -> Outcome;
}

/// What an action is given.
#[derive(Debug)]
pub struct Call<'a> {
    pub payload: &'a Payload,
    pub repository: &'a Repository,
    pub tools: &'a Tools,
    pub limits: Limits,
}

/// How much an action may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub time: Duration,
    /// More output than this is cut off.
    pub output_bytes: usize,
}

/// What actions work with: handed in, once.
#[derive(Debug, Clone)]
pub struct Tools {
    pub checks: Arc<dyn CheckRunner>,
    pub registrar: Arc<dyn Registrar>,
    pub secrets: Arc<dyn Secrets>,
    pub settings: Arc<Settings>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It lets pass.
    Passed,
    /// It refuses.
    Failed,
    /// It could not be run.
    Errored,
    /// It was stopped at its time limit.
    TooLong,
}

/// How a run ended, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub ended: Ended,
    pub output: String,
}

impl Outcome {
    pub(crate) fn passed(output: impl Into<String>) -> Outcome {
        Outcome::new(Ended::Passed, output)
    }

    pub(crate) fn failed(output: impl Into<String>) -> Outcome {
        Outcome::new(Ended::Failed, output)
    }

    pub(crate) fn errored(output: impl Into<String>) -> Outcome {
        Outcome::new(Ended::Errored, output)
    }

    pub(crate) fn too_long(output: impl Into<String>) -> Outcome {
        Outcome::new(Ended::TooLong, output)
    }

    pub(crate) fn new(ended: Ended, output: impl Into<String>) -> Outcome {
        let output = output.into();
        Outcome { ended, output }
    }
}

impl From<Result<Outcome, String>> for Outcome {
    fn from(result: Result<Outcome, String>) -> Outcome {
        result.unwrap_or_else(Outcome::errored)
    }
}

impl<'a> Call<'a> {
    pub(crate) fn values(&self) -> Values<'a> {
        Values::new(self.payload, self.tools.secrets.as_ref())
    }

    /// Returns the commit that the event is about: of what goes, the one that it was at.
    pub(crate) fn commit(&self) -> Result<CommitId, String> {
        let commit = id(self.payload.commit.as_deref()).or_else(|| self.head());
        commit.ok_or_else(|| format!("{} comes with no commit", self.payload.event))
    }

    /// Returns the head before.
    pub(crate) fn head(&self) -> Option<CommitId> {
        id(self.payload.head.as_deref())
    }

    /// Runs what needs no end elsewhere, within the time limit.
    pub(crate) fn within<'f>(
        &self,
        work: impl Future<Output = Result<Outcome, String>> + Send + 'f,
    ) -> BoxFuture<'f, Outcome> {
        let ended = tokio::time::timeout(self.limits.time, work);
        async move { ended.await.map_or_else(|_| Outcome::too_long(""), Outcome::from) }.boxed()
    }
}

fn id(text: Option<&str>) -> Option<CommitId> {
    text.and_then(|text| Hash::parse(text).ok()).map(CommitId)
}

/// How the properties of a kind are read.
type Parse = fn(&mut Fields) -> Result<Arc<dyn Action>, Wrong>;

/// All kinds of actions, by name.
const KINDS: [(&str, Parse); 15] = [
    ("airflow", airflow::parse),
    ("command", command::parse),
    ("docker", docker::parse),
    ("file-format", ready::file_format),
    ("kubernetes", kubernetes::parse),
    ("no-missing-files", ready::no_missing_files),
    ("partition-columns", ready::partition_columns),
    ("partition-completeness", ready::partition_completeness),
    ("register-metastore", ready::register_metastore),
    ("schema-compatibility", ready::schema_compatibility),
    ("spark", spark::parse),
    ("sql", sql::parse),
    ("symlink-manifests", ready::symlink_manifests),
    ("trino", trino::parse),
    ("webhook", webhook::parse),
];

/// Reads the properties of an action of the kind that is named.
pub(crate) fn parse(
    kind: &Spanned<String>,
    properties: Node,
) -> Result<(&'static str, Arc<dyn Action>), Wrong> {
    let found = KINDS.iter().find(|(name, _)| *name == kind.value);
    let Some((name, parse)) = found else {
        let all: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
        let message = format!(
            "there is no type {:?}: allowed are {}",
            kind.value,
            all.join(", ")
        );
        return Err(Wrong::at(kind.referenced, message));
    };
    let mut fields = Fields::of(&format!("properties of {name}"), properties)?;
    let action = parse(&mut fields)?;
    fields.finish()?;
    Ok((name, action))
}
