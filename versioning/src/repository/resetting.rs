//! Putting the head of a branch somewhere else.

use futures::FutureExt;

use super::Repository;
use crate::branch::{Branch, State};
use crate::commit::check_words;
use crate::guard::{Act, RefEvent};
use crate::merge::{Gate, MergeOutcome, Proposal, Verdict};
use crate::refs::HeadMove;
use crate::{CommitId, Error, RefName, Result};

/// In whose words a head is put somewhere else, and whether what is staged may be dropped.
#[derive(Debug, Clone, Default)]
pub struct Reset {
    pub author: String,
    /// `None` makes one of the names.
    pub message: Option<String>,
    /// Drop what is staged.
    pub force: bool,
}

impl Repository {
    /// Makes a commit the head of a branch, whatever the head was. That of a protected branch is judged as a merge
    /// is, and moves only if it is where it was when the judgement began.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Dirty`] if something is staged that may not be dropped;
    /// [`Error::HeadMoved`]; [`Error::RepositoryReadOnly`].
    pub async fn reset_to<C>(
        &self,
        into: &RefName,
        commit: CommitId,
        reset: &Reset,
        gate: &dyn Gate,
    ) -> Result<MergeOutcome<C>> {
        let said = reset.message.as_deref().unwrap_or_default();
        check_words(&reset.author, said, &Default::default())?;
        let branch = self.open_branch(into).await?;
        self.core().entry(commit).await?;
        let before = branch.state();
        before.check_open(&self.inner.record.name)?;
        if before.record.head == commit && !before.has_staged() {
            return Ok(MergeOutcome::UpToDate(commit));
        }
        check_staged(&branch, &before, reset)?;
        let message = reset.message.clone();
        let message = message.unwrap_or_else(|| format!("reset {into} to {}", commit.short()));
        let is_protected = before.protection().is_some();
        let event = RefEvent {
            head: Some(before.record.head),
            commit: Some(commit),
            source: Some(commit.to_string()),
            author: Some(reset.author.clone()),
            message: Some(message.clone()),
            has_gate: is_protected,
            ..RefEvent::new(Act::Reset, into.clone())
        };
        if is_protected {
            let proposal = Proposal {
                repository: self.inner.record.name.clone(),
                act: Act::Reset,
                branch: into.clone(),
                head: before.record.head,
                candidate: commit,
                source: commit.to_string(),
                author: reset.author.clone(),
                message: message.clone(),
            };
            if let Verdict::Refuse(refusals) = gate.judge(&proposal).await? {
                let candidate = commit;
                return Ok(MergeOutcome::Refused { candidate, refusals });
            }
        }
        let moved = self.move_to(&branch, &before, commit, (reset, message));
        self.guarded(event, moved, |()| Some(commit)).await?;
        Ok(MergeOutcome::Landed(commit))
    }

    async fn move_to(
        &self,
        branch: &Branch,
        judged: &State,
        commit: CommitId,
        (reset, reason): (&Reset, String),
    ) -> Result<()> {
        let core = self.core();
        let _heads = branch.heads.lock().await;
        let lane = branch.hold().await?;
        let from = core.prepare(branch).await?;
        let (known, rules) = (&from.state.record, judged.record.rules_generation);
        if known.head != judged.record.head || known.rules_generation != rules {
            return Err(Error::HeadMoved {
                branch: branch.name.clone(),
                expected: judged.record.head,
                found: known.head,
            });
        }
        check_staged(branch, &from.state, reset)?;
        let shown = core
            .fold(&from.state.base(), &from.state.overlay, from.epoch)
            .await?;
        let before = core.view_of(&from.state, from.epoch).settled(shown);
        let after = core.view_at(commit).await?;
        let to = HeadMove {
            head: commit,
            staged: None,
            folded_seq: known.seq,
            rebased: true,
            rules: Some(rules),
            index: Vec::new(),
            reason,
            time_us: core.clock.now_us(),
            events: core.events_of_move(&branch.name, &before, &after).await?,
        };
        let roots = after.roots();
        lane.run(move |actor| async move { actor.move_head(&from, to, roots).await }.boxed())
            .await
    }
}

fn check_staged(branch: &Branch, state: &State, reset: &Reset) -> Result<()> {
    match state.has_staged() && !reset.force {
        true => Err(Error::Dirty {
            branch: branch.name.clone(),
            operation: "a reset",
        }),
        false => Ok(()),
    }
}
