//! Turns: a merge that lost two candidates has the head of its branch kept for it while it is judged anew.
//!
//! A turn is for progress alone: whoever moves a head compares, turn or not. So nothing here fails a move: where
//! the record cannot be read or written, all go on as if there were no turns.
//!
//! Where one server has the store for itself, the turn is a lock in memory. Where several share it, those who wait
//! stand in a [`Line`] of the ref store, each with a *lease* that it renews: one that is not heard of any more holds up
//! nobody. Its ticket is what a fencing token is: one that was given up stands behind all others when it comes back.

mod line;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::MutexGuard;
use tokio::time::{sleep, timeout};

use self::line::{LEASE_US, Line, Ticket};
use crate::Result;
use crate::branch::Branch;
use crate::codec::DecodeError;
use crate::core::Core;
use crate::id::hex;
use crate::refs::{RefStore, RepositoryId};
use crate::state::{Changes, StateOf, Stateful};

/// How often one who waits looks again.
const LOOK: Duration = Duration::from_millis(50);
/// How often a merge that has its turn is heard of.
const BEAT: Duration = Duration::from_micros(LEASE_US / 3);
/// How long a commit that somebody asks for waits until a merge has had its turn: no check is worth more of their time,
/// and a merge without a long one needs less.
pub(crate) const COMMIT_WAITS: Duration = Duration::from_secs(5);

/// The lines of all branches of a repository, by their incarnations.
#[derive(Debug, Clone, Default)]
struct Lines(BTreeMap<String, Line>);

impl Stateful for Lines {
    const NAMESPACE: &'static str = "turns";

    fn apply(&mut self, key: &str, value: Option<&Bytes>) -> Result<(), DecodeError> {
        match value {
            Some(bytes) => drop(self.0.insert(key.to_owned(), Line::decode(bytes)?)),
            None => drop(self.0.remove(key)),
        }
        Ok(())
    }
}

/// The turns of a repository whose store other servers write to as well.
#[derive(Debug)]
pub(crate) struct Turns(StateOf<Lines>);

impl Turns {
    pub(crate) fn new(refs: Arc<dyn RefStore>, id: RepositoryId) -> Turns {
        Turns(StateOf::at(refs, id))
    }

    /// Returns whose turn it is.
    async fn holder(&self, key: &str, now_us: u64) -> Result<Option<Ticket>> {
        let holder = |lines: &Lines| lines.0.get(key).and_then(|line| line.holder(now_us));
        self.0.read(holder).await
    }

    /// Has a merge stand in line, or stay there; returns whether it is its turn.
    async fn stand(&self, key: &str, ticket: Ticket, now_us: u64) -> Result<bool> {
        let stood = |lines: &Lines| {
            let line = lines.0.get(key).cloned().unwrap_or_default();
            let next = line.with(ticket, now_us);
            let is_first = next.holder(now_us) == Some(ticket);
            Ok::<_, crate::Error>((changes(key, &line, &next), is_first))
        };
        self.0.change(stood).await
    }

    async fn leave(&self, key: &str, ticket: Ticket, now_us: u64) -> Result<()> {
        let left = |lines: &Lines| {
            let line = lines.0.get(key).cloned().unwrap_or_default();
            let next = line.without(ticket, now_us);
            Ok::<_, crate::Error>((changes(key, &line, &next), ()))
        };
        self.0.change(left).await
    }
}

fn changes(key: &str, line: &Line, next: &Line) -> Changes {
    match (line == next, next.is_empty()) {
        (true, _) => Changes::new(),
        (false, true) => vec![(key.to_owned(), None)],
        (false, false) => vec![(key.to_owned(), Some(next.encode()))],
    }
}

/// The turn of a merge, or its place in line.
pub(crate) enum Turn<'a> {
    Here { _held: MutexGuard<'a, ()> },
    Stored(Place<'a>),
}

/// A place in a line of the ref store.
pub(crate) struct Place<'a> {
    core: &'a Core,
    key: String,
    ticket: Ticket,
}

impl<'a> Turn<'a> {
    /// Waits in line, and returns once it is the merge's turn.
    pub(crate) async fn take(core: &'a Core, branch: &'a Branch) -> Turn<'a> {
        if !core.refs.shared() {
            let _held = branch.turn.lock().await;
            return Turn::Here { _held };
        }
        let place = Place {
            core,
            key: key(branch),
            ticket: core.ids.fresh(),
        };
        while !place.stand().await {
            sleep(LOOK).await;
        }
        Turn::Stored(place)
    }

    /// Does `work`, and is heard of meanwhile. Both go on side by side: whoever is heard of may wait for a lock that
    /// the work holds.
    pub(crate) async fn kept_while<T>(&self, work: impl Future<Output = T>) -> T {
        let Turn::Stored(place) = self else {
            return work.await;
        };
        tokio::select! {
            done = work => done,
            never = place.beat() => match never {},
        }
    }

    /// Gives the turn to whoever is next.
    pub(crate) async fn leave(self) {
        if let Turn::Stored(place) = self {
            let Place { core, key, ticket } = &place;
            if let Err(error) = core.turns.leave(key, *ticket, core.clock.now_us()).await {
                tracing::warn!(%error, "a merge could not give back its turn, which ends with its lease");
            }
        }
    }
}

impl Place<'_> {
    /// Stays in line for ever.
    async fn beat(&self) -> Infallible {
        loop {
            sleep(BEAT).await;
            self.stand().await;
        }
    }

    /// Returns whether it is the merge's turn; so it is if nobody can tell.
    async fn stand(&self) -> bool {
        let Place { core, key, ticket } = self;
        let stood = core.turns.stand(key, *ticket, core.clock.now_us()).await;
        stood.unwrap_or_else(|error| {
            tracing::warn!(%error, "a merge could not stand in line, and goes on without");
            true
        })
    }
}

impl Branch {
    /// Returns whether a merge has its turn, so that the server does not move the head on its own.
    pub(crate) async fn is_reserved(&self, core: &Core) -> bool {
        match core.refs.shared() {
            false => self.turn.try_lock().is_err(),
            true => self.reserved_for(core).await.is_some(),
        }
    }

    /// Waits until no other merge has its turn, as a merge does before it moves the head. What is returned is to be
    /// held until the head is moved.
    pub(crate) async fn pass(&self, core: &Core, mine: Option<&Turn<'_>>) -> Option<MutexGuard<'_, ()>> {
        let mine = match mine {
            Some(Turn::Here { .. }) => return None,
            Some(Turn::Stored(place)) => Some(place.ticket),
            None if !core.refs.shared() => return Some(self.turn.lock().await),
            None => None,
        };
        loop {
            match self.reserved_for(core).await {
                Some(holder) if Some(holder) != mine => sleep(LOOK).await,
                Some(_) | None => return None,
            }
        }
    }

    /// Waits until no merge has its turn, for a while, as a commit does that somebody asks for.
    pub(crate) async fn give_way(&self, core: &Core) {
        if timeout(COMMIT_WAITS, self.pass(core, None)).await.is_err() {
            tracing::debug!(branch = %self.name, "a commit goes before a merge that has its turn");
        }
    }

    async fn reserved_for(&self, core: &Core) -> Option<Ticket> {
        let holder = core.turns.holder(&key(self), core.clock.now_us()).await;
        holder.unwrap_or_else(|error| {
            tracing::warn!(%error, "whose turn it is cannot be read");
            None
        })
    }
}

fn key(branch: &Branch) -> String {
    hex(&branch.state().record.incarnation)
}
