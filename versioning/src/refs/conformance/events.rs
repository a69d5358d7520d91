//! Events: numbered without gaps in the transaction of what they tell of, and gone with their branch.

use bytes::Bytes;

use super::fixture::{Fixture, NOWHERE, batch, branch, commit_move, expected, name, removal};
use crate::refs::{Cas, EventRun, HeadMove, LogRecord};

fn payloads(texts: &[&'static str]) -> Vec<EventRun> {
    let one = |text: &&'static str| EventRun::one(Bytes::from_static(text.as_bytes()));
    texts.iter().map(one).collect()
}

async fn told(fixture: &Fixture, incarnation: u8, after: u64, limit: usize) -> Vec<String> {
    let refs = &fixture.refs;
    let events = refs.events_after(fixture.id, [incarnation; 16], after, limit);
    let spell = |payload: &Bytes| String::from_utf8_lossy(payload).into_owned();
    let events = events.await.unwrap();
    events
        .iter()
        .map(|e| format!("{} {} at {}", e.number, spell(&e.payload), e.time_us))
        .collect()
}

pub(super) async fn events(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    let main = fixture.main().await;
    assert_eq!(refs.last_event(id, [1; 16]).await.unwrap(), 0);
    let record = LogRecord {
        events: payloads(&["a", "b"]),
        ..batch(0, 3)
    };
    let stale = crate::refs::Expected {
        seq: 7,
        ..expected(&main)
    };
    let late = LogRecord {
        seq: 10,
        ..record.clone()
    };
    assert!(matches!(
        refs.append(id, &main.name, &stale, &late).await,
        Ok(Cas::Lost(_))
    ));
    assert_eq!(told(fixture, 1, 0, 9).await, [""; 0], "what is lost is not told");
    let done = refs.append(id, &main.name, &expected(&main), &record).await;
    assert_eq!(done.unwrap(), Cas::Done);
    let added = refs
        .add_events(id, &main.name, [1; 16], 5, &payloads(&["c"]))
        .await;
    assert_eq!(added.unwrap(), Cas::Done);
    let moved = HeadMove {
        events: payloads(&["d"]),
        ..commit_move(1, 3)
    };
    let main = fixture.main().await;
    let done = refs.move_head(id, &main.name, &expected(&main), &moved).await;
    assert_eq!(done.unwrap(), Cas::Done);
    assert_eq!(
        told(fixture, 1, 0, 9).await,
        ["1 a at 3000", "2 b at 3000", "3 c at 5", "4 d at 4001"]
    );
    assert_eq!(told(fixture, 1, 1, 2).await, ["2 b at 3000", "3 c at 5"]);
    refs.forget_events(id, [1; 16], 4).await.unwrap();
    assert_eq!(told(fixture, 1, 0, 9).await, [""; 0]);
    refs.add_events(id, &main.name, [1; 16], 6, &payloads(&["e"]))
        .await
        .unwrap();
    assert_eq!(told(fixture, 1, 0, 9).await, ["5 e at 6"], "numbers go on");
    assert_eq!(refs.last_event(id, [1; 16]).await.unwrap(), 5);
    of_other_branches(fixture).await;
}

/// A run takes as many numbers as it has events; it is read from any of them, and goes with the last.
pub(super) async fn runs_of_events(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    let main = fixture.main().await;
    let mut runs = payloads(&["a", "b", "c"]);
    runs[1].count = 300;
    let added = refs.add_events(id, &main.name, [1; 16], 5, &runs).await;
    assert_eq!(added.unwrap(), Cas::Done);
    assert_eq!(refs.last_event(id, [1; 16]).await.unwrap(), 302);
    assert_eq!(
        told(fixture, 1, 0, 9).await,
        ["1 a at 5", "301 b at 5", "302 c at 5"]
    );
    assert_eq!(told(fixture, 1, 300, 1).await, ["301 b at 5"]);
    assert_eq!(told(fixture, 1, 301, 9).await, ["302 c at 5"]);
    refs.forget_events(id, [1; 16], 300).await.unwrap();
    assert_eq!(told(fixture, 1, 0, 1).await, ["301 b at 5"]);
    refs.forget_events(id, [1; 16], 301).await.unwrap();
    assert_eq!(told(fixture, 1, 0, 9).await, ["302 c at 5"]);
}

/// Backends write many events in several statements: none is lost, doubled or out of order where one ends.
pub(super) async fn many_events(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    let main = fixture.main().await;
    let mut all = Vec::new();
    for count in [1, 200, 201, 401] {
        let one = |n| EventRun::one(Bytes::from(format!("{n} of {count}")));
        let some: Vec<EventRun> = (0..count).map(one).collect();
        let at = all.len() + 1;
        all.extend((0..count).map(|n| format!("{} {n} of {count} at 5", at + n)));
        let added = refs.add_events(id, &main.name, [1; 16], 5, &some).await;
        assert_eq!(added.unwrap(), Cas::Done, "{count}");
        assert_eq!(told(fixture, 1, 0, 2_000).await, all, "{count}");
        assert_eq!(refs.last_event(id, [1; 16]).await.unwrap(), all.len() as u64);
    }
}

async fn of_other_branches(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    let etl = name("etl");
    refs.create_branch(id, &branch("etl", 2)).await.unwrap();
    for (repository, incarnation) in [(id, 3), (NOWHERE, 2)] {
        let event = payloads(&["x"]);
        let lost = refs
            .add_events(repository, &etl, [incarnation; 16], 6, &event)
            .await;
        assert!(matches!(lost.unwrap(), Cas::Lost(_)));
    }
    refs.add_events(id, &etl, [2; 16], 6, &payloads(&["x"]))
        .await
        .unwrap();
    assert_eq!(told(fixture, 2, 0, 9).await, ["1 x at 6"], "each has its own");
    let removed = removal(&fixture.branch("etl").await, 7);
    refs.delete_branch(id, &etl, &removed).await.unwrap();
    assert_eq!(told(fixture, 2, 0, 9).await, [""; 0], "they go with it");
    assert_eq!(refs.last_event(id, [2; 16]).await.unwrap(), 0);
    assert_eq!(told(fixture, 1, 0, 9).await.len(), 1);
}

pub(super) async fn swaps_of_small_records(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    let put = |text: &'static str| [("k".to_owned(), Some(Bytes::from_static(text.as_bytes())))];
    let k = async || refs.kv_get(id, "locks", "k").await.unwrap();
    assert_eq!(refs.kv_version(id, "locks").await.unwrap(), 0);
    assert!(!refs.kv_swap(id, "locks", 1, &put("early")).await.unwrap());
    assert_eq!(k().await, None);
    assert!(refs.kv_swap(id, "locks", 0, &put("first")).await.unwrap());
    assert!(!refs.kv_swap(id, "locks", 0, &put("late")).await.unwrap());
    assert!(refs.kv_swap(id, "locks", 1, &put("second")).await.unwrap());
    assert_eq!(k().await, Some(Bytes::from_static(b"second")));
    assert_eq!(refs.kv_version(id, "locks").await.unwrap(), 2);
    assert_eq!(
        refs.kv_version(id, "roles").await.unwrap(),
        0,
        "namespaces are apart"
    );
    assert_eq!(refs.kv_version(NOWHERE, "locks").await.unwrap(), 0);
    let nowhere = refs.kv_swap(NOWHERE, "locks", 0, &put("x")).await;
    assert_eq!(nowhere.unwrap_err().kind(), crate::Kind::NotFound);
    let nameless = [(String::new(), None)];
    let nameless = refs.kv_swap(id, "locks", 2, &nameless).await;
    assert_eq!(nameless.unwrap_err().kind(), crate::Kind::Invalid);
    assert_eq!(refs.kv_version(id, "locks").await.unwrap(), 2);
}
