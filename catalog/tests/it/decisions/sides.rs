//! One side taken throughout.

use catalog::merge::{Choice, ConflictKind, Options, Side};
use catalog::{Place, Snapshot};

use super::{FILLED, PLAIN, Sides, all, text};

/// With tables and data.
const WEB: &str = "database web
    create web.t (i int)
    put web.db/t/a x";

/// Whichever side is taken of what both touched, the other left nothing.
async fn check(cases: &[(&str, &str, &str)]) {
    for (base, ours, theirs) in cases {
        let sides = Sides::new(base, ours, theirs).await;
        let conflicts = sides.conflicts().await;
        assert!(!conflicts.is_empty(), "{base}\n--\n{ours}\n--\n{theirs}");
        let expected = [
            (Choice::Ours, Side::Ours, text(&sides.ours).await),
            (Choice::Theirs, Side::Theirs, text(&sides.theirs).await),
        ];
        for (choice, side, expected) in expected {
            let case = format!("{choice} of {conflicts:?}");
            assert_eq!(sides.decide(&choice).await, expected, "{case}");
            assert_eq!(sides.text(&all(side)).await, expected, "by strategy: {case}");
        }
        if conflicts.iter().all(|conflict| conflict.choices.base) {
            let expected = text(&sides.base).await;
            let found = sides.decide(&Choice::Base).await;
            // a name that was given away since is not the base's to take back
            if !found.contains("created in ours, kept in theirs") {
                assert_eq!(found, expected, "base of {conflicts:?}");
            }
        }
    }
}

#[tokio::test]
async fn databases_are_as_the_side_that_is_taken_has_them() {
    check(&[
        ("database web", "comment web one", "comment web two"),
        ("database web", "dropdb web", "comment web two"),
        (
            "database web",
            "dropdb web",
            "create web.t (i int)\nput web.db/t/a one",
        ),
        ("database web", "dropdb web", "function web.f x.F"),
        ("database web", "put web.db/raw/x one", "dropdb web"),
        (WEB, "dropdb web", "set web.t k=v\ncreate web.u (i int)"),
        (WEB, "dropdb web\ndatabase web", "comment web two"),
        (
            "",
            "database web\nmovedb web a\ncreate web.t (i int)",
            "database web\nmovedb web b\ncreate web.u (i int)",
        ),
    ])
    .await;
}

#[tokio::test]
async fn tables_are_as_the_side_that_is_taken_has_them() {
    check(&[
        (
            FILLED,
            "drop sales.t",
            "add sales.t dt=2\nput sales.db/t/dt=2/b two",
        ),
        (FILLED, "drop sales.t", "set sales.t k=v"),
        (FILLED, "forget sales.t", "analyzepart sales.t dt=1 id@3"),
        (PLAIN, "drop sales.t", "put sales.db/t/b two"),
        (PLAIN, "drop sales.t\ncreate sales.t (x int)", "set sales.t k=v"),
        (PLAIN, "drop sales.t", "pk sales.t p id\nanalyze sales.t id@3"),
        (
            "",
            "create sales.t (i int)\nput sales.db/t/a one",
            "create sales.t (j int)\nput sales.db/t/a two",
        ),
        (
            "",
            "create sales.t (i int) by (d string)\nadd sales.t d=1",
            "create sales.t (i int) by (e string)\nadd sales.t e=1",
        ),
        (PLAIN, "rename sales.t sales.a", "rename sales.t sales.b"),
        (
            PLAIN,
            "rename sales.t sales.a",
            "create sales.a (j int)\nput sales.db/a/b two",
        ),
        (
            "create sales.t (i int)\ncreate sales.u (i int)",
            "rename sales.t sales.a",
            "rename sales.u sales.a",
        ),
        (
            "",
            "create sales.x (a int) at raw/s\nput raw/s/f0 zero",
            "create sales.y (a int) at raw/s\nput raw/s/f1 one",
        ),
    ])
    .await;
}

#[tokio::test]
async fn fields_are_as_the_side_that_is_taken_has_them() {
    check(&[
        (PLAIN, "owner sales.t eve", "owner sales.t bob"),
        (PLAIN, "set sales.t k=1", "set sales.t k=2"),
        (PLAIN, "move sales.t raw/x", "move sales.t raw/y"),
        (PLAIN, "serde sales.t orc", "serde sales.t csv"),
        (
            PLAIN,
            "kind sales.t EXTERNAL_TABLE",
            "set sales.t storage_handler=x",
        ),
        (
            PLAIN,
            "set sales.t transactional=true",
            "set sales.t k=v\nput sales.db/t/b two",
        ),
        (
            "view sales.v select 1",
            "view sales.v select 2",
            "view sales.v select 3",
        ),
        (FILLED, "keycomment sales.t one", "keycomment sales.t two"),
        (
            FILLED,
            "columns sales.t (id int, amt bigint)",
            "columns sales.t (id int, amt double)",
        ),
        (
            FILLED,
            "columns sales.t (id int, x int)",
            "columns sales.t (id int, y int)",
        ),
        (
            FILLED,
            "columns sales.t (id int)",
            "columns sales.t (id int, amt bigint)",
        ),
        (
            FILLED,
            "columns sales.t (id int, amt int 'a')",
            "columns sales.t (id int, amt int 'b')",
        ),
        (
            FILLED,
            "columns sales.t (id int, amt int, x int)",
            "columns sales.t (id int, amt int, x string)",
        ),
        (
            "create sales.c (a int, b int) as csv",
            "columns sales.c (b int, a int)",
            "columns sales.c (a int, b int, c int)",
        ),
        (
            "create sales.c (a int, b int, c int)",
            "columns sales.c (c int, b int, a int)",
            "columns sales.c (b int, a int, c int)",
        ),
    ])
    .await;
}

#[tokio::test]
async fn partitions_and_files_are_as_the_side_that_is_taken_has_them() {
    check(&[
        (FILLED, "droppart sales.t dt=1", "put sales.db/t/dt=1/b two"),
        (FILLED, "droppart sales.t dt=1", "setpart sales.t dt=1 k=v"),
        (FILLED, "droppart sales.t dt=1", "analyzepart sales.t dt=1 id@3"),
        (FILLED, "setpart sales.t dt=1 k=1", "setpart sales.t dt=1 k=2"),
        (FILLED, "put sales.db/t/dt=1/b two", "put sales.db/t/dt=1/a two"),
        (
            FILLED,
            "put sales.db/t/dt=1/a three\nanalyzepart sales.t dt=1 id@3",
            "put sales.db/t/dt=1/a two\nanalyzepart sales.t dt=1 id@4",
        ),
        (
            FILLED,
            "add sales.t dt=2 at raw/a\nput raw/a/f x",
            "add sales.t dt=2 at raw/b\nput raw/b/f y",
        ),
        (
            PLAIN,
            "put sales.db/t/a two\nanalyze sales.t id@3",
            "rm sales.db/t/a\nput sales.db/t/b three",
        ),
        (
            "create sales.t (i int) buckets 2",
            "put sales.db/t/000000_0 x",
            "put sales.db/t/000000_0 y",
        ),
        ("put raw/x one", "put raw/x two", "rm raw/x"),
    ])
    .await;
}

#[tokio::test]
async fn what_hangs_on_them_is_as_the_side_that_is_taken_has_it() {
    check(&[
        ("function sales.f a", "function sales.f b", "function sales.f c"),
        ("function sales.f a", "dropfn sales.f", "function sales.f c"),
        (PLAIN, "pk sales.t p id", "pk sales.t q id"),
        (
            "create sales.t (a int, b int)",
            "check sales.t c a > 1",
            "check sales.t c b > 1",
        ),
        (
            "schema sales.s x\nversion sales.s 1",
            "schema sales.s z",
            "schema sales.s y",
        ),
    ])
    .await;
}

#[tokio::test]
async fn partitions_stay_where_their_files_are_wherever_the_table_goes() {
    let sides = Sides::new(
        "create sales.t (i int) by (d string)",
        "move sales.t raw/x\nadd sales.t d=1\nput raw/x/d=1/a one",
        "move sales.t raw/y\nadd sales.t d=2\nput raw/y/d=2/b two\nadd sales.t d=3 at raw/z",
    )
    .await;
    for (side, place) in [(Side::Ours, "raw/x"), (Side::Theirs, "raw/y")] {
        let resolution = sides.with(&all(side)).await;
        assert!(resolution.conflicts.is_empty(), "{:?}", resolution.conflicts);
        let merged = sides.ours.with(&resolution.patch);
        let merged = Snapshot::new(merged, catalog::SharedCache::default());
        let open = merged.table("sales", "t").await.unwrap();
        assert_eq!(open.place(), Some(Place::Path(place.into())));
        for (name, place) in [("d=1", "raw/x/d=1"), ("d=2", "raw/y/d=2"), ("d=3", "raw/z")] {
            let partition = merged.find_partition(open.id, name).await.unwrap().unwrap();
            let expected = Some(Place::Path(place.into()));
            assert_eq!(open.place_of(&partition), expected, "{side:?} {name}");
        }
    }
}

#[tokio::test]
async fn a_table_that_moved_away_from_new_data_is_where_it_was_decided() {
    for (ours, theirs) in [
        ("move sales.t raw/x", "put sales.db/t/b two"),
        ("put sales.db/t/b two", "move sales.t raw/x"),
    ] {
        let sides = Sides::new(PLAIN, ours, theirs).await;
        for side in [Side::Ours, Side::Theirs] {
            let moved = match (ours.starts_with("move"), side) {
                (true, Side::Ours) | (false, Side::Theirs) => " at raw/x",
                _ => "",
            };
            let expected = format!("sales.t (id int){moved}\nsales.db/t/a: one\nsales.db/t/b: two\n");
            assert_eq!(sides.text(&all(side)).await, expected, "{side:?}");
        }
    }
}

#[tokio::test]
async fn a_later_decision_does_not_take_back_an_earlier_one() {
    let base = "create sales.t (id int)";
    let (ours, theirs) = ("drop sales.t\ncreate sales.u (a int)", "rename sales.t sales.u");
    let sides = Sides::new(base, ours, theirs).await;
    let dropped = sides.conflicts().await.remove(0);
    assert_eq!(dropped.kind, ConflictKind::DropModify);
    let mut options = Options {
        decisions: [(dropped.id, Choice::Theirs)].into(),
        ..Options::default()
    };
    // the table stays, so that its name cannot go to the other one by dropping it after all
    let named = sides.with(&options).await.conflicts.remove(0);
    assert_eq!(named.kind, ConflictKind::NameCollision);
    assert!(!named.choices.ours && named.choices.theirs);
    options.decisions.insert(named.id.clone(), Choice::Ours);
    assert_eq!(sides.with(&options).await.conflicts, std::slice::from_ref(&named));
    options.decisions.insert(named.id, Choice::Theirs);
    assert_eq!(sides.text(&options).await, "sales.u (id int)\n");
}
