//! Keeping attempts: begun, renewed, ended, settled where a server died, and forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Attempt, AttemptId, AttemptState, Attempts, ConflictRecord, Decision, LEASE_US};
use super::{conflicts, record};
use crate::core::Core;
use crate::state::{Changes, StateOf};
use crate::{CommitId, Error, RefName, Result};

/// The attempts of a repository.
#[derive(Debug)]
pub(crate) struct Keeper {
    core: Arc<Core>,
    state: StateOf<Attempts>,
}

fn put(changes: &mut Changes, attempt: &Attempt) {
    changes.push((attempt.id.to_string(), Some(record::encode(attempt))));
}

fn not_open(attempt: &Attempt) -> Error {
    Error::MergeState {
        merge: attempt.id.to_string(),
        state: attempt.state.name(),
    }
}

impl Keeper {
    pub(crate) fn new(core: Arc<Core>) -> Keeper {
        let state = StateOf::at(core.refs.clone(), core.id);
        Keeper { core, state }
    }

    /// How often a server that works on an attempt has to be heard of.
    pub(crate) fn beat() -> Duration {
        Duration::from_micros(LEASE_US / 3)
    }

    /// Returns the attempts, newest first. Those that a server left behind are settled first.
    pub(crate) async fn all(&self) -> Result<Vec<Attempt>> {
        self.settle_left_behind().await?;
        let all = |attempts: &Attempts| attempts.by_id.values().cloned().collect();
        let mut all: Vec<Attempt> = self.state.read(all).await?;
        all.sort_by_key(|attempt| std::cmp::Reverse(attempt.created_us));
        Ok(all)
    }

    pub(crate) async fn get(&self, id: &AttemptId) -> Result<Attempt> {
        self.settle_left_behind().await?;
        self.state.read(|attempts| attempts.get(id).cloned()).await?
    }

    /// Records a new attempt, and forgets those that are kept no longer.
    pub(crate) async fn begin(&self, attempt: &Attempt) -> Result<Attempt> {
        let now = self.core.clock.now_us();
        let begun = |attempts: &Attempts| {
            if attempts.by_id.contains_key(&attempt.id.0) {
                let (what, name) = ("merge", attempt.id.to_string());
                return Err(Error::AlreadyExists { what, name });
            }
            let (mut changes, worn_out) = (Changes::new(), attempts.worn_out(now));
            changes.extend(worn_out.iter().map(|id| (id.to_string(), None)));
            let begun = Attempt {
                created_us: now,
                updated_us: now,
                lease_us: now + LEASE_US,
                run: 1,
                ..attempt.clone()
            };
            put(&mut changes, &begun);
            Ok((changes, (begun, worn_out)))
        };
        let (begun, worn_out) = self.state.change(begun).await?;
        for id in worn_out {
            self.remove_conflicts(&id, None).await;
        }
        Ok(begun)
    }

    /// Removes the conflicts of an attempt, but those of the round `kept`. Nobody looks at them any more, so what hinders
    /// that hinders nothing else.
    async fn remove_conflicts(&self, id: &AttemptId, kept: Option<u64>) {
        if let Err(error) = conflicts::remove(&*self.core.refs, self.core.id, id, kept).await {
            tracing::warn!(merge = %id, %error, "could not remove old conflicts of a merge");
        }
    }

    /// Begins another run of an attempt that waits or failed.
    pub(crate) async fn resume(&self, id: &AttemptId) -> Result<Attempt> {
        self.settle_left_behind().await?;
        let now = self.core.clock.now_us();
        self.change(id, |attempt| {
            if !attempt.state.is_resumable() {
                return Err(not_open(attempt));
            }
            attempt.state = AttemptState::Judging;
            attempt.run += 1;
            attempt.lease_us = now + LEASE_US;
            Ok(())
        })
        .await
    }

    /// Changes an attempt in its run; of no effect but an error if that is not the last one, or ended.
    pub(crate) async fn progress(&self, run: &Attempt, change: impl Fn(&mut Attempt)) -> Result<Attempt> {
        let now = self.core.clock.now_us();
        self.change(&run.id, |attempt| {
            if !attempt.state.is_on_its_way() || attempt.run != run.run {
                return Err(not_open(attempt));
            }
            attempt.lease_us = now + LEASE_US;
            change(attempt);
            Ok(())
        })
        .await
    }

    /// Ends the run of an attempt with conflicts.
    pub(crate) async fn contested(&self, run: &Attempt, found: &[ConflictRecord]) -> Result<()> {
        let (refs, id) = (&*self.core.refs, self.core.id);
        conflicts::write(refs, id, (&run.id, run.run), found).await?;
        self.progress(run, |attempt| {
            attempt.state = AttemptState::Conflicts;
            attempt.conflicts = found.len() as u64;
            attempt.round = run.run;
            attempt.candidate = None;
        })
        .await?;
        self.remove_conflicts(&run.id, Some(run.run)).await;
        Ok(())
    }

    /// Gives an attempt up; a run of it lands nothing any more.
    pub(crate) async fn abandon(&self, id: &AttemptId) -> Result<Attempt> {
        let abandoned = self.change(id, |attempt| {
            // the head moves just now, or has
            if matches!(attempt.state, AttemptState::Landing | AttemptState::Landed) {
                return Err(not_open(attempt));
            }
            attempt.state = AttemptState::Abandoned;
            attempt.conflicts = 0;
            Ok(())
        });
        let abandoned = abandoned.await?;
        self.remove_conflicts(id, None).await;
        Ok(abandoned)
    }

    /// Notes decisions about conflicts of an attempt; `None` takes one back.
    pub(crate) async fn decide(
        &self,
        id: &AttemptId,
        choices: &BTreeMap<String, Option<bytes::Bytes>>,
    ) -> Result<Attempt> {
        let mut about = BTreeMap::new();
        for conflict in self.conflicts(&self.get(id).await?).await? {
            if choices.contains_key(&conflict.id) {
                about.insert(conflict.id.clone(), conflict.about);
            }
        }
        self.change(id, |attempt| {
            if !attempt.state.is_resumable() {
                return Err(not_open(attempt));
            }
            for (key, choice) in choices {
                let about = *about.get(key).ok_or_else(|| Error::NotFound {
                    what: "conflict",
                    name: key.clone(),
                })?;
                match choice.clone() {
                    Some(choice) => drop(attempt.decisions.insert(key.clone(), Decision { choice, about })),
                    None => drop(attempt.decisions.remove(key)),
                }
            }
            Ok(())
        })
        .await
    }

    /// Returns up to `limit` conflicts behind the number `after`, with their numbers.
    pub(crate) async fn page(
        &self,
        attempt: &Attempt,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, ConflictRecord)>> {
        if attempt.conflicts == 0 {
            return Ok(Vec::new());
        }
        conflicts::read(&*self.core.refs, self.core.id, attempt, (after, limit)).await
    }

    pub(crate) async fn conflicts(&self, attempt: &Attempt) -> Result<Vec<ConflictRecord>> {
        if attempt.conflicts == 0 {
            return Ok(Vec::new());
        }
        conflicts::read_all(&*self.core.refs, self.core.id, attempt).await
    }

    /// Settles attempts whose server is not heard of any more: what they came to is read off the branch.
    pub(crate) async fn settle_left_behind(&self) -> Result<()> {
        let now = self.core.clock.now_us();
        self.settle(|attempt| attempt.is_left_behind(now)).await
    }

    /// As [`Keeper::settle_left_behind`], when no other server can be at work.
    pub(crate) async fn settle_all(&self) -> Result<()> {
        self.settle(|attempt| attempt.state.is_on_its_way()).await
    }

    async fn settle(&self, is_left: impl Fn(&Attempt) -> bool) -> Result<()> {
        let left = |attempts: &Attempts| {
            let left = attempts.by_id.values().filter(|attempt| is_left(attempt));
            left.cloned().collect::<Vec<_>>()
        };
        for attempt in self.state.read(left).await? {
            let why = "the server that worked on it went away";
            let settled = self.find_out(&attempt, why).await;
            tracing::warn!(merge = %attempt.id, landed = ?settled, "a merge was left behind");
            match settled {
                // somebody else was faster
                Ok(_) | Err(Error::MergeState { .. } | Error::NotFound { .. }) => {}
                // it stays as it is, and hinders no other
                Err(error) => {
                    tracing::error!(merge = %attempt.id, %error, "what became of a merge cannot be found out");
                }
            }
        }
        Ok(())
    }

    /// Ends the run of an attempt that may have landed, and returns the commit if it has; else it failed for the
    /// reason `why`.
    pub(crate) async fn find_out(&self, run: &Attempt, why: &str) -> Result<Option<CommitId>> {
        let landed = match run.candidate {
            Some(candidate) if self.is_on(&run.into, candidate).await? => Some(candidate),
            _ => None,
        };
        self.progress(run, |attempt| {
            if landed.is_some() {
                attempt.state = AttemptState::Landed;
            } else {
                attempt.state = AttemptState::Failed;
                attempt.failure = Some(why.to_owned());
            }
        })
        .await?;
        Ok(landed)
    }

    /// Returns whether a commit is in the history of a branch.
    async fn is_on(&self, branch: &RefName, commit: CommitId) -> Result<bool> {
        match self.core.refs.branch(self.core.id, branch).await? {
            Some(record) => self.core.has(record.head, commit).await,
            None => Ok(false),
        }
    }

    async fn change(&self, id: &AttemptId, change: impl Fn(&mut Attempt) -> Result<()>) -> Result<Attempt> {
        let now = self.core.clock.now_us();
        let planned = |attempts: &Attempts| {
            let mut attempt = attempts.get(id)?.clone();
            change(&mut attempt)?;
            attempt.updated_us = now;
            let mut changes = Changes::new();
            put(&mut changes, &attempt);
            Ok((changes, attempt))
        };
        self.state.change(planned).await
    }
}
