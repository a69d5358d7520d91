//! What walks and sums over a view cost, in nodes and in searches of the overlay.

use super::*;
use crate::Edit;
use crate::store::{Cache, Files, MemoryFiles};

const ROWS: u32 = 5_000;

fn key(table: char, n: u32) -> Bytes {
    Bytes::from(format!("{table}/{n:06}"))
}

/// Returns a view of two tables, `a` and `b`, of whose nodes nothing stays in memory.
async fn two_tables() -> View {
    let files: Arc<dyn Files> = Arc::new(MemoryFiles::new());
    let blocks = Arc::new(Blocks::new(files, "r/", Cache::none()));
    let rows = |table| (0..ROWS).map(move |n| (key(table, n), Some(Value::default())));
    let edits: Vec<Edit> = rows('a').chain(rows('b')).collect();
    let tree = Tree::open(blocks.clone(), Space::Parts, None);
    let mut roots = Roots::default();
    roots.set(Space::Parts, tree.edit(1, edits, Vec::new()).await.unwrap());
    View::new(blocks, CommitId(Hash([0; 32])), roots, Overlay::default(), 1)
}

async fn reads_of_totals(view: &View, range: &KeyRange) -> (u64, Totals) {
    let reads = || view.inner.blocks.stats().nodes.reads;
    let before = reads();
    let totals = view.totals(Space::Parts, range.clone()).await.unwrap();
    (reads() - before, totals)
}

#[tokio::test]
async fn a_sum_looks_only_at_deletions_in_its_range() {
    let view = two_tables().await;
    let mut batch = Batch::default();
    (0..1_000).for_each(|n| batch.delete_prefix(Space::Parts, key('a', n)));
    let dropped = view.with(&batch);
    let of_b = KeyRange::prefix(&b"b/"[..]);
    let bare = reads_of_totals(&view, &of_b).await;
    assert_eq!(bare.1.count, u64::from(ROWS));
    assert_eq!(reads_of_totals(&dropped, &of_b).await, bare);
    // a deletion far shorter than the range's start covers it
    let mut whole = Batch::default();
    whole.delete_prefix(Space::Parts, &b"b"[..]);
    let (_, totals) = reads_of_totals(&dropped.with(&whole), &of_b).await;
    assert_eq!(totals.count, 0);
    let (_, totals) = reads_of_totals(&dropped, &KeyRange::all()).await;
    assert_eq!(totals.count, u64::from(2 * ROWS - 1_000));
}

/// Walks over a range; returns the number of its rows and of the searches of the overlay.
async fn walk(view: &View, range: KeyRange) -> (u32, usize) {
    let mut scan = view.scan(Space::Parts, range);
    let mut rows = 0;
    while scan.next().await.unwrap().is_some() {
        rows += 1;
    }
    (rows, scan.ahead.searches)
}

#[tokio::test]
async fn a_walk_searches_the_overlay_once_a_change() {
    let view = two_tables().await;
    let mut batch = Batch::default();
    batch.put(Space::Parts, key('a', 7), Value::default());
    batch.delete(Space::Parts, key('a', 8));
    let view = view.with(&batch);
    // where the first change and the first deletion are
    assert_eq!(walk(&view, KeyRange::prefix(&b"b/"[..])).await, (ROWS, 2));
    assert_eq!(walk(&view, KeyRange::prefix(&b"a/"[..])).await, (ROWS - 1, 4));
    let mut batch = Batch::default();
    batch.delete_prefix(Space::Parts, &b"a/0001"[..]);
    batch.delete_prefix(Space::Parts, &b"a/0010"[..]);
    let view = view.with(&batch);
    assert_eq!(walk(&view, KeyRange::prefix(&b"a/"[..])).await, (ROWS - 201, 6));
}
