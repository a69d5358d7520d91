//! Constraints: kept, followed and dropped with what they speak of.

use catalog::Error;
use expect_test::expect;

use super::fixture::refused;
use super::history::{History, at, dump};
use super::{diffs, merges};

const TABLES: &str = "create sales.t (a int, b int) by (d string)\ncreate sales.u (x int, y int)";

async fn after(statements: &str) -> String {
    let history = History::new(TABLES).await;
    for statement in statements.lines() {
        history.execute("main", statement).await.unwrap();
    }
    let snapshot = history.catalog.snapshot(&at("main")).await.unwrap();
    dump(&snapshot).await
}

#[tokio::test]
async fn constraints_follow_names() {
    let dumped = after(
        "pk sales.t k1 a\nuk sales.t U1 b a\nnn sales.t - d\ncheck sales.u c1 x > 0\nfk sales.u f1 y sales.t a\n\
         rename sales.t sales.t2\ncolumns sales.u (x int, z int)\ncolumns sales.t2 (key int, b int)",
    )
    .await;
    expect![[r#"
        sales.t2 (key int, b int) by (d string)
          primary key k1 (key)
          unique constraint u1 (b, key)
          not-null constraint - (d)
        sales.u (x int, z int)
          foreign key f1 (z) -> t2 (key)
          check c1 (x) > 0
    "#]]
    .assert_eq(&dumped);
}

#[tokio::test]
async fn constraints_go_with_what_they_speak_of() {
    let made = "pk sales.t k1 a\nnn sales.t n1 b\nfk sales.u f1 y sales.t a\ncheck sales.u c1 x > 0\n";
    for (what, then, left) in [
        ("a column of a key", "columns sales.t (b int)", vec!["n1", "c1"]),
        ("a column", "columns sales.t (a int)", vec!["k1", "f1", "c1"]),
        ("the table pointed at", "drop sales.t", vec!["c1"]),
        ("the table that points", "drop sales.u", vec!["k1", "n1"]),
        ("the key", "unconstrain sales.t k1", vec!["n1", "c1"]),
        (
            "the foreign key",
            "unconstrain sales.u f1",
            vec!["k1", "n1", "c1"],
        ),
        (
            "the foreign key, by the table it points at",
            "unconstrain sales.t f1",
            vec!["k1", "n1", "c1"],
        ),
    ] {
        let dumped = after(&format!("{made}{then}")).await;
        let found: Vec<&str> = ["k1", "n1", "f1", "c1"]
            .into_iter()
            .filter(|name| dumped.contains(&format!(" {name} (")))
            .collect();
        assert_eq!(found, left, "{what}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let history = History::new(TABLES).await;
    history.execute("main", "pk sales.t k1 a").await.unwrap();
    let run = async |statement| history.execute("main", statement).await;
    refused!(
        run("pk sales.t k2 b").await,
        Error::ConstraintExists {
            is_second_key: true,
            ..
        }
    );
    refused!(
        run("nn sales.t K1 b").await,
        Error::ConstraintExists {
            is_second_key: false,
            ..
        }
    );
    refused!(run("nn sales.t n1 zz").await, Error::InvalidConstraint { .. });
    refused!(run("nn sales.zz n1 a").await, Error::NoSuchTable { .. });
    refused!(run("fk sales.u f1 y sales.t b").await, Error::NoSuchKey { .. });
    refused!(
        run("fk sales.u f1 y sales.zz b").await,
        Error::InvalidConstraint { .. }
    );
    refused!(
        run("unconstrain sales.t zz").await,
        Error::NoSuchConstraint { .. }
    );
    // a table can point at itself
    run("fk sales.t f2 b sales.t a").await.unwrap();
}

#[tokio::test]
async fn merges_of_constraints() {
    merges::check(
        TABLES,
        "nn sales.t n1 a",
        "pk sales.t k1 b\ncolumns sales.u (x int, z int)",
        expect![[r#"
            sales.t (a int, b int) by (d string)
              primary key k1 (b)
              not-null constraint n1 (a)
            sales.u (x int, z int)
        "#]],
    )
    .await;
    // the same on both sides, with a name that nobody chose
    merges::check(
        TABLES,
        "pk sales.t - a\nfk sales.u f1 x sales.t a",
        "pk sales.t - a",
        expect![[r#"
            sales.t (a int, b int) by (d string)
              primary key - (a)
            sales.u (x int, y int)
              foreign key f1 (x) -> t (a)
        "#]],
    )
    .await;
    merges::check(
        TABLES,
        "pk sales.t k1 a\ncheck sales.u c1 x > 0",
        "pk sales.t k2 a\ncheck sales.u c1 x > 1",
        expect![[r#"
            ! sales.t: constraint k1 was added in ours, added as k2 in theirs
            ! sales.u: constraint c1 was added in ours, and not the same in theirs
        "#]],
    )
    .await;
    merges::check(
        &format!("{TABLES}\npk sales.t k1 a\nnn sales.t n1 b"),
        "nn sales.u n2 x\nfk sales.u f1 y sales.t a\nunconstrain sales.t n1",
        "columns sales.u (y int)\ncolumns sales.t (b int)",
        expect![[r#"
            ! sales.u: constraint f1 was said of column a in ours, left without its column in theirs
            ! sales.u: constraint n2 was said of column x in ours, left without its column in theirs
        "#]],
    )
    .await;
    merges::check(
        &format!("{TABLES}\npk sales.t k1 a"),
        "fk sales.u f1 y sales.t a\nnn sales.t n1 b",
        "drop sales.t",
        expect![[r#"
            ! sales.t: table was changed (1 constraint) in ours, dropped in theirs
            ! sales.u: constraint f1 was said of column a in ours, left without its column in theirs
        "#]],
    )
    .await;
    merges::check(
        &format!("{TABLES}\npk sales.t k1 a"),
        "fk sales.u f1 y sales.t a",
        "unconstrain sales.t k1",
        expect![[r#"
            ! sales.u: constraint f1 was pointed at a key in ours, left without its key in theirs
        "#]],
    )
    .await;
    // a column that both added has another number in theirs
    merges::check(
        TABLES,
        "columns sales.u (x int, y int, z int)",
        "columns sales.u (x int, y int, z int)\nnn sales.u n1 z",
        expect![[r#"
            sales.t (a int, b int) by (d string)
            sales.u (x int, y int, z int)
              not-null constraint n1 (z)
        "#]],
    )
    .await;
    // each side makes the same table, and says something of it
    merges::check(
        "",
        "create sales.t (a int, b int)\npk sales.t k1 a",
        "create sales.t (a int, b int)\nnn sales.t n1 b",
        expect![[r#"
            sales.t (a int, b int)
              primary key k1 (a)
              not-null constraint n1 (b)
        "#]],
    )
    .await;
}

#[tokio::test]
async fn diffs_of_constraints() {
    diffs::check(
        &format!("{TABLES}\npk sales.t k1 a\nnn sales.t n1 b"),
        "fk sales.u f1 y sales.t a\nunconstrain sales.t n1\ncheck sales.t c1 b > 0",
        expect![[r#"
            sales.t changed
              not-null constraint n1: Some("(b) enabled") -> None
              check c1: None -> Some("(b) enabled: > 0")
            sales.u changed
              foreign key f1: None -> Some("(y) references sales.t (a) enabled")
        "#]],
    )
    .await;
}
