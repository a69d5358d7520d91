//! Hive transactions: open until they are committed or aborted, by their owner or for want of signs of life.

use super::{Commit, Draft, Key, Ledger, LedgerError, Operation, Owner, Pulse, Resource, Transaction};

/// The type of transactions that come from elsewhere: they live as long as the other side says.
const REPLICATED: u32 = 1;
/// How long an aborted transaction that wrote nothing is remembered.
const ABORTED_KEPT_MS: u64 = 24 * 3_600_000;

/// Transactions that are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    pub(crate) count: u32,
    pub(crate) owner: Owner,
    pub(crate) kind: u32,
}

/// What is open and aborted among all transactions up to one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct OpenTransactions {
    /// The last transaction that was opened.
    pub(crate) last: u64,
    /// Each with whether it is aborted, in order.
    pub(crate) invalid: Vec<(u64, bool)>,
}

impl OpenTransactions {
    /// Returns the first that is open.
    pub(crate) fn first_open(&self) -> Option<u64> {
        self.invalid
            .iter()
            .find(|(_, aborted)| !aborted)
            .map(|(id, _)| *id)
    }
}

impl Pulse {
    pub(super) fn beat(&mut self, now_ms: u64) {
        self.last_ms = now_ms;
        self.beats = self.beats.saturating_add(1);
    }
}

impl Transaction {
    pub(super) fn expires(&self) -> bool {
        !self.aborted && self.kind != REPLICATED
    }
}

impl Ledger {
    /// Returns all transactions that are open or aborted.
    pub(crate) fn transactions(&self) -> impl Iterator<Item = (u64, &Transaction)> {
        self.transactions.iter().map(|(id, it)| (*id, it))
    }

    /// Returns what is open and aborted; of the open ones those of other types than `without`.
    pub(crate) fn open_transactions(&self, without: &[u32]) -> OpenTransactions {
        let counts = |it: &Transaction| it.aborted || !without.contains(&it.kind);
        let invalid = self.transactions().filter(|(_, it)| counts(it));
        OpenTransactions {
            last: self.last_transaction,
            invalid: invalid.map(|(id, it)| (id, it.aborted)).collect(),
        }
    }

    /// Returns the id of a transaction that is open.
    pub(super) fn open(&self, id: i64) -> Result<u64, LedgerError> {
        let number = u64::try_from(id).unwrap_or_default();
        match self.transactions.get(&number) {
            Some(transaction) if transaction.aborted => Err(LedgerError::Aborted(id)),
            Some(_) => Ok(number),
            None if (1..=self.last_transaction).contains(&number) => Err(LedgerError::Committed(id)),
            None => Err(LedgerError::NoTransaction(id)),
        }
    }

    /// Returns the last transaction that committed what hinders the commit of another; 0 if there is none.
    pub(crate) fn last_in_conflict(&self, id: i64) -> u64 {
        let Ok(id) = self.open(id) else { return 0 };
        let others = self.conflicting(id).into_iter();
        others
            .map(|(commit, ..)| commit.transaction)
            .max()
            .unwrap_or_default()
    }

    /// Returns the commits since the transaction began that updated what it updates or deletes, or deleted what
    /// it updates; each with the resource and the letters of what was done on either side.
    fn conflicting(&self, id: u64) -> Vec<(Commit, &Resource, &'static str)> {
        let touched = self.transactions.get(&id).map(|it| it.touched.as_slice());
        let mut found = Vec::new();
        for (resource, operation) in touched.unwrap_or_default() {
            let Some(written) = self.written.get(resource) else {
                continue;
            };
            let (updated, deleted) = match operation {
                Operation::Update => ("u/u", "d/u"),
                _ => ("u/d", ""),
            };
            let both = [(written.update, updated), (written.delete, deleted)];
            let since = both
                .into_iter()
                .filter(|(it, letters)| it.at >= id && !letters.is_empty());
            found.extend(since.map(|(commit, letters)| (commit, resource, letters)));
        }
        found
    }

    /// Returns the first transaction that somebody may still not see: none below it is open.
    pub(super) fn first_open(&self) -> u64 {
        let open = self.transactions().find(|(_, it)| !it.aborted);
        open.map_or(self.last_transaction + 1, |(id, _)| id)
    }
}

impl Draft {
    /// Opens transactions, and returns their ids.
    pub(crate) fn open_transactions(&mut self, opening: &Opening) -> Vec<u64> {
        self.forget_aborted();
        let first = self.ledger.last_transaction + 1;
        let ids: Vec<u64> = (first..first + u64::from(opening.count)).collect();
        for id in &ids {
            let transaction = Transaction {
                aborted: false,
                owner: opening.owner.clone(),
                kind: opening.kind,
                pulse: self.pulse(),
                touched: Vec::new(),
            };
            self.put_transaction(*id, transaction);
        }
        self.ledger.last_transaction += u64::from(opening.count);
        self.changed.insert(Key::Counters);
        ids
    }

    /// Forgets the aborted transactions that wrote nothing, once nobody should ask for them.
    fn forget_aborted(&mut self) {
        let limit_ms = self.now_ms.saturating_sub(ABORTED_KEPT_MS);
        let wrote = |id: &u64| {
            self.ledger
                .writes
                .values()
                .any(|w| w.by_transaction.contains_key(id))
        };
        let old = self.ledger.transactions.iter();
        let old = old.filter(|(_, it)| it.aborted && it.pulse.last_ms < limit_ms);
        let old: Vec<u64> = old.map(|(id, _)| *id).filter(|id| !wrote(id)).collect();
        for id in old {
            self.ledger.transactions.remove(&id);
            self.changed.insert(Key::Transaction(id));
        }
    }

    pub(super) fn put_transaction(&mut self, id: u64, transaction: Transaction) {
        self.ledger.transactions.insert(id, transaction);
        self.changed.insert(Key::Transaction(id));
    }

    /// Takes a sign of life of a transaction; 0 is none.
    pub(crate) fn beat_transaction(&mut self, id: i64) -> Result<(), LedgerError> {
        if id == 0 {
            return Ok(());
        }
        let id = self.ledger.open(id)?;
        if let Some(mut transaction) = self.ledger.transactions.get(&id).cloned() {
            transaction.pulse.beat(self.now_ms);
            self.put_transaction(id, transaction);
        }
        Ok(())
    }

    /// Aborts a transaction; one that is aborted stays so.
    pub(crate) fn abort(&mut self, id: i64) -> Result<(), LedgerError> {
        match self.ledger.open(id) {
            Ok(id) => {
                self.abort_open(id);
                Ok(())
            }
            Err(LedgerError::Aborted(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn abort_open(&mut self, id: u64) {
        self.remove_locks_of(id);
        if let Some(mut transaction) = self.ledger.transactions.get(&id).cloned() {
            transaction.aborted = true;
            transaction.touched.clear();
            transaction.pulse.last_ms = self.now_ms;
            self.put_transaction(id, transaction);
        }
    }

    fn remove_locks_of(&mut self, transaction: u64) {
        let locks = self.ledger.locks.iter();
        let of = locks.filter(|(_, lock)| lock.transaction == transaction);
        for id in of.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.remove_lock(id);
        }
    }

    /// Commits a transaction; one that is committed stays so. One that updates what another has changed since
    /// it began is aborted instead.
    ///
    /// # Errors
    /// [`LedgerError::WriteConflict`], with which the changes of this draft are to be kept; others.
    pub(crate) fn commit(&mut self, id: i64) -> Result<(), LedgerError> {
        let open = match self.ledger.open(id) {
            Ok(open) => open,
            Err(LedgerError::Committed(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let at = self.ledger.last_transaction;
        if let Some(&(other, resource, letters)) = self.ledger.conflicting(open).first() {
            let conflict = LedgerError::WriteConflict {
                transaction: id,
                at,
                resource: resource.spell(),
                other: other.transaction,
                other_at: other.at,
                letters,
            };
            self.abort_open(open);
            return Err(conflict);
        }
        self.note_written(open, at);
        self.remove_locks_of(open);
        self.ledger.transactions.remove(&open);
        self.changed.insert(Key::Transaction(open));
        self.forget_seen();
        Ok(())
    }

    fn note_written(&mut self, id: u64, at: u64) {
        let touched = self.ledger.transactions.get(&id).map(|it| it.touched.clone());
        for (resource, operation) in touched.unwrap_or_default() {
            let mut written = self.ledger.written.get(&resource).copied().unwrap_or_default();
            let commit = Commit { transaction: id, at };
            match operation {
                Operation::Update => written.update = commit,
                _ => written.delete = commit,
            }
            self.ledger.written.insert(resource.clone(), written);
            self.changed.insert(Key::Written(resource));
        }
    }

    /// Forgets commits that no open transaction can be in conflict with any more.
    fn forget_seen(&mut self) {
        let first = self.ledger.first_open();
        let written = self.ledger.written.iter();
        let seen = written.filter(|(_, it)| it.update.at < first && it.delete.at < first);
        for resource in seen.map(|(resource, _)| resource.clone()).collect::<Vec<_>>() {
            self.ledger.written.remove(&resource);
            self.changed.insert(Key::Written(resource));
        }
    }

    /// Notes that a transaction is about to change resources.
    pub(crate) fn touch(
        &mut self,
        id: i64,
        resources: Vec<Resource>,
        operation: Operation,
    ) -> Result<(), LedgerError> {
        let id = self.ledger.open(id)?;
        let Some(mut transaction) = self.ledger.transactions.get(&id).cloned() else {
            return Ok(());
        };
        if matches!(operation, Operation::Update | Operation::Delete) {
            transaction
                .touched
                .extend(resources.into_iter().map(|resource| (resource, operation)));
            transaction.touched.sort();
            transaction.touched.dedup();
            self.put_transaction(id, transaction);
        }
        Ok(())
    }

    /// Lets ids of transactions begin behind `seed`.
    pub(crate) fn seed_transactions(&mut self, seed: i64) -> Result<(), LedgerError> {
        let last = self.ledger.last_transaction;
        match u64::try_from(seed) {
            Ok(wanted) if wanted > last => self.ledger.last_transaction = wanted,
            _ => return Err(LedgerError::LateSeed { seed, last }),
        }
        self.changed.insert(Key::Counters);
        Ok(())
    }
}

impl Resource {
    /// Spells it as the original does where writers meet.
    fn spell(&self) -> String {
        let names = [Some(&self.database), self.table.as_ref(), self.partition.as_ref()];
        let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
        names.join("/")
    }
}
