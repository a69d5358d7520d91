//! Who gets a lock, and who waits for whom.
//!
//! Locks are served in the order in which they were asked for: one waits for every conflicting one before it,
//! granted or waiting, and for every granted one behind it. So nobody is passed over for ever. A lock is
//! granted with all its parts or not at all, and a waiting one is granted when its owner looks for it.

use super::{Component, Draft, Key, Kind, Ledger, LedgerError, Lock, Operation, Owner, Resource};

/// A lock that is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// 0 if it belongs to none.
    pub(crate) transaction: i64,
    pub(crate) owner: Owner,
    pub(crate) components: Vec<Component>,
    /// Whether it is taken back at once if it cannot be granted.
    pub(crate) without_waiting: bool,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockAnswer {
    Granted(u64),
    Waiting(u64),
    /// Nothing is left of it, because of another lock.
    Refused {
        id: u64,
        other: u64,
    },
}

impl Kind {
    /// Returns the name of the protocol.
    pub(super) fn spell(self) -> &'static str {
        match self {
            Kind::SharedRead => "SHARED_READ",
            Kind::SharedWrite => "SHARED_WRITE",
            Kind::Exclusive => "EXCLUSIVE",
            Kind::ExclusiveWrite => "EXCL_WRITE",
        }
    }

    /// Returns whether both can be held at once. As in Hive 3, two who update wait for each other; whoever
    /// reads waits for `Exclusive` alone.
    fn agrees(self, other: Kind) -> bool {
        match (self, other) {
            (Kind::Exclusive, _) | (_, Kind::Exclusive) => false,
            (Kind::SharedRead, _) | (_, Kind::SharedRead) => true,
            (Kind::SharedWrite | Kind::ExclusiveWrite, Kind::SharedWrite | Kind::ExclusiveWrite) => false,
        }
    }
}

impl Resource {
    /// Returns whether one holds the other, or both are the same.
    fn overlaps(&self, other: &Resource) -> bool {
        fn same(a: Option<&String>, b: Option<&String>) -> bool {
            a.is_none() || b.is_none() || a == b
        }
        self.reference == other.reference
            && self.database == other.database
            && same(self.table.as_ref(), other.table.as_ref())
            && same(self.partition.as_ref(), other.partition.as_ref())
    }

    fn is_table(&self) -> bool {
        self.table.is_some() && self.partition.is_none()
    }
}

/// Returns whether two parts cannot be held at once. A database that is read, such as by who creates a table in
/// it, and a table that somebody has for himself do not hinder each other.
pub(super) fn conflict(a: &Component, b: &Component) -> bool {
    let passes = |a: &Component, b: &Component| {
        a.resource.table.is_none()
            && a.kind == Kind::SharedRead
            && b.resource.is_table()
            && b.kind == Kind::Exclusive
    };
    a.resource.overlaps(&b.resource) && !a.kind.agrees(b.kind) && !passes(a, b) && !passes(b, a)
}

impl Ledger {
    /// Returns all locks, the granted ones first.
    pub(crate) fn locks(&self) -> impl Iterator<Item = (u64, &Lock)> {
        let with = |granted: bool| {
            let locks = self.locks.iter().map(|(id, lock)| (*id, lock));
            locks.filter(move |(_, lock)| lock.granted_ms.is_some() == granted)
        };
        with(true).chain(with(false))
    }

    /// Returns the first lock for which one waits, and the place of its part there, counted from 1.
    pub(super) fn blocker(&self, id: u64, lock: &Lock) -> Option<(u64, u64)> {
        let others = self.locks.iter().filter(|(other_id, other)| {
            let counts = **other_id < id || other.granted_ms.is_some();
            let same_transaction = lock.transaction != 0 && other.transaction == lock.transaction;
            **other_id != id && counts && !same_transaction
        });
        others
            .filter_map(|(other_id, other)| {
                let hinders = |theirs: &Component| lock.components.iter().any(|ours| conflict(ours, theirs));
                let place = other.components.iter().position(hinders)?;
                Some((*other_id, place as u64 + 1))
            })
            .next()
    }
}

impl Draft {
    /// Asks for a lock.
    pub(crate) fn lock(&mut self, request: Request) -> Result<LockAnswer, LedgerError> {
        let transaction = match request.transaction {
            0 => 0,
            id => self.ledger.open(id)?,
        };
        self.ledger.last_lock += 1;
        self.changed.insert(Key::Counters);
        let id = self.ledger.last_lock;
        let lock = Lock {
            transaction,
            owner: request.owner,
            components: request.components,
            granted_ms: None,
            blocker: None,
            pulse: self.pulse(),
        };
        let answer = self.try_grant(id, lock);
        match answer {
            LockAnswer::Waiting(_) if request.without_waiting => Ok(self.take_back(id)),
            answer => Ok(answer),
        }
    }

    fn take_back(&mut self, id: u64) -> LockAnswer {
        let blocker = self.ledger.locks.get(&id).and_then(|lock| lock.blocker);
        let (other, _) = blocker.unwrap_or_default();
        self.remove_lock(id);
        LockAnswer::Refused { id, other }
    }

    /// Looks for a lock, which is a sign of life of it, and grants it if nothing hinders any more.
    pub(crate) fn check_lock(&mut self, id: i64) -> Result<LockAnswer, LedgerError> {
        let known = u64::try_from(id).ok();
        let found = known.and_then(|id| Some((id, self.ledger.locks.get(&id)?.clone())));
        let (id, mut lock) = found.ok_or(LedgerError::NoLockToCheck(id))?;
        if lock.transaction != 0 {
            self.beat_transaction(lock.transaction as i64)?;
        }
        lock.pulse.beat(self.now_ms);
        if lock.granted_ms.is_some() {
            self.put_lock(id, lock);
            return Ok(LockAnswer::Granted(id));
        }
        Ok(self.try_grant(id, lock))
    }

    fn try_grant(&mut self, id: u64, mut lock: Lock) -> LockAnswer {
        lock.blocker = self.ledger.blocker(id, &lock);
        let granted = lock.blocker.is_none();
        if granted {
            lock.granted_ms = Some(self.now_ms);
            self.note_touched(&lock);
        }
        self.put_lock(id, lock);
        if granted {
            LockAnswer::Granted(id)
        } else {
            LockAnswer::Waiting(id)
        }
    }

    /// Notes what a transaction is about to update or delete.
    fn note_touched(&mut self, lock: &Lock) {
        let Some(mut transaction) = self.ledger.transactions.get(&lock.transaction).cloned() else {
            return;
        };
        let writes = |part: &&Component| matches!(part.operation, Operation::Update | Operation::Delete);
        for part in lock.components.iter().filter(writes) {
            let touched = (part.resource.clone(), part.operation);
            if !transaction.touched.contains(&touched) {
                transaction.touched.push(touched);
            }
        }
        self.put_transaction(lock.transaction, transaction);
    }

    fn put_lock(&mut self, id: u64, lock: Lock) {
        self.ledger.locks.insert(id, lock);
        self.changed.insert(Key::Lock(id));
    }

    /// Gives a lock back. One that is not there was given back before, or has expired.
    pub(crate) fn unlock(&mut self, id: i64) -> Result<(), LedgerError> {
        let Ok(id) = u64::try_from(id) else { return Ok(()) };
        match self.ledger.locks.get(&id) {
            Some(lock) if lock.transaction != 0 && lock.granted_ms.is_some() => {
                let lock = Box::new(lock.clone());
                Err(LedgerError::OfTransaction { id, lock })
            }
            Some(_) => {
                self.remove_lock(id);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Takes a sign of life of a lock; 0 is none.
    pub(crate) fn beat_lock(&mut self, id: i64) -> Result<(), LedgerError> {
        if id == 0 {
            return Ok(());
        }
        let known = u64::try_from(id).ok();
        let found = known.and_then(|id| Some((id, self.ledger.locks.get(&id)?.clone())));
        let (id, mut lock) = found.ok_or(LedgerError::NoLockToBeat(id))?;
        lock.pulse.beat(self.now_ms);
        self.put_lock(id, lock);
        Ok(())
    }
}
