//! Merges of whole histories, by the tables of versioning.md 5.

use expect_test::{Expect, expect};

use super::history::merged;

pub(super) async fn check(base: &str, ours: &str, theirs: &str, expected: Expect) {
    expected.assert_eq(&merged(base, ours, theirs).await);
}

const ORDERS: &str = "create sales.orders (id int, amt int) by (dt string)";
/// With a partition of one file.
const FILLED: &str = "create sales.orders (id int, amt int) by (dt string)
    add sales.orders dt=1
    put sales.db/orders/dt=1/a one";
const PLAIN: &str = "create sales.plain (id int)
    put sales.db/plain/a one";

#[tokio::test]
async fn columns_partitions_and_files_of_both_sides_land_together() {
    check(
        FILLED,
        "columns sales.orders (id int, amt int, note string)
         add sales.orders dt=2
         put sales.db/orders/dt=2/b two
         set sales.orders comment=hello",
        "columns sales.orders (id int, amt bigint, tax double)
         add sales.orders dt=3
         put sales.db/orders/dt=3/c three
         rm sales.db/orders/dt=1/a
         put sales.db/orders/dt=1/d four",
        expect![[r#"
            sales.orders (id int, amt bigint, note string, tax double) by (dt string) {comment=hello}
              dt=1 (id int, amt int)
              dt=2 (id int, amt int, note string)
              dt=3 (id int, amt bigint, tax double)
            sales.db/orders/dt=1/d: four
            sales.db/orders/dt=2/b: two
            sales.db/orders/dt=3/c: three
        "#]],
    )
    .await;
}

#[tokio::test]
async fn drops_and_changes_of_tables() {
    check(FILLED, "drop sales.orders", "", expect![[r#""#]]).await;
    check(FILLED, "", "drop sales.orders", expect![[r#""#]]).await;
    check(FILLED, "drop sales.orders", "drop sales.orders", expect![[r#""#]]).await;
    check(
        FILLED,
        "drop sales.orders",
        "set sales.orders k=v",
        expect![[r#"
        ! sales.orders: table was dropped in ours, changed (itself) in theirs
    "#]],
    )
    .await;
    check(
        FILLED,
        "drop sales.orders",
        "add sales.orders dt=2\nput sales.db/orders/dt=2/b two",
        expect![[r#"
        ! sales.orders: table was dropped in ours, changed (1 partition, 1 file) in theirs
    "#]],
    )
    .await;
    check(
        FILLED,
        "put sales.db/orders/dt=1/b two",
        "drop sales.orders",
        expect![[r#"
        ! sales.orders: table was changed (1 file) in ours, dropped in theirs
    "#]],
    )
    .await;
    check(
        FILLED,
        "analyze sales.orders id@7",
        "drop sales.orders",
        expect![[r#"
        ! sales.orders: table was changed (1 set of statistics) in ours, dropped in theirs
    "#]],
    )
    .await;
    check(
        FILLED,
        "setpart sales.orders dt=1 transient_lastDdlTime=9",
        "drop sales.orders",
        expect![""],
    )
    .await;
    check(
        PLAIN,
        "drop sales.plain",
        "put sales.db/plain/b two",
        expect![[r#"
        ! sales.plain: table was dropped in ours, changed (1 file) in theirs
    "#]],
    )
    .await;
    check(
        PLAIN,
        "set sales.plain transient_lastDdlTime=99",
        "drop sales.plain",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test]
async fn renames() {
    check(
        FILLED,
        "rename sales.orders sales.old",
        "set sales.orders k=v\nadd sales.orders dt=2\nput sales.db/orders/dt=2/b two",
        expect![[r#"
        sales.old (id int, amt int) by (dt string) {k=v} at sales.db/orders
          dt=1
          dt=2
        sales.db/orders/dt=1/a: one
        sales.db/orders/dt=2/b: two
    "#]],
    )
    .await;
    check(
        FILLED,
        "set sales.orders k=v",
        "rename sales.orders sales.old",
        expect![[r#"
        sales.old (id int, amt int) by (dt string) {k=v} at sales.db/orders
          dt=1
        sales.db/orders/dt=1/a: one
    "#]],
    )
    .await;
    check(
        FILLED,
        "rename sales.orders sales.x",
        "rename sales.orders sales.y",
        expect![[r#"
        ! sales.x: table was renamed to sales.x in ours, renamed to sales.y in theirs
    "#]],
    )
    .await;
    check(
        FILLED,
        "rename sales.orders sales.x",
        "rename sales.orders sales.x",
        expect![[r#"
        sales.x (id int, amt int) by (dt string) at sales.db/orders
          dt=1
        sales.db/orders/dt=1/a: one
    "#]],
    )
    .await;
    check(
        FILLED,
        "rename sales.orders sales.x",
        "create sales.x (a int)",
        expect![[r#"
        ! sales.x: table was renamed from sales.orders in ours, created in theirs
    "#]],
    )
    .await;
    check(
        "create sales.a (i int)\ncreate sales.b (i int)",
        "rename sales.a sales.c",
        "rename sales.b sales.c",
        expect![[r#"
        ! sales.c: table was renamed from sales.a in ours, renamed from sales.b in theirs
    "#]],
    )
    .await;
    check(
        "create sales.a (i int)",
        "rename sales.a sales.b",
        "put sales.db/a/f one",
        expect![[r#"
        sales.b (i int) at sales.db/a
        sales.db/a/f: one
    "#]],
    )
    .await;
    check(
        "create sales.a (i int)",
        "rename sales.a sales.b\nput sales.db/b/g two",
        "put sales.db/a/f one",
        expect![[r#"
        ! sales.b: location is sales.db/b in ours, the old one, with new data in theirs
    "#]],
    )
    .await;
    check(
        "create sales.a (i int)\ncreate sales.b (i int)",
        "rename sales.a sales.c\nrename sales.b sales.a",
        "set sales.b k=v",
        expect![[r#"
        sales.a (i int) {k=v}
        sales.c (i int)
    "#]],
    )
    .await;
}

#[tokio::test]
async fn tables_made_twice() {
    check(
        "",
        "create sales.t (a int) by (d string) with x=1\nadd sales.t d=1\nput sales.db/t/d=1/f one\nanalyze sales.t a@3",
        "create sales.t (a int) by (d string) with y=2\nadd sales.t d=2\nput sales.db/t/d=2/f two\nadd sales.t d=1\nput sales.db/t/d=1/f three\nanalyzepart sales.t d=2 a@5",
        expect![[r#"
            sales.t (a int) by (d string) {x=1 y=2}
              d=1
              d=2 knows a@5
            sales.db/t/d=1/f: one
            sales.db/t/d=1/f_copy_1: three
            sales.db/t/d=2/f: two
        "#]],
    )
    .await;
    check(
        "",
        "create sales.t (a int)",
        "create sales.t (a string)",
        expect![[r#"
        ! sales.t: table was created as (a int) in ours, created as (a string) in theirs
    "#]],
    )
    .await;
    check(
        "",
        "create sales.t (a int)",
        "create sales.t (a int) as csv",
        expect![[r#"
        ! sales.t: table was created as (a int) in ours, created with another kind, format or place in theirs
    "#]],
    )
    .await;
    check(
        "",
        "create sales.t (a int) with k=1",
        "create sales.t (a int) with k=2",
        expect![[r#"
        ! sales.t: parameter k is 1 in ours, 2 in theirs
    "#]],
    )
    .await;
    check(
        "create sales.t (a int)",
        "drop sales.t\ncreate sales.t (b int)",
        "",
        expect![[r#"
        sales.t (b int)
    "#]],
    )
    .await;
    check(
        "create sales.t (a int)",
        "drop sales.t\ncreate sales.t (b int)",
        "set sales.t k=v",
        expect![[r#"
        ! sales.t: table was dropped in ours, changed (itself) in theirs
    "#]],
    )
    .await;
    check(
        "create sales.t (a int)",
        "drop sales.t\ncreate sales.t (b int)",
        "drop sales.t\ncreate sales.t (b int)",
        expect![[r#"
        sales.t (b int)
    "#]],
    )
    .await;
}

#[tokio::test]
async fn databases() {
    check(
        "",
        "database web\ncreate web.a (i int)",
        "database web\ncreate web.b (i int)\nfunction web.f x.F",
        expect![[r#"
        web
        web.a (i int)
        web.b (i int)
        web.f = x.F
    "#]],
    )
    .await;
    check(
        "database web",
        "dropdb web",
        "comment web hello",
        expect![[r#"
        ! web: database was dropped in ours, changed in theirs
    "#]],
    )
    .await;
    check(
        "database web",
        "dropdb web",
        "create web.t (i int)",
        expect![[r#"
        ! web: database was dropped in ours, given table t in theirs
    "#]],
    )
    .await;
    check(
        "database web",
        "dropdb web",
        "function web.f x.F",
        expect![[r#"
        ! web: database was dropped in ours, given function f in theirs
    "#]],
    )
    .await;
    check(
        "database web",
        "put web.db/raw/x one",
        "dropdb web",
        expect![[r#"
        ! web: database was given file web.db/raw/x in ours, dropped in theirs
    "#]],
    )
    .await;
    check(
        "database web",
        "dropdb web\ndatabase web",
        "",
        expect![[r#"
        web
    "#]],
    )
    .await;
    check("database web", "dropdb web", "", expect![[r#""#]]).await;
    check(
        "database web",
        "comment web one",
        "comment web two",
        expect![[r#"
        ! web: description is one in ours, two in theirs
    "#]],
    )
    .await;
    check(
        "",
        "database web\ncomment web one",
        "database web\ncomment web two",
        expect![[r#"
        ! web: description is one in ours, two in theirs
    "#]],
    )
    .await;
    check(
        "create sales.t (i int)\nfunction sales.f a",
        "function sales.f b",
        "function sales.f c\nfunction sales.g d",
        expect![[r#"
        ! sales: function f was changed to b in ours, changed to c in theirs
    "#]],
    )
    .await;
    check(
        "function sales.f a",
        "dropfn sales.f",
        "function sales.f c",
        expect![[r#"
        ! sales: function f was dropped in ours, changed to c in theirs
    "#]],
    )
    .await;
    check(
        "function sales.f a",
        "dropfn sales.f",
        "function sales.g c",
        expect![[r#"
        sales.g = c
    "#]],
    )
    .await;
}

#[tokio::test]
async fn fields_of_tables() {
    check(
        PLAIN,
        "set sales.plain k=1\nowner sales.plain eve",
        "set sales.plain l=2",
        expect![[r#"
        sales.plain (id int) {k=1 l=2} owner eve
        sales.db/plain/a: one
    "#]],
    )
    .await;
    check(
        PLAIN,
        "set sales.plain k=1\nowner sales.plain eve",
        "set sales.plain k=2\nowner sales.plain bob",
        expect![[r#"
        ! sales.plain: owner is eve in ours, bob in theirs
        ! sales.plain: parameter k is 1 in ours, 2 in theirs
    "#]],
    )
    .await;
    check(
        PLAIN,
        "move sales.plain raw/x",
        "move sales.plain raw/y",
        expect![[r#"
        ! sales.plain: location is raw/x in ours, raw/y in theirs
    "#]],
    )
    .await;
    check(
        PLAIN,
        "move sales.plain raw/x",
        "set sales.plain k=v",
        expect![[r#"
        sales.plain (id int) {k=v} at raw/x
        sales.db/plain/a: one
    "#]],
    )
    .await;
    check(
        PLAIN,
        "move sales.plain raw/x",
        "put sales.db/plain/b two",
        expect![[r#"
        ! sales.plain: location is raw/x in ours, the old one, with new data in theirs
    "#]],
    )
    .await;
    check(
        FILLED,
        "move sales.orders raw/x",
        "add sales.orders dt=2\nput sales.db/orders/dt=2/b two",
        expect![[r#"
        sales.orders (id int, amt int) by (dt string) at raw/x
          dt=1
          dt=2
        sales.db/orders/dt=1/a: one
        sales.db/orders/dt=2/b: two
    "#]],
    )
    .await;
    check(PLAIN, "serde sales.plain orc", "serde sales.plain csv", expect![[r#"
        ! sales.plain: the format is org.apache.hadoop.hive.ql.io.orc.OrcSerde in ours, org.apache.hadoop.hive.serde2.OpenCSVSerde in theirs
    "#]]).await;
    check(PLAIN, "kind sales.plain EXTERNAL_TABLE", "set sales.plain storage_handler=x", expect![[r#"
        ! sales.plain: the kind is "EXTERNAL_TABLE EXTERNAL=TRUE" in ours, "MANAGED_TABLE storage_handler=x" in theirs
    "#]]).await;
    check(
        PLAIN,
        "kind sales.plain EXTERNAL_TABLE",
        "set sales.plain transactional=true",
        expect![[r#"
        ! sales.plain: the transactional table was changed in ours, changed otherwise in theirs
    "#]],
    )
    .await;
    check(
        "view sales.v select 1",
        "view sales.v select 2",
        "view sales.v select 3",
        expect![[r#"
        ! sales.v: the text of the view is "select 2" in ours, "select 3" in theirs
    "#]],
    )
    .await;
    check(
        "view sales.v select 1",
        "view sales.v select 2",
        "owner sales.v eve",
        expect![[r#"
        sales.v () owner eve as select 2
    "#]],
    )
    .await;
    check(
        ORDERS,
        "keycomment sales.orders day",
        "set sales.orders k=v",
        expect![[r#"
        sales.orders (id int, amt int) by (dt string 'day') {k=v}
    "#]],
    )
    .await;
    check(
        "create sales.csv (a int) as csv",
        "columns sales.csv (a int, b int)",
        "columns sales.csv (a int, c int)",
        expect![[r#"
        ! sales.csv: the column list was (a int, b int) in ours, (a int, c int) in theirs
    "#]],
    )
    .await;
    check(
        ORDERS,
        "columns sales.orders (id int, amt int, x int)\nanalyze sales.orders x@1",
        "columns sales.orders (id int, amt int, y int)\nanalyze sales.orders y@2",
        expect![[r#"
        sales.orders (id int, amt int, x int, y int) by (dt string) knows x@1 y@2
    "#]],
    )
    .await;
    check(FILLED, "columns sales.orders (id int, amt int, x int)", "cascade sales.orders (id int, amt int, y int)\nadd sales.orders dt=2\nanalyzepart sales.orders dt=2 y@4", expect![[r#"
        sales.orders (id int, amt int, x int, y int) by (dt string)
          dt=1 (id int, amt int, y int)
          dt=2 (id int, amt int, y int) knows y@4
        sales.db/orders/dt=1/a: one
    "#]]).await;
    check(
        ORDERS,
        "analyze sales.orders amt@1 id@1",
        "columns sales.orders (id int, amt bigint)",
        expect![[r#"
        sales.orders (id int, amt bigint) by (dt string) knows id@1
    "#]],
    )
    .await;
}

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
        ! sales.i: the Iceberg table was changed in ours, changed otherwise in theirs
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
