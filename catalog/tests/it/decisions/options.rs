//! Texts, single decisions and strategies.

use catalog::merge::{CatalogResolver, Choice, ConflictId, ConflictKind, Options, Side, Strategy};
use expect_test::{Expect, expect};
use versioning::merge::Resolver;

use super::{FILLED, PLAIN, Sides, all};
use crate::it::history::{History, resolve_with};

/// Decides the only conflict by a text.
async fn check_value(base: &str, ours: &str, theirs: &str, text: &str, expected: Expect) {
    let sides = Sides::new(base, ours, theirs).await;
    expected.assert_eq(&sides.decide(&Choice::Value(text.to_owned())).await);
}

#[tokio::test]
async fn a_text_is_taken_where_one_means_something() {
    check_value(
        "database web",
        "comment web one",
        "comment web two",
        "both",
        expect![[r#"
            web 'both'
        "#]],
    )
    .await;
    check_value(
        PLAIN,
        "owner sales.t eve",
        "owner sales.t bob",
        "ann",
        expect![[r#"
            sales.t (id int) owner ann
            sales.db/t/a: one
        "#]],
    )
    .await;
    check_value(
        PLAIN,
        "set sales.t k=1",
        "set sales.t k=2",
        "3",
        expect![[r#"
            sales.t (id int) {k=3}
            sales.db/t/a: one
        "#]],
    )
    .await;
    check_value(
        FILLED,
        "setpart sales.t dt=1 k=1",
        "setpart sales.t dt=1 k=2",
        "3",
        expect![[r#"
            sales.t (id int, amt int) by (dt string)
              dt=1 {k=3}
            sales.db/t/dt=1/a: one
        "#]],
    )
    .await;
    let views = (
        "view sales.v select 1",
        "view sales.v select 2",
        "view sales.v select 3",
    );
    check_value(
        views.0,
        views.1,
        views.2,
        "select 4",
        expect![[r#"
        sales.v () as select 4
    "#]],
    )
    .await;
    let types = (
        "columns sales.t (id int, amt bigint)",
        "columns sales.t (id int, amt double)",
    );
    check_value(
        FILLED,
        types.0,
        types.1,
        "decimal(9,2)",
        expect![[r#"
        sales.t (id int, amt decimal(9,2)) by (dt string)
          dt=1 (id int, amt int)
        sales.db/t/dt=1/a: one
    "#]],
    )
    .await;
    let names = (
        "columns sales.t (id int, x int)",
        "columns sales.t (id int, y int)",
    );
    check_value(
        FILLED,
        names.0,
        names.1,
        "z",
        expect![[r#"
        sales.t (id int, z int) by (dt string)
          dt=1 (id int, amt int)
        sales.db/t/dt=1/a: one
    "#]],
    )
    .await;
}

#[tokio::test]
async fn decisions_of_one_table_are_taken_one_by_one() {
    let sides = Sides::new(
        FILLED,
        "set sales.t k=1\nowner sales.t eve\nset sales.t l=1\nput sales.db/t/dt=1/b two",
        "set sales.t k=2\nowner sales.t bob\nset sales.t l=2\nput sales.db/t/dt=1/a three",
    )
    .await;
    let conflicts = sides.conflicts().await;
    let id = |wanted: &str| -> ConflictId {
        let found = conflicts
            .iter()
            .find(|conflict| conflict.to_string().contains(wanted));
        found.unwrap().id.clone()
    };
    let gone = ConflictId::parse("0123456789abcdef").unwrap();
    let decisions = [
        (id("parameter k"), Choice::Theirs),
        (id("owner"), Choice::Ours),
        (id("partition dt=1"), Choice::Theirs),
        (gone.clone(), Choice::Ours),
    ];
    let options = Options {
        decisions: decisions.into(),
        ..Options::default()
    };
    let left = sides.text(&options).await;
    expect![[r#"
        ! sales.t: parameter l is 1 in ours, 2 in theirs
    "#]]
    .assert_eq(&left);
    let mut options = options;
    options.decisions.insert(id("parameter l"), Choice::Base);
    expect![[r#"
        sales.t (id int, amt int) by (dt string) {k=2} owner eve
          dt=1
        sales.db/t/dt=1/a: three
    "#]]
    .assert_eq(&sides.text(&options).await);
    let resolver = CatalogResolver::default().with(options);
    assert_eq!(resolver.unused().len(), 5, "nothing was merged yet");
    let three = versioning::merge::Sides {
        base: sides.base.clone(),
        ours: sides.ours.clone(),
        theirs: sides.theirs.clone(),
    };
    resolver.resolve(&three).await.unwrap();
    assert_eq!(resolver.unused(), [gone]);
}

#[tokio::test]
async fn a_decision_that_cannot_be_taken_says_what_is_expected() {
    let types = (
        "columns sales.t (id int, amt bigint)",
        "columns sales.t (id int, amt double)",
    );
    let data = ("put sales.db/t/dt=1/a two", "put sales.db/t/dt=1/a three");
    let csv = "create sales.c (a int, b int) as csv";
    let positional = (
        "columns sales.c (b int, a int)",
        "columns sales.c (a int, b int, c int)",
    );
    for (base, (ours, theirs), choice, expected) in [
        (
            FILLED,
            types,
            Choice::Value("lots".into()),
            "a type, such as bigint",
        ),
        (FILLED, data, Choice::Value("a".into()), "one of the choices"),
        (csv, positional, Choice::Ours, "or forced"),
    ] {
        let sides = Sides::new(base, ours, theirs).await;
        let conflicts = sides.conflicts().await;
        let options = Options {
            decisions: [(conflicts[0].id.clone(), choice)].into(),
            ..Options::default()
        };
        let three = (&sides.base, &sides.ours, &sides.theirs);
        let error = resolve_with(three, &options).await.unwrap_err();
        assert_eq!(error.kind(), versioning::Kind::Invalid);
        let text = error.to_string();
        assert!(
            text.contains(expected) && text.contains(&conflicts[0].id.to_string()),
            "{text}"
        );
    }
}

#[tokio::test]
async fn strategies_leave_what_is_unsafe_and_what_they_do_not_name() {
    let sides = Sides::new(
        "create sales.c (a int, b int) as csv\ndatabase web\ncreate web.t (i int)",
        "columns sales.c (b int, a int)\nset sales.c k=1\nset web.t k=1\nowner web.t eve",
        "columns sales.c (a int, b int, c int)\nset sales.c k=2\nset web.t k=2\nowner web.t bob",
    )
    .await;
    let strategy = |kind, tables: Option<&str>, side| Strategy {
        kind,
        tables: tables.map(str::to_owned),
        side,
    };
    let options = Options {
        strategies: vec![
            strategy(None, Some("sales.*"), Side::Theirs),
            strategy(Some(ConflictKind::ParamBoth), None, Side::Ours),
        ],
        ..Options::default()
    };
    expect![[r#"
        ! sales.c: the column list was (b int, a int) in ours, (a int, b int, c int) in theirs
        ! web.t: owner is eve in ours, bob in theirs
    "#]]
    .assert_eq(&sides.text(&options).await);
}

#[tokio::test]
async fn files_of_both_sides_land_together_only_where_that_is_wanted() {
    let (ours, theirs) = ("put sales.db/t/dt=1/b two", "put sales.db/t/dt=1/c three");
    let sides = Sides::new(FILLED, ours, theirs).await;
    let options = |strategies| Options {
        append_union: false,
        strategies,
        ..Options::default()
    };
    expect![[r#"
        ! sales.t: partition dt=1 was appended to in ours, appended to in theirs
    "#]]
    .assert_eq(&sides.text(&options(Vec::new())).await);
    let theirs = all(Side::Theirs).strategies;
    expect![[r#"
        sales.t (id int, amt int) by (dt string)
          dt=1
        sales.db/t/dt=1/a: one
        sales.db/t/dt=1/c: three
    "#]]
    .assert_eq(&sides.text(&options(theirs)).await);
}

/// What is staged and what lands are other sides than those that something was said of.
#[tokio::test]
async fn what_was_decided_is_not_said_of_what_is_staged() {
    for side in [Side::Ours, Side::Theirs] {
        let history = History::new(PLAIN).await;
        for branch in ["etl", "staged"] {
            history.branch(branch).await;
        }
        history.commit("etl", "set sales.t k=1").await;
        history.execute("staged", "set sales.t k=2").await.unwrap();
        let refused = history.merge_with("etl", "staged", all(side)).await;
        assert!(
            matches!(refused, Err(versioning::Error::Dirty { .. })),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_decision_is_not_taken_again_of_what_came_since() {
    let sides = Sides::new(PLAIN, "set sales.t k=1", "set sales.t k=2").await;
    let conflict = sides.conflicts().await.remove(0);
    let resolver = CatalogResolver::default().with(Options {
        decisions: [(conflict.id.clone(), Choice::Theirs)].into(),
        ..Options::default()
    });
    let three = versioning::merge::Sides {
        base: sides.base.clone(),
        ours: sides.ours.clone(),
        theirs: sides.theirs.clone(),
    };
    let first = resolver.resolve(&three).await.unwrap();
    assert!(first.conflicts.is_empty());
    let again = resolver.plain().resolve(&three).await.unwrap();
    assert_eq!(again.conflicts, [conflict]);
}

/// The files of a table that was made again come with the table: what is decided about a partition's cannot take back
/// what is decided about the table's, whichever of the two is asked for first.
#[tokio::test]
async fn decisions_that_contradict_each_other_land_nothing() {
    let again = "drop sales.t\ncreate sales.t (id int, amt int) by (dt string)\nadd sales.t dt=2\nput sales.db/t/dt=2/new new";
    let changed = "setpart sales.t dt=1 k=1\nput sales.db/t/dt=1/b two";
    let sides = Sides::new(FILLED, again, changed).await;
    let ids: Vec<ConflictId> = sides
        .conflicts()
        .await
        .into_iter()
        .map(|conflict| conflict.id)
        .collect();
    assert_eq!(ids.len(), 2);
    let decided = |choices: [Choice; 2]| Options {
        decisions: ids.iter().cloned().zip(choices).collect(),
        ..Options::default()
    };
    for choices in [[Choice::Ours, Choice::Theirs], [Choice::Theirs, Choice::Ours]] {
        let left = sides.with(&decided(choices)).await.conflicts;
        assert_eq!(left.len(), 1, "{left:?}");
        let offered = left[0].choices;
        assert!(
            offered.ours != offered.theirs,
            "only what the other decision leaves: {offered:?}"
        );
    }
    let ours = sides.text(&decided([Choice::Ours, Choice::Ours])).await;
    assert!(ours.contains("dt=2/new") && !ours.contains("dt=1/b"), "{ours}");
    let theirs = sides.text(&decided([Choice::Theirs, Choice::Theirs])).await;
    assert!(
        theirs.contains("dt=1/b") && !theirs.contains("dt=2/new"),
        "{theirs}"
    );
}
