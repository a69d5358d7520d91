//! Partitions by expressions, through the whole service. What each expression means is tested beside the code.

use bytes::Bytes;
use thrift_idl::methods::*;
use thrift_idl::types::PartitionsByExprRequest;

use super::harness::{Client, some};
use super::partitions::{ROWS, recorded};

/// Returns the bytes of a recorded expression.
pub(super) fn expression(text: &str) -> Vec<u8> {
    let found = include_str!("../../testdata/kryo-4.0.1.tsv")
        .lines()
        .find_map(|line| line.split_once('\t').filter(|(recorded, _)| *recorded == text));
    let hex = found.unwrap().1;
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn request(bytes: Vec<u8>, max: i16) -> PartitionsByExprRequest {
    PartitionsByExprRequest {
        db_name: some("g1"),
        tbl_name: some("p"),
        expr: Some(Bytes::from(bytes)),
        max_parts: Some(max),
        ..PartitionsByExprRequest::default()
    }
}

/// Returns the positions of what is found, and whether the client has to look itself.
async fn found(client: &mut Client, bytes: Vec<u8>, max: i16) -> (Vec<usize>, bool) {
    let args = GetPartitionsByExprArgs {
        req: Some(request(bytes, max)),
    };
    let result = client.get::<GetPartitionsByExpr>(args).await.unwrap();
    let position = |values: &Vec<String>| ROWS.iter().position(|row| row[..] == values[..]).unwrap();
    let partitions = result.partitions.unwrap();
    let mut positions: Vec<usize> = partitions
        .iter()
        .map(|found| position(found.values.as_ref().unwrap()))
        .collect();
    positions.sort_unstable();
    (positions, result.has_unknown_partitions.unwrap())
}

#[tokio::test]
async fn partitions_are_found_by_expressions() {
    let (_server, mut client) = recorded().await;
    let all: Vec<usize> = (0..ROWS.len()).collect();
    for (bytes, expected, unknown) in [
        (expression("(n = 1)"), &[0, 7, 8][..], false),
        (expression("((n <> 1) and (n <> 2))"), &[2, 3, 5, 6, 9], false),
        (expression("s is null"), &[2, 7], false),
        (
            expression("((n <> 3) and s is not null)"),
            &[0, 1, 3, 5, 6, 8, 9],
            false,
        ),
        (expression("((d = DATE'2020-01-01') or (n = 2))"), &[0, 1], false),
        (expression("(year(d) = 2020)"), &all, true),
        (b"n = 10".to_vec(), &[3], false),
        (Vec::new(), &all, false),
        (vec![1, 2, 3], &all, true),
    ] {
        assert_eq!(found(&mut client, bytes, -1).await, (expected.to_vec(), unknown));
    }
    assert_eq!(found(&mut client, expression("(n = 1)"), 2).await.0.len(), 2);
}

#[tokio::test]
async fn names_are_found_by_expressions() {
    let (_server, mut client) = recorded().await;
    let args = GetPartitionNamesReqArgs {
        req: Some(request(expression("(not (n) IN (1, 2))"), 3)),
    };
    assert_eq!(
        client.get::<GetPartitionNamesReq>(args).await.unwrap(),
        [
            "d=2020-01-03/s=__HIVE_DEFAULT_PARTITION__/n=3",
            "d=2020-01-04/s=%25x%3Dy/n=10",
            "d=2020-02-01/s=q%27u%22o/n=-5",
        ]
    );
    let args = GetPartitionNamesReqArgs {
        req: Some(PartitionsByExprRequest {
            tbl_name: some("nope"),
            ..request(Vec::new(), -1)
        }),
    };
    assert_eq!(
        client.outcome::<GetPartitionNamesReq>(args).await,
        "NoSuchObjectException: hive.g1.nope table not found"
    );
}

#[tokio::test]
async fn specs_are_found_by_expressions() {
    let (_server, mut client) = recorded().await;
    let args = GetPartitionsSpecByExprArgs {
        req: Some(request(expression("(n = 1)"), -1)),
    };
    let result = client.get::<GetPartitionsSpecByExpr>(args).await.unwrap();
    assert_eq!(result.has_unknown_partitions, Some(false));
    let [spec] = &result.partitions_spec.unwrap()[..] else {
        panic!("alike partitions share a storage descriptor")
    };
    assert_eq!(spec.root_path.as_deref(), Some("s3a://lake/main/g1.db/p"));
    let group = spec.shared_sd_partition_spec.as_ref().unwrap();
    let relative: Vec<&str> = group
        .partitions
        .iter()
        .flatten()
        .filter_map(|partition| partition.relative_path.as_deref())
        .collect();
    assert_eq!(
        relative,
        [
            "/d=2020-01-01/s=a b%2Fc/n=1",
            "/d=2020-03-01/s=__HIVE_DEFAULT_PARTITION__/n=1",
            "/d=2021-01-01/s=m1/n=1",
        ]
    );
}
