//! One merge on its way: prepared, judged, landed.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;

use super::{Gate, Landing, MergeOutcome, Proposal, Refusal, Resolver, Sides, Verdict};
use crate::branch::{Branch, Lane, Prepared};
use crate::commit::CommitKind;
use crate::core::{Core, Words};
use crate::overlay::Overlay;
use crate::refs::{CommitMode, HeadMove};
use crate::repository::CommitMessage;
use crate::{CommitId, Error, RepositoryName, Result, Roots};

/// How often a candidate is merged anew because the head moved while it was judged.
const ATTEMPTS_MAX: u32 = 8;

/// What is brought to a branch: the change from `base` to `theirs`.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) kind: CommitKind,
    /// `None` is the best common ancestor with the head, which is known once the destination is prepared.
    pub(crate) base: Option<CommitId>,
    pub(crate) theirs: CommitId,
    /// In a dry run, what is staged over `theirs` that the server would commit first.
    pub(crate) ahead: Option<Roots>,
    /// The second parent of the result, if it is to have one.
    pub(crate) second_parent: Option<CommitId>,
    /// What is brought, as the caller named it.
    pub(crate) source: String,
    pub(crate) message: String,
}

/// One merge on its way.
pub(crate) struct Merge<'a, R> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) repository: &'a RepositoryName,
    pub(crate) branch: &'a Branch,
    pub(crate) landing: &'a Landing,
    pub(crate) incoming: Incoming,
    pub(crate) resolver: &'a R,
    pub(crate) gate: &'a dyn Gate,
}

/// A merged state on top of a certain head.
struct Candidate {
    head: CommitId,
    id: CommitId,
    roots: Roots,
}

enum Merged<C> {
    Conflicts(Vec<C>),
    Roots(Box<Roots>),
}

impl<R: Resolver> Merge<'_, R> {
    /// Merges, has the result judged, and lands it.
    pub(crate) async fn run(self) -> Result<MergeOutcome<R::Conflict>> {
        if self.landing.dry_run {
            return self.rehearse().await;
        }
        let now = self.branch.state().record.head;
        if self.is_there(now).await? {
            return Ok(MergeOutcome::UpToDate(now));
        }
        // the head may move until the destination is prepared, and what is common with it
        let head = self.prepare_destination().await?;
        let theirs = self.incoming.theirs;
        let base = self.base(head).await?;
        if self.is_there(head).await? {
            return Ok(MergeOutcome::UpToDate(head));
        }
        let mut candidate = match self.three_way(base, head, theirs).await? {
            Merged::Conflicts(conflicts) => return Ok(MergeOutcome::Conflicts(conflicts)),
            Merged::Roots(roots) => {
                let unchanged = *roots == self.core.commit(head).await?.roots;
                if unchanged && self.incoming.second_parent.is_none() {
                    return Ok(MergeOutcome::UpToDate(head));
                }
                self.store(head, *roots, Vec::new()).await?
            }
        };
        for _ in 0..ATTEMPTS_MAX {
            let attested = match self.gate.judge(&self.proposal(&candidate)).await? {
                Verdict::Pass(checks) => checks,
                Verdict::Refuse(refusals) => {
                    return Ok(MergeOutcome::Refused {
                        candidate: candidate.id,
                        refusals,
                    });
                }
            };
            match self.land(&candidate, &attested).await? {
                Landed::Done(id) => return Ok(MergeOutcome::Landed(id)),
                Landed::UpToDate(head) => return Ok(MergeOutcome::UpToDate(head)),
                Landed::Conflicts(conflicts) => return Ok(MergeOutcome::Conflicts(conflicts)),
                Landed::Refused { candidate, refusals } => {
                    return Ok(MergeOutcome::Refused { candidate, refusals });
                }
                Landed::JudgeAgain(moved) => candidate = *moved,
            }
        }
        let found = self.branch.state().record.head;
        Err(Error::HeadMoved {
            branch: self.branch.name.clone(),
            expected: candidate.head,
            found,
        })
    }

    /// Returns the commit from which the change counts that is brought: the best common ancestor with `head`,
    /// unless it was named.
    pub(super) async fn base(&self, head: CommitId) -> Result<CommitId> {
        if let Some(base) = self.incoming.base {
            return Ok(base);
        }
        let base = self.core.merge_base(head, self.incoming.theirs).await?;
        base.ok_or_else(|| Error::Refused {
            operation: "a merge",
            reason: "the two histories have no common commit".into(),
        })
    }

    /// Makes sure that the destination has no uncommitted operations and returns its head.
    async fn prepare_destination(&self) -> Result<CommitId> {
        let _heads = self.branch.heads.lock().await;
        self.commit_staged(&self.branch.lane).await?;
        Ok(self.branch.state().record.head)
    }

    /// Commits what is staged where the branch's mode has the server commit; refuses elsewhere.
    async fn commit_staged(&self, lane: &Lane) -> Result<()> {
        let state = self.branch.state();
        if !state.has_staged() {
            return Ok(());
        }
        if state.record.mode == CommitMode::Staged {
            return match self.core.would_commit(&state).await? == state.head_roots {
                true => Ok(()),
                false => Err(self.dirty()),
            };
        }
        let words = CommitMessage {
            author: self.landing.author.clone(),
            message: format!("before {}", self.incoming.message),
            ..CommitMessage::default()
        };
        match self
            .core
            .commit_held(self.branch, lane, CommitKind::Auto, words)
            .await
        {
            Ok(_) | Err(Error::NothingToCommit { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn dirty(&self) -> Error {
        Error::Dirty {
            branch: self.branch.name.clone(),
            operation: "a merge",
        }
    }

    async fn three_way(
        &self,
        base: CommitId,
        ours: CommitId,
        theirs: CommitId,
    ) -> Result<Merged<R::Conflict>> {
        let sides = Sides {
            base: self.core.view_at(base).await?,
            ours: self.core.view_at(ours).await?,
            theirs: self.core.view_at(theirs).await?,
        };
        let resolution = self.resolver.resolve(&sides).await?;
        if !resolution.conflicts.is_empty() {
            return Ok(Merged::Conflicts(resolution.conflicts));
        }
        let epoch = self.core.epoch().await?;
        let mut patch = Overlay::default();
        patch.apply(&resolution.patch, epoch);
        let merged = self.core.fold(&sides.ours.roots(), &patch, epoch).await?;
        Ok(Merged::Roots(Box::new(merged)))
    }

    /// Stores a commit of the merged state on `head` and makes it addressable.
    async fn store(
        &self,
        head: CommitId,
        roots: Roots,
        attested: Vec<(String, CommitId)>,
    ) -> Result<Candidate> {
        let mut words = Words::new(self.incoming.kind, &self.landing.author, &self.incoming.message);
        words.metadata = self.landing.metadata.clone();
        words.attested = attested;
        let mut parents = vec![head];
        parents.extend(self.incoming.second_parent);
        let epoch = self.core.epoch().await?;
        let entry = self.core.store_commit(&parents, roots, words, epoch).await?;
        self.core
            .refs
            .index_commits(self.core.id, std::slice::from_ref(&entry))
            .await?;
        Ok(Candidate {
            head,
            id: entry.id,
            roots,
        })
    }

    fn proposal(&self, candidate: &Candidate) -> Proposal {
        Proposal {
            repository: self.repository.clone(),
            branch: self.branch.name.clone(),
            head: candidate.head,
            candidate: candidate.id,
            source: self.incoming.source.clone(),
            author: self.landing.author.clone(),
            message: self.incoming.message.clone(),
        }
    }

    /// Lands the candidate; tries again where another process moved the branch in between.
    async fn land(&self, judged: &Candidate, checks: &[String]) -> Result<Landed<R::Conflict>> {
        // while nobody waits: most likely the head is still where it was
        let events = self.events(judged.head, judged.id).await?;
        for _ in 1..ATTEMPTS_MAX {
            let landed = self.try_to_land(judged, checks, &events).await;
            if !matches!(landed, Err(Error::HeadMoved { .. })) {
                return landed;
            }
        }
        self.try_to_land(judged, checks, &events).await
    }

    /// Returns what is to be told when the head moves from `head` to a candidate.
    async fn events(&self, head: CommitId, candidate: CommitId) -> Result<Vec<Bytes>> {
        let (before, after) = (
            self.core.view_at(head).await?,
            self.core.view_at(candidate).await?,
        );
        self.core.events_of_move(&self.branch.name, &before, &after).await
    }

    /// Moves the head to the candidate, or to what it becomes on the head that is there by now.
    async fn try_to_land(
        &self,
        judged: &Candidate,
        checks: &[String],
        events: &[Bytes],
    ) -> Result<Landed<R::Conflict>> {
        let _heads = self.branch.heads.lock().await;
        let lane = self.branch.hold().await?;
        self.commit_staged(&lane).await?;
        let from = self.core.prepare(self.branch).await?;
        let head = from.state.record.head;
        if head == judged.head {
            let roots = judged.roots;
            let id = match checks {
                [] => judged.id,
                _ => self.store(head, roots, attest(checks, judged.id)).await?.id,
            };
            self.move_head(&lane, from, (id, roots), events.to_vec()).await?;
            return Ok(Landed::Done(id));
        }
        self.land_elsewhere(&lane, from, judged, checks).await
    }

    /// Lands on a head that is not the one that was judged: the candidate is merged with it, and that is judged.
    async fn land_elsewhere(
        &self,
        lane: &Lane,
        from: Prepared,
        judged: &Candidate,
        checks: &[String],
    ) -> Result<Landed<R::Conflict>> {
        let head = from.state.record.head;
        if self.is_there(head).await? {
            return Ok(Landed::UpToDate(head));
        }
        let moved = match self.three_way(judged.head, head, judged.id).await? {
            Merged::Conflicts(conflicts) => return Ok(Landed::Conflicts(conflicts)),
            Merged::Roots(roots) => self.store(head, *roots, Vec::new()).await?,
        };
        if !checks.is_empty() {
            return Ok(Landed::JudgeAgain(Box::new(moved)));
        }
        // there was nothing to run: most likely there still is not, and the gate answers at once
        let (id, roots) = match self.gate.judge(&self.proposal(&moved)).await? {
            Verdict::Pass(found) if found.is_empty() => (moved.id, moved.roots),
            Verdict::Pass(found) => {
                let attested = attest(&found, moved.id);
                (self.store(head, moved.roots, attested).await?.id, moved.roots)
            }
            Verdict::Refuse(refusals) => {
                return Ok(Landed::Refused {
                    candidate: moved.id,
                    refusals,
                });
            }
        };
        let events = self.events(head, id).await?;
        self.move_head(lane, from, (id, roots), events).await?;
        Ok(Landed::Done(id))
    }

    /// Returns whether another merge brought the same commit to `head` meanwhile.
    pub(super) async fn is_there(&self, head: CommitId) -> Result<bool> {
        match self.incoming.second_parent {
            Some(theirs) => Ok(self.core.merge_base(head, theirs).await? == Some(theirs)),
            None => Ok(false),
        }
    }

    async fn move_head(
        &self,
        lane: &Lane,
        from: Prepared,
        (head, roots): (CommitId, Roots),
        events: Vec<Bytes>,
    ) -> Result<()> {
        let to = HeadMove {
            head,
            staged: self.core.carry_staged(&from.state, &roots).await?,
            folded_seq: from.state.record.seq,
            rebased: true,
            index: Vec::new(),
            reason: self.incoming.message.clone(),
            time_us: self.core.clock.now_us(),
            events,
        };
        lane.run(move |actor| async move { actor.move_head(&from, to, roots).await }.boxed())
            .await
    }
}

/// Returns what a commit says of the checks that read `candidate`.
fn attest(checks: &[String], candidate: CommitId) -> Vec<(String, CommitId)> {
    checks.iter().map(|check| (check.clone(), candidate)).collect()
}

enum Landed<C> {
    Done(CommitId),
    UpToDate(CommitId),
    Refused {
        candidate: CommitId,
        refusals: Vec<Refusal>,
    },
    Conflicts(Vec<C>),
    /// The head moved, and so the merged state: checks have to see the new one.
    JudgeAgain(Box<Candidate>),
}
