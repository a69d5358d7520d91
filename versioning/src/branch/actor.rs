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
use crate::refs::{BranchRecord, Cas, CommitMode, LogRecord, Protection};
use crate::{Batch, Error, RefName, Result, oplog};

/// How many jobs one transaction may hold.
const GROUP_MAX: usize = 512;
/// How often a group is planned anew because another process was faster.
const ATTEMPTS_MAX: u32 = 64;

/// The task of a branch. It alone changes the branch's record.
pub(crate) struct Actor {
    pub(super) core: Arc<Core>,
    pub(super) name: RefName,
    /// The batches behind `folded_seq`, from which the overlay is made anew after a fold.
    pub(super) pending: VecDeque<Pending>,
    pub(super) publish: watch::Sender<Arc<State>>,
    pub(super) handle: Weak<Branch>,
    pub(super) background: Background,
    pub(super) gone: bool,
}

impl Actor {
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        if self.state().has_staged() {
            self.note_write();
        }
        while !self.gone {
            let due = self.due();
            tokio::select! {
                command = queue.recv() => match command {
                    Some(command) => self.handle(command, &mut queue).await,
                    None => return,
                },
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.start_background(),
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
        while let Some(command) = queue.recv().await {
            if let Command::Run(work) = command {
                work(self).await;
            }
        }
    }

    /// Plans a group of jobs, appends what they change in one transaction, and answers them.
    async fn write(&mut self, mut group: Vec<Box<dyn Job>>) {
        let outcome = self.plan_and_append(&mut group).await;
        for job in group {
            job.settle(outcome.clone());
        }
        if outcome.is_ok() {
            self.note_write();
            self.fold_if_large();
        }
    }

    async fn plan_and_append(&mut self, group: &mut [Box<dyn Job>]) -> Result<()> {
        self.check_writable()?;
        for _ in 0..ATTEMPTS_MAX {
            let epoch = self.core.epoch().await?;
            let mut view = self.core.view_of(&self.state(), epoch);
            let mut batches = Vec::new();
            for job in &mut *group {
                if let Some(batch) = job.plan(view.clone()).await
                    && !batch.is_empty()
                {
                    view = view.with(&batch);
                    batches.push(batch);
                }
            }
            if batches.is_empty() || self.append(batches, epoch).await? {
                return Ok(());
            }
        }
        Err(Error::Storage {
            operation: "a write",
            message: "other processes keep writing to the branch".into(),
        })
    }

    fn check_writable(&self) -> Result<()> {
        match self.state().record.protection {
            None => Ok(()),
            Some(_) => Err(Error::Protected {
                branch: self.name.clone(),
                rule: "direct writes are refused; write to another branch and merge it".into(),
            }),
        }
    }

    /// Appends batches to the log; `false` means that another process was faster and the state is read anew.
    async fn append(&mut self, batches: Vec<Batch>, epoch: u32) -> Result<bool> {
        let state = self.state();
        let seq = state.record.seq + batches.len() as u64;
        let record = LogRecord {
            seq,
            ops: batches.len() as u32,
            time_us: self.core.clock.now_us(),
            epoch,
            payload: oplog::encode(batches.iter())?,
        };
        let cas = self
            .core
            .refs
            .append(self.core.id, &self.name, &state.expected(epoch), &record)
            .await;
        match cas {
            Ok(Cas::Done) => {
                let mut next = State::clone(&state);
                next.record.seq = seq;
                for batch in &batches {
                    next.overlay.apply(batch, epoch);
                }
                self.pending.push_back(Pending { seq, epoch, batches });
                self.publish.send_replace(Arc::new(next));
                Ok(true)
            }
            Ok(Cas::Lost(_)) => self.reload().await.map(|()| false),
            Err(error) => {
                // whether it landed is unknown: only the store can tell
                self.reload().await?;
                Err(error)
            }
        }
    }

    pub(super) async fn reload(&mut self) -> Result<()> {
        let loaded = Loaded::read(&self.core, &self.name).await?;
        self.pending = loaded.pending;
        self.publish.send_replace(Arc::new(loaded.state));
        Ok(())
    }

    pub(crate) fn state(&self) -> Arc<State> {
        self.publish.borrow().clone()
    }

    /// Replaces the rules of the branch by what `change` makes of those that it has.
    pub(crate) async fn change_rules(
        &mut self,
        change: impl FnOnce(&BranchRecord) -> (CommitMode, Option<Protection>) + Send,
    ) -> Result<()> {
        let mut next = State::clone(&self.state());
        let (mode, protection) = change(&next.record);
        self.core
            .refs
            .set_branch_rules(self.core.id, &self.name, mode, protection.as_ref())
            .await?;
        next.record.mode = mode;
        next.record.protection = protection;
        self.publish.send_replace(Arc::new(next));
        self.note_write();
        Ok(())
    }

    /// Ends the task, because the branch is about to be deleted, and returns what it was.
    pub(crate) fn end(&mut self) -> BranchRecord {
        self.gone = true;
        self.state().record.clone()
    }
}
