//! Appends, folds and head moves: what they do, what they compare, and what they refuse.

use std::sync::Arc;

use super::fixture::{
    Fixture, NOWHERE, batch, branch, commit, commit_id, commit_move, expected, name, one_more_write, removal,
    roots,
};
use crate::refs::{
    BranchRecord, Cas, Expected, HeadMove, RECENT_WRITES_MAX, RefStore, WriteId, encode_roots,
};
use crate::{Kind, Result};

pub(super) async fn the_life_of_a_branch(fixture: &Fixture) {
    let (refs, id, main) = (&fixture.refs, fixture.id, name("main"));
    for ops in [1, 5, 2] {
        let at = fixture.main().await;
        fixture.append(&at, ops).await;
    }
    let log = refs.log_after(id, [1; 16], 0).await.unwrap();
    assert_eq!(log, [batch(0, 1), batch(1, 5), batch(6, 2)]);
    assert_eq!(refs.log_after(id, [1; 16], 1).await.unwrap(), log[1..]);
    assert_eq!(
        refs.log_after(id, [1; 16], 5).await.unwrap(),
        log[1..],
        "a batch that ends behind it"
    );
    assert_eq!(refs.log_after(id, [1; 16], 8).await.unwrap(), []);
    assert_eq!(refs.log_after(id, [1; 16], u64::MAX).await.unwrap(), []);
    assert_eq!(refs.log_after(id, [9; 16], 0).await.unwrap(), []);
    assert_eq!(refs.log_after(NOWHERE, [1; 16], 0).await.unwrap(), []);

    let at = fixture.main().await;
    assert_eq!(at.touched_us, batch(6, 2).time_us);
    assert_eq!(
        refs.fold(id, &main, &expected(&at), &roots(1), 6).await.unwrap(),
        Cas::Done
    );
    let folded = BranchRecord {
        recent_writes: one_more_write(&at),
        staged: Some(roots(1)),
        folded_seq: 6,
        ..at
    };
    assert_eq!(fixture.main().await, folded, "a fold moves nothing else");
    assert_eq!(refs.log_after(id, [1; 16], 0).await.unwrap(), log[2..]);

    let to = HeadMove {
        index: vec![commit(1), commit(2)],
        ..commit_move(2, 6)
    };
    assert_eq!(
        refs.move_head(id, &main, &expected(&folded), &to).await.unwrap(),
        Cas::Done
    );
    let committed = BranchRecord {
        recent_writes: one_more_write(&folded),
        touched_us: to.time_us,
        sealed_seq: 6,
        head: commit_id(2),
        staged: None,
        generation: 1,
        ..folded
    };
    assert_eq!(
        fixture.main().await,
        committed,
        "what was not folded stays staged on the new head"
    );
    assert_eq!(refs.log_after(id, [1; 16], 0).await.unwrap(), log[2..]);
    assert_eq!(
        refs.commit_entries(id, &[commit_id(1)]).await.unwrap(),
        [commit(1)]
    );

    let back = HeadMove {
        rebased: true,
        index: vec![],
        ..commit_move(0, 8)
    };
    assert_eq!(
        refs.move_head(id, &main, &expected(&committed), &back)
            .await
            .unwrap(),
        Cas::Done
    );
    let (head, folded_seq) = (commit_id(0), 8);
    let reset = BranchRecord {
        recent_writes: one_more_write(&committed),
        touched_us: back.time_us,
        sealed_seq: 8,
        head,
        folded_seq,
        generation: 2,
        base_generation: 1,
        ..committed
    };
    assert_eq!(fixture.main().await, reset);
    assert_eq!(refs.log_after(id, [1; 16], 0).await.unwrap(), []);
}

pub(super) async fn places_are_kept(fixture: &Fixture) {
    let (refs, id) = (&fixture.refs, fixture.id);
    let mut etl = branch("etl", 2);
    etl.staged = Some(roots(7));
    refs.create_branch(id, &etl).await.unwrap();
    let places = async |text: &str| encode_roots(&fixture.branch(text).await.staged.unwrap());
    assert_eq!(places("etl").await, encode_roots(&roots(7)));

    let main = fixture.main().await;
    refs.fold(id, &main.name, &expected(&main), &roots(8), 0)
        .await
        .unwrap();
    assert_eq!(places("main").await, encode_roots(&roots(8)));
    let mut moved = roots(8);
    moved.0[0].as_mut().unwrap().link.epoch = 99;
    assert_eq!(moved, roots(8), "equal by content");
    let to = HeadMove {
        staged: Some(moved),
        ..commit_move(1, 0)
    };
    refs.move_head(id, &main.name, &expected(&main), &to)
        .await
        .unwrap();
    assert_eq!(places("main").await, encode_roots(&moved), "but elsewhere");
}

/// Whoever got no answer can tell whether a write took effect.
pub(super) async fn writes_are_remembered(fixture: &Fixture) {
    let (refs, id, main) = (&fixture.refs, fixture.id, name("main"));
    let attempt = |at: &BranchRecord, n: usize| Expected {
        write: WriteId([n as u8; 16]),
        ..expected(at)
    };
    let start = fixture.main().await;
    for n in 1..=RECENT_WRITES_MAX + 2 {
        let at = fixture.main().await;
        let done = refs
            .append(id, &main, &attempt(&at, n), &batch(at.seq, 1))
            .await
            .unwrap();
        assert_eq!(done, Cas::Done);
        let lost = refs
            .append(id, &main, &attempt(&start, 200), &batch(0, 1))
            .await
            .unwrap();
        assert!(matches!(lost, Cas::Lost(_)));
    }
    let kept: Vec<u8> = fixture
        .main()
        .await
        .recent_writes
        .iter()
        .map(|w| w.0[0])
        .collect();
    let newest: Vec<u8> = (3..=RECENT_WRITES_MAX as u8 + 2).collect();
    assert_eq!(kept, newest, "the newest, and none that was lost");
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Swap {
    Append,
    Fold,
    Commit,
    Rebase,
}

impl Swap {
    const ALL: [Swap; 4] = [Swap::Append, Swap::Fold, Swap::Commit, Swap::Rebase];

    /// Tries it on `main`, at which batches end at 2, 4 and 6 and 2 is folded.
    async fn attempt(self, fixture: &Fixture, expected: &Expected) -> Result<Cas> {
        let (refs, id, main) = (&fixture.refs, fixture.id, name("main"));
        match self {
            Swap::Append => refs.append(id, &main, expected, &batch(expected.seq, 1)).await,
            Swap::Fold => refs.fold(id, &main, expected, &roots(4), 4).await,
            Swap::Commit => refs.move_head(id, &main, expected, &commit_move(9, 4)).await,
            Swap::Rebase => {
                let to = HeadMove {
                    rebased: true,
                    ..commit_move(9, 4)
                };
                refs.move_head(id, &main, expected, &to).await
            }
        }
    }
}

async fn with_three_batches(refs: Arc<dyn RefStore>) -> Fixture {
    let fixture = Fixture::new(refs).await;
    let at = fixture.main().await;
    let rebase = HeadMove {
        rebased: true,
        ..commit_move(1, 0)
    };
    fixture
        .refs
        .move_head(fixture.id, &at.name, &expected(&at), &rebase)
        .await
        .unwrap();
    for _ in 0..3 {
        let at = fixture.main().await;
        fixture.append(&at, 2).await;
    }
    let at = fixture.main().await;
    fixture
        .refs
        .fold(fixture.id, &at.name, &expected(&at), &roots(2), 2)
        .await
        .unwrap();
    fixture
}

pub(super) async fn every_way_to_lose(make: &impl AsyncFn() -> Arc<dyn RefStore>) {
    type Change = fn(&mut Expected);
    const ALL: &[Swap] = &Swap::ALL;
    const ON_TREES: &[Swap] = &[Swap::Fold, Swap::Commit, Swap::Rebase];
    const ON_SEQ: &[Swap] = &[Swap::Append, Swap::Rebase];
    let ways: [(&str, Change, &[Swap]); 10] = [
        ("nothing", |_| {}, &[]),
        ("incarnation", |e| e.incarnation[15] ^= 1, ALL),
        ("base before", |e| e.base_generation -= 1, ALL),
        ("base behind", |e| e.base_generation += 1, ALL),
        ("head", |e| e.head = commit_id(8), ON_TREES),
        ("folded before", |e| e.folded_seq -= 1, ON_TREES),
        ("folded behind", |e| e.folded_seq += 1, ON_TREES),
        ("seq before", |e| e.seq -= 1, ON_SEQ),
        ("seq behind", |e| e.seq += 1, ON_SEQ),
        ("rules", |e| e.rules += 1, &[Swap::Append]),
    ];
    for swap in Swap::ALL {
        for (what, change, losers) in ways {
            let fixture = with_three_batches(make().await).await;
            let (main, before) = (fixture.main().await, fixture.dump().await);
            let mut expected = expected(&main);
            change(&mut expected);
            let cas = swap.attempt(&fixture, &expected).await.unwrap();
            if losers.contains(&swap) {
                assert_eq!(cas, Cas::Lost(Some(main)), "{swap:?} with another {what}");
                assert_eq!(fixture.dump().await, before, "a lost {swap:?} changes nothing");
            } else {
                assert_eq!(cas, Cas::Done, "{swap:?} with another {what}");
            }
        }
    }
    gone(make).await;
}

async fn gone(make: &impl AsyncFn() -> Arc<dyn RefStore>) {
    for swap in Swap::ALL {
        let fixture = with_three_batches(make().await).await;
        let main = fixture.main().await;
        fixture
            .refs
            .delete_branch(fixture.id, &main.name, &removal(&main, 9))
            .await
            .unwrap();
        let before = fixture.dump().await;
        assert_eq!(
            swap.attempt(&fixture, &expected(&main)).await.unwrap(),
            Cas::Lost(None)
        );
        let elsewhere = Fixture {
            refs: fixture.refs.clone(),
            id: NOWHERE,
        };
        assert_eq!(
            swap.attempt(&elsewhere, &expected(&main)).await.unwrap(),
            Cas::Lost(None)
        );
        assert_eq!(fixture.dump().await, before);
    }
}

/// A reset that moves neither head nor folded seq, while a fold of the discarded state is under way.
pub(super) async fn a_discarded_state_stays_discarded(fixture: &Fixture) {
    let (refs, id, main) = (&fixture.refs, fixture.id, name("main"));
    let at = fixture.main().await;
    refs.fold(id, &main, &expected(&at), &roots(1), 0).await.unwrap();
    let seen = fixture.main().await;
    let reset = HeadMove {
        rebased: true,
        index: vec![],
        ..commit_move(0, 0)
    };
    assert_eq!(
        refs.move_head(id, &main, &expected(&seen), &reset).await.unwrap(),
        Cas::Done
    );
    let now = fixture.main().await;
    assert_eq!(
        (now.head, now.folded_seq, now.staged),
        (seen.head, seen.folded_seq, None)
    );

    let late = refs
        .fold(id, &main, &expected(&seen), &roots(1), 0)
        .await
        .unwrap();
    assert_eq!(late, Cas::Lost(Some(now.clone())));
    let late = refs
        .move_head(id, &main, &expected(&seen), &commit_move(1, 0))
        .await
        .unwrap();
    assert_eq!(late, Cas::Lost(Some(now)));
}

pub(super) async fn breaches_change_nothing(fixture: &Fixture) {
    let (refs, id, main) = (&fixture.refs, fixture.id, name("main"));
    for _ in 0..2 {
        let at = fixture.main().await;
        fixture.append(&at, 2).await;
    }
    let at = fixture.main().await;
    refs.fold(id, &main, &expected(&at), &roots(2), 2).await.unwrap();
    let (at, before) = (fixture.main().await, fixture.dump().await);
    let now = expected(&at);

    for (seq, ops) in [(6, 1), (4, 1), (4, 0), (5, 2), (u64::MAX, 1)] {
        let mut record = batch(4, 1);
        (record.seq, record.ops) = (seq, ops);
        breach(refs.append(id, &main, &now, &record).await, "append");
    }
    let far = Expected {
        seq: u64::MAX,
        ..now.clone()
    };
    breach(
        refs.append(id, &main, &far, &batch(3, 1)).await,
        "append behind the last number",
    );
    for folded_seq in [0, 1, 3, 5, 6, u64::MAX] {
        breach(refs.fold(id, &main, &now, &roots(3), folded_seq).await, "fold");
        breach(
            refs.move_head(id, &main, &now, &commit_move(1, folded_seq)).await,
            "commit",
        );
    }
    let mut late = commit_move(1, 4);
    late.time_us = u64::MAX;
    breach(
        refs.move_head(id, &main, &now, &late).await,
        "a time beyond 63 bits",
    );
    let mut unfolded = branch("etl", 2);
    unfolded.seq = 1;
    breach(
        refs.create_branch(id, &unfolded).await,
        "a branch with operations but no log",
    );

    let lost_commit = HeadMove {
        index: vec![],
        ..commit_move(1, 4)
    };
    let unknown = refs.move_head(id, &main, &now, &lost_commit).await.unwrap_err();
    assert_eq!(unknown.kind(), Kind::NotFound);
    assert_eq!(fixture.dump().await, before);
    fixture.append(&at, 1).await;
}

#[track_caller]
fn breach<T: std::fmt::Debug>(outcome: Result<T>, what: &str) {
    assert_eq!(outcome.unwrap_err().kind(), Kind::Internal, "{what}");
}

pub(super) async fn epochs_fence_late_work(fixture: &Fixture) {
    let (refs, id, main) = (&fixture.refs, fixture.id, name("main"));
    breach(refs.begin_epoch_after(2).await, "an epoch is skipped");
    assert_eq!(refs.begin_epoch_after(1).await.unwrap(), 2);
    assert_eq!(refs.begin_epoch_after(1).await.unwrap(), 2, "begun already");
    let at = fixture.main().await;
    fixture.append(&at, 2).await;
    let at = fixture.main().await;
    let early = Expected {
        epoch: 3,
        ..expected(&at)
    };
    breach(
        refs.append(id, &main, &early, &batch(2, 1)).await,
        "from an epoch to come",
    );

    assert_eq!(refs.begin_epoch_after(2).await.unwrap(), 3);
    assert_eq!(refs.epoch().await.unwrap(), 3);
    let before = fixture.dump().await;
    let late = expected(&at);
    let attempts = [
        refs.append(id, &main, &late, &batch(2, 1)).await,
        refs.fold(id, &main, &late, &roots(1), 2).await,
        refs.move_head(id, &main, &late, &commit_move(1, 2)).await,
    ];
    for attempt in attempts {
        assert_eq!(attempt.unwrap_err().kind(), Kind::Unavailable);
    }
    assert_eq!(fixture.dump().await, before);
    let fresh = Expected { epoch: 2, ..late };
    assert_eq!(
        refs.append(id, &main, &fresh, &batch(2, 1)).await.unwrap(),
        Cas::Done
    );
}
