//! One merge on its way: a candidate is made, judged, and made again where the branch moved meanwhile.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::carry::Carried;
use super::judge::Judgement;
use super::{
    Gate, Journal, Landing, MergeOutcome, MergeReport, Policy, Resolver, Sides, Strictness, Warnings,
};
use crate::attempts::{ConflictRecord, Decision, meant};
use crate::branch::{Branch, Lane};
use crate::commit::CommitKind;
use crate::core::{Core, Words};
use crate::guard::Act;
use crate::overlay::Overlay;
use crate::refs::CommitMode;
use crate::repository::CommitMessage;
use crate::turns::Turn;
use crate::{CommitId, Error, RepositoryName, Result, Roots};

/// How often a candidate is merged anew because the branch changed while it was judged.
const TRIES_MAX: u32 = 8;
/// After how many of these the merge takes its turn: others do not move the head while it is judged.
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

impl Incoming {
    /// Returns what bringing it is called.
    pub(crate) fn act(&self) -> Act {
        match self.kind {
            CommitKind::Revert => Act::Revert,
            CommitKind::CherryPick => Act::CherryPick,
            CommitKind::Normal | CommitKind::Merge | CommitKind::Import | CommitKind::Auto => Act::Merge,
        }
    }
}

/// One merge on its way.
pub(crate) struct Merge<'a, R> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) repository: &'a RepositoryName,
    pub(crate) branch: &'a Branch,
    pub(crate) landing: &'a Landing,
    pub(crate) incoming: Incoming,
    pub(crate) resolver: &'a R,
    /// Makes the resolver that decides as was noted with the attempt.
    pub(crate) decided: Option<&'a Decided<'a, R>>,
    /// For what comes to the branch besides.
    pub(crate) plain: R,
    pub(crate) journal: Journal<'a>,
    pub(crate) gate: &'a dyn Gate,
    /// How much the branch asked to be left to people when the resolver was made.
    pub(crate) least: Option<Strictness>,
}

/// Makes a resolver that decides so.
pub(crate) type Decided<'a, R> = dyn Fn(&BTreeMap<String, Decision>) -> Result<R> + Sync + 'a;

/// A merged state on top of a certain head.
pub(super) struct Candidate {
    pub(super) head: CommitId,
    pub(super) id: CommitId,
    pub(super) roots: Roots,
}

/// A candidate to go on with, or how the merge ends.
type Step<C> = ControlFlow<MergeOutcome<C>, Candidate>;

/// A candidate that did not land, and the last judgement.
type Tried = (Candidate, Option<Judgement>);

/// What came of three versions.
struct Merged<C> {
    /// The conflicts, if there are any.
    result: Result<Box<Roots>, Vec<C>>,
    warnings: Warnings,
}

impl<'a, R: Resolver> Merge<'a, R> {
    /// Merges, has the result judged, and lands it.
    pub(crate) async fn run(self) -> Result<MergeReport<R::Conflict>> {
        let outcome = match self.landing.dry_run {
            true => {
                self.policy()?;
                Box::pin(self.rehearse()).await
            }
            false => {
                let outcome = self.journal.alive_while(Box::pin(self.candidates())).await;
                self.end(outcome).await
            }
        };
        Ok(self.report(outcome?))
    }

    /// Returns how it ended, with what is recorded of it.
    pub(crate) fn report(&self, outcome: MergeOutcome<R::Conflict>) -> MergeReport<R::Conflict> {
        let warnings = match &outcome {
            // nothing was merged
            MergeOutcome::UpToDate(_) => Warnings::default(),
            _ => self.journal.warnings(),
        };
        MergeReport {
            outcome,
            attempt: self.journal.run().map(|run| run.id),
            warnings,
        }
    }

    async fn candidates(&self) -> Result<MergeOutcome<R::Conflict>> {
        self.policy()?;
        self.check_rules()?;
        let candidate = match self.first_candidate().await? {
            ControlFlow::Continue(candidate) => candidate,
            ControlFlow::Break(outcome) => return Ok(outcome),
        };
        let tried = self.tries(0..WITHOUT_TURN_MAX, (candidate, None), None);
        let tried = match Box::pin(tried).await? {
            ControlFlow::Continue(tried) => tried,
            ControlFlow::Break(outcome) => return Ok(outcome),
        };
        let turn = Turn::take(self.core, self.branch).await;
        let tries = self.tries(WITHOUT_TURN_MAX..TRIES_MAX, tried, Some(&turn));
        let ended = turn.kept_while(Box::pin(tries)).await;
        turn.leave().await;
        match ended? {
            ControlFlow::Continue((candidate, _)) => Err(self.lost(candidate.head)),
            ControlFlow::Break(outcome) => Ok(outcome),
        }
    }

    /// Has a candidate judged and tries to land it, and makes another where the branch moved meanwhile; returns the
    /// last one if that was so each time.
    async fn tries(
        &self,
        nths: Range<u32>,
        (mut candidate, mut judgement): Tried,
        turn: Option<&Turn<'_>>,
    ) -> Result<ControlFlow<MergeOutcome<R::Conflict>, Tried>> {
        for _ in nths {
            self.branch.refresh(self.core).await?;
            self.check_rules()?;
            candidate = match self.on_present_head(candidate).await? {
                ControlFlow::Continue(candidate) => candidate,
                ControlFlow::Break(outcome) => return Ok(ControlFlow::Break(outcome)),
            };
            let judged = match self.judgement(judgement, &candidate).await? {
                ControlFlow::Continue(judged) => judged,
                ControlFlow::Break(refusals) => {
                    let candidate = candidate.id;
                    return Ok(ControlFlow::Break(MergeOutcome::Refused { candidate, refusals }));
                }
            };
            let _passed = self.branch.pass(self.core, turn).await;
            if let Some(id) = self.land(&candidate, &judged).await? {
                return Ok(ControlFlow::Break(MergeOutcome::Landed(id)));
            }
            self.note_judging().await?;
            judgement = Some(judged);
        }
        Ok(ControlFlow::Continue((candidate, judgement)))
    }

    /// Fails if the rules of the branch or the repository changed so that the merge is none that they allow.
    fn check_rules(&self) -> Result<()> {
        let state = self.branch.state();
        state.check_open(self.repository)?;
        match state.strictness() > self.least {
            true => Err(Error::Refused {
                operation: "a merge",
                reason: format!(
                    "the rules of branch {} became stricter meanwhile: begin it again",
                    self.branch.name
                ),
            }),
            false => Ok(()),
        }
    }

    /// Returns what is told of a merge that was too slow for the head that it began on.
    pub(super) fn lost(&self, expected: CommitId) -> Error {
        Error::HeadMoved {
            branch: self.branch.name.clone(),
            expected,
            found: self.branch.state().record.head,
        }
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
        let merged = self.as_decided(base, head).await?;
        let candidate = self.first(merged, (base, head)).await?;
        if let ControlFlow::Continue(candidate) = &candidate {
            self.check_staged(head, &candidate.roots).await?;
        }
        Ok(candidate)
    }

    /// Merges all that is brought with a head, by those decisions alone that are about what these very versions have:
    /// a decision that was made about something else is forgotten, and its conflict is back.
    ///
    /// Conflicts may follow from decisions, so these are applied as they are asked for.
    async fn as_decided(&self, base: CommitId, head: CommitId) -> Result<Merged<R::Conflict>> {
        let theirs = self.incoming.theirs;
        let (Some(decided), Some(run)) = (self.decided, self.journal.run()) else {
            return self.three_way(self.resolver, base, head, theirs).await;
        };
        let (mut counted, mut settled) = (BTreeMap::new(), Vec::new());
        let merged = loop {
            let resolver = decided(&counted)?;
            let merged = self.three_way(&resolver, base, head, theirs).await?;
            let Err(conflicts) = &merged.result else {
                break merged;
            };
            let records: Vec<_> = conflicts.iter().map(R::record).collect();
            let mut meant = meant(&run.decisions, &records);
            meant.retain(|id, _| !counted.contains_key(id));
            if meant.is_empty() {
                // what is open all the same was decided so that it cannot hold beside the others
                let is_open = |id: &str| records.iter().any(|record| record.id == id);
                counted.retain(|id: &String, _| !is_open(id));
                settled.retain(|record: &ConflictRecord| !is_open(&record.id));
                break merged;
            }
            settled.extend(
                records
                    .into_iter()
                    .filter(|record| meant.contains_key(&record.id)),
            );
            counted.extend(meant);
        };
        self.journal.keep_decided(settled);
        if counted != run.decisions {
            self.journal.decide(counted).await?;
        }
        Ok(merged)
    }

    /// Merges all that is brought with a head that came meanwhile.
    async fn anew(&self, (base, head): (CommitId, CommitId)) -> Result<Step<R::Conflict>> {
        let merged = self
            .three_way(&self.plain, base, head, self.incoming.theirs)
            .await?;
        self.first(merged, (base, head)).await
    }

    /// Makes a candidate of what was merged, or tells the conflicts.
    async fn first(
        &self,
        merged: Merged<R::Conflict>,
        (base, head): (CommitId, CommitId),
    ) -> Result<Step<R::Conflict>> {
        self.journal.warn(merged.warnings);
        match merged.result {
            Err(conflicts) => {
                self.check_news(head).await?;
                self.note(base, head, None).await?;
                Ok(ControlFlow::Break(MergeOutcome::Conflicts(conflicts)))
            }
            Ok(roots) => self.candidate(base, head, *roots).await,
        }
    }

    /// Stores a candidate, unless it would change nothing, and writes it down.
    async fn candidate(&self, base: CommitId, head: CommitId, roots: Roots) -> Result<Step<R::Conflict>> {
        if self.changes_nothing(head, &roots).await? {
            return Ok(ControlFlow::Break(MergeOutcome::UpToDate(head)));
        }
        self.check_news(head).await?;
        let candidate = self.store(head, roots, Vec::new()).await?;
        self.note(base, head, Some(candidate.id)).await?;
        Ok(ControlFlow::Continue(candidate))
    }

    /// Fails if what is staged on the destination stands in the way, which is told before any check runs.
    async fn check_staged(&self, head: CommitId, merged: &Roots) -> Result<()> {
        let state = self.branch.state();
        if state.record.head != head || state.record.mode != CommitMode::Staged {
            return Ok(());
        }
        match self.carry(&state, merged).await? {
            Carried::Nothing | Carried::Over(_) => Ok(()),
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
        if self.policy()? == Policy::Fail {
            return Err(self.lost(candidate.head));
        }
        if self.is_there(head).await? {
            return Ok(ControlFlow::Break(MergeOutcome::UpToDate(head)));
        }
        let merged = self
            .three_way(&self.plain, candidate.head, head, candidate.id)
            .await?;
        let base = self.base(head).await?;
        match merged.result {
            // told in terms of what is merged, of which the candidate is only a step
            Err(_) => self.anew((base, head)).await,
            Ok(roots) => {
                self.journal.warn_also(merged.warnings);
                self.candidate(base, head, *roots).await
            }
        }
    }

    /// Returns whether the destination has the commit already that is merged, by their best common ancestor.
    pub(super) fn brings_nothing(&self, base: CommitId) -> bool {
        self.incoming.base.is_none() && self.incoming.theirs == base
    }

    /// Returns whether a commit of these trees on `head` would say nothing: it remembers no other parent either.
    async fn changes_nothing(&self, head: CommitId, roots: &Roots) -> Result<bool> {
        Ok(self.incoming.second_parent.is_none() && *roots == self.core.commit(head).await?.roots)
    }

    /// Fails if a commit is picked that `head` has in its history. What came after it there is about the same data, and
    /// three versions do not tell: what was overwritten since looks like what never came.
    pub(super) async fn check_news(&self, head: CommitId) -> Result<()> {
        let commit = self.incoming.theirs;
        if self.incoming.kind != CommitKind::CherryPick || self.landing.again {
            return Ok(());
        }
        match self.core.has(head, commit).await? {
            true => Err(Error::NothingToPick {
                branch: self.branch.name.clone(),
                commit,
            }),
            false => Ok(()),
        }
    }

    /// Returns whether another merge brought the same commit to `head` meanwhile.
    async fn is_there(&self, head: CommitId) -> Result<bool> {
        match self.incoming.second_parent {
            Some(theirs) => self.core.has(head, theirs).await,
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
        let state = self.branch.state();
        if state.record.mode != CommitMode::Staged && state.has_staged() {
            let _passed = self.branch.pass(self.core, None).await;
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

    async fn three_way(
        &self,
        resolver: &R,
        base: CommitId,
        ours: CommitId,
        theirs: CommitId,
    ) -> Result<Merged<R::Conflict>> {
        let sides = Sides {
            base: self.core.view_at(base).await?,
            ours: self.core.view_at(ours).await?,
            theirs: self.core.view_at(theirs).await?,
        };
        let resolution = resolver.resolve(&sides).await?;
        let warnings = resolution.warnings;
        if !resolution.conflicts.is_empty() {
            let result = Err(resolution.conflicts);
            return Ok(Merged { result, warnings });
        }
        let epoch = self.core.epoch().await?;
        let mut patch = Overlay::default();
        patch.apply(&resolution.patch, epoch);
        let merged = self.core.fold(&sides.ours.roots(), &patch, epoch).await?;
        let result = Ok(Box::new(merged));
        Ok(Merged { result, warnings })
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
}
