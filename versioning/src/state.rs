//! State of a repository that is not versioned: locks, roles and their kin, as upper rooms define them.
//!
//! It is kept as small records of one namespace and held in memory as one value. A change is planned on that
//! value, written by compare-and-set, and planned anew where another writer was faster: so the plans of all
//! processes are as if made one after the other, and what was answered survives a crash.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Mutex, MutexGuard};

use crate::refs::{RefStore, RepositoryId};
use crate::{Error, Repository, Result};

/// How many records are read at once.
const PAGE: usize = 10_000;
/// How often a change is planned anew because another writer was faster.
const TRIES_MAX: u32 = 64;

/// What records of one namespace mean.
pub trait Stateful: Clone + Debug + Default + Send + Sync {
    /// The namespace of its records.
    const NAMESPACE: &'static str;

    /// Takes in one record; `None` is the removal of one.
    ///
    /// # Errors
    /// Why the record makes no sense.
    fn apply(&mut self, key: &str, value: Option<&Bytes>) -> Result<(), crate::codec::DecodeError>;
}

/// New contents of records, `None` where one is removed; in order.
pub type Changes = Vec<(String, Option<Bytes>)>;

/// The state of one repository. It is shared by whoever changes it in this process, for speed alone.
#[derive(Debug)]
pub struct StateOf<S> {
    refs: Arc<dyn RefStore>,
    id: RepositoryId,
    held: Mutex<Option<Held<S>>>,
}

#[derive(Debug)]
struct Held<S> {
    version: u64,
    state: S,
}

impl<S: Stateful> StateOf<S> {
    /// Returns the state of a repository, which is read when it is needed.
    pub fn new(repository: &Repository) -> StateOf<S> {
        let (refs, id) = repository.records();
        StateOf::at(Arc::clone(refs), id)
    }

    pub(crate) fn at(refs: Arc<dyn RefStore>, id: RepositoryId) -> StateOf<S> {
        StateOf {
            refs,
            id,
            held: Mutex::new(None),
        }
    }

    /// Returns what `look` makes of the present state.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::Corrupt`].
    pub async fn read<T>(&self, look: impl FnOnce(&S) -> T) -> Result<T> {
        let mut slot = self.held.lock().await;
        Ok(look(&self.present(&mut slot).await?.state))
    }

    /// Makes a change that `plan` decides on the present state, durably, and returns what it answers. A plan
    /// may be made again, has no effect of its own, and may change nothing.
    ///
    /// # Errors
    /// Those of `plan`; [`Error::Storage`], [`Error::Corrupt`], [`Error::NoSpace`].
    pub async fn change<T, E: From<Error>>(
        &self,
        mut plan: impl FnMut(&S) -> Result<(Changes, T), E>,
    ) -> Result<T, E> {
        let mut slot = self.held.lock().await;
        for _ in 0..TRIES_MAX {
            let held = self.present(&mut slot).await?;
            let (changes, answer) = plan(&held.state)?;
            if changes.is_empty() || self.swap(&mut slot, &changes).await? {
                return Ok(answer);
            }
        }
        Err(E::from(Error::Storage {
            operation: "changing state",
            message: "other processes keep changing it".into(),
        }))
    }

    /// Writes changes on what is held; `false` if something else is there by now.
    async fn swap(&self, slot: &mut MutexGuard<'_, Option<Held<S>>>, changes: &Changes) -> Result<bool> {
        // taken out, for of a write that fails nobody knows whether it happened
        let Some(mut held) = slot.take() else {
            return Ok(false);
        };
        let swapped = self
            .refs
            .kv_swap(self.id, S::NAMESPACE, held.version, changes)
            .await?;
        if swapped {
            held.version += 1;
            take_in(&mut held.state, changes.iter().map(|(k, v)| (k, v.as_ref())))?;
            **slot = Some(held);
        }
        Ok(swapped)
    }

    async fn present<'a>(&self, slot: &'a mut Option<Held<S>>) -> Result<&'a Held<S>> {
        let version = self.refs.kv_version(self.id, S::NAMESPACE).await?;
        match slot.take_if(|held| held.version == version) {
            Some(held) => Ok(slot.insert(held)),
            None => {
                let state = self.load().await?;
                Ok(slot.insert(Held { version, state }))
            }
        }
    }

    async fn load(&self) -> Result<S> {
        let (mut state, mut after) = (S::default(), String::new());
        loop {
            let page = self.refs.kv_list(self.id, S::NAMESPACE, "", &after, PAGE);
            let page = page.await?;
            take_in(&mut state, page.iter().map(|(key, value)| (key, Some(value))))?;
            match page.into_iter().nth(PAGE - 1) {
                Some((last, _)) => after = last,
                None => return Ok(state),
            }
        }
    }
}

fn take_in<'a, S: Stateful>(
    state: &mut S,
    records: impl Iterator<Item = (&'a String, Option<&'a Bytes>)>,
) -> Result<()> {
    for (key, value) in records {
        state.apply(key, value).map_err(|error| Error::Corrupt {
            what: "state record",
            key: format!("{}/{key}", S::NAMESPACE),
            message: error.to_string(),
        })?;
    }
    Ok(())
}
