//! Tables as a whole: made, dropped and renamed, and with them all that is beneath.

use expect_test::expect;

use super::{FILLED, PLAIN, check};
use crate::it::history::merged;

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
async fn two_tables_do_not_come_to_share_a_folder() {
    check(
        "",
        "create sales.x (a int) at raw/stage
         put raw/stage/f0 zero",
        "create sales.y (a int) at raw/stage
         put raw/stage/f1 one",
        expect![[r#"
            ! sales.x: folder raw/stage was given to sales.x in ours, given to sales.y in theirs
        "#]],
    )
    .await;
    // also where one moves there, and where one lies within the other
    check(
        "create sales.y (a int)",
        "create sales.x (a int) at raw/stage",
        "move sales.y raw/stage/deep",
        expect![[r#"
            ! sales.x: folder raw/stage/deep was given to sales.x at raw/stage in ours, given to sales.y at raw/stage/deep in theirs
        "#]],
    )
    .await;
    // what shared one before, or shares one on one side, may go on
    check(
        "create sales.x (a int) at raw/stage",
        "create sales.y (a int) at raw/stage",
        "set sales.x k=v",
        expect![[r#"
            sales.x (a int) {k=v} at raw/stage
            sales.y (a int) at raw/stage
        "#]],
    )
    .await;
    // tables that own no data may look at the same files, but not each at its own
    let external = |name: &str| format!("create sales.{name} (a int) at raw/stage with EXTERNAL=TRUE");
    check(
        "put raw/stage/f0 zero",
        &external("x"),
        &external("y"),
        expect![[r#"
            sales.x (a int) {EXTERNAL=TRUE numFiles=1 totalSize=4} at raw/stage
            sales.y (a int) {EXTERNAL=TRUE numFiles=1 totalSize=4} at raw/stage
            raw/stage/f0: zero
        "#]],
    )
    .await;
    check(
        "",
        &format!("{}\nput raw/stage/f0 zero", external("x")),
        &format!("{}\nput raw/stage/f1 one", external("y")),
        expect![[r#"
            ! sales.x: folder raw/stage was given to sales.x in ours, given to sales.y in theirs
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
async fn tables_stay_where_their_files_are_when_the_database_moves() {
    for moved in ["movedb web raw/web", "setdb web skep.layout=shared"] {
        let created = "create web.t (a int)\nput web.db/t/f one";
        let expected = "web\nweb.t (a int) at web.db/t\nweb.db/t/f: one\n";
        for (ours, theirs) in [(moved, created), (created, moved)] {
            let found = merged("database web", ours, theirs).await;
            assert_eq!(found, expected, "{ours} | {theirs}");
        }
        // brought there by the other side: an empty table takes the folder of its new name
        let base = "database web\ncreate sales.t (a int)";
        let renamed = "rename sales.t web.u\nput web.db/u/f one";
        let expected = "web\nweb.u (a int) at web.db/u\nweb.db/u/f: one\n";
        assert_eq!(merged(base, moved, renamed).await, expected, "{moved}");
    }
}
