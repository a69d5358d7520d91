//! What becomes of keys when folders are made, moved and removed.

use catalog::Warehouse as _;
use catalog::draft::FolderStatistics;
use catalog::warehouse::conformance;
use warehouse::Limits;

use crate::service::{BUCKET, OTHER_BUCKET, Service, Want, limits};

fn key(uri: &str) -> &str {
    uri.strip_prefix(&format!("s3a://{BUCKET}/")).unwrap()
}

#[tokio::test]
async fn it_conforms() {
    let service = Service::start().await;
    let warehouse = service.warehouse("s3a://bucket/some/w", None);
    conformance(&warehouse, |uri, bytes| service.put(key(uri), bytes)).await;
}

#[tokio::test]
async fn it_conforms_with_trash_and_small_pages() {
    let service = Service::start().await;
    let limits = Limits {
        page_keys: 1,
        copies: 1,
        ..limits()
    };
    let warehouse = service.warehouse_with("s3a://bucket/some/w", Some("s3://bucket/trash"), limits);
    conformance(&warehouse, |uri, bytes| service.put(key(uri), bytes)).await;
}

#[tokio::test]
async fn only_the_leaf_is_marked_and_parents_stay() {
    let service = Service::start().await;
    let warehouse = service.warehouse("s3a://bucket/w", None);
    warehouse.make_dir("s3a://bucket/w/d.db/t").await.unwrap();
    assert_eq!(service.keys(), ["w/d.db/t/"]);
    warehouse.remove_dir("s3a://bucket/w/d.db/t", true).await.unwrap();
    assert_eq!(service.keys(), ["w/d.db/"]);
    service.put("w/d.db/u/file", b"x");
    warehouse
        .move_dir("s3a://bucket/w/d.db/u", "s3a://bucket/w/e.db/u")
        .await
        .unwrap();
    assert_eq!(service.keys(), ["w/d.db/", "w/e.db/u/file"]);
    warehouse.remove_dir("s3a://bucket/w/e.db/u", true).await.unwrap();
    assert_eq!(service.keys(), ["w/d.db/", "w/e.db/"]);
    warehouse.make_dir("s3a://bucket/top").await.unwrap();
    assert!(warehouse.remove_empty_dir("s3a://bucket/top").await.unwrap());
    assert_eq!(service.keys(), ["w/d.db/", "w/e.db/"]);
}

#[tokio::test]
async fn keys_are_taken_as_they_are() {
    let service = Service::start().await;
    let warehouse = service.warehouse("s3a://bucket/w", None);
    let names = [
        "p=a b%2Fc",
        "p='q\"",
        "p=é€😀",
        "p=a+b&c?d#e",
        "p=%",
        "p=<x>;:@$,()",
    ];
    for name in names {
        let folder = format!("s3a://bucket/w/t/{name}");
        warehouse.make_dir(&folder).await.unwrap();
        service.put(&format!("w/t/{name}/f 1%20"), name.as_bytes());
        assert!(warehouse.has_dir(&folder).await.unwrap(), "{name}");
        let found = warehouse.folder_statistics(&folder).await.unwrap();
        let bytes = name.len() as u64;
        assert_eq!(found, FolderStatistics { files: 1, bytes }, "{name}");
    }
    service.put("w/t//empty//names", b"x");
    warehouse
        .move_dir("s3a://bucket/w/t", "s3a://bucket/w/u '%41'")
        .await
        .unwrap();
    for name in names {
        let file = format!("w/u '%41'/{name}/f 1%20");
        assert_eq!(service.get(&file).unwrap(), name.as_bytes(), "{name}");
    }
    assert!(service.get("w/u '%41'//empty//names").is_some());
    warehouse
        .remove_dir("s3a://bucket/w/u '%41'", true)
        .await
        .unwrap();
    assert_eq!(service.keys(), ["w/"]);
}

#[tokio::test]
async fn keys_that_xml_cannot_write_are_removed_alone() {
    let service = Service::start().await;
    let warehouse = service.warehouse("s3a://bucket/w", None);
    service.put("w/t/a\u{1}b", b"x");
    service.put("w/t/c", b"x");
    service.put("w/t/./d", b"x");
    let stays = warehouse
        .move_dir("s3a://bucket/w/t", "s3a://bucket/w/u")
        .await
        .unwrap_err();
    assert!(stays.to_string().contains("w/t/./d"), "{stays}");
    assert_eq!(service.keys().len(), 3);
    warehouse.remove_dir("s3a://bucket/w/t", true).await.unwrap();
    assert_eq!(service.keys(), ["w/"]);
}

#[tokio::test]
async fn many_files_go_by_pages() {
    let service = Service::start().await;
    let warehouse = service.warehouse("s3a://bucket/w", None);
    for number in 0..2_001 {
        service.put(&format!("w/t/{number}"), b"x");
    }
    service.put("w/tt", b"beside");
    let found = warehouse.folder_statistics("s3a://bucket/w/t").await.unwrap();
    assert_eq!(found.files, 2_001);
    warehouse.remove_dir("s3a://bucket/w/t", true).await.unwrap();
    assert_eq!(service.keys(), ["w/tt"]);
    assert_eq!(service.seen(Want::DeleteMany), 3);
}

#[tokio::test]
async fn large_objects_are_copied_by_parts() {
    let service = Service::start().await;
    let limits = Limits {
        copy_bytes_max: 4,
        part_bytes: 4,
        ..limits()
    };
    let warehouse = service.warehouse_with("s3a://bucket/w", None, limits);
    service.put("w/t/small", b"1234");
    service.put("w/t/large é", b"123456789");
    warehouse
        .move_dir("s3a://bucket/w/t", "s3a://bucket/w/u")
        .await
        .unwrap();
    assert_eq!(service.get("w/u/large é").unwrap(), b"123456789");
    assert_eq!(service.get("w/u/small").unwrap(), b"1234");
    assert_eq!(service.keys().len(), 2);
    assert_eq!((service.seen(Want::CopyPart), service.seen(Want::Copy)), (3, 1));
}

#[tokio::test]
async fn what_is_too_much_stays() {
    let service = Service::start().await;
    let limits = Limits {
        moved_objects_max: 2,
        ..limits()
    };
    let warehouse = service.warehouse_with("s3a://bucket/w", None, limits);
    for name in ["a", "b", "c"] {
        service.put(&format!("w/t/{name}"), b"x");
    }
    let error = warehouse
        .move_dir("s3a://bucket/w/t", "s3a://bucket/w/u")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("more than 2 objects"), "{error}");
    service.put("w/t/c/", b"");
    assert_eq!(service.seen(Want::Copy), 0);
}

#[tokio::test]
async fn what_is_removed_is_in_the_trash() {
    let service = Service::start().await;
    let warehouse = service.warehouse("s3a://bucket/w", Some("s3a://other/trash"));
    for _ in 0..2 {
        service.put("w/t/file", b"x");
        warehouse.remove_dir("s3a://bucket/w/t", false).await.unwrap();
    }
    assert_eq!(service.keys(), ["w/"]);
    let trash = ["trash/Current/w/t.1/file", "trash/Current/w/t/file"];
    assert_eq!(service.keys_of(OTHER_BUCKET), trash);
    assert!(warehouse.remove_dir("s3n://other/trash", true).await.is_err());
    warehouse
        .remove_dir("s3a://other/trash/Current/w/t", false)
        .await
        .unwrap();
    assert_eq!(service.keys_of(OTHER_BUCKET), trash[..1]);
}

#[tokio::test]
async fn other_buckets_are_of_the_same_file_system() {
    let service = Service::start().await;
    let warehouse = service.warehouse("s3a://bucket/w", None);
    assert_eq!(
        warehouse.qualify("s3://other//x/").as_deref(),
        Some("s3://other/x")
    );
    assert_eq!(warehouse.qualify("/x/y").as_deref(), Some("s3a://bucket/x/y"));
    for foreign in ["file:/x", "s3a:/x", "s3a://k:s@other/x", "hdfs://o/x", "x"] {
        assert_eq!(warehouse.qualify(foreign), None, "{foreign}");
    }
    warehouse.make_dir("s3n://other/x/y").await.unwrap();
    warehouse
        .move_dir("s3://other/x/y", "s3a://bucket/w/y")
        .await
        .unwrap();
    assert_eq!(service.keys_of(OTHER_BUCKET), ["x/"]);
    assert_eq!(service.keys(), ["w/y/"]);
    assert!(warehouse.remove_dir("s3a://other", true).await.is_err());
    assert!(warehouse.remove_dir("s3://bucket", true).await.is_err());
}
