//! Random histories: two stores that are given the same calls give the same answers.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::fixture::{
    Fixture, NOWHERE, batch, branch, commit, commit_id, commit_move, expected, name, removal, roots,
};
use crate::merge::Policy;
use crate::refs::{
    BranchRecord, BranchRules, CommitEntry, CommitMode, Expected, Expiry, HeadMove, LogRecord, Pattern,
    Protection, RefStore, Removal, RepositoryId, RepositoryRules, Rule,
};
use crate::{RefName, Result};

/// One call. Numbers are taken small, so that calls meet.
#[derive(Debug, Clone)]
pub(in crate::refs) enum Call {
    BeginEpoch {
        behind: u32,
    },
    CreateBranch {
        name: u8,
        head: u8,
        staged: bool,
        nowhere: bool,
    },
    DeleteBranch {
        name: u8,
        stale: bool,
        untouched: Option<u64>,
    },
    SetRepositoryRules {
        read_only: bool,
        patterns: u8,
        stale: bool,
    },
    SetRules {
        name: u8,
        checks: u8,
    },
    CreateTag {
        name: u8,
        target: u8,
    },
    DeleteTag {
        name: u8,
    },
    Append {
        name: u8,
        ops: u32,
        skipped: u64,
        seen: Seen,
    },
    LogAfter {
        name: u8,
        after: u64,
    },
    Fold {
        name: u8,
        ops: u64,
        roots: u8,
        seen: Seen,
    },
    MoveHead {
        name: u8,
        head: u8,
        indexed: bool,
        ops: u64,
        rebased: bool,
        staged: bool,
        seen: Seen,
    },
    Index {
        commits: Vec<(u8, u32)>,
    },
    Entries {
        commits: Vec<u8>,
    },
    Children {
        parents: Vec<u8>,
        limit: usize,
    },
    Line {
        head: u8,
        generation: u64,
    },
    Prefix {
        prefix: String,
        limit: usize,
    },
    Write {
        changes: Vec<(String, Option<u8>)>,
        nowhere: bool,
    },
    List {
        prefix: String,
        after: String,
        limit: usize,
    },
    RefLog {
        limit: usize,
    },
}

/// What the caller of a compare-and-set believes: the present branch, but for one thing.
#[derive(Debug, Clone, Copy)]
pub(in crate::refs) enum Seen {
    Present,
    OtherIncarnation,
    OtherBase,
    OtherHead,
    OtherFolded,
    OtherSeq,
    OlderEpoch(u32),
    LaterEpoch,
}

/// Returns histories of up to `calls_max` calls.
pub(in crate::refs) fn histories(calls_max: usize) -> impl Strategy<Value = Vec<Call>> {
    vec(
        prop_oneof![4 => names(), 8 => swaps(), 3 => records()],
        1..calls_max,
    )
}

fn names() -> impl Strategy<Value = Call> {
    let (name, commit) = (0..4u8, 0..6u8);
    prop_oneof![
        1 => (0..3u32).prop_map(|behind| Call::BeginEpoch { behind }),
        4 => (name.clone(), commit.clone(), any::<bool>(), prop::bool::weighted(0.1)).prop_map(
            |(name, head, staged, nowhere)| Call::CreateBranch { name, head, staged, nowhere }
        ),
        2 => (name.clone(), prop::bool::weighted(0.3), prop::option::of(0..2u64))
            .prop_map(|(name, stale, untouched)| Call::DeleteBranch { name, stale, untouched }),
        1 => (prop::bool::weighted(0.3), 0..3u8, prop::bool::weighted(0.3)).prop_map(
            |(read_only, patterns, stale)| Call::SetRepositoryRules { read_only, patterns, stale }
        ),
        1 => (name.clone(), 0..3u8).prop_map(|(name, checks)| Call::SetRules { name, checks }),
        2 => (name.clone(), commit).prop_map(|(name, target)| Call::CreateTag { name, target }),
        1 => name.prop_map(|name| Call::DeleteTag { name }),
    ]
}

fn swaps() -> impl Strategy<Value = Call> {
    let name = prop_oneof![3 => Just(0u8), 1 => 0..4u8];
    let ops = || prop_oneof![1 => Just(0u64), 4 => 1..9u64];
    let yes = || any::<bool>();
    prop_oneof![
        5 => (name.clone(), 0..4u32, prop_oneof![9 => Just(0u64), 1 => 0..3u64], seen())
            .prop_map(|(name, ops, skipped, seen)| Call::Append { name, ops, skipped, seen }),
        1 => (name.clone(), 0..20u64).prop_map(|(name, after)| Call::LogAfter { name, after }),
        3 => (name.clone(), ops(), 1..9u8, seen())
            .prop_map(|(name, ops, roots, seen)| Call::Fold { name, ops, roots, seen }),
        3 => (name, 0..6u8, yes(), ops(), yes(), yes(), seen()).prop_map(
            |(name, head, indexed, ops, rebased, staged, seen)| Call::MoveHead {
                name, head, indexed, ops, rebased, staged, seen
            }
        ),
    ]
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![
        20 => Just(Seen::Present),
        1 => Just(Seen::OtherIncarnation),
        1 => Just(Seen::OtherBase),
        1 => Just(Seen::OtherHead),
        1 => Just(Seen::OtherFolded),
        1 => Just(Seen::OtherSeq),
        3 => (1..3u32).prop_map(Seen::OlderEpoch),
        1 => Just(Seen::LaterEpoch),
    ]
}

fn records() -> impl Strategy<Value = Call> {
    let key = || "[ab/\u{e9}]{0,3}";
    prop_oneof![
        2 => vec((0..6u8, 1..4u32), 0..3).prop_map(|commits| Call::Index { commits }),
        1 => vec(0..7u8, 0..20).prop_map(|commits| Call::Entries { commits }),
        1 => (vec(0..7u8, 0..20), 0..5usize)
            .prop_map(|(parents, limit)| Call::Children { parents, limit }),
        1 => (0..7u8, 0..7u64).prop_map(|(head, generation)| Call::Line { head, generation }),
        1 => ("[05ag]{0,4}", 0..4usize).prop_map(|(prefix, limit)| Call::Prefix { prefix, limit }),
        3 => (vec((key(), any::<Option<u8>>()), 0..4), prop::bool::weighted(0.1))
            .prop_map(|(changes, nowhere)| Call::Write { changes, nowhere }),
        2 => (key(), key(), 0..5usize)
            .prop_map(|(prefix, after, limit)| Call::List { prefix, after, limit }),
        1 => (0..9usize).prop_map(|limit| Call::RefLog { limit }),
    ]
}

/// Gives both stores, which have to be empty, the same calls.
///
/// # Panics
/// Where the answers differ.
pub(in crate::refs) async fn equal_answers(
    one: Arc<dyn RefStore>,
    other: Arc<dyn RefStore>,
    history: &[Call],
) {
    let (one, other) = (Fixture::new(one).await, Fixture::new(other).await);
    for (step, call) in history.iter().enumerate() {
        let fresh = u8::try_from(step + 2).unwrap();
        let (left, right) = (answer(&one, call, fresh).await, answer(&other, call, fresh).await);
        assert_eq!(left, right, "step {step}: {call:?}");
    }
    assert_eq!(one.dump().await, other.dump().await, "after all of them");
}

/// Makes the call; `fresh` was not given before. Errors are told apart by what the caller should do.
async fn answer(fixture: &Fixture, call: &Call, fresh: u8) -> String {
    match call {
        Call::Append { .. } | Call::Fold { .. } | Call::MoveHead { .. } => swap(fixture, call, fresh).await,
        Call::Index { .. }
        | Call::Entries { .. }
        | Call::Children { .. }
        | Call::Line { .. }
        | Call::Prefix { .. }
        | Call::Write { .. }
        | Call::List { .. }
        | Call::RefLog { .. } => record(fixture, call).await,
        _ => name_call(fixture, call, fresh).await,
    }
}

fn show<T: Debug>(outcome: Result<T>) -> String {
    format!("{:?}", outcome.map_err(|e| e.kind()))
}

/// Returns one of four names, of which the first is there from the start.
fn nth_name(n: u8) -> RefName {
    name(["main", "etl", "Etl", "v1"][usize::from(n)])
}

fn id(fixture: &Fixture, nowhere: bool) -> RepositoryId {
    if nowhere { NOWHERE } else { fixture.id }
}

async fn name_call(fixture: &Fixture, call: &Call, fresh: u8) -> String {
    let refs = &fixture.refs;
    match *call {
        Call::BeginEpoch { behind } => {
            let epoch = refs.epoch().await.unwrap();
            show(refs.begin_epoch_after((epoch + 1).saturating_sub(behind)).await)
        }
        Call::CreateBranch {
            name,
            head,
            staged,
            nowhere,
        } => {
            let mut made = branch(nth_name(name).as_str(), fresh);
            (made.head, made.staged) = (commit_id(head), staged.then(|| roots(fresh)));
            show(refs.create_branch(id(fixture, nowhere), &made).await)
        }
        Call::DeleteBranch {
            name,
            stale,
            untouched,
        } => {
            let at = present(fixture, name).await;
            let mut removal = Removal {
                untouched: untouched.map(|by| (at.generation, at.seq + by)),
                ..removal(&at, fresh.into())
            };
            removal.incarnation[0] ^= u8::from(stale);
            show(refs.delete_branch(fixture.id, &nth_name(name), &removal).await)
        }
        Call::SetRepositoryRules {
            read_only,
            patterns,
            stale,
        } => {
            let (generation, before) = refs.repository_rules(fixture.id).await.unwrap();
            let pattern = |n: u8| Pattern::parse(&"*".repeat(usize::from(n) + 1)).unwrap();
            let rules = RepositoryRules {
                read_only,
                patterns: (0..patterns).map(|n| (pattern(n), Rule::default())).collect(),
            };
            let set = refs.set_repository_rules(fixture.id, generation + u64::from(stale), &rules);
            format!("{before:?} {}", show(set.await))
        }
        Call::SetRules { name, checks } => {
            let required_checks = (0..checks).map(|n| n.to_string()).collect();
            let protection = Some(Protection {
                required_checks,
                policy: Policy::default(),
                strictness: None,
            })
            .filter(|_| checks > 0);
            let rules = BranchRules {
                mode: [CommitMode::Staged, CommitMode::Coalesce, CommitMode::Sync][usize::from(checks)],
                protection,
                expiry: Expiry {
                    ttl_us: (checks > 1).then_some(9),
                    idle_us: None,
                },
            };
            show(refs.set_branch_rules(fixture.id, &nth_name(name), &rules).await)
        }
        Call::CreateTag { name, target } => show(
            refs.create_tag(fixture.id, &nth_name(name), commit_id(target), fresh.into())
                .await,
        ),
        Call::DeleteTag { name } => show(refs.delete_tag(fixture.id, &nth_name(name), fresh.into()).await),
        Call::LogAfter { name, after } => {
            let at = present(fixture, name).await;
            show(refs.log_after(fixture.id, at.incarnation, after).await)
        }
        _ => unreachable!("{call:?} is made elsewhere"),
    }
}

/// Returns the branch as it is, or one that is not.
async fn present(fixture: &Fixture, name: u8) -> BranchRecord {
    let found = fixture.refs.branch(fixture.id, &nth_name(name)).await.unwrap();
    found.unwrap_or_else(|| branch(nth_name(name).as_str(), 0xfe))
}

async fn believed(fixture: &Fixture, at: &BranchRecord, seen: Seen) -> Expected {
    let epoch = fixture.refs.epoch().await.unwrap();
    let mut believed = Expected {
        epoch,
        ..expected(at)
    };
    match seen {
        Seen::Present => {}
        Seen::OtherIncarnation => believed.incarnation[3] ^= 1,
        Seen::OtherBase => believed.base_generation += 1,
        Seen::OtherHead => believed.head = commit_id(0x77),
        Seen::OtherFolded => believed.folded_seq = believed.folded_seq.saturating_sub(1),
        Seen::OtherSeq => believed.seq += 1,
        Seen::OlderEpoch(by) => believed.epoch = epoch.saturating_sub(by),
        Seen::LaterEpoch => believed.epoch += 1,
    }
    believed
}

async fn swap(fixture: &Fixture, call: &Call, fresh: u8) -> String {
    let (refs, repository) = (&fixture.refs, fixture.id);
    match *call {
        Call::Append {
            name,
            ops,
            skipped,
            seen,
        } => {
            let at = present(fixture, name).await;
            let believed = believed(fixture, &at, seen).await;
            let payload = Bytes::from(vec![fresh; usize::from(fresh)]);
            let record = LogRecord {
                payload,
                ..batch(believed.seq + skipped, ops)
            };
            show(refs.append(repository, &at.name, &believed, &record).await)
        }
        Call::Fold {
            name,
            ops,
            roots: n,
            seen,
        } => {
            let at = present(fixture, name).await;
            let believed = believed(fixture, &at, seen).await;
            show(
                refs.fold(repository, &at.name, &believed, &roots(n), at.folded_seq + ops)
                    .await,
            )
        }
        Call::MoveHead {
            name,
            head,
            indexed,
            ops,
            rebased,
            staged,
            seen,
        } => {
            let at = present(fixture, name).await;
            let believed = believed(fixture, &at, seen).await;
            let index = if indexed {
                (0..=head).map(commit).collect()
            } else {
                vec![]
            };
            let staged = staged.then(|| roots(fresh));
            let to = HeadMove {
                index,
                rebased,
                staged,
                ..commit_move(head, at.folded_seq + ops)
            };
            show(refs.move_head(repository, &at.name, &believed, &to).await)
        }
        _ => unreachable!("{call:?} is made elsewhere"),
    }
}

async fn record(fixture: &Fixture, call: &Call) -> String {
    let (refs, repository) = (&fixture.refs, fixture.id);
    match call {
        Call::Index { commits } => {
            let entry = |(n, epoch): &(u8, u32)| CommitEntry {
                epoch: *epoch,
                ..commit(*n)
            };
            let entries: Vec<_> = commits.iter().map(entry).collect();
            show(refs.index_commits(repository, &entries).await)
        }
        Call::Entries { commits } => {
            let ids: Vec<_> = commits.iter().copied().map(commit_id).collect();
            show(refs.commit_entries(repository, &ids).await)
        }
        Call::Children { parents, limit } => {
            let ids: Vec<_> = parents.iter().copied().map(commit_id).collect();
            show(refs.children(repository, &ids, *limit).await)
        }
        Call::Line { head, generation } => show(
            refs.first_parent_from(repository, commit_id(*head), *generation)
                .await,
        ),
        Call::Prefix { prefix, limit } => show(refs.commits_by_prefix(repository, prefix, *limit).await),
        Call::Write { changes, nowhere } => {
            let value = |n: &Option<u8>| n.map(|n| Bytes::from(vec![n]));
            let changes: Vec<_> = changes.iter().map(|(key, n)| (key.clone(), value(n))).collect();
            show(refs.kv_write(id(fixture, *nowhere), "locks", &changes).await)
        }
        Call::List { prefix, after, limit } => {
            show(refs.kv_list(repository, "locks", prefix, after, *limit).await)
        }
        Call::RefLog { limit } => show(refs.ref_log(repository, *limit).await),
        _ => unreachable!("{call:?} is made elsewhere"),
    }
}
