//! What a person is told whose settings are wrong. No text has a secret or a signature in it.

use std::path::Path;

use catalog::warehouse::DeleteMode;
use catalog::{Warehouse as _, WarehouseSettings};
use warehouse::{Connection, Limits, S3, S3Warehouse};

use crate::service::{Service, limits};

async fn told(connection: Connection, root: &str) -> String {
    let limits = Limits {
        attempts: 1,
        ..limits()
    };
    let settings = WarehouseSettings::new(root, DeleteMode::Keep, None).unwrap();
    let warehouse = S3Warehouse::new(&settings, &S3::new(connection, limits).unwrap()).unwrap();
    let error = warehouse.has_dir(root).await.unwrap_err().to_string();
    for secret in ["secret", "X-Amz-", "Signature=", "Credential"] {
        assert!(!error.contains(secret), "{error}");
    }
    error
}

#[tokio::test]
async fn wrong_settings_are_told_apart() {
    let service = Service::start().await;
    let right = service.connection();
    let missing = told(right.clone(), "s3a://missing/w").await;
    assert!(missing.contains("the bucket missing is not there"), "{missing}");
    let key = told(
        Connection {
            access_key: "unknown".into(),
            ..right.clone()
        },
        "s3a://bucket/w",
    );
    let key = key.await;
    assert!(key.contains("does not accept the credentials"), "{key}");
    let hush = told(
        Connection {
            secret_key: "another".into(),
            ..right.clone()
        },
        "s3a://bucket/w",
    );
    let hush = hush.await;
    assert!(hush.contains("does not accept the credentials"), "{hush}");
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = socket.local_addr().unwrap();
    drop(socket);
    let unreachable = told(
        Connection {
            endpoint: Some(format!("http://{nobody}")),
            ..right
        },
        "s3a://bucket/w",
    );
    let unreachable = unreachable.await;
    assert!(
        unreachable.contains(&format!("http://{nobody} cannot be reached")),
        "{unreachable}"
    );
}

#[test]
fn only_what_is_known_is_opened() {
    let settings = |root, trash| WarehouseSettings::new(root, DeleteMode::Keep, trash).unwrap();
    let connection = Connection {
        endpoint: Some("http://127.0.0.1:1".into()),
        region: "us-east-1".into(),
        access_key: "a".into(),
        secret_key: "s".into(),
        session_token: None,
    };
    let s3 = S3::new(connection, Limits::default()).unwrap();
    let (with, without) = (
        warehouse::opener(Some(s3), Path::new("/none")),
        warehouse::opener(None, Path::new("/none")),
    );
    for (root, trash, expected) in [
        ("file:/w", None, (true, true)),
        ("s3a://bucket/w", None, (true, false)),
        ("s3://bucket", Some("s3n://c/trash"), (true, false)),
        ("s3a://bucket/w", Some("s3a://c"), (false, false)),
        ("s3a://bucket/w", Some("file:/trash"), (false, false)),
        ("file:/w", Some("s3a://bucket/trash"), (false, false)),
        ("hdfs://nn/w", None, (false, false)),
    ] {
        let settings = settings(root, trash);
        let opened = (with(&settings).is_some(), without(&settings).is_some());
        assert_eq!(opened, expected, "{root} {trash:?}");
    }
}
