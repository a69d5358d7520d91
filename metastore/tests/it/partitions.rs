//! Partitions, against the recorded outcomes of the original.

use std::collections::BTreeMap;

use thrift_idl::methods::*;
use thrift_idl::types::{
    AddPartitionsRequest, DropPartitionsExpr, DropPartitionsRequest, GetPartitionsByNamesRequest, Partition,
    RequestPartsSpec,
};

use super::expressions::expression;
use super::harness::{Client, Server, partition, some, table, texts};

/// The partitions of the recorded outcomes.
pub(super) const ROWS: [[&str; 3]; 10] = [
    ["2020-01-01", "a b/c", "1"],
    ["2020-01-02", "b", "2"],
    ["2020-01-03", "__HIVE_DEFAULT_PARTITION__", "3"],
    ["2020-01-04", "%x=y", "10"],
    ["__HIVE_DEFAULT_PARTITION__", "z", "__HIVE_DEFAULT_PARTITION__"],
    ["2020-02-01", "q'u\"o", "-5"],
    ["2020-02-02", "B", "007"],
    ["2020-03-01", "", "1"],
    ["2021-01-01", "m1", "1"],
    ["2021-02-02", "n/n", "4"],
];

/// Returns a server whose table `g1.p` has those partitions.
pub(super) async fn recorded() -> (Server, Client) {
    let (server, mut client) = Server::with_table(table("g1", "p", "a int", "D date, s string, n int")).await;
    let new_parts = ROWS.iter().map(|row| partition("g1", "p", row)).collect();
    let args = AddPartitionsArgs {
        new_parts: Some(new_parts),
    };
    assert_eq!(client.get::<AddPartitions>(args).await.unwrap(), 10);
    (server, client)
}

fn location(partition: &Partition) -> &str {
    partition.sd.as_ref().unwrap().location.as_deref().unwrap_or("-")
}

fn values(partitions: &[Partition]) -> Vec<String> {
    partitions
        .iter()
        .map(|partition| partition.values.as_ref().unwrap().join("/"))
        .collect()
}

async fn names(client: &mut Client, table: &str, max: i16) -> Result<Vec<String>, String> {
    let args = GetPartitionNamesArgs {
        db_name: some("g1"),
        tbl_name: some(table),
        max_parts: Some(max),
    };
    client
        .get::<GetPartitionNames>(args)
        .await
        .map_err(|thrown| thrown.to_string())
}

async fn add(client: &mut Client, table: &str, values: &[&str]) -> Result<Partition, String> {
    let args = AddPartitionArgs {
        new_part: Some(partition("g1", table, values)),
    };
    client
        .get::<AddPartition>(args)
        .await
        .map_err(|thrown| thrown.to_string())
}

async fn get(client: &mut Client, values: &[&str]) -> Result<Partition, String> {
    let args = GetPartitionArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_vals: Some(texts(values)),
    };
    client
        .get::<GetPartition>(args)
        .await
        .map_err(|thrown| thrown.to_string())
}

#[tokio::test]
async fn names_are_escaped_and_ordered() {
    let (_server, mut client) = recorded().await;
    let all = [
        "d=2020-01-01/s=a b%2Fc/n=1",
        "d=2020-01-02/s=b/n=2",
        "d=2020-01-03/s=__HIVE_DEFAULT_PARTITION__/n=3",
        "d=2020-01-04/s=%25x%3Dy/n=10",
        "d=2020-02-01/s=q%27u%22o/n=-5",
        "d=2020-02-02/s=B/n=007",
        "d=2020-03-01/s=__HIVE_DEFAULT_PARTITION__/n=1",
        "d=2021-01-01/s=m1/n=1",
        "d=2021-02-02/s=n%2Fn/n=4",
        "d=__HIVE_DEFAULT_PARTITION__/s=z/n=__HIVE_DEFAULT_PARTITION__",
    ];
    assert_eq!(names(&mut client, "p", -1).await.unwrap(), texts(&all));
    assert_eq!(names(&mut client, "p", 2).await.unwrap(), texts(&all[..2]));
    assert_eq!(names(&mut client, "p", 0).await.unwrap(), texts(&[]));
    assert_eq!(
        names(&mut client, "nope", -1).await.unwrap_err(),
        "NoSuchObjectException: hive.g1.nope table not found"
    );
    let list = |max| GetPartitionsArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        max_parts: Some(max),
    };
    let found = client.get::<GetPartitions>(list(3)).await.unwrap();
    assert_eq!(
        values(&found),
        [
            "2020-01-01/a b/c/1",
            "2020-01-02/b/2",
            "2020-01-03/__HIVE_DEFAULT_PARTITION__/3"
        ]
    );
    let found = client.get::<GetPartitions>(list(-1)).await.unwrap();
    assert_eq!(found.len(), 10);
    for (found, name) in found.iter().zip(all) {
        assert_eq!(location(found), format!("s3a://lake/main/g1.db/p/{name}"));
        assert_eq!(
            (found.db_name.as_deref(), found.table_name.as_deref()),
            (Some("g1"), Some("p"))
        );
        assert!(found.create_time.unwrap() > 1_700_000_000);
        assert!(
            found
                .parameters
                .as_ref()
                .unwrap()
                .contains_key("transient_lastDdlTime")
        );
        assert_eq!(
            found.sd.as_ref().unwrap().cols.as_ref().unwrap()[0]
                .name
                .as_deref(),
            Some("a")
        );
        // one by one and in a list, they are the same
        let values: Vec<&str> = found
            .values
            .as_ref()
            .unwrap()
            .iter()
            .map(String::as_str)
            .collect();
        assert_eq!(get(&mut client, &values).await.as_ref(), Ok(found));
    }
}

#[tokio::test]
async fn adding() {
    let (_server, mut client) = recorded().await;
    let duplicate = add(&mut client, "p", &["2020-01-02", "b", "2"])
        .await
        .unwrap_err();
    assert!(
        duplicate.starts_with(
            "AlreadyExistsException: Partition already exists: Partition(values:[2020-01-02, b, 2]"
        ),
        "{duplicate}"
    );
    assert_eq!(
        add(&mut client, "p", &["x"]).await.unwrap_err(),
        "MetaException: Invalid partition key & values; keys [d, s, n, ], values [x, ]"
    );
    assert_eq!(
        add(&mut client, "nope", &["x"]).await.unwrap_err(),
        "InvalidObjectException: Unable to add partition because table or database do not exist"
    );
    let empty = get(&mut client, &["2020-03-01", "", "1"]).await.unwrap();
    assert_eq!(empty.values, Some(texts(&["2020-03-01", "", "1"])));
    // one that is there makes the whole list fail
    let mixed = [["2029-01-01", "n", "1"], ["2020-01-02", "b", "2"]];
    let args = AddPartitionsArgs {
        new_parts: Some(mixed.iter().map(|row| partition("g1", "p", row)).collect()),
    };
    assert!(
        client
            .outcome::<AddPartitions>(args)
            .await
            .starts_with("AlreadyExistsException")
    );
    assert_eq!(names(&mut client, "p", -1).await.unwrap().len(), 10);
    let request = AddPartitionsRequest {
        db_name: some("g1"),
        tbl_name: some("p"),
        parts: Some(mixed.iter().map(|row| partition("g1", "p", row)).collect()),
        if_not_exists: Some(true),
        need_result: Some(true),
        ..AddPartitionsRequest::default()
    };
    let added = client
        .get::<AddPartitionsReq>(AddPartitionsReqArgs {
            request: Some(request),
        })
        .await
        .unwrap();
    assert_eq!(values(&added.partitions.unwrap()), ["2029-01-01/n/1"]);
    let twice = [["2030-01-01", "n", "1"]; 2];
    let args = AddPartitionsArgs {
        new_parts: Some(twice.iter().map(|row| partition("g1", "p", row)).collect()),
    };
    assert!(
        client
            .outcome::<AddPartitions>(args)
            .await
            .starts_with("MetaException: Duplicate partitions")
    );
}

#[tokio::test]
async fn appending() {
    let (_server, mut client) = recorded().await;
    let by_name = |name| AppendPartitionByNameArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_name: some(name),
    };
    let appended = client
        .get::<AppendPartitionByName>(by_name("d=2022-02-02/s=n%2Fn/n=4"))
        .await
        .unwrap();
    assert_eq!(appended.values, Some(texts(&["2022-02-02", "n/n", "4"])));
    assert_eq!(
        location(&appended),
        "s3a://lake/main/g1.db/p/d=2022-02-02/s=n%2Fn/n=4"
    );
    assert_eq!(
        client
            .outcome::<AppendPartitionByName>(by_name("d=2022-02-02"))
            .await,
        "InvalidObjectException: incomplete partition name - missing s"
    );
    let args = AppendPartitionArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_vals: Some(texts(&["2023-01-01", "x", "1"])),
    };
    assert_eq!(client.outcome::<AppendPartition>(args).await, "ok");
}

#[tokio::test]
async fn finding_by_values_and_names() {
    let (_server, mut client) = recorded().await;
    let ps = |values: &[&str]| GetPartitionNamesPsArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_vals: Some(texts(values)),
        max_parts: Some(-1),
    };
    for (given, expected) in [
        (&["", "b", ""][..], &["d=2020-01-02/s=b/n=2"][..]),
        (&["2020-01-02"], &["d=2020-01-02/s=b/n=2"]),
        (&["", "", "4"], &["d=2021-02-02/s=n%2Fn/n=4"]),
    ] {
        let found = client.get::<GetPartitionNamesPs>(ps(given)).await.unwrap();
        assert_eq!(found, texts(expected), "{given:?}");
    }
    let many = client.outcome::<GetPartitionNamesPs>(ps(&["", "", "", ""])).await;
    assert!(many.starts_with("MetaException"), "{many}");
    let args = GetPartitionsPsWithAuthArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_vals: Some(texts(&["2020-01-02"])),
        max_parts: Some(-1),
        user_name: some("u"),
        group_names: None,
    };
    assert_eq!(
        values(&client.get::<GetPartitionsPsWithAuth>(args).await.unwrap()),
        ["2020-01-02/b/2"]
    );
    assert_eq!(
        get(&mut client, &["2099-01-01", "x", "1"]).await.unwrap_err(),
        "NoSuchObjectException: partition values=[2099-01-01, x, 1]"
    );
    let by_name = |name| GetPartitionByNameArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_name: some(name),
    };
    let found = client
        .get::<GetPartitionByName>(by_name("d=2020-01-01/s=a b%2Fc/n=1"))
        .await
        .unwrap();
    assert_eq!(values(&[found]), ["2020-01-01/a b/c/1"]);
    assert_eq!(
        client
            .outcome::<GetPartitionByName>(by_name("D=2020-01-01/s=x/n=1"))
            .await,
        "NoSuchObjectException: incomplete partition name - missing d"
    );
    let args = GetPartitionsByNamesArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        names: Some(texts(&[
            "d=2020-01-02/s=b/n=2",
            "d=2099-01-01/s=b/n=2",
            "D=2020-01-01/s=a b/n=1",
            "n=1/d=2020-01-01/s=a b%2Fc",
            "d=2020-01-02/s=b/n=2/x=1",
            "nonsense",
        ])),
    };
    assert_eq!(
        values(&client.get::<GetPartitionsByNames>(args).await.unwrap()),
        ["2020-01-02/b/2"]
    );
}

#[tokio::test]
async fn partitions_by_names_are_those_of_the_list_in_order() {
    let (_server, mut client) = recorded().await;
    let (db_name, tbl_name) = (some("g1"), some("p"));
    let args = GetPartitionsArgs {
        db_name: db_name.clone(),
        tbl_name: tbl_name.clone(),
        max_parts: Some(-1),
    };
    let all = client.get::<GetPartitions>(args).await.unwrap();
    let args = GetPartitionNamesArgs {
        db_name: db_name.clone(),
        tbl_name: tbl_name.clone(),
        max_parts: Some(-1),
    };
    let names = client.get::<GetPartitionNames>(args).await.unwrap();
    assert!(names.len() > 4 && names.len() == all.len());
    for taken in [
        vec![],
        vec![0],
        vec![1, 3],
        vec![names.len() - 1, 0, 0],
        (0..names.len()).rev().collect(),
    ] {
        let mut asked: Vec<String> = taken.iter().map(|at: &usize| names[*at].clone()).collect();
        asked.extend(texts(&[
            "d=0000-00-00/s=a/n=1",
            "d=2020-01-03/s=none/n=1",
            "d=zzzz/s=a/n=1",
        ]));
        let mut places = taken.clone();
        places.sort_unstable();
        places.dedup();
        let expected: Vec<_> = places.iter().map(|at| all[*at].clone()).collect();
        let request = GetPartitionsByNamesRequest {
            db_name: db_name.clone(),
            tbl_name: tbl_name.clone(),
            names: Some(asked.clone()),
            ..GetPartitionsByNamesRequest::default()
        };
        let args = GetPartitionsByNamesArgs {
            db_name: db_name.clone(),
            tbl_name: tbl_name.clone(),
            names: Some(asked),
        };
        assert_eq!(
            client.get::<GetPartitionsByNames>(args).await.unwrap(),
            expected,
            "{taken:?}"
        );
        let args = GetPartitionsByNamesReqArgs { req: Some(request) };
        let answer = client.get::<GetPartitionsByNamesReq>(args).await.unwrap();
        assert_eq!(answer.partitions.unwrap(), expected, "{taken:?}");
    }
}

#[tokio::test]
async fn names_alone() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let args = PartitionNameToValsArgs {
        part_name: some("d=2020-01-01/s=a b%2Fc/n=1"),
    };
    assert_eq!(
        client.get::<PartitionNameToVals>(args).await.unwrap(),
        ["2020-01-01", "a b/c", "1"]
    );
    let args = PartitionNameToSpecArgs {
        part_name: some("D=2020-01-01/s=a b"),
    };
    let spec: BTreeMap<String, String> = client.get::<PartitionNameToSpec>(args).await.unwrap();
    assert_eq!(
        spec,
        [
            ("D".to_owned(), "2020-01-01".to_owned()),
            ("s".to_owned(), "a b".to_owned())
        ]
        .into()
    );
    let args = PartitionNameHasValidCharactersArgs {
        part_vals: Some(texts(&["é"])),
        throw_exception: Some(true),
    };
    assert!(client.get::<PartitionNameHasValidCharacters>(args).await.unwrap());
}

#[tokio::test]
async fn altering_and_renaming() {
    let (_server, mut client) = recorded().await;
    let mut changed = get(&mut client, &["2020-01-02", "b", "2"]).await.unwrap();
    changed
        .parameters
        .as_mut()
        .unwrap()
        .insert("q".into(), "1".into());
    let alter = |new: &Partition| AlterPartitionsArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        new_parts: Some(vec![new.clone()]),
    };
    assert_eq!(client.outcome::<AlterPartitions>(alter(&changed)).await, "ok");
    let found = get(&mut client, &["2020-01-02", "b", "2"]).await.unwrap();
    assert_eq!(found.parameters.as_ref().unwrap()["q"], "1");
    assert_eq!(found.create_time, changed.create_time);
    assert_eq!(location(&found), location(&changed));
    let missing = partition("g1", "p", &["2099-01-01", "x", "1"]);
    assert_eq!(
        client.outcome::<AlterPartitions>(alter(&missing)).await,
        "InvalidOperationException: alter is not possible: partition values=[2099-01-01, x, 1]"
    );
    let rename = |from: &[&str], to: &[&str]| RenamePartitionArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_vals: Some(texts(from)),
        new_part: Some(partition("g1", "p", to)),
    };
    let (from, to) = (&["2020-01-02", "b", "2"], &["2022-01-01", "bb", "2"]);
    assert_eq!(client.outcome::<RenamePartition>(rename(from, to)).await, "ok");
    assert!(get(&mut client, from).await.is_err());
    assert_eq!(
        location(&get(&mut client, to).await.unwrap()),
        "s3a://lake/main/g1.db/p/d=2022-01-01/s=bb/n=2"
    );
    assert_eq!(
        client
            .outcome::<RenamePartition>(rename(&["2020-02-02", "B", "007"], to))
            .await,
        "InvalidOperationException: Partition already exists:g1.p.[2022-01-01, bb, 2]"
    );
    assert_eq!(
        client
            .outcome::<RenamePartition>(rename(from, &["2023-01-01", "c", "2"]))
            .await,
        "InvalidOperationException: Unable to rename partition because old partition does not exist"
    );
    assert_eq!(
        client.outcome::<RenamePartition>(rename(to, to)).await,
        "InvalidOperationException: Partition already exists:g1.p.[2022-01-01, bb, 2]"
    );
    // without old values it is no renaming
    assert_eq!(client.outcome::<RenamePartition>(rename(&[], to)).await, "ok");
    assert_eq!(
        client.outcome::<RenamePartition>(rename(&[], from)).await,
        "InvalidOperationException: alter is not possible: partition values=[2020-01-02, b, 2]"
    );
}

#[tokio::test]
async fn dropping() {
    let (_server, mut client) = recorded().await;
    let drop = |values: &[&str]| DropPartitionArgs {
        db_name: some("g1"),
        tbl_name: some("p"),
        part_vals: Some(texts(values)),
        delete_data: Some(true),
    };
    let first = &["2020-01-01", "a b/c", "1"];
    assert!(client.get::<DropPartition>(drop(first)).await.unwrap());
    assert_eq!(
        client.outcome::<DropPartition>(drop(first)).await,
        "NoSuchObjectException: partition values=[2020-01-01, a b/c, 1]"
    );
    let request = |names: Option<&[&str]>, exprs, if_exists| DropPartitionsReqArgs {
        req: Some(DropPartitionsRequest {
            db_name: some("g1"),
            tbl_name: some("p"),
            parts: Some(RequestPartsSpec {
                names: names.map(texts),
                exprs,
            }),
            delete_data: Some(true),
            if_exists: Some(if_exists),
            need_result: Some(true),
            ..DropPartitionsRequest::default()
        }),
    };
    let both: &[&str] = &["d=2020-01-02/s=b/n=2", "d=2099-01-01/s=b/n=2"];
    assert_eq!(
        client
            .outcome::<DropPartitionsReq>(request(Some(both), None, false))
            .await,
        "NoSuchObjectException: Some partitions to drop are missing"
    );
    let dropped = client
        .get::<DropPartitionsReq>(request(Some(both), None, true))
        .await
        .unwrap();
    assert_eq!(values(&dropped.partitions.unwrap()), ["2020-01-02/b/2"]);
    let expr = |bytes: &[u8]| DropPartitionsExpr {
        expr: Some(bytes.to_vec().into()),
        part_archive_level: None,
    };
    for (expr, if_exists, expected) in [
        (
            expr(b"x"),
            true,
            "MetaException: Unexpected unknown partitions to drop: Error parsing partition filter: expected a \
             comparison at position 1, found the end",
        ),
        (
            expr(b""),
            true,
            "MetaException: Unexpected unknown partitions to drop: Error parsing partition filter: expected the name \
             of a partition key at position 0, found the end",
        ),
        (
            expr(b"n = 99"),
            false,
            "NoSuchObjectException: Some partitions to drop are missing",
        ),
    ] {
        let args = request(None, Some(vec![expr]), if_exists);
        assert_eq!(client.outcome::<DropPartitionsReq>(args).await, expected);
    }
    assert_eq!(names(&mut client, "p", -1).await.unwrap().len(), 8);
    let exprs = vec![expr(b"n = 10"), expr(&expression("(n = 1)"))];
    let dropped = client
        .get::<DropPartitionsReq>(request(None, Some(exprs), false))
        .await;
    let dropped = dropped.unwrap().partitions.unwrap();
    assert!(
        dropped.len() > 1
            && dropped
                .iter()
                .all(|it| ["1", "10"].contains(&it.values.as_ref().unwrap()[2].as_str()))
    );
    assert_eq!(
        names(&mut client, "p", -1).await.unwrap().len(),
        8 - dropped.len()
    );
}

#[tokio::test]
async fn truncating() {
    let (_server, mut client) = recorded().await;
    let truncate = |names: Option<&[&str]>| TruncateTableArgs {
        db_name: some("g1"),
        table_name: some("p"),
        part_names: names.map(texts),
    };
    for names in [Some(&[][..]), Some(&["d=2020-01-02/s=b/n=2"]), None] {
        assert_eq!(client.outcome::<TruncateTable>(truncate(names)).await, "ok");
    }
    assert_eq!(names(&mut client, "p", -1).await.unwrap().len(), 10);
}
