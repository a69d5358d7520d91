//! Locks, Hive transactions and write ids of a repository: what is granted to whom, decided on one value.
//!
//! None of it is versioned. Locks are leased and advisory; each is of a table *at a ref*, so that two branches
//! never wait for each other. Transactions belong to the repository, and so do write ids: a table's ids are
//! counted over all branches, so that no two branches ever write a folder of the same name, and what a merge
//! brings is readable where it lands.
//!
//! All decisions are pure: a [`Draft`] is made on a [`Ledger`] and a time, and what changed is taken from it.

mod error;
mod locks;
mod record;
#[cfg(test)]
mod tests;
mod transactions;
mod writes;

use std::collections::BTreeSet;

use bytes::Bytes;
use imbl::OrdMap;
use versioning::codec::DecodeError;
use versioning::state::{Changes, Stateful};

pub(crate) use self::error::LedgerError;
pub(crate) use self::locks::{LockAnswer, Request};
pub(crate) use self::transactions::{OpenTransactions, Opening};
pub(crate) use self::writes::{TableWrites, ValidTransactions};

/// What a lock lets others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    SharedRead,
    /// Of those who update: others may read.
    SharedWrite,
    Exclusive,
    /// As `SharedWrite`, by the name that Hive 4 gives to it.
    ExclusiveWrite,
}

/// What somebody wants to do to a thing that is locked, where they say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Other,
    Insert,
    Update,
    Delete,
}

/// A database, a table or a partition at a ref. Names are in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resource {
    pub(crate) reference: String,
    pub(crate) database: String,
    /// `None` is the database itself.
    pub(crate) table: Option<String>,
    /// `None` is the whole table.
    pub(crate) partition: Option<String>,
}

/// One part of a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Component {
    pub(crate) resource: Resource,
    pub(crate) kind: Kind,
    pub(crate) operation: Operation,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Owner {
    pub(crate) user: String,
    pub(crate) host: String,
    pub(crate) agent: Option<String>,
}

/// The signs of life of a lock or a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pulse {
    pub(crate) started_ms: u64,
    pub(crate) last_ms: u64,
    pub(crate) beats: u32,
}

/// A lock, granted or waiting, with all its parts at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lock {
    /// The transaction it belongs to, 0 if none.
    pub(crate) transaction: u64,
    pub(crate) owner: Owner,
    pub(crate) components: Vec<Component>,
    /// When it was granted; `None` if it waits.
    pub(crate) granted_ms: Option<u64>,
    /// Of what it waited for when it was last looked at: the lock and the place of its part.
    pub(crate) blocker: Option<(u64, u64)>,
    pub(crate) pulse: Pulse,
}

/// A transaction that is open or was aborted. One that is neither, but whose id was given, was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub(crate) aborted: bool,
    pub(crate) owner: Owner,
    /// The number of its type, as clients say it.
    pub(crate) kind: u32,
    pub(crate) pulse: Pulse,
    /// What it updates and deletes, and where: others must not have done that since it began.
    pub(crate) touched: Vec<(Resource, Operation)>,
}

/// The write ids of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Writes {
    /// The last that was given.
    pub(crate) last: u64,
    /// Those of transactions that some reader may not see yet, and the last of those that all may.
    pub(crate) by_transaction: OrdMap<u64, u64>,
}

/// The last commits that updated or deleted in a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Written {
    pub(crate) update: Commit,
    pub(crate) delete: Commit,
}

/// By whom, and when in the order of transactions; 0 for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Commit {
    pub(crate) transaction: u64,
    /// The last transaction that had been opened by then.
    pub(crate) at: u64,
}

/// Locks, transactions and write ids of a repository. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ledger {
    last_lock: u64,
    last_transaction: u64,
    locks: OrdMap<u64, Lock>,
    transactions: OrdMap<u64, Transaction>,
    /// By `database.table`.
    writes: OrdMap<String, Writes>,
    written: OrdMap<Resource, Written>,
}

/// The key of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Counters,
    Lock(u64),
    Transaction(u64),
    Writes(String),
    Written(Resource),
}

/// Changes to a ledger that are decided at one time.
#[derive(Debug)]
pub(crate) struct Draft {
    ledger: Ledger,
    changed: BTreeSet<Key>,
    now_ms: u64,
}

impl Ledger {
    /// Starts to change the ledger at a time, at which all whose last sign of life is `lease_ms` old have lost
    /// what they had.
    pub(crate) fn draft(&self, now_ms: u64, lease_ms: u64) -> Draft {
        let mut draft = Draft {
            ledger: self.clone(),
            changed: BTreeSet::new(),
            now_ms,
        };
        draft.expire(now_ms.saturating_sub(lease_ms));
        draft
    }
}

impl Draft {
    /// Returns the ledger with the changes.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns what was changed, as records.
    pub(crate) fn into_changes(self) -> Changes {
        let value = |key: &Key| (record::spell(key), self.ledger.encode(key));
        self.changed.iter().map(value).collect()
    }

    fn pulse(&self) -> Pulse {
        Pulse {
            started_ms: self.now_ms,
            last_ms: self.now_ms,
            beats: 0,
        }
    }

    /// Drops the locks and aborts the transactions that gave no sign of life since `limit_ms`.
    fn expire(&mut self, limit_ms: u64) {
        let locks = self.ledger.locks.iter();
        let dead = locks.filter(|(_, lock)| lock.transaction == 0 && lock.pulse.last_ms < limit_ms);
        for id in dead.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.remove_lock(id);
        }
        let transactions = self.ledger.transactions.iter();
        let dead = transactions.filter(|(_, it)| it.expires() && it.pulse.last_ms < limit_ms);
        for id in dead.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.abort_open(id);
        }
    }

    fn remove_lock(&mut self, id: u64) {
        self.ledger.locks.remove(&id);
        self.changed.insert(Key::Lock(id));
    }
}

impl Stateful for Ledger {
    const NAMESPACE: &'static str = "hive-locks";

    fn apply(&mut self, key: &str, value: Option<&Bytes>) -> Result<(), DecodeError> {
        self.decode(&record::parse(key)?, value)
    }
}
