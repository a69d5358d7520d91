//! A repository to try things on, and short ways to change it.

use bytes::Bytes;
use testkit::FaultyRefs;
use versioning::merge::{Gate, Landing, MergeOutcome, OpenGate};
use versioning::refs::{CommitMode, LogRecord};
use versioning::repository::{CommitMessage, Limits, Parts};
use versioning::{
    Batch, CommitId, Error, RefName, Repositories, Repository, RepositoryName, Result, Space, Value,
};

use super::model::KeyByKey;

/// The repository `lake` with the branch `main`, over a ref store that can be told to fail.
pub(super) struct Lake {
    pub(super) parts: Parts,
    pub(super) refs: FaultyRefs,
    pub(super) repositories: Repositories,
    pub(super) repository: Repository,
}

pub(super) fn name(text: &str) -> RefName {
    RefName::parse(text).unwrap()
}

impl Lake {
    /// Returns a lake whose `main` is of this mode. Nothing is committed in the background.
    pub(super) async fn new(mode: CommitMode) -> Lake {
        Lake::with(mode, Limits::default()).await
    }

    /// Returns a lake with limits of its own.
    pub(super) async fn with(mode: CommitMode, limits: Limits) -> Lake {
        Lake::over(testkit::memory_parts(1), mode, limits).await
    }

    /// Returns a lake on parts that hold nothing yet.
    pub(super) async fn over(mut parts: Parts, mode: CommitMode, limits: Limits) -> Lake {
        let refs = FaultyRefs::new(parts.refs.clone());
        parts.refs = std::sync::Arc::new(refs.clone());
        let limits = Limits {
            coalesce_idle_ms: 1 << 40,
            coalesce_age_ms: 1 << 40,
            ..limits
        };
        let repositories = Repositories::open(parts.clone(), limits).await.unwrap();
        let lake = RepositoryName::parse("lake").unwrap();
        let repository = repositories.create(&lake, &name("main")).await.unwrap();
        repository
            .set_branch_rules(&name("main"), mode, None)
            .await
            .unwrap();
        Lake {
            parts,
            refs,
            repositories,
            repository,
        }
    }

    /// Creates a branch at the head of `main`.
    pub(super) async fn branch(&self, text: &str, mode: CommitMode) {
        let main = name("main").into();
        self.repository
            .create_branch(&name(text), &main, mode)
            .await
            .unwrap();
    }

    pub(super) async fn write(&self, branch: &str, key: &'static str, value: &'static str) -> Result<()> {
        let value = Value {
            payload: Bytes::from_static(value.as_bytes()),
            ..Value::default()
        };
        self.put(branch, Space::Meta, key, value).await
    }

    pub(super) async fn put(
        &self,
        branch: &str,
        space: Space,
        key: &'static str,
        value: Value,
    ) -> Result<()> {
        let mut batch = Batch::default();
        batch.put(space, key, value);
        let planned = move |_| {
            let batch = batch.clone();
            async move { Ok::<_, Error>((batch, ())) }
        };
        self.repository.write(&name(branch), planned).await
    }

    pub(super) async fn commit(&self, branch: &str) -> Result<CommitId> {
        self.repository
            .commit(&name(branch), CommitMessage::default())
            .await
    }

    pub(super) async fn merge(
        &self,
        from: &str,
        into: &str,
        dry_run: bool,
    ) -> Result<MergeOutcome<(Space, Bytes)>> {
        self.merge_by(from, into, dry_run, &OpenGate).await
    }

    /// Merges what `gate` lets through.
    pub(super) async fn merge_by(
        &self,
        from: &str,
        into: &str,
        dry_run: bool,
        gate: &dyn Gate,
    ) -> Result<MergeOutcome<(Space, Bytes)>> {
        let landing = Landing {
            dry_run,
            ..Landing::onto(name(into), "test")
        };
        self.repository
            .merge(&name(from).into(), &landing, &KeyByKey, gate)
            .await
            .map(|report| report.outcome)
    }

    pub(super) async fn head(&self, branch: &str) -> CommitId {
        self.repository
            .resolve(&name(branch).into())
            .await
            .unwrap()
            .commit
    }

    /// Returns what is not folded of a branch, past all that is in memory.
    pub(super) async fn log(&self, branch: &str) -> Vec<LogRecord> {
        let (refs, id) = self.repository.records();
        let stored = refs.branch(id, &name(branch)).await.unwrap().unwrap();
        refs.log_after(id, stored.incarnation, 0).await.unwrap()
    }

    /// Returns the value at a key of a branch.
    pub(super) async fn get(&self, branch: &str, key: &str) -> Option<Bytes> {
        let view = self.repository.view(&name(branch).into()).await.unwrap();
        let value = view.get(Space::Meta, key.as_bytes()).await.unwrap();
        value.map(|value| value.payload)
    }
}
