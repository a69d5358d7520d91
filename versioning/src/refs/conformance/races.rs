//! Many tasks at once: one wins, nobody's acknowledged write is lost.

use bytes::Bytes;
use futures::future::join_all;

use super::fixture::{Fixture, batch, branch, commit_move, expected, name};
use crate::refs::{Cas, LogRecord};

const TASKS: u8 = 8;
const APPENDS_PER_TASK: u8 = 6;

/// Everybody appends; who lost tries again on what is there now. Meanwhile one commits.
pub(super) async fn appends(fixture: &Fixture) {
    let writers = (0..TASKS).map(|task| {
        let fixture = Fixture {
            refs: fixture.refs.clone(),
            id: fixture.id,
        };
        tokio::spawn(async move { append_many(&fixture, task).await })
    });
    let writers: Vec<_> = writers.collect();
    for n in 1..=3 {
        let at = fixture.main().await;
        let to = commit_move(n, at.seq);
        let cas = fixture
            .refs
            .move_head(fixture.id, &at.name, &expected(&at), &to)
            .await
            .unwrap();
        assert_eq!(cas, Cas::Done, "no commit loses against appends");
        tokio::task::yield_now().await;
    }
    let mut acknowledged: Vec<u64> = join_all(writers)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    acknowledged.sort_unstable();
    let all = u64::from(TASKS) * u64::from(APPENDS_PER_TASK);
    assert!(
        acknowledged.iter().copied().eq((1..=all).map(|n| 2 * n)),
        "every seq once: {acknowledged:?}"
    );
    let main = fixture.main().await;
    assert_eq!((main.seq, main.generation), (2 * all, 3));
    let log = fixture
        .refs
        .log_after(fixture.id, main.incarnation, 0)
        .await
        .unwrap();
    let expected = (main.folded_seq / 2 + 1..=all).map(|n| 2 * n);
    assert!(
        log.iter().map(|record| record.seq).eq(expected),
        "the log is what is not folded"
    );
}

async fn append_many(fixture: &Fixture, task: u8) -> Vec<u64> {
    let (mut at, mut acknowledged) = (fixture.main().await, Vec::new());
    while acknowledged.len() < usize::from(APPENDS_PER_TASK) {
        let record = LogRecord {
            payload: Bytes::copy_from_slice(&[task]),
            ..batch(at.seq, 2)
        };
        match fixture
            .refs
            .append(fixture.id, &at.name, &expected(&at), &record)
            .await
            .unwrap()
        {
            Cas::Done => {
                at.seq = record.seq;
                acknowledged.push(record.seq);
            }
            Cas::Lost(now) => {
                let now = now.unwrap();
                assert!(now.seq > at.seq, "lost against nobody");
                at = now;
            }
        }
    }
    acknowledged
}

/// All move the same head: one wins, the others are told what it did.
pub(super) async fn head_moves(fixture: &Fixture) {
    let main = fixture.main().await;
    fixture.append(&main, 1).await;
    let at = fixture.main().await;
    let moves = (1..=TASKS).map(|n| {
        let (refs, id, at) = (fixture.refs.clone(), fixture.id, at.clone());
        let to = commit_move(n, 1);
        tokio::spawn(async move { refs.move_head(id, &at.name, &expected(&at), &to).await.unwrap() })
    });
    let moves: Vec<_> = moves.collect();
    let outcomes: Vec<Cas> = join_all(moves).await.into_iter().map(Result::unwrap).collect();
    let now = fixture.main().await;
    assert_eq!((now.generation, now.folded_seq), (at.generation + 1, 1));
    let done: Vec<_> = (1_usize..)
        .zip(&outcomes)
        .filter(|(_, cas)| **cas == Cas::Done)
        .collect();
    let [(winner, _)] = done[..] else {
        panic!("one wins: {outcomes:?}");
    };
    for lost in outcomes.into_iter().filter(|cas| *cas != Cas::Done) {
        assert_eq!(lost, Cas::Lost(Some(now.clone())));
    }
    let log = fixture.refs.ref_log(fixture.id, 9).await.unwrap();
    assert_eq!(log.len(), 2, "losers leave no trace");
    let known = fixture.refs.commits_by_prefix(fixture.id, "", 99).await.unwrap();
    assert_eq!(known.len(), winner + 1, "nor in the index");
}

/// All take the same name, half of them for tags.
pub(super) async fn creations(fixture: &Fixture) {
    let creations = (1..=TASKS).map(|n| {
        let (refs, id) = (fixture.refs.clone(), fixture.id);
        tokio::spawn(async move {
            let etl = branch("etl", 10 + n);
            match n % 2 {
                0 => refs.create_branch(id, &etl).await.is_ok(),
                _ => refs.create_tag(id, &etl.name, etl.head, 1).await.is_ok(),
            }
        })
    });
    let creations: Vec<_> = creations.collect();
    let made = join_all(creations)
        .await
        .into_iter()
        .filter(|made| *made.as_ref().unwrap())
        .count();
    assert_eq!(made, 1);
    let as_branch = fixture
        .refs
        .branch(fixture.id, &name("etl"))
        .await
        .unwrap()
        .is_some();
    let as_tag = fixture
        .refs
        .tag(fixture.id, &name("etl"))
        .await
        .unwrap()
        .is_some();
    assert!(as_branch != as_tag);
}

/// Everybody counts up one record: each swap that is acknowledged counts.
pub(super) async fn swaps(fixture: &Fixture) {
    let tasks = (0..TASKS).map(|_| {
        let (refs, id) = (fixture.refs.clone(), fixture.id);
        tokio::spawn(async move {
            let mut counted = 0;
            while counted < APPENDS_PER_TASK {
                let version = refs.kv_version(id, "count").await.unwrap();
                let found = refs.kv_get(id, "count", "n").await.unwrap();
                let next = Bytes::copy_from_slice(&[found.map_or(0, |n| n[0]) + 1]);
                let changes = [("n".to_owned(), Some(next))];
                counted += u8::from(refs.kv_swap(id, "count", version, &changes).await.unwrap());
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let all = TASKS * APPENDS_PER_TASK;
    let found = fixture.refs.kv_get(fixture.id, "count", "n").await.unwrap();
    assert_eq!(found, Some(Bytes::copy_from_slice(&[all])));
    let version = fixture.refs.kv_version(fixture.id, "count").await.unwrap();
    assert_eq!(version, u64::from(all));
}
