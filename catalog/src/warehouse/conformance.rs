//! What every [`Warehouse`] has to do.

#![expect(clippy::unwrap_used, reason = "it is called by tests, and fails as they do")]

use super::{Warehouse, parent};
use crate::Error;
use crate::draft::FolderStatistics;

/// Fails unless `warehouse`, which is empty, does what the contract says; `put` writes a file, whose folder is there.
pub async fn conformance(warehouse: &dyn Warehouse, put: impl Fn(&str, &[u8])) {
    let root = warehouse.root().to_owned();
    spells_as_hadoop(warehouse, &root);
    makes(warehouse, &root, &put).await;
    moves(warehouse, &root, &put).await;
    removes(warehouse, &root, &put).await;
    counts(warehouse, &root, &put).await;
    refuses(warehouse, &root).await;
}

fn spells_as_hadoop(warehouse: &dyn Warehouse, root: &str) {
    let (scheme, path) = root.split_once(':').unwrap();
    let long = match path.strip_prefix("//") {
        Some(_) => root.to_owned(),
        None => format!("{scheme}://{path}"),
    };
    for spelled in [format!("{root}//t/"), format!("{long}/t")] {
        assert_eq!(warehouse.qualify(&spelled), Some(format!("{root}/t")));
    }
    assert_eq!(warehouse.qualify("unheard-of://host/t"), None);
}

async fn makes(warehouse: &dyn Warehouse, root: &str, put: &impl Fn(&str, &[u8])) {
    let (a, b) = (format!("{root}/makes"), format!("{root}/makes/b c%2F'"));
    assert!(!warehouse.has_dir(&a).await.unwrap());
    let made = warehouse.make_dir(&b).await.unwrap();
    assert!(made.ends_with(&[a.clone(), b.clone()]), "{made:?}");
    assert!(warehouse.has_dir(&b).await.unwrap());
    assert_eq!(warehouse.make_dir(&b).await.unwrap(), [""; 0]);
    let file = format!("{a}/file");
    put(&file, b"x");
    assert!(!warehouse.has_dir(&file).await.unwrap());
    assert!(matches!(
        warehouse.make_dir(&file).await,
        Err(Error::Folder { .. })
    ));
    assert!(warehouse.make_dir(&format!("{file}/below")).await.is_err());
}

async fn moves(warehouse: &dyn Warehouse, root: &str, put: &impl Fn(&str, &[u8])) {
    let (from, to) = (format!("{root}/moves/a"), format!("{root}/moves/deep/b"));
    warehouse.make_dir(&format!("{from}/p=1")).await.unwrap();
    put(&format!("{from}/p=1/file"), b"abc");
    warehouse.move_dir(&from, &to).await.unwrap();
    assert!(!warehouse.has_dir(&from).await.unwrap());
    let found = warehouse.folder_statistics(&to).await.unwrap();
    assert_eq!(found, FolderStatistics { files: 1, bytes: 3 });
    assert!(
        warehouse
            .move_dir(&from, &format!("{root}/moves/c"))
            .await
            .is_err()
    );
    warehouse.make_dir(&from).await.unwrap();
    assert!(warehouse.move_dir(&from, &to).await.is_err());
    assert!(warehouse.move_dir(&from, &format!("{from}/below")).await.is_err());
    assert!(warehouse.has_dir(&from).await.unwrap());
}

async fn removes(warehouse: &dyn Warehouse, root: &str, put: &impl Fn(&str, &[u8])) {
    let folder = format!("{root}/removes/a");
    let beside = format!("{root}/removes/ab");
    for purge in [true, false] {
        warehouse.make_dir(&format!("{folder}/p=1")).await.unwrap();
        warehouse.make_dir(&beside).await.unwrap();
        put(&format!("{folder}/p=1/file"), b"abc");
        assert!(!warehouse.remove_empty_dir(&folder).await.unwrap());
        warehouse.remove_dir(&folder, purge).await.unwrap();
        assert!(!warehouse.has_dir(&folder).await.unwrap());
        assert!(warehouse.has_dir(&beside).await.unwrap());
        warehouse.remove_dir(&folder, purge).await.unwrap();
    }
    assert!(warehouse.remove_empty_dir(&beside).await.unwrap());
    assert!(!warehouse.has_dir(&beside).await.unwrap());
    assert!(!warehouse.remove_empty_dir(&beside).await.unwrap());
}

async fn counts(warehouse: &dyn Warehouse, root: &str, put: &impl Fn(&str, &[u8])) {
    let folder = format!("{root}/counts");
    let nothing = warehouse.folder_statistics(&folder).await.unwrap();
    assert_eq!(nothing, FolderStatistics::default());
    warehouse.make_dir(&format!("{folder}/p=1")).await.unwrap();
    warehouse.make_dir(&format!("{folder}/_temporary")).await.unwrap();
    for (name, bytes) in [
        ("a", "12"),
        ("p=1/b", "345"),
        ("_SUCCESS", ""),
        (".a.crc", "6"),
        ("_temporary/c", "7"),
    ] {
        put(&format!("{folder}/{name}"), bytes.as_bytes());
    }
    let found = warehouse.folder_statistics(&folder).await.unwrap();
    assert_eq!(found, FolderStatistics { files: 2, bytes: 5 });
}

async fn refuses(warehouse: &dyn Warehouse, root: &str) {
    for uri in [
        format!("{root}/../outside"),
        format!("{root}/t/.."),
        "unheard-of://host/t".to_owned(),
    ] {
        assert!(warehouse.make_dir(&uri).await.is_err(), "{uri}");
        assert!(warehouse.remove_dir(&uri, true).await.is_err(), "{uri}");
        assert!(warehouse.remove_empty_dir(&uri).await.is_err(), "{uri}");
        assert!(
            warehouse.move_dir(&uri, &format!("{root}/x")).await.is_err(),
            "{uri}"
        );
        assert!(warehouse.folder_statistics(&uri).await.is_err(), "{uri}");
    }
    let above = parent(root).unwrap_or("file:/");
    for uri in [root, above] {
        assert!(warehouse.remove_dir(uri, true).await.is_err(), "{uri}");
    }
    assert!(warehouse.has_dir(root).await.unwrap());
}
