//! One merge on its way: a candidate is made, judged, and made again where the branch moved meanwhile.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::carry::Carried;
use super::land::Judged;
use super::{Gate, Landing, MergeOutcome, Proposal, Resolution, Resolver, Sides, Verdict};
use crate::branch::{Branch, Lane};
use crate::commit::CommitKind;
use crate::core::{Core, Words};
use crate::overlay::Overlay;
use crate::refs::CommitMode;
use crate::repository::CommitMessage;
use crate::{CommitId, Error, RepositoryName, Result, Roots};

/// How often a candidate is merged anew because the branch changed while it was judged.
const ATTEMPTS_MAX: u32 = 8;
/// After how many of these the merge keeps others from landing, and the server from committing on its own, while
/// it is judged.
const WITHOUT_TURN_MAX: u32 = 2;

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
pub(super) struct Candidate {
    pub(super) head: CommitId,
    pub(super) id: CommitId,
    pub(super) roots: Roots,
}

/// A candidate to go on with, or how the merge ends.
type Step<C> = ControlFlow<MergeOutcome<C>, Candidate>;

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
        let mut candidate = match self.first_candidate().await? {
            ControlFlow::Continue(candidate) => candidate,
            ControlFlow::Break(outcome) => return Ok(outcome),
        };
        let mut turn = None;
        for attempt in 0..ATTEMPTS_MAX {
            if attempt == WITHOUT_TURN_MAX {
                turn = Some(self.branch.turn.lock().await);
            }
            candidate = match self.on_present_head(candidate).await? {
                ControlFlow::Continue(candidate) => candidate,
                ControlFlow::Break(outcome) => return Ok(outcome),
            };
            // before the gate reads them: rules that come later are noticed
            let rules = self.branch.state().record.rules_generation;
            let checks = match self.gate.judge(&self.proposal(&candidate)).await? {
                Verdict::Pass(checks) => checks,
                Verdict::Refuse(refusals) => {
                    let candidate = candidate.id;
                    return Ok(MergeOutcome::Refused { candidate, refusals });
                }
            };
            let _turn = match &turn {
                Some(_) => None,
                None => Some(self.branch.turn.lock().await),
            };
            let judged = Judged {
                candidate: &candidate,
                rules,
                checks: &checks,
            };
            if let Some(id) = self.land(judged).await? {
                return Ok(MergeOutcome::Landed(id));
            }
        }
        Err(Error::HeadMoved {
            branch: self.branch.name.clone(),
            expected: candidate.head,
            found: self.branch.state().record.head,
        })
    }

    /// Merges with the head of the destination as it is once what the server would commit there is committed.
    async fn first_candidate(&self) -> Result<Step<R::Conflict>> {
        let mut head = self.branch.state().record.head;
        let mut base = self.base(head).await?;
        if !self.brings_nothing(base) {
            // the head may move until the destination is prepared, and what is common with it
            let prepared = self.prepare_destination().await?;
            if prepared != head {
                (head, base) = (prepared, self.base(prepared).await?);
            }
        }
        if self.brings_nothing(base) {
            return Ok(ControlFlow::Break(MergeOutcome::UpToDate(head)));
        }
        let sides = self.sides(base, head, self.incoming.theirs).await?;
        let resolution = self.resolver.resolve(&sides).await?;
        let roots = match self.merged(&sides, resolution).await? {
            Merged::Conflicts(conflicts) => {
                return Ok(ControlFlow::Break(MergeOutcome::Conflicts(conflicts)));
            }
            Merged::Roots(roots) => *roots,
        };
        let unchanged = roots == self.core.commit(head).await?.roots;
        if unchanged && self.incoming.second_parent.is_none() {
            return Ok(ControlFlow::Break(MergeOutcome::UpToDate(head)));
        }
        self.check_staged(head, &roots).await?;
        self.store(head, roots, Vec::new())
            .await
            .map(ControlFlow::Continue)
    }

    /// Fails if what is staged on the destination stands in the way, which is told before any check runs.
    async fn check_staged(&self, head: CommitId, merged: &Roots) -> Result<()> {
        let state = self.branch.state();
        if state.record.head != head || state.record.mode != CommitMode::Staged {
            return Ok(());
        }
        match self.carry(&state, merged).await? {
            Carried::Over(_) => Ok(()),
            Carried::Contested => Err(self.dirty()),
        }
    }

    /// Returns the candidate on the present head: if that moved, the candidate is merged with it, which costs
    /// what it moved by.
    async fn on_present_head(&self, candidate: Candidate) -> Result<Step<R::Conflict>> {
        let head = self.branch.state().record.head;
        if head == candidate.head {
            return Ok(ControlFlow::Continue(candidate));
        }
        if self.is_there(head).await? {
            return Ok(ControlFlow::Break(MergeOutcome::UpToDate(head)));
        }
        let sides = self.sides(candidate.head, head, candidate.id).await?;
        let resolution = self.resolver.resolve_again(&sides).await?;
        match self.merged(&sides, resolution).await? {
            Merged::Conflicts(conflicts) => Ok(ControlFlow::Break(MergeOutcome::Conflicts(conflicts))),
            Merged::Roots(roots) => self
                .store(head, *roots, Vec::new())
                .await
                .map(ControlFlow::Continue),
        }
    }

    /// Returns whether the destination has the commit already that is merged, by their best common ancestor.
    pub(super) fn brings_nothing(&self, base: CommitId) -> bool {
        self.incoming.second_parent == Some(base)
    }

    /// Returns whether another merge brought the same commit to `head` meanwhile.
    async fn is_there(&self, head: CommitId) -> Result<bool> {
        match self.incoming.second_parent {
            Some(theirs) => Ok(self.core.merge_base(head, theirs).await? == Some(theirs)),
            None => Ok(false),
        }
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

    /// Commits what is staged where the branch's mode has the server commit, and returns the head.
    async fn prepare_destination(&self) -> Result<CommitId> {
        if self.branch.state().record.mode != CommitMode::Staged {
            let _heads = self.branch.heads.lock().await;
            self.commit_staged(&self.branch.lane).await?;
        }
        Ok(self.branch.state().record.head)
    }

    pub(super) async fn commit_staged(&self, lane: &Lane) -> Result<()> {
        if !self.branch.state().has_staged() {
            return Ok(());
        }
        let words = CommitMessage {
            author: self.landing.author.clone(),
            message: format!("before {}", self.incoming.message),
            ..CommitMessage::default()
        };
        let kind = CommitKind::Auto;
        match self.core.commit_held(self.branch, lane, kind, words).await {
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

    async fn sides(&self, base: CommitId, ours: CommitId, theirs: CommitId) -> Result<Sides> {
        Ok(Sides {
            base: self.core.view_at(base).await?,
            ours: self.core.view_at(ours).await?,
            theirs: self.core.view_at(theirs).await?,
        })
    }

    async fn merged(
        &self,
        sides: &Sides,
        resolution: Resolution<R::Conflict>,
    ) -> Result<Merged<R::Conflict>> {
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
    pub(super) async fn store(
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
}
