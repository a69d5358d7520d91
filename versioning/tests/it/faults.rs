//! Trees on a store that fails: whatever call it is, before or after its effect, the old tree stays and
//! the edit can be repeated.

use std::sync::Arc;

use bytes::Bytes;
use testkit::{Fault, FaultyFiles, StrictFiles};
use versioning::store::{Blocks, Cache};
use versioning::tree::{Root, Tree};
use versioning::{Edit, Error, Space, Value};

const ENTRIES: u32 = 3_000;

fn entries(step: usize, payload: &'static str) -> Vec<Edit> {
    let value = Value {
        payload: payload.into(),
        ..Value::default()
    };
    (0..ENTRIES)
        .step_by(step)
        .map(|i| (Bytes::copy_from_slice(&i.to_be_bytes()), Some(value.clone())))
        .collect()
}

/// Returns a tree with nothing in memory.
fn cold(files: &FaultyFiles, root: Option<Root>) -> Tree {
    let blocks = Blocks::new(Arc::new(files.clone()), "r/", Cache::default());
    Tree::open(Arc::new(blocks), Space::Meta, root)
}

#[tokio::test]
async fn an_edit_happens_or_can_be_repeated() {
    let files = FaultyFiles::new(Arc::new(StrictFiles::new()));
    let old = cold(&files, None)
        .edit(1, entries(1, "old"), vec![])
        .await
        .unwrap();
    let edit = async || cold(&files, old).edit(2, entries(500, "new"), vec![]).await;
    let before = files.calls();
    let new = edit().await.unwrap();
    let calls = files.calls() - before;
    assert!(calls > 10, "{calls} calls");
    for call in 0..calls {
        for fault in [Fault::Before, Fault::After, Fault::Stop] {
            files.fail(files.calls() + call, fault);
            assert!(
                matches!(edit().await, Err(Error::Storage { .. })),
                "{call} {fault:?}"
            );
            files.heal();
            cold(&files, old).check().await.unwrap();
            assert_eq!(edit().await.unwrap(), new);
        }
    }
    cold(&files, new).check().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_told_and_loses_nothing() {
    let files = FaultyFiles::new(Arc::new(StrictFiles::new()));
    let old = cold(&files, None)
        .edit(1, entries(1, "old"), vec![])
        .await
        .unwrap();
    files.set_full(true);
    let full = cold(&files, old).edit(2, entries(7, "new"), vec![]).await;
    assert!(matches!(full, Err(Error::NoSpace { .. })), "{full:?}");
    cold(&files, old).check().await.unwrap();
    files.set_full(false);
    let new = cold(&files, old)
        .edit(2, entries(7, "new"), vec![])
        .await
        .unwrap();
    cold(&files, new).check().await.unwrap();
}
