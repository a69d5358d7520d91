//! Judgements of candidates: asking the gate, and telling whether what it said still holds.

use std::ops::ControlFlow;

use super::run::Candidate;
use super::{Extent, Merge, Policy, Proposal, Refusal, Resolver, Verdict};
use crate::refs::BranchRecord;
use crate::{CommitId, Error, Result};

/// What the gate said of a candidate that it lets pass.
pub(super) struct Judgement {
    /// The head and the candidate that the checks read.
    head: CommitId,
    candidate: CommitId,
    /// The generation of the rules that were known when the judgement began.
    pub(super) rules: u64,
    /// The checks that passed.
    checks: Vec<String>,
    reads: Extent,
}

impl Judgement {
    /// Returns what a commit says of the checks that read the candidate.
    pub(super) fn attested(&self) -> Vec<(String, CommitId)> {
        let of = |check: &String| (check.clone(), self.candidate);
        self.checks.iter().map(of).collect()
    }

    /// Returns whether a branch is still what `candidate` was made for and what was judged.
    pub(super) fn holds_on(&self, branch: &BranchRecord, candidate: &Candidate) -> bool {
        branch.head == candidate.head && branch.rules_generation == self.rules
    }
}

impl<R: Resolver> Merge<'_, R> {
    /// Returns a judgement of a candidate, or why it is refused: the last one if that holds, else the gate's.
    pub(super) async fn judgement(
        &self,
        last: Option<Judgement>,
        candidate: &Candidate,
    ) -> Result<ControlFlow<Vec<Refusal>, Judgement>> {
        // before the gate reads them: rules that come later are noticed
        let rules = self.branch.state().record.rules_generation;
        if let Some(last) = last
            && last.rules == rules
            && self.holds_for(&last, candidate).await?
        {
            return Ok(ControlFlow::Continue(last));
        }
        Ok(match self.gate.judge(&self.proposal(candidate)).await? {
            Verdict::Refuse(refusals) => ControlFlow::Break(refusals),
            Verdict::Pass { checks, reads } => ControlFlow::Continue(Judgement {
                head: candidate.head,
                candidate: candidate.id,
                rules,
                checks,
                reads,
            }),
        })
    }

    /// Returns whether a judgement holds for a candidate that was merged with a later head: the head moved by
    /// nothing that was looked at.
    async fn holds_for(&self, last: &Judgement, candidate: &Candidate) -> Result<bool> {
        if last.candidate == candidate.id {
            return Ok(true);
        }
        if self.policy()? != Policy::Disjoint {
            return Ok(false);
        }
        let moved = self.touched(last.head, candidate.head).await?;
        Ok(!moved.meets(&last.reads) && !moved.meets(&self.touched(last.head, last.candidate).await?))
    }

    async fn touched(&self, before: CommitId, after: CommitId) -> Result<Extent> {
        let (before, after) = (self.core.view_at(before).await?, self.core.view_at(after).await?);
        self.resolver.touches(&before, &after).await
    }

    /// Returns the policy: that of the branch's rules, or a stricter one of the request.
    pub(super) fn policy(&self) -> Result<Policy> {
        let Some(rules) = self.branch.state().protection() else {
            return Ok(self.landing.policy.unwrap_or_default());
        };
        match self.landing.policy {
            Some(asked) if asked < rules.policy => Err(Error::Refused {
                operation: "a merge",
                reason: format!(
                    "branch {} asks for the policy {}, and {asked} is less strict",
                    self.branch.name, rules.policy
                ),
            }),
            asked => Ok(asked.unwrap_or(rules.policy)),
        }
    }

    fn proposal(&self, candidate: &Candidate) -> Proposal {
        Proposal {
            repository: self.repository.clone(),
            act: self.incoming.act(),
            branch: self.branch.name.clone(),
            head: candidate.head,
            candidate: candidate.id,
            source: self.incoming.source.clone(),
            author: self.landing.author.clone(),
            message: self.incoming.message.clone(),
        }
    }
}
