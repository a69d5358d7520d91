//! The stored forms of what a record holds beside its numbers: settings, protection, parents, mode.

use super::{CommitMode, Protection, WriteId};
use crate::codec::{DecodeError, Reader, put_bytes, put_varint};
use crate::merge::Policy;
use crate::{CommitId, Hash};

const FORMAT: u8 = 1;
const WITH_POLICY: u8 = 2;

/// Returns the bytes of settings that stand in order ([`super::rules::in_order`]).
pub(super) fn encode_settings(settings: &[(String, String)]) -> Vec<u8> {
    let mut out = vec![FORMAT];
    put_varint(&mut out, settings.len() as u64);
    for (key, value) in settings {
        put_bytes(&mut out, key.as_bytes());
        put_bytes(&mut out, value.as_bytes());
    }
    out
}

pub(super) fn decode_settings(bytes: &[u8]) -> Result<Vec<(String, String)>, DecodeError> {
    let mut reader = versioned(bytes)?;
    let mut settings = Vec::new();
    for _ in 0..reader.varint()? {
        settings.push((reader.text()?.to_owned(), reader.text()?.to_owned()));
    }
    reader.finish()?;
    Ok(settings)
}

/// Format 2 has the policy behind the checks; what has none but the default is written in format 1.
pub(super) fn encode_protection(protection: &Protection) -> Vec<u8> {
    let is_default = protection.policy == Policy::default();
    let mut out = vec![if is_default { FORMAT } else { WITH_POLICY }];
    put_varint(&mut out, protection.required_checks.len() as u64);
    for check in &protection.required_checks {
        put_bytes(&mut out, check.as_bytes());
    }
    if !is_default {
        put_bytes(&mut out, protection.policy.name().as_bytes());
    }
    out
}

pub(super) fn decode_protection(bytes: &[u8]) -> Result<Protection, DecodeError> {
    let mut reader = Reader::new(bytes);
    let format = reader.byte()?;
    if !matches!(format, FORMAT | WITH_POLICY) {
        return Err(DecodeError::Tag(format.into()));
    }
    let mut required_checks = Vec::new();
    for _ in 0..reader.varint()? {
        required_checks.push(reader.text()?.to_owned());
    }
    let policy = match format {
        WITH_POLICY => Policy::parse(reader.text()?).ok_or(DecodeError::Tag(format.into()))?,
        _ => Policy::default(),
    };
    reader.finish()?;
    Ok(Protection {
        required_checks,
        policy,
    })
}

/// Returns the ids one behind the other; their number follows from the length.
pub(super) fn encode_ids(ids: &[CommitId]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.0.0).collect()
}

pub(super) fn decode_ids(bytes: &[u8]) -> Result<Vec<CommitId>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let mut ids = Vec::new();
    while !reader.is_empty() {
        ids.push(CommitId(Hash(reader.array()?)));
    }
    Ok(ids)
}

/// Returns the ids one behind the other; their number follows from the length.
pub(super) fn encode_writes(writes: &[WriteId]) -> Vec<u8> {
    writes.iter().flat_map(|write| write.0).collect()
}

pub(super) fn decode_writes(bytes: &[u8]) -> Result<Vec<WriteId>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let mut writes = Vec::new();
    while !reader.is_empty() {
        writes.push(WriteId(reader.array()?));
    }
    Ok(writes)
}

pub(super) fn encode_mode(mode: CommitMode) -> i64 {
    match mode {
        CommitMode::Staged => 0,
        CommitMode::Coalesce => 1,
        CommitMode::Sync => 2,
    }
}

pub(super) fn decode_mode(number: i64) -> Result<CommitMode, DecodeError> {
    match number {
        0 => Ok(CommitMode::Staged),
        1 => Ok(CommitMode::Coalesce),
        2 => Ok(CommitMode::Sync),
        other => Err(DecodeError::Tag(other as u64)),
    }
}

fn versioned(bytes: &[u8]) -> Result<Reader<'_>, DecodeError> {
    let mut reader = Reader::new(bytes);
    match reader.byte()? {
        FORMAT => Ok(reader),
        other => Err(DecodeError::Tag(other.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formats_stay() {
        let settings = [("a".to_owned(), "bc".to_owned()), ("d".to_owned(), String::new())];
        assert_eq!(encode_settings(&settings), b"\x01\x02\x01a\x02bc\x01d\x00");
        assert_eq!(decode_settings(&encode_settings(&settings)).unwrap(), settings);
        let protection = Protection {
            required_checks: vec!["rows".into()],
            policy: Policy::Disjoint,
        };
        let strict = Protection {
            policy: Policy::Fail,
            ..protection.clone()
        };
        assert_eq!(encode_protection(&protection), b"\x01\x01\x04rows");
        assert_eq!(encode_protection(&strict), b"\x02\x01\x04rows\x04fail");
        for protection in [protection, strict] {
            assert_eq!(
                decode_protection(&encode_protection(&protection)).unwrap(),
                protection
            );
        }
        let writes = [WriteId([3; 16]), WriteId([4; 16])];
        assert_eq!(encode_writes(&writes), [[3; 16], [4; 16]].concat());
        assert_eq!(decode_writes(&encode_writes(&writes)).unwrap(), writes);
        for mode in [CommitMode::Staged, CommitMode::Coalesce, CommitMode::Sync] {
            assert_eq!(decode_mode(encode_mode(mode)), Ok(mode));
        }
    }

    #[test]
    fn damage_is_noticed() {
        for bytes in [
            &b""[..],
            b"\x02\x00",
            b"\x01\x01",
            b"\x01\x00\x00",
            b"\x01\xff\xff\xff\xff\x0f",
        ] {
            assert!(decode_settings(bytes).is_err(), "{bytes:?}");
            assert!(decode_protection(bytes).is_err(), "{bytes:?}");
        }
        assert!(decode_protection(b"\x01\x01\x01\xff").is_err(), "not a text");
        assert!(decode_ids(&[0; 33]).is_err());
        assert!(decode_writes(&[0; 17]).is_err());
        assert!(decode_mode(3).is_err());
    }
}
