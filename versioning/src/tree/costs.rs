//! Exact costs at 100,000 partitions: nodes read and written by each kind of work. The figures follow from
//! keys and format alone; a change here is a change of the format or a defect.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream;

use super::boundary::Shape;
use super::model::{changes, entries};
use super::{Root, Totals, Tree};
use crate::store::{Blocks, Cache, Counts, MemoryFiles};
use crate::{Edit, KeyRange, Space, Value};

const PARTITIONS: u32 = 100_000;

struct Fixture {
    files: Arc<MemoryFiles>,
    root: Option<Root>,
}

fn key(i: u32) -> Bytes {
    let (day, hour, country) = (i / 1_000, i / 40 % 25, i % 40);
    Bytes::from(format!(
        "0123456789abcdef/ds=2026-{:02}-{:02}/hr={hour:02}/country={country:02}",
        day / 28,
        day % 28
    ))
}

fn value(version: u32, i: u32) -> Value {
    Value {
        payload: format!("v{version} numRows={}", i * 37).into(),
        ..Value::default()
    }
}

impl Fixture {
    async fn new() -> Fixture {
        let fixture = Fixture {
            files: Arc::new(MemoryFiles::new()),
            root: None,
        };
        let all = (0..PARTITIONS).map(|i| Ok((key(i), value(0, i))));
        let tree = Tree::build(fixture.blocks(), Space::Parts, 1, stream::iter(all))
            .await
            .unwrap();
        Fixture {
            root: tree.root(),
            ..fixture
        }
    }

    /// Returns the blocks with nothing read and nothing counted yet.
    fn blocks(&self) -> Arc<Blocks> {
        Arc::new(Blocks::new(self.files.clone(), "", Cache::default()))
    }

    fn tree(&self, root: Option<Root>) -> (Arc<Blocks>, Tree) {
        let blocks = self.blocks();
        (blocks.clone(), Tree::open(blocks, Space::Parts, root))
    }

    /// Edits the tree with nothing cached; returns the new root, and how many nodes were read and written.
    async fn edit(&self, edits: Vec<Edit>, prefixes: &[&'static str]) -> (Option<Root>, u64, u64) {
        let (blocks, tree) = self.tree(self.root);
        let prefixes = prefixes
            .iter()
            .map(|prefix| Bytes::from_static(prefix.as_bytes()))
            .collect();
        let root = tree.edit(2, edits, prefixes).await.unwrap();
        let Counts { reads, writes, .. } = blocks.stats().nodes;
        (root, reads, writes)
    }

    /// Returns how many keys differ, and how many nodes were read to find them with nothing cached.
    async fn diff(&self, after: Option<Root>) -> (usize, u64) {
        let (blocks, before) = self.tree(self.root);
        let after = Tree::open(blocks.clone(), Space::Parts, after);
        let found = changes(&before, &after, &KeyRange::all()).await.len();
        (found, blocks.stats().nodes.reads)
    }
}

fn puts(keys: impl IntoIterator<Item = u32>) -> Vec<Edit> {
    keys.into_iter().map(|i| (key(i), Some(value(1, i)))).collect()
}

/// A day that was not there: 1,000 keys in the middle.
fn new_day() -> Vec<Edit> {
    (0..1_000)
        .map(|i| {
            (
                Bytes::from(format!("0123456789abcdef/ds=2026-01-27a/{i:04}")),
                Some(value(0, i)),
            )
        })
        .collect()
}

/// The work at hand: what it is, nodes read and written by the edit, keys found and nodes read by the diff.
type Cost = (&'static str, (u64, u64), (usize, u64));

async fn measure(fixture: &Fixture, what: &'static str, edits: Vec<Edit>, prefixes: &[&'static str]) -> Cost {
    let (root, reads, writes) = fixture.edit(edits, prefixes).await;
    (what, (reads, writes), fixture.diff(root).await)
}

/// The tree has 195 leaves below its root, so height + 1 = 2. An edit reads the root and what it touches,
/// and writes what came of it; a diff reads both roots and what differs on each side.
#[tokio::test]
async fn costs_are_what_the_design_says() {
    let fixture = Fixture::new().await;
    let root = fixture.root.unwrap();
    assert_eq!((root.height, root.count), (1, 100_000));
    let table = "0123456789abcdef/";
    let costs = [
        // height + 1 each
        measure(&fixture, "alter one", puts([50_000]), &[]).await,
        measure(
            &fixture,
            "add one",
            vec![(Bytes::from_static(b"z"), Some(value(1, 0)))],
            &[],
        )
        .await,
        measure(&fixture, "drop one", vec![(key(7), None)], &[]).await,
        // one leaf read, five written in its place; a diff reads one and five
        measure(&fixture, "add 1,000 clustered", new_day(), &[]).await,
        // they lie in three leaves
        measure(&fixture, "alter 1,000 clustered", puts(50_000..51_000), &[]).await,
        // each in its own leaf
        measure(
            &fixture,
            "alter 100 scattered",
            puts((0..100).map(|i| i * 1_000)),
            &[],
        )
        .await,
        // only the leaf at the edge, which the table's first also is; a diff shows each key that is gone
        measure(
            &fixture,
            "drop 28,000 clustered",
            vec![],
            &["0123456789abcdef/ds=2026-01"],
        )
        .await,
        measure(&fixture, "drop all", vec![], &[table]).await,
        // nothing changes, so nothing is written, and nothing read to see it
        measure(
            &fixture,
            "put what is there",
            vec![(key(7), Some(value(0, 7)))],
            &["nothing"],
        )
        .await,
    ];
    let expected = [
        ("alter one", (2, 2), (1, 4)),
        ("add one", (2, 2), (1, 4)),
        ("drop one", (2, 2), (1, 4)),
        ("add 1,000 clustered", (2, 6), (1_000, 8)),
        ("alter 1,000 clustered", (4, 4), (1_000, 8)),
        ("alter 100 scattered", (101, 101), (100, 202)),
        ("drop 28,000 clustered", (3, 2), (28_000, 58)),
        ("drop all", (2, 0), (100_000, 196)),
        ("put what is there", (2, 0), (0, 0)),
    ];
    assert_eq!(costs, expected);
}

#[tokio::test]
async fn reads_cost_what_the_design_says() {
    let fixture = Fixture::new().await;
    let reads = |blocks: &Blocks| blocks.stats().nodes.reads;

    let (blocks, tree) = fixture.tree(fixture.root);
    assert_eq!(tree.get(&key(77_777)).await.unwrap(), Some(value(0, 77_777)));
    assert_eq!(reads(&blocks), 2, "height + 1");
    tree.get(&key(77_778)).await.unwrap();
    assert_eq!(reads(&blocks), 2, "what was read stays in memory");

    let (blocks, tree) = fixture.tree(fixture.root);
    let range = KeyRange::prefix("0123456789abcdef/ds=2026-01");
    assert_eq!(
        tree.totals(&range).await.unwrap(),
        Totals {
            count: 28_000,
            weight: 0
        }
    );
    assert_eq!(reads(&blocks), 3, "the root, and one leaf at each edge");

    let (blocks, tree) = fixture.tree(fixture.root);
    assert_eq!(tree.totals(&KeyRange::all()).await.unwrap().count, 100_000);
    assert_eq!(reads(&blocks), 0, "the root says it");

    let (blocks, tree) = fixture.tree(fixture.root);
    let mut cursor = tree.cursor(KeyRange::all());
    for day in 0..28 {
        cursor.seek(&key(day * 1_000)).await.unwrap();
        assert_eq!(cursor.next().await.unwrap().unwrap().key, key(day * 1_000));
    }
    assert_eq!(
        reads(&blocks),
        29,
        "a skip-scan reads the root and a leaf for each key that it looks for"
    );

    let (blocks, tree) = fixture.tree(fixture.root);
    assert_eq!(entries(&tree, KeyRange::all()).await.len(), 100_000);
    assert_eq!(reads(&blocks), 196);
}

/// Keys chosen so that no hash ends a node: the cap does, and edits still give the tree built from scratch.
#[tokio::test]
async fn crafted_keys_meet_the_cap() {
    let shape = Shape::of(Space::Meta);
    let harmless = |i: &u32| !shape.ends(0, &i.to_be_bytes(), 1022, 1);
    let keys: Vec<u32> = (0..).filter(harmless).take(10_000).collect();
    let blocks = Arc::new(Blocks::new(Arc::new(MemoryFiles::new()), "", Cache::default()));
    let edits = keys
        .iter()
        .map(|i| (Bytes::copy_from_slice(&i.to_be_bytes()), Some(value(0, 0))));
    let empty = Tree::open(blocks.clone(), Space::Meta, None);
    let root = empty.edit(1, edits.collect(), vec![]).await.unwrap();
    let tree = Tree { root, ..empty };
    assert_eq!(tree.root.unwrap().height, 1);
    tree.check().await.unwrap();
    let mut leaves = 0;
    tree.walk(|_| {
        leaves += 1;
        true
    })
    .await
    .unwrap();
    assert_eq!(leaves, 1 + 10_000usize.div_ceil(1_024));

    // a key at the front moves every boundary behind it
    let front = vec![(Bytes::new(), Some(value(0, 0)))];
    let grown = Tree {
        root: tree.edit(1, front.clone(), vec![]).await.unwrap(),
        ..tree.clone()
    };
    grown.check().await.unwrap();
    let back = grown.edit(1, vec![(Bytes::new(), None)], vec![]).await.unwrap();
    assert_eq!(back, tree.root);
    assert_eq!(changes(&tree, &grown, &KeyRange::all()).await.len(), 1);
}
