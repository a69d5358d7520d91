//! The stored form of an attempt.

use bytes::Bytes;

use super::{Attempt, AttemptId, AttemptState, Decision};
use crate::codec::{DecodeError, Reader, put_bytes, put_varint};
use crate::commit::CommitKind;
use crate::merge::{Policy, Refusal, Warnings};
use crate::{CommitId, Hash, RefName};

const FORMAT: u8 = 2;
/// The format before there were warnings.
const WITHOUT_WARNINGS: u8 = 1;

pub(super) fn encode(attempt: &Attempt) -> Bytes {
    let mut out = vec![FORMAT, attempt.kind as u8, attempt.state as u8];
    for text in [
        attempt.into.as_str(),
        &attempt.source,
        &attempt.author,
        &attempt.message,
    ] {
        put_bytes(&mut out, text.as_bytes());
    }
    put_varint(&mut out, attempt.metadata.len() as u64);
    for (key, value) in &attempt.metadata {
        put_bytes(&mut out, key.as_bytes());
        put_bytes(&mut out, value.as_bytes());
    }
    put_bytes(&mut out, attempt.policy.map_or("", Policy::name).as_bytes());
    put_bytes(&mut out, &attempt.options);
    put_varint(&mut out, attempt.decisions.len() as u64);
    for (key, decision) in &attempt.decisions {
        put_bytes(&mut out, key.as_bytes());
        put_bytes(&mut out, &decision.choice);
        out.extend(decision.about.0);
    }
    for id in [attempt.theirs, attempt.base, attempt.ours] {
        out.extend(id.0.0);
    }
    for id in [attempt.from, attempt.candidate] {
        put_bytes(&mut out, id.as_ref().map_or(&[][..], |id| &id.0.0));
    }
    put_varint(&mut out, attempt.refusals.len() as u64);
    for refusal in &attempt.refusals {
        put_bytes(&mut out, refusal.check.as_bytes());
        put_bytes(&mut out, refusal.reason.as_bytes());
    }
    put_bytes(
        &mut out,
        attempt.failure.as_deref().unwrap_or_default().as_bytes(),
    );
    for number in numbers(attempt) {
        put_varint(&mut out, number);
    }
    put_varint(&mut out, attempt.warnings.total);
    put_varint(&mut out, attempt.warnings.first.len() as u64);
    for warning in &attempt.warnings.first {
        put_bytes(&mut out, warning);
    }
    out.into()
}

fn numbers(attempt: &Attempt) -> [u64; 6] {
    [
        attempt.conflicts,
        attempt.round,
        attempt.created_us,
        attempt.updated_us,
        attempt.lease_us,
        attempt.run,
    ]
}

pub(super) fn decode(id: &str, bytes: &[u8]) -> Result<Attempt, DecodeError> {
    let mut reader = Reader::new(bytes);
    let format = reader.byte()?;
    if ![WITHOUT_WARNINGS, FORMAT].contains(&format) {
        return Err(DecodeError::Tag(format.into()));
    }
    let kind = tag(CommitKind::ALL.into_iter(), |kind| *kind as u8, reader.byte()?)?;
    let state = tag(
        AttemptState::ALL.into_iter(),
        |state| *state as u8,
        reader.byte()?,
    )?;
    let into = RefName::parse(reader.text()?).map_err(|_| DecodeError::Canonical("no name of a branch"))?;
    let [source, author, message] = [text(&mut reader)?, text(&mut reader)?, text(&mut reader)?];
    let metadata = many(&mut reader, |reader| Ok((text(reader)?, text(reader)?)))?;
    let policy = match reader.text()? {
        "" => None,
        name => Some(Policy::parse(name).ok_or(DecodeError::Canonical("no policy"))?),
    };
    let options = self::bytes(&mut reader)?;
    let decisions = many(&mut reader, decision)?;
    let [theirs, base, ours] = [commit(&mut reader)?, commit(&mut reader)?, commit(&mut reader)?];
    let [from, candidate] = [perhaps(&mut reader)?, perhaps(&mut reader)?];
    let refusals = many(&mut reader, refusal)?;
    let failure = Some(text(&mut reader)?).filter(|failure| !failure.is_empty());
    let mut numbers = [0; 6];
    for number in &mut numbers {
        *number = reader.varint()?;
    }
    let warnings = match format {
        WITHOUT_WARNINGS => Warnings::default(),
        _ => warnings(&mut reader)?,
    };
    reader.finish()?;
    let [conflicts, round, created_us, updated_us, lease_us, run] = numbers;
    Ok(Attempt {
        id: AttemptId::parse(id).map_err(|_| DecodeError::Canonical("no id of a merge"))?,
        kind,
        into,
        source,
        theirs,
        from,
        author,
        message,
        metadata,
        policy,
        options,
        decisions,
        state,
        base,
        ours,
        candidate,
        conflicts,
        round,
        refusals,
        failure,
        warnings,
        created_us,
        updated_us,
        lease_us,
        run,
    })
}

fn warnings(reader: &mut Reader<'_>) -> Result<Warnings, DecodeError> {
    let total = reader.varint()?;
    let first = many(reader, bytes)?;
    Ok(Warnings { total, first })
}

/// Reads as many as the number says that stands before them.
fn many<T, C: Default + Extend<T>>(
    reader: &mut Reader<'_>,
    one: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<C, DecodeError> {
    let mut all = C::default();
    for _ in 0..reader.varint()? {
        all.extend([one(reader)?]);
    }
    Ok(all)
}

fn decision(reader: &mut Reader<'_>) -> Result<(String, Decision), DecodeError> {
    let (key, choice) = (text(reader)?, bytes(reader)?);
    let about = Hash(reader.array()?);
    Ok((key, Decision { choice, about }))
}

fn refusal(reader: &mut Reader<'_>) -> Result<Refusal, DecodeError> {
    let (check, reason) = (text(reader)?, text(reader)?);
    Ok(Refusal { check, reason })
}

fn bytes(reader: &mut Reader<'_>) -> Result<Bytes, DecodeError> {
    reader.bytes().map(Bytes::copy_from_slice)
}

fn tag<T>(mut all: impl Iterator<Item = T>, of: impl Fn(&T) -> u8, byte: u8) -> Result<T, DecodeError> {
    all.find(|one| of(one) == byte)
        .ok_or(DecodeError::Tag(byte.into()))
}

fn text(reader: &mut Reader<'_>) -> Result<String, DecodeError> {
    reader.text().map(str::to_owned)
}

fn commit(reader: &mut Reader<'_>) -> Result<CommitId, DecodeError> {
    Ok(CommitId(Hash(reader.array()?)))
}

fn perhaps(reader: &mut Reader<'_>) -> Result<Option<CommitId>, DecodeError> {
    match reader.bytes()? {
        [] => Ok(None),
        bytes => {
            let hash = bytes
                .try_into()
                .map_err(|_| DecodeError::Canonical("no id of a commit"))?;
            Ok(Some(CommitId(Hash(hash))))
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    pub(crate) fn attempt() -> Attempt {
        let commit = |n| CommitId(Hash([n; 32]));
        Attempt {
            id: AttemptId::parse("0123456789ab").unwrap(),
            kind: CommitKind::Merge,
            into: RefName::parse("main").unwrap(),
            source: "etl".into(),
            theirs: commit(1),
            from: None,
            author: "ann".into(),
            message: "merge etl".into(),
            metadata: BTreeMap::from([("k".into(), "v".into())]),
            policy: Some(Policy::Rerun),
            options: Bytes::from_static(b"{}"),
            decisions: BTreeMap::from([(
                "c".into(),
                Decision {
                    choice: Bytes::from_static(b"ours"),
                    about: Hash([9; 32]),
                },
            )]),
            state: AttemptState::Conflicts,
            base: commit(2),
            ours: commit(3),
            candidate: Some(commit(4)),
            conflicts: 1,
            round: 2,
            refusals: vec![Refusal {
                check: "rows".into(),
                reason: "2 rows".into(),
            }],
            failure: None,
            warnings: Warnings {
                total: 9,
                first: vec![Bytes::from_static(b"look at t")],
            },
            created_us: 5,
            updated_us: 6,
            lease_us: 7,
            run: 8,
        }
    }

    #[test]
    fn the_format_stays() {
        let hash = |bytes: &[u8]| Hash::of(crate::id::Domain::Blob, bytes).to_string()[..16].to_owned();
        let bytes = encode(&attempt());
        assert_eq!((bytes.len(), hash(&bytes)), (242, "f7242ec1b5832750".to_owned()));
        assert_eq!(decode("0123456789ab", &bytes).unwrap(), attempt());
        let old = Attempt {
            warnings: Warnings::default(),
            ..attempt()
        };
        let mut bytes = encode(&old).to_vec();
        bytes[0] = WITHOUT_WARNINGS;
        bytes.truncate(bytes.len() - 2);
        assert_eq!((bytes.len(), hash(&bytes)), (230, "8631a34c56844a0e".to_owned()));
        assert_eq!(decode("0123456789ab", &bytes).unwrap(), old);
    }

    #[test]
    fn damage_is_noticed() {
        let bytes = encode(&attempt());
        for end in 0..bytes.len() {
            assert!(decode("0123456789ab", &bytes[..end]).is_err(), "{end}");
        }
        assert!(decode("x", &bytes).is_err());
    }
}
