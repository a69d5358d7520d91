//! From rows to records, with damage noticed.

use bytes::Bytes;

use crate::codec::DecodeError;
use crate::refs::{
    BranchRecord, CommitEntry, EventRecord, LogRecord, RefLogEntry, RepositoryId, RepositoryRecord,
    RepositoryRules, decode_roots, record, rules,
};
use crate::{CommitId, Error, Hash, RefName, RepositoryName, Result};

pub(super) type RepositoryRow = (Vec<u8>, String, String, i64, Vec<u8>);
pub(super) type BranchRow = (
    String,
    Vec<u8>,
    i64,
    i64,
    Vec<u8>,
    Option<Vec<u8>>,
    i64,
    i64,
    i64,
    Option<Vec<u8>>,
    i64,
    i64,
    Vec<u8>,
    i64,
    Option<Vec<u8>>,
    i64,
);
/// Name, rules, and how often these changed.
pub(super) type RulesRow = (String, Vec<u8>, i64);
pub(super) type LogRow = (i64, i64, i64, i64, Vec<u8>);
pub(super) type EventRow = (i64, i64, Vec<u8>);
pub(super) type CommitRow = (Vec<u8>, i64, i64, Vec<u8>);
pub(super) type RefLogRow = (String, i64, Option<Vec<u8>>, Option<Vec<u8>>, String);

/// Returns a number as SQL knows it.
pub(super) fn sql(number: u64) -> Result<i64> {
    rules::check_numbers(&[number])?;
    Ok(number as i64)
}

/// Returns a limit as SQL knows it.
pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) fn repository(row: RepositoryRow) -> Result<RepositoryRecord> {
    let (id, name, default_branch, created_us, settings) = row;
    let damaged = |message: &dyn ToString| damage("repository", &name, message);
    Ok(RepositoryRecord {
        id: RepositoryId(fixed(&id).map_err(|e| damaged(&e))?),
        name: RepositoryName::parse(&name).map_err(|e| damaged(&e))?,
        default_branch: RefName::parse(&default_branch).map_err(|e| damaged(&e))?,
        created_us: number(created_us).map_err(|e| damaged(&e))?,
        settings: record::decode_settings(&settings).map_err(|e| damaged(&e))?,
    })
}

pub(super) fn rules_of((name, bytes, generation): &RulesRow) -> Result<(u64, RepositoryRules)> {
    let damaged = |error: DecodeError| damage("rules of repository", name, &error);
    let rules = record::decode_rules(bytes).map_err(damaged)?;
    Ok((number(*generation).map_err(damaged)?, rules))
}

pub(super) fn branch(row: BranchRow) -> Result<BranchRecord> {
    let name = RefName::stored(&row.0).map_err(|e| damage("branch", &row.0, &e))?;
    let key = row.0.clone();
    branch_fields(name, row).map_err(|e| damage("branch", &key, &e))
}

fn branch_fields(name: RefName, row: BranchRow) -> Result<BranchRecord, DecodeError> {
    let (
        _,
        incarnation,
        generation,
        base_generation,
        head,
        staged,
        folded_seq,
        seq,
        mode,
        protection,
        created,
        sealed_seq,
        writes,
        rules_generation,
        expiry,
        touched,
    ) = row;
    Ok(BranchRecord {
        name,
        incarnation: fixed(&incarnation)?,
        generation: number(generation)?,
        base_generation: number(base_generation)?,
        head: id(&head)?,
        staged: staged.map(|bytes| decode_roots(&bytes)).transpose()?,
        folded_seq: number(folded_seq)?,
        sealed_seq: number(sealed_seq)?,
        seq: number(seq)?,
        mode: record::decode_mode(mode)?,
        protection: protection
            .map(|bytes| record::decode_protection(&bytes))
            .transpose()?,
        expiry: expiry
            .map(|bytes| record::decode_expiry(&bytes))
            .transpose()?
            .unwrap_or_default(),
        rules_generation: number(rules_generation)?,
        created_us: number(created)?,
        touched_us: number(touched)?,
        recent_writes: record::decode_writes(&writes)?,
    })
}

pub(super) fn log((seq, ops, time_us, epoch, payload): LogRow) -> Result<LogRecord> {
    let read = || {
        Ok(LogRecord {
            seq: number(seq)?,
            ops: small(ops)?,
            time_us: number(time_us)?,
            epoch: small(epoch)?,
            payload: Bytes::from(payload),
            events: Vec::new(),
        })
    };
    read().map_err(|e: DecodeError| damage("batch", &seq.to_string(), &e))
}

pub(super) fn event((of, time_us, payload): EventRow) -> Result<EventRecord> {
    let read = || {
        Ok(EventRecord {
            number: number(of)?,
            time_us: number(time_us)?,
            payload: Bytes::from(payload),
        })
    };
    read().map_err(|e: DecodeError| damage("event", &of.to_string(), &e))
}

/// Returns a number that counts `what`.
pub(super) fn count(what: &'static str, found: i64) -> Result<u64> {
    number(found).map_err(|e: DecodeError| damage(what, &found.to_string(), &e))
}

pub(super) fn commit((bytes, epoch, generation, parents): CommitRow) -> Result<CommitEntry> {
    let id = commit_id(&bytes)?;
    let read = || {
        let parents = record::decode_ids(&parents)?;
        Ok(CommitEntry {
            id,
            epoch: small(epoch)?,
            generation: number(generation)?,
            parents,
        })
    };
    read().map_err(|e: DecodeError| damage("index entry of commit", &id.to_string(), &e))
}

pub(super) fn repository_id(bytes: &[u8]) -> Result<RepositoryId> {
    let id = fixed(bytes).map_err(|e| damage("repository id", &format!("{bytes:02x?}"), &e))?;
    Ok(RepositoryId(id))
}

pub(super) fn commit_id(bytes: &[u8]) -> Result<CommitId> {
    id(bytes).map_err(|e| damage("commit id", &format!("{bytes:02x?}"), &e))
}

pub(super) fn ref_name(name: &str) -> Result<RefName> {
    RefName::stored(name).map_err(|e| damage("ref", name, &e))
}

pub(super) fn ref_log((name, time_us, from, to, reason): RefLogRow) -> Result<RefLogEntry> {
    let branch = ref_name(&name)?;
    let read = || {
        let from = from.map(|bytes| id(&bytes)).transpose()?;
        let to = to.map(|bytes| id(&bytes)).transpose()?;
        Ok(RefLogEntry {
            branch,
            time_us: number(time_us)?,
            from,
            to,
            reason,
        })
    };
    read().map_err(|e: DecodeError| damage("recorded move of ref", &name, &e))
}

/// Returns the epoch, or a number of the same kind.
pub(super) fn epoch(value: i64) -> Result<u32> {
    small(value).map_err(|e| damage("epoch", &value.to_string(), &e))
}

pub(super) fn key(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes)
        .map_err(|e| damage("key of a record", &String::from_utf8_lossy(e.as_bytes()), &e))
}

fn damage(what: &'static str, key: &str, message: &dyn ToString) -> Error {
    Error::Corrupt {
        what,
        key: key.to_owned(),
        message: message.to_string(),
    }
}

fn id(bytes: &[u8]) -> Result<CommitId, DecodeError> {
    Ok(CommitId(Hash(fixed(bytes)?)))
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], DecodeError> {
    bytes
        .try_into()
        .map_err(|_| DecodeError::Canonical("an id of the wrong length"))
}

fn number(value: i64) -> Result<u64, DecodeError> {
    u64::try_from(value).map_err(|_| DecodeError::Canonical("a negative number"))
}

fn small(value: i64) -> Result<u32, DecodeError> {
    u32::try_from(value).map_err(|_| DecodeError::Canonical("a number that is negative or too large"))
}
