//! What names of a repository stand for, in memory: its open branches, and what else was found.
//!
//! No lock here is held across a call to a store: a branch that takes long to open holds up those alone who ask
//! for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use super::Resolved;
use crate::branch::Branch;
use crate::core::Core;
use crate::{RefName, Result};

/// How many names of tags and commits are remembered.
const FOUND_MAX: usize = 10_000;

/// The names of one repository.
#[derive(Debug, Default)]
pub(super) struct Names {
    branches: Mutex<HashMap<RefName, Slot>>,
    found: Mutex<Found>,
}

/// A place for an open branch.
#[derive(Debug, Default)]
struct Slot {
    /// Cloned only under the lock of the map.
    cell: Arc<OnceCell<Arc<Branch>>>,
    /// Whether it was asked for since idle branches were looked for last.
    is_used: bool,
}

impl Slot {
    fn is_closed(&self) -> bool {
        self.cell.get().is_some_and(|branch| branch.lane.is_closed())
    }

    /// Returns whether nobody works with the branch and the server has nothing to do for it.
    fn is_idle(&self) -> bool {
        let is_idle = |branch: &Arc<Branch>| Arc::strong_count(branch) == 1 && !branch.state().has_staged();
        Arc::strong_count(&self.cell) == 1 && self.cell.get().is_none_or(is_idle)
    }
}

/// What names stood for that are no branches.
#[derive(Debug, Default)]
struct Found {
    /// Grows when a ref comes or goes: what was looked up before says nothing then.
    age: u64,
    resolved: HashMap<RefName, Resolved>,
    /// Names as they were asked for, with what they are really called.
    alike: HashMap<RefName, RefName>,
}

impl Names {
    /// Returns a branch and opens it if it is not; many who ask at once open it once.
    pub(super) async fn branch(&self, core: &Arc<Core>, name: &RefName) -> Result<Arc<Branch>> {
        let cell = self.cell(name);
        let open = || Branch::open(core.clone(), name.clone());
        let is_new = !cell.initialized();
        let opened = cell.get_or_try_init(open).await.cloned();
        if opened.is_err() {
            self.give_up(name, &cell);
        } else if is_new {
            self.let_idle_go(core.limits.branches_kept);
        }
        opened
    }

    /// Returns a branch that is open.
    pub(super) fn open_branch(&self, name: &RefName) -> Option<Arc<Branch>> {
        let mut branches = self.branches();
        let slot = branches.get_mut(name).filter(|slot| !slot.is_closed())?;
        slot.is_used = true;
        slot.cell.get().cloned()
    }

    /// Returns the names of branches that are open or being opened.
    pub(super) fn opened(&self) -> Vec<RefName> {
        self.branches().keys().cloned().collect()
    }

    /// Closes all branches that nobody works with.
    pub(super) fn close(&self) {
        self.branches().clear();
    }

    fn cell(&self, name: &RefName) -> Arc<OnceCell<Arc<Branch>>> {
        let mut branches = self.branches();
        let slot = branches.entry(name.clone()).or_default();
        if slot.is_closed() {
            *slot = Slot::default();
        }
        slot.is_used = true;
        slot.cell.clone()
    }

    /// Forgets a branch that could not be opened, unless others still try.
    fn give_up(&self, name: &RefName, cell: &Arc<OnceCell<Arc<Branch>>>) {
        let mut branches = self.branches();
        let ours = branches.get(name).filter(|slot| Arc::ptr_eq(&slot.cell, cell));
        if ours.is_some() && Arc::strong_count(cell) == 2 && !cell.initialized() {
            branches.remove(name);
        }
    }

    /// Above `kept` open branches, lets those go that are idle and were not asked for since the last time.
    fn let_idle_go(&self, kept: usize) {
        let mut branches = self.branches();
        if branches.len() > kept {
            branches.retain(|_, slot| std::mem::take(&mut slot.is_used) || !slot.is_idle());
        }
    }

    /// Returns what a name stands for, if that was looked up, and how old what is known here is.
    pub(super) fn known(&self, name: &RefName) -> (Option<Resolved>, u64) {
        let found = self.found();
        (found.resolved.get(name).copied(), found.age)
    }

    /// Returns how a name is really called, if that was looked up.
    pub(super) fn alike(&self, name: &RefName) -> Option<RefName> {
        self.found().alike.get(name).cloned()
    }

    /// Remembers what a name stands for, unless a ref came or went since `age`.
    pub(super) fn remember(&self, age: u64, name: &RefName, resolved: Resolved) {
        let mut found = self.found();
        if found.age == age {
            make_room(&mut found.resolved);
            found.resolved.insert(name.clone(), resolved);
        }
    }

    /// Remembers how a name is really called, unless a ref came or went since `age`.
    pub(super) fn remember_alike(&self, age: u64, asked: &RefName, name: &RefName) {
        let mut found = self.found();
        if found.age == age {
            make_room(&mut found.alike);
            found.alike.insert(asked.clone(), name.clone());
        }
    }

    /// Forgets what names stood for, because a ref came or went.
    pub(super) fn forget(&self) {
        let mut found = self.found();
        *found = Found {
            age: found.age + 1,
            ..Found::default()
        };
    }

    fn branches(&self) -> MutexGuard<'_, HashMap<RefName, Slot>> {
        self.branches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room<V>(known: &mut HashMap<RefName, V>) {
    if known.len() >= FOUND_MAX {
        known.clear();
    }
}
