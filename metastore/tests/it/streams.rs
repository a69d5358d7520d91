//! Long answers.

use thrift_idl::methods::*;
use thrift_idl::types::Partition;
use thrift_idl::{Framing, Protocol, Wire};

use super::harness::{Client, Server, partition, some, table};

/// Adds `count` partitions to a new table `g1.big`.
async fn fill(client: &mut Client, count: usize) {
    client.create_database("g1").await;
    client
        .create_table(table("g1", "big", "a int", "d string, h int"))
        .await;
    let all: Vec<usize> = (0..count).collect();
    for chunk in all.chunks(10_000) {
        let part = |n: &usize| {
            let mut part = partition("g1", "big", &[&format!("d{:05}", n / 24), &(n % 24).to_string()]);
            part.parameters = Some([("numRows".to_owned(), n.to_string())].into());
            part
        };
        let args = AddPartitionsArgs {
            new_parts: Some(chunk.iter().map(part).collect()),
        };
        client.call::<AddPartitions>(args).await.unwrap();
    }
}

fn list(max: i16) -> GetPartitionsArgs {
    GetPartitionsArgs {
        db_name: some("g1"),
        tbl_name: some("big"),
        max_parts: Some(max),
    }
}

fn filter(text: &str) -> GetPartitionsByFilterArgs {
    GetPartitionsByFilterArgs {
        db_name: some("g1"),
        tbl_name: some("big"),
        filter: some(text),
        max_parts: Some(-1),
    }
}

fn check(found: &[Partition], count: usize) {
    assert_eq!(found.len(), count);
    let mut values: Vec<_> = found.iter().map(|part| part.values.clone().unwrap()).collect();
    values.dedup();
    assert_eq!(values.len(), count);
    for part in found.iter().step_by(997) {
        let values = part.values.as_ref().unwrap();
        let location = part.sd.as_ref().unwrap().location.as_deref().unwrap();
        assert_eq!(
            location,
            format!("s3a://lake/main/g1.db/big/d={}/h={}", values[0], values[1])
        );
        let n = values[0][1..].parse::<usize>().unwrap() * 24 + values[1].parse::<usize>().unwrap();
        assert_eq!(part.parameters.as_ref().unwrap()["numRows"], n.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_partitions() {
    const COUNT: usize = 100_000;
    let server = Server::start().await;
    let mut client = server.connect().await;
    fill(&mut client, COUNT).await;
    check(&client.get::<GetPartitions>(list(-1)).await.unwrap(), COUNT);
    assert_eq!(
        client.get::<GetPartitions>(list(i16::MAX)).await.unwrap().len(),
        32_767
    );
    let names = GetPartitionNamesArgs {
        db_name: some("g1"),
        tbl_name: some("big"),
        max_parts: Some(-1),
    };
    let names = client.get::<GetPartitionNames>(names).await.unwrap();
    assert_eq!(names.len(), COUNT);
    assert!(names.is_sorted());
    let found = client
        .get::<GetPartitionsByFilter>(filter("h = 7"))
        .await
        .unwrap();
    check(&found, COUNT.div_ceil(24));
    let found = client
        .get::<GetPartitionsByFilter>(filter("d >= 'd04000' and h < 3"))
        .await
        .unwrap();
    check(&found, 501);
    // the same in the other protocol
    let compact = Wire {
        protocol: Protocol::Compact,
        ..Wire::default()
    };
    let mut client = server.connect_as(compact).await;
    check(&client.get::<GetPartitions>(list(-1)).await.unwrap(), COUNT);
    // a framed client does not read that much, and is told so
    let framed = Wire {
        framing: Framing::Framed,
        ..Wire::default()
    };
    let mut client = server.connect_as(framed).await;
    let refused = client.outcome::<GetPartitions>(list(-1)).await;
    assert!(
        refused.starts_with("MetaException: the answer is larger than 16384000 bytes"),
        "{refused}"
    );
    check(&client.get::<GetPartitions>(list(10_000)).await.unwrap(), 10_000);
}

#[tokio::test]
async fn a_client_that_goes_away_hurts_nobody() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    fill(&mut client, 10_000).await;
    for _ in 0..4 {
        let mut gone = server.connect().await;
        gone.send::<GetPartitions>(&list(-1)).await;
        drop(gone);
    }
    check(&client.get::<GetPartitions>(list(-1)).await.unwrap(), 10_000);
}
