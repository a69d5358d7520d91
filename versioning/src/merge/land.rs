//! How a candidate that passed its checks becomes the head.

use futures::FutureExt;

use super::carry::Carried;
use super::judge::Judgement;
use super::run::Candidate;
use super::{Merge, Resolver};
use crate::branch::{Lane, Prepared};
use crate::refs::{CommitMode, HeadMove};
use crate::{CommitId, Error, Result, Roots, View};

/// How often a landing is prepared while writers go on; where they were faster each time, they wait for the next.
const WITH_WRITERS_MAX: u32 = 3;
/// How often a landing is prepared before the candidate is judged again.
const TRIES_MAX: u32 = 8;

impl<R: Resolver> Merge<'_, R> {
    /// Moves the head to the candidate; `None` if the branch is not what it was judged for any more.
    ///
    /// Trees are prepared while writers go on, and the head moves only if none of them was faster: what they
    /// stage has to be carried over.
    pub(super) async fn land(&self, candidate: &Candidate, judged: &Judgement) -> Result<Option<CommitId>> {
        let _heads = self.branch.heads.lock().await;
        let Candidate { head, id, roots } = *candidate;
        let attested = judged.attested();
        let id = match attested.is_empty() {
            true => id,
            false => self.store(head, roots, attested).await?.id,
        };
        self.note_landing(id).await?;
        let (before, after) = (self.core.view_at(head).await?, self.core.view_at(id).await?);
        let told = async |before: &View, after: &View| {
            self.core.events_of_move(&self.branch.name, before, after).await
        };
        let mut plain = None;
        for nth in 0..TRIES_MAX {
            self.branch.refresh(self.core).await?;
            let lane = match nth < WITH_WRITERS_MAX {
                true => self.branch.lane.clone(),
                false => self.branch.hold().await?,
            };
            let from = self.core.prepare(self.branch).await?;
            if !judged.holds_on(&from.state.record, candidate) {
                return Ok(None);
            }
            let (staged, events) = match self.carry(&from.state, &roots).await? {
                Carried::Nothing => {
                    if plain.is_none() {
                        plain = Some(told(&before, &after).await?);
                    }
                    (None, plain.clone().unwrap_or_default())
                }
                // what is staged was told when it was staged
                Carried::Over(over) => {
                    let events = told(&before.settled(over.before), &after.settled(over.after)).await?;
                    ((over.after != roots).then_some(over.after), events)
                }
                Carried::Contested => {
                    self.commit_contested(&lane, from.state.record.mode).await?;
                    return Ok(None);
                }
            };
            let to = HeadMove {
                events,
                ..self.head_move(&from, id, staged, judged.rules)
            };
            match self.move_head(&lane, from, to, roots).await {
                Err(Error::HeadMoved { .. }) => {}
                moved => return moved.map(|()| Some(id)),
            }
        }
        Ok(None)
    }

    /// Has the merge begin again over what is staged, where the server commits on its own.
    async fn commit_contested(&self, lane: &Lane, mode: CommitMode) -> Result<()> {
        match mode {
            CommitMode::Staged => Err(self.dirty()),
            CommitMode::Coalesce | CommitMode::Sync => self.commit_staged(lane).await,
        }
    }

    fn head_move(&self, from: &Prepared, head: CommitId, staged: Option<Roots>, rules: u64) -> HeadMove {
        HeadMove {
            head,
            staged,
            folded_seq: from.state.record.seq,
            rebased: true,
            rules: Some(rules),
            index: Vec::new(),
            reason: self.incoming.message.clone(),
            time_us: self.core.clock.now_us(),
            events: Vec::new(),
        }
    }

    async fn move_head(&self, lane: &Lane, from: Prepared, to: HeadMove, roots: Roots) -> Result<()> {
        lane.run(move |actor| async move { actor.move_head(&from, to, roots).await }.boxed())
            .await
    }
}
