//! What holds after any history of locks and transactions, and what clients are told in turn.

use proptest::collection::vec;
use proptest::prelude::*;
use versioning::state::Stateful;

use super::locks::conflict;
use super::*;

const LEASE_MS: u64 = 100;

fn component(at: &str, kind: Kind) -> Component {
    let mut names = at.split('.').map(str::to_owned);
    Component {
        resource: Resource {
            reference: names.next().unwrap(),
            database: names.next().unwrap(),
            table: names.next(),
            partition: names.next(),
        },
        kind,
        operation: Operation::Other,
    }
}

fn request(transaction: i64, components: Vec<Component>) -> Request {
    Request {
        transaction,
        owner: Owner::default(),
        components,
        without_waiting: false,
    }
}

/// A ledger, and the records that were written for it.
#[derive(Default)]
struct Kept {
    ledger: Ledger,
    stored: std::collections::BTreeMap<String, Bytes>,
}

impl Kept {
    fn decide<T>(&mut self, now_ms: u64, decide: impl FnOnce(&mut Draft) -> T) -> T {
        let mut draft = self.ledger.draft(now_ms, LEASE_MS);
        let answer = decide(&mut draft);
        for (key, value) in draft.into_changes() {
            self.ledger.apply(&key, value.as_ref()).unwrap();
            match value {
                Some(value) => self.stored.insert(key, value),
                None => self.stored.remove(&key),
            };
        }
        answer
    }

    /// Reads the records anew.
    fn reopened(&self) -> Ledger {
        let mut ledger = Ledger::default();
        for (key, value) in &self.stored {
            ledger.apply(key, Some(value)).unwrap();
        }
        ledger
    }
}

#[derive(Debug, Clone)]
enum Step {
    Lock(u8, Vec<(u8, u8)>),
    Check(u8),
    Unlock(u8),
    Beat(u8),
    Open,
    Commit(u8),
    Abort(u8),
    Allocate(u8),
    Wait(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = || 0..12u8;
    let step = prop_oneof![
        4 => (0..6u8, vec((0..6u8, 0..4u8), 1..3)).prop_map(|(txn, parts)| Step::Lock(txn, parts)),
        3 => id().prop_map(Step::Check),
        3 => id().prop_map(Step::Unlock),
        1 => id().prop_map(Step::Beat),
        2 => Just(Step::Open),
        1 => (0..6u8).prop_map(Step::Commit),
        1 => (0..6u8).prop_map(Step::Abort),
        1 => (0..6u8).prop_map(Step::Allocate),
        1 => (1..60u8).prop_map(Step::Wait),
    ];
    vec(step, 1..60)
}

const PLACES: [&str; 6] = [
    "main.d",
    "main.d.t",
    "main.d.t.p=1",
    "main.d.t.p=2",
    "main.d.u",
    "etl.d.t",
];
const KINDS: [Kind; 4] = [
    Kind::SharedRead,
    Kind::SharedWrite,
    Kind::Exclusive,
    Kind::ExclusiveWrite,
];

fn take(kept: &mut Kept, now_ms: &mut u64, step: &Step) {
    let part = |(at, kind): &(u8, u8)| component(PLACES[usize::from(*at)], KINDS[usize::from(*kind)]);
    let now = *now_ms;
    match step {
        Step::Lock(txn, parts) => {
            let parts = parts.iter().map(part).collect();
            drop(kept.decide(now, |draft| draft.lock(request((*txn).into(), parts))));
        }
        Step::Check(id) => drop(kept.decide(now, |draft| draft.check_lock((*id).into()))),
        Step::Unlock(id) => drop(kept.decide(now, |draft| draft.unlock((*id).into()))),
        Step::Beat(id) => drop(kept.decide(now, |draft| draft.beat_lock((*id).into()))),
        Step::Open => {
            let opening = Opening {
                count: 1,
                owner: Owner::default(),
                kind: 0,
            };
            drop(kept.decide(now, |draft| draft.open_transactions(&opening)));
        }
        Step::Commit(id) => drop(kept.decide(now, |draft| draft.commit((*id).into()))),
        Step::Abort(id) => drop(kept.decide(now, |draft| draft.abort((*id).into()))),
        Step::Allocate(id) => drop(kept.decide(now, |draft| draft.allocate("d.t", &[(*id).into()]))),
        Step::Wait(ms) => *now_ms += u64::from(*ms),
    }
}

fn hinder(a: &Lock, b: &Lock) -> bool {
    let same = a.transaction != 0 && a.transaction == b.transaction;
    !same
        && a.components
            .iter()
            .any(|ours| b.components.iter().any(|theirs| conflict(ours, theirs)))
}

proptest! {
    #[test]
    fn locks_keep_their_promises(steps in steps()) {
        let (mut kept, mut now_ms) = (Kept::default(), 1_000);
        for step in &steps {
            take(&mut kept, &mut now_ms, step);
            prop_assert_eq!(&kept.reopened(), &kept.ledger, "what is stored is what is");
            let locks: Vec<_> = kept.ledger.locks.iter().collect();
            for (id, lock) in &locks {
                for (other_id, other) in &locks {
                    let both = lock.granted_ms.is_some() && other.granted_ms.is_some();
                    prop_assert!(id == other_id || !both || !hinder(lock, other), "{} and {}", id, other_id);
                }
                prop_assert!(lock.transaction == 0 || kept.ledger.transactions.contains_key(&lock.transaction));
            }
        }
        nobody_is_passed_over(&mut kept, now_ms);
    }
}

/// The first that waits gets its lock as soon as the granted ones are given back, whoever came later.
fn nobody_is_passed_over(kept: &mut Kept, now_ms: u64) {
    kept.decide(now_ms, |_| ());
    while let Some(first) = first_waiting(&kept.ledger) {
        let granted = kept.ledger.locks().filter(|(_, lock)| lock.granted_ms.is_some());
        for (id, lock) in granted.map(|(id, lock)| (id, lock.clone())).collect::<Vec<_>>() {
            match lock.transaction {
                0 => kept.decide(now_ms, |draft| draft.unlock(id as i64)).unwrap(),
                of => kept.decide(now_ms, |draft| draft.abort(of as i64)).unwrap(),
            }
        }
        if kept.ledger.locks.contains_key(&first) {
            let answer = kept.decide(now_ms, |draft| draft.check_lock(first as i64));
            assert_eq!(answer.unwrap(), LockAnswer::Granted(first));
        }
    }
}

fn first_waiting(ledger: &Ledger) -> Option<u64> {
    let mut waiting = ledger.locks().filter(|(_, lock)| lock.granted_ms.is_none());
    waiting.next().map(|(id, _)| id)
}

#[test]
fn who_reads_and_who_writes_can_share() {
    use Kind::{Exclusive, ExclusiveWrite, SharedRead, SharedWrite};
    let holds = |a: (&str, Kind), b: (&str, Kind)| !conflict(&component(a.0, a.1), &component(b.0, b.1));
    for (a, b, shared) in [
        (("main.d.t", SharedRead), ("main.d.t", SharedRead), true),
        (("main.d.t", SharedRead), ("main.d.t", SharedWrite), true),
        (("main.d.t", SharedRead), ("main.d.t", ExclusiveWrite), true),
        (("main.d.t", SharedWrite), ("main.d.t", SharedWrite), false),
        (("main.d.t", SharedWrite), ("main.d.t", ExclusiveWrite), false),
        (("main.d.t", ExclusiveWrite), ("main.d.t", ExclusiveWrite), false),
        (("main.d.t", Exclusive), ("main.d.t", SharedRead), false),
        (("main.d.t", Exclusive), ("etl.d.t", Exclusive), true),
        (("main.d.t", Exclusive), ("main.d.u", Exclusive), true),
        (("main.d.t.p=1", Exclusive), ("main.d.t.p=2", Exclusive), true),
        (("main.d.t.p=1", Exclusive), ("main.d.t", SharedRead), false),
        (("main.d.t", Exclusive), ("main.d", SharedRead), true),
        (("main.d.t.p=1", Exclusive), ("main.d", SharedRead), false),
        (("main.d.t", SharedRead), ("main.d", Exclusive), false),
    ] {
        assert_eq!(holds(a, b), shared, "{a:?} {b:?}");
        assert_eq!(holds(b, a), shared, "{b:?} {a:?}");
    }
}

#[test]
fn owners_that_fall_silent_lose_what_they_had() {
    let mut kept = Kept::default();
    let exclusive = || vec![component("main.d.t", Kind::Exclusive)];
    kept.decide(0, |draft| draft.lock(request(0, exclusive())))
        .unwrap();
    let second = kept.decide(50, |draft| draft.lock(request(0, exclusive())));
    assert_eq!(second.unwrap(), LockAnswer::Waiting(2));
    assert_eq!(
        kept.decide(100, |draft| draft.check_lock(2)).unwrap(),
        LockAnswer::Waiting(2)
    );
    assert_eq!(
        kept.decide(101, |draft| draft.check_lock(2)).unwrap(),
        LockAnswer::Granted(2)
    );
    assert!(kept.decide(102, |draft| draft.beat_lock(1)).is_err());
    kept.decide(201, |draft| draft.beat_lock(2)).unwrap();
    kept.decide(301, |draft| draft.beat_lock(2)).unwrap();
    let opening = Opening {
        count: 1,
        owner: Owner::default(),
        kind: 0,
    };
    kept.decide(301, |draft| draft.open_transactions(&opening));
    let error = kept.decide(402, |draft| draft.beat_transaction(1)).unwrap_err();
    assert_eq!(error.to_string(), "Transaction txnid:1 already aborted");
}

#[test]
fn who_updates_what_was_updated_meanwhile_is_aborted() {
    let mut kept = Kept::default();
    let opening = Opening {
        count: 3,
        owner: Owner::default(),
        kind: 0,
    };
    kept.decide(0, |draft| draft.open_transactions(&opening));
    let touch = |kept: &mut Kept, id, at: &str, operation| {
        let resource = component(at, Kind::SharedWrite).resource;
        kept.decide(0, |draft| draft.touch(id, vec![resource], operation))
            .unwrap();
    };
    touch(&mut kept, 1, "main.d.t", Operation::Update);
    touch(&mut kept, 2, "main.d.t", Operation::Delete);
    touch(&mut kept, 3, "main.d.u", Operation::Update);
    kept.decide(0, |draft| draft.commit(1)).unwrap();
    assert_eq!(kept.ledger.last_in_conflict(2), 1);
    let error = kept.decide(0, |draft| draft.commit(2)).unwrap_err().to_string();
    assert_eq!(
        error,
        "Aborting [txnid:2,3] due to a write conflict on d/t committed by [txnid:1,3] u/d"
    );
    assert!(matches!(
        kept.decide(0, |draft| draft.commit(2)),
        Err(LedgerError::Aborted(2))
    ));
    kept.decide(0, |draft| draft.commit(3)).unwrap();
    kept.decide(0, |draft| draft.commit(3)).unwrap();
    kept.decide(0, |draft| draft.open_transactions(&opening));
    touch(&mut kept, 4, "main.d.t", Operation::Update);
    kept.decide(0, |draft| draft.commit(4)).unwrap();
}

#[test]
fn write_ids_are_told_as_the_reader_sees_them() {
    let mut kept = Kept::default();
    let opening = Opening {
        count: 4,
        owner: Owner::default(),
        kind: 0,
    };
    kept.decide(0, |draft| draft.open_transactions(&opening));
    let given = kept.decide(0, |draft| draft.allocate("d.t", &[3, 1])).unwrap();
    assert_eq!(given, [(1, 1), (3, 2)]);
    let given = kept.decide(0, |draft| draft.allocate("d.t", &[3, 4])).unwrap();
    assert_eq!(given, [(3, 2), (4, 3)]);
    kept.decide(0, |draft| draft.commit(1)).unwrap();
    kept.decide(0, |draft| draft.abort(3)).unwrap();
    let see = |kept: &Kept, list: &str| {
        kept.ledger
            .valid_writes("d.t", &ValidTransactions::parse(list).unwrap())
    };
    let now: ValidTransactions = kept.ledger.open_transactions(&[]).into();
    let writes = kept.ledger.valid_writes("d.t", &now);
    assert_eq!(
        (writes.last, writes.invalid.as_slice()),
        (3, &[(2, true), (3, false)][..])
    );
    assert_eq!(writes.first_open(), Some(3));
    assert_eq!(see(&kept, "1:9223372036854775807::").last, 1);
    assert_eq!(
        see(&kept, "3:2:2:3"),
        TableWrites {
            last: 2,
            invalid: vec![(2, true)]
        }
    );
    assert_eq!(see(&kept, "4:4:4:3").invalid, [(2, true), (3, false)]);
    assert!(ValidTransactions::parse("x").is_err());
    kept.decide(0, |draft| draft.carry_writes("d.t", "d.u"));
    assert_eq!(kept.ledger.last_write("d.u"), 3);
    assert!(kept.decide(0, |draft| draft.seed_writes("d.u", 9)).is_err());
    kept.decide(0, |draft| draft.seed_writes("d.v", 9)).unwrap();
    let seeded = kept.ledger.valid_writes("d.v", &now);
    assert_eq!(
        seeded,
        TableWrites {
            last: 9,
            invalid: vec![]
        }
    );
    assert!(matches!(
        kept.decide(0, |draft| draft.allocate("d.t", &[1])),
        Err(LedgerError::Committed(1))
    ));
}
