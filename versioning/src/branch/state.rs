//! What a branch is at one moment, as its task publishes it and as the ref store tells it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::core::Core;
use crate::merge::Strictness;
use crate::overlay::Overlay;
use crate::refs::{BranchRecord, Expected, Protection, RepositoryRules, WriteId};
use crate::{Batch, Error, RefName, RepositoryName, Result, Roots, oplog};

/// How often a branch is read anew because another process changed it meanwhile.
const TRIES_MAX: u32 = 64;

/// What a branch looks like after the last acknowledged operation.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) record: BranchRecord,
    /// Those of the repository, at least as new as the record.
    pub(crate) rules: Arc<RepositoryRules>,
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

    /// Returns what the branch has to obey: what it says itself, and what the rules of the repository add.
    pub(crate) fn protection(&self) -> Option<Protection> {
        self.rules.binding(&self.record)
    }

    /// Returns how much a merge has to leave to people, at the least.
    pub(crate) fn strictness(&self) -> Option<Strictness> {
        self.protection().and_then(|protection| protection.strictness)
    }

    /// Fails if nothing in the repository is written any more.
    pub(crate) fn check_open(&self, repository: &RepositoryName) -> Result<()> {
        self.rules.check_open(repository)
    }

    /// Fails if the branch changes by merging alone, or not at all; `rule` says what else to do.
    pub(crate) fn check_direct(&self, repository: &RepositoryName, rule: &str) -> Result<()> {
        self.check_open(repository)?;
        match self.protection() {
            None => Ok(()),
            Some(_) => Err(Error::Protected {
                branch: self.record.name.clone(),
                rule: rule.to_owned(),
            }),
        }
    }

    /// Returns whether a record that was read is that of this state.
    pub(super) fn is_at(&self, stored: &BranchRecord) -> bool {
        let version = |record: &BranchRecord| {
            (
                (record.incarnation, record.generation, record.base_generation),
                (record.folded_seq, record.seq, record.rules_generation),
            )
        };
        version(&self.record) == version(stored)
    }

    /// Returns what `write`, which is to change this state, expects, prepared since `epoch`.
    pub(super) fn expected(&self, epoch: u32, write: WriteId) -> Expected {
        Expected {
            epoch,
            write,
            incarnation: self.record.incarnation,
            base_generation: self.record.base_generation,
            head: self.record.head,
            folded_seq: self.record.folded_seq,
            seq: self.record.seq,
            rules: self.record.rules_generation,
        }
    }
}

/// The state on which trees were prepared, and the epoch in which that began.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) state: Arc<State>,
    pub(crate) epoch: u32,
}

/// Batches of one transaction of the log.
pub(super) struct Pending {
    pub(super) seq: u64,
    pub(super) epoch: u32,
    pub(super) batches: Vec<Batch>,
}

/// A branch as read from the ref store.
pub(super) struct Loaded {
    pub(super) state: State,
    pub(super) pending: VecDeque<Pending>,
}

impl Loaded {
    /// Reads what the ref store knows of a branch.
    pub(super) async fn read(core: &Core, name: &RefName) -> Result<Loaded> {
        for _ in 0..TRIES_MAX {
            let mut record = Loaded::record(core, name).await?;
            // behind the record, whose rules generation grows with them
            let rules = core.rules().await?;
            let log = core
                .refs
                .log_after(core.id, record.incarnation, record.folded_seq)
                .await?;
            // two calls see two moments: where others fold or move the head between them, operations are in neither
            if core.refs.shared() {
                let now = Loaded::record(core, name).await?;
                if !is_same_ground(&record, &now) {
                    continue;
                }
            }
            let mut pending = VecDeque::new();
            for log in log {
                record.seq = record.seq.max(log.seq);
                let batches = oplog::decode(log.seq, &log.payload)?;
                pending.push_back(Pending {
                    seq: log.seq,
                    epoch: log.epoch,
                    batches,
                });
            }
            return Loaded::of(core, (record, rules), pending).await;
        }
        Err(Error::Storage {
            operation: "reading a branch",
            message: "other processes keep changing it".into(),
        })
    }

    async fn record(core: &Core, name: &RefName) -> Result<BranchRecord> {
        let not_found = || Error::NotFound {
            what: "branch",
            name: name.to_string(),
        };
        core.refs.branch(core.id, name).await?.ok_or_else(not_found)
    }

    async fn of(
        core: &Core,
        (record, rules): (BranchRecord, RepositoryRules),
        pending: VecDeque<Pending>,
    ) -> Result<Loaded> {
        let head_roots = core.commit(record.head).await?.roots;
        let overlay = replay(&pending);
        Ok(Loaded {
            state: State {
                record,
                rules: Arc::new(rules),
                head_roots,
                overlay,
            },
            pending,
        })
    }
}

/// Returns whether the log stands on the same trees by both records.
fn is_same_ground(a: &BranchRecord, b: &BranchRecord) -> bool {
    let ground = |record: &BranchRecord| (record.incarnation, record.generation, record.folded_seq);
    ground(a) == ground(b)
}

/// Returns what the transactions make of an empty overlay.
pub(super) fn replay(pending: &VecDeque<Pending>) -> Overlay {
    let mut overlay = Overlay::default();
    for transaction in pending {
        for batch in &transaction.batches {
            overlay.apply(batch, transaction.epoch);
        }
    }
    overlay
}
