//! Blocks and data files: what is verified, what is counted, and what a defect of the store looks like.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use futures::TryStreamExt;

use super::{BLOCK_BYTES_MAX, Blocks, Cache, Counts, DataFiles, Files, LocalFiles, MemoryFiles};
use crate::id::Domain;
use crate::tree::{Link, Tree};
use crate::{CommitId, Error, Hash, Ids, KeyRange, Space, Value};

fn blocks(files: &Arc<MemoryFiles>) -> Blocks {
    Blocks::new(files.clone(), "r/", Cache::default())
}

async fn path_of(files: &dyn Files, folder: &str) -> String {
    let found: Vec<_> = files.list(folder).try_collect().await.unwrap();
    assert_eq!(found.len(), 1);
    found[0].0.clone()
}

#[tokio::test]
async fn blobs_are_verified_and_counted() {
    let files = Arc::new(MemoryFiles::new());
    let content = Bytes::from(vec![b'x'; 10_000]);
    let blob = blocks(&files).put_blob(0x1f, &content).await.unwrap();
    let path = path_of(&*files, "r").await;
    let hash = blob.hash.to_string();
    assert_eq!(path, format!("r/b/0000001f/{}/{hash}", &hash[..2]));

    let cold = blocks(&files);
    for _ in 0..3 {
        assert_eq!(cold.blob(&blob).await.unwrap(), content);
    }
    let Counts {
        reads, bytes_read, ..
    } = cold.stats().blobs;
    assert_eq!(
        (reads, bytes_read),
        (1, files.get(&path).await.unwrap().len() as u64)
    );
    assert_eq!(cold.stats().nodes, Counts::default());
}

#[tokio::test]
async fn any_changed_byte_is_noticed() {
    let files = Arc::new(MemoryFiles::new());
    let blob = blocks(&files)
        .put_blob(1, &Bytes::from(vec![b'x'; 500]))
        .await
        .unwrap();
    let path = path_of(&*files, "r/b").await;
    let stored = files.get(&path).await.unwrap();
    for i in 0..stored.len() {
        let mut damaged = stored.to_vec();
        damaged[i] ^= 0x41;
        files.put(&path, damaged.into()).await.unwrap();
        match blocks(&files).blob(&blob).await {
            Err(Error::Corrupt {
                what: "blob",
                key,
                message,
            }) => {
                assert_eq!(key, blob.hash.to_string());
                assert!(message.contains(&path), "{message}");
            }
            other => panic!("byte {i}: {other:?}"),
        }
    }
    files.delete(&path).await.unwrap();
    let missing = blocks(&files).blob(&blob).await.unwrap_err().to_string();
    assert!(
        missing.contains("missing") && missing.contains(&path),
        "{missing}"
    );
}

#[tokio::test]
async fn a_failed_read_is_not_remembered() {
    let files = Arc::new(MemoryFiles::new());
    let blocks = blocks(&files);
    let frame = blocks.blob_frame(1, &Bytes::from_static(b"late")).unwrap();
    let blob = frame.blob();
    assert!(blocks.blob(&blob).await.is_err());
    blocks.put_all([frame]).await.unwrap();
    assert_eq!(blocks.blob(&blob).await.unwrap(), "late");
}

#[tokio::test]
async fn one_hash_in_two_domains_is_two_blocks() {
    let files = Arc::new(MemoryFiles::new());
    let blocks = blocks(&files);
    let commit = blocks.frame(Domain::Commit, 1, b"same", b"place").unwrap();
    let blob = blocks.frame(Domain::Blob, 1, b"same", b"").unwrap();
    assert_ne!(commit.link.hash, blob.link.hash);
    let id = CommitId(commit.link.hash);
    blocks.put_all([commit, blob]).await.unwrap();
    let read = blocks.commit(id, 1).await.unwrap();
    assert_eq!(
        (read.hashed, read.physical),
        (Bytes::from_static(b"same"), Bytes::from_static(b"place"))
    );
    assert_eq!(
        (blocks.stats().commits.writes, blocks.stats().blobs.writes),
        (1, 1)
    );
}

#[tokio::test]
async fn nodes_with_differing_places_do_not_share_a_path() {
    let files = Arc::new(MemoryFiles::new());
    let blocks = Arc::new(blocks(&files));
    let build = async |blob_epoch: u32| {
        let blob = crate::BlobRef {
            hash: Hash([1; 32]),
            epoch: blob_epoch,
        };
        let value = Value {
            blobs: vec![blob],
            ..Value::default()
        };
        let tree = Tree::open(blocks.clone(), Space::Meta, None);
        tree.edit(9, vec![(Bytes::from_static(b"k"), Some(value))], vec![])
            .await
            .unwrap()
            .unwrap()
    };
    let (early, late) = (build(2).await, build(3).await);
    assert_eq!(early, late, "the content is the same");
    assert_ne!(early.link.variant, late.link.variant);
    assert_eq!(files.list("r/n").try_collect::<Vec<_>>().await.unwrap().len(), 2);
    for (root, epoch) in [(early, 2), (late, 3)] {
        let tree = Tree::open(blocks.clone(), Space::Meta, Some(root));
        assert_eq!(tree.get(b"k").await.unwrap().unwrap().blobs[0].epoch, epoch);
    }
}

#[tokio::test]
async fn a_damaged_node_is_named_by_whoever_reads_it() {
    let files = Arc::new(MemoryFiles::new());
    let value = |i: u32| Value {
        payload: format!("{i}").into(),
        ..Value::default()
    };
    let edits = (0..2_000u32)
        .map(|i| (Bytes::copy_from_slice(&i.to_be_bytes()), Some(value(i))))
        .collect();
    let tree = Tree::open(Arc::new(blocks(&files)), Space::Meta, None);
    let root = tree.edit(1, edits, vec![]).await.unwrap().unwrap();
    let mut links: Vec<Link> = Vec::new();
    let tree = Tree::open(Arc::new(blocks(&files)), Space::Meta, Some(root));
    tree.walk(|reached| {
        if let crate::tree::Reached::Node(link) = reached {
            links.push(*link);
        }
        true
    })
    .await
    .unwrap();
    let hash = links.last().unwrap().hash.to_string();
    let path = format!("r/n/00000001/{}/{hash}", &hash[..2]);
    files
        .put(&path, Bytes::from_static(b"SKB1 but nothing else"))
        .await
        .unwrap();

    let cold = Tree::open(Arc::new(blocks(&files)), Space::Meta, Some(root));
    let is_named = |error: Error| {
        let named = matches!(&error, Error::Corrupt { what: "node", key, .. } if *key == hash);
        assert!(named && error.to_string().contains(&path), "{error}");
    };
    is_named(cold.get(&1_999u32.to_be_bytes()).await.unwrap_err());
    is_named(cold.walk(|_| true).await.unwrap_err());
    is_named(cold.check().await.unwrap_err());
    let mut cursor = cold.cursor(KeyRange::all());
    let error = loop {
        match cursor.next().await {
            Ok(entry) => assert!(entry.is_some(), "a walk does not end early"),
            Err(error) => break error,
        }
    };
    is_named(error);
    is_named(
        cold.edit(
            2,
            vec![(Bytes::copy_from_slice(&1_999u32.to_be_bytes()), None)],
            vec![],
        )
        .await
        .unwrap_err(),
    );
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let files = Arc::new(MemoryFiles::new());
    let large = Bytes::from(vec![0; BLOCK_BYTES_MAX as usize + 1]);
    assert!(matches!(
        blocks(&files).put_blob(1, &large).await,
        Err(Error::TooLarge { what: "blob", .. })
    ));
    let tree = Tree::open(Arc::new(blocks(&files)), Space::Meta, None);
    let value = Value {
        payload: large,
        ..Value::default()
    };
    let edit = tree.edit(1, vec![(Bytes::new(), Some(value))], vec![]).await;
    assert!(matches!(edit, Err(Error::TooLarge { what: "value", .. })));
}

#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl Ids for Counting {
    fn fresh(&self) -> [u8; 16] {
        u128::from(self.0.fetch_add(1, Relaxed)).to_be_bytes()
    }
}

#[tokio::test]
async fn data_files_are_streamed_in_and_out() {
    let folder = tempfile::tempdir().unwrap();
    let files = Arc::new(LocalFiles::open(folder.path()).await.unwrap());
    let data = DataFiles::new(files.clone(), "r/", Arc::new(Counting::default()));
    let mut writer = data.create(7).await.unwrap();
    let content: Vec<u8> = (0..3_000_000u32).map(|i| (i / 9) as u8).collect();
    for piece in content.chunks(70_001) {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    assert_eq!(writer.size(), 3_000_000);
    let stored = writer.finish().await.unwrap();
    assert_eq!((stored.size, stored.file.epoch), (3_000_000, 7));
    assert_eq!(
        data.path(stored.file),
        "r/d/00000007/00000000000000000000000000000000"
    );
    let listed: Vec<_> = data.list().try_collect().await.unwrap();
    assert_eq!(listed, [(stored.file, 3_000_000)]);

    let part: Vec<Bytes> = data
        .read(stored.file, 100..2_000_000)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert!(part.len() > 1 && part.concat() == content[100..2_000_000]);

    let empty = data.create(7).await.unwrap().finish().await.unwrap();
    assert_eq!(
        format!("{:x}", u128::from_be_bytes(empty.md5)),
        "d41d8cd98f00b204e9800998ecf8427e"
    );
    data.delete(empty.file).await.unwrap();
    assert!(matches!(
        data.read(empty.file, 0..1).await.err(),
        Some(Error::Corrupt {
            what: "data file",
            ..
        })
    ));
    drop(data.create(8).await.unwrap());
    assert_eq!(
        data.list().try_collect::<Vec<_>>().await.unwrap().len(),
        1,
        "what is given up never appears"
    );
}
