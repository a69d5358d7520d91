//! The actor of a branch: plans writes in order, groups them into one transaction, and moves the head.
//!
//! Each branch has one task. Writers queue jobs; the task plans all that wait, each on top of the one before,
//! appends them to the op log in one transaction, and answers. Work that moves the head prepares its trees
//! outside of the task and only takes effect inside of it, so writers never wait for an upload.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::core::Core;
use crate::overlay::Overlay;
use crate::refs::{BranchRecord, Cas, CommitMode, Expected, HeadMove, LogRecord, Protection};
use crate::store::BLOCK_BYTES_MAX;
use crate::tree::check_entry;
use crate::view::View;
use crate::{Batch, Error, Mutation, RefName, Result, Roots, oplog};

/// How many jobs may wait for a branch before writers are held back.
const QUEUE_MAX: usize = 1_024;
/// How many jobs one transaction may hold.
const GROUP_MAX: usize = 512;
/// How often a group is planned anew because another process was faster.
const ATTEMPTS_MAX: u32 = 64;
/// How long background work waits after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A request to change a branch: planned, perhaps several times, then settled once.
#[async_trait]
trait Job: Send {
    /// Returns what to change, or nothing when the answer is known without.
    async fn plan(&mut self, view: View) -> Option<Batch>;
    /// Answers: with what was planned, or with why the store could not do it.
    fn settle(self: Box<Self>, outcome: Result<()>);
}

struct PlannedJob<T, E, P> {
    plan: P,
    answer: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

#[async_trait]
impl<T, E, F, P> Job for PlannedJob<T, E, P>
where
    P: FnMut(View) -> F + Send,
    F: Future<Output = Result<(Batch, T), E>> + Send,
    T: Send,
    E: From<Error> + Send,
{
    async fn plan(&mut self, view: View) -> Option<Batch> {
        let planned = AssertUnwindSafe(async { (self.plan)(view).await })
            .catch_unwind()
            .await;
        let (answer, batch) = match planned {
            Ok(Ok((batch, answer))) => match check(&batch) {
                Ok(()) => (Ok(answer), Some(batch)),
                Err(error) => (Err(E::from(error)), None),
            },
            Ok(Err(error)) => (Err(error), None),
            Err(_) => (
                Err(E::from(Error::Internal("planning a change panicked".into()))),
                None,
            ),
        };
        self.answer = Some(answer);
        batch
    }

    fn settle(self: Box<Self>, outcome: Result<()>) {
        let answer = match (outcome, self.answer) {
            (Ok(()), Some(answer)) => answer,
            (Ok(()), None) => Err(E::from(Error::Internal(
                "a change was settled before it was planned".into(),
            ))),
            (Err(error), _) => Err(E::from(error)),
        };
        // whoever asked may have gone away
        drop(self.reply.send(answer));
    }
}

/// Fails if a change could not be stored, which has to be known before it is acknowledged.
fn check(batch: &Batch) -> Result<()> {
    if batch.blobs.iter().any(|blob| blob.len() as u64 > BLOCK_BYTES_MAX) {
        return Err(Error::TooLarge {
            what: "a record",
            limit: BLOCK_BYTES_MAX,
        });
    }
    batch.mutations.iter().try_for_each(|mutation| match mutation {
        Mutation::Put { key, value, .. } => check_entry(key, Some(value)),
        Mutation::Delete { key, .. } | Mutation::DeletePrefix { prefix: key, .. } => check_entry(key, None),
    })
}

type Work = Box<dyn for<'a> FnOnce(&'a mut Actor) -> BoxFuture<'a, ()> + Send>;

enum Command {
    Write(Box<dyn Job>),
    Run(Work),
    /// Keeps writers waiting while the other end of the lane that is sent back lives.
    Hold(oneshot::Sender<mpsc::Sender<Command>>),
}

/// A way to have work done in the task of a branch: the common one, between writes, or that of a hold.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    name: RefName,
    commands: mpsc::Sender<Command>,
}

impl Lane {
    /// Runs `work` in the branch's task.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl for<'a> FnOnce(&'a mut Actor) -> BoxFuture<'a, Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |actor| {
            async move {
                // whoever asked may have gone away
                drop(reply.send(work(actor).await));
            }
            .boxed()
        });
        self.commands
            .send(Command::Run(work))
            .await
            .map_err(|_| self.stopped())?;
        answer.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    /// Returns whether the task has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.commands.is_closed()
    }

    fn stopped(&self) -> Error {
        Error::NotFound {
            what: "branch",
            name: self.name.to_string(),
        }
    }
}

/// What a branch looks like after the last acknowledged operation.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) record: BranchRecord,
    pub(crate) head_roots: Roots,
    pub(crate) overlay: Overlay,
}

impl State {
    /// Returns the trees below the overlay.
    pub(crate) fn base(&self) -> Roots {
        self.record.staged.unwrap_or(self.head_roots)
    }

    /// Returns whether anything is not committed.
    pub(crate) fn has_staged(&self) -> bool {
        self.record.staged.is_some() || self.record.seq > self.record.folded_seq
    }

    /// Returns what a change expects that was prepared on this state, beginning in `epoch`.
    pub(crate) fn expected(&self, epoch: u32) -> Expected {
        Expected {
            epoch,
            incarnation: self.record.incarnation,
            base_generation: self.record.base_generation,
            head: self.record.head,
            folded_seq: self.record.folded_seq,
            seq: self.record.seq,
        }
    }
}

/// The state on which trees were prepared, and the epoch in which that began.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) state: Arc<State>,
    pub(crate) epoch: u32,
}

/// The handle of a branch's task.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) name: RefName,
    pub(crate) lane: Lane,
    state: watch::Receiver<Arc<State>>,
    /// Held by whoever prepares a move of the head or a fold; writers do not need it.
    pub(crate) heads: Mutex<()>,
}

impl Branch {
    /// Loads a branch and starts its task, which ends when the handle is dropped.
    pub(crate) async fn open(core: Arc<Core>, name: RefName) -> Result<Arc<Branch>> {
        let loaded = Loaded::read(&core, &name).await?;
        let (publish, state) = watch::channel(Arc::new(loaded.state));
        let (commands, queue) = mpsc::channel(QUEUE_MAX);
        let lane = Lane {
            name: name.clone(),
            commands,
        };
        let branch = Arc::new(Branch {
            name: name.clone(),
            lane,
            state,
            heads: Mutex::new(()),
        });
        let actor = Actor {
            core,
            name,
            pending: loaded.pending,
            publish,
            handle: Arc::downgrade(&branch),
            background: Background::default(),
            gone: false,
        };
        let tasks = actor.core.tasks.clone();
        tasks.spawn(actor.run(queue));
        Ok(branch)
    }

    /// Returns the present state.
    pub(crate) fn state(&self) -> Arc<State> {
        self.state.borrow().clone()
    }

    /// Plans a change and makes it durable; see [`crate::Repository::write`].
    pub(crate) async fn write<T, E, F, P>(&self, plan: P) -> Result<T, E>
    where
        P: FnMut(View) -> F + Send + 'static,
        F: Future<Output = Result<(Batch, T), E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(PlannedJob {
            plan,
            answer: None,
            reply,
        });
        self.lane
            .commands
            .send(Command::Write(job))
            .await
            .map_err(|_| E::from(self.lane.stopped()))?;
        answer.await.unwrap_or_else(|_| Err(E::from(self.lane.stopped())))
    }

    /// Keeps writers waiting until the lane is dropped. For work of milliseconds.
    pub(crate) async fn hold(&self) -> Result<Lane> {
        let (reply, granted) = oneshot::channel();
        let stopped = |_| self.lane.stopped();
        self.lane
            .commands
            .send(Command::Hold(reply))
            .await
            .map_err(|_| self.lane.stopped())?;
        let commands = granted.await.map_err(stopped)?;
        Ok(Lane {
            name: self.name.clone(),
            commands,
        })
    }
}

/// Batches of one transaction of the log.
struct Pending {
    seq: u64,
    epoch: u32,
    batches: Vec<Batch>,
}

/// A branch as read from the ref store.
struct Loaded {
    state: State,
    pending: VecDeque<Pending>,
}

impl Loaded {
    async fn read(core: &Core, name: &RefName) -> Result<Loaded> {
        let not_found = || Error::NotFound {
            what: "branch",
            name: name.to_string(),
        };
        let mut record = core.refs.branch(core.id, name).await?.ok_or_else(not_found)?;
        let head_roots = core.commit(record.head).await?.roots;
        let mut pending = VecDeque::new();
        for log in core
            .refs
            .log_after(core.id, record.incarnation, record.folded_seq)
            .await?
        {
            record.seq = record.seq.max(log.seq);
            let batches = oplog::decode(log.seq, &log.payload)?;
            pending.push_back(Pending {
                seq: log.seq,
                epoch: log.epoch,
                batches,
            });
        }
        let overlay = replay(&pending);
        Ok(Loaded {
            state: State {
                record,
                head_roots,
                overlay,
            },
            pending,
        })
    }
}

fn replay(pending: &VecDeque<Pending>) -> Overlay {
    let mut overlay = Overlay::default();
    for transaction in pending {
        for batch in &transaction.batches {
            overlay.apply(batch, transaction.epoch);
        }
    }
    overlay
}

/// When the task has to start work on its own.
#[derive(Debug, Default)]
struct Background {
    first_write: Option<Instant>,
    last_write: Option<Instant>,
    not_before: Option<Instant>,
}

/// The task of a branch. It alone changes the branch's record.
pub(crate) struct Actor {
    core: Arc<Core>,
    name: RefName,
    /// The batches behind `folded_seq`, from which the overlay is made anew after a fold.
    pending: VecDeque<Pending>,
    publish: watch::Sender<Arc<State>>,
    handle: Weak<Branch>,
    background: Background,
    gone: bool,
}

impl Actor {
    async fn run(mut self, mut queue: mpsc::Receiver<Command>) {
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

    async fn reload(&mut self) -> Result<()> {
        let loaded = Loaded::read(&self.core, &self.name).await?;
        self.pending = loaded.pending;
        self.publish.send_replace(Arc::new(loaded.state));
        Ok(())
    }

    pub(crate) fn state(&self) -> Arc<State> {
        self.publish.borrow().clone()
    }

    /// Records that the operations up to `to.folded_seq` are in its trees and moves the head. `from` is the
    /// state on which the move was prepared; operations that came since stay staged on the new head.
    pub(crate) async fn move_head(&mut self, from: &Prepared, to: HeadMove, head_roots: Roots) -> Result<()> {
        let mut expected = from.state.expected(from.epoch);
        if !to.rebased {
            expected.seq = self.state().record.seq;
        }
        match self
            .core
            .refs
            .move_head(self.core.id, &self.name, &expected, &to)
            .await?
        {
            Cas::Done => {}
            Cas::Lost(found) => {
                let found = found.map_or(expected.head, |record| record.head);
                self.reload().await?;
                return Err(Error::HeadMoved {
                    branch: self.name.clone(),
                    expected: expected.head,
                    found,
                });
            }
        }
        let mut next = State::clone(&self.state());
        next.record.head = to.head;
        next.record.staged = to.staged;
        next.record.generation += 1;
        next.record.base_generation += u64::from(to.rebased);
        next.head_roots = head_roots;
        self.folded(next, to.folded_seq);
        Ok(())
    }

    /// Records that the operations of the prepared state are in the trees `staged`.
    pub(crate) async fn fold(&mut self, from: &Prepared, staged: Roots) -> Result<()> {
        let expected = from.state.expected(from.epoch);
        let folded_seq = from.state.record.seq;
        match self
            .core
            .refs
            .fold(self.core.id, &self.name, &expected, &staged, folded_seq)
            .await?
        {
            Cas::Done => {
                let mut next = State::clone(&self.state());
                next.record.staged = Some(staged);
                self.folded(next, folded_seq);
                Ok(())
            }
            Cas::Lost(_) => self.reload().await,
        }
    }

    fn folded(&mut self, mut next: State, folded_seq: u64) {
        next.record.folded_seq = folded_seq;
        self.pending.retain(|transaction| transaction.seq > folded_seq);
        next.overlay = replay(&self.pending);
        if !next.has_staged() {
            self.background = Background::default();
        }
        self.publish.send_replace(Arc::new(next));
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

    /// Has the background commit, which failed, tried again after a while.
    pub(crate) fn retry_later(&mut self) {
        self.note_write();
        self.background.not_before = Some(Instant::now() + RETRY_AFTER);
    }

    fn note_write(&mut self) {
        let now = Instant::now();
        self.background.first_write.get_or_insert(now);
        self.background.last_write = Some(now);
    }

    /// Returns when the staged operations should become a commit in the background.
    fn due(&self) -> Option<Instant> {
        let state = self.state();
        if state.record.mode == CommitMode::Staged || !state.has_staged() {
            return None;
        }
        let limits = &self.core.limits;
        let (first, last) = (self.background.first_write?, self.background.last_write?);
        let idle = last + Duration::from_millis(limits.coalesce_idle_ms);
        let old = first + Duration::from_millis(limits.coalesce_age_ms);
        let many = state.record.seq - state.record.folded_seq >= limits.coalesce_ops;
        let due = if many { last } else { idle.min(old) };
        Some(
            self.background
                .not_before
                .map_or(due, |earliest| due.max(earliest)),
        )
    }

    fn start_background(&mut self) {
        // what comes now counts for the next time
        self.background = Background::default();
        if let Some(branch) = self.handle.upgrade() {
            let core = self.core.clone();
            self.core
                .tasks
                .spawn(async move { core.commit_in_background(&branch).await });
        }
    }

    fn fold_if_large(&mut self) {
        let state = self.state();
        let (entries, prefixes) = state.overlay.len();
        let limits = &self.core.limits;
        let behind = state.record.seq - state.record.folded_seq;
        let is_large = entries > limits.fold_ops || prefixes > limits.fold_prefixes;
        if (is_large || behind > limits.fold_ops as u64)
            && let Some(branch) = self.handle.upgrade()
        {
            let core = self.core.clone();
            self.core
                .tasks
                .spawn(async move { core.fold_in_background(&branch).await });
        }
    }
}
