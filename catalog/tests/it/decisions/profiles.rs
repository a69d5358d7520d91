//! How much is left to people.

use catalog::merge::{Options, Profile, Side};
use expect_test::{Expect, expect};

use super::{FILLED, PLAIN, Sides, all};

async fn check_profile(profile: Profile, base: &str, ours: &str, theirs: &str, expected: Expect) {
    let options = Options {
        profile: Some(profile),
        ..Options::default()
    };
    expected.assert_eq(&Sides::new(base, ours, theirs).await.text(&options).await);
}

#[tokio::test]
async fn a_lenient_merge_leaves_comments_and_orders_to_ours() {
    check_profile(
        Profile::Lenient,
        "create sales.c (a int, b int, c int)",
        "columns sales.c (c int, b int 'x', a int)",
        "columns sales.c (b int 'y', a int, c int)",
        expect![[r#"
            sales.c (c int, b int 'x', a int)
        "#]],
    )
    .await;
}

#[tokio::test]
async fn strict_profiles_hold_back_what_both_touched() {
    let appends = (
        "put sales.db/t/dt=1/b two\nadd sales.t dt=2",
        "put sales.db/t/dt=1/c three\nadd sales.t dt=3",
    );
    let (partition, table) = (Profile::StrictPartition, Profile::StrictTable);
    check_profile(
        partition,
        FILLED,
        appends.0,
        appends.1,
        expect![[r#"
        ! sales.t: partition dt=1 was changed in ours, changed otherwise in theirs
    "#]],
    )
    .await;
    check_profile(
        table,
        FILLED,
        appends.0,
        appends.1,
        expect![[r#"
        ! sales.t: table was changed (1 partition, 1 file) in ours, changed (1 partition, 1 file) in theirs
    "#]],
    )
    .await;
    // the finer conflicts are within
    let params = (
        "setpart sales.t dt=1 k=1\nset sales.t k=1",
        "setpart sales.t dt=1 k=2\nset sales.t k=2",
    );
    check_profile(
        partition,
        FILLED,
        params.0,
        params.1,
        expect![[r#"
        ! sales.t: parameter k is 1 in ours, 2 in theirs
        ! sales.t: partition dt=1 was changed in ours, changed otherwise in theirs
    "#]],
    )
    .await;
    check_profile(
        table,
        FILLED,
        params.0,
        params.1,
        expect![[r#"
        ! sales.t: table was changed (itself, 1 partition) in ours, changed (itself, 1 partition) in theirs
    "#]],
    )
    .await;
    // what is said of it on one side, and known of it on the other
    let known = ("analyzepart sales.t dt=1 id@3", "setpart sales.t dt=1 k=2");
    check_profile(
        partition,
        FILLED,
        known.0,
        known.1,
        expect![[r#"
        ! sales.t: partition dt=1 was changed in ours, changed otherwise in theirs
    "#]],
    )
    .await;
    let key = ("pk sales.t p id", "put sales.db/t/b two");
    check_profile(
        table,
        PLAIN,
        key.0,
        key.1,
        expect![[r#"
        ! sales.t: table was changed (1 constraint) in ours, changed (1 file) in theirs
    "#]],
    )
    .await;
    // the same on both sides is nobody's to decide, nor what one side touched alone
    let same = "put sales.db/t/dt=1/b two\nset sales.t k=1";
    check_profile(
        table,
        FILLED,
        same,
        same,
        expect![[r#"
        sales.t (id int, amt int) by (dt string) {k=1}
          dt=1
        sales.db/t/dt=1/a: one
        sales.db/t/dt=1/b: two
    "#]],
    )
    .await;
    let apart = ("add sales.t dt=2", "add sales.t dt=3");
    check_profile(
        partition,
        FILLED,
        apart.0,
        apart.1,
        expect![[r#"
        sales.t (id int, amt int) by (dt string)
          dt=1
          dt=2
          dt=3
        sales.db/t/dt=1/a: one
    "#]],
    )
    .await;
}

#[tokio::test]
async fn what_a_strict_profile_holds_back_is_taken_whole() {
    let (ours, theirs) = (
        "put sales.db/t/dt=1/b two\nsetpart sales.t dt=1 k=1\nset sales.t k=1",
        "put sales.db/t/dt=1/c three\nsetpart sales.t dt=1 l=2\nset sales.t l=2",
    );
    let sides = Sides::new(FILLED, ours, theirs).await;
    for (profile, expected) in [
        (
            Profile::StrictPartition,
            expect![[r#"
            sales.t (id int, amt int) by (dt string) {k=1 l=2}
              dt=1 {l=2}
            sales.db/t/dt=1/a: one
            sales.db/t/dt=1/c: three
        "#]],
        ),
        (
            Profile::StrictTable,
            expect![[r#"
            sales.t (id int, amt int) by (dt string) {l=2}
              dt=1 {l=2}
            sales.db/t/dt=1/a: one
            sales.db/t/dt=1/c: three
        "#]],
        ),
    ] {
        let options = Options {
            profile: Some(profile),
            ..all(Side::Theirs)
        };
        expected.assert_eq(&sides.text(&options).await);
    }
}
