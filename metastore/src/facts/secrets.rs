//! Delegation tokens and master keys of clients that keep them here, and statistics of queries that ran.

use std::collections::BTreeMap;

use bytes::Bytes;
use thrift_idl::types::RuntimeStat;
use versioning::codec::DecodeError;
use versioning::state::{Changes, Stateful};

use super::record::{encode, read};
use super::roles::keep;
use crate::exception::{Class, Failure};

/// How long statistics of queries are kept, as the original keeps them.
const RUNTIME_KEPT_S: i32 = 7 * 24 * 3_600;
/// How many of them are kept.
const RUNTIME_MAX: usize = 10_000;

/// Tokens, keys and runtime statistics of a repository, by the keys of their records.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    tokens: BTreeMap<String, String>,
    keys: BTreeMap<String, String>,
    runtime: BTreeMap<String, RuntimeStat>,
}

impl std::fmt::Debug for Secrets {
    /// Tells how many there are, and none of them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = (self.tokens.len(), self.keys.len(), self.runtime.len());
        f.debug_tuple("Secrets").field(&counts).finish()
    }
}

impl Stateful for Secrets {
    const NAMESPACE: &'static str = "hive-secrets";

    fn apply(&mut self, key: &str, value: Option<&Bytes>) -> Result<(), DecodeError> {
        match key.split_once('/') {
            Some(("token", _)) => keep(&mut self.tokens, key, value, text),
            Some(("key", _)) => keep(&mut self.keys, key, value, text),
            Some(("runtime", _)) => keep(&mut self.runtime, key, value, read),
            _ => Err(DecodeError::Canonical("an unknown kind of record")),
        }
    }
}

fn text(bytes: &[u8]) -> Result<String, DecodeError> {
    str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|_| DecodeError::Utf8)
}

fn token_key(id: &str) -> String {
    format!("token/{id}")
}

fn master_key(seq: i32) -> String {
    format!("key/{seq:010}")
}

impl Secrets {
    /// Adds a token; answers whether there was none of that identifier.
    pub(crate) fn add_token(&self, id: &str, token: &str) -> (Changes, bool) {
        let key = token_key(id);
        if self.tokens.contains_key(&key) {
            return (Vec::new(), false);
        }
        (vec![(key, Some(Bytes::copy_from_slice(token.as_bytes())))], true)
    }

    /// Removes a token; answers whether it was there.
    pub(crate) fn remove_token(&self, id: &str) -> (Changes, bool) {
        let key = token_key(id);
        let known = self.tokens.contains_key(&key);
        (known.then_some((key, None)).into_iter().collect(), known)
    }

    /// Returns a token; nothing but the empty text can say that it is not there.
    pub(crate) fn token(&self, id: &str) -> String {
        self.tokens.get(&token_key(id)).cloned().unwrap_or_default()
    }

    pub(crate) fn token_ids(&self) -> Vec<String> {
        let ids = self.tokens.keys().filter_map(|key| key.strip_prefix("token/"));
        ids.map(str::to_owned).collect()
    }

    /// Adds a master key; answers with its number.
    pub(crate) fn add_key(&self, key: &str) -> (Changes, i32) {
        let last = self.keys.keys().next_back();
        let last = last.and_then(|key| key.strip_prefix("key/")?.parse::<i32>().ok());
        let seq = last.map_or(0, |last| last.saturating_add(1));
        (
            vec![(master_key(seq), Some(Bytes::copy_from_slice(key.as_bytes())))],
            seq,
        )
    }

    pub(crate) fn update_key(&self, seq: i32, key: &str) -> Result<Changes, Failure> {
        let record = master_key(seq);
        if !self.keys.contains_key(&record) {
            let text = format!("No key found with keyId: {seq}");
            return Err(Failure::As(&[Class::NoSuchObject, Class::Meta], text));
        }
        Ok(vec![(record, Some(Bytes::copy_from_slice(key.as_bytes())))])
    }

    /// Removes a master key; answers whether it was there.
    pub(crate) fn remove_key(&self, seq: i32) -> (Changes, bool) {
        let key = master_key(seq);
        let known = self.keys.contains_key(&key);
        (known.then_some((key, None)).into_iter().collect(), known)
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.keys.values().cloned().collect()
    }

    /// Adds statistics of a query, and forgets old ones.
    pub(crate) fn add_runtime(&self, mut stat: RuntimeStat, now_s: i32) -> Changes {
        let time_s = *stat.create_time.get_or_insert(now_s);
        let last = self.runtime.keys().next_back();
        let last = last.and_then(|key| key.strip_prefix("runtime/")?.parse::<u64>().ok());
        let number = last.map_or(0, |last| last + 1);
        let too_many = (self.runtime.len() + 1).saturating_sub(RUNTIME_MAX);
        let old = |(place, (_, stat)): &(usize, (&String, &RuntimeStat))| {
            let time_s = stat.create_time.unwrap_or_default();
            *place < too_many || time_s < now_s.saturating_sub(RUNTIME_KEPT_S)
        };
        let forgotten = self.runtime.iter().enumerate().filter(old);
        let mut changes: Changes = forgotten.map(|(_, (key, _))| (key.clone(), None)).collect();
        stat.create_time = Some(time_s);
        changes.push((format!("runtime/{number:020}"), Some(encode(&stat))));
        changes
    }

    /// Returns the latest statistics up to a time, as many as weigh `weight_max` together; a negative one is all.
    pub(crate) fn runtime(&self, weight_max: i32, time_max: i32) -> Vec<RuntimeStat> {
        let mut stats: Vec<RuntimeStat> = self.runtime.values().cloned().collect();
        stats.retain(|stat| time_max <= 0 || stat.create_time.unwrap_or_default() <= time_max);
        stats.sort_by_key(|stat| std::cmp::Reverse(stat.create_time));
        let mut weight = 0_i64;
        let fits = |stat: &RuntimeStat| {
            weight += i64::from(stat.weight.unwrap_or_default());
            weight_max <= 0 || weight <= i64::from(weight_max)
        };
        stats.into_iter().take_while(fits).collect()
    }
}
