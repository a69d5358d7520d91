//! The actor of a branch: plans writes in order, groups them into one transaction, and moves the head.
//!
//! Each branch has one task. Writers queue jobs; the task plans all that wait, each on top of the one before,
//! appends them to the op log in one transaction, and answers. Work that moves the head prepares its trees
//! outside of the task and only takes effect inside of it, so writers never wait for an upload.

mod actor;
mod background;
mod job;
mod lane;
mod moves;
mod state;

use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

pub(crate) use self::actor::{Actor, Meanwhile};
use self::background::Background;
use self::job::PlannedJob;
pub(crate) use self::lane::Lane;
use self::lane::{Command, Gone};
use self::state::Loaded;
pub(crate) use self::state::{Prepared, State};
use crate::core::Core;
use crate::view::View;
use crate::{Batch, Error, RefName, Result};

/// How many jobs may wait for a branch before writers are held back.
const QUEUE_MAX: usize = 1_024;

/// The handle of a branch's task.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) name: RefName,
    pub(crate) lane: Lane,
    state: watch::Receiver<Arc<State>>,
    /// Held by whoever prepares a move of the head or a fold; writers do not need it.
    pub(crate) heads: Mutex<()>,
    /// Where one server has the store for itself, taken before `heads` by a merge that lands; one that lost its
    /// candidate too often holds it while it is judged anew ([`crate::turns`]).
    pub(crate) turn: Mutex<()>,
}

impl Branch {
    /// Loads a branch and starts its task, which ends when the handle is dropped.
    pub(crate) async fn open(core: Arc<Core>, name: RefName) -> Result<Arc<Branch>> {
        let loaded = Loaded::read(&core, &name).await?;
        let (publish, state) = watch::channel(Arc::new(loaded.state));
        let (commands, queue) = mpsc::channel(QUEUE_MAX);
        let gone = Gone::default();
        let lane = Lane {
            name: name.clone(),
            commands,
            gone: gone.clone(),
        };
        let branch = Arc::new(Branch {
            name: name.clone(),
            lane,
            state,
            heads: Mutex::new(()),
            turn: Mutex::new(()),
        });
        let actor = Actor {
            core,
            name,
            pending: loaded.pending,
            publish,
            handle: Arc::downgrade(&branch),
            background: Background::default(),
            is_stale: false,
            gone,
        };
        let tasks = actor.core.tasks.clone();
        tasks.spawn(actor.run(queue));
        Ok(branch)
    }

    /// Returns the present state.
    pub(crate) fn state(&self) -> Arc<State> {
        self.state.borrow().clone()
    }

    /// Reads the branch anew if another process changed it since, which costs a read of its record; of no effect
    /// where there is no other process.
    pub(crate) async fn refresh(&self, core: &Core) -> Result<()> {
        if !core.refs.shared() {
            return Ok(());
        }
        let stored = core.refs.branch(core.id, &self.name).await?;
        if stored.is_some_and(|stored| self.state().is_at(&stored)) {
            return Ok(());
        }
        self.lane
            .run(|actor| async move { actor.reload().await }.boxed())
            .await
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

    /// Keeps writers waiting until the lane is dropped, for no longer than it takes to fold what they wrote just
    /// before: neither a check nor any other code of an upper room but a resolver runs meanwhile.
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
            gone: self.lane.gone.clone(),
        })
    }
}
