//! Write ids: each transaction that writes a table gets one there, and readers are told which to leave out.

use imbl::OrdMap;

use super::{Draft, Key, Ledger, LedgerError, OpenTransactions, Writes};

/// The transactions that a reader sees, as clients hand them in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValidTransactions {
    last: u64,
    /// Each with whether it is aborted, in order.
    invalid: OrdMap<u64, bool>,
}

impl ValidTransactions {
    /// Parses `last:first open:open,open:aborted,aborted`.
    pub(crate) fn parse(text: &str) -> Result<ValidTransactions, LedgerError> {
        let wrong = || LedgerError::NoTransactionList(text.to_owned());
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let mut parts = text.split(':');
        let last = number(parts.next().unwrap_or_default())?;
        parts.next();
        let mut invalid = OrdMap::new();
        for aborted in [false, true] {
            let ids = parts.next().unwrap_or_default();
            for id in ids.split(',').filter(|id| !id.is_empty()) {
                invalid.insert(number(id)?, aborted);
            }
        }
        Ok(ValidTransactions { last, invalid })
    }
}

impl From<OpenTransactions> for ValidTransactions {
    fn from(open: OpenTransactions) -> ValidTransactions {
        ValidTransactions {
            last: open.last,
            invalid: open.invalid.into_iter().collect(),
        }
    }
}

/// What of a table a reader sees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TableWrites {
    pub(crate) last: u64,
    /// Each with whether it is aborted, in order.
    pub(crate) invalid: Vec<(u64, bool)>,
}

impl TableWrites {
    /// Returns the first that is open.
    pub(crate) fn first_open(&self) -> Option<u64> {
        self.invalid
            .iter()
            .find(|(_, aborted)| !aborted)
            .map(|(id, _)| *id)
    }
}

impl Ledger {
    /// Returns the last write id of a table, 0 if none was given.
    pub(crate) fn last_write(&self, table: &str) -> u64 {
        self.writes.get(table).map_or(0, |writes| writes.last)
    }

    /// Returns what of a table those see who see `valid`.
    pub(crate) fn valid_writes(&self, table: &str, valid: &ValidTransactions) -> TableWrites {
        let Some(writes) = self.writes.get(table) else {
            return TableWrites::default();
        };
        let seen = writes.by_transaction.iter().filter(|(id, _)| **id <= valid.last);
        // ids that were seeded, or whose transactions nobody remembers, can be seen by all
        let later = writes.by_transaction.iter().filter(|(id, _)| **id > valid.last);
        let before_later = later.map(|(_, write)| write - 1).min().unwrap_or(writes.last);
        let last = seen.map(|(_, write)| *write).max().unwrap_or(before_later);
        let mut invalid: Vec<(u64, bool)> = Vec::new();
        for (transaction, write) in &writes.by_transaction {
            let aborted = match valid.invalid.get(transaction) {
                Some(aborted) => *aborted,
                None if *transaction > valid.last => false,
                None => continue,
            };
            if *write <= last {
                invalid.push((*write, aborted));
            }
        }
        invalid.sort_unstable();
        TableWrites { last, invalid }
    }
}

impl Draft {
    /// Gives each transaction a write id in a table, or the one that it has; in the order of transactions.
    pub(crate) fn allocate(
        &mut self,
        table: &str,
        transactions: &[i64],
    ) -> Result<Vec<(u64, u64)>, LedgerError> {
        let mut ids = Vec::new();
        for id in transactions {
            ids.push(self.ledger.open(*id)?);
        }
        ids.sort_unstable();
        ids.dedup();
        let mut writes = self.ledger.writes.get(table).cloned().unwrap_or_default();
        let mut given = Vec::new();
        for id in ids {
            let write = match writes.by_transaction.get(&id) {
                Some(write) => *write,
                None => {
                    writes.last += 1;
                    writes.by_transaction.insert(id, writes.last);
                    writes.last
                }
            };
            given.push((id, write));
        }
        self.forget_writes(&mut writes);
        self.put_writes(table, writes);
        Ok(given)
    }

    /// Forgets which transactions wrote what, where all see it: all but the last of them.
    fn forget_writes(&self, writes: &mut Writes) {
        let first_open = self.ledger.first_open();
        let transactions = &self.ledger.transactions;
        let seen = |id: &u64| *id < first_open && !transactions.contains_key(id);
        let of_all = writes.by_transaction.iter().filter(|(id, _)| seen(id));
        let Some((kept, _)) = of_all.max_by_key(|(_, write)| **write) else {
            return;
        };
        let kept = *kept;
        let rest = writes
            .by_transaction
            .iter()
            .filter(|(id, _)| !seen(id) || **id == kept);
        writes.by_transaction = rest.map(|(id, write)| (*id, *write)).collect();
    }

    fn put_writes(&mut self, table: &str, writes: Writes) {
        self.ledger.writes.insert(table.to_owned(), writes);
        self.changed.insert(Key::Writes(table.to_owned()));
    }

    /// Lets write ids of a table that has none begin behind `seed`.
    pub(crate) fn seed_writes(&mut self, table: &str, seed: i64) -> Result<(), LedgerError> {
        let last = self.ledger.last_write(table);
        if last > 0 {
            let table = table.to_owned();
            return Err(LedgerError::LateWriteSeed { table, last });
        }
        let last = u64::try_from(seed).unwrap_or_default();
        self.put_writes(
            table,
            Writes {
                last,
                ..Writes::default()
            },
        );
        Ok(())
    }

    /// Lets a table that is about to be renamed keep its write ids.
    pub(crate) fn carry_writes(&mut self, from: &str, to: &str) {
        let Some(writes) = self.ledger.writes.get(from).cloned() else {
            return;
        };
        let known = self.ledger.writes.get(to).cloned().unwrap_or_default();
        let merged = Writes {
            last: writes.last.max(known.last),
            by_transaction: known.by_transaction.union(writes.by_transaction),
        };
        self.put_writes(to, merged);
    }
}
