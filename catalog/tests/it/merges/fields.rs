//! What databases and tables say of themselves.

use expect_test::expect;

use super::{FILLED, ORDERS, PLAIN, check};

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
            sales.csv (a int, b int, c int)
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
