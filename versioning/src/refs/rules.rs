//! What every backend demands of a call before it looks at its state, as pure functions.

use std::collections::BTreeMap;

use super::{
    BranchRecord, CommitEntry, Expected, HeadMove, LogRecord, Removal, RepositoryId, RepositoryRecord,
    RepositoryRules,
};
use crate::id::{hex, is_lower_hex};
use crate::{CommitId, Error, Hash, Result};

/// The greatest number a store has to keep: SQL knows signed numbers only.
pub(super) const NUMBER_MAX: u64 = i64::MAX as u64;

/// Returns the settings in the order of their keys, each key once.
pub(super) fn in_order(settings: &[(String, String)]) -> Vec<(String, String)> {
    settings
        .iter()
        .cloned()
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect()
}

pub(super) fn check_repository(
    repository: &RepositoryRecord,
    first: &BranchRecord,
    root: &CommitEntry,
) -> Result<()> {
    demand(
        first.name == repository.default_branch,
        "the first branch is not the default branch",
    )?;
    demand(
        first.head == root.id,
        "the first branch does not stand at the root commit",
    )?;
    check_numbers(&[repository.created_us])?;
    check_entries(std::slice::from_ref(root))?;
    check_branch(first)
}

pub(super) fn check_branch(branch: &BranchRecord) -> Result<()> {
    demand(
        branch.seq == branch.folded_seq && branch.seq == branch.sealed_seq,
        "a new branch has operations without a log",
    )?;
    demand(
        branch.recent_writes.is_empty(),
        "a new branch was written to already",
    )?;
    check_numbers(&[
        branch.generation,
        branch.base_generation,
        branch.rules_generation,
        branch.seq,
        branch.created_us,
        branch.touched_us,
    ])
}

pub(super) fn check_removal(removal: &Removal) -> Result<()> {
    let compared = untouched(removal).map(Option::unwrap_or_default);
    check_numbers(&[removal.time_us, removal.rules, compared[0], compared[1]])
}

/// Returns the generation and the seq that a removal compares, if it does.
pub(super) fn untouched(removal: &Removal) -> [Option<u64>; 2] {
    let (generation, seq) = removal.untouched.unzip();
    [generation, seq]
}

/// Fails if a repository of that name and with these rules takes no writes.
pub(super) fn check_open(name: &str, rules: &RepositoryRules) -> Result<()> {
    match rules.read_only {
        true => Err(Error::RepositoryReadOnly {
            repository: name.to_owned(),
        }),
        false => Ok(()),
    }
}

pub(super) fn check_append(expected: &Expected, record: &LogRecord) -> Result<()> {
    demand(record.ops > 0, "an empty batch was appended")?;
    let end = expected.seq.checked_add(record.ops.into());
    demand(end == Some(record.seq), "an append leaves a gap")?;
    check_numbers(&[record.seq, record.time_us, expected.rules])
}

pub(super) fn check_move(expected: &Expected, to: &HeadMove) -> Result<()> {
    check_fold(expected, to.folded_seq)?;
    check_entries(&to.index)?;
    check_numbers(&[to.time_us])
}

pub(super) fn check_fold(expected: &Expected, folded_seq: u64) -> Result<()> {
    demand(folded_seq >= expected.folded_seq, "a fold goes backwards")?;
    check_numbers(&[folded_seq, expected.base_generation, expected.seq])
}

pub(super) fn check_entries(entries: &[CommitEntry]) -> Result<()> {
    entries
        .iter()
        .try_for_each(|entry| check_numbers(&[entry.generation]))
}

pub(super) fn check_numbers(numbers: &[u64]) -> Result<()> {
    demand(
        numbers.iter().all(|number| *number <= NUMBER_MAX),
        "a number has more than 63 bits",
    )
}

/// Fails if work that began in epoch `begun` may rest on files that were removed since.
pub(super) fn check_epoch(operation: &'static str, begun: u32, current: u32) -> Result<()> {
    demand(begun <= current, "work began in an epoch that is yet to come")?;
    if current - begun <= 1 {
        return Ok(());
    }
    let message = format!("it began in epoch {begun}, now is epoch {current}, so it has to begin again");
    Err(Error::Storage { operation, message })
}

pub(super) fn check_keys<'a>(mut keys: impl Iterator<Item = &'a String>) -> Result<()> {
    match keys.find(|key| key.is_empty()) {
        Some(key) => Err(Error::Name {
            what: "key",
            name: key.clone(),
            rule: "not empty",
        }),
        None => Ok(()),
    }
}

/// Returns the error of a name that is taken by `what`.
pub(super) fn taken(what: &'static str, name: &impl ToString) -> Error {
    let name = name.to_string();
    Error::AlreadyExists { what, name }
}

/// Returns the error of something that is not there.
pub(super) fn missing(what: &'static str, name: &impl ToString) -> Error {
    let name = name.to_string();
    Error::NotFound { what, name }
}

/// Returns the error of a write to a repository that is not there.
pub(super) fn no_repository(id: RepositoryId) -> Error {
    missing("repository", &hex(&id.0))
}

/// Returns the settings of `record` in order, and all else as it is.
pub(super) fn with_settings_in_order(record: &RepositoryRecord) -> RepositoryRecord {
    RepositoryRecord {
        settings: in_order(&record.settings),
        ..record.clone()
    }
}

pub(super) const PARENTS_FIRST: &str = "a commit was indexed before its parents";

/// Fails with a defect of skep unless `holds`.
pub(super) fn demand(holds: bool, otherwise: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Error::Internal(format!("ref store: {otherwise}")))
    }
}

/// Returns the first and the last id that begin with the hexadecimal digits `prefix`.
pub(super) fn ids_by_prefix(prefix: &str) -> Option<(CommitId, CommitId)> {
    if prefix.len() > 64 || !is_lower_hex(prefix) {
        return None;
    }
    let id = |fill: &str| Hash::parse(&format!("{prefix}{}", fill.repeat(64 - prefix.len()))).ok();
    Some((CommitId(id("0")?), CommitId(id("f")?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_ranges_of_ids() {
        let (first, last) = ids_by_prefix("3f9").unwrap();
        assert_eq!(first.to_string(), format!("3f9{}", "0".repeat(61)));
        assert_eq!(last.to_string(), format!("3f9{}", "f".repeat(61)));
        let whole = "ab".repeat(32);
        let (first, last) = ids_by_prefix(&whole).unwrap();
        assert!(first == last && first.to_string() == whole);
        assert!(ids_by_prefix("").is_some());
        for bad in ["g", "3F", "é", &"a".repeat(65)] {
            assert!(ids_by_prefix(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn work_may_be_one_epoch_old() {
        assert!(check_epoch("fold", 3, 3).is_ok());
        assert!(check_epoch("fold", 2, 3).is_ok());
        assert!(matches!(check_epoch("fold", 1, 3), Err(Error::Storage { .. })));
        assert!(matches!(check_epoch("fold", 4, 3), Err(Error::Internal(_))));
    }
}
