//! The stored forms of what a record holds beside its numbers: settings, rules, protection, parents, mode.

use super::{CommitMode, Expiry, Pattern, Protection, RepositoryRules, Rule, WriteId};
use crate::codec::{DecodeError, Reader, put_bytes, put_varint};
use crate::merge::{Policy, Strictness};
use crate::{CommitId, Hash};

const FORMAT: u8 = 1;
const WITH_POLICY: u8 = 2;
const WITH_STRICTNESS: u8 = 3;

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

/// Format 2 has the policy behind the checks, format 3 the strictness behind that; each is written only where it
/// is needed.
pub(super) fn encode_protection(protection: &Protection) -> Vec<u8> {
    let format = match (protection.policy == Policy::default(), protection.strictness) {
        (_, Some(_)) => WITH_STRICTNESS,
        (false, None) => WITH_POLICY,
        (true, None) => FORMAT,
    };
    let mut out = vec![format];
    put_varint(&mut out, protection.required_checks.len() as u64);
    for check in &protection.required_checks {
        put_bytes(&mut out, check.as_bytes());
    }
    if format >= WITH_POLICY {
        put_bytes(&mut out, protection.policy.name().as_bytes());
    }
    out.extend(protection.strictness.map(|strictness| strictness.0));
    out
}

pub(super) fn decode_protection(bytes: &[u8]) -> Result<Protection, DecodeError> {
    let mut reader = Reader::new(bytes);
    let format = reader.byte()?;
    if !matches!(format, FORMAT | WITH_POLICY | WITH_STRICTNESS) {
        return Err(DecodeError::Tag(format.into()));
    }
    let mut required_checks = Vec::new();
    for _ in 0..reader.varint()? {
        required_checks.push(reader.text()?.to_owned());
    }
    let policy = match format {
        FORMAT => Policy::default(),
        _ => Policy::parse(reader.text()?).ok_or(DecodeError::Tag(format.into()))?,
    };
    let strictness = match format {
        WITH_STRICTNESS => Some(Strictness(reader.byte()?)),
        _ => None,
    };
    reader.finish()?;
    Ok(Protection {
        required_checks,
        policy,
        strictness,
    })
}

/// A time is written as 1 more than it is, so that 0 is none.
fn put_expiry(out: &mut Vec<u8>, expiry: Expiry) {
    for time in [expiry.ttl_us, expiry.idle_us] {
        put_varint(out, time.map_or(0, |time| time.saturating_add(1)));
    }
}

fn read_expiry(reader: &mut Reader<'_>) -> Result<Expiry, DecodeError> {
    let [ttl_us, idle_us] = [reader.varint()?, reader.varint()?].map(|time| time.checked_sub(1));
    Ok(Expiry { ttl_us, idle_us })
}

/// Returns nothing for a branch that lives for ever.
pub(super) fn encode_expiry(expiry: Expiry) -> Option<Vec<u8>> {
    let mut out = vec![FORMAT];
    put_expiry(&mut out, expiry);
    (!expiry.is_never()).then_some(out)
}

pub(super) fn decode_expiry(bytes: &[u8]) -> Result<Expiry, DecodeError> {
    let mut reader = versioned(bytes)?;
    let expiry = read_expiry(&mut reader)?;
    reader.finish()?;
    Ok(expiry)
}

pub(super) fn encode_rules(rules: &RepositoryRules) -> Vec<u8> {
    let mut out = vec![FORMAT, rules.read_only.into()];
    put_varint(&mut out, rules.patterns.len() as u64);
    for (pattern, rule) in &rules.patterns {
        put_bytes(&mut out, pattern.as_str().as_bytes());
        let protection = rule.protection.as_ref().map(encode_protection);
        put_bytes(&mut out, &protection.unwrap_or_default());
        put_expiry(&mut out, rule.expiry);
    }
    out
}

pub(super) fn decode_rules(bytes: &[u8]) -> Result<RepositoryRules, DecodeError> {
    let mut reader = versioned(bytes)?;
    let read_only = match reader.byte()? {
        0 => false,
        1 => true,
        other => return Err(DecodeError::Tag(other.into())),
    };
    let mut rules = RepositoryRules {
        read_only,
        ..RepositoryRules::default()
    };
    for _ in 0..reader.varint()? {
        let pattern =
            Pattern::parse(reader.text()?).map_err(|_| DecodeError::Canonical("no pattern of names"))?;
        let protection = match reader.bytes()? {
            [] => None,
            bytes => Some(decode_protection(bytes)?),
        };
        let expiry = read_expiry(&mut reader)?;
        rules.patterns.insert(pattern, Rule { protection, expiry });
    }
    reader.finish()?;
    Ok(rules)
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
            strictness: None,
        };
        let strict = Protection {
            policy: Policy::Fail,
            ..protection.clone()
        };
        let stricter = Protection {
            strictness: Some(Strictness(2)),
            ..strict.clone()
        };
        assert_eq!(encode_protection(&stricter), b"\x03\x01\x04rows\x04fail\x02");
        assert_eq!(encode_protection(&protection), b"\x01\x01\x04rows");
        assert_eq!(encode_protection(&strict), b"\x02\x01\x04rows\x04fail");
        for protection in [protection, strict, stricter] {
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
    fn the_formats_of_rules_stay() {
        let expiry = Expiry {
            ttl_us: Some(6),
            idle_us: None,
        };
        assert_eq!(encode_expiry(Expiry::default()), None);
        let bytes = encode_expiry(expiry).unwrap();
        assert_eq!(bytes, b"\x01\x07\x00");
        assert_eq!(decode_expiry(&bytes), Ok(expiry));
        let protection = Some(Protection::default());
        let rule =
            |text: &str, protection, expiry| (Pattern::parse(text).unwrap(), Rule { protection, expiry });
        let rules = RepositoryRules {
            read_only: true,
            patterns: [
                rule("t*", None, expiry),
                rule("main", protection, Expiry::default()),
            ]
            .into(),
        };
        let bytes = encode_rules(&rules);
        assert_eq!(
            bytes,
            b"\x01\x01\x02\x04main\x02\x01\x00\x00\x00\x02t*\x00\x07\x00"
        );
        assert_eq!(decode_rules(&bytes), Ok(rules));
        for end in 0..bytes.len() {
            assert!(decode_rules(&bytes[..end]).is_err(), "{end}");
        }
        assert_eq!(decode_rules(b"\x01\x00\x00"), Ok(RepositoryRules::default()));
        assert!(decode_rules(b"\x01\x02\x00").is_err());
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
