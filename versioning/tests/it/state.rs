//! What is not versioned: state that is changed by compare-and-set, and events in the order of their effect.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use testkit::{memory_parts, repository};
use versioning::codec::DecodeError;
use versioning::events::{Narrate, Retention};
use versioning::refs::{EventRun, SqliteRefs};
use versioning::repository::{Limits, Parts};
use versioning::state::{StateOf, Stateful};
use versioning::{
    Batch, Error, RefName, Repositories, Repository, RepositoryName, Result, Space, Value, View,
};

/// A number by name.
#[derive(Debug, Clone, Default, PartialEq)]
struct Counters(std::collections::BTreeMap<String, u8>);

impl Stateful for Counters {
    const NAMESPACE: &'static str = "counters";

    fn apply(&mut self, key: &str, value: Option<&Bytes>) -> Result<(), DecodeError> {
        match value {
            Some(value) => {
                let number = *value.first().ok_or(DecodeError::Truncated)?;
                self.0.insert(key.to_owned(), number)
            }
            None => self.0.remove(key),
        };
        Ok(())
    }
}

async fn count(state: &StateOf<Counters>, key: &str) -> Result<u8, Error> {
    state
        .change(|counters| {
            let next = counters.0.get(key).copied().unwrap_or_default() + 1;
            Ok((
                vec![(key.to_owned(), Some(Bytes::copy_from_slice(&[next])))],
                next,
            ))
        })
        .await
}

#[tokio::test]
async fn changes_come_one_after_the_other() {
    let (_store, lake) = repository(7).await.unwrap();
    // two that know nothing of each other, as two processes
    let holders = [StateOf::new(&lake), StateOf::new(&lake)].map(Arc::new);
    let tasks = (0..60).map(|n: usize| {
        let holder = Arc::clone(&holders[n % 2]);
        tokio::spawn(async move { count(&holder, "a").await.unwrap() })
    });
    let mut seen = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        seen.push(task.await.unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=60).collect::<Vec<_>>());
    for holder in &holders {
        assert_eq!(holder.read(|counters| counters.0["a"]).await.unwrap(), 60);
    }
    let refused: Result<(), Error> = holders[0].change(|_| Err(Error::Internal("no".into()))).await;
    assert!(refused.is_err());
    let removed = holders[1]
        .change(|_| Ok::<_, Error>((vec![("a".into(), None)], ())))
        .await;
    removed.unwrap();
    assert_eq!(
        holders[0].read(Counters::clone).await.unwrap(),
        Counters::default()
    );
}

#[tokio::test]
async fn a_record_that_makes_no_sense_is_named() {
    let (_store, lake) = repository(7).await.unwrap();
    let (refs, id) = lake.records();
    let changes = [("odd".to_owned(), Some(Bytes::new()))];
    refs.kv_swap(id, "counters", 0, &changes).await.unwrap();
    let state: StateOf<Counters> = StateOf::new(&lake);
    let error = state.read(|_| ()).await.unwrap_err();
    assert!(error.to_string().contains("counters/odd"), "{error}");
}

fn main() -> RefName {
    RefName::parse("main").unwrap()
}

/// Writes the next number at the key `n`, and tells of it.
async fn write_next(lake: &Repository) -> u8 {
    let plan = |view: View| async move {
        let found = view.get(Space::Meta, b"n").await?;
        let next = found.map_or(0, |value| value.payload[0]) + 1;
        let mut batch = Batch::default();
        let payload = Bytes::copy_from_slice(&[next]);
        let value = Value {
            payload: payload.clone(),
            ..Value::default()
        };
        batch.put(Space::Meta, &b"n"[..], value);
        batch.tell(&EventRun::one(payload))?;
        Ok::<_, Error>((batch, next))
    };
    lake.write(&main(), plan).await.unwrap()
}

async fn told(lake: &Repository) -> Vec<(u64, u8)> {
    let events = lake.events(&main(), 0, 1_000).await.unwrap();
    events.iter().map(|run| (run.last(), run.payload[0])).collect()
}

#[tokio::test]
async fn the_order_of_events_is_that_of_effects() {
    let (_store, lake) = repository(7).await.unwrap();
    let writers = (0..100).map(|_| {
        let lake = lake.clone();
        tokio::spawn(async move { write_next(&lake).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let expected: Vec<_> = (1..=100).map(|n| (u64::from(n), n)).collect();
    assert_eq!(told(&lake).await, expected);
    assert_eq!(lake.last_event(&main()).await.unwrap(), 100);
    lake.tell(&main(), &[EventRun::one(Bytes::from_static(&[7]))])
        .await
        .unwrap();
    assert_eq!(told(&lake).await.last(), Some(&(101, 7)));
}

#[tokio::test]
async fn events_survive_and_old_ones_are_forgotten() {
    let folder = tempfile::TempDir::new().unwrap();
    let limits = || Limits {
        events: Retention {
            events_max: 600,
            ..Retention::default()
        },
        ..Limits::default()
    };
    let open = async || {
        let refs = SqliteRefs::open(&folder.path().join("refs.db")).await.unwrap();
        Parts {
            refs: Arc::new(refs),
            ..memory_parts(7)
        }
    };
    let lake = RepositoryName::parse("lake").unwrap();
    let many = vec![EventRun::one(Bytes::from_static(&[1])); 700];
    let parts = open().await;
    {
        let store = Repositories::open(parts.clone(), limits()).await.unwrap();
        let lake = store.create(&lake, &main()).await.unwrap();
        write_next(&lake).await;
        lake.tell(&main(), &many).await.unwrap();
        store.close().await;
    }
    // the files are in memory and stay with the parts; the refs are read anew
    let parts = Parts {
        files: parts.files,
        ..open().await
    };
    let store = Repositories::open(parts, limits()).await.unwrap();
    let lake = store.get(&lake).await.unwrap();
    let events = told(&lake).await;
    assert_eq!((events.len(), events[0].0), (600, 102));
    assert_eq!(lake.last_event(&main()).await.unwrap(), 701);
}

/// Tells as much of each move.
#[derive(Debug)]
struct Wordy(usize);

#[async_trait]
impl Narrate for Wordy {
    async fn moved(&self, _: &RepositoryName, _: &RefName, _: &View, _: &View) -> Result<Vec<EventRun>> {
        Ok(vec![EventRun::one(Bytes::from_static(&[1])); self.0])
    }
}

/// Writes to a lake, resets it, of which 700 events tell, and returns what is left of them.
async fn left_of_a_reset(retention: Retention) -> Vec<(u64, u8)> {
    let limits = Limits {
        events: retention,
        ..Limits::default()
    };
    let store = Repositories::open(memory_parts(7), limits).await.unwrap();
    let store = store.narrated_by(Arc::new(Wordy(700)));
    let lake = RepositoryName::parse("lake").unwrap();
    let lake = store.create(&lake, &main()).await.unwrap();
    write_next(&lake).await;
    lake.reset(&main()).await.unwrap();
    assert_eq!(lake.last_event(&main()).await.unwrap(), 701);
    let read_on = lake.clone();
    store.close().await;
    told(&read_on).await
}

#[tokio::test]
async fn what_is_told_of_moves_is_forgotten_as_well() {
    let left = left_of_a_reset(Retention {
        events_max: 600,
        ..Retention::default()
    });
    let left = left.await;
    assert_eq!((left.len(), left[0].0), (600, 102));
    let left = left_of_a_reset(Retention {
        age_ms_max: 0,
        ..Retention::default()
    });
    assert_eq!(left.await, [], "all of them are too old");
}

#[tokio::test]
async fn a_page_of_large_events_is_short() {
    let (_store, lake) = repository(7).await.unwrap();
    let large = EventRun::one(Bytes::from(vec![7; 10 << 20]));
    lake.tell(&main(), &vec![large; 3]).await.unwrap();
    let mut pages = Vec::new();
    for after in [0, 2, 3] {
        pages.push(lake.events(&main(), after, 100).await.unwrap().len());
    }
    assert_eq!(pages, [2, 1, 0]);
}
