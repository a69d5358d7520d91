//! The task of a branch: it takes commands in order, and groups writes.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::Branch;
use super::background::Background;
use super::job::Job;
use super::lane::Command;
use super::state::{Loaded, Pending, State};
use crate::core::Core;
use crate::refs::{BranchRecord, BranchRules, Cas, LogRecord, Removal, WriteId};
use crate::repository::Limits;
use crate::{Batch, Error, RefName, Result, events, oplog};

/// How many jobs are taken from the queue at once.
const GROUP_MAX: usize = 512;
/// How often a group is planned anew because another process was faster.
const TRIES_MAX: u32 = 64;

/// The task of a branch. It alone changes the branch's record.
pub(crate) struct Actor {
    pub(super) core: Arc<Core>,
    pub(super) name: RefName,
    /// The batches behind `folded_seq`, from which the overlay is made anew after a fold.
    pub(super) pending: VecDeque<Pending>,
    pub(super) publish: watch::Sender<Arc<State>>,
    pub(super) handle: Weak<Branch>,
    pub(super) background: Background,
    /// Whether the branch may be otherwise than it is known here, because it could not be read.
    pub(super) is_stale: bool,
    pub(super) gone: bool,
}

impl Actor {
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        if self.state().has_staged() {
            self.note_write();
        }
        while !self.gone && !self.core.stop.is_cancelled() {
            let due = self.due();
            tokio::select! {
                command = queue.recv() => match command {
                    Some(command) => self.handle(command, &mut queue).await,
                    None => return,
                },
                () = self.core.stop.cancelled() => return,
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.wake().await,
            }
        }
    }

    async fn handle(&mut self, command: Command, queue: &mut mpsc::Receiver<Command>) {
        let mut next = Some(command);
        while let Some(command) = next.take() {
            match command {
                Command::Run(work) => work(self).await,
                Command::Hold(granted) => self.held(granted).await,
                Command::Write(job) => {
                    let mut group = vec![job];
                    while group.len() < GROUP_MAX {
                        match queue.try_recv() {
                            Ok(Command::Write(job)) => group.push(job),
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.write(group).await;
                }
            }
        }
    }

    /// Does only the work that comes through the lane of a hold, until that is dropped.
    async fn held(&mut self, granted: oneshot::Sender<mpsc::Sender<Command>>) {
        let (lane, mut queue) = mpsc::channel(1);
        if granted.send(lane).is_err() {
            return;
        }
        let stop = self.core.stop.clone();
        while let Some(Some(command)) = stop.run_until_cancelled(queue.recv()).await {
            if let Command::Run(work) = command {
                work(self).await;
            }
        }
    }

    /// Plans jobs, appends what they change in as few transactions as the limits allow, and answers them.
    async fn write(&mut self, mut waiting: Vec<Box<dyn Job>>) {
        while !waiting.is_empty() {
            let outcome = self.plan_and_append(&mut waiting).await;
            // a store that failed one group would most likely keep the others waiting for the same answer
            let answered = *outcome.as_ref().unwrap_or(&waiting.len());
            let outcome = outcome.map(drop);
            for job in waiting.drain(..answered) {
                job.settle(outcome.clone());
            }
            if outcome.is_ok() {
                self.note_write();
                self.fold_if_large();
            }
        }
    }

    /// Plans jobs up to the limits of a transaction and appends what they change; returns their number.
    async fn plan_and_append(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<usize> {
        self.refresh().await?;
        self.check_room()?;
        for _ in 0..TRIES_MAX {
            let direct = "direct writes are refused; write to another branch and merge it";
            self.state().check_direct(&self.core.name, direct)?;
            let epoch = self.core.epoch().await?;
            let group = self.plan(jobs, epoch).await;
            if group.batches.is_empty() || self.append(group.batches, epoch).await? {
                return Ok(group.jobs);
            }
        }
        Err(Error::Storage {
            operation: "a write",
            message: "other processes keep writing to the branch".into(),
        })
    }

    /// Plans jobs, each on top of the one before, until a transaction is full.
    async fn plan(&mut self, jobs: &mut [Box<dyn Job>], epoch: u32) -> Group {
        let limits = &self.core.limits;
        let mut view = self.core.view_of(&self.state(), epoch);
        let mut group = Group::default();
        for job in jobs {
            let batch = job.plan(view.clone(), limits.write_bytes_max).await;
            if let Some(batch) = batch.filter(|batch| !batch.is_empty()) {
                if !group.has_room(&batch, limits) {
                    // it is planned again, on what this group leaves
                    break;
                }
                view = view.with(&batch);
                group.push(batch);
            }
            group.jobs += 1;
        }
        group
    }

    /// Fails while so much waits to be folded that memory would run out before the disk has room again.
    fn check_room(&mut self) -> Result<()> {
        let (bytes, limit) = (self.state().overlay.bytes(), self.core.limits.unfolded_bytes_max);
        if bytes <= limit {
            return Ok(());
        }
        self.fold_if_large();
        Err(Error::Storage {
            operation: "a write",
            message: format!("{bytes} bytes wait to be folded into trees, {limit} is the limit"),
        })
    }

    /// Appends batches to the log; `false` means that another process was faster and the state is read anew.
    async fn append(&mut self, mut batches: Vec<Batch>, epoch: u32) -> Result<bool> {
        let state = self.state();
        let seq = state.record.seq + batches.len() as u64;
        let record = LogRecord {
            seq,
            ops: batches.len() as u32,
            time_us: self.core.clock.now_us(),
            epoch,
            payload: oplog::encode(batches.iter())?,
            events: events::take(&mut batches),
        };
        let write = self.fresh_write();
        let expected = state.expected(epoch, write);
        let cas = self
            .core
            .refs
            .append(self.core.id, &self.name, &expected, &record)
            .await;
        match cas {
            Ok(Cas::Done) => {
                let mut next = State::clone(&state);
                next.record.seq = seq;
                next.record.touched_us = record.time_us;
                next.record.remember(write);
                for batch in &batches {
                    next.overlay.apply(batch, epoch);
                }
                self.pending.push_back(Pending { seq, epoch, batches });
                self.core.events_told(state.record.incarnation, &record.events);
                self.publish.send_replace(Arc::new(next));
                Ok(true)
            }
            Ok(Cas::Lost(_)) => self.reload().await.map(|()| false),
            Err(error) => self.find_out(write, error).await.map(|()| true),
        }
    }

    /// Returns the id of a write to the branch that is about to be tried.
    pub(super) fn fresh_write(&self) -> WriteId {
        WriteId(self.core.ids.fresh())
    }

    /// Finds out what became of a write that failed with `error`: its answer may be all that was lost. The
    /// state is read anew.
    pub(super) async fn find_out(&mut self, write: WriteId, error: Error) -> Result<()> {
        match self.reload().await {
            Ok(()) if self.state().record.recent_writes.contains(&write) => Ok(()),
            Ok(()) | Err(_) => Err(error),
        }
    }

    /// Reads the branch anew if what is known of it may be out of date.
    pub(super) async fn refresh(&mut self) -> Result<()> {
        match self.is_stale {
            true => self.reload().await,
            false => Ok(()),
        }
    }

    pub(crate) async fn reload(&mut self) -> Result<()> {
        self.is_stale = true;
        match Loaded::read(&self.core, &self.name).await {
            Ok(loaded) => {
                self.is_stale = false;
                self.pending = loaded.pending;
                self.publish_state(loaded.state);
                Ok(())
            }
            Err(error) => {
                self.gone |= matches!(error, Error::NotFound { what: "branch", .. });
                self.retry_later();
                Err(error)
            }
        }
    }

    /// Makes a state the present one.
    pub(super) fn publish_state(&mut self, state: State) {
        if !state.has_staged() {
            self.background = Background::default();
        }
        self.publish.send_replace(Arc::new(state));
    }

    pub(crate) fn state(&self) -> Arc<State> {
        self.publish.borrow().clone()
    }

    /// Replaces the rules of the branch by what `change` makes of those that it has.
    pub(crate) async fn change_rules(
        &mut self,
        change: impl FnOnce(&BranchRecord) -> BranchRules + Send,
    ) -> Result<()> {
        self.refresh().await?;
        let mut next = State::clone(&self.state());
        let rules = change(&next.record);
        let changed = self
            .core
            .refs
            .set_branch_rules(self.core.id, &self.name, &rules)
            .await;
        // it may have taken effect all the same: before anything else is done, the branch is read
        if changed.is_err() {
            self.is_stale = true;
            self.retry_later();
        }
        changed?;
        next.record.mode = rules.mode;
        next.record.protection = rules.protection;
        next.record.expiry = rules.expiry;
        next.record.rules_generation += 1;
        self.publish.send_replace(Arc::new(next));
        self.note_write();
        Ok(())
    }

    /// Removes the branch with all that is staged on it, and ends the task once that is done. `allowed` says why, or
    /// why not, of the branch as it is, and whether it is to go only if nobody writes to it meanwhile.
    pub(crate) async fn delete(
        &mut self,
        allowed: impl Fn(&State) -> Result<(String, Meanwhile)> + Send,
    ) -> Result<()> {
        self.refresh().await?;
        for _ in 0..TRIES_MAX {
            let state = self.state();
            state.check_open(&self.core.name)?;
            let (reason, meanwhile) = allowed(&state)?;
            let known = &state.record;
            let untouched = (known.generation, known.seq);
            let removal = Removal {
                incarnation: known.incarnation,
                rules: known.rules_generation,
                untouched: (meanwhile == Meanwhile::Untouched).then_some(untouched),
                reason,
                time_us: self.core.clock.now_us(),
            };
            let core = &self.core;
            match core.refs.delete_branch(core.id, &self.name, &removal).await {
                Ok(Cas::Done | Cas::Lost(None)) => {
                    self.gone = true;
                    return Ok(());
                }
                Ok(Cas::Lost(Some(found))) if found.incarnation == known.incarnation => self.reload().await?,
                Ok(Cas::Lost(Some(found))) => {
                    self.reload().await?;
                    return Err(Error::HeadMoved {
                        branch: self.name.clone(),
                        expected: known.head,
                        found: found.head,
                    });
                }
                // it may be gone all the same: before anything else is done, the branch is read
                Err(error) => {
                    self.is_stale = true;
                    self.retry_later();
                    return Err(error);
                }
            }
        }
        Err(Error::Storage {
            operation: "deleting a branch",
            message: "other processes keep changing it".into(),
        })
    }
}

/// What may happen to a branch between the decision to remove it and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meanwhile {
    Anything,
    Untouched,
}

/// What goes into one transaction.
#[derive(Default)]
struct Group {
    /// How many jobs were planned, those without changes included.
    jobs: usize,
    batches: Vec<Batch>,
    bytes: usize,
    changes: usize,
}

impl Group {
    /// Returns whether another batch fits; the first always does.
    fn has_room(&self, batch: &Batch, limits: &Limits) -> bool {
        let bytes = self.bytes + oplog::size(batch);
        let changes = self.changes + batch.mutations.len();
        self.batches.is_empty() || (bytes <= limits.group_bytes_max && changes <= limits.group_changes_max)
    }

    fn push(&mut self, batch: Batch) {
        self.bytes += oplog::size(&batch);
        self.changes += batch.mutations.len();
        self.batches.push(batch);
    }
}
