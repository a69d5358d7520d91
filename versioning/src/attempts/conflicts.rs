//! The conflicts of attempts: small records, listed by page in the order in which the merge told them.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Attempt, AttemptId, Decision};
use crate::codec::{DecodeError, Reader, put_bytes};
use crate::refs::{RefStore, RepositoryId};
use crate::{Error, Hash, Result};

const NAMESPACE: &str = "merge_conflicts";
const FORMAT: u8 = 2;
/// How many records are written or read at once.
const PAGE: usize = 1_000;

/// A conflict as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRecord {
    /// By what decisions name it: the same in every merge that comes upon it.
    pub id: String,
    /// Bytes of an upper room: all that is needed to decide it.
    pub content: Bytes,
    /// A digest of what the three versions have there: a decision is about these, and counts for no others.
    pub about: Hash,
}

impl ConflictRecord {
    fn encode(&self) -> Bytes {
        let mut out = vec![FORMAT];
        put_bytes(&mut out, self.id.as_bytes());
        put_bytes(&mut out, &self.content);
        out.extend(self.about.0);
        out.into()
    }

    fn decode(bytes: &Bytes) -> Result<ConflictRecord, DecodeError> {
        let mut reader = Reader::new(bytes);
        match reader.byte()? {
            FORMAT => {}
            other => return Err(DecodeError::Tag(other.into())),
        }
        let id = reader.text()?.to_owned();
        let content = crate::codec::share(bytes, reader.bytes()?);
        let about = Hash(reader.array()?);
        reader.finish()?;
        Ok(ConflictRecord { id, content, about })
    }
}

/// Returns the decisions that are about these conflicts as they are.
pub(crate) fn meant(
    decisions: &BTreeMap<String, Decision>,
    conflicts: &[ConflictRecord],
) -> BTreeMap<String, Decision> {
    let about = |conflict: &ConflictRecord| {
        let decision = decisions.get(&conflict.id)?;
        (decision.about == conflict.about).then(|| (conflict.id.clone(), decision.clone()))
    };
    conflicts.iter().filter_map(about).collect()
}

fn prefix(id: &AttemptId, round: u64) -> String {
    format!("{id}.{round:08}.")
}

fn key(id: &AttemptId, round: u64, number: u64) -> String {
    format!("{}{number:08}", prefix(id, round))
}

/// Stores the conflicts of a round.
pub(super) async fn write(
    refs: &dyn RefStore,
    repository: RepositoryId,
    (id, round): (&AttemptId, u64),
    conflicts: &[ConflictRecord],
) -> Result<()> {
    let mut number = 0;
    for page in conflicts.chunks(PAGE) {
        let records: Vec<_> = page
            .iter()
            .map(|conflict| {
                number += 1;
                (key(id, round, number), Some(conflict.encode()))
            })
            .collect();
        refs.kv_write(repository, NAMESPACE, &records).await?;
    }
    Ok(())
}

/// Returns up to `limit` conflicts behind the number `after`, with their numbers, which begin at 1.
pub(super) async fn read(
    refs: &dyn RefStore,
    repository: RepositoryId,
    attempt: &Attempt,
    (after, limit): (u64, usize),
) -> Result<Vec<(u64, ConflictRecord)>> {
    let (prefix, after_key) = (
        prefix(&attempt.id, attempt.round),
        key(&attempt.id, attempt.round, after),
    );
    let records = refs.kv_list(repository, NAMESPACE, &prefix, &after_key, limit);
    let mut found = Vec::new();
    for (key, value) in records.await? {
        let corrupt = |message: String| Error::Corrupt {
            what: "conflict record",
            key: key.clone(),
            message,
        };
        let number = key[prefix.len()..]
            .parse()
            .map_err(|_| corrupt("has no number".into()))?;
        let record = ConflictRecord::decode(&value).map_err(|error| corrupt(error.to_string()))?;
        found.push((number, record));
    }
    Ok(found)
}

/// Returns all conflicts of an attempt.
pub(super) async fn read_all(
    refs: &dyn RefStore,
    repository: RepositoryId,
    attempt: &Attempt,
) -> Result<Vec<ConflictRecord>> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = read(refs, repository, attempt, (after, PAGE)).await?;
        let Some((last, _)) = page.last() else {
            return Ok(all);
        };
        after = *last;
        all.extend(page.into_iter().map(|(_, record)| record));
    }
}

/// Removes the conflicts of an attempt, but those of the round `kept`.
pub(super) async fn remove(
    refs: &dyn RefStore,
    repository: RepositoryId,
    id: &AttemptId,
    kept: Option<u64>,
) -> Result<()> {
    let (all, kept) = (format!("{id}."), kept.map(|round| prefix(id, round)));
    let mut after = String::new();
    loop {
        let page = refs.kv_list(repository, NAMESPACE, &all, &after, PAGE).await?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        after.clone_from(last);
        let is_kept = |key: &String| kept.as_ref().is_some_and(|kept| key.starts_with(kept));
        let old: Vec<_> = page
            .into_iter()
            .filter(|(key, _)| !is_kept(key))
            .map(|(key, _)| (key, None))
            .collect();
        if !old.is_empty() {
            refs.kv_write(repository, NAMESPACE, &old).await?;
        }
    }
}
