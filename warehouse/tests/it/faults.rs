//! What fails once is done again, and what fails for good leaves everything where it was.

use std::time::Duration;

use catalog::Warehouse as _;
use warehouse::Limits;

use crate::service::{Failure, How, Service, Want, limits};

const WANTS: [Want; 5] = [Want::List, Want::Head, Want::Put, Want::Copy, Want::DeleteMany];

#[tokio::test]
async fn what_fails_once_is_done_again() {
    for want in WANTS {
        for how in [
            How::Status(500),
            How::Status(503),
            How::Status(429),
            How::ResetBefore,
            How::ResetAfter,
        ] {
            let service = Service::start().await;
            let warehouse = service.warehouse("s3a://bucket/w", None);
            service.put("w/t/file", b"x");
            let (spared, times) = (0, 2);
            service.fail(Failure {
                want,
                spared,
                times,
                how,
            });
            warehouse.make_dir("s3a://bucket/w/v").await.unwrap();
            warehouse
                .move_dir("s3a://bucket/w/t", "s3a://bucket/w/u")
                .await
                .unwrap();
            warehouse.remove_dir("s3a://bucket/w/v", true).await.unwrap();
            assert_eq!(service.keys(), ["w/u/file"], "{want:?} {how:?}");
        }
    }
}

#[tokio::test]
async fn an_error_in_an_answer_of_success_is_seen() {
    let service = Service::start().await;
    let warehouse = service.warehouse("s3a://bucket/w", None);
    service.put("w/t/file", b"x");
    let failure = |times| Failure {
        want: Want::Copy,
        spared: 0,
        times,
        how: How::HiddenError,
    };
    service.fail(failure(100));
    assert!(
        warehouse
            .move_dir("s3a://bucket/w/t", "s3a://bucket/w/u")
            .await
            .is_err()
    );
    assert_eq!(service.keys(), ["w/t/file"]);
}

#[tokio::test]
async fn a_move_that_fails_midway_loses_nothing() {
    for how in [
        How::Status(503),
        How::Status(403),
        How::ResetBefore,
        How::ResetAfter,
    ] {
        let service = Service::start().await;
        let limits = Limits {
            copies: 2,
            ..limits()
        };
        let warehouse = service.warehouse_with("s3a://bucket/w", None, limits);
        for number in 0..7 {
            service.put(&format!("w/t/{number}"), b"x");
        }
        let before = service.keys();
        let (want, spared, times) = (Want::Copy, 3, 1_000);
        service.fail(Failure {
            want,
            spared,
            times,
            how,
        });
        let failed = warehouse.move_dir("s3a://bucket/w/t", "s3a://bucket/w/u").await;
        assert!(failed.is_err(), "{how:?}");
        assert_eq!(service.keys(), before, "{how:?}");
        assert!(!warehouse.has_dir("s3a://bucket/w/u").await.unwrap());
    }
}

#[tokio::test]
async fn a_copy_by_parts_that_fails_leaves_no_parts() {
    let service = Service::start().await;
    let limits = Limits {
        copy_bytes_max: 4,
        part_bytes: 4,
        ..limits()
    };
    let warehouse = service.warehouse_with("s3a://bucket/w", None, limits);
    service.put("w/t/large", b"123456789");
    let (want, spared, times, how) = (Want::CopyPart, 1, 1_000, How::Status(500));
    service.fail(Failure {
        want,
        spared,
        times,
        how,
    });
    assert!(
        warehouse
            .move_dir("s3a://bucket/w/t", "s3a://bucket/w/u")
            .await
            .is_err()
    );
    assert_eq!(service.keys(), ["w/t/large"]);
    assert_eq!(service.open_uploads(), 0);
}

/// All of it is at the new place, and some may be gone from the old one: to fail would send readers there.
#[tokio::test]
async fn a_move_whose_old_place_stays_is_one() {
    let service = Service::start().await;
    let warehouse = service.warehouse("s3a://bucket/w", None);
    service.put("w/t/file", b"x");
    let (want, spared, times, how) = (Want::DeleteMany, 0, 1_000, How::Status(403));
    service.fail(Failure {
        want,
        spared,
        times,
        how,
    });
    warehouse
        .move_dir("s3a://bucket/w/t", "s3a://bucket/w/u")
        .await
        .unwrap();
    assert_eq!(service.keys(), ["w/t/file", "w/u/file"]);
}

#[tokio::test]
async fn attempts_end() {
    let service = Service::start().await;
    let warehouse = service.warehouse("s3a://bucket/w", None);
    let (want, spared, times, how) = (Want::List, 0, 1_000, How::Status(503));
    service.fail(Failure {
        want,
        spared,
        times,
        how,
    });
    assert!(warehouse.has_dir("s3a://bucket/w").await.is_err());
    assert_eq!(service.seen(Want::List) as u32, Limits::default().attempts);
}

#[tokio::test]
async fn silence_has_an_end() {
    let service = Service::start().await;
    let limits = Limits {
        answer: Duration::from_millis(50),
        attempts: 2,
        ..limits()
    };
    let warehouse = service.warehouse_with("s3a://bucket/w", None, limits);
    let (want, spared, times, how) = (Want::List, 0, 2, How::Silence);
    service.fail(Failure {
        want,
        spared,
        times,
        how,
    });
    let error = warehouse.has_dir("s3a://bucket/w").await.unwrap_err();
    assert!(error.to_string().contains("did not answer within"), "{error}");
    assert_eq!(service.seen(Want::List), 2);
}
