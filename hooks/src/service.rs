//! The runs of hooks: their tools, their payloads, their log, and alerts where a post-hook fails.

use std::sync::Arc;

use catalog::check::CheckRunner;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio_util::task::TaskTracker;
use versioning::guard::RefEvent;
use versioning::{CommitId, Error, RefExpr, Repository, Result};

use crate::action::{Call, Ended, Http, Limits, Outcome, Tools};
use crate::event::Event;
use crate::gate;
use crate::hook_file::{Hook, HookSet};
use crate::log::{Logs, Run, RunState};
use crate::payload::{PAYLOAD_VERSION, Payload};
use crate::registrar::{NoRegistrar, Registrar};
use crate::settings::Settings;
use crate::source::hooks_at;
use crate::template::{NoSecrets, Secrets};

/// How long an action may take beyond its limit to end what it began elsewhere.
const CLEANUP_MAX: std::time::Duration = std::time::Duration::from_secs(90);

/// Runs hooks and keeps the log of it. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Hooks {
    pub(crate) tools: Tools,
    pub(crate) limits: gate::Limits,
    pub(crate) logs: Arc<Logs>,
    /// Post-hooks on their way.
    pub(crate) tasks: TaskTracker,
}

/// A hook that is to run, and the run that tells of it.
pub(crate) type Job<'a> = (&'a Hook, Run);

impl Hooks {
    /// Returns hooks whose SQL `runner` runs, which may do nothing that settings have to allow.
    pub fn new(runner: Arc<dyn CheckRunner>, limits: gate::Limits) -> Hooks {
        Hooks {
            tools: Tools {
                checks: runner,
                registrar: Arc::new(NoRegistrar),
                secrets: Arc::new(NoSecrets),
                settings: Arc::default(),
            },
            limits,
            logs: Arc::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Returns the same with what the settings of the server allow.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings, secrets: Arc<dyn Secrets>) -> Hooks {
        self.tools.settings = Arc::new(settings);
        self.tools.secrets = secrets;
        self
    }

    /// Returns the same with a way to other metastores.
    #[must_use]
    pub fn with_registrar(mut self, registrar: Arc<dyn Registrar>) -> Hooks {
        self.tools.registrar = registrar;
        self
    }

    /// Waits until all post-hooks have run that are on their way.
    pub async fn settled(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }

    /// Returns the last runs, newest first; those of a branch alone if one is named.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn runs(
        &self,
        repository: &Repository,
        branch: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Run>> {
        let is_wanted = |run: &Run| branch.is_none_or(|branch| run.payload.branch == branch);
        self.logs.list(repository, limit, is_wanted).await
    }

    /// Returns a run.
    ///
    /// # Errors
    /// [`Error::NotFound`]; those of the store.
    pub async fn run(&self, repository: &Repository, id: &str) -> Result<Run> {
        let found = self.logs.run(repository, id).await?;
        found.ok_or_else(|| Error::NotFound {
            what: "run",
            name: id.to_owned(),
        })
    }

    /// Runs a hook again as it ran before: from the same file, with the same payload but for the id of the run.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] for a check, which a merge runs.
    pub async fn rerun(&self, repository: &Repository, id: &str) -> Result<Run> {
        let before = self.run(repository, id).await?;
        if !before.state.has_ended() {
            return Err(Error::Refused {
                operation: "a rerun",
                reason: format!("run {id} is {}", before.state),
            });
        }
        let hook = self.hook_of(repository, &before).await?;
        let mut run = self.again(repository, &before);
        run.begin(repository.clock().now_us());
        self.keep(repository, std::slice::from_ref(&run)).await?;
        self.execute(repository, &hook, run).await
    }

    /// Returns the hook of a run, from the file as it was.
    pub(crate) async fn hook_of(&self, repository: &Repository, run: &Run) -> Result<Hook> {
        let gone = || Error::Refused {
            operation: "a rerun",
            reason: format!("{} has no hook {} at {}", run.file, run.payload.hook, run.file_at),
        };
        let at = RefExpr::parse(&run.file_at)?;
        let commit = repository.resolve(&at).await?.commit;
        let set = hooks_at(repository, commit, &self.limits.files).await?;
        let mut hooks = set.files.into_iter().flat_map(|file| file.hooks);
        hooks.find(|hook| hook.name == run.payload.hook).ok_or_else(gone)
    }

    fn again(&self, repository: &Repository, before: &Run) -> Run {
        let id = fresh_id(repository);
        let payload = Payload {
            run: id.clone(),
            ..before.payload.clone()
        };
        Run {
            id,
            payload,
            repeats: Some(before.id.clone()),
            state: RunState::Waiting,
            begun_us: 0,
            ended_us: 0,
            output: String::new(),
            ..before.clone()
        }
    }

    /// Returns the hooks for an event, each with a run that waits.
    pub(crate) fn jobs<'a>(
        &self,
        repository: &Repository,
        set: &'a HookSet,
        at: CommitId,
        (event, about): (Event, &RefEvent),
    ) -> Vec<Job<'a>> {
        let files = set
            .files
            .iter()
            .filter(|file| file.is_for(event, about.name.as_str()));
        let hooks = files.flat_map(|file| file.hooks.iter().map(move |hook| (file, hook)));
        let job = |(file, hook): (&'a crate::HookFile, &'a Hook)| {
            let run = waiting(repository, (event, about), &hook.name, hook.kind);
            let run = Run {
                file: file.path.clone(),
                file_at: at.to_string(),
                ..run
            };
            (hook, run)
        };
        hooks.map(job).collect()
    }

    /// Runs all of these side by side, and returns the runs as they ended, in order.
    pub(crate) async fn run_all(&self, repository: &Repository, jobs: Vec<Job<'_>>) -> Result<Vec<Run>> {
        let mut begun: Vec<Run> = jobs.iter().map(|(_, run)| run.clone()).collect();
        let now_us = repository.clock().now_us();
        begun.iter_mut().for_each(|run| run.begin(now_us));
        self.keep(repository, &begun).await?;
        let hooks = jobs.into_iter().map(|(hook, _)| hook.clone());
        // boxed one by one: the compiler cannot name the lifetimes of a stream of futures behind a trait's
        let runs: Vec<_> = hooks
            .zip(begun)
            .map(|(hook, run)| async move { self.execute(repository, &hook, run).await }.boxed())
            .collect();
        stream::iter(runs)
            .buffered(self.limits.parallel.max(1))
            .try_collect()
            .await
    }

    /// Runs one hook and keeps how it ended.
    pub(crate) async fn execute(&self, repository: &Repository, hook: &Hook, mut run: Run) -> Result<Run> {
        let settings = &self.tools.settings;
        let outcome = {
            let call = Call {
                payload: &run.payload,
                repository,
                tools: &self.tools,
                limits: Limits {
                    time: hook.time,
                    output_bytes: settings.output_bytes_max,
                },
            };
            // actions keep to the limit and clean up; nobody waits for one that does not
            let ended = tokio::time::timeout(hook.time + CLEANUP_MAX, hook.action.run(&call)).await;
            ended.unwrap_or_else(|_| Outcome::new(Ended::TooLong, ""))
        };
        run.end(&outcome, repository.clock().now_us(), settings.output_bytes_max);
        self.keep(repository, std::slice::from_ref(&run)).await?;
        tracing::info!(
            hook = run.payload.hook,
            event = %run.event(),
            run = run.id,
            outcome = %run.state,
            "hook ended"
        );
        Ok(run)
    }

    pub(crate) async fn keep(&self, repository: &Repository, runs: &[Run]) -> Result<()> {
        self.logs
            .keep(repository, runs, self.tools.settings.runs_max)
            .await
    }

    /// Tells those who look after the server that a post-hook did not pass.
    pub(crate) async fn alert(&self, run: &Run) {
        metrics::counter!("skep_post_hook_failures_total", "hook" => run.payload.hook.clone()).increment(1);
        tracing::error!(
            hook = run.payload.hook,
            run = run.id,
            outcome = %run.state,
            hint = "skep hooks show RUN tells why, skep hooks rerun RUN runs it again",
            "a post-hook did not pass"
        );
        let Some(url) = &self.tools.settings.alert_url else {
            return;
        };
        let body = serde_json::json!(run);
        let answer = Http::new(&self.tools.settings).post(url, &body).await;
        match answer {
            Ok(answer) if answer.status.is_success() => {}
            Ok(answer) => tracing::warn!(status = %answer.status, "an alert was not taken"),
            Err(error) => tracing::warn!(error, "an alert could not be sent"),
        }
    }
}

/// Returns an id that sorts after all earlier ones.
fn fresh_id(repository: &Repository) -> String {
    let id = repository.ids().fresh();
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a run that has yet to begin, of a hook whose file is not said.
pub(crate) fn waiting(
    repository: &Repository,
    (event, about): (Event, &RefEvent),
    hook: &str,
    kind: &str,
) -> Run {
    let id = fresh_id(repository);
    let text = |id: Option<CommitId>| id.map(|id| id.to_string());
    Run {
        payload: Payload {
            version: PAYLOAD_VERSION,
            event,
            run: id.clone(),
            hook: hook.to_owned(),
            repository: repository.record().name.to_string(),
            branch: about.name.to_string(),
            commit: text(about.commit),
            head: text(about.head),
            source: about.source.clone(),
            author: about.author.clone(),
            message: about.message.clone(),
            time_us: repository.clock().now_us(),
        },
        id,
        state: RunState::Waiting,
        kind: kind.to_owned(),
        file: String::new(),
        file_at: String::new(),
        begun_us: 0,
        ended_us: 0,
        output: String::new(),
        repeats: None,
    }
}

/// Returns why runs refuse, each in some lines.
pub(crate) fn refusals(jobs: &[(Option<String>, Run)]) -> Vec<versioning::merge::Refusal> {
    let against = jobs.iter().filter(|(_, run)| run.state != RunState::Passed);
    let refusal = |(description, run): &(Option<String>, Run)| {
        let about = description
            .as_deref()
            .map(|text| format!("{}\n", text.trim_end()));
        let what = match run.state {
            RunState::Errored => "the hook could not be run",
            RunState::TooLong => "the hook was stopped at its time limit",
            _ => "the hook refuses",
        };
        let output = run.output.trim();
        let output = if output.is_empty() {
            String::new()
        } else {
            format!(": {output}")
        };
        versioning::merge::Refusal {
            check: run.payload.hook.clone(),
            reason: format!(
                "{}{what}{output}\nhint: skep hooks show {} shows the run of {}",
                about.unwrap_or_default(),
                run.id,
                run.file
            ),
        }
    };
    against.map(refusal).collect()
}
