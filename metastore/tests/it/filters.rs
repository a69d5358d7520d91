//! Filters through the whole service. What each filter means is tested beside the code.

use thrift_idl::methods::*;

use super::harness::{Client, some};
use super::partitions::{ROWS, recorded};

async fn filtered(client: &mut Client, filter: &str, max: i16) -> Result<Vec<usize>, String> {
    let args = GetPartitionsByFilterArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        filter: some(filter),
        max_parts: Some(max),
    };
    let found = client
        .get::<GetPartitionsByFilter>(args)
        .await
        .map_err(|thrown| thrown.to_string())?;
    let position = |values: &Vec<String>| ROWS.iter().position(|row| row[..] == values[..]).unwrap();
    let mut positions: Vec<usize> = found
        .iter()
        .map(|found| position(found.values.as_ref().unwrap()))
        .collect();
    positions.sort_unstable();
    Ok(positions)
}

#[tokio::test]
async fn recorded_filters() {
    let (_server, mut client) = recorded().await;
    for (filter, expected) in [
        (r#"d = "2020-01-02""#, &[1][..]),
        (r#"d >= "2020-01-03""#, &[2, 3, 5, 6, 7, 8, 9]),
        (r#"s != "b""#, &[0, 2, 3, 4, 5, 6, 7, 8, 9]),
        (r#"s = "__HIVE_DEFAULT_PARTITION__""#, &[2]),
        (r#"s = """#, &[7]),
        ("n = 7", &[6]),
        ("n between 1 and 3", &[0, 1, 2, 7, 8]),
        (r#"(s = "b" or n = 10) and d > "2020-01-01""#, &[1, 3]),
        (r#"s like "b.*""#, &[1]),
        ("", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("n = 99", &[]),
    ] {
        assert_eq!(
            filtered(&mut client, filter, -1).await.unwrap(),
            expected,
            "{filter}"
        );
    }
    assert_eq!(filtered(&mut client, "n = 1", 1).await.unwrap().len(), 1);
    for (filter, expected) in [
        (
            "zz = 1",
            "MetaException: Specified key <zz> is not a partitioning key for the table",
        ),
        (
            "s = b",
            "MetaException: Error parsing partition filter: expected a string, an integer or a date at position 4, \
             found 'b'",
        ),
    ] {
        assert_eq!(filtered(&mut client, filter, -1).await.unwrap_err(), expected);
    }
    let count = |table| GetNumPartitionsByFilterArgs {
        db_name: some("g1"),
        tbl_name: some(table),
        filter: some("n = 1"),
    };
    assert_eq!(
        client.get::<GetNumPartitionsByFilter>(count("p")).await.unwrap(),
        3
    );
    assert_eq!(
        client.outcome::<GetNumPartitionsByFilter>(count("nope")).await,
        "NoSuchObjectException: hive.g1.nope table not found"
    );
}
