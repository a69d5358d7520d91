//! Why a lock, a transaction or a write id is refused, in the words of the original.

use super::Lock;

/// Why the ledger refuses.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error("No such lock lockid:{0}")]
    NoLockToCheck(i64),
    #[error("No such lock: lockid:{0}")]
    NoLockToBeat(i64),
    #[error(
        "Unlocking locks associated with transaction not permitted.  {}",
        described(*.id, .lock)
    )]
    OfTransaction { id: u64, lock: Box<Lock> },
    #[error("No such transaction txnid:{0}")]
    NoTransaction(i64),
    #[error("Transaction txnid:{0} is already committed.")]
    Committed(i64),
    #[error("Transaction txnid:{0} already aborted")]
    Aborted(i64),
    #[error(
        "Aborting [txnid:{transaction},{at}] due to a write conflict on {resource} committed by \
         [txnid:{other},{other_at}] {letters}"
    )]
    WriteConflict {
        transaction: i64,
        at: u64,
        resource: String,
        other: u64,
        other_at: u64,
        letters: &'static str,
    },
    #[error("Invalid txnId seed {seed}, the highWaterMark is {last}")]
    LateSeed { seed: i64, last: u64 },
    #[error("Write ids of {table} are given already, up to {last}")]
    LateWriteSeed { table: String, last: u64 },
    #[error("{0:?} is no list of transactions")]
    NoTransactionList(String),
    #[error(transparent)]
    Store(#[from] versioning::Error),
}

/// Spells the first part of a lock as the original does.
fn described(id: u64, lock: &Lock) -> String {
    let Some(part) = lock.components.first() else {
        return format!("lockid:{id}");
    };
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "null".into());
    format!(
        "lockid:{id} intLockId:1 txnid:{} db:{} table:{} partition:{} state:ACQUIRED type:{}",
        lock.transaction,
        part.resource.database,
        name(&part.resource.table),
        name(&part.resource.partition),
        part.kind.spell(),
    )
}
