//! Branches whose time is over.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Repositories, Repository};
use crate::attempts::Attempt;
use crate::branch::{Meanwhile, State};
use crate::guard::{Act, RefEvent};
use crate::refs::BranchRecord;
use crate::{CommitId, Error, Kind, RefExpr, RefName, RepositoryName, Result};

/// How long a branch stays that somebody refused to let go, before that is asked again.
const REFUSED_US: u64 = 3_600 * 1_000_000;

/// The incarnations of branches that somebody refused to let go, and until when that is not asked again.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<HashMap<[u8; 16], u64>>);

impl Kept {
    fn keep(&self, incarnation: [u8; 16], until_us: u64) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(incarnation, until_us);
    }

    /// Takes out those that are kept for now.
    fn sort_out(&self, over: &mut Vec<BranchRecord>, now_us: u64) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, until_us| *until_us > now_us);
        over.retain(|branch| !kept.contains_key(&branch.incarnation));
    }
}

/// A branch that was removed because its time was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    pub repository: RepositoryName,
    pub branch: RefName,
    /// Where it stood: a branch that is made there has all that was committed.
    pub head: CommitId,
}

impl Repositories {
    /// Removes the branches whose time is over, of all repositories that take writes; returns those removed. What
    /// hinders the removal of one is logged, and keeps no other.
    ///
    /// # Errors
    /// Those of listing repositories.
    pub async fn expire(&self) -> Result<Vec<Expired>> {
        let mut all = Vec::new();
        for record in self.list().await? {
            let expired = match self.get(&record.name).await {
                Ok(repository) => repository.expire().await,
                Err(error) => Err(error),
            };
            match expired {
                Ok(expired) => all.extend(expired),
                Err(error) => {
                    tracing::warn!(repository = %record.name, %error, "could not look for expired branches");
                }
            }
        }
        Ok(all)
    }
}

impl Repository {
    /// Removes the branches whose time is over, with all that is staged on them; returns those removed.
    ///
    /// The default branch stays, and so do protected ones, and those that a merge is about which is on its way or waits
    /// for a person. The removal is that of [`Repository::delete_branch`], and it happens only if nobody writes to the
    /// branch meanwhile.
    ///
    /// # Errors
    /// Those of listing branches and attempts.
    pub async fn expire(&self) -> Result<Vec<Expired>> {
        let rules = self.rules().await?;
        let now_us = self.clock().now_us();
        let mut over = self.branches().await?;
        over.retain(|branch| branch.name != self.record().default_branch);
        over.retain(|branch| is_over(branch, now_us) && rules.binding(branch).is_none());
        self.inner.kept.sort_out(&mut over, now_us);
        if over.is_empty() || rules.read_only {
            return Ok(Vec::new());
        }
        let open: Vec<Attempt> = self.attempts().await?;
        over.retain(|branch| !open.iter().any(|attempt| concerns(attempt, &branch.name, now_us)));
        let mut expired = Vec::new();
        for branch in over {
            match self.remove_expired(&branch, now_us).await {
                Ok(()) => expired.push(self.told(&branch)),
                Err(error) if error.kind() == Kind::NotFound => {}
                Err(error) => {
                    if error.kind() == Kind::Denied {
                        self.inner.kept.keep(branch.incarnation, now_us + REFUSED_US);
                    }
                    tracing::warn!(branch = %branch.name, %error, "could not remove an expired branch");
                }
            }
        }
        Ok(expired)
    }

    async fn remove_expired(&self, listed: &BranchRecord, now_us: u64) -> Result<()> {
        let branch = self.open_branch(&listed.name).await?;
        let event = RefEvent {
            author: Some("skep".into()),
            message: Some(reason(listed)),
            ..RefEvent::new(Act::DeleteBranch, listed.name.clone())
        };
        let incarnation = listed.incarnation;
        let still = move |state: &State| {
            let is_same = state.record.incarnation == incarnation;
            match is_same && is_over(&state.record, now_us) && state.protection().is_none() {
                true => Ok((reason(&state.record), Meanwhile::Untouched)),
                false => Err(Error::Refused {
                    operation: "removing an expired branch",
                    reason: "its time is not over any more".into(),
                }),
            }
        };
        self.remove_branch(&branch, event, still).await
    }

    fn told(&self, branch: &BranchRecord) -> Expired {
        let name = &self.record().name;
        tracing::info!(
            repository = %name,
            branch = %branch.name,
            head = %branch.head,
            "an expired branch was removed; skep branch create NAME --at HEAD makes it again"
        );
        Expired {
            repository: name.clone(),
            branch: branch.name.clone(),
            head: branch.head,
        }
    }
}

fn is_over(branch: &BranchRecord, now_us: u64) -> bool {
    branch.expiry.due_us(branch).is_some_and(|due| due <= now_us)
}

/// Returns what the log of ref mutations says of the removal.
fn reason(branch: &BranchRecord) -> String {
    let seconds = |us: Option<u64>| us.map(|us| us / 1_000_000);
    match (seconds(branch.expiry.ttl_us), seconds(branch.expiry.idle_us)) {
        (Some(ttl), None) => format!("delete branch: it expired, {ttl} s after it was made"),
        (None, Some(idle)) => format!("delete branch: it expired, {idle} s after the last write"),
        (ttl, idle) => format!(
            "delete branch: it expired, {} s after it was made or {} s after the last write",
            ttl.unwrap_or_default(),
            idle.unwrap_or_default()
        ),
    }
}

/// Returns whether a merge is about a branch that is on its way or waits for a person.
fn concerns(attempt: &Attempt, branch: &RefName, now_us: u64) -> bool {
    let is_source = || RefExpr::parse(&attempt.source).is_ok_and(|source| source.name == *branch);
    attempt.is_open(now_us) && (attempt.into == *branch || is_source())
}
