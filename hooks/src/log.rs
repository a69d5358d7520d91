//! The log of runs: what ran, on what, how it ended and what it said. Part of a repository's state beside the history.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use versioning::codec::DecodeError;
use versioning::refs::RepositoryId;
use versioning::state::{Changes, StateOf, Stateful};
use versioning::{Repository, Result};

use crate::action::{Ended, Outcome};
use crate::event::{Event, Phase};
use crate::payload::Payload;

/// A run of a hook or check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Later runs sort after earlier ones.
    pub id: String,
    pub state: RunState,
    /// The type of the action.
    pub kind: String,
    /// The file that the hook stands in, and the commit at which that was read.
    pub file: String,
    pub file_at: String,
    /// Microseconds since the Unix epoch; 0 before it begins.
    pub begun_us: u64,
    /// 0 before it has ended.
    pub ended_us: u64,
    pub output: String,
    /// The run that this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<String>,
    /// What the hook was told.
    pub payload: Payload,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It is noted down before its event, and begins after.
    Waiting,
    Running,
    Passed,
    Failed,
    /// It could not be run.
    Errored,
    /// It was stopped at its time limit.
    TooLong,
    /// The server stopped while it ran.
    Interrupted,
}

impl RunState {
    /// Returns whether nothing comes after it.
    pub fn has_ended(self) -> bool {
        !matches!(self, RunState::Waiting | RunState::Running)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RunState::Waiting => "waiting",
            RunState::Running => "running",
            RunState::Passed => "passed",
            RunState::Failed => "failed",
            RunState::Errored => "errored",
            RunState::TooLong => "too_long",
            RunState::Interrupted => "interrupted",
        })
    }
}

impl From<Ended> for RunState {
    fn from(ended: Ended) -> RunState {
        match ended {
            Ended::Passed => RunState::Passed,
            Ended::Failed => RunState::Failed,
            Ended::Errored => RunState::Errored,
            Ended::TooLong => RunState::TooLong,
        }
    }
}

impl Run {
    /// Returns the event that it ran for.
    pub fn event(&self) -> Event {
        self.payload.event
    }

    /// Returns how long it took, if it has ended.
    pub fn duration_us(&self) -> Option<u64> {
        self.state
            .has_ended()
            .then(|| self.ended_us.saturating_sub(self.begun_us))
    }

    pub(crate) fn begin(&mut self, now_us: u64) {
        self.state = RunState::Running;
        self.begun_us = now_us;
    }

    pub(crate) fn end(&mut self, outcome: &Outcome, now_us: u64, output_bytes_max: usize) {
        self.state = outcome.ended.into();
        self.ended_us = now_us;
        self.output = cut(&outcome.output, output_bytes_max);
    }
}

/// Returns the beginning of a text, with a mark where it was cut.
fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}\n… cut after {bytes_max} bytes", &text[..end])
}

/// All runs that a repository keeps, by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Runs(BTreeMap<String, Run>);

impl Stateful for Runs {
    const NAMESPACE: &'static str = "hooks.runs";

    fn apply(&mut self, key: &str, value: Option<&Bytes>) -> Result<(), DecodeError> {
        match value {
            None => drop(self.0.remove(key)),
            Some(value) => {
                let run = serde_json::from_slice(value);
                let run = run.map_err(|_| DecodeError::Canonical("it is no JSON of a run"))?;
                self.0.insert(key.to_owned(), run);
            }
        }
        Ok(())
    }
}

impl Runs {
    /// Returns the changes that keep these runs, and let the oldest go that have ended where there are too many.
    fn keeping(&self, runs: &[Run], runs_max: usize) -> Changes {
        let fresh = runs.iter().filter(|run| !self.0.contains_key(&run.id)).count();
        let over = (self.0.len() + fresh).saturating_sub(runs_max);
        let ended = self.0.values().filter(|run| run.state.has_ended());
        let gone = ended.take(over).map(|run| (run.id.clone(), None));
        let mut changes: BTreeMap<String, Option<Bytes>> = gone.collect();
        for run in runs {
            let json = serde_json::to_vec(run).unwrap_or_default();
            changes.insert(run.id.clone(), Some(json.into()));
        }
        changes.into_iter().collect()
    }
}

/// The logs of all repositories.
#[derive(Debug, Default)]
pub(crate) struct Logs(Mutex<HashMap<RepositoryId, Arc<StateOf<Runs>>>>);

impl Logs {
    fn of(&self, repository: &Repository) -> Arc<StateOf<Runs>> {
        let (_, id) = repository.records();
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logs.entry(id)
            .or_insert_with(|| Arc::new(StateOf::new(repository)))
            .clone()
    }

    /// Keeps these runs as they are now.
    pub(crate) async fn keep(&self, repository: &Repository, runs: &[Run], runs_max: usize) -> Result<()> {
        if runs.is_empty() {
            return Ok(());
        }
        let log = self.of(repository);
        log.change(|state| Ok((state.keeping(runs, runs_max), ()))).await
    }

    /// Takes the run of that id if it is still waiting, so that nobody else begins it.
    pub(crate) async fn forget(&self, repository: &Repository, ids: &[String]) -> Result<()> {
        let log = self.of(repository);
        log.change(|state| {
            let known = ids.iter().filter(|id| state.0.contains_key(*id));
            Ok((known.map(|id| (id.clone(), None)).collect(), ()))
        })
        .await
    }

    pub(crate) async fn run(&self, repository: &Repository, id: &str) -> Result<Option<Run>> {
        self.of(repository).read(|state| state.0.get(id).cloned()).await
    }

    /// Returns the last runs for which `is_wanted` holds, newest first.
    pub(crate) async fn list(
        &self,
        repository: &Repository,
        limit: usize,
        is_wanted: impl Fn(&Run) -> bool + Send,
    ) -> Result<Vec<Run>> {
        let look = |state: &Runs| {
            let runs = state.0.values().rev().filter(|run| is_wanted(run));
            runs.take(limit).cloned().collect()
        };
        self.of(repository).read(look).await
    }
}

/// Returns whether a run is one of a hook that is told after the event.
pub(crate) fn is_post(run: &Run) -> bool {
    run.event().phase == Phase::Post
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str, state: RunState) -> Run {
        Run {
            id: id.into(),
            state,
            kind: "sql".into(),
            file: "f".into(),
            file_at: "c".into(),
            begun_us: 5,
            ended_us: 9,
            output: String::new(),
            repeats: None,
            payload: Payload::example(),
        }
    }

    #[test]
    fn records_come_back_and_the_oldest_that_ended_go() {
        let mut runs = Runs::default();
        let kept = [
            run("1", RunState::Waiting),
            run("2", RunState::Passed),
            run("3", RunState::Failed),
        ];
        for (key, value) in runs.clone().keeping(&kept, 3) {
            runs.apply(&key, value.as_ref()).unwrap();
        }
        assert_eq!(runs.0.values().cloned().collect::<Vec<_>>(), kept);
        let changes = runs.keeping(&[run("4", RunState::Running)], 3);
        let told: Vec<_> = changes
            .iter()
            .map(|(key, value)| (key.as_str(), value.is_some()))
            .collect();
        assert_eq!(told, [("2", false), ("4", true)]);
        assert!(runs.apply("5", Some(&Bytes::from_static(b"{}"))).is_err());
    }

    #[test]
    fn output_is_cut_between_characters() {
        let mut run = run("1", RunState::Running);
        run.end(&Outcome::failed("aé"), 12, 2);
        assert_eq!(run.output, "a\n… cut after 2 bytes");
        assert_eq!((run.state, run.duration_us()), (RunState::Failed, Some(7)));
    }
}
