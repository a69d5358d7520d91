//! The guard of refs: pre-hooks of what no gate judges, and post-hooks of everything.
//!
//! A post-hook is told at least once: its run is noted down before the event, and a server that starts looks for
//! runs that never ended. It asks of each whether its event came about, and runs it if so.

use async_trait::async_trait;
use versioning::guard::{Act, Guard, RefEvent, Ticket};
use versioning::{CommitId, Error, KeyRange, RefExpr, RefName, Repositories, Repository, Result, Space};

use crate::event::Event;
use crate::hook_file::HookSet;
use crate::log::{Run, RunState, is_post};
use crate::service::{Hooks, refusals};
use crate::source::hooks_at;

/// Below this stand the files by which a repository is run.
const OWN_FILES: &[u8] = b".skep/";
/// How far back it is looked for the commit of an event that a crash left open.
const HISTORY_MAX: usize = 1_000;

#[async_trait]
impl Guard for Hooks {
    async fn watches(&self, repository: &Repository, event: &RefEvent) -> Result<bool> {
        let (_, set) = self.set_for(repository, event).await?;
        let name = event.name.as_str();
        let has = |on: Event| set.files.iter().any(|file| file.is_for(on, name));
        let judges = !event.has_gate && (has(Event::pre(event.act)) || refuses_broken(event, &set));
        Ok(judges || has(Event::post(event.act)))
    }

    async fn before(&self, repository: &Repository, event: &RefEvent) -> Result<Ticket> {
        let (at, set) = self.set_for(repository, event).await?;
        if !event.has_gate && !self.is_mending(repository, event).await? {
            self.judge(repository, (at, &set), event).await?;
        }
        let jobs = self.jobs(repository, &set, at, (Event::post(event.act), event));
        let runs: Vec<Run> = jobs.into_iter().map(|(_, run)| run).collect();
        self.keep(repository, &runs).await?;
        Ok(Ticket(runs.into_iter().map(|run| run.id).collect()))
    }

    async fn after(&self, repository: &Repository, event: &RefEvent, ticket: Ticket) {
        if ticket.0.is_empty() {
            return;
        }
        let (hooks, repository) = (self.clone(), repository.clone());
        let commit = event.commit;
        self.tasks.spawn(async move {
            for id in ticket.0 {
                if let Err(error) = hooks.tell(&repository, &id, commit).await {
                    tracing::error!(run = id, %error, "a post-hook could not be run; a restart of the server runs it");
                }
            }
        });
    }

    async fn undone(&self, repository: &Repository, ticket: Ticket) {
        if ticket.0.is_empty() {
            return;
        }
        if let Err(error) = self.logs.forget(repository, &ticket.0).await {
            tracing::warn!(%error, "runs of hooks could not be forgotten");
        }
    }
}

/// Returns whether files that cannot be used keep this from being done: what they guard is not known. To make
/// branches and tags takes nothing away, and a branch may be what the mend is made on. To drop what is staged moves no
/// head, and may be what has to go before the mend can be committed.
fn refuses_broken(event: &RefEvent, set: &HookSet) -> bool {
    let stays = event.act == Act::Reset && event.commit.is_some() && event.commit == event.head;
    !set.broken.is_empty() && !stays && !matches!(event.act, Act::CreateBranch | Act::CreateTag)
}

fn operation(act: Act) -> &'static str {
    match act {
        Act::Commit => "a commit",
        Act::Merge => "a merge",
        Act::Revert => "a revert",
        Act::CherryPick => "a cherry-pick",
        Act::Reset => "a reset",
        Act::CreateBranch => "creating a branch",
        Act::DeleteBranch => "deleting a branch",
        Act::CreateTag => "creating a tag",
        Act::DeleteTag => "deleting a tag",
    }
}

impl Hooks {
    /// Returns the hooks that are for an event: those at the head of the branch that moves, or of the default branch
    /// for refs that come and go.
    async fn set_for(&self, repository: &Repository, event: &RefEvent) -> Result<(CommitId, HookSet)> {
        let name = match event.act {
            Act::CreateBranch | Act::DeleteBranch | Act::CreateTag | Act::DeleteTag => {
                &repository.record().default_branch
            }
            Act::Commit | Act::Merge | Act::Revert | Act::CherryPick | Act::Reset => &event.name,
        };
        let head = match event.head {
            Some(head) if *name == event.name => head,
            _ => repository.branch(name).await?.head,
        };
        Ok((head, hooks_at(repository, head, &self.limits.files).await?))
    }

    async fn judge(
        &self,
        repository: &Repository,
        (at, set): (CommitId, &HookSet),
        event: &RefEvent,
    ) -> Result<()> {
        let refused = |reason: String| Error::Refused {
            operation: operation(event.act),
            reason,
        };
        if refuses_broken(event, set) {
            let broken: Vec<_> = set.broken.iter().map(ToString::to_string).collect();
            return Err(refused(format!(
                "hook files cannot be used: {}\nhint: commit the mended file alone; `skep reset {}` drops what is staged beside it",
                broken.join("; "),
                event.name
            )));
        }
        let jobs = self.jobs(repository, set, at, (Event::pre(event.act), event));
        let jobs = self
            .concerned(repository, (event.head, event.commit), jobs)
            .await?;
        let descriptions: Vec<_> = jobs.iter().map(|(hook, _)| hook.description.clone()).collect();
        let runs = self.run_all(repository, jobs).await?;
        let judged: Vec<_> = descriptions.into_iter().zip(runs).collect();
        let against: Vec<_> = refusals(&judged)
            .into_iter()
            .map(|refusal| format!("{}: {}", refusal.check, refusal.reason))
            .collect();
        match against.is_empty() {
            true => Ok(()),
            false => Err(refused(against.join("\n"))),
        }
    }

    /// Returns whether a commit changes nothing but the files by which the repository is run. No hook judges it,
    /// or one that is wrong could not be put right. It is no way around a protected branch, which takes no commits.
    async fn is_mending(&self, repository: &Repository, event: &RefEvent) -> Result<bool> {
        let (Act::Commit, Some(head), Some(commit)) = (event.act, event.head, event.commit) else {
            return Ok(false);
        };
        let before = repository.view(&RefExpr::from(head)).await?;
        let after = repository.view(&RefExpr::from(commit)).await?;
        let mut mends = false;
        for space in Space::ALL {
            let mut diff = repository.diff(&before, &after, space, &KeyRange::all());
            while let Some(change) = diff.next().await? {
                if space != Space::Objects || !change.key.starts_with(OWN_FILES) {
                    return Ok(false);
                }
                mends = true;
            }
        }
        Ok(mends)
    }

    /// Runs a post-hook that waits, and tells of it where that does not pass.
    async fn tell(&self, repository: &Repository, id: &str, commit: Option<CommitId>) -> Result<()> {
        let mut run = self.run(repository, id).await?;
        run.payload.commit = commit.map(|id| id.to_string()).or(run.payload.commit);
        let hook = self.hook_of(repository, &run).await?;
        let ends = (
            id_of(run.payload.head.as_deref()),
            id_of(run.payload.commit.as_deref()),
        );
        let jobs = vec![(&hook, run.clone())];
        if self.concerned(repository, ends, jobs).await?.is_empty() {
            return self.logs.forget(repository, std::slice::from_ref(&run.id)).await;
        }
        run.begin(repository.clock().now_us());
        self.keep(repository, std::slice::from_ref(&run)).await?;
        let run = self.execute(repository, &hook, run).await?;
        if run.state != RunState::Passed {
            self.alert(&run).await;
        }
        Ok(())
    }

    /// Takes up what the last process left undone: post-hooks whose event came about run, and all other runs that
    /// never ended are marked.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn resume(&self, repositories: &Repositories) -> Result<()> {
        for record in repositories.list().await? {
            let repository = repositories.get(&record.name).await?;
            let open = |run: &Run| !run.state.has_ended();
            for run in self.logs.list(&repository, usize::MAX, open).await? {
                let id = run.id.clone();
                if let Err(error) = self.take_up(&repository, run).await {
                    tracing::error!(repository = %record.name, run = id, %error, "a run of a hook cannot be taken up");
                }
            }
        }
        Ok(())
    }

    async fn take_up(&self, repository: &Repository, mut run: Run) -> Result<()> {
        let came_about = match (is_post(&run), run.state) {
            (false, _) => None,
            (true, RunState::Running) => Some(id_of(run.payload.commit.as_deref())),
            (true, _) => came_about(repository, &run).await?,
        };
        let Some(commit) = came_about else {
            if run.state == RunState::Waiting {
                return self.logs.forget(repository, std::slice::from_ref(&run.id)).await;
            }
            run.state = RunState::Interrupted;
            run.ended_us = repository.clock().now_us();
            return self.keep(repository, std::slice::from_ref(&run)).await;
        };
        let event = RefEvent {
            commit,
            ..RefEvent::new(run.event().act, RefName::parse(&run.payload.branch)?)
        };
        self.after(repository, &event, Ticket(vec![run.id])).await;
        Ok(())
    }
}

fn id_of(text: Option<&str>) -> Option<CommitId> {
    text.and_then(|text| versioning::Hash::parse(text).ok())
        .map(CommitId)
}

/// Returns whether the event of a run came about, and the commit that it ended at. In doubt it did: a hook that is
/// told twice knows it by the id of the run.
async fn came_about(repository: &Repository, run: &Run) -> Result<Option<Option<CommitId>>> {
    let payload = &run.payload;
    let name = RefName::parse(&payload.branch)?;
    let branch = match repository.branch(&name).await {
        Ok(branch) => Some(branch),
        Err(Error::NotFound { .. }) => None,
        Err(error) => return Err(error),
    };
    let has_tag = async || Ok::<_, Error>(repository.tags().await?.iter().any(|(tag, _)| *tag == name));
    let told = id_of(payload.commit.as_deref());
    Ok(match run.event().act {
        Act::CreateBranch => branch.map(|_| told),
        Act::DeleteBranch => branch.is_none().then_some(None),
        Act::CreateTag => has_tag().await?.then_some(told),
        Act::DeleteTag => (!has_tag().await?).then_some(None),
        Act::Reset => Some(told),
        Act::Commit | Act::Merge | Act::Revert | Act::CherryPick => {
            let Some(branch) = branch else { return Ok(None) };
            landed(repository, branch.head, run).await?.map(Some)
        }
    })
}

/// Returns the commit that an event made, if it is in the history since.
async fn landed(repository: &Repository, head: CommitId, run: &Run) -> Result<Option<CommitId>> {
    let before = id_of(run.payload.head.as_deref());
    for (id, commit) in repository.log(head, HISTORY_MAX).await? {
        if Some(id) == before {
            break;
        }
        let (author, message) = (run.payload.author.as_deref(), run.payload.message.as_deref());
        if Some(commit.author.as_str()) == author && Some(commit.message.as_str()) == message {
            return Ok(Some(id));
        }
    }
    Ok(None)
}
