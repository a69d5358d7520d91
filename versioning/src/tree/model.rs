//! Trees against a plain map: random edits, with keys that are meant to hurt.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::boundary::Shape;
use super::{Change, Root, Totals, Tree, TreeBuilder};
use crate::id::Domain;
use crate::store::{Blocks, Cache, MemoryFiles};
use crate::{BlobRef, Edit, Hash, KeyRange, Space, Value};

type Map = BTreeMap<Bytes, Value>;

/// Returns blocks in `files` with nothing in their cache.
fn blocks(files: &Arc<MemoryFiles>) -> Arc<Blocks> {
    Arc::new(Blocks::new(
        files.clone(),
        "repositories/1/",
        Cache::new(64 << 20),
    ))
}

/// Builds the tree of `map` from scratch.
async fn bulk(blocks: &Arc<Blocks>, shape: Shape, map: &Map) -> Option<Root> {
    let mut builder = TreeBuilder::with_shape(blocks.clone(), shape, 7);
    for (key, value) in map {
        builder.push(key, value).await.unwrap();
    }
    builder.finish().await.unwrap()
}

#[derive(Clone)]
struct Step {
    prefixes: Vec<Bytes>,
    edits: BTreeMap<Bytes, Option<Value>>,
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys = |put: bool| {
            self.edits
                .iter()
                .filter(move |edit| edit.1.is_some() == put)
                .map(|edit| edit.0)
        };
        let (puts, deletes) = (keys(true).count(), keys(false).count());
        let first = |put| keys(put).take(3).collect::<Vec<_>>();
        write!(
            f,
            "remove {:?}, put {puts} {:?}, delete {deletes} {:?}",
            self.prefixes,
            first(true),
            first(false)
        )
    }
}

fn value() -> impl Strategy<Value = Value> {
    let payload = prop_oneof![8 => vec(any::<u8>(), 0..20), 1 => vec(any::<u8>(), 200..1100)];
    let blobs = vec((0..6u8, 1..4u32), 0..3);
    let weight = prop_oneof![3 => Just(0), 1 => any::<u32>().prop_map(u64::from)];
    (payload, blobs, weight).prop_map(|(payload, blobs, weight)| Value {
        payload: payload.into(),
        blobs: blobs
            .into_iter()
            .map(|(byte, epoch)| BlobRef {
                hash: Hash::of(Domain::Blob, &[byte]),
                epoch,
            })
            .collect(),
        weight,
    })
}

/// Keys that fall into few places, so that edits meet: runs, shared prefixes, empty and long keys.
fn key() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        1 => Just(Bytes::new()),
        8 => (0..6000u32).prop_map(|i| Bytes::from(format!("t{}/dt={:04}", i % 3, i / 3))),
        4 => (0..200u32).prop_map(|i| Bytes::from(i.to_be_bytes().to_vec())),
        2 => vec(prop_oneof![Just(0u8), Just(255), Just(b'a')], 0..6).prop_map(Bytes::from),
        1 => (0..20u8).prop_map(|i| [vec![b'k'; 1020], vec![i; 4]].concat().into()),
    ]
}

fn prefix() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        1 => Just(Bytes::new()),
        6 => (0..3u32, 0..20u32).prop_map(|(t, i)| Bytes::from(format!("t{t}/dt={i:02}"))),
        2 => (0..3u32).prop_map(|t| Bytes::from(format!("t{t}/"))),
        2 => key(),
    ]
}

/// A run of neighbours, which is how partitions come and go.
fn run() -> impl Strategy<Value = BTreeMap<Bytes, Option<Value>>> {
    (
        0..3u32,
        0..2000u32,
        1..1500u32,
        proptest::option::weighted(0.7, value()),
    )
        .prop_map(|(t, from, len, value)| {
            (from..from + len)
                .map(|i| (Bytes::from(format!("t{t}/dt={i:04}")), value.clone()))
                .collect()
        })
}

fn step() -> impl Strategy<Value = Step> {
    let single = btree_map(key(), proptest::option::weighted(0.7, value()), 0..12);
    let edits = prop_oneof![2 => single, 2 => run()];
    let prefixes = prop_oneof![3 => Just(Vec::new()), 1 => vec(prefix(), 1..3)];
    (prefixes, edits).prop_map(|(prefixes, edits)| Step { prefixes, edits })
}

fn apply(map: &mut Map, step: &Step) {
    map.retain(|key, _| !step.prefixes.iter().any(|prefix| key.starts_with(prefix)));
    for (key, value) in &step.edits {
        match value {
            Some(value) => drop(map.insert(key.clone(), value.clone())),
            None => drop(map.remove(key)),
        }
    }
}

fn edits(step: &Step) -> Vec<Edit> {
    step.edits
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

pub(super) async fn entries(tree: &Tree, range: KeyRange) -> Vec<(Bytes, Value)> {
    let mut cursor = tree.cursor(range);
    let mut found = Vec::new();
    while let Some(entry) = cursor.next().await.unwrap() {
        found.push((Bytes::copy_from_slice(entry.key), entry.value()));
    }
    found
}

pub(super) async fn changes(before: &Tree, after: &Tree, range: &KeyRange) -> Vec<Change> {
    let mut diff = before.diff(after, range);
    let mut found = Vec::new();
    while let Some(change) = diff.next().await.unwrap() {
        found.push(change);
    }
    found
}

fn expected_changes(before: &Map, after: &Map, range: &KeyRange) -> Vec<Change> {
    let keys: std::collections::BTreeSet<&Bytes> = before.keys().chain(after.keys()).collect();
    let keys = keys.into_iter().filter(|key| range.contains(key));
    keys.filter(|key| before.get(*key) != after.get(*key))
        .map(|key| Change {
            key: key.clone(),
            before: before.get(key).cloned(),
            after: after.get(key).cloned(),
        })
        .collect()
}

async fn check_reads(tree: &Tree, map: &Map, range: &KeyRange, probes: &[Bytes]) {
    let expected: Vec<(Bytes, Value)> = map
        .iter()
        .filter(|(key, _)| range.contains(key))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    assert_eq!(entries(tree, range.clone()).await, expected);
    let weight = expected
        .iter()
        .fold(0, |sum: u64, (_, value)| sum.saturating_add(value.weight));
    let totals = Totals {
        count: expected.len() as u64,
        weight,
    };
    assert_eq!(tree.totals(range).await.unwrap(), totals, "{range:?}");
    for probe in probes {
        assert_eq!(tree.get(probe).await.unwrap().as_ref(), map.get(probe));
    }
    let mut sorted = probes.to_vec();
    sorted.sort();
    let mut cursor = tree.cursor(range.clone());
    let mut rest = expected.as_slice();
    for probe in sorted {
        cursor.seek(&probe).await.unwrap();
        rest = &rest[rest.partition_point(|(key, _)| *key < probe)..];
        let found = cursor
            .next()
            .await
            .unwrap()
            .map(|entry| Bytes::copy_from_slice(entry.key));
        assert_eq!(found.as_ref(), rest.first().map(|(key, _)| key), "seek {probe:?}");
        rest = rest.get(1..).unwrap_or_default();
    }
}

fn range() -> impl Strategy<Value = KeyRange> {
    use std::ops::Bound;
    let bound = || {
        prop_oneof![
            Just(None),
            key().prop_map(|key| Some((true, key))),
            key().prop_map(|key| Some((false, key)))
        ]
    };
    let bound = move || {
        bound().prop_map(|bound| match bound {
            None => Bound::Unbounded,
            Some((true, key)) => Bound::Included(key),
            Some((false, key)) => Bound::Excluded(key),
        })
    };
    prop_oneof![
        2 => (bound(), bound()).prop_map(|(start, end)| KeyRange { start, end }),
        1 => prefix().prop_map(KeyRange::prefix),
        1 => Just(KeyRange::all()),
    ]
}

/// A diff reads a few nodes per change and level, however large the trees are.
async fn check_diff_cost(files: &Arc<MemoryFiles>, before: &Tree, after: &Tree) {
    let blocks = blocks(files);
    let cold = |tree: &Tree| Tree {
        blocks: blocks.clone(),
        ..tree.clone()
    };
    let found = changes(&cold(before), &cold(after), &KeyRange::all()).await.len() as u64;
    let levels = |tree: &Tree| tree.root.map_or(0, |root| u64::from(root.height) + 1);
    let reads = blocks.stats().nodes.reads;
    assert!(
        reads <= 3 * (found + 1) * (levels(before) + levels(after)),
        "{reads} reads for {found}"
    );
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// Real shapes, and small ones that make high trees.
fn shape() -> impl Strategy<Value = Shape> {
    let real = prop_oneof![Just(Space::Parts), Just(Space::Stats), Just(Space::Meta)].prop_map(Shape::of);
    prop_oneof![real, any::<bool>().prop_map(Shape::tiny)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_is_a_map_and_its_root_a_function_of_it(
        shape in shape(),
        steps in vec(step(), 1..8),
        range in range(),
        probes in vec(key(), 0..8),
    ) {
        block_on(async {
            let files = Arc::new(MemoryFiles::new());
            let blocks = blocks(&files);
            let (mut map, mut tree) = (Map::new(), Tree { blocks: blocks.clone(), shape, root: None });
            let mut versions = vec![(map.clone(), tree.clone())];
            for step in &steps {
                apply(&mut map, step);
                let root = tree.edit(3, edits(step), step.prefixes.clone()).await.unwrap();
                assert_eq!(root, bulk(&blocks, shape, &map).await);
                tree = Tree { root, ..tree };
                tree.check().await.unwrap();
                versions.push((map.clone(), tree.clone()));
            }
            check_reads(&tree, &map, &range, &probes).await;
            for (old_map, old_tree) in &versions {
                check_diff_cost(&files, old_tree, &tree).await;
                assert_eq!(changes(old_tree, &tree, &range).await, expected_changes(old_map, &map, &range));
                assert_eq!(changes(&tree, old_tree, &range).await, expected_changes(&map, old_map, &range));
            }
        });
    }
}

/// Whatever is done with a tree can be done on a task of its own.
#[test]
fn everything_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    let files = Arc::new(MemoryFiles::new());
    let tree = Tree {
        blocks: blocks(&files),
        shape: Shape::tiny(false),
        root: None,
    };
    is_send(tree.edit(1, vec![], vec![]));
    is_send(tree.get(b""));
    is_send(tree.totals(&KeyRange::all()));
    is_send(tree.walk(|_| true));
    is_send(tree.check());
    is_send(tree.cursor(KeyRange::all()).next());
    is_send(tree.cursor(KeyRange::all()).seek(b""));
    is_send(tree.diff(&tree, &KeyRange::all()).next());
    is_send(TreeBuilder::new(tree.blocks, Space::Meta, 1).finish());
}

#[test]
fn weights_that_add_up_to_too_much_do_no_harm() {
    block_on(async {
        let files = Arc::new(MemoryFiles::new());
        let heavy = Value {
            weight: u64::MAX,
            ..Value::default()
        };
        let map: Map = (0..100u8)
            .map(|i| (Bytes::copy_from_slice(&[i]), heavy.clone()))
            .collect();
        let shape = Shape::tiny(false);
        let tree = Tree {
            blocks: blocks(&files),
            shape,
            root: bulk(&blocks(&files), shape, &map).await,
        };
        tree.check().await.unwrap();
        assert_eq!(
            tree.totals(&KeyRange::all()).await.unwrap(),
            Totals {
                count: 100,
                weight: u64::MAX
            }
        );
        let edits = map.keys().skip(1).map(|key| (key.clone(), None)).collect();
        let root = tree.edit(2, edits, vec![]).await.unwrap().unwrap();
        assert_eq!((root.height, root.weight), (0, u64::MAX));
    });
}
