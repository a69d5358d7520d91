//! What decisions are about: a side that changes again where a conflict is, and one that changes beside it.

use super::{FILLED, PLAIN, Sides};

/// Returns the digests of all conflicts, by what they say.
async fn about(base: &str, ours: &str, theirs: &str) -> Vec<(String, String)> {
    let conflicts = Sides::new(base, ours, theirs).await.conflicts().await;
    assert!(!conflicts.is_empty(), "{base}\n--\n{ours}\n--\n{theirs}");
    let told = conflicts.iter();
    told.map(|conflict| (conflict.to_string(), conflict.about.to_string()))
        .collect()
}

#[tokio::test]
async fn a_conflict_is_another_one_when_a_side_changes_there_again() {
    let long = "x".repeat(200);
    let (one, other) = (format!("set sales.t k={long}1"), format!("set sales.t k={long}2"));
    let cases = [
        // what is said is the same, and what is there is not
        (
            FILLED,
            "put sales.db/t/dt=1/a mine",
            "put sales.db/t/dt=1/a theirs",
            "put sales.db/t/dt=1/a again",
        ),
        (
            PLAIN,
            "put sales.db/t/a mine",
            "put sales.db/t/a theirs",
            "put sales.db/t/a again",
        ),
        (
            FILLED,
            "setpart sales.t dt=1 k=1",
            "droppart sales.t dt=1",
            "setpart sales.t dt=1 k=2",
        ),
        (PLAIN, "set sales.t k=1", "drop sales.t", "set sales.t k=2"),
        (PLAIN, "put sales.db/t/b 1", "drop sales.t", "put sales.db/t/b 2"),
        (PLAIN, &one, "set sales.t k=v", &other),
        (
            FILLED,
            "columns sales.t (id bigint, amt int)",
            "columns sales.t (amt int)",
            "columns sales.t (id double, amt int)",
        ),
        (PLAIN, "put raw/x 1", "put raw/x 2", "put raw/x 3"),
        (
            PLAIN,
            "function sales.f x",
            "function sales.f y",
            "function sales.f z",
        ),
        (
            PLAIN,
            "check sales.t c id > 0",
            "check sales.t c id > 1",
            "unconstrain sales.t c\ncheck sales.t c id > 2",
        ),
        (
            PLAIN,
            "schema sales.s x",
            "schema sales.s y",
            "dropschema sales.s\nschema sales.s z",
        ),
        (
            "database web",
            "create web.t (i int)",
            "dropdb web",
            "set web.t k=v",
        ),
    ];
    for (base, ours, theirs, more) in cases {
        let first = about(base, ours, theirs).await;
        let then = about(base, &format!("{ours}\n{more}"), theirs).await;
        for (line, digest) in &first {
            let same = then.iter().find(|(_, other)| other == digest);
            assert_eq!(same, None, "{line} after {more}");
        }
        // theirs alike: from the other side nothing else can be seen
        let swapped = about(base, theirs, ours).await;
        let then = about(base, theirs, &format!("{ours}\n{more}")).await;
        for (line, digest) in &swapped {
            assert!(
                then.iter().all(|(_, other)| other != digest),
                "{line} after {more}"
            );
        }
    }
}

#[tokio::test]
async fn a_conflict_stays_the_same_when_a_side_changes_elsewhere() {
    let beside = "create sales.other (i int)\nput raw/other x\nput sales.db/t/dt=9/z x\nset sales.t beside=1";
    for (base, ours, theirs) in [
        (
            FILLED,
            "put sales.db/t/dt=1/a mine",
            "put sales.db/t/dt=1/a theirs",
        ),
        (FILLED, "setpart sales.t dt=1 k=1", "droppart sales.t dt=1"),
        (FILLED, "set sales.t k=1", "set sales.t k=2"),
        (
            FILLED,
            "columns sales.t (id bigint, amt int)",
            "columns sales.t (id double, amt int)",
        ),
        (FILLED, "put raw/x 1", "put raw/x 2"),
        (FILLED, "function sales.f x", "function sales.f y"),
    ] {
        let first = about(base, ours, theirs).await;
        let then = about(base, &format!("{ours}\n{beside}"), theirs).await;
        assert_eq!(first, then, "{ours}\n--\n{theirs}");
    }
}
