//! The stored form of the ledger: one record a thing, each behind a version byte.

use bytes::Bytes;
use versioning::codec::{DecodeError, Reader, put_bytes, put_varint};

use super::{
    Commit, Component, Key, Kind, Ledger, Lock, Operation, Owner, Pulse, Resource, Transaction, Writes,
    Written,
};

const FORMAT: u8 = 1;
const COUNTERS: &str = "counters";
/// Parts the names of a resource in a key; no name holds it.
const SEPARATOR: char = '\u{1}';

/// Returns the key of a record as it is stored.
pub(super) fn spell(key: &Key) -> String {
    match key {
        Key::Counters => COUNTERS.into(),
        Key::Lock(id) => format!("lock/{id:016x}"),
        Key::Transaction(id) => format!("transaction/{id:016x}"),
        Key::Writes(table) => format!("writes/{table}"),
        Key::Written(it) => {
            let names = [
                Some(&it.reference),
                Some(&it.database),
                it.table.as_ref(),
                it.partition.as_ref(),
            ];
            let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
            format!("written/{}", names.join(&SEPARATOR.to_string()))
        }
    }
}

/// Reads a key.
pub(super) fn parse(text: &str) -> Result<Key, DecodeError> {
    let unknown = DecodeError::Canonical("an unknown kind of record");
    let number = |digits: &str| {
        u64::from_str_radix(digits, 16).map_err(|_| DecodeError::Canonical("a key without a number"))
    };
    if text == COUNTERS {
        return Ok(Key::Counters);
    }
    match text.split_once('/').ok_or(unknown)? {
        ("lock", id) => Ok(Key::Lock(number(id)?)),
        ("transaction", id) => Ok(Key::Transaction(number(id)?)),
        ("writes", table) => Ok(Key::Writes(table.to_owned())),
        ("written", names) => {
            let mut names = names.split(SEPARATOR).map(str::to_owned);
            Ok(Key::Written(Resource {
                reference: names.next().unwrap_or_default(),
                database: names.next().unwrap_or_default(),
                table: names.next(),
                partition: names.next(),
            }))
        }
        _ => Err(unknown),
    }
}

impl Ledger {
    /// Returns the record of a key, if there is one.
    pub(super) fn encode(&self, key: &Key) -> Option<Bytes> {
        let mut out = vec![FORMAT];
        match key {
            Key::Counters => {
                put_varint(&mut out, self.last_lock);
                put_varint(&mut out, self.last_transaction);
            }
            Key::Lock(id) => put_lock(&mut out, self.locks.get(id)?),
            Key::Transaction(id) => put_transaction(&mut out, self.transactions.get(id)?),
            Key::Writes(table) => put_writes(&mut out, self.writes.get(table)?),
            Key::Written(resource) => {
                let written = self.written.get(resource)?;
                for commit in [written.update, written.delete] {
                    put_varint(&mut out, commit.transaction);
                    put_varint(&mut out, commit.at);
                }
            }
        }
        Some(Bytes::from(out))
    }

    /// Takes in a record.
    pub(super) fn decode(&mut self, key: &Key, value: Option<&Bytes>) -> Result<(), DecodeError> {
        let Some(bytes) = value else {
            self.remove(key);
            return Ok(());
        };
        let mut reader = Reader::new(bytes);
        if reader.byte()? != FORMAT {
            return Err(DecodeError::Canonical("an unknown version"));
        }
        match key {
            Key::Counters => {
                self.last_lock = reader.varint()?;
                self.last_transaction = reader.varint()?;
            }
            Key::Lock(id) => drop(self.locks.insert(*id, lock(&mut reader)?)),
            Key::Transaction(id) => drop(self.transactions.insert(*id, transaction(&mut reader)?)),
            Key::Writes(table) => drop(self.writes.insert(table.clone(), writes(&mut reader)?)),
            Key::Written(resource) => {
                let (update, delete) = (commit(&mut reader)?, commit(&mut reader)?);
                self.written.insert(resource.clone(), Written { update, delete });
            }
        }
        reader.finish()
    }

    fn remove(&mut self, key: &Key) {
        match key {
            Key::Counters => (self.last_lock, self.last_transaction) = (0, 0),
            Key::Lock(id) => drop(self.locks.remove(id)),
            Key::Transaction(id) => drop(self.transactions.remove(id)),
            Key::Writes(table) => drop(self.writes.remove(table)),
            Key::Written(resource) => drop(self.written.remove(resource)),
        }
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

fn put_optional(out: &mut Vec<u8>, text: Option<&String>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        put_text(out, text);
    }
}

fn text(reader: &mut Reader<'_>) -> Result<String, DecodeError> {
    Ok(reader.text()?.to_owned())
}

fn flag(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match reader.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::Canonical("a flag is neither 0 nor 1")),
    }
}

fn optional(reader: &mut Reader<'_>) -> Result<Option<String>, DecodeError> {
    Ok(if flag(reader)? { Some(text(reader)?) } else { None })
}

fn small(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    u32::try_from(reader.varint()?).map_err(|_| DecodeError::Canonical("a number is too large"))
}

fn put_owner(out: &mut Vec<u8>, owner: &Owner) {
    put_text(out, &owner.user);
    put_text(out, &owner.host);
    put_optional(out, owner.agent.as_ref());
}

fn owner(reader: &mut Reader<'_>) -> Result<Owner, DecodeError> {
    Ok(Owner {
        user: text(reader)?,
        host: text(reader)?,
        agent: optional(reader)?,
    })
}

fn put_pulse(out: &mut Vec<u8>, pulse: Pulse) {
    put_varint(out, pulse.started_ms);
    put_varint(out, pulse.last_ms);
    put_varint(out, u64::from(pulse.beats));
}

fn pulse(reader: &mut Reader<'_>) -> Result<Pulse, DecodeError> {
    Ok(Pulse {
        started_ms: reader.varint()?,
        last_ms: reader.varint()?,
        beats: small(reader)?,
    })
}

fn put_resource(out: &mut Vec<u8>, resource: &Resource) {
    put_text(out, &resource.reference);
    put_text(out, &resource.database);
    put_optional(out, resource.table.as_ref());
    put_optional(out, resource.partition.as_ref());
}

fn resource(reader: &mut Reader<'_>) -> Result<Resource, DecodeError> {
    Ok(Resource {
        reference: text(reader)?,
        database: text(reader)?,
        table: optional(reader)?,
        partition: optional(reader)?,
    })
}

const KINDS: [Kind; 4] = [
    Kind::SharedRead,
    Kind::SharedWrite,
    Kind::Exclusive,
    Kind::ExclusiveWrite,
];
const OPERATIONS: [Operation; 4] = [
    Operation::Other,
    Operation::Insert,
    Operation::Update,
    Operation::Delete,
];

fn one_of<T: Copy>(reader: &mut Reader<'_>, all: &[T]) -> Result<T, DecodeError> {
    let at = usize::from(reader.byte()?);
    all.get(at)
        .copied()
        .ok_or(DecodeError::Canonical("an unknown word"))
}

fn put_lock(out: &mut Vec<u8>, lock: &Lock) {
    put_varint(out, lock.transaction);
    put_owner(out, &lock.owner);
    put_varint(out, lock.components.len() as u64);
    for part in &lock.components {
        put_resource(out, &part.resource);
        out.push(part.kind as u8);
        out.push(part.operation as u8);
    }
    out.push(u8::from(lock.granted_ms.is_some()));
    put_varint(out, lock.granted_ms.unwrap_or_default());
    out.push(u8::from(lock.blocker.is_some()));
    let (other, place) = lock.blocker.unwrap_or_default();
    put_varint(out, other);
    put_varint(out, place);
    put_pulse(out, lock.pulse);
}

fn lock(reader: &mut Reader<'_>) -> Result<Lock, DecodeError> {
    let (transaction, owner) = (reader.varint()?, owner(reader)?);
    let mut components = Vec::new();
    for _ in 0..reader.length()? {
        components.push(Component {
            resource: resource(reader)?,
            kind: one_of(reader, &KINDS)?,
            operation: one_of(reader, &OPERATIONS)?,
        });
    }
    let (granted, granted_ms) = (flag(reader)?, reader.varint()?);
    let (blocked, blocker) = (flag(reader)?, (reader.varint()?, reader.varint()?));
    Ok(Lock {
        transaction,
        owner,
        components,
        granted_ms: granted.then_some(granted_ms),
        blocker: blocked.then_some(blocker),
        pulse: pulse(reader)?,
    })
}

fn put_transaction(out: &mut Vec<u8>, transaction: &Transaction) {
    out.push(u8::from(transaction.aborted));
    put_owner(out, &transaction.owner);
    put_varint(out, u64::from(transaction.kind));
    put_pulse(out, transaction.pulse);
    put_varint(out, transaction.touched.len() as u64);
    for (resource, operation) in &transaction.touched {
        put_resource(out, resource);
        out.push(*operation as u8);
    }
}

fn transaction(reader: &mut Reader<'_>) -> Result<Transaction, DecodeError> {
    let (aborted, owner) = (flag(reader)?, owner(reader)?);
    let (kind, pulse) = (small(reader)?, pulse(reader)?);
    let mut touched = Vec::new();
    for _ in 0..reader.length()? {
        touched.push((resource(reader)?, one_of(reader, &OPERATIONS)?));
    }
    Ok(Transaction {
        aborted,
        owner,
        kind,
        pulse,
        touched,
    })
}

fn put_writes(out: &mut Vec<u8>, writes: &Writes) {
    put_varint(out, writes.last);
    put_varint(out, writes.by_transaction.len() as u64);
    for (transaction, write) in &writes.by_transaction {
        put_varint(out, *transaction);
        put_varint(out, *write);
    }
}

fn writes(reader: &mut Reader<'_>) -> Result<Writes, DecodeError> {
    let mut writes = Writes {
        last: reader.varint()?,
        ..Writes::default()
    };
    for _ in 0..reader.length()? {
        writes.by_transaction.insert(reader.varint()?, reader.varint()?);
    }
    Ok(writes)
}

fn commit(reader: &mut Reader<'_>) -> Result<Commit, DecodeError> {
    Ok(Commit {
        transaction: reader.varint()?,
        at: reader.varint()?,
    })
}
