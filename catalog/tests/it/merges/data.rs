//! Partitions, statistics and files.

use expect_test::expect;

use super::{FILLED, ORDERS, check};

#[tokio::test]
async fn data_of_partitions() {
    check(
        FILLED,
        "put sales.db/orders/dt=1/b two",
        "put sales.db/orders/dt=1/c three",
        expect![[r#"
        sales.orders (id int, amt int) by (dt string)
          dt=1
        sales.db/orders/dt=1/a: one
        sales.db/orders/dt=1/b: two
        sales.db/orders/dt=1/c: three
    "#]],
    )
    .await;
    check(
        FILLED,
        "put sales.db/orders/dt=1/000000_0 two",
        "put sales.db/orders/dt=1/000000_0 three",
        expect![[r#"
        sales.orders (id int, amt int) by (dt string)
          dt=1
        sales.db/orders/dt=1/000000_0: two
        sales.db/orders/dt=1/000000_0_copy_1: three
        sales.db/orders/dt=1/a: one
    "#]],
    )
    .await;
    check(
        FILLED,
        "put sales.db/orders/dt=1/b two",
        "put sales.db/orders/dt=1/b two",
        expect![[r#"
        sales.orders (id int, amt int) by (dt string)
          dt=1
        sales.db/orders/dt=1/a: one
        sales.db/orders/dt=1/b: two
    "#]],
    )
    .await;
    check(
        FILLED,
        "put sales.db/orders/dt=1/b two",
        "rm sales.db/orders/dt=1/a\nput sales.db/orders/dt=1/c three",
        expect![[r#"
        ! sales.orders: partition dt=1 was appended to in ours, rewritten in theirs
    "#]],
    )
    .await;
    check(
        FILLED,
        "put sales.db/orders/dt=1/a new",
        "rm sales.db/orders/dt=1/a\nput sales.db/orders/dt=1/c three",
        expect![[r#"
        ! sales.orders: partition dt=1 was rewritten in ours, rewritten in theirs
    "#]],
    )
    .await;
    check(
        FILLED,
        "rm sales.db/orders/dt=1/a\nput sales.db/orders/dt=1/c three",
        "rm sales.db/orders/dt=1/a\nput sales.db/orders/dt=1/c three",
        expect![[r#"
        sales.orders (id int, amt int) by (dt string)
          dt=1
        sales.db/orders/dt=1/c: three
    "#]],
    )
    .await;
    check(
        FILLED,
        "droppart sales.orders dt=1",
        "",
        expect![[r#"
        sales.orders (id int, amt int) by (dt string)
    "#]],
    )
    .await;
    check(
        FILLED,
        "droppart sales.orders dt=1",
        "droppart sales.orders dt=1",
        expect![[r#"
        sales.orders (id int, amt int) by (dt string)
    "#]],
    )
    .await;
    check(
        FILLED,
        "droppart sales.orders dt=1",
        "put sales.db/orders/dt=1/b two",
        expect![[r#"
        ! sales.orders: partition dt=1 was dropped in ours, appended to in theirs
    "#]],
    )
    .await;
    check(
        FILLED,
        "put sales.db/orders/dt=1/a new",
        "droppart sales.orders dt=1",
        expect![[r#"
        ! sales.orders: partition dt=1 was rewritten in ours, dropped in theirs
    "#]],
    )
    .await;
    check(
        FILLED,
        "setpart sales.orders dt=1 k=v",
        "droppart sales.orders dt=1",
        expect![[r#"
        ! sales.orders: partition dt=1 was changed in ours, dropped in theirs
    "#]],
    )
    .await;
    check(
        FILLED,
        "analyzepart sales.orders dt=1 id@7",
        "droppart sales.orders dt=1",
        expect![[r#"
        ! sales.orders: partition dt=1 was changed in ours, dropped in theirs
    "#]],
    )
    .await;
    check(
        FILLED,
        "setpart sales.orders dt=1 k=1",
        "setpart sales.orders dt=1 k=2\nsetpart sales.orders dt=1 l=3",
        expect![[r#"
        ! sales.orders: parameter k of partition dt=1 is 1 in ours, 2 in theirs
    "#]],
    )
    .await;
    check(
        FILLED,
        "put sales.db/orders/dt=1/_SUCCESS x",
        "put sales.db/orders/dt=1/_SUCCESS y\nput sales.db/orders/dt=1/ z\nrm sales.db/orders/dt=1/a",
        expect![[r#"
        sales.orders (id int, amt int) by (dt string)
          dt=1
        sales.db/orders/dt=1/: z
        sales.db/orders/dt=1/_SUCCESS: x
    "#]],
    )
    .await;
    check(
        ORDERS,
        "add sales.orders dt=1\nput sales.db/orders/dt=1/a one",
        "add sales.orders dt=1\nput sales.db/orders/dt=1/b two",
        expect![[r#"
        sales.orders (id int, amt int) by (dt string)
          dt=1
        sales.db/orders/dt=1/a: one
        sales.db/orders/dt=1/b: two
    "#]],
    )
    .await;
    check(
        ORDERS,
        "add sales.orders dt=1 at raw/x",
        "add sales.orders dt=1",
        expect![[r#"
        ! sales.orders: partition dt=1 was added at raw/x in ours, added at sales.db/orders/dt=1 in theirs
    "#]],
    )
    .await;
    check(
        ORDERS,
        "add sales.orders dt=1 k=1",
        "add sales.orders dt=1 k=2",
        expect![[r#"
        ! sales.orders: parameter k of partition dt=1 is 1 in ours, 2 in theirs
    "#]],
    )
    .await;
    check(
        "create sales.b (a int) buckets 4",
        "put sales.db/b/000000_0 one",
        "put sales.db/b/000000_0 two",
        expect![[r#"
        ! sales.b: file sales.db/b/000000_0 was added in ours, added in theirs
    "#]],
    )
    .await;
    check(
        "create sales.orders (id int) by (dt string)\nadd sales.orders dt=1 at raw/x\nput raw/x/a one",
        "put raw/x/b two",
        "rm raw/x/a",
        expect![[r#"
        ! sales.orders: partition dt=1 was appended to in ours, rewritten in theirs
    "#]],
    )
    .await;
    check(
        "create sales.orders (id int) at raw/o\nput raw/o/a one",
        "put raw/o/a two",
        "put raw/o/b three",
        expect![[r#"
        ! sales.orders: table was rewritten in ours, appended to in theirs
    "#]],
    )
    .await;
}

#[tokio::test]
async fn the_same_bytes_written_again_are_no_change() {
    for (ours, theirs) in [
        (
            "again sales.db/orders/dt=1/a one",
            "put sales.db/orders/dt=1/b two",
        ),
        (
            "put sales.db/orders/dt=1/b two",
            "again sales.db/orders/dt=1/a one",
        ),
    ] {
        check(
            FILLED,
            ours,
            theirs,
            expect![[r#"
                sales.orders (id int, amt int) by (dt string)
                  dt=1
                sales.db/orders/dt=1/a: one
                sales.db/orders/dt=1/b: two
            "#]],
        )
        .await;
    }
    check(
        FILLED,
        "again sales.db/orders/dt=1/a one",
        "rm sales.db/orders/dt=1/a",
        expect![[r#"
            sales.orders (id int, amt int) by (dt string)
              dt=1
        "#]],
    )
    .await;
    for (ours, theirs) in [
        ("again raw/a one", "put raw/a two"),
        ("put raw/a two", "again raw/a one"),
    ] {
        check(
            "put raw/a one",
            ours,
            theirs,
            expect![[r#"
            raw/a: two
        "#]],
        )
        .await;
    }
}

#[tokio::test]
async fn parameters_that_tables_derive_are_partitions_own() {
    check(
        "create sales.orders (id int) by (dt string)
         add sales.orders dt=1 avro.schema.literal=x",
        "setpart sales.orders dt=1 k=1",
        "setpart sales.orders dt=1 l=2",
        expect![[r#"
            sales.orders (id int) by (dt string)
              dt=1 {avro.schema.literal=x k=1 l=2}
        "#]],
    )
    .await;
}

#[tokio::test]
async fn copies_and_ids_stay_apart() {
    check(
        FILLED,
        "put sales.db/orders/dt=1/000000_0 two
         put sales.db/orders/dt=1/000000_0_copy_1 four",
        "put sales.db/orders/dt=1/000000_0 three",
        expect![[r#"
            sales.orders (id int, amt int) by (dt string)
              dt=1
            sales.db/orders/dt=1/000000_0: two
            sales.db/orders/dt=1/000000_0_copy_1: four
            sales.db/orders/dt=1/000000_0_copy_2: three
            sales.db/orders/dt=1/a: one
        "#]],
    )
    .await;
    check(
        FILLED,
        "columns sales.orders (id int, amt int, x int)
         analyze sales.orders x@1",
        "cascade sales.orders (id int, amt int, x int)
         add sales.orders dt=2
         analyzepart sales.orders dt=2 x@4",
        expect![[r#"
            sales.orders (id int, amt int, x int) by (dt string) knows x@1
              dt=1
              dt=2 knows x@4
            sales.db/orders/dt=1/a: one
        "#]],
    )
    .await;
}

#[tokio::test]
async fn statistics_follow_the_data() {
    let base = "create sales.orders (id int) by (dt string)
        add sales.orders dt=1 numRows=1
        setpart sales.orders dt=1 numFiles=1
        setpart sales.orders dt=1 totalSize=3
        put sales.db/orders/dt=1/a one
        analyzepart sales.orders dt=1 id@1";
    check(base, "put sales.db/orders/dt=1/b four\nsetpart sales.orders dt=1 numFiles=2\nsetpart sales.orders dt=1 numRows=2", "put sales.db/orders/dt=1/c five!\nput sales.db/orders/dt=1/.c.crc x", expect![[r#"
        sales.orders (id int) by (dt string)
          dt=1 {numFiles=3 totalSize=12}
        sales.db/orders/dt=1/.c.crc: x
        sales.db/orders/dt=1/a: one
        sales.db/orders/dt=1/b: four
        sales.db/orders/dt=1/c: five!
    "#]]).await;
    check(
        base,
        "put sales.db/orders/dt=1/b four",
        "setpart sales.orders dt=1 numRows=9\nanalyzepart sales.orders dt=1 id@9",
        expect![[r#"
        sales.orders (id int) by (dt string)
          dt=1 {numFiles=1 numRows=1 totalSize=3} knows id@1
        sales.db/orders/dt=1/a: one
        sales.db/orders/dt=1/b: four
    "#]],
    )
    .await;
    check(
        base,
        "setpart sales.orders dt=1 numRows=9\nanalyzepart sales.orders dt=1 id@9",
        "setpart sales.orders dt=1 k=v",
        expect![[r#"
        sales.orders (id int) by (dt string)
          dt=1 {k=v numFiles=1 numRows=9 totalSize=3} knows id@9
        sales.db/orders/dt=1/a: one
    "#]],
    )
    .await;
    check(
        "create sales.plain (id int) with numFiles=1\nput sales.db/plain/a one\nanalyze sales.plain id@1",
        "put sales.db/plain/b two",
        "put sales.db/plain/c three",
        expect![[r#"
        sales.plain (id int) {numFiles=3}
        sales.db/plain/a: one
        sales.db/plain/b: two
        sales.db/plain/c: three
    "#]],
    )
    .await;
    check(
        "create sales.plain (id int)\nanalyze sales.plain id@1",
        "analyze sales.plain id@3",
        "analyze sales.plain id@2",
        expect![[r#"
        sales.plain (id int) knows id@3
    "#]],
    )
    .await;
}

#[tokio::test]
async fn files_outside_of_tables() {
    let base = "put raw/a one\nput raw/b two";
    check(
        base,
        "put raw/c three",
        "put raw/d four\nrm raw/b",
        expect![[r#"
        raw/a: one
        raw/c: three
        raw/d: four
    "#]],
    )
    .await;
    check(
        base,
        "put raw/a x",
        "put raw/a y",
        expect![[r#"
        ! file raw/a was changed in ours, changed in theirs
    "#]],
    )
    .await;
    check(
        base,
        "put raw/a x",
        "rm raw/a",
        expect![[r#"
        ! file raw/a was changed in ours, deleted in theirs
    "#]],
    )
    .await;
    check(
        base,
        "put raw/c x\nput raw/ m",
        "put raw/c y\nput raw/ n",
        expect![[r#"
        ! file raw/c was added in ours, added in theirs
    "#]],
    )
    .await;
    check(
        base,
        "put raw/a x",
        "put raw/a x",
        expect![[r#"
        raw/a: x
        raw/b: two
    "#]],
    )
    .await;
}

#[tokio::test]
async fn tables_with_a_log_of_their_own_are_one_thing() {
    let delta = "create sales.d (a int) with spark.sql.sources.provider=delta
        put sales.db/d/_delta_log/0.json zero
        put sales.db/d/a one";
    check(
        delta,
        "put sales.db/d/_delta_log/1.json one\nput sales.db/d/b two",
        "put sales.db/d/_delta_log/1.json uno\nput sales.db/d/c three",
        expect![[r#"
        ! sales.d: the Delta table was changed in ours, changed otherwise in theirs
    "#]],
    )
    .await;
    check(
        delta,
        "put sales.db/d/_delta_log/1.json one\nput sales.db/d/b two",
        "put sales.db/d/c three",
        expect![[r#"
        ! sales.d: the Delta table was changed in ours, changed otherwise in theirs
    "#]],
    )
    .await;
    check(
        delta,
        "rename sales.d sales.e",
        "put sales.db/d/_delta_log/1.json one",
        expect![[r#"
        sales.e (a int) {spark.sql.sources.provider=delta} at sales.db/d
        sales.db/d/_delta_log/0.json: zero
        sales.db/d/_delta_log/1.json: one
        sales.db/d/a: one
    "#]],
    )
    .await;
    check(
        delta,
        "put sales.db/d/_delta_log/1.json one",
        "columns sales.d (a int, b int)",
        expect![[r#"
        ! sales.d: the Delta table was changed in ours, changed otherwise in theirs
    "#]],
    )
    .await;
    let iceberg = "create sales.i (a int) with metadata_location=s3://b/1.json";
    check(
        iceberg,
        "set sales.i metadata_location=s3://b/2.json",
        "set sales.i metadata_location=s3://b/3.json",
        expect![[r#"
        ! sales.i: the Iceberg table was moved to s3://b/2.json in ours, moved to s3://b/3.json in theirs: neither goes on from the other; make a branch of ours, repeat there what theirs did to the table, and merge that
    "#]],
    )
    .await;
    check(
        iceberg,
        "owner sales.i eve",
        "rename sales.i sales.j",
        expect![[r#"
        sales.j (a int) {metadata_location=s3://b/1.json} owner eve
    "#]],
    )
    .await;
    let acid = "create sales.t (a int) with transactional=true";
    check(
        acid,
        "put sales.db/t/delta_1/f one",
        "put sales.db/t/delta_2/f two",
        expect![[r#"
        ! sales.t: the transactional table was changed in ours, changed otherwise in theirs
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_cascade_reaches_partitions_that_the_other_side_added() {
    let (cascade, add) = (
        "cascade sales.orders (id int, amt int, z int)",
        "add sales.orders dt=2",
    );
    check(
        FILLED,
        cascade,
        add,
        expect![[r#"
        sales.orders (id int, amt int, z int) by (dt string)
          dt=1
          dt=2
        sales.db/orders/dt=1/a: one
    "#]],
    )
    .await;
    check(
        FILLED,
        add,
        cascade,
        expect![[r#"
        sales.orders (id int, amt int, z int) by (dt string)
          dt=1
          dt=2
        sales.db/orders/dt=1/a: one
    "#]],
    )
    .await;
    let both = format!("cascade sales.orders (id int, amt int, y int)\n{add}");
    check(
        FILLED,
        cascade,
        &both,
        expect![[r#"
        sales.orders (id int, amt int, z int, y int) by (dt string)
          dt=1
          dt=2
        sales.db/orders/dt=1/a: one
    "#]],
    )
    .await;
    // what gives a partition other columns than its table has means that
    check(
        FILLED,
        "columns sales.orders (id int, amt int, z int)",
        add,
        expect![[r#"
            sales.orders (id int, amt int, z int) by (dt string)
              dt=1 (id int, amt int)
              dt=2 (id int, amt int)
            sales.db/orders/dt=1/a: one
        "#]],
    )
    .await;
}
